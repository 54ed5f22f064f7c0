//! The library as a program embeds it.

// The settings of clippy know tests by their attribute only, not what they call.
#![allow(clippy::unwrap_used)]

use muster_engine::Connectors;
use muster_store::{Location, Store};
use muster_user_sync::{OpenError, SyncSingleUserError, UserSync};

#[path = "../../examples/sync_single_user.rs"]
#[expect(dead_code, reason = "the example has a main of its own")]
mod example;

#[tokio::test(flavor = "multi_thread")]
async fn the_example_runs() {
    let directory = tempfile::tempdir().unwrap();
    let told = example::run(directory.path()).await.unwrap();
    assert_eq!(told, ["ann: ADDED", "1: NOT_MODIFIED", "bob: FAILED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_lacks_is_told() {
    let directory = tempfile::tempdir().unwrap();
    example::run(directory.path()).await.unwrap();
    let store = Store::open(&Location::File(directory.path().join("muster.db"))).await.unwrap();
    let nobody = UserSync::open(store.clone(), &"globex".parse().unwrap(), Connectors::new()).await;
    assert!(matches!(nobody, Err(OpenError::NoTenant(_))));
    let user_sync = UserSync::open(store, &"acme".parse().unwrap(), Connectors::new()).await.unwrap();
    let connector = "7df9fd3f-793f-4595-b415-b839b76b0018";
    let error = user_sync.sync_single_user("ann", connector).await.unwrap_err();
    assert!(matches!(error, SyncSingleUserError::ConnectorFactoryNotAvailable { .. }), "{error}");
    let error = user_sync.sync_single_user("ann", "7df9fd3f-793f-4595-b415-b839b76b0019").await.unwrap_err();
    assert!(matches!(error, SyncSingleUserError::ConnectorNotFound { .. }), "{error}");
}
