//! Another transaction stands in the way of a batch: it is stored again, and nothing is written twice.

use muster_connector::faulty::{CallKind, no_faults};
use muster_model::run::OutcomeStatus;
use muster_store::RunRecord;
use muster_testkit::world::{TestDatabase, World, on_each_database};

use crate::references::{insisting, managers, people};

/// Lets PostgreSQL refuse the first changes of shadows with this code, as it does when two transactions collide. What
/// a sequence has counted is not rolled back.
async fn refuse_changes_of_shadows(database: &TestDatabase, code: &str, times: u32) {
    for statement in [
        "DROP SEQUENCE IF EXISTS collisions".to_owned(),
        "CREATE SEQUENCE collisions".to_owned(),
        "GRANT USAGE ON SEQUENCE collisions TO muster_tenant".to_owned(),
        format!(
            "CREATE OR REPLACE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF nextval('collisions') <= {times} THEN RAISE EXCEPTION 'collided' USING ERRCODE = '{code}'; \
             END IF; RETURN NEW; END $$"
        ),
        "CREATE OR REPLACE TRIGGER collide BEFORE UPDATE ON shadow FOR EACH ROW EXECUTE FUNCTION collide()"
            .to_owned(),
    ] {
        database.execute(&statement).await;
    }
}

fn succeeded(run: &RunRecord, what: &str) {
    assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{what}: {:?}", run.failure);
}

#[test]
fn a_batch_that_collides_is_stored_again_in_both_directions() {
    on_each_database(async |database| {
        // SQLite has one writer, who never collides.
        if !database.is_postgres() {
            return;
        }
        for code in ["40P01", "40001", "55P03"] {
            let mut world = World::usual(database).await;
            world.hire("1", "ann@x", "Ann", "IT");
            world.synchronize("hr").await;
            world.provision("ad").await;
            world.hire("1", "ann@x", "Anna", "IT");
            refuse_changes_of_shadows(database, code, 3).await;
            succeeded(&world.synchronize("hr").await, code);
            let watch = world.disturb("ad", no_faults());
            refuse_changes_of_shadows(database, code, 3).await;
            succeeded(&world.provision("ad").await, code);
            assert_eq!(watch.calls_of(CallKind::Operation), 1, "{code}: the account is written once");
            assert!(world.has_promise("1").await);
        }
    });
}

#[test]
fn names_that_are_given_later_are_settled_again_as_well() {
    on_each_database(async |database| {
        if !database.is_postgres() {
            return;
        }
        let mut world = insisting(database).await;
        people(&world, &[("1", "IT", "2"), ("2", "IT", "1")]).await;
        let watch = world.disturb("ad", no_faults());
        refuse_changes_of_shadows(database, "40P01", 2).await;
        succeeded(&world.provision("ad").await, "settled");
        assert_eq!(watch.calls_of(CallKind::Operation), 4, "two are made, then each names the other");
        assert_eq!(managers(&world), ["1@x -> 2@x", "2@x -> 1@x"]);
    });
}
