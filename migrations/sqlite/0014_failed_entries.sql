-- Since when a run is paused, and for how many milliseconds it was paused before that.
ALTER TABLE run ADD COLUMN paused_at BIGINT;
ALTER TABLE run ADD COLUMN paused_millis BIGINT NOT NULL DEFAULT 0;
-- When a run was taken up or moved on last, and when its bucket stored its last checkpoint: a run that works and does
-- neither for long has stalled.
ALTER TABLE run ADD COLUMN progressed_at BIGINT;
ALTER TABLE bucket ADD COLUMN progressed_at BIGINT;

-- Of entries that failed: what is to be expected of trying again, a number of `crates/muster-model/src/failure.rs`, and
-- what all that failed for the same reason have in common.
ALTER TABLE problem ADD COLUMN class BIGINT;
ALTER TABLE problem ADD COLUMN cause TEXT;
