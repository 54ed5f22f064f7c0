//! Who works somewhere when a test begins.

use muster_testkit::world::{TestDatabase, World};

/// Ann and Bob, both linked to their records at HR.
pub(crate) async fn hired(database: &TestDatabase) -> World {
    let world = World::usual(database).await;
    world.hire("1", "ann@x", "Ann", "IT");
    world.hire("2", "bob@x", "Bob", "FIN");
    world.synchronize("hr").await;
    world
}

/// Ann and Bob at HR, with their accounts.
pub(crate) async fn staffed(database: &TestDatabase) -> World {
    let world = hired(database).await;
    world.provision("ad").await;
    world
}
