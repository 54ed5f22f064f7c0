//! What groups lose is measured against their own members, and not against all accounts.

use expect_test::expect;
use muster_model::run::OutcomeStatus;
use muster_testkit::world::{TestDatabase, World, on_each_database};

/// A hundred people with accounts, twelve of them in IT, who alone are in the group `admins`.
async fn few_admins(database: &TestDatabase) -> World {
    let world = World::usual(database).await.with_page_size(40);
    for number in 1..=100 {
        move_to(&world, number, if number <= 12 { "IT" } else { "FIN" });
    }
    world.synchronize("hr").await;
    assert_eq!(world.provision("ad").await.held_by, None);
    world
}

fn move_to(world: &World, number: u32, department: &str) {
    world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), department);
}

#[test]
fn a_small_group_that_loses_everybody_is_held_however_many_accounts_there_are() {
    on_each_database(async |database| {
        let world = few_admins(database).await;
        (1..=12).for_each(|number| move_to(&world, number, "FIN"));
        world.synchronize("hr").await;
        let before = world.outcome_state().await;
        let run = world.provision("ad").await;
        let expected = "membersLost of `admins`: 12 of 12, the limit is 50 % and at least 10";
        assert_eq!(run.held_by.as_deref(), Some(expected));
        assert_eq!(world.outcome_state().await, before);
    });
}

#[test]
fn a_large_group_that_loses_few_is_not_held() {
    on_each_database(async |database| {
        let world = few_admins(database).await;
        // More of the hundred members of `all` than the limit asks for at least.
        (13..=23).for_each(|number| move_to(&world, number, "HR"));
        world.synchronize("hr").await;
        let run = world.provision("ad").await;
        assert_eq!((run.held_by, run.state.outcome), (None, Some(OutcomeStatus::Success)));
        let groups = |uid: &str| world.system("ad").accounts("account")[uid].attributes.get("groups").clone();
        assert_eq!((groups("13").values().len(), groups("24").values().len()), (0, 1));
        // Whose account nobody grants is no member any more; the admins are as many as before.
        (1..=12).for_each(|number| move_to(&world, number, "FIN"));
        world.synchronize("hr").await;
        let run = world.provision("ad").await;
        let expected = expect![[r#"
            membershipRemoval: 23 of 101 within 24 hours, 11 of them by earlier runs, the limit is 10 % and at least 20
            membersLost of `admins`: 12 of 12, the limit is 50 % and at least 10"#]];
        expected.assert_eq(run.held_by.as_deref().unwrap_or_default());
    });
}
