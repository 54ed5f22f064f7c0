//! Outbound: the whole table of situations and reactions, end to end.

use expect_test::{Expect, expect};
use muster_connector::Capabilities;
use muster_connector::memory::CAPABLE;
use muster_model::configuration::ConfigurationKind;
use muster_testkit::world::configuration::ad;
use muster_testkit::world::{TestDatabase, World, on_each_database};
use serde_json::json;

use crate::shown;

/// Ann with an account of hers, Bob whose department grants none.
pub(crate) async fn provisioned(database: &TestDatabase) -> World {
    let world = World::usual(database).await;
    world.hire("1", "ann@x", "Ann", "IT");
    world.hire("2", "bob@x", "Bob", "HR");
    world.synchronize("hr").await;
    world.provision("ad").await;
    world
}

async fn react(world: &World, situation: &str, reaction: &str) {
    let mut application = ad();
    application["objectTypes"][0]["reactions"] = json!({ situation: reaction });
    world.save(ConfigurationKind::Application, application).await;
}

/// A provisioning run after something has changed, with one reaction set.
fn check(situation: &str, reaction: &str, change: impl AsyncFn(&World), expected: Expect) {
    on_each_database(async |database| {
        let world = provisioned(database).await;
        react(&world, situation, reaction).await;
        change(&world).await;
        let before = world.picture().await;
        let run = world.provision("ad").await;
        shown::check(&world, &before, &run, &expected).await;
    });
}

pub(crate) async fn move_ann(world: &World) {
    world.hire("1", "ann@x", "Ann", "HR");
    world.synchronize("hr").await;
}

async fn move_bob(world: &World) {
    world.hire("2", "bob@x", "Bob", "FIN");
    world.synchronize("hr").await;
}

async fn edit_account(world: &World) {
    let fields = [("uid", "1"), ("mail", "other@x"), ("cn", "Ann"), ("groups", "strangers")];
    world.put("ad", "account", "1", &fields);
}

async fn stranger(world: &World) {
    world.put("ad", "account", "root", &[("uid", "root"), ("mail", "root@x")]);
}

/// An account that is Bob's by its address, and Bob is granted one.
async fn made_by_hand(world: &World) {
    move_bob(world).await;
    world.put("ad", "account", "bobby", &[("uid", "bobby"), ("mail", "BOB@x")]);
}

/// An account with Ann's address, who has one.
async fn second_account(world: &World) {
    world.put("ad", "account", "annie", &[("uid", "annie"), ("mail", "ann@x")]);
}

/// Two accounts with Bob's address, who has none yet.
async fn two_accounts(world: &World) {
    made_by_hand(world).await;
    world.put("ad", "account", "rob", &[("uid", "rob"), ("mail", "bob@x")]);
}

/// An account whose address two people have.
async fn two_owners(world: &World) {
    world.hire("2", "twin@x", "Bob", "FIN");
    world.synchronize("hr").await;
    world.hire("1", "twin@x", "Ann", "IT");
    world.synchronize("hr").await;
    world.put("ad", "account", "twin", &[("uid", "twin"), ("mail", "twin@x")]);
}

/// The target is not empty without it: that would say nothing about Ann.
async fn lose_account(world: &World) {
    stranger(world).await;
    world.system("ad").take("account", "1");
}

/// The profile that granted Ann's account is no longer known, and she may not have one.
async fn forget_profile(world: &World) {
    move_ann(world).await;
    world.forget_profiles().await;
}

#[test]
fn absent() {
    check(
        "ABSENT",
        "CREATE",
        move_bob,
        expect![[r#"
        SUCCESS: 1 read, 1 lacking, 1 created, 1 unchanged
        * REFRESH 1
        * CREATE 2
        + shadow ad/2 live, of 2
        + account 2 enabled: cn=Bob groups=all mail=bob@x uid=2"#]],
    );
    check(
        "ABSENT",
        "IGNORE",
        move_bob,
        expect![[r#"
        SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 ignored
        * REFRESH 1"#]],
    );
    check(
        "ABSENT",
        "REPORT",
        move_bob,
        expect![[r#"
        SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 reported
        * REFRESH 1
        ! object … has no account in `ad`"#]],
    );
}

#[test]
fn linked() {
    check(
        "LINKED",
        "SYNCHRONIZE",
        edit_account,
        expect![[r#"
        SUCCESS: 1 read, 0 lacking, 1 updated
        * UPDATE 1
        - account 1 enabled: cn=Ann groups=strangers mail=other@x uid=1
        + account 1 enabled: cn=Ann groups=strangers,admins,all mail=ann@x uid=1"#]],
    );
    check(
        "LINKED",
        "UNLINK",
        edit_account,
        expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 unlinked
            * UNLINK 1
            ! the reaction of `ad` to LINKED of `account` is UNLINK, it was SYNCHRONIZE: whom that takes something from is looked at once
            - shadow ad/1 live, of 1"#]],
    );
    check("LINKED", "IGNORE", edit_account, expect!["SUCCESS: 1 read, 0 lacking, 1 ignored"]);
    check(
        "LINKED",
        "REPORT",
        edit_account,
        expect![[r#"
        SUCCESS: 1 read, 0 lacking, 1 reported
        ! account `1` was found LINKED"#]],
    );
}

#[test]
fn unlinked() {
    check(
        "UNLINKED",
        "LINK",
        made_by_hand,
        expect![[r#"
        SUCCESS: 2 read, 0 lacking, 1 updated, 1 unchanged
        * REFRESH 1
        * LINK bobby
        - account bobby enabled: mail=BOB@x uid=bobby
        + shadow ad/bobby live, of 2
        + account bobby enabled: cn=Bob groups=all mail=bob@x uid=bobby"#]],
    );
    check(
        "UNLINKED",
        "IGNORE",
        made_by_hand,
        expect![[r#"
        SUCCESS: 2 read, 1 lacking, 1 created, 1 unchanged, 1 ignored
        * REFRESH 1
        * CREATE 2
        + shadow ad/2 live, of 2
        + account 2 enabled: cn=Bob groups=all mail=bob@x uid=2"#]],
    );
    check(
        "UNLINKED",
        "REPORT",
        made_by_hand,
        expect![[r#"
        SUCCESS: 2 read, 1 lacking, 1 created, 1 unchanged, 1 reported
        * REFRESH 1
        * CREATE 2
        ! account `bobby` was found UNLINKED
        + shadow ad/2 live, of 2
        + account 2 enabled: cn=Bob groups=all mail=bob@x uid=2"#]],
    );
}

#[test]
fn nobody_is_linked_to_a_second_account() {
    check(
        "UNLINKED",
        "LINK",
        second_account,
        expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 unchanged, 1 reported
            * REFRESH 1
            ! account `annie` fits object …, which belongs to account `1`"#]],
    );
    check(
        "UNLINKED",
        "LINK",
        two_accounts,
        expect![[r#"
            SUCCESS: 3 read, 0 lacking, 1 unchanged, 2 reported
            * REFRESH 1
            * LINK bobby: reported
            * LINK rob: reported
            ! account `bobby` shares a correlation key with another change of this run
            ! account `rob` shares a correlation key with another change of this run"#]],
    );
}

#[test]
fn disputed() {
    check(
        "DISPUTED",
        "IGNORE",
        two_owners,
        expect![[r#"
        SUCCESS: 2 read, 1 lacking, 1 created, 1 updated, 1 ignored
        * UPDATE 1
        * CREATE 2
        - account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1
        + shadow ad/2 live, of 2
        + account 1 enabled: cn=Ann groups=admins,all mail=twin@x uid=1
        + account 2 enabled: cn=Bob groups=all mail=twin@x uid=2"#]],
    );
    check(
        "DISPUTED",
        "REPORT",
        two_owners,
        expect![[r#"
        SUCCESS: 2 read, 1 lacking, 1 created, 1 updated, 1 reported
        * UPDATE 1
        * CREATE 2
        ! several objects fit account `twin`: …, …
        - account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1
        + shadow ad/2 live, of 2
        + account 1 enabled: cn=Ann groups=admins,all mail=twin@x uid=1
        + account 2 enabled: cn=Bob groups=all mail=twin@x uid=2"#]],
    );
}

#[test]
fn missing() {
    check(
        "MISSING",
        "CREATE",
        lose_account,
        expect![[r#"
        SUCCESS: 1 read, 1 lacking, 1 created, 1 reported
        * CREATE 1
        ! the owner of account `root` is not known: no object fits it
        + account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1"#]],
    );
    check(
        "MISSING",
        "UNLINK",
        lose_account,
        expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 unlinked, 1 reported
            * UNLINK 1
            ! the reaction of `ad` to MISSING of `account` is UNLINK, it was CREATE: whom that takes something from is looked at once
            ! the owner of account `root` is not known: no object fits it
            - shadow ad/1 live, of 1"#]],
    );
    check(
        "MISSING",
        "IGNORE",
        lose_account,
        expect![[r#"
        SUCCESS: 1 read, 1 lacking, 1 ignored, 1 reported
        ! the owner of account `root` is not known: no object fits it"#]],
    );
    check(
        "MISSING",
        "REPORT",
        lose_account,
        expect![[r#"
        SUCCESS: 1 read, 1 lacking, 2 reported
        ! the owner of account `root` is not known: no object fits it
        ! object … has no account in `ad`"#]],
    );
}

#[test]
fn unassigned() {
    check(
        "UNASSIGNED",
        "DISABLE",
        forget_profile,
        expect![[r#"
        SUCCESS: 1 read, 0 lacking, 1 disabled
        * DISABLE 1
        - account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1
        + account 1 disabled: cn=Ann groups= mail=ann@x uid=1"#]],
    );
    check(
        "UNASSIGNED",
        "DELETE",
        forget_profile,
        expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 deleted
            * DELETE 1
            ! the reaction of `ad` to UNASSIGNED of `account` is DELETE, it was DISABLE: whom that takes something from is looked at once
            - shadow ad/1 live, of 1
            - account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1"#]],
    );
    check(
        "UNASSIGNED",
        "UNLINK",
        forget_profile,
        expect![[r#"
        SUCCESS: 1 read, 0 lacking, 1 unlinked
        * UNLINK 1
        - shadow ad/1 live, of 1"#]],
    );
    check("UNASSIGNED", "IGNORE", forget_profile, expect!["SUCCESS: 1 read, 0 lacking, 1 ignored"]);
    check(
        "UNASSIGNED",
        "REPORT",
        forget_profile,
        expect![[r#"
        SUCCESS: 1 read, 0 lacking, 1 reported
        ! account `1` is no longer granted"#]],
    );
}

#[test]
fn unmatched() {
    check(
        "UNMATCHED",
        "DISABLE",
        stranger,
        expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 unchanged, 1 disabled
            * REFRESH 1
            * DISABLE root
            ! the reaction of `ad` to UNMATCHED of `account` is DISABLE, it was REPORT: whom that takes something from is looked at once
            - account root enabled: mail=root@x uid=root
            + account root disabled: mail=root@x uid=root"#]],
    );
    check(
        "UNMATCHED",
        "DELETE",
        stranger,
        expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 unchanged, 1 deleted
            * REFRESH 1
            * DELETE root
            ! the reaction of `ad` to UNMATCHED of `account` is DELETE, it was REPORT: whom that takes something from is looked at once
            - account root enabled: mail=root@x uid=root"#]],
    );
    check(
        "UNMATCHED",
        "IGNORE",
        stranger,
        expect![[r#"
        SUCCESS: 2 read, 0 lacking, 1 unchanged, 1 ignored
        * REFRESH 1"#]],
    );
    check(
        "UNMATCHED",
        "REPORT",
        stranger,
        expect![[r#"
        SUCCESS: 2 read, 0 lacking, 1 unchanged, 1 reported
        * REFRESH 1
        ! the owner of account `root` is not known: no object fits it"#]],
    );
}

#[test]
fn an_account_that_cannot_be_disabled_fails_and_stays() {
    on_each_database(async |database| {
        let stubborn = Capabilities { enable: false, ..CAPABLE };
        let world = World::usual(database).await.with_capabilities("ad", stubborn);
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        world.provision("ad").await;
        move_ann(&world).await;
        let before = world.picture().await;
        let run = world.provision("ad").await;
        let expected = expect![[r#"
            PARTIAL: 1 read, 0 lacking, 1 failed
            ! account `1` is to be disabled, but `ad` cannot disable accounts; let the profile DELETE or KEEP"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn an_account_whose_owner_is_deleted_is_looked_at_whatever_the_scope() {
    on_each_database(async |database| {
        let world = provisioned(database).await;
        world
            .save(
                ConfigurationKind::ProvisioningTaskDefinition,
                json!({ "id": "ad", "name": "Accounts", "scope": "department eq \"NONE\"" }),
            )
            .await;
        edit_account(&world).await;
        let run = world.provision("ad").await;
        let expected = expect!["1 read, 0 lacking, 1 filtered"];
        expected.assert_eq(&shown::counted(&run.counters));
        let mut application = muster_testkit::world::configuration::hr();
        application["objectTypes"][0]["reactions"] = json!({ "MISSING": "DELETE" });
        world.save(ConfigurationKind::Application, application).await;
        world.dismiss("1");
        world.synchronize("hr").await;
        let before = world.picture().await;
        let run = world.provision("ad").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 disabled
            * DISABLE 1
            ! the scope of task `ad` is another: whom that takes something from is looked at once
            - account 1 enabled: cn=Ann groups=strangers mail=other@x uid=1
            + account 1 disabled: cn=Ann groups=strangers mail=other@x uid=1"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn enabled_is_carried_to_the_account() {
    on_each_database(async |database| {
        let world = provisioned(database).await;
        world.dismiss("1");
        world.synchronize("hr").await;
        let before = world.picture().await;
        let run = world.provision("ad").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 updated
            * UPDATE 1
            - account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1
            + account 1 disabled: cn=Ann groups=admins,all mail=ann@x uid=1"#]];
        shown::check(&world, &before, &run, &expected).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        let before = world.picture().await;
        let run = world.provision("ad").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 updated
            * UPDATE 1
            - account 1 disabled: cn=Ann groups=admins,all mail=ann@x uid=1
            + account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}
