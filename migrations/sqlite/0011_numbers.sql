-- The number of a row of `tenant` and `run` is never given again, also when the row is gone: who still holds the number
-- of one that was deleted must not meet another. SQLite by itself gives the greatest that there is, and one.
CREATE TABLE numbering (
    of_table TEXT NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO numbering (of_table, last) SELECT 'tenant', coalesce(max(id), 0) FROM tenant;
INSERT INTO numbering (of_table, last) SELECT 'run', coalesce(max(seq), 0) FROM run;
CREATE TRIGGER tenant_numbered AFTER INSERT ON tenant BEGIN
    UPDATE numbering SET last = NEW.id WHERE of_table = 'tenant' AND last < NEW.id;
END;
CREATE TRIGGER run_numbered AFTER INSERT ON run BEGIN
    UPDATE numbering SET last = NEW.seq WHERE of_table = 'run' AND last < NEW.seq;
END;
