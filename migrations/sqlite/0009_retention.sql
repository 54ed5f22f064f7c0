-- Runs that have ended, for those that have been kept long enough; their changes may go before them.
ALTER TABLE run ADD COLUMN changes_dropped BIGINT NOT NULL DEFAULT 0;
CREATE INDEX run_ended ON run (ended_at) WHERE status = 4;
