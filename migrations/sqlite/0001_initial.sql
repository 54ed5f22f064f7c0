-- The schema of Muster. `tenant` leads every key; times are milliseconds since 1970 in UTC; hashes are octets;
-- enumerations are numbers: a case's place in its enumeration, or in the list `ALL` of its type.

-- `configuration` counts the writes of the tenant's configuration.
CREATE TABLE tenant (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    configuration BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE principal (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    name TEXT NOT NULL,
    roles TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE token (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    name TEXT NOT NULL,
    roles TEXT NOT NULL,
    hash BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, name),
    UNIQUE (tenant, hash)
);

CREATE TABLE directory (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE configuration (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    kind BIGINT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
);

-- The configuration that a run uses, once for all runs that use the same.
CREATE TABLE rules (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    hash BLOB NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, hash)
);

CREATE TABLE run (
    seq INTEGER PRIMARY KEY,
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    id BLOB NOT NULL,
    no BIGINT NOT NULL,
    task_kind BIGINT NOT NULL,
    task TEXT NOT NULL,
    mode BIGINT NOT NULL,
    keys TEXT,
    status BIGINT NOT NULL,
    phase BIGINT NOT NULL,
    absence BIGINT NOT NULL,
    outcome BIGINT,
    stopping BIGINT NOT NULL DEFAULT 0,
    rules BLOB NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    held_at BIGINT,
    approved_at BIGINT,
    lease_until BIGINT NOT NULL DEFAULT 0,
    owner TEXT,
    epoch BIGINT NOT NULL DEFAULT 0,
    estimate BIGINT NOT NULL DEFAULT 0,
    processed BIGINT NOT NULL DEFAULT 0,
    errors BIGINT NOT NULL DEFAULT 0,
    counters TEXT NOT NULL DEFAULT '',
    plan_hash BLOB,
    approved_hash BLOB,
    held_by TEXT,
    failure TEXT,
    statements BIGINT NOT NULL DEFAULT 0,
    peak_memory BIGINT NOT NULL DEFAULT 0,
    UNIQUE (tenant, id),
    UNIQUE (tenant, no)
);
-- The 409 guard: one full run a task. Pending, running, paused and held count.
CREATE UNIQUE INDEX run_guard ON run (tenant, task_kind, task)
    WHERE mode = 0 AND keys IS NULL AND status < 4;
CREATE INDEX run_live ON run (status) WHERE status < 4;
CREATE INDEX run_of_task ON run (tenant, task_kind, task, no);

CREATE TABLE bucket (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    run BIGINT NOT NULL,
    no BIGINT NOT NULL,
    application TEXT NOT NULL,
    fence BIGINT NOT NULL DEFAULT 0,
    step BIGINT NOT NULL DEFAULT 0,
    cursor TEXT,
    page BIGINT NOT NULL DEFAULT 0,
    next_change BIGINT NOT NULL DEFAULT 1,
    snapshot TEXT,
    sweep_end TEXT,
    population TEXT,
    estimate BIGINT NOT NULL DEFAULT 0,
    counters TEXT NOT NULL DEFAULT '',
    tally TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, run, no)
);

-- What a page of the sweep met, as compressed sets of shadow numbers, and where its changes go.
CREATE TABLE met (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    run BIGINT NOT NULL,
    bucket BIGINT NOT NULL,
    page BIGINT NOT NULL,
    met BLOB NOT NULL,
    lists BLOB NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (tenant, run, bucket, page)
);

-- `id` is the run's seq in the upper 32 bits and the number of the change within the run in the lower.
CREATE TABLE change (
    id INTEGER PRIMARY KEY,
    tenant BIGINT NOT NULL,
    bucket BIGINT NOT NULL,
    level BIGINT NOT NULL DEFAULT 0,
    position BIGINT NOT NULL,
    action BIGINT NOT NULL,
    situation BIGINT NOT NULL,
    reaction BIGINT NOT NULL,
    uid TEXT NOT NULL,
    uid_key BLOB NOT NULL,
    place BIGINT,
    shadow BIGINT,
    shadow_version BIGINT,
    object BLOB,
    object_version BIGINT,
    state BIGINT NOT NULL,
    before TEXT,
    result TEXT,
    provenance TEXT,
    memberships TEXT,
    profile TEXT,
    snapshot TEXT,
    digest BLOB,
    account_digest BLOB,
    due_at BIGINT,
    why TEXT
);

-- Entries and changes that did not end as planned, and what people should know about the run.
CREATE TABLE problem (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    run BIGINT NOT NULL,
    no BIGINT NOT NULL,
    bucket BIGINT NOT NULL,
    change BIGINT,
    outcome BIGINT,
    step BIGINT NOT NULL,
    code TEXT NOT NULL,
    uid TEXT,
    place BIGINT,
    message TEXT NOT NULL,
    noted_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, run, no)
);
CREATE INDEX problem_of_change ON problem (tenant, run, change) WHERE change IS NOT NULL;

CREATE TABLE object (
    tenant BIGINT NOT NULL,
    id BLOB NOT NULL,
    kind BIGINT NOT NULL,
    directory TEXT NOT NULL,
    type TEXT,
    disabled BIGINT,
    version BIGINT NOT NULL,
    attributes TEXT NOT NULL,
    provenance TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- The values that a version of an object replaced. Nothing stands here for version 1.
CREATE TABLE history (
    tenant BIGINT NOT NULL,
    id BLOB NOT NULL,
    version BIGINT NOT NULL,
    run BIGINT,
    at BIGINT NOT NULL,
    action BIGINT NOT NULL,
    disabled BIGINT,
    before TEXT,
    PRIMARY KEY (tenant, id, version)
);

CREATE TABLE population (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    application TEXT NOT NULL,
    class TEXT NOT NULL,
    last_read BIGINT,
    PRIMARY KEY (tenant, application, class)
);

-- The next number of a shadow, by application: dense, never reused.
CREATE TABLE shadow_number (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    application TEXT NOT NULL,
    next BIGINT NOT NULL,
    PRIMARY KEY (tenant, application)
);

CREATE TABLE shadow (
    tenant BIGINT NOT NULL,
    application TEXT NOT NULL,
    no BIGINT NOT NULL,
    class TEXT NOT NULL,
    uid_key BLOB NOT NULL,
    uid TEXT NOT NULL,
    owner BLOB,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    disabled BIGINT,
    digest BLOB,
    account_digest BLOB,
    due_at BIGINT,
    profile TEXT,
    snapshot TEXT NOT NULL,
    PRIMARY KEY (tenant, application, no),
    UNIQUE (tenant, application, uid_key)
);
CREATE INDEX shadow_owner ON shadow (tenant, owner);
-- What the shortcut for unchanged entries reads, and nothing else has to be touched.
CREATE INDEX shadow_unchanged ON shadow (tenant, application, uid_key, digest, due_at, no) WHERE state = 0;

CREATE TABLE key (
    tenant BIGINT NOT NULL,
    hash BLOB NOT NULL,
    object BLOB NOT NULL,
    PRIMARY KEY (tenant, hash, object)
) WITHOUT ROWID;

-- The keys that the objects of a directory are indexed by.
CREATE TABLE key_spec (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    directory TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (tenant, directory, name)
);
