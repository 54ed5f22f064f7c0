-- Schedules of tasks, and what came of each time at which one was due.

-- `scheduled` is the version of the configuration that schedules were computed from last, `configured_at` when the
-- first write after it was made.
ALTER TABLE tenant ADD COLUMN scheduled BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tenant ADD COLUMN configured_at BIGINT;
CREATE INDEX tenant_unscheduled ON tenant (id) WHERE configuration <> scheduled;

-- The job of the schedule that started a run.
ALTER TABLE run ADD COLUMN job BLOB;

-- One for each task definition, of the kind and version that stand with it; without a plan nothing is ever due.
CREATE TABLE schedule (
    tenant BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    task TEXT NOT NULL,
    version BIGINT NOT NULL,
    job BLOB NOT NULL,
    plan BLOB NOT NULL,
    anchor BIGINT NOT NULL,
    paused BIGINT NOT NULL,
    next_due BIGINT,
    previous BIGINT,
    PRIMARY KEY (tenant, kind, task),
    FOREIGN KEY (tenant, kind, task) REFERENCES configuration (tenant, kind, id) ON DELETE CASCADE
);
CREATE INDEX schedule_due ON schedule (next_due) WHERE next_due IS NOT NULL;

-- The key lets a due time fire once. `run` is the one that was launched, or the one that stood in its way.
CREATE TABLE fire (
    tenant BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    task TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    at BIGINT NOT NULL,
    outcome BIGINT NOT NULL,
    run BLOB,
    missed BIGINT NOT NULL,
    message TEXT,
    PRIMARY KEY (tenant, kind, task, due_at),
    FOREIGN KEY (tenant, kind, task) REFERENCES schedule (tenant, kind, task) ON DELETE CASCADE
);
