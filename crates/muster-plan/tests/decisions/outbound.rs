//! Outbound decisions: grants, accounts, and what becomes of those nobody grants.

use muster_model::configuration::application::{Direction, Situation};
use muster_model::configuration::profile::{ApplicationProfile, Deprovisioning, EntitlementAssignment};
use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_model::shadow::ShadowState;
use muster_model::{
    ApplicationId, Attributes, ConfigurationId, DirectoryId, DisabledReason, Field, ImObject, ObjectClassId,
    ObjectId, ObjectKind, Provenance, ShadowNo, Value,
};
use muster_plan::change::{Action, ShadowBase, StateChange};
use muster_plan::decision::{AccountView, Decision, Problem, ShadowFacts};
use muster_plan::dispute::Decided;
use muster_plan::outbound::taken::TakenValues;
use muster_plan::outbound::{AccountAbilities, Outbound, OutboundFacts, OwnerView, Profiles};
use serde_json::json;
use uuid::Uuid;

use crate::rules::{attributes, mapping, now, rules};

pub(crate) fn profile(id: &str, condition: &str, priority: i32, groups: &[&str]) -> ApplicationProfile {
    let class = ObjectClassId::new("group").expect("an id");
    let assigned = groups.iter().map(|group| EntitlementAssignment {
        object_class_id: class.clone(),
        entitlement: (*group).to_owned(),
        condition: None,
    });
    ApplicationProfile {
        id: ConfigurationId::new(id).expect("an id"),
        name: id.to_owned(),
        application_id: ApplicationId::new("ad").expect("an id"),
        object_kind: ObjectKind::Identity,
        object_matching_condition: Some(condition.parse().expect("a condition")),
        entitlement_assignments: assigned.collect(),
        priority,
        deprovisioning: Deprovisioning::Delete,
    }
}

pub(crate) fn outbound(reactions: &serde_json::Value) -> Outbound {
    let fields = json!({
        "attributeMappings": [
            mapping("OUTBOUND", &json!({ "attribute": "uid", "source": "number" })),
            mapping("OUTBOUND", &json!({ "onNoMatch": "CLEAR" })),
        ],
        "reactions": reactions,
    });
    Outbound {
        application: ApplicationId::new("ad").expect("an id"),
        class: ObjectClassId::new("person").expect("an id"),
        uid_attribute: "uid".into(),
        rules: vec![rules(Direction::Outbound, &fields, &[])],
        profiles: Profiles::new(vec![
            profile("staff", "department eq \"IT\" or department eq \"FIN\"", 0, &["all"]),
            profile("admins", "department eq \"IT\"", 5, &["admins", "all"]),
        ]),
        scope: "kind eq \"IDENTITY\"".parse().expect("a condition"),
        abilities: AccountAbilities {
            can_be_disabled: true,
            membership: Some("groups".into()),
            name: None,
            can_be_renamed: false,
        },
    }
}

pub(crate) fn owner(department: &str, disabled: Option<DisabledReason>) -> ImObject {
    ImObject {
        id: ObjectId(Uuid::from_u128(1)),
        kind: ObjectKind::Identity,
        directory: DirectoryId::main(),
        object_type: None,
        disabled,
        version: 3,
        attributes: attributes(&[("number", "1"), ("name", "Ann"), ("department", department)]),
        provenance: Provenance::default(),
    }
}

pub(crate) fn shadow(profile: Option<&str>) -> ShadowFacts {
    ShadowFacts {
        base: ShadowBase { no: ShadowNo(5), version: 2 },
        uid: "1".to_owned(),
        state: ShadowState::Live,
        owner: Some(ObjectId(Uuid::from_u128(1))),
        snapshot: Attributes::new(),
        profile: profile.map(|id| ConfigurationId::new(id).expect("an id")),
        granted: Vec::new(),
        disabled: None,
        read_by: None,
    }
}

fn account(name: &str, groups: &[&str]) -> Attributes {
    let mut account = attributes(&[("uid", "1"), ("name", name)]);
    account.set("groups".into(), Field::Many(groups.iter().map(|group| Value::from(*group)).collect()));
    account
}

fn decide(outbound: &Outbound, owner: Option<ImObject>, enabled: bool, account: &Attributes) -> Decision {
    let facts = OutboundFacts { shadow: Some(shadow(Some("admins"))), owner, ..OutboundFacts::default() };
    let view = AccountView { uid: "1", place: Some(1), enabled: Some(enabled), attributes: account };
    outbound.decide_account(view, &facts, now()).expect("in scope")
}

fn view<'a>(object: &'a ImObject, shadow: Option<&'a ShadowFacts>, taken: &'a TakenValues) -> OwnerView<'a> {
    OwnerView { object, shadow, taken }
}

#[test]
fn an_account_gets_what_its_profiles_grant_and_keeps_what_is_none_of_our_business() {
    let outbound = outbound(&json!({}));
    for (department, held, add, remove) in [
        ("IT", vec!["admins", "all"], vec![], vec![]),
        ("IT", vec!["friends"], vec!["admins", "all"], vec![]),
        ("FIN", vec!["admins", "all", "friends"], vec![], vec!["admins"]),
        ("FIN", vec![], vec!["all"], vec![]),
    ] {
        let decision = decide(&outbound, Some(owner(department, None)), true, &account("Ann", &held));
        let change = decision.change.expect("a change");
        let found =
            change.memberships.first().map(|one| (one.add.clone(), one.remove.clone())).unwrap_or_default();
        let texts = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(found, (texts(add), texts(remove)), "{department} {held:?}");
    }
}

#[test]
fn an_account_is_compared_and_corrected() {
    let outbound = outbound(&json!({}));
    for (name, enabled, disabled, action, state) in [
        ("Ann", true, None, Action::Refresh, StateChange::Keep),
        ("By Hand", true, None, Action::Update, StateChange::Keep),
        ("Ann", false, None, Action::Update, StateChange::Enable),
        ("Ann", false, Some(DisabledReason::Missing), Action::Refresh, StateChange::Keep),
        (
            "Ann",
            true,
            Some(DisabledReason::Missing),
            Action::Update,
            StateChange::Disable(DisabledReason::Missing),
        ),
    ] {
        let held = account(name, &["admins", "all"]);
        let change = decide(&outbound, Some(owner("IT", disabled)), enabled, &held).change.expect("a change");
        assert_eq!((change.action, change.state), (action, state), "{name} {enabled} {disabled:?}");
        let rules = &outbound.rules[0];
        // What is promised is what the account is once the change has been carried out.
        let mut after = held.clone();
        for (attribute, field) in &change.result {
            after.set(attribute.clone(), field.clone());
        }
        let enabled_after = match change.state {
            StateChange::Keep => enabled,
            StateChange::Enable => true,
            StateChange::Disable(_) => false,
        };
        assert_eq!(change.account_digest, Some(outbound.account_digest(rules, Some(enabled_after), &after)));
        assert_eq!(change.digest, Some(outbound.owner_digest(rules, &owner("IT", disabled))));
    }
}

#[test]
fn an_owner_that_lacks_an_account_gets_one_when_it_is_granted() {
    let outbound = outbound(&json!({}));
    for (department, had, expected) in [
        ("IT", false, Some(Situation::Absent)),
        ("IT", true, Some(Situation::Missing)),
        ("HR", false, None),
        ("HR", true, None),
    ] {
        let known = had.then(|| shadow(Some("admins")));
        let object = owner(department, None);
        let decision = outbound.decide_owner(view(&object, known.as_ref(), &TakenValues::default()), now());
        assert_eq!(decision.as_ref().and_then(|decision| decision.situation), expected, "{department} {had}");
        let Some(change) = decision.and_then(|decision| decision.change) else { continue };
        assert_eq!((change.action, change.uid.as_str()), (Action::Create, "1"));
        assert_eq!(
            change.profile.as_ref().map(ConfigurationId::as_str),
            Some("admins"),
            "the higher priority grants it"
        );
    }
}

#[test]
fn a_shadow_is_forgotten_when_its_account_is_gone_and_nobody_grants_it() {
    for (department, reaction, forgotten) in [
        (Some("HR"), "CREATE", true),
        (Some("HR"), "IGNORE", true),
        (Some("IT"), "CREATE", false),
        (Some("IT"), "UNLINK", false),
        (Some("OUT"), "CREATE", false),
        (None, "CREATE", true),
    ] {
        let mut outbound = outbound(&json!({ "MISSING": reaction, "UNASSIGNED": "IGNORE" }));
        outbound.scope = "department ne \"OUT\"".parse().expect("a condition");
        let object = department.map(|department| owner(department, None));
        let decision = outbound.decide_gone(&shadow(Some("admins")), object.as_ref());
        let found = decision.map(|decision| (decision.situation, decision.outcome));
        let expected = forgotten.then_some((Some(Situation::Missing), Outcome::Unlinked));
        assert_eq!(found, expected, "{department:?} {reaction}");
    }
}

#[test]
fn nobody_outside_the_scope_is_touched() {
    let mut outbound = outbound(&json!({}));
    outbound.scope = "department eq \"FIN\"".parse().expect("a condition");
    let facts = OutboundFacts {
        shadow: Some(shadow(None)),
        owner: Some(owner("IT", None)),
        ..OutboundFacts::default()
    };
    let held = account("By Hand", &[]);
    let found = AccountView { uid: "1", place: None, enabled: Some(true), attributes: &held };
    assert_eq!(outbound.decide_account(found, &facts, now()), None);
    let object = owner("IT", None);
    assert_eq!(outbound.decide_owner(view(&object, None, &TakenValues::default()), now()), None);
    // An account whose owner is deleted is always looked at.
    let facts = OutboundFacts { owner: None, ..facts };
    let decision = outbound.decide_account(found, &facts, now()).expect("a decision");
    assert_eq!(decision.situation, Some(Situation::Unassigned));
}

#[test]
fn what_nobody_grants_any_more_goes_as_its_profile_says() {
    for (reaction, granted_by, outcome) in [
        ("DISABLE", Some("admins"), Outcome::Deleted),
        ("DISABLE", None, Outcome::Disabled),
        ("DELETE", None, Outcome::Deleted),
        ("UNLINK", None, Outcome::Unlinked),
        ("DELETE", Some("unknown"), Outcome::Deleted),
        ("IGNORE", Some("admins"), Outcome::Ignored),
        ("REPORT", Some("admins"), Outcome::Reported),
    ] {
        let outbound = outbound(&json!({ "UNASSIGNED": reaction }));
        let facts = OutboundFacts {
            shadow: Some(shadow(granted_by)),
            owner: Some(owner("HR", None)),
            ..OutboundFacts::default()
        };
        let held = account("Ann", &["all"]);
        let view = AccountView { uid: "1", place: None, enabled: Some(true), attributes: &held };
        let decision = outbound.decide_account(view, &facts, now()).expect("in scope");
        assert_eq!(
            (decision.situation, decision.outcome),
            (Some(Situation::Unassigned), outcome),
            "{reaction} {granted_by:?}"
        );
    }
}

#[test]
fn an_account_of_nobody_has_its_reaction_too() {
    for (reaction, enabled, outcome) in [
        ("DISABLE", true, Outcome::Disabled),
        ("DISABLE", false, Outcome::Unchanged),
        ("DELETE", true, Outcome::Deleted),
        ("IGNORE", true, Outcome::Ignored),
        ("REPORT", true, Outcome::Reported),
    ] {
        let outbound = outbound(&json!({ "UNMATCHED": reaction }));
        let held = account("Root", &[]);
        let view = AccountView { uid: "root", place: None, enabled: Some(enabled), attributes: &held };
        let decision = outbound.decide_account(view, &OutboundFacts::default(), now()).expect("in scope");
        assert_eq!(
            (decision.situation, decision.outcome),
            (Some(Situation::Unmatched), outcome),
            "{reaction} {enabled}"
        );
        if let Some(change) = decision.change {
            assert_eq!((change.shadow, change.object), (None, None), "nothing of ours is touched");
        }
    }
}

#[test]
fn of_an_account_without_a_known_owner_people_hear_why() {
    let outbound = outbound(&json!({}));
    for (candidates, why) in [
        (vec![], "no object fits it".to_owned()),
        (
            vec![owner("HR", None)],
            format!("no profile grants object {}, which it fits, an account", owner("HR", None).id),
        ),
    ] {
        let facts = OutboundFacts { candidates, ..OutboundFacts::default() };
        let held = account("Ann", &[]);
        let view = AccountView { uid: "stray", place: None, enabled: Some(true), attributes: &held };
        let told = outbound.decide_account(view, &facts, now()).and_then(|decision| decision.problem);
        let message = format!("the owner of account `stray` is not known: {why}");
        assert_eq!(told, Some(Problem { code: ErrorCode::OwnerUnknown, message }));
    }
}

#[test]
fn an_account_that_fits_somebody_with_another_account_is_disputed() {
    let outbound = outbound(&json!({ "UNLINKED": "LINK" }));
    for (rival, situation, action) in
        [(None, Situation::Unlinked, Some(Action::Link)), (Some("1"), Situation::Disputed, None)]
    {
        let facts = OutboundFacts {
            candidates: vec![owner("IT", None)],
            rival: rival.map(str::to_owned),
            ..OutboundFacts::default()
        };
        let held = account("Ann", &[]);
        let view = AccountView { uid: "stray", place: None, enabled: Some(true), attributes: &held };
        let decision = outbound.decide_account(view, &facts, now()).expect("in scope");
        assert_eq!(decision.situation, Some(situation), "{rival:?}");
        assert_eq!(decision.change.as_ref().map(|change| change.action), action, "{rival:?}");
        let told = decision.problem.map(|problem| problem.message).unwrap_or_default();
        assert_eq!(told.ends_with("which belongs to account `1`"), rival.is_some(), "{told}");
    }
}

#[test]
fn an_account_whose_owner_is_deleted_goes_to_the_one_who_is_to_have_it() {
    let staff = |number| ImObject { id: ObjectId(Uuid::from_u128(number)), ..owner("IT", None) };
    let elsewhere = ImObject { directory: DirectoryId::new("partners").expect("an id"), ..staff(2) };
    let link = json!({ "UNLINKED": "LINK" });
    for (candidates, rival, reactions, expected) in [
        (vec![staff(2)], None, &link, (Situation::Unlinked, Some(Action::Link))),
        (vec![], None, &link, (Situation::Unassigned, Some(Action::Disable))),
        (vec![staff(2), staff(3)], None, &link, (Situation::Unassigned, Some(Action::Disable))),
        (vec![staff(2)], Some("9"), &link, (Situation::Unassigned, Some(Action::Disable))),
        (vec![owner("HR", None)], None, &link, (Situation::Unassigned, Some(Action::Disable))),
        (vec![elsewhere], None, &link, (Situation::Unassigned, Some(Action::Disable))),
        (
            vec![staff(2)],
            None,
            &json!({ "UNLINKED": "REPORT" }),
            (Situation::Unassigned, Some(Action::Disable)),
        ),
    ] {
        let case = format!("{candidates:?} {rival:?} {reactions}");
        let facts = OutboundFacts {
            shadow: Some(shadow(None)),
            candidates,
            rival: rival.map(str::to_owned),
            ..OutboundFacts::default()
        };
        let held = account("Ann", &["admins", "all"]);
        let view = AccountView { uid: "1", place: None, enabled: Some(true), attributes: &held };
        let scope = "directory eq \"main\"".parse().expect("a condition");
        let outbound = Outbound { scope, ..outbound(reactions) };
        let decision = outbound.decide_account(view, &facts, now()).expect("in scope");
        let change = decision.change.expect("a change");
        assert_eq!((change.situation, Some(change.action)), expected, "{case}");
        let object = change.object.map(|object| object.id);
        assert_eq!(object, (change.action == Action::Link).then_some(staff(2).id), "{case}");
        assert_eq!(change.shadow, Some(shadow(None).base), "{case}");
    }
}

#[test]
fn an_account_that_its_deleted_owner_left_disabled_is_enabled_for_the_next() {
    let facts = OutboundFacts {
        shadow: Some(ShadowFacts { disabled: Some(DisabledReason::NotEntitled), ..shadow(Some("staff")) }),
        candidates: vec![owner("IT", None)],
        ..OutboundFacts::default()
    };
    let held = account("Old", &[]);
    let view = AccountView { uid: "1", place: None, enabled: Some(false), attributes: &held };
    let link = outbound(&json!({ "UNLINKED": "LINK" })).decide_account(view, &facts, now());
    let change = link.and_then(|decision| decision.change).expect("a change");
    assert_eq!((change.action, change.state), (Action::Link, StateChange::Enable));
    assert_eq!(change.memberships[0].add, ["admins", "all"]);
    assert_eq!(change.differences[0].name.as_str(), "name");
}

#[test]
fn an_account_that_was_left_behind_goes_to_the_owner_of_its_key_unless_somebody_says_otherwise() {
    let outbound = outbound(&json!({}));
    for (department, decided, outcome) in
        [("IT", None, Some(Outcome::Updated)), ("IT", Some(Decided::Ignore), None), ("HR", None, None)]
    {
        let facts = OutboundFacts {
            shadow: Some(shadow(None)),
            candidates: vec![owner(department, None)],
            decided,
            ..OutboundFacts::default()
        };
        let held = account("Old", &["all"]);
        let view = AccountView { uid: "1", place: None, enabled: Some(true), attributes: &held };
        let decision = outbound.decide_left_behind(view, &facts, now());
        assert_eq!(decision.map(|decision| decision.outcome), outcome, "{facts:?}");
    }
}
