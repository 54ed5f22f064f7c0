-- Runs that have ended, for those that have been kept long enough; their changes may go before them.
ALTER TABLE run ADD COLUMN changes_dropped BIGINT NOT NULL DEFAULT 0;
CREATE INDEX run_ended ON run (ended_at) WHERE status = 4;
-- Whoever looks after all tenants sees which runs have none any more.
GRANT SELECT (changes_dropped) ON run TO muster_system;
