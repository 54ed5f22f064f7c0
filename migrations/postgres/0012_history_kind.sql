-- The kind of the object that a write was about. Of an object that was deleted nothing else says it. Of what was written
-- before it is not known.
ALTER TABLE history ADD COLUMN kind BIGINT;
