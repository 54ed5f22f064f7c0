-- Secrets, sealed, with the keys that they are sealed with; expiry and last use of tokens; tenants' own settings.

-- A known text, sealed with the master key: tells whether a key is the one that all data keys are wrapped with.
CREATE TABLE master_key (
    no BIGINT NOT NULL PRIMARY KEY CHECK (no = 1),
    sealed BLOB NOT NULL
);

-- The key that a tenant's secrets are sealed with, wrapped with the master key.
CREATE TABLE data_key (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    wrapped BLOB NOT NULL,
    PRIMARY KEY (tenant)
);

-- `version` counts how often the value was written; it is part of what is sealed.
CREATE TABLE secret (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- The connector definitions that a secret was entered for, each with a hash of where it led then.
CREATE TABLE secret_binding (
    tenant BIGINT NOT NULL,
    secret TEXT NOT NULL,
    definition TEXT NOT NULL,
    address BLOB NOT NULL,
    PRIMARY KEY (tenant, secret, definition),
    FOREIGN KEY (tenant, secret) REFERENCES secret (tenant, name)
);

ALTER TABLE token ADD COLUMN expires_at BIGINT;
ALTER TABLE token ADD COLUMN last_used_at BIGINT;

-- What a tenant has set itself, as its JSON document; beside it what all tenants are looked through for.
CREATE TABLE settings (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    body TEXT NOT NULL,
    approval_millis BIGINT,
    PRIMARY KEY (tenant)
);
