//! Anonymizing: what is taken away with an account, and what comes back with it.

use muster_model::shadow::ShadowState;
use muster_model::{Attributes, DisabledReason, Field, ImObject, Value};
use muster_plan::change::{Action, Change, StateChange};
use muster_plan::inbound::{Inbound, InboundFacts, OtherSource, name_of};
use serde_json::{Value as Json, json};

use crate::inbound::{account, decide, inbound, linked, object, shadow};
use crate::rules::{attributes, mapping};

/// Every value of the source has this strength.
fn rules(strength: &str, more: &Json) -> Inbound {
    let given = |name: &str, source: &str, more: &Json| {
        let mut given = json!({ "attribute": name, "source": source, "strength": strength });
        for (name, value) in more.as_object().expect("fields") {
            given[name] = value.clone();
        }
        mapping("INBOUND", &given)
    };
    let mut fields = json!({
        "reactions": { "MISSING": "ANONYMIZE" },
        "attributeMappings": [
            given("number", "number", &json!({})),
            given("name", "name", &json!({})),
            given("email", "email", &json!({})),
            given("groups", "groups", &json!({ "multiValued": true })),
        ],
    });
    for (name, value) in more.as_object().expect("fields") {
        fields[name] = value.clone();
    }
    inbound(&fields)
}

fn ann() -> ImObject {
    let groups = Field::Many(vec![Value::from("staff"), Value::from("local-x")]);
    let mut object = object(1, None);
    object.attributes.set("number".into(), Field::text("1"));
    object.attributes.set("groups".into(), groups);
    object.attributes.set("note".into(), Field::text("by hand"));
    object
}

fn missing(rules: &Inbound, object: &ImObject) -> Change {
    let decision = rules.decide_missing(&shadow(ShadowState::Live, 1), Some(object), OtherSource::None);
    *decision.change.expect("a change")
}

fn names(attributes: &Attributes) -> Vec<&str> {
    attributes.iter().map(|(name, _)| name.as_str()).collect()
}

/// The object as the change leaves it.
fn applied(change: Change, object: ImObject) -> ImObject {
    let disabled = match change.state {
        StateChange::Keep => object.disabled,
        StateChange::Enable => None,
        StateChange::Disable(reason) => Some(reason),
    };
    let provenance = change.provenance.expect("a provenance");
    ImObject { attributes: change.result, disabled, provenance, ..object }
}

#[test]
fn the_key_and_what_no_source_gave_stay() {
    let change = missing(&rules("STRONG", &json!({})), &ann());
    assert_eq!(
        (change.action, change.state),
        (Action::Disable, StateChange::Disable(DisabledReason::Missing))
    );
    assert_eq!(names(&change.result), ["name", "note", "number"]);
    assert_eq!(change.result.get("name"), &Field::text(name_of(ann().id)));
    let name = name_of(ann().id);
    assert!(name.starts_with("user-") && name.len() == 21 && name != name_of(object(2, None).id), "{name}");
    assert_eq!(change.keys_removed.len(), 1, "nobody is found by the address any more");
}

#[test]
fn what_another_source_gave_stays() {
    let mut shared = ann();
    let other = muster_model::Origin { application: "crm".parse().expect("an id"), run: 2 };
    shared.provenance.attributes.insert("email".into(), other);
    let change = missing(&rules("STRONG", &json!({})), &shared);
    assert_eq!(names(&change.result), ["email", "name", "note", "number"]);
}

#[test]
fn group_rules_say_what_becomes_of_groups() {
    for (block, left) in [
        (json!({ "attribute": "groups" }), vec!["staff", "local-x"]),
        (json!({ "attribute": "groups", "removeFromMissing": true }), vec![]),
        (
            json!({ "attribute": "groups", "removeFromMissing": true, "keptForMissing": ["/^local-/"] }),
            vec!["local-x"],
        ),
    ] {
        for reaction in ["ANONYMIZE", "DISABLE"] {
            let more = json!({ "groups": block, "reactions": { "MISSING": reaction } });
            let change = missing(&rules("STRONG", &more), &ann());
            let result = if change.result.is_empty() { ann().attributes } else { change.result };
            let expected = Field::Many(left.iter().map(|group| Value::from(*group)).collect());
            assert_eq!(result.get("groups"), &expected, "{block} {reaction}");
            assert_eq!(result.get("email").is_absent(), reaction == "ANONYMIZE");
        }
    }
}

#[test]
fn all_comes_back_with_the_account_whatever_the_strength() {
    for strength in ["STRONG", "NORMAL", "WEAK"] {
        let rules = rules(strength, &json!({}));
        let gone = applied(missing(&rules, &ann()), ann());
        let facts = InboundFacts { owner: Some(gone.clone()), ..linked(ShadowState::Gone, None) };
        let mut back = account();
        back.set("number".into(), Field::text("1"));
        back.set("groups".into(), ann().attributes.get("groups").clone());
        let decision = decide(&rules, &facts, &back);
        let change = *decision.change.expect("a change");
        let returned = applied(change, gone);
        assert_eq!((&returned.attributes, returned.disabled), (&ann().attributes, None), "{strength}");
    }
}

#[test]
fn who_was_anonymized_for_having_been_away_comes_back_by_hand() {
    let rules = rules("NORMAL", &json!({}));
    let mut away = applied(missing(&rules, &ann()), ann());
    away.disabled = Some(DisabledReason::Inactive);
    let facts =
        |owner: &ImObject| InboundFacts { owner: Some(owner.clone()), ..linked(ShadowState::Live, None) };
    let change = *decide(&rules, &facts(&away), &account()).change.expect("a change");
    assert_eq!((change.action, change.differences.len()), (Action::Refresh, 0));
    away.disabled = None;
    let change = *decide(&rules, &facts(&away), &account()).change.expect("a change");
    assert_eq!(change.result.get("email"), &Field::text("a@x"));
    assert_eq!(attributes(&[("name", "Ann")]).get("name"), change.result.get("name"));
}
