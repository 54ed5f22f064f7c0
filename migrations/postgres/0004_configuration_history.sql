-- Every version of every resource of the configuration, with the document as it was then; `body` is null where
-- the resource was deleted. Versions go on after that, so that none ever stands for two documents.
CREATE TABLE configuration_history (
    tenant BIGINT NOT NULL REFERENCES tenant (id),
    kind BIGINT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor_kind BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action BIGINT NOT NULL,
    body TEXT,
    PRIMARY KEY (tenant, kind, id, version)
);

-- What is there already begins its history here: created, as far as is known, by Muster itself.
INSERT INTO configuration_history (tenant, kind, id, version, at, actor_kind, actor, action, body)
SELECT tenant, kind, id, version, (extract(epoch FROM now()) * 1000)::bigint, 3, 'muster', 0, body
FROM configuration;
