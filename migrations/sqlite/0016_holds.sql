-- The limits of one run in the place of those that are configured, as the document of an override; and why the guards
-- held a plan, as a list.
ALTER TABLE run ADD COLUMN overriding TEXT;
ALTER TABLE run ADD COLUMN trips TEXT;
