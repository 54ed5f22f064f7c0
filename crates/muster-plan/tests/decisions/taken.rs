//! What is taken of the objects that an owner refers to, and what that makes of its account.

use muster_model::configuration::application::Direction;
use muster_model::error::ErrorCode;
use muster_model::{ConfigurationId, Field, ImObject, ObjectId, ObjectKind, Reference, Value};
use muster_plan::change::Action;
use muster_plan::decision::{AccountView, Decision};
use muster_plan::outbound::taken::{Meant, Referred, ReferredAccount, Referring, TakenValues};
use muster_plan::outbound::{Outbound, OutboundFacts, OwnerView};
use muster_plan::situation::Past;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::outbound::{outbound, owner, shadow};
use crate::rules::{attributes, mapping, now, rules};

const BOSS: &str = "00000000-0000-0000-0000-000000000009";

/// Decisions where `boss` is what is taken of the manager.
fn taking(take: &str, more: &Json, reactions: &Json) -> Outbound {
    let mut boss = mapping("OUTBOUND", &json!({ "attribute": "boss", "source": "manager", "take": take }));
    for (name, value) in more.as_object().expect("fields") {
        boss[name] = value.clone();
    }
    let uid = mapping("OUTBOUND", &json!({ "attribute": "uid", "source": "number" }));
    let fields = json!({ "attributeMappings": [uid, boss], "reactions": reactions });
    Outbound { rules: vec![rules(Direction::Outbound, &fields, &[])], ..outbound(&json!({})) }
}

fn reference(key: &str) -> Value {
    Value::Reference(Reference { kind: ObjectKind::Identity, by: "number".into(), key: key.to_owned() })
}

fn managed_by(field: Field) -> ImObject {
    let mut object = owner("IT", None);
    object.attributes.set("manager".into(), field);
    object
}

/// 9 is the boss and has the account `nine`, 8 has none, 7 are two, and there is nobody else.
fn meant(outbound: &Outbound) -> impl Fn(&Reference) -> Meant {
    let account = |uid: &str| ReferredAccount { uid: uid.to_owned(), key: outbound.account_key(uid) };
    let nine = account("nine");
    move |reference| {
        let object = ObjectId(Uuid::from_u128(9));
        match reference.key.as_str() {
            "9" => Meant::One(Referred { object, account: Some(nine.clone()) }),
            "8" => Meant::One(Referred { object, account: None }),
            "7" => Meant::Several,
            _ => Meant::Nobody,
        }
    }
}

fn create(outbound: &Outbound, object: &ImObject) -> Decision {
    let taken = outbound.take(object, &meant(outbound));
    outbound.decide_owner(OwnerView { object, shadow: None, taken: &taken }, now()).expect("it lacks one")
}

#[test]
fn a_mapping_takes_the_id_or_the_remote_name_and_waits_for_what_is_not_there_yet() {
    let one = |key: &str| Field::One(reference(key));
    let list = |keys: &[&str]| Field::Many(keys.iter().map(|key| reference(key)).collect());
    let texts = |texts: &[&str]| Field::Many(texts.iter().map(|text| Value::from(*text)).collect());
    let (single, several) = (json!({}), json!({ "multiValued": true }));
    for (take, more, manager, boss, open) in [
        ("KEY", &single, one("9"), Field::text("9"), 0),
        ("KEY", &single, one("5"), Field::text("5"), 0),
        ("ID", &single, one("9"), Field::text(BOSS), 0),
        ("ID", &single, one("8"), Field::text(BOSS), 0),
        ("ID", &single, one("7"), Field::Absent, 1),
        ("ID", &single, one("5"), Field::Absent, 1),
        ("REMOTE_NAME", &single, one("9"), Field::text("nine"), 0),
        ("REMOTE_NAME", &single, one("8"), Field::Absent, 1),
        ("REMOTE_NAME", &single, one("7"), Field::Absent, 1),
        ("REMOTE_NAME", &single, one("5"), Field::Absent, 1),
        ("REMOTE_NAME", &single, Field::text("9"), Field::Absent, 1),
        ("REMOTE_NAME", &single, Field::Absent, Field::Absent, 0),
        ("REMOTE_NAME", &single, Field::Null, Field::Null, 0),
        ("REMOTE_NAME", &several, list(&["9", "8", "5"]), texts(&["nine"]), 2),
        ("REMOTE_NAME", &several, list(&["8"]), Field::Absent, 1),
        ("REMOTE_NAME", &several, list(&[]), texts(&[]), 0),
    ] {
        let what = format!("{take} of {manager:?}");
        let outbound = taking(take, more, &json!({}));
        let object = managed_by(manager);
        let decision = create(&outbound, &object);
        let change = decision.change.expect("a create");
        assert_eq!(change.result.get("boss"), &boss, "{what}");
        assert_eq!(change.digest.is_none(), open > 0, "{what}: nothing is promised while it waits");
        assert_eq!(change.account_digest.is_none(), open > 0, "{what}");
        let problem = decision.problem.map(|problem| (problem.code, problem.message.split("; ").count()));
        assert_eq!(problem, (open > 0).then_some((ErrorCode::ReferenceOpen, open + 1)), "{what}");
        let named = boss.values().iter().any(|value| *value == Value::from("nine"));
        let expected = if named { vec![outbound.account_key("nine")] } else { Vec::new() };
        assert_eq!(change.references, expected, "{what}");
    }
}

#[test]
fn what_is_open_is_said_in_words() {
    for (key, expected) in [
        ("8", "`manager` refers to `8`, who has no account to name in `ad`; the reference stays pending"),
        ("7", "`manager` refers to `7`, which several objects are found by; the reference stays pending"),
        ("5", "`manager` refers to `5`, which is no object yet; the reference stays pending"),
    ] {
        let outbound = taking("REMOTE_NAME", &json!({}), &json!({}));
        let decision = create(&outbound, &managed_by(Field::One(reference(key))));
        assert_eq!(decision.problem.map(|problem| problem.message).as_deref(), Some(expected));
    }
}

/// An account that holds this boss, and an owner whose manager is of this key.
fn decide(outbound: &Outbound, held: &str, key: &str) -> Decision {
    let object = managed_by(Field::One(reference(key)));
    let taken = outbound.take(&object, &meant(outbound));
    let facts =
        OutboundFacts { shadow: Some(shadow(None)), owner: Some(object), taken, ..OutboundFacts::default() };
    let account = attributes(&[("uid", "1"), ("boss", held)]);
    let view = AccountView { uid: "1", place: None, enabled: Some(true), attributes: &account };
    outbound.decide_account(view, &facts, now()).expect("in scope")
}

#[test]
fn an_account_is_compared_with_what_is_taken() {
    let clears = json!({ "onNoMatch": "CLEAR" });
    for (more, held, key, action, written) in [
        (&json!({}), "nine", "9", Action::Update, None),
        (&json!({}), "other", "9", Action::Update, Some(Field::text("nine"))),
        (&json!({}), "nine", "8", Action::Update, None),
        (&clears, "nine", "8", Action::Update, Some(Field::Null)),
    ] {
        let outbound = taking("REMOTE_NAME", more, &json!({}));
        let change = decide(&outbound, held, key).change.expect("a change");
        // The account lacks its groups in any case.
        assert_eq!(change.action, action);
        let found = change.result.get("boss");
        assert_eq!(found, &written.clone().unwrap_or_default(), "{held} {key}");
        let names = written == Some(Field::text("nine"));
        assert_eq!(change.references.is_empty(), !names, "only what is written has to be there");
    }
}

#[test]
fn the_promise_covers_what_was_taken() {
    let outbound = taking("REMOTE_NAME", &json!({}), &json!({}));
    let object = managed_by(Field::One(reference("9")));
    let renamed = |_: &Reference| {
        let account = ReferredAccount { uid: "9th".to_owned(), key: outbound.account_key("9th") };
        Meant::One(Referred { object: ObjectId(Uuid::from_u128(9)), account: Some(account) })
    };
    let digest =
        |taken: &TakenValues| outbound.owner_digest(&outbound.rules[0], &Referring { owner: &object, taken });
    let promised = create(&outbound, &object).change.expect("a create").digest;
    assert_eq!(promised, Some(digest(&outbound.take(&object, &meant(&outbound)))));
    for other in [outbound.take(&object, &renamed), outbound.take(&object, &|_| Meant::Nobody)] {
        assert_ne!(promised, Some(digest(&other)));
    }
}

#[test]
fn references_are_looked_up_where_something_is_taken() {
    let object = managed_by(Field::Many(vec![reference("9"), reference("5"), reference("9")]));
    for (take, expected) in [("KEY", vec![]), ("ID", vec!["5", "9"]), ("REMOTE_NAME", vec!["5", "9"])] {
        let outbound = taking(take, &json!({ "multiValued": true }), &json!({}));
        let keys: Vec<String> = outbound.references_of(&object).into_iter().map(|r| r.key).collect();
        assert_eq!(
            (keys, outbound.takes_any()),
            (expected.iter().map(|k| (*k).to_owned()).collect(), take != "KEY")
        );
        let naming = outbound.naming_attributes().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(naming, if take == "REMOTE_NAME" { vec!["boss"] } else { Vec::new() });
    }
}

#[test]
fn an_account_to_come_has_the_key_that_its_rules_make() {
    use Past::{HadAccount, NeverHadAccount};
    for (department, number, past, reactions, expected) in [
        ("IT", "1", NeverHadAccount, json!({}), Some("1")),
        ("HR", "1", NeverHadAccount, json!({}), None),
        ("IT", "", NeverHadAccount, json!({}), None),
        ("IT", "1", NeverHadAccount, json!({ "ABSENT": "IGNORE" }), None),
        ("IT", "1", HadAccount, json!({ "ABSENT": "IGNORE" }), Some("1")),
        ("IT", "1", HadAccount, json!({ "MISSING": "REPORT" }), None),
    ] {
        let mut outbound = taking("REMOTE_NAME", &json!({}), &reactions);
        let mut object = owner(department, None);
        object.attributes.set("number".into(), Field::text(number));
        let found = outbound.account_to_make(&object, past, now());
        let key = expected.map(|uid| outbound.account_key(uid));
        assert_eq!(
            found.map(|a| (a.uid, a.key)),
            expected.map(str::to_owned).zip(key),
            "{department} {reactions}"
        );
        outbound.scope = "department eq \"NONE\"".parse().expect("a condition");
        assert_eq!(outbound.account_to_make(&object, past, now()), None, "out of scope");
    }
}

#[test]
fn an_account_that_is_about_to_go_is_no_longer_named() {
    for (department, profile, reactions, kept) in [
        ("IT", None, json!({}), true),
        ("IT", None, json!({ "LINKED": "UNLINK" }), false),
        ("HR", None, json!({}), true),
        ("HR", Some("admins"), json!({}), false),
        ("HR", None, json!({ "UNASSIGNED": "DELETE" }), false),
        ("HR", Some("admins"), json!({ "UNASSIGNED": "IGNORE" }), true),
    ] {
        let mut outbound = taking("REMOTE_NAME", &json!({}), &reactions);
        let id = profile.map(|id| ConfigurationId::new(id).expect("an id"));
        let object = owner(department, None);
        assert_eq!(
            outbound.keeps_account(&object, id.as_ref()),
            kept,
            "{department} {profile:?} {reactions}"
        );
        outbound.scope = "department eq \"NONE\"".parse().expect("a condition");
        assert!(outbound.keeps_account(&object, id.as_ref()), "nobody outside the scope is touched");
    }
}

#[test]
fn a_delete_says_whom_the_account_names() {
    for (reaction, expected) in [("DELETE", vec!["nine"]), ("DISABLE", vec![]), ("UNLINK", vec![])] {
        let outbound = taking("REMOTE_NAME", &json!({}), &json!({ "UNASSIGNED": reaction }));
        let facts = OutboundFacts {
            shadow: Some(shadow(None)),
            owner: Some(owner("HR", None)),
            ..OutboundFacts::default()
        };
        let account = attributes(&[("uid", "1"), ("boss", "nine")]);
        let view = AccountView { uid: "1", place: None, enabled: Some(true), attributes: &account };
        let change = outbound.decide_account(view, &facts, now()).and_then(|decision| decision.change);
        let keys: Vec<_> = expected.iter().map(|uid| outbound.account_key(uid)).collect();
        assert_eq!(change.expect("a change").references, keys, "{reaction}");
    }
}
