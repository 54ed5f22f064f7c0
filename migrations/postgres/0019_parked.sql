-- What targets have refused, one row for each account, until it is carried out or something else is asked: a run that
-- would ask the same again leaves it alone before `retry_at`, and for good where that is null. `fingerprint` covers what
-- was asked; `failure` is a number of `crates/muster-model/src/failure.rs`.
CREATE TABLE parked (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    uid_key BYTEA NOT NULL,
    application TEXT NOT NULL,
    class TEXT NOT NULL,
    uid TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    failure BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    cause TEXT NOT NULL,
    message TEXT NOT NULL,
    run UUID NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    retry_at BIGINT,
    PRIMARY KEY (tenant, uid_key)
);
CREATE INDEX parked_of_application ON parked (tenant, application, uid_key);

-- How many workers in a row were lost with the run without getting it any further.
ALTER TABLE run ADD COLUMN breakdowns BIGINT NOT NULL DEFAULT 0;
GRANT SELECT (breakdowns) ON run TO muster_system;

SELECT keep_to_tenant('parked');
