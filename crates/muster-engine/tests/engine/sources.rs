//! Several sources and several accounts of one person: who counts, who waits, who comes back.

use expect_test::expect;
use muster_model::configuration::ConfigurationKind;
use muster_testkit::world::configuration::{crm, hr, inbound, reconciliation};
use muster_testkit::world::{TestDatabase, World, on_each_database};
use serde_json::json;

use crate::shown;
use crate::staff::hired;

/// Ann and Bob at HR; Ann is a contact of the CRM as well.
async fn two_sources(database: &TestDatabase) -> World {
    let world = hired(database).await;
    world.contact("c1", "ann@x", "7");
    world.contact("c9", "zoe@x", "9");
    world.synchronize("crm").await;
    world
}

#[test]
fn who_is_gone_is_disabled_when_no_source_has_them_any_more() {
    on_each_database(async |database| {
        let world = two_sources(database).await;
        world.dismiss("1");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 ignored
            * MARK_GONE 1
            - shadow hr/1 live, of 1
            + shadow hr/1 gone, of 1"#]];
        shown::check(&world, &before, &run, &expected).await;
        world.system("crm").take("contact", "c1");
        let before = world.picture().await;
        let run = world.synchronize("crm").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 disabled
            * DISABLE c1
            - object 1 v2: department=IT email=ann@x name=Ann phone=7
            - shadow crm/c1 live, of 1
            + object 1 v3 MISSING: department=IT email=ann@x name=Ann phone=7
            + shadow crm/c1 gone, of 1
            + history of 1 v2 until DISABLE: "#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn who_comes_back_is_enabled_again() {
    on_each_database(async |database| {
        let world = two_sources(database).await;
        world.dismiss("2");
        world.synchronize("hr").await;
        world.hire("2", "bob@x", "Bob", "FIN");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 updated, 1 unchanged
            * UPDATE 2
            - object 2 v2 MISSING: department=FIN email=bob@x name=Bob
            - shadow hr/2 gone, of 2
            + object 2 v3: department=FIN email=bob@x name=Bob
            + shadow hr/2 live, of 2
            + history of 2 v2 until UPDATE: "#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn who_was_disabled_by_hand_stays_so() {
    on_each_database(async |database| {
        let world = two_sources(database).await;
        let id = world.object("2").await.id;
        world.disable_by_hand(id).await;
        world.dismiss("2");
        world.synchronize("hr").await;
        world.hire("2", "bob@x", "Bob", "FIN");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 2 unchanged
            * REFRESH 2
            - shadow hr/2 gone, of 2
            + shadow hr/2 live, of 2"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn a_second_account_of_a_person_is_disputed() {
    on_each_database(async |database| {
        let world = two_sources(database).await;
        world.hire("11", "ann@x", "Ann Again", "FIN");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 3 read, 0 lacking, 2 unchanged, 1 reported
            * REFRESH 1
            * LINK 11: reported
            ! account `11` fits object …, which belongs to account `1`"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn a_person_under_a_new_key_goes_on_when_the_old_one_is_gone() {
    on_each_database(async |database| {
        let world = two_sources(database).await;
        world.dismiss("2");
        world.hire("22", "bob@x", "Bob", "FIN");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 updated, 1 unchanged
            * REFRESH 1
            * LINK 22
            - object 2 v1: department=FIN email=bob@x name=Bob
            - shadow hr/2 live, of 2
            + object 22 v2: department=FIN email=bob@x name=Bob
            + shadow hr/22 live, of 22
            + history of 22 v1 until LINK: {"number":"2"}"#]];
        shown::check(&world, &before, &run, &expected).await;
        // The old key comes back beside the new one: two accounts of one person again.
        world.hire("2", "bob@x", "Bob the Elder", "FIN");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 3 read, 0 lacking, 2 unchanged, 1 reported
            * LINK 2: reported
            ! account `2` fits object …, which belongs to account `22`"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn of_two_accounts_that_write_one_object_in_one_run_the_first_counts() {
    for size in [1, 100] {
        on_each_database(async |database| {
            let world = two_sources(database).await.with_page_size(size);
            world.dismiss("2");
            world.synchronize("hr").await;
            // Back under the old key and a new one at once.
            world.hire("2", "bob@x", "Bob the Elder", "FIN");
            world.hire("22", "bob@x", "Bob the Younger", "FIN");
            let before = world.picture().await;
            let run = world.synchronize("hr").await;
            let expected = expect![[r#"
                PARTIAL: 3 read, 0 lacking, 1 updated, 1 unchanged, 1 stale
                * UPDATE 2: stale
                * LINK 22
                ! object or account moved on after the plan was made; the next run picks it up
                - object 2 v2 MISSING: department=FIN email=bob@x name=Bob
                - shadow hr/2 gone, of 2
                - history of 2 v1 until DISABLE: 
                + object 22 v3: department=FIN email=bob@x name=Bob the Younger
                + shadow hr/2 gone, of 22
                + shadow hr/22 live, of 22
                + history of 22 v1 until DISABLE: 
                + history of 22 v2 until LINK: {"name":"Bob","number":"2"}"#]];
            shown::check(&world, &before, &run, &expected).await;
            let before = world.picture().await;
            let run = world.synchronize("hr").await;
            let expected = expect![[r#"
                SUCCESS: 3 read, 0 lacking, 2 unchanged, 1 reported
                ! account `2` fits object …, which belongs to account `22`"#]];
            shown::check(&world, &before, &run, &expected).await;
        });
    }
}

#[test]
fn import_enforces_and_concludes_nothing_from_absence() {
    on_each_database(async |database| {
        let world = two_sources(database).await;
        let mut task = reconciliation("hr", "person");
        task["id"] = json!("hr-import");
        task["taskType"] = json!("IMPORT");
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
        let id = world.object("1").await.id;
        world.overwrite(id, "Ann", "Somebody Else").await;
        world.dismiss("2");
        let before = world.picture().await;
        let run = world.synchronize("hr-import").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 updated
            * UPDATE 1
            - object 1 v3: department=IT email=ann@x name=Somebody Else phone=7
            + object 1 v4: department=IT email=ann@x name=Ann phone=7
            + history of 1 v3 until UPDATE: {"name":"Somebody Else"}"#]];
        shown::check(&world, &before, &run, &expected).await;
        let before = world.picture().await;
        let run = world.synchronize("hr-import").await;
        let expected = expect!["SUCCESS: 1 read, 0 lacking, 1 unchanged"];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn protected_people_are_never_disabled_deleted_or_linked() {
    on_each_database(async |database| {
        let world = two_sources(database).await;
        for (mut application, reaction) in [(hr(), "DELETE"), (crm(), "DISABLE")] {
            application["objectTypes"][0]["protected"] = json!("department eq \"FIN\"");
            application["objectTypes"][0]["reactions"] = json!({ "MISSING": reaction });
            world.save(ConfigurationKind::Application, application).await;
        }
        world.contact("c2", "bob@x", "8");
        let before = world.picture().await;
        let run = world.synchronize("crm").await;
        let expected = expect![[r#"
            SUCCESS: 3 read, 0 lacking, 2 unchanged, 1 reported
            * REFRESH c1
            * REFRESH c9
            ! object … fits but is protected, so that nothing links it"#]];
        shown::check(&world, &before, &run, &expected).await;
        world.dismiss("2");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 reported
            * REFRESH 1
            ! account `2` is gone; object … is protected"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn a_mapping_to_enabled_has_its_own_reason() {
    on_each_database(async |database| {
        let world = two_sources(database).await;
        let mut application = hr();
        let mut enabled = inbound("enabled", "active", 10);
        enabled["type"] = json!("BOOLEAN");
        let mappings = application["objectTypes"][0]["attributeMappings"].as_array_mut().expect("mappings");
        mappings.push(enabled);
        world.save(ConfigurationKind::Application, application).await;
        let active = |world: &World, text: &str| {
            let fields = [
                ("number", "2"),
                ("email", "bob@x"),
                ("name", "Bob"),
                ("department", "FIN"),
                ("active", text),
            ];
            world.put("hr", "person", "2", &fields);
        };
        let mut seen = Vec::new();
        for text in ["true", "false", "gone", "false", "true"] {
            if text == "gone" {
                world.dismiss("2")
            } else {
                active(&world, text)
            }
            world.synchronize("hr").await;
            seen.push(format!("{text}: {:?}", world.object("2").await.disabled));
        }
        let expected = expect![[r#"
            true: None
            false: Some(Mapped)
            gone: Some(Mapped)
            false: Some(Mapped)
            true: None"#]];
        expected.assert_eq(&seen.join("\n"));
    });
}

#[test]
fn an_account_whose_object_was_deleted_makes_a_new_one() {
    on_each_database(async |database| {
        let world = two_sources(database).await;
        let id = world.object("2").await.id;
        world.delete_by_hand(id).await;
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        assert_ne!(world.object("2").await.id, id);
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 created, 1 unchanged
            * REFRESH 1
            * CREATE 2
            - shadow hr/2 live, of a deleted object
            + object 2 v1: department=FIN email=bob@x name=Bob
            + shadow hr/2 live, of 2"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn the_higher_authority_wins_whoever_comes_last() {
    on_each_database(async |database| {
        let world = two_sources(database).await;
        // Zoe is known to the CRM alone; HR finds her by her address, and leads it from then on.
        world.hire("9", "ZOE@x", "Zoe", "IT");
        world.synchronize("hr").await;
        world.contact("c9", "zoe@elsewhere", "99");
        let before = world.picture().await;
        let run = world.synchronize("crm").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 updated, 1 unchanged
            * UPDATE c9
            - object 9 v2: department=IT email=ZOE@x name=Zoe phone=9
            + object 9 v3: department=IT email=ZOE@x name=Zoe phone=99
            + history of 9 v2 until UPDATE: {"phone":"9"}"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}
