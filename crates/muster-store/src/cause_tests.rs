//! What real databases say when they cannot do what they are asked, and what people are told of it.

use std::io;
use std::sync::Arc;

use muster_model::TenantSlug;
use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr};

use crate::database::{Database, Dialect, Location, Transaction, Urgency};
use crate::error::StoreError;
use crate::query_plans::{POSTGRES, on_each_database};
use crate::{Cause, Store};

const INSERT: &str = "INSERT INTO tenant (slug, created_at) VALUES ('x', 0)";

/// Sends what brings the database into a state, and then an insert; answers why that was refused.
async fn refused(store: &Store, before: &[&str]) -> Option<Cause> {
    let tx = store.database.begin(Urgency::Short).await.unwrap();
    let error = match script(&tx, before).await {
        Ok(()) => tx.execute(INSERT, Vec::new()).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.quotes_database(), "{error:?}");
    error.cause()
}

async fn script(tx: &Transaction, statements: &[&str]) -> Result<(), StoreError> {
    for statement in statements {
        tx.script(statement).await?;
    }
    Ok(())
}

#[test]
fn a_database_that_refuses_a_statement_is_understood() {
    on_each_database(async |store| {
        assert_eq!(refused(&store, &["SELECT nothing_of_that_name()"]).await, None);
        match store.database.dialect {
            Dialect::Sqlite => {
                let large = "CREATE TABLE large AS SELECT zeroblob(9999999) AS octets";
                assert_eq!(refused(&store, &["PRAGMA max_page_count = 1", large]).await, Some(Cause::Full));
                assert_eq!(refused(&store, &["PRAGMA query_only = 1"]).await, Some(Cause::ReadOnlyFile));
            }
            Dialect::Postgres => {
                let read_only = ["SET TRANSACTION READ ONLY"];
                assert_eq!(refused(&store, &read_only).await, Some(Cause::ReadOnlyServer));
                let stranger = ["SET LOCAL ROLE pg_monitor"];
                assert_eq!(refused(&store, &stranger).await, Some(Cause::Forbidden));
                let ended = ["SET LOCAL ROLE NONE", "SELECT pg_terminate_backend(pg_backend_pid())"];
                assert_eq!(refused(&store, &ended).await, Some(Cause::Lost));
            }
        }
    });
}

#[tokio::test]
async fn a_file_that_another_program_has_locked_is_understood() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::File(directory.path().join("muster.db"));
    let (here, there) = (Store::open(&location).await.unwrap(), Store::open(&location).await.unwrap());
    let impatient = here.database.begin(Urgency::Short).await.unwrap();
    impatient.script("PRAGMA busy_timeout = 1").await.unwrap();
    drop(impatient);
    let _holder = there.database.begin(Urgency::Short).await.unwrap();
    let error = here.database.begin(Urgency::Short).await.map(|_| ()).unwrap_err();
    assert_eq!(error.cause(), Some(Cause::Locked), "{error:?}");
}

#[test]
fn a_row_that_another_has_locked_is_understood() {
    on_each_database(async |store| {
        if store.database.dialect == Dialect::Sqlite {
            return;
        }
        let slug = TenantSlug::new("acme").unwrap();
        let tenant = store.create_tenant(&slug, chrono::DateTime::UNIX_EPOCH).await.unwrap();
        let lock = "UPDATE tenant SET configuration = 7";
        let holder = tenant.database.begin(Urgency::Short).await.unwrap();
        holder.execute(lock, Vec::new()).await.unwrap();
        let waiting = tenant.database.begin(Urgency::Short).await.unwrap();
        waiting.script("SET LOCAL lock_timeout = '1ms'").await.unwrap();
        let error = waiting.execute(lock, Vec::new()).await.unwrap_err();
        assert_eq!(error.cause(), Some(Cause::Locked), "{error:?}");
    });
}

async fn not_opened(location: Location) -> StoreError {
    match Store::open(&location).await {
        Ok(_) => panic!("{location:?} was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_a_database_is_understood() {
    let directory = tempfile::tempdir().unwrap();
    let letter = directory.path().join("letter.db");
    std::fs::write(&letter, "Dear Sir or Madam, ".repeat(1000)).unwrap();
    let nowhere = directory.path().join("nowhere/muster.db");
    for (path, cause) in [(letter, Cause::NoDatabase), (nowhere, Cause::NotOpened)] {
        let error = not_opened(Location::File(path.clone())).await;
        assert_eq!(error.cause(), Some(cause), "{error:?}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_is_understood() {
    let nobody_there = crate::database::why_not("postgres://somebody@127.0.0.1:1/muster").await;
    assert_eq!(nobody_there.as_ref().and_then(Cause::of_database), Some(Cause::Unreachable));
    let Ok(server) = std::env::var(POSTGRES) else { return };
    let (base, _) = server.rsplit_once('/').unwrap();
    let (_, address) = base.rsplit_once('@').unwrap();
    for (url, cause) in [
        (format!("{base}/no_database_of_this_name"), Cause::Unknown),
        (format!("postgres://no_user_of_this_name@{address}/postgres"), Cause::Unauthenticated),
    ] {
        let error = not_opened(Location::Postgres(url.clone())).await;
        assert_eq!(error.cause(), Some(cause), "{error:?}");
        assert_eq!(crate::database::why_not(&url).await.as_ref().and_then(Cause::of_database), Some(cause));
    }
    assert_eq!(crate::database::why_not(&server).await, None);
    // One role may not connect at all: to a pool that looks as if the server came soon.
    let name = format!("muster_crowded_{}", std::process::id());
    let database = Database::connect(&Location::Postgres(server.clone())).await.unwrap();
    let tx = database.begin(Urgency::Short).await.unwrap();
    tx.script(&format!("CREATE ROLE {name} LOGIN CONNECTION LIMIT 0")).await.unwrap();
    tx.commit().await.unwrap();
    let crowded = crate::database::why_not(&format!("postgres://{name}@{address}/postgres")).await;
    let tx = database.begin(Urgency::Short).await.unwrap();
    tx.script(&format!("DROP ROLE {name}")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(crowded.as_ref().and_then(Cause::of_database), Some(Cause::TooManyConnections));
}

#[test]
fn an_error_is_found_in_the_chain_of_another_and_told_in_plain_words() {
    #[derive(Debug, thiserror::Error)]
    #[error("a run cannot be worked on")]
    struct Above(#[source] StoreError);
    let full = io::Error::from(io::ErrorKind::StorageFull);
    let source = DbErr::Exec(RuntimeErr::SqlxError(Arc::new(sqlx::Error::Io(full))));
    let error = Above(StoreError::Statement { start: "INSERT INTO change".to_owned(), source });
    assert_eq!(Cause::of(&error), Some(Cause::Full));
    assert_eq!(Cause::of(&error.0), Some(Cause::Full));
    assert_eq!(Cause::of(&Above(StoreError::LostFence)), None);
    assert!(!StoreError::LostFence.quotes_database());
}
