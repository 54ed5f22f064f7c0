//! Why objects and accounts are disabled, and that only what disabled them for that reason enables them again.

use muster_model::DisabledReason;
use muster_store::{ChangeFilter, RunRecord};
use muster_testkit::world::{World, on_each_database};

use crate::staff::staffed;

/// Why each change of a run is made, where it says so.
async fn why(world: &World, run: &RunRecord) -> Vec<String> {
    let changes = world.store().changes(run, ChangeFilter { after: 0, limit: 100 }).await.unwrap();
    changes.into_iter().filter_map(|change| Some(format!("{}: {}", change.uid, change.why?))).collect()
}

#[test]
fn somebody_who_has_left_is_not_taken_back_by_a_source_that_never_knew_them() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        world.dismiss("2");
        let run = world.synchronize("hr").await;
        assert_eq!(why(&world, &run).await, ["2: no source has it any more"]);
        world.contact("c2", "bob@x", "8");
        world.synchronize("crm").await;
        assert_eq!(world.object("2").await.disabled, Some(DisabledReason::Missing));
        assert!(world.picture().await.contains("shadow crm/c2 live, of 2"));
        world.hire("2", "bob@x", "Bob", "FIN");
        let run = world.synchronize("hr").await;
        assert_eq!(why(&world, &run).await, ["2: its account is back"]);
        assert_eq!(world.object("2").await.disabled, None);
    });
}

#[test]
fn whoever_lost_somebody_may_take_them_back_under_another_key() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        world.dismiss("2");
        world.synchronize("hr").await;
        world.hire("22", "bob@x", "Bob", "FIN");
        world.synchronize("hr").await;
        assert_eq!(world.object("22").await.disabled, None);
    });
}

/// What is remembered of why the account of Bob is disabled.
async fn remembered(world: &World) -> Option<DisabledReason> {
    let bob = world.object("2").await.id;
    let accounts = world.store().accounts_of(bob, Some(&"ad".parse().unwrap())).await.unwrap();
    accounts[0].disabled
}

#[test]
fn an_account_is_enabled_by_what_disabled_it_and_corrected_where_somebody_else_did() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        let provision = async |department: &str| {
            world.hire("2", "bob@x", "Bob", department);
            world.synchronize("hr").await;
            let run = world.provision("ad").await;
            (
                world.system("ad").accounts("account")["2"].enabled,
                remembered(&world).await,
                why(&world, &run).await,
            )
        };
        let told = |text: &str| vec![format!("2: {text}")];
        let withdrawn = (false, Some(DisabledReason::NotEntitled), told("nobody grants it any more"));
        assert_eq!(provision("HR").await, withdrawn);
        assert_eq!(provision("FIN").await, (true, None, told("it is granted again")));
        let bob = world.object("2").await.id;
        world.disable_by_hand(bob).await;
        let disabled = (false, Some(DisabledReason::ByHand), told("its owner is disabled: BY_HAND"));
        assert_eq!(provision("FIN").await, disabled);
        assert_eq!(
            provision("FIN").await,
            (false, Some(DisabledReason::ByHand), vec![]),
            "nobody enables it"
        );
        let mut account = world.system("ad").accounts("account").remove("2").unwrap();
        account.enabled = true;
        world.system("ad").put("account", "2", account);
        assert!(!provision("FIN").await.0, "somebody enabled it in the target");
        let mut ann = world.system("ad").accounts("account").remove("1").unwrap();
        ann.enabled = false;
        world.system("ad").put("account", "1", ann);
        let run = world.provision("ad").await;
        assert_eq!(why(&world, &run).await, ["1: somebody else has disabled it"]);
        assert!(world.system("ad").accounts("account")["1"].enabled);
    });
}
