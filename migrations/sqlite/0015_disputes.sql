-- Accounts about which runs do not decide by themselves, one row each, kept from run to run, with what somebody decided.
-- `no` is dense within the tenant and tells runs which they have met; `fingerprint` covers all that a run finds, so that
-- one that finds the same again writes nothing. `decision` is a number of `crates/muster-model/src/dispute.rs`.
CREATE TABLE dispute (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    uid_key BLOB NOT NULL,
    no BIGINT NOT NULL,
    application TEXT NOT NULL,
    class TEXT NOT NULL,
    uid TEXT NOT NULL,
    task_kind BIGINT,
    task TEXT,
    situation BIGINT NOT NULL,
    candidates TEXT NOT NULL,
    rule BIGINT,
    compared TEXT NOT NULL,
    message TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    first_at BIGINT NOT NULL,
    seen_run BLOB,
    seen_at BIGINT NOT NULL,
    decision BIGINT,
    decided_object BLOB,
    decided_kind BIGINT,
    decided_by TEXT,
    decided_at BIGINT,
    PRIMARY KEY (tenant, uid_key)
);
CREATE INDEX dispute_of_class ON dispute (tenant, application, class, no);
CREATE INDEX dispute_decided ON dispute (tenant, decided_object);

-- The last number of a dispute that was given.
ALTER TABLE tenant ADD COLUMN last_dispute BIGINT NOT NULL DEFAULT 0;
-- The disputes that a page met, those that it settled, and those that are new or have changed.
ALTER TABLE met ADD COLUMN disputes BLOB;
-- The last complete sweep of a class: of which task, by which run, and when.
ALTER TABLE population ADD COLUMN swept_task TEXT;
ALTER TABLE population ADD COLUMN swept_run BLOB;
ALTER TABLE population ADD COLUMN swept_at BIGINT;
