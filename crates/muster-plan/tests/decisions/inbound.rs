//! Inbound decisions: situation by reaction, and what follows from shadow and object.

use std::sync::Arc;

use muster_model::configuration::application::{Direction, Situation};
use muster_model::run::Outcome;
use muster_model::shadow::ShadowState;
use muster_model::{
    ApplicationId, Attributes, DirectoryId, DisabledReason, ImObject, ObjectClassId, ObjectId, ObjectKind,
    Origin, Provenance, ShadowNo,
};
use muster_plan::change::{Action, ShadowBase, StateChange};
use muster_plan::decision::{AccountView, Decision, ShadowFacts};
use muster_plan::inbound::{Inbound, InboundFacts, OtherSource};
use muster_plan::key::{KeySpec, KeySpecs};
use muster_plan::lifecycle::Absence;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rules::{anonymizing, attributes, mapping, now, object_type, rules};

fn fields(more: &Value) -> Value {
    let item = json!({ "accountAttribute": "email", "objectAttribute": "email" });
    let mut fields = json!({
        "correlation": [{ "items": [item] }],
        "attributeMappings": [
            mapping("INBOUND", &json!({})),
            mapping("INBOUND", &json!({ "attribute": "email", "source": "email" })),
        ],
    });
    for (name, value) in more.as_object().expect("fields") {
        fields[name] = value.clone();
    }
    fields
}

pub(crate) fn inbound(more: &Value) -> Inbound {
    let fields = fields(more);
    let mut keys = KeySpecs::default();
    for rule in &object_type("INBOUND", &fields).correlation {
        keys.add(KeySpec::of_rule(ObjectKind::Identity, rule).expect("a key"));
    }
    Inbound {
        application: ApplicationId::new("hr").expect("an id"),
        class: ObjectClassId::new("person").expect("an id"),
        directory: DirectoryId::main(),
        rules: Arc::new(rules(Direction::Inbound, &fields, &[])),
        filter: None,
        import: false,
        absence: Absence::Concluded,
        keys: Arc::new(keys),
        anonymizing: anonymizing(&fields),
        run: 7,
        run_started_millis: 1_793_520_000_000,
    }
}

pub(crate) fn object(id: u128, disabled: Option<DisabledReason>) -> ImObject {
    let origin = Origin { application: ApplicationId::new("hr").expect("an id"), run: 1 };
    ImObject {
        id: ObjectId(Uuid::from_u128(id)),
        kind: ObjectKind::Identity,
        directory: DirectoryId::main(),
        object_type: None,
        disabled,
        version: 3,
        attributes: attributes(&[("name", "Ann"), ("email", "a@x")]),
        provenance: Provenance { object: Some(origin), attributes: [].into() },
    }
}

pub(crate) fn shadow(state: ShadowState, owner: u128) -> ShadowFacts {
    ShadowFacts {
        base: ShadowBase { no: ShadowNo(5), version: 2 },
        uid: "1".to_owned(),
        state,
        owner: Some(ObjectId(Uuid::from_u128(owner))),
        snapshot: account(),
        profile: None,
        granted: Vec::new(),
        disabled: None,
        read_by: None,
    }
}

pub(crate) fn account() -> Attributes {
    attributes(&[("name", "Ann"), ("email", "a@x")])
}

pub(crate) fn linked(state: ShadowState, disabled: Option<DisabledReason>) -> InboundFacts {
    InboundFacts {
        shadow: Some(shadow(state, 1)),
        owner: Some(object(1, disabled)),
        ..InboundFacts::default()
    }
}

pub(crate) fn fitting(candidates: Vec<ImObject>) -> InboundFacts {
    InboundFacts { candidates, ..InboundFacts::default() }
}

pub(crate) fn decide(inbound: &Inbound, facts: &InboundFacts, account: &Attributes) -> Decision {
    let view = AccountView { uid: "1", place: Some(2), enabled: None, attributes: account };
    inbound.decide(view, facts, now())
}

fn brief(decision: &Decision) -> (Option<Situation>, Outcome, Option<Action>) {
    (decision.situation, decision.outcome, decision.change.as_ref().map(|change| change.action))
}

#[test]
fn every_situation_with_every_reaction_it_admits() {
    let cases = [
        (Situation::Linked, linked(ShadowState::Live, None)),
        (Situation::Unlinked, fitting(vec![object(1, None)])),
        (Situation::Unmatched, fitting(Vec::new())),
        (Situation::Disputed, fitting(vec![object(1, None), object(2, None)])),
    ];
    for (situation, facts) in cases {
        for (word, outcome, action) in [
            ("SYNCHRONIZE", Outcome::Unchanged, Some(Action::Refresh)),
            ("LINK", Outcome::Updated, Some(Action::Link)),
            ("CREATE", Outcome::Created, Some(Action::Create)),
            ("UNLINK", Outcome::Unlinked, Some(Action::Unlink)),
            ("IGNORE", Outcome::Ignored, None),
            ("REPORT", Outcome::Reported, None),
        ] {
            let reactions =
                muster_model::configuration::application::Reactions::admitted(Direction::Inbound, situation);
            if !reactions.iter().any(|reaction| reaction.as_str() == word) {
                continue;
            }
            let inbound = inbound(&json!({ "reactions": { situation.as_str(): word } }));
            let decision = decide(&inbound, &facts, &account());
            assert_eq!(brief(&decision), (Some(situation), outcome, action), "{word}");
            assert_eq!(decision.problem.is_some(), word == "REPORT", "{situation:?} {word}");
            assert_eq!(
                decide(&inbound, &facts, &account()),
                decision,
                "the same input gives the same output"
            );
        }
    }
}

#[test]
fn an_account_that_is_gone_with_every_reaction() {
    for (word, other, action, outcome) in [
        ("DISABLE", OtherSource::None, Some(Action::Disable), Outcome::Disabled),
        ("DISABLE", OtherSource::HoldsLiveShadow, Some(Action::MarkGone), Outcome::Ignored),
        ("ANONYMIZE", OtherSource::None, Some(Action::Disable), Outcome::Disabled),
        ("ANONYMIZE", OtherSource::HoldsLiveShadow, Some(Action::MarkGone), Outcome::Ignored),
        ("DELETE", OtherSource::None, Some(Action::Delete), Outcome::Deleted),
        ("DELETE", OtherSource::HoldsLiveShadow, Some(Action::MarkGone), Outcome::Ignored),
        ("UNLINK", OtherSource::None, Some(Action::Unlink), Outcome::Unlinked),
        ("UNLINK", OtherSource::HoldsLiveShadow, Some(Action::Unlink), Outcome::Unlinked),
        ("IGNORE", OtherSource::None, None, Outcome::Ignored),
        ("REPORT", OtherSource::None, None, Outcome::Reported),
    ] {
        let inbound = inbound(&json!({ "reactions": { "MISSING": word } }));
        let decision = inbound.decide_missing(&shadow(ShadowState::Live, 1), Some(&object(1, None)), other);
        assert_eq!(brief(&decision), (Some(Situation::Missing), outcome, action), "{word} {other:?}");
    }
    let inbound = inbound(&json!({ "reactions": { "MISSING": "DELETE" } }));
    let orphan = inbound.decide_missing(&shadow(ShadowState::Live, 1), None, OtherSource::None);
    assert_eq!(brief(&orphan).2, Some(Action::MarkGone), "there is no object to delete");
}

#[test]
fn no_reaction_disables_deletes_or_links_who_is_protected() {
    for word in ["DISABLE", "ANONYMIZE", "DELETE", "UNLINK"] {
        let inbound = inbound(&json!({ "protected": "name eq \"Ann\"", "reactions": { "MISSING": word } }));
        let shadow = shadow(ShadowState::Live, 1);
        let decision = inbound.decide_missing(&shadow, Some(&object(1, None)), OtherSource::None);
        assert_eq!(brief(&decision), (Some(Situation::Missing), Outcome::Reported, None), "{word}");
        let decision = decide(&inbound, &fitting(vec![object(1, None)]), &account());
        assert_eq!(brief(&decision), (Some(Situation::Unlinked), Outcome::Reported, None), "{word}");
    }
}

#[test]
fn who_has_a_live_account_again_is_enabled_unless_somebody_else_disabled_them() {
    use DisabledReason::{ByHand, Inactive, Mapped, Missing};
    let inbound = inbound(&json!({}));
    for disabled in [None, Some(Missing), Some(Mapped), Some(Inactive), Some(ByHand)] {
        let enabled = if disabled == Some(Missing) { StateChange::Enable } else { StateChange::Keep };
        for (facts, state) in [
            (linked(ShadowState::Live, disabled), StateChange::Keep),
            (linked(ShadowState::Gone, disabled), enabled),
            (InboundFacts { lost_one: true, ..fitting(vec![object(1, disabled)]) }, enabled),
            (fitting(vec![object(1, disabled)]), StateChange::Keep),
        ] {
            let change = decide(&inbound, &facts, &account()).change.expect("a change");
            assert_eq!(
                change.state,
                state,
                "{disabled:?} {:?}",
                facts.shadow.as_ref().map(|shadow| shadow.state)
            );
        }
    }
}

#[test]
fn an_object_that_has_a_live_account_of_the_class_is_disputed() {
    let inbound = inbound(&json!({}));
    let mut returned = linked(ShadowState::Gone, None);
    returned.rival = Some("9".to_owned());
    let mut newcomer = fitting(vec![object(1, None)]);
    newcomer.rival = Some("9".to_owned());
    for facts in [returned, newcomer] {
        let decision = decide(&inbound, &facts, &account());
        assert_eq!(brief(&decision), (Some(Situation::Disputed), Outcome::Reported, None));
        assert!(decision.problem.expect("a problem").message.ends_with("which belongs to account `9`"));
    }
}

#[test]
fn accounts_that_come_to_one_object_by_different_rules_claim_it_both() {
    let inbound = inbound(&json!({}));
    let claimed = |uid: &str, account: &Attributes| {
        let view = AccountView { uid, place: None, enabled: None, attributes: account };
        let decision = inbound.decide(view, &fitting(vec![object(1, None)]), now());
        decision.change.expect("a change").correlation
    };
    let (one, other) = (claimed("1", &account()), claimed("2", &attributes(&[("email", "b@x")])));
    assert_eq!(one.iter().filter(|key| other.contains(key)).count(), 1, "{one:?} {other:?}");
}

#[test]
fn an_account_under_a_new_key_takes_the_shadow_of_the_only_one_that_its_object_has() {
    let newcomer = || InboundFacts {
        rival: Some("1".to_owned()),
        predecessor: Some(shadow(ShadowState::Live, 1)),
        ..fitting(vec![object(1, None)])
    };
    let decide = |inbound: &Inbound, facts: &InboundFacts| {
        let view = AccountView { uid: "11", place: None, enabled: None, attributes: &account() };
        inbound.decide(view, facts, now())
    };
    let usual = inbound(&json!({}));
    let change = decide(&usual, &newcomer()).change.expect("a change");
    assert_eq!((change.action, change.situation), (Action::Link, Situation::Unlinked));
    assert_eq!((change.succeeds.as_deref(), change.uid.as_str()), (Some("1"), "11"));
    assert_eq!(change.shadow, Some(ShadowBase { no: ShadowNo(5), version: 2 }));
    assert_eq!(change.digest, usual.shortcut("11", &account()));

    let mut ignored = usual;
    ignored.absence = Absence::Ignored;
    let known = InboundFacts { shadow: Some(shadow(ShadowState::Gone, 1)), ..newcomer() };
    for (case, inbound, facts) in [
        ("absence is not concluded", &ignored, newcomer()),
        ("it has a shadow", &inbound(&json!({})), known),
        (
            "it fits several",
            &inbound(&json!({})),
            InboundFacts { candidates: vec![object(1, None), object(2, None)], ..newcomer() },
        ),
        ("protected", &inbound(&json!({ "protected": "name eq \"Ann\"" })), newcomer()),
        ("not to be taken for the same", &inbound(&json!({ "recreated": "REPORT" })), newcomer()),
        ("not to be linked", &inbound(&json!({ "reactions": { "UNLINKED": "REPORT" } })), newcomer()),
    ] {
        let decision = decide(inbound, &facts);
        assert_eq!(brief(&decision), (Some(Situation::Disputed), Outcome::Reported, None), "{case}");
    }
}

#[test]
fn an_account_of_somebody_whose_account_is_gone_is_linked_unless_somebody_is_to_decide() {
    let facts = || InboundFacts { lost_one: true, ..fitting(vec![object(1, Some(DisabledReason::Missing))]) };
    for (word, action, outcome) in
        [("RELINK", Some(Action::Link), Outcome::Updated), ("REPORT", None, Outcome::Reported)]
    {
        let decision = decide(&inbound(&json!({ "recreated": word })), &facts(), &account());
        assert_eq!(brief(&decision), (Some(Situation::Unlinked), outcome, action), "{word}");
    }
    let newcomer =
        decide(&inbound(&json!({ "recreated": "REPORT" })), &fitting(vec![object(1, None)]), &account());
    assert_eq!(brief(&newcomer).2, Some(Action::Link), "nobody has lost an account");
}

#[test]
fn a_change_says_everything_that_applying_it_needs() {
    let inbound = inbound(&json!({}));
    let renamed = attributes(&[("name", "Anna"), ("email", "anna@x")]);
    let change = decide(&inbound, &linked(ShadowState::Live, None), &renamed).change.expect("a change");
    assert_eq!((change.action, change.place), (Action::Update, Some(2)));
    assert_eq!(
        (change.object.map(|base| base.version), change.shadow.map(|base| base.version)),
        (Some(3), Some(2))
    );
    let names: Vec<&str> = change.differences.iter().map(|difference| difference.name.as_str()).collect();
    assert_eq!(names, ["email", "name"]);
    assert_eq!((&change.result, &change.snapshot), (&renamed, &renamed));
    assert_eq!((change.keys_added.len(), change.keys_removed.len()), (1, 1));
    assert_eq!(change.digest, inbound.shortcut("1", &renamed));
    assert_ne!(change.digest, inbound.shortcut("1", &account()));
    assert_eq!(change.due_at, None);
    assert!(change.correlation.is_empty(), "who is linked is not looked for");
}

#[test]
fn a_rule_that_reads_the_day_ends_its_promise_at_midnight() {
    let today = json!({ "attributeMappings": [
        { "attribute": "seen", "direction": "INBOUND", "strategy": "CUSTOM", "rule": "today()" },
    ] });
    let change =
        decide(&inbound(&today), &linked(ShadowState::Live, None), &account()).change.expect("a change");
    let due = change.due_at.expect("an instant");
    assert_eq!(due.to_rfc3339(), "2026-11-02T00:00:00+00:00");
}

#[test]
fn import_does_not_trust_the_past() {
    let mut inbound =
        inbound(&json!({ "attributeMappings": [mapping("INBOUND", &json!({ "strength": "NORMAL" }))] }));
    let mut facts = linked(ShadowState::Live, None);
    facts.owner.as_mut().expect("an owner").attributes = attributes(&[("name", "Somebody")]);
    assert_eq!(brief(&decide(&inbound, &facts, &account())).2, Some(Action::Refresh));
    assert!(inbound.shortcut("1", &account()).is_some());
    inbound.import = true;
    assert_eq!(brief(&decide(&inbound, &facts, &account())).2, Some(Action::Update));
    assert_eq!(inbound.shortcut("1", &account()), None);
}
