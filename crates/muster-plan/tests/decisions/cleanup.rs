//! Cleaning up: who is looked for, and what becomes of them.

use muster_model::configuration::task::{Cleanup, CleanupAction};
use muster_model::run::Outcome;
use muster_model::{DirectoryId, DisabledReason, Field, ImObject, Value};
use muster_plan::change::{Action, StateChange, Subject};
use muster_plan::cleanup::{Cleaned, CleaningUp};
use muster_plan::inbound::name_of;
use muster_plan::key::KeySpecs;
use serde_json::json;

use crate::inbound::object;
use crate::rules::{anonymizing, mapping, now};

fn task() -> Cleanup {
    let groups = Vec::new();
    Cleanup { inactive_days: Some(30), groups, include_never_seen: false, action: CleanupAction::Disable }
}

fn cleaning(task: Cleanup) -> CleaningUp {
    let fields = json!({ "attributeMappings": [
        mapping("INBOUND", &json!({})),
        mapping("INBOUND", &json!({ "attribute": "email", "source": "email" })),
    ] });
    CleaningUp {
        directory: DirectoryId::main(),
        task,
        groups: vec!["groups".into()],
        protected: vec![muster_model::condition::Condition::parse("role eq \"admin\"").expect("a condition")],
        anonymizing: anonymizing(&fields),
        keys: KeySpecs::default(),
    }
}

/// Ann, with one attribute more.
fn ann(attribute: &str, text: &str) -> ImObject {
    let mut user = object(1, None);
    user.attributes.set(attribute.into(), Field::text(text));
    user
}

fn clean(task: Cleanup, user: &ImObject) -> Cleaned {
    cleaning(task).decide(user, now())
}

const SEEN: &str = "lastAuthenticated";

#[test]
fn who_is_not_in_use_any_more() {
    let never = Cleanup { include_never_seen: true, ..task() };
    let grouped = Cleanup { groups: vec!["guests".to_owned()], inactive_days: None, ..task() };
    let mut guest = ann(SEEN, "2026-10-31");
    guest.attributes.set("groups".into(), Field::Many(vec![Value::from("staff"), Value::from("guests")]));
    for (case, task, user, outcome) in [
        ("seen 30 days ago", task(), ann(SEEN, "2026-10-02T08:00:00Z"), Outcome::Disabled),
        ("seen a second later", task(), ann(SEEN, "2026-10-02T08:00:01Z"), Outcome::Unchanged),
        ("to be seen", task(), ann(SEEN, "2027-01-01"), Outcome::Unchanged),
        ("never seen", task(), ann("x", "y"), Outcome::Unchanged),
        ("never seen, which counts", never.clone(), ann("x", "y"), Outcome::Disabled),
        ("no instant", never, ann(SEEN, "yesterday"), Outcome::Failed),
        ("of the groups", grouped.clone(), guest, Outcome::Disabled),
        ("of no group", grouped, ann(SEEN, "2020-01-01"), Outcome::Filtered),
        ("an administrator", task(), ann("role", "admin"), Outcome::Unchanged),
    ] {
        assert_eq!(clean(task, &user).decision.outcome, outcome, "{case}");
    }
}

#[test]
fn the_messages_are_those_of_user_sync() {
    let message = |attribute: &str, text: &str| clean(task(), &ann(attribute, text)).message;
    assert_eq!(message("role", "admin").as_deref(), Some("Skipping admin or sysadmin <Ann>"));
    assert_eq!(
        message("x", "y").as_deref(),
        Some(
            "User <Ann> has no lastAuthenticated timestamp and cleanup users without timestamp is disabled. \
             Therefore the user will not be cleaned up."
        )
    );
    assert_eq!((message(SEEN, "2026-11-01"), message(SEEN, "2020-01-01")), (None, None));
}

#[test]
fn every_action_and_what_has_been_done_already() {
    use CleanupAction::{Anonymize, Delete, Disable, Keep};
    let old = |disabled| ImObject { disabled, ..ann(SEEN, "2020-01-01") };
    let by_hand = Some(DisabledReason::ByHand);
    for (action, disabled, expected) in [
        (Disable, None, Some((Action::Disable, StateChange::Disable(DisabledReason::Inactive)))),
        (Disable, by_hand, None),
        (Anonymize, None, Some((Action::Disable, StateChange::Disable(DisabledReason::Inactive)))),
        (Anonymize, by_hand, Some((Action::Disable, StateChange::Keep))),
        (Delete, None, Some((Action::Delete, StateChange::Keep))),
        (Delete, by_hand, Some((Action::Delete, StateChange::Keep))),
        (Keep, None, None),
    ] {
        let change = clean(Cleanup { action, ..task() }, &old(disabled)).decision.change;
        let found = change.as_ref().map(|change| (change.action, change.state));
        assert_eq!(found, expected, "{action:?} {disabled:?}");
        let Some(change) = change else { continue };
        assert_eq!((change.subject, change.uid.as_str()), (Subject::Object, "Ann"));
        assert_eq!(change.why.as_deref(), Some("last authenticated 2020-01-01T00:00:00.000Z"));
        if action == Anonymize {
            assert_eq!(change.result.get("name"), &Field::text(name_of(old(None).id)));
            assert!(change.result.get("email").is_absent() && !change.result.get(SEEN).is_absent());
        }
    }
    let mut anonymous = old(Some(DisabledReason::Inactive));
    anonymous.attributes.set("name".into(), Field::text(name_of(anonymous.id)));
    assert_eq!(clean(Cleanup { action: Anonymize, ..task() }, &anonymous).decision.change, None);
}
