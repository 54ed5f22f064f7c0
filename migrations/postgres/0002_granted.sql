-- What an account was granted is remembered, as one or more JSON lists of entitlements, one after the other. Together
-- they count.
ALTER TABLE change ADD COLUMN granted TEXT;
ALTER TABLE shadow ADD COLUMN granted TEXT;
-- Nobody knows yet what accounts were granted: the next run decides each of them again.
UPDATE shadow SET digest = NULL, account_digest = NULL WHERE profile IS NOT NULL;
