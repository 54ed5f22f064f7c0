-- The run that another undoes.
ALTER TABLE run ADD COLUMN undoes BLOB;
-- What a change of something that existed replaces besides attributes, as JSON: what was remembered of the account, and
-- of the object its provenance, its type and why it was disabled. For whoever undoes it. Nothing stands here for creates.
ALTER TABLE change ADD COLUMN replaced TEXT;
