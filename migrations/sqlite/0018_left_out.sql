-- Why a run goes on without the application of a bucket; nothing where it does not.
ALTER TABLE bucket ADD COLUMN left_out TEXT;
-- The applications that a run goes on without, as a list of their ids; nothing while it goes on with all.
ALTER TABLE run ADD COLUMN left_out TEXT;

-- Applications that failed when they were called last, one row each from the first failure in a row on, until a run has
-- come through there. `class` is a number of `crates/muster-model/src/failure.rs`; `next_at` stands where an application is
-- in quarantine.
CREATE TABLE quarantine (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    application TEXT NOT NULL,
    failures BIGINT NOT NULL,
    class BIGINT NOT NULL,
    reason TEXT NOT NULL,
    run BLOB NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    next_at BIGINT,
    PRIMARY KEY (tenant, application)
);
