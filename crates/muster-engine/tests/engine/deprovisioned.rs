//! What becomes of accounts that nobody grants any more.

use expect_test::{Expect, expect};
use muster_model::configuration::ConfigurationKind;
use muster_testkit::world::configuration::staff;
use muster_testkit::world::on_each_database;
use serde_json::json;

use crate::outbound::{move_ann, provisioned};
use crate::shown;

/// Ann leaves her department; the profile that granted her account says what becomes of it.
fn check_deprovisioning(deprovisioning: &str, expected: Expect) {
    on_each_database(async |database| {
        let world = provisioned(database).await;
        let mut profile = staff();
        profile["deprovisioning"] = json!(deprovisioning);
        world.save(ConfigurationKind::ApplicationProfile, profile).await;
        move_ann(&world).await;
        let before = world.picture().await;
        let run = world.provision("ad").await;
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn the_profile_that_granted_the_account_decides_what_becomes_of_it() {
    check_deprovisioning(
        "DISABLE",
        expect![[r#"
        SUCCESS: 1 read, 0 lacking, 1 disabled
        * DISABLE 1
        - account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1
        + account 1 disabled: cn=Ann groups= mail=ann@x uid=1"#]],
    );
    check_deprovisioning(
        "DELETE",
        expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 deleted
            * DELETE 1
            ! what profile `staff` does not grant any more is met with DELETE, it was DISABLE: whom that takes something from is looked at once
            - shadow ad/1 live, of 1
            - account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1"#]],
    );
    check_deprovisioning(
        "UNLINK",
        expect![[r#"
        SUCCESS: 1 read, 0 lacking, 1 unlinked
        * UNLINK 1
        - shadow ad/1 live, of 1"#]],
    );
    check_deprovisioning("KEEP", expect!["SUCCESS: 1 read, 0 lacking, 1 ignored"]);
}
