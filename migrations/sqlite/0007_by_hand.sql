-- Writes by hand. `actor` is who wrote, of which kind says `actor_kind`; a run's writes have none. `replaced_type` is the
-- type that the version had, where that was replaced; empty for none.
ALTER TABLE history ADD COLUMN actor_kind BIGINT;
ALTER TABLE history ADD COLUMN actor TEXT;
ALTER TABLE history ADD COLUMN replaced_type TEXT;

-- When an object was last written by hand: what runs that began to look before have to look at once more.
ALTER TABLE tenant ADD COLUMN objects_written_at BIGINT;
