-- The number of the run that changed a shadow last, where that was one of single accounts: what an older run has read of
-- the account is older as well.
ALTER TABLE shadow ADD COLUMN read_by BIGINT;
