-- What is to be done after runs, each a row, written in the transaction that ends the run. A row that somebody works on
-- is due again when its lease is over; `attempts` is the fence of who works on it. `kind` and `state` are numbers of
-- `crates/muster-model/src/errand.rs`; webhooks are 4.
CREATE TABLE outbox (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    run BIGINT NOT NULL,
    no BIGINT NOT NULL,
    id UUID NOT NULL,
    kind BIGINT NOT NULL,
    item BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    state BIGINT NOT NULL DEFAULT 0,
    message TEXT,
    path TEXT,
    PRIMARY KEY (tenant, run, no)
);
CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 0;

-- When the first run of a chain was launched, of runs that another launched; and which one that was.
ALTER TABLE run ADD COLUMN chain_start BIGINT;
ALTER TABLE run ADD COLUMN launched_by UUID;

SELECT keep_to_tenant('outbox');
-- Whoever looks after all tenants sees what is due, and whole runs.
SELECT show_to_system('outbox', 'tenant, run, no, id, kind, item, due_at, attempts, state, message, path');
GRANT SELECT (chain_start, launched_by) ON run TO muster_system;
