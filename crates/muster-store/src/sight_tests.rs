//! Tests of the border between tenants, on PostgreSQL: asked as no statement of ours ever asks.

use std::time::Duration;

use muster_model::TenantSlug;
use sea_orm::{ConnectionTrait as _, Database as SeaOrm, QueryResult};
use uuid::Uuid;

use crate::database::{Database, Dialect, Location, Transaction, Urgency};
use crate::query_plans::{POSTGRES, on_each_database};
use crate::sight::{MAKE, Sight};
use crate::{Cause, Store, StoreError, TenantStore};

/// Tables with a column `tenant`, with what is lacking that keeps their rows to it.
const UNKEPT: &str = "SELECT c.relname::text, c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM \
    pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polwithcheck IS NULL \
    AND p.polroles = ARRAY['muster_tenant'::regrole::oid] \
    AND pg_get_expr(p.polqual, p.polrelid) LIKE '%tenant%= ( SELECT seeing_tenant()%') \
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped \
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace ORDER BY 1";

async fn rows(database: &Database, sql: &str) -> Vec<QueryResult> {
    database.query(sql, Vec::new()).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

async fn count(database: &Database, sql: &str) -> i64 {
    rows(database, sql).await[0].try_get_by_index(0).unwrap()
}

/// The tables that have a column `tenant`, and whether each keeps its rows to it.
async fn tables(owner: &Database) -> Vec<(String, bool)> {
    let rows = rows(owner, UNKEPT).await;
    rows.iter().map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())).collect()
}

async fn tenant(store: &Store, slug: &str) -> TenantStore {
    store.create_tenant(&TenantSlug::new(slug).unwrap(), chrono::DateTime::UNIX_EPOCH).await.unwrap()
}

/// Puts a row of a tenant into each table: nothing, zero or empty where something has to stand, numbered where two
/// tenants may not have the same.
async fn fill(owner: &Database, tenant: i64) {
    let sql = "SELECT format('INSERT INTO %I (%s) VALUES (%s) ON CONFLICT DO NOTHING', t.table_name, \
        string_agg(quote_ident(c.column_name), ', '), string_agg(CASE WHEN c.column_name = 'tenant' THEN ? \
        WHEN c.data_type = 'bigint' THEN ? WHEN c.data_type = 'uuid' THEN quote_literal(gen_random_uuid()) \
        WHEN c.data_type = 'bytea' THEN quote_literal('') ELSE quote_literal('') END, ', ')) \
        FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name) \
        WHERE t.table_schema = current_schema() AND c.is_nullable = 'NO' AND c.is_identity = 'NO' AND EXISTS \
        (SELECT FROM information_schema.columns k WHERE k.table_schema = t.table_schema \
        AND k.table_name = t.table_name AND k.column_name = 'tenant') GROUP BY t.table_name";
    let number = tenant.to_string();
    let inserts = owner.query(sql, vec![number.as_str().into(), number.as_str().into()]).await.unwrap();
    let tx = owner.begin(Urgency::Short).await.unwrap();
    tx.script("SET LOCAL session_replication_role = replica").await.unwrap();
    for insert in inserts {
        tx.script(&insert.try_get_by_index::<String>(0).unwrap()).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn refusal(tx: Transaction, sql: &str) -> String {
    match tx.script(sql).await {
        Ok(()) => panic!("{sql}: was done"),
        Err(StoreError::Statement { source, .. }) => source.to_string(),
        Err(other) => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn every_table_with_a_tenant_keeps_its_rows_to_it() {
    on_each_database(async |store| {
        if store.database.dialect == Dialect::Sqlite {
            return;
        }
        let owner = store.database.clone().seen_by(Sight::Owner);
        let found = tables(&owner).await;
        let without: Vec<_> = found.iter().filter(|(_, kept)| !kept).collect();
        assert!(without.is_empty(), "`SELECT keep_to_tenant('…')` is missing for {without:?}");
        assert!(found.iter().any(|(name, _)| name == "object"), "{found:?}");

        let tx = owner.begin(Urgency::Short).await.unwrap();
        tx.script("CREATE TABLE forgotten (tenant BIGINT NOT NULL, id BIGINT NOT NULL)").await.unwrap();
        tx.commit().await.unwrap();
        assert!(tables(&owner).await.contains(&("forgotten".to_owned(), false)));
        let tx = owner.begin(Urgency::Short).await.unwrap();
        tx.script("SELECT keep_to_tenant('forgotten')").await.unwrap();
        tx.commit().await.unwrap();
        assert!(tables(&owner).await.contains(&("forgotten".to_owned(), true)));
    });
}

#[test]
fn a_tenant_sees_and_writes_its_own_rows_alone() {
    on_each_database(async |store| {
        if store.database.dialect == Dialect::Sqlite {
            return;
        }
        let (acme, other) = (tenant(&store, "acme").await, tenant(&store, "other").await);
        let owner = store.database.clone().seen_by(Sight::Owner);
        fill(&owner, acme.tenant).await;
        fill(&owner, other.tenant).await;
        let nobody = store.database.clone().seen_by(Sight::Tenant(0));
        for (table, _) in tables(&owner).await {
            let all = format!("SELECT count(*) FROM {table}");
            let of_other = format!("{all} WHERE tenant = {}", other.tenant);
            assert!(count(&owner, &of_other).await > 0, "{table} is empty");
            assert!(count(&acme.database, &all).await > 0, "{table}");
            assert_eq!(count(&acme.database, &of_other).await, 0, "{table}");
            assert_eq!(count(&nobody, &all).await, 0, "{table}");

            let tx = acme.database.begin(Urgency::Short).await.unwrap();
            let given_away = format!("UPDATE {table} SET tenant = {}", other.tenant);
            let refused = refusal(tx, &given_away).await;
            assert!(refused.contains("row-level security"), "{table}: {refused}");
            let tx = acme.database.begin(Urgency::Short).await.unwrap();
            let taken = format!("DELETE FROM {table} WHERE tenant = {}", other.tenant);
            assert_eq!(tx.execute(&taken, Vec::new()).await.unwrap(), 0, "{table}");
            drop(tx);

            let tx = acme.database.begin(Urgency::Short).await.unwrap();
            tx.script("SET LOCAL muster.tenant = ''").await.unwrap();
            let seen = tx.query_one(&all, Vec::new()).await.unwrap().unwrap();
            assert_eq!(seen.try_get_by_index::<i64>(0).unwrap(), 0, "{table}");
        }
        assert_eq!(count(&acme.database, "SELECT count(*) FROM tenant").await, 1);
        assert!(acme.database.query("DELETE FROM object RETURNING 1", Vec::new()).await.is_err());
    });
}

#[test]
fn the_system_sees_which_work_waits_and_nothing_else() {
    on_each_database(async |store| {
        if store.database.dialect == Dialect::Sqlite {
            return;
        }
        let (acme, other) = (tenant(&store, "acme").await, tenant(&store, "other").await);
        let owner = store.database.clone().seen_by(Sight::Owner);
        fill(&owner, acme.tenant).await;
        fill(&owner, other.tenant).await;
        let mut seen = Vec::new();
        for (table, _) in tables(&owner).await {
            let sql = format!("SELECT count(DISTINCT tenant) FROM {table}");
            match store.database.query_one(&sql, Vec::new()).await {
                Ok(Some(row)) => {
                    assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 2, "{table}");
                    seen.push(table);
                }
                Ok(None) => panic!("{table}"),
                Err(error) => assert_eq!(error.cause(), Some(Cause::Forbidden), "{error:?}"),
            }
        }
        assert_eq!(seen, ["bucket", "data_key", "outbox", "run", "schedule", "settings"]);
        let tx = store.database.begin(Urgency::Short).await.unwrap();
        let refused = refusal(tx, "UPDATE run SET status = 4").await;
        assert!(refused.contains("permission denied"), "{refused}");
    });
}

#[test]
fn a_read_that_nobody_waits_for_leaves_a_connection_that_can_be_written_with() {
    on_each_database(async |store| {
        let acme = tenant(&store, "acme").await;
        // Each ends at another of its first moments, on each connection that there is.
        for moment in 0..200 {
            let read = rows(&acme.database, "SELECT 1");
            let _ = tokio::time::timeout(Duration::from_micros(moment * 5), read).await;
            let tx = acme.database.begin(Urgency::Short).await.unwrap();
            tx.execute("UPDATE directory SET name = name WHERE tenant = 1", Vec::new()).await.unwrap();
            tx.commit().await.unwrap();
        }
    });
}

#[test]
fn nothing_of_whoever_looked_before_stays_with_a_connection() {
    on_each_database(async |store| {
        let (acme, other) = (tenant(&store, "acme").await, tenant(&store, "other").await);
        if store.database.dialect == Dialect::Sqlite {
            return;
        }
        let who = "SELECT current_user::text || ' ' || current_setting('muster.tenant')";
        let owner = store.database.clone().seen_by(Sight::Owner);
        for _ in 0..3 {
            for (database, expected) in [
                (&acme.database, format!("muster_tenant {}", acme.tenant)),
                (&other.database, format!("muster_tenant {}", other.tenant)),
                (&store.database, "muster_system ".to_owned()),
            ] {
                assert_eq!(rows(database, who).await[0].try_get_by_index::<String>(0).unwrap(), expected);
                let tx = database.begin(Urgency::Bulk).await.unwrap();
                let told = tx.query_one(who, Vec::new()).await.unwrap().unwrap();
                assert_eq!(told.try_get_by_index::<String>(0).unwrap(), expected);
                let broken = tx.script("SELECT nothing_of_that_name()").await;
                assert!(broken.is_err());
            }
            let login = "SELECT count(*) FROM (SELECT 1 WHERE current_user = session_user) AS s";
            assert_eq!(count(&owner, login).await, 1);
        }
    });
}

/// A database of somebody who is no superuser and may make no roles, named as the database; answers a connection of the
/// superuser, the URL and the name.
async fn humble() -> Option<(sea_orm::DatabaseConnection, String, String)> {
    let server = std::env::var(POSTGRES).ok()?;
    let name = format!("muster_humble_{}", Uuid::new_v4().simple());
    let maker = SeaOrm::connect(&server).await.unwrap();
    maker.execute_unprepared(&format!("CREATE ROLE {name} LOGIN")).await.unwrap();
    maker.execute_unprepared(&format!("CREATE DATABASE {name} OWNER {name}")).await.unwrap();
    let (_, address) = server.rsplit_once('@').unwrap();
    let (address, _) = address.rsplit_once('/').unwrap();
    Some((maker, format!("postgres://{name}@{address}/{name}"), name))
}

async fn end(maker: &sea_orm::DatabaseConnection, name: &str) {
    maker.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    maker.execute_unprepared(&format!("DROP ROLE {name}")).await.unwrap();
}

#[tokio::test]
async fn a_login_that_may_not_make_roles_is_told_what_an_administrator_has_to_do() {
    let Some((maker, url, name)) = humble().await else { return };
    let location = Location::Postgres(url);
    let refused = Store::open(&location).await.unwrap_err();
    let sql = format!("GRANT muster_tenant, muster_system TO {name}");
    assert!(matches!(refused, StoreError::Roles { .. }), "{refused:?}");
    assert!(refused.to_string().ends_with(&sql), "{refused}");
    maker.execute_unprepared(MAKE).await.unwrap();
    maker.execute_unprepared(&sql).await.unwrap();

    // The owner of the tables is held to the border as well, and yet moves rows when the schema moves.
    let store = Store::open(&location).await.unwrap();
    let acme = tenant(&store, "acme").await;
    let owner = store.database.clone().seen_by(Sight::Owner);
    assert_eq!(count(&acme.database, "SELECT count(*) FROM directory").await, 1);
    assert_eq!(count(&owner, "SELECT count(*) FROM directory").await, 0);
    crate::migration::one_more(&owner, "UPDATE directory SET name = 'moved'").await.unwrap();
    assert_eq!(count(&acme.database, "SELECT count(*) FROM directory WHERE name = 'moved'").await, 1);
    assert_eq!(count(&owner, "SELECT count(*) FROM directory").await, 0);
    drop((store, acme, owner));
    end(&maker, &name).await;
}

#[tokio::test]
async fn a_copy_is_made_by_a_login_that_is_held_to_the_border() {
    let Some((maker, url, name)) = humble().await else { return };
    maker.execute_unprepared(MAKE).await.unwrap();
    maker.execute_unprepared(&format!("GRANT muster_tenant, muster_system TO {name}")).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("muster.db");
    let source = Store::open(&Location::File(file.clone())).await.unwrap();
    tenant(&source, "acme").await;
    let copied = crate::copy(&file, &url).await.unwrap();
    assert!(copied.iter().any(|table| (table.name.as_str(), table.rows) == ("tenant", 1)), "{copied:?}");
    let again = crate::copy(&file, &url).await;
    assert!(matches!(again, Err(crate::StoreError::Exists(_))), "{again:?}");

    let location = Location::Postgres(url);
    let store = Store::open(&location).await.unwrap();
    let acme = store.tenant(&"acme".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(count(&acme.database, "SELECT count(*) FROM directory").await, 1);
    let owner = store.database.clone().seen_by(Sight::Owner);
    assert_eq!(count(&owner, "SELECT count(*) FROM directory").await, 0, "the border stands again");
    let examined = crate::Examination::of(&location).await.unwrap();
    assert!(examined.write.is_ok() && examined.schema == examined.known, "{examined:?}");
    drop((store, acme, owner));
    end(&maker, &name).await;
}

#[tokio::test]
async fn many_databases_of_one_cluster_may_make_the_roles_at_once() {
    let Ok(server) = std::env::var(POSTGRES) else { return };
    let name = format!("muster_role_{}", Uuid::new_v4().simple());
    let make = MAKE.replace("muster_tenant", &name).replace("muster_system", &format!("{name}_too"));
    let makers: Vec<_> = (0..6)
        .map(|_| {
            let (server, make) = (server.clone(), make.clone());
            tokio::spawn(async move {
                let maker = SeaOrm::connect(&server).await.unwrap();
                maker.execute_unprepared(&make).await.map(|_| ())
            })
        })
        .collect();
    for maker in makers {
        maker.await.unwrap().unwrap();
    }
    let maker = SeaOrm::connect(&server).await.unwrap();
    maker.execute_unprepared(&format!("DROP ROLE {name}, {name}_too")).await.unwrap();
}
