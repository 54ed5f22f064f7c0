-- What a promise about a provisioned account was made under: the rules, profiles and scope, as one hash, and the version of
-- its owner. Where neither has moved since, the account is passed over and neither of the two is read.
ALTER TABLE change ADD COLUMN terms BLOB;
ALTER TABLE shadow ADD COLUMN terms BLOB;
ALTER TABLE shadow ADD COLUMN owner_version BIGINT;

-- Which owners have an account that a profile has granted; with all that is asked of it, so that no row is read.
CREATE INDEX shadow_granted ON shadow (tenant, application, class, owner, no, state, profile)
    WHERE state = 0 AND profile IS NOT NULL;
