-- Where a run of single accounts wrote a shadow last: the number of the newest run by then. What that run and those before
-- it have read of the account may be older.
ALTER TABLE shadow ADD COLUMN read_by BIGINT;
