-- The number of a run as a sync: within the tenant, of runs of synchronization tasks that carry their plan out. Never
-- given again.
ALTER TABLE run ADD COLUMN sync BIGINT;
UPDATE run SET sync = n.sync FROM (SELECT seq, row_number() OVER (PARTITION BY tenant ORDER BY no) AS sync FROM run
    WHERE task_kind = 0 AND mode = 0 AND undoes IS NULL) AS n WHERE n.seq = run.seq;
CREATE UNIQUE INDEX run_sync ON run (tenant, sync) WHERE sync IS NOT NULL;

-- Entries of a page that leave no other trace: neither shadow nor change nor problem, by what became of them.
ALTER TABLE met ADD COLUMN traceless TEXT;

-- What a run has to say besides its counts, in its order: the first thousand of each bucket. `messages` of the bucket counts
-- all.
CREATE TABLE message (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    run BIGINT NOT NULL,
    bucket BIGINT NOT NULL,
    no BIGINT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (tenant, run, bucket, no)
);
ALTER TABLE bucket ADD COLUMN messages BIGINT NOT NULL DEFAULT 0;

-- When a directory was deleted. Its row stays, so that tasks which name it do not make it again.
ALTER TABLE directory ADD COLUMN deleted_at BIGINT;
