-- Where a sweep reads what has changed: the token that it reads from, nothing where it reads all accounts; and the token
-- that it ended with, from which the next run of the task may read.
ALTER TABLE bucket ADD COLUMN since TEXT;
ALTER TABLE bucket ADD COLUMN token TEXT;

-- What a sweep of changes reads although it has not changed: accounts of which nothing is promised, and those of which
-- the promise ends.
CREATE INDEX shadow_open ON shadow (tenant, application, class, no) WHERE state = 0 AND digest IS NULL;
CREATE INDEX shadow_due ON shadow (tenant, application, class, due_at) WHERE state = 0 AND due_at IS NOT NULL;
