-- The audit log: one row an act. Enumerations are words here, which somebody can read without the program, and
-- which a hash covers: a word that was written never changes its meaning. `hash` follows from the row and from the
-- hash of the row before (`crates/muster-plan/src/audit.rs`).
CREATE TABLE audit (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    act TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    run UUID,
    outcome TEXT,
    details TEXT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX audit_by_time ON audit (tenant, at, seq);
CREATE INDEX audit_of_actor ON audit (tenant, actor, at, seq);
CREATE INDEX audit_of_act ON audit (tenant, act, at, seq);
CREATE INDEX audit_of_subject ON audit (tenant, subject, subject_kind, at, seq);
CREATE INDEX audit_of_run ON audit (tenant, run, at, seq) WHERE run IS NOT NULL;

-- The end of each log. Its row is the lock that appending takes.
CREATE TABLE audit_head (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (tenant)
);

-- The head follows the last row by itself, which saves every act a statement.
CREATE FUNCTION audit_head_follows() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE audit_head SET seq = last.seq, hash = last.hash
        FROM (SELECT DISTINCT ON (tenant) tenant, seq, hash FROM added ORDER BY tenant, seq DESC) AS last
        WHERE audit_head.tenant = last.tenant;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_head_follows AFTER INSERT ON audit REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION audit_head_follows();
