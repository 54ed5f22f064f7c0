-- Why a run goes on without the application of a bucket; nothing where it does not.
ALTER TABLE bucket ADD COLUMN left_out TEXT;
