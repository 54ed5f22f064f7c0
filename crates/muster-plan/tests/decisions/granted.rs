//! What an account was granted: remembered, withdrawn when nobody grants it any more, and told from what people put
//! there themselves.

use muster_model::run::Outcome;
use muster_model::{Attributes, Field, Value};
use muster_plan::change::{Action, Change};
use muster_plan::decision::{AccountView, Decision, ShadowFacts};
use muster_plan::outbound::taken::TakenValues;
use muster_plan::outbound::{Outbound, OutboundFacts, OwnerView, Profiles};
use serde_json::json;

use crate::outbound::{outbound, owner, profile, shadow};
use crate::rules::{attributes, now};

const STAFF: &str = "department eq \"IT\"";

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// The usual target, where one profile grants people of a department these groups.
fn granting(groups: &[&str]) -> Outbound {
    Outbound {
        profiles: Profiles::new(vec![profile("staff", STAFF, 0, groups)]),
        ..outbound(&json!({ "UNASSIGNED": "DISABLE" }))
    }
}

fn account(groups: &[&str]) -> Attributes {
    let mut account = attributes(&[("uid", "1"), ("name", "Ann")]);
    account.set("groups".into(), Field::Many(groups.iter().map(|group| Value::from(*group)).collect()));
    account
}

fn granted(groups: &[&str]) -> ShadowFacts {
    ShadowFacts { granted: texts(groups), ..shadow(None) }
}

fn decide(outbound: &Outbound, shadow: Option<ShadowFacts>, department: &str, held: &[&str]) -> Decision {
    let owner = owner(department, None);
    let (owner, candidates) = if shadow.is_some() { (Some(owner), vec![]) } else { (None, vec![owner]) };
    let facts = OutboundFacts { shadow, owner, candidates, ..OutboundFacts::default() };
    let held = account(held);
    let view = AccountView { uid: "1", place: Some(1), enabled: Some(true), attributes: &held };
    outbound.decide_account(view, &facts, now()).expect("in scope")
}

fn removed(change: &Change) -> Vec<String> {
    change.memberships.first().map(|membership| membership.remove.clone()).unwrap_or_default()
}

#[test]
fn what_was_granted_is_withdrawn_whatever_the_profiles_speak_of() {
    for (profiles, remembered, held, removes) in [
        (vec!["all"], vec!["admins", "all"], vec!["admins", "all"], vec!["admins"]),
        (vec!["all"], vec!["all"], vec!["admins", "all"], vec![]),
        (vec!["all"], vec!["admins", "all"], vec!["all", "friends"], vec![]),
        (vec![], vec!["admins", "all"], vec!["admins", "all", "friends"], vec!["admins", "all"]),
        (vec!["admins", "all"], vec!["all"], vec!["all", "friends"], vec![]),
    ] {
        let outbound = granting(&profiles);
        let change = decide(&outbound, Some(granted(&remembered)), "IT", &held).change.expect("a change");
        let what = format!("{profiles:?} {remembered:?} {held:?}");
        assert_eq!(removed(&change), texts(&removes), "{what}");
        assert_eq!(change.granted, Some(texts(&profiles)), "{what}: remembered afterwards");
    }
}

#[test]
fn an_account_that_is_disabled_loses_what_it_was_granted() {
    for (profiles, remembered, removes) in [
        (vec!["all"], vec!["admins", "all"], vec!["admins", "all"]),
        (vec![], vec!["admins", "all"], vec!["admins", "all"]),
        (vec![], vec![], vec![]),
    ] {
        let outbound = granting(&profiles);
        let held = ["admins", "all", "friends"];
        let decision = decide(&outbound, Some(granted(&remembered)), "HR", &held);
        let change = decision.change.expect("a change");
        assert_eq!((decision.outcome, change.action), (Outcome::Disabled, Action::Disable));
        assert_eq!(removed(&change), texts(&removes), "{profiles:?} {remembered:?}");
        assert_eq!(change.granted, Some(Vec::new()));
    }
}

#[test]
fn creates_and_links_remember_what_they_grant() {
    let outbound = granting(&["admins", "all"]);
    let linked = decide(&outbound, None, "IT", &["friends"]).change.expect("a change");
    assert_eq!((linked.action, linked.granted), (Action::Link, Some(texts(&["admins", "all"]))));
    let object = owner("IT", None);
    let view = OwnerView { object: &object, shadow: None, taken: &TakenValues::default() };
    let created = outbound.decide_owner(view, now()).and_then(|decision| decision.change).expect("a change");
    assert_eq!((created.action, created.granted), (Action::Create, Some(texts(&["admins", "all"]))));
}

#[test]
fn a_target_without_memberships_leaves_what_is_remembered() {
    let mut outbound = granting(&["all"]);
    outbound.abilities.membership = None;
    let change = decide(&outbound, Some(granted(&["admins"])), "IT", &[]).change.expect("a change");
    assert_eq!((change.granted, change.memberships), (None, vec![]));
}

#[test]
fn the_promise_ends_when_an_entitlement_leaves_its_profile() {
    let (before, after) = (granting(&["admins", "all"]), granting(&["all"]));
    let owner = owner("IT", None);
    let [of_before, of_after] =
        [&before, &after].map(|outbound| outbound.owner_digest(&outbound.rules[0], &owner));
    assert_ne!(of_before, of_after);
    // As long as it holds, what is remembered is what is granted: deciding again would take nothing away.
    let held = ["admins", "all", "friends"];
    let kept = decide(&before, Some(granted(&["admins", "all"])), "IT", &held).change.expect("a change");
    assert_eq!((kept.action, kept.digest), (Action::Refresh, Some(of_before)));
}
