//! Inbound: the whole table of situations and reactions, end to end.

use expect_test::{Expect, expect};
use muster_model::configuration::ConfigurationKind;
use muster_testkit::world::configuration::{crm, hr};
use muster_testkit::world::{World, on_each_database};
use serde_json::json;

use crate::shown;
use crate::staff::hired;

/// A run of HR over one change of its data, with one reaction set.
fn check_hr(situation: &str, reaction: &str, change: impl Fn(&World), expected: Expect) {
    on_each_database(async |database| {
        let world = hired(database).await;
        let mut application = hr();
        application["objectTypes"][0]["reactions"] = json!({ situation: reaction });
        world.save(ConfigurationKind::Application, application).await;
        change(&world);
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        shown::check(&world, &before, &run, &expected).await;
    });
}

/// A run of the CRM over one contact, with one reaction set.
fn check_crm(situation: &str, reaction: &str, email: &str, expected: Expect) {
    on_each_database(async |database| {
        let world = hired(database).await;
        if situation == "DISPUTED" {
            world.hire("2", "ann@x", "Bob", "FIN");
            world.synchronize("hr").await;
        }
        let mut application = crm();
        application["objectTypes"][0]["reactions"] = json!({ situation: reaction });
        world.save(ConfigurationKind::Application, application).await;
        world.contact("c1", email, "7");
        let before = world.picture().await;
        let run = world.synchronize("crm").await;
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn linked() {
    let rename = |world: &World| world.hire("1", "ann@x", "Anna", "IT");
    check_hr(
        "LINKED",
        "SYNCHRONIZE",
        rename,
        expect![[r#"
        SUCCESS: 2 read, 0 lacking, 1 updated, 1 unchanged
        * UPDATE 1
        * REFRESH 2
        - object 1 v1: department=IT email=ann@x name=Ann
        + object 1 v2: department=IT email=ann@x name=Anna
        + history of 1 v1 until UPDATE: {"name":"Ann"}"#]],
    );
    check_hr(
        "LINKED",
        "UNLINK",
        rename,
        expect![[r#"
            SUCCESS: 2 read, 0 lacking, 2 unlinked
            * UNLINK 1
            * UNLINK 2
            ! the reaction of `hr` to LINKED of `person` is UNLINK, it was SYNCHRONIZE: whom that takes something from is looked at once
            - shadow hr/1 live, of 1
            - shadow hr/2 live, of 2"#]],
    );
    check_hr("LINKED", "IGNORE", rename, expect!["SUCCESS: 2 read, 0 lacking, 2 ignored"]);
    check_hr(
        "LINKED",
        "REPORT",
        rename,
        expect![[r#"
        SUCCESS: 2 read, 0 lacking, 2 reported
        ! account `1` was found LINKED
        ! account `2` was found LINKED"#]],
    );
}

#[test]
fn unlinked() {
    check_crm(
        "UNLINKED",
        "LINK",
        "ANN@x",
        expect![[r#"
        SUCCESS: 1 read, 0 lacking, 1 updated
        * LINK c1
        - object 1 v1: department=IT email=ann@x name=Ann
        + object 1 v2: department=IT email=ann@x name=Ann phone=7
        + shadow crm/c1 live, of 1
        + history of 1 v1 until LINK: {"phone":{"a":0}}"#]],
    );
    check_crm("UNLINKED", "IGNORE", "ANN@x", expect!["SUCCESS: 1 read, 0 lacking, 1 ignored"]);
    check_crm(
        "UNLINKED",
        "REPORT",
        "ANN@x",
        expect![[r#"
        SUCCESS: 1 read, 0 lacking, 1 reported
        ! account `c1` was found UNLINKED"#]],
    );
}

#[test]
fn unmatched() {
    check_crm(
        "UNMATCHED",
        "CREATE",
        "new@x",
        expect![[r#"
        SUCCESS: 1 read, 0 lacking, 1 created
        * CREATE c1
        + object new@x v1: email=new@x phone=7
        + shadow crm/c1 live, of new@x"#]],
    );
    check_crm("UNMATCHED", "IGNORE", "new@x", expect!["SUCCESS: 1 read, 0 lacking, 1 ignored"]);
    check_crm(
        "UNMATCHED",
        "REPORT",
        "new@x",
        expect![[r#"
        SUCCESS: 1 read, 0 lacking, 1 reported
        ! the owner of account `c1` is not known: no object fits it"#]],
    );
}

#[test]
fn disputed() {
    check_crm("DISPUTED", "IGNORE", "ann@x", expect!["SUCCESS: 1 read, 0 lacking, 1 ignored"]);
    check_crm(
        "DISPUTED",
        "REPORT",
        "ann@x",
        expect![[r#"
        SUCCESS: 1 read, 0 lacking, 1 reported
        ! several objects fit account `c1`: …, …"#]],
    );
}

#[test]
fn missing() {
    let dismiss = |world: &World| world.dismiss("2");
    check_hr(
        "MISSING",
        "DISABLE",
        dismiss,
        expect![[r#"
        SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 disabled
        * DISABLE 2
        - object 2 v1: department=FIN email=bob@x name=Bob
        - shadow hr/2 live, of 2
        + object 2 v2 MISSING: department=FIN email=bob@x name=Bob
        + shadow hr/2 gone, of 2
        + history of 2 v1 until DISABLE: "#]],
    );
    check_hr(
        "MISSING",
        "DELETE",
        dismiss,
        expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 deleted
            * REFRESH 1
            * DELETE 2
            ! the reaction of `hr` to MISSING of `person` is DELETE, it was DISABLE: whom that takes something from is looked at once
            - object 2 v1: department=FIN email=bob@x name=Bob
            - shadow hr/2 live, of 2
            + history of a deleted object v1 until DELETE: {"department":"FIN","email":"bob@x","name":"Bob","number":"2"}"#]],
    );
    check_hr(
        "MISSING",
        "UNLINK",
        dismiss,
        expect![[r#"
        SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 unlinked
        * REFRESH 1
        * UNLINK 2
        - shadow hr/2 live, of 2"#]],
    );
    check_hr(
        "MISSING",
        "IGNORE",
        dismiss,
        expect![[r#"
        SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 ignored
        * REFRESH 1"#]],
    );
    check_hr(
        "MISSING",
        "REPORT",
        dismiss,
        expect![[r#"
        SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 reported
        * REFRESH 1
        ! account `2` is gone from the source"#]],
    );
}
