-- The border between tenants, held by the database itself. Each transaction takes one of two roles, made before the
-- schema (`crates/muster-store/src/sight.rs`): `muster_tenant`, which sees the rows of the tenant that the transaction
-- names in `muster.tenant`, and none without; and `muster_system`, which sees which tenants there are and which work
-- waits, of all of them. The login owns the tables, but is held to the same.
DO $$ BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO muster_tenant, muster_system', current_schema());
END $$;

-- The tenant that the transaction names. A policy asks in a query of its own, which is asked once a statement and not
-- once a row.
CREATE FUNCTION seeing_tenant() RETURNS BIGINT LANGUAGE SQL STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('muster.tenant', true), '')::bigint
$$;
GRANT EXECUTE ON FUNCTION seeing_tenant, unhex TO muster_tenant, muster_system;

-- Keeps the rows of a table to the tenant in its column `tenant`. Every table that has one needs this.
CREATE FUNCTION keep_to_tenant(name REGCLASS) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY tenant ON %s TO muster_tenant USING (tenant = (SELECT seeing_tenant()))', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO muster_tenant', name);
END $$;
REVOKE EXECUTE ON FUNCTION keep_to_tenant FROM PUBLIC;

-- Lets `muster_system` read these columns of the rows of all tenants.
CREATE FUNCTION show_to_system(name REGCLASS, columns TEXT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE POLICY system ON %s FOR SELECT TO muster_system USING (true)', name);
    EXECUTE format('GRANT SELECT (%s) ON %s TO muster_system', columns, name);
END $$;
REVOKE EXECUTE ON FUNCTION show_to_system FROM PUBLIC;

SELECT keep_to_tenant(format('%I', table_name)::regclass) FROM information_schema.columns
WHERE table_schema = current_schema() AND column_name = 'tenant';
-- Of keys whether there are any, of settings until when a held plan may be approved.
SELECT show_to_system('data_key', 'tenant'), show_to_system('settings', 'tenant, approval_millis');
SELECT show_to_system(name::regclass, (SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = name))
FROM (VALUES ('run'), ('schedule')) AS waiting (name);

-- The proof of the master key belongs to no tenant. Whoever makes a key of a tenant locks it.
GRANT SELECT, INSERT, UPDATE ON master_key TO muster_system;
GRANT SELECT, UPDATE (no) ON master_key TO muster_tenant;
-- A run is found by its number alone. No plan shall look through all runs of the tenant instead, which seems as good as
-- long as nobody has counted them.
ALTER POLICY tenant ON run USING (tenant + 0 = (SELECT seeing_tenant()));

-- A tenant sees and changes its own row; which rows there are is for the system.
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant TO muster_tenant USING (id = (SELECT seeing_tenant()));
GRANT SELECT, UPDATE ON tenant TO muster_tenant;
CREATE POLICY system ON tenant TO muster_system USING (true);
GRANT SELECT, INSERT, DELETE ON tenant TO muster_system;
