//! Accounts about which runs do not decide by themselves: what the list of them says from run to run, and how what
//! somebody decides is followed.

use muster_engine::{DisputeError, NamedAccount};
use muster_model::audit::Act;
use muster_model::configuration::ConfigurationKind;
use muster_model::configuration::application::Situation;
use muster_model::dispute::DisputeDecision;
use muster_model::run::{Mode, Outcome, OutcomeStatus};
use muster_plan::key::KeyHash;
use muster_store::{AuditFilter, DisputeFilter, DisputeRecord, HandLinked, WhenUnlinked};
use muster_testkit::world::configuration::{ad, crm, hr};
use muster_testkit::world::{TestDatabase, World, on_each_database, synchronization};
use serde_json::json;

use crate::staff::hired;

const ALL: DisputeFilter<'static> =
    DisputeFilter { after: None, limit: 1000, application: None, situation: None, decided: None };

async fn records(world: &World) -> Vec<DisputeRecord> {
    world.store().disputes(&ALL).await.unwrap()
}

/// The list in short: account, situation, how many candidates, decision.
async fn list(world: &World) -> Vec<String> {
    let mut lines: Vec<String> = records(world)
        .await
        .into_iter()
        .map(|record| {
            let decision = record.decision.map(|made| format!(" {}", made.decision)).unwrap_or_default();
            let void = record.void.map(|_| " void").unwrap_or_default();
            let situation = record.situation.as_str();
            format!(
                "{}/{} {situation} {}{decision}{void}",
                record.application,
                record.uid,
                record.candidates.len()
            )
        })
        .collect();
    lines.sort();
    lines
}

async fn key(world: &World, uid: &str) -> KeyHash {
    let found = records(world).await.into_iter().find(|record| record.uid == uid);
    found.unwrap_or_else(|| panic!("no dispute about `{uid}`")).key
}

async fn decide(world: &World, uid: &str, decision: DisputeDecision, object: Option<&str>) {
    try_decide(world, uid, decision, object).await.unwrap();
}

async fn try_decide(
    world: &World,
    uid: &str,
    decision: DisputeDecision,
    object: Option<&str>,
) -> Result<(), String> {
    let object = match object {
        Some(name) => Some(world.object(name).await.id),
        None => None,
    };
    let decided =
        world.engine().decide_dispute(world.store(), key(world, uid).await, (decision, object)).await;
    decided.map(|_| ()).map_err(|error| error.to_string())
}

/// Ann and Bob share an address, which is that of a contact of the CRM.
async fn disputed(database: &TestDatabase) -> World {
    let world = hired(database).await;
    world.hire("2", "ann@x", "Bob", "FIN");
    world.synchronize("hr").await;
    world.contact("c1", "Ann@x", "7");
    world.synchronize("crm").await;
    world
}

#[test]
fn a_dispute_says_why_and_stays_until_its_account_is_gone() {
    on_each_database(async |database| {
        let world = disputed(database).await;
        let found = records(&world).await.remove(0);
        assert_eq!((found.situation, found.candidates.len(), found.rule), (Situation::Disputed, 2, Some(1)));
        let compared: Vec<_> =
            found.compared.iter().map(|(name, field)| format!("{name}={field:?}")).collect();
        assert!(compared.len() == 1 && compared[0].contains("Ann@x"), "{compared:?}");
        assert!(found.message.starts_with("several objects fit account `c1`: "), "{}", found.message);
        let run = world.synchronize("crm").await;
        let again = records(&world).await.remove(0);
        assert_eq!((again.key, again.first_at, again.run), (found.key, found.first_at, Some(run.id)));
        assert!(again.seen_at > found.seen_at);
        world.system("crm").take("contact", "c1");
        world.contact("c2", "zoe@x", "8");
        world.synchronize("crm").await;
        assert_eq!(list(&world).await, [""; 0]);
    });
}

#[test]
fn a_simulation_and_a_sweep_in_part_leave_the_list_as_it_is() {
    on_each_database(async |database| {
        let world = disputed(database).await;
        let before = records(&world).await;
        world.system("crm").take("contact", "c1");
        world.contact("c2", "ANN@x", "8");
        world.run(synchronization("crm", Mode::Simulate)).await;
        assert_eq!(records(&world).await, before);
        world.system("crm").put_bad("contact", "9", None);
        world.synchronize("crm").await;
        assert_eq!(list(&world).await, ["crm/c1 DISPUTED 2", "crm/c2 DISPUTED 2"], "9 may be c1");
        world.system("crm").take("contact", "9");
        world.synchronize("crm").await;
        assert_eq!(list(&world).await, ["crm/c2 DISPUTED 2"]);
    });
}

#[test]
fn a_run_that_finds_the_same_writes_none_and_one_that_finds_none_asks_for_none() {
    on_each_database(async |database| {
        let orphans = async |orphans: u32, page: usize| {
            let world = World::usual(database).await.with_page_size(page);
            let mut application = ad();
            application["objectTypes"][0]["reactions"] = json!({ "UNMATCHED": "IGNORE" });
            world.save(ConfigurationKind::Application, application).await;
            world.hire("1", "ann@x", "Ann", "IT");
            world.synchronize("hr").await;
            for number in 1..=orphans {
                let uid = format!("s{number}");
                world.put("ad", "account", &uid, &[("uid", &uid), ("mail", &format!("{uid}@x"))]);
            }
            world.provision("ad").await;
            assert_eq!(list(&world).await.len(), orphans as usize);
            let run = world.provision("ad").await;
            assert_eq!(run.counters.outcome(Outcome::Ignored), u64::from(orphans));
            let written_once = "(SELECT tenant FROM dispute WHERE seen_at = first_at) AS d";
            assert_eq!(world.count_rows(written_once).await, i64::from(orphans), "none is written again");
            run.statements
        };
        let few = orphans(20, 1000).await;
        assert_eq!(orphans(80, 1000).await, few, "whatever their number");
        assert!(orphans(0, 1000).await < few);
    });
}

#[test]
fn a_link_that_somebody_decided_is_made_by_the_next_run() {
    on_each_database(async |database| {
        for keys in [None, Some(vec!["c1".to_owned()])] {
            let world = disputed(database).await;
            decide(&world, "c1", DisputeDecision::Link, Some("2")).await;
            assert_eq!(list(&world).await, ["crm/c1 DISPUTED 2 LINK"]);
            let mut launch = synchronization("crm", Mode::Apply);
            launch.keys = keys;
            let run = world.run(launch).await;
            assert_eq!(world.changes(&run).await, ["LINK c1"]);
            assert!(world.picture().await.contains("shadow crm/c1 live, of 2"));
            assert_eq!(list(&world).await, [""; 0]);
            let again = world.synchronize("crm").await;
            assert_eq!(again.counters.outcome(Outcome::Unchanged), 1, "it is linked for good");
        }
    });
}

#[test]
fn somebody_new_is_made_in_spite_of_whom_the_account_fits() {
    on_each_database(async |database| {
        let world = disputed(database).await;
        decide(&world, "c1", DisputeDecision::New, None).await;
        let run = world.synchronize("crm").await;
        assert_eq!(world.changes(&run).await, ["CREATE c1"]);
        assert_eq!(world.objects().await.len(), 3);
        assert_eq!(list(&world).await, [""; 0]);
    });
}

#[test]
fn what_is_ignored_is_counted_and_told_no_more_until_somebody_takes_that_back() {
    on_each_database(async |database| {
        let world = disputed(database).await;
        decide(&world, "c1", DisputeDecision::Ignore, None).await;
        let run = world.synchronize("crm").await;
        assert_eq!((run.counters.outcome(Outcome::Ignored), world.problems(&run).await.len()), (1, 0));
        assert_eq!(list(&world).await, ["crm/c1 DISPUTED 2 IGNORE"]);
        world.engine().withdraw_decision(world.store(), key(&world, "c1").await).await.unwrap();
        let run = world.synchronize("crm").await;
        assert_eq!(run.counters.outcome(Outcome::Reported), 1);
        for act in [Act::Decide, Act::Delete] {
            let filter = AuditFilter { act: Some(act), limit: 10, ..AuditFilter::default() };
            let noted = world.store().audit(&filter).await.unwrap();
            assert_eq!(noted.len(), 1, "{act}");
            assert!(noted[0].entry.subject.to_string().starts_with("disputes/"));
        }
    });
}

#[test]
fn an_object_that_is_deleted_voids_the_decision() {
    on_each_database(async |database| {
        let world = disputed(database).await;
        world.hire("3", "zoe@x", "Zoe", "IT");
        world.synchronize("hr").await;
        decide(&world, "c1", DisputeDecision::Link, Some("3")).await;
        let zoe = world.object("3").await.id;
        world.delete_by_hand(zoe).await;
        assert_eq!(list(&world).await, ["crm/c1 DISPUTED 2 void"]);
        let run = world.synchronize("crm").await;
        assert_eq!(run.counters.outcome(Outcome::Reported), 1);
        let undecided = DisputeFilter { decided: Some(false), ..ALL };
        assert_eq!(world.store().disputes(&undecided).await.unwrap().len(), 1);
    });
}

#[test]
fn what_could_not_be_followed_is_refused_and_what_can_no_longer_be_is_told() {
    on_each_database(async |database| {
        let world = disputed(database).await;
        world.contact("c3", "zoe@x", "9");
        world.synchronize("crm").await;
        let taken = try_decide(&world, "c1", DisputeDecision::Link, Some("zoe@x")).await;
        assert!(taken.unwrap_err().ends_with("belongs to account `c3`"));
        decide(&world, "c1", DisputeDecision::Link, Some("2")).await;
        let mut application = crm();
        application["objectTypes"][0]["protected"] = json!("number eq \"2\"");
        world.save(ConfigurationKind::Application, application).await;
        let run = world.synchronize("crm").await;
        let told = world.problems(&run).await;
        assert!(told.len() == 1 && told[0].ends_with("is protected"), "{told:?}");
        assert!(!world.picture().await.contains("shadow crm/c1"));
        let protected = try_decide(&world, "c1", DisputeDecision::Link, Some("2")).await;
        assert!(protected.unwrap_err().ends_with("is protected"));
    });
}

#[test]
fn two_accounts_are_not_promised_to_one_object() {
    on_each_database(async |database| {
        let world = disputed(database).await;
        world.contact("c2", "ann@x", "8");
        world.synchronize("crm").await;
        decide(&world, "c1", DisputeDecision::Link, Some("2")).await;
        let second = try_decide(&world, "c2", DisputeDecision::Link, Some("2")).await;
        assert!(second.unwrap_err().ends_with("belongs to account `c1`"));
        // Ann has another address again: what fits Bob alone waits for c1 as well.
        world.hire("1", "ann@y", "Ann", "IT");
        world.synchronize("hr").await;
        let run = world.synchronize("crm").await;
        assert_eq!(world.changes(&run).await, ["LINK c1"]);
        assert_eq!(list(&world).await, ["crm/c2 DISPUTED 1"]);
    });
}

#[test]
fn creates_that_would_be_one_object_are_in_the_list_and_one_of_them_may_be_new() {
    on_each_database(async |database| {
        for size in [1, 100] {
            let world = World::usual(database).await.with_page_size(size);
            world.contact("c1", "twin@x", "1");
            world.contact("c2", "twin@x", "2");
            let first = world.synchronize("crm").await;
            assert_eq!(list(&world).await, ["crm/c1 DISPUTED 0", "crm/c2 DISPUTED 0"]);
            world.synchronize("crm").await;
            let seen: Vec<_> = records(&world).await.into_iter().map(|record| record.run).collect();
            assert!(!seen.contains(&Some(first.id)), "both are still there");
            decide(&world, "c1", DisputeDecision::New, None).await;
            decide(&world, "c2", DisputeDecision::New, None).await;
            let run = world.synchronize("crm").await;
            assert_eq!(run.counters.outcome(Outcome::Created), 2);
            assert_eq!(list(&world).await, [""; 0]);
        }
    });
}

#[test]
fn orphans_and_what_is_kept_of_nobody_entitled_are_in_the_list() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let mut application = ad();
        application["objectTypes"][0]["reactions"] = json!({ "UNASSIGNED": "REPORT" });
        world.save(ConfigurationKind::Application, application.clone()).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.hire("2", "bob@x", "Bob", "HR");
        world.synchronize("hr").await;
        world.put("ad", "account", "s1", &[("uid", "s1"), ("mail", "bob@x")]);
        world.put("ad", "account", "s2", &[("uid", "s2"), ("mail", "nobody@x")]);
        world.provision("ad").await;
        world.hire("1", "ann@x", "Ann", "HR");
        world.synchronize("hr").await;
        world.provision("ad").await;
        let listed = ["ad/1 UNASSIGNED 1", "ad/s1 UNMATCHED 1", "ad/s2 UNMATCHED 0"];
        assert_eq!(list(&world).await, listed);
        let refused = try_decide(&world, "s2", DisputeDecision::New, None).await.unwrap_err();
        assert!(refused.contains("no object is made from one"), "{refused}");
        let refused = try_decide(&world, "s1", DisputeDecision::Link, Some("2")).await.unwrap_err();
        assert!(refused.starts_with("no profile grants object"), "{refused}");
        // What is ignored stays, whatever becomes of accounts of nobody.
        decide(&world, "s1", DisputeDecision::Ignore, None).await;
        application["objectTypes"][0]["reactions"] =
            json!({ "UNASSIGNED": "DISABLE", "UNMATCHED": "DELETE" });
        world.save(ConfigurationKind::Application, application).await;
        world.hire("2", "bob@x", "Bob", "IT");
        world.synchronize("hr").await;
        decide(&world, "1", DisputeDecision::Ignore, None).await;
        world.provision("ad").await;
        let left: Vec<_> = world.system("ad").accounts("account").into_keys().collect();
        assert_eq!(left, ["1", "2", "s1"]);
        assert!(world.system("ad").accounts("account")["1"].enabled);
    });
}

#[test]
fn an_account_of_a_target_is_linked_as_somebody_decided() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        world.put("ad", "account", "s1", &[("uid", "s1"), ("mail", "old@x")]);
        let mut application = ad();
        application["objectTypes"][0]["reactions"] = json!({ "ABSENT": "REPORT" });
        world.save(ConfigurationKind::Application, application).await;
        world.provision("ad").await;
        decide(&world, "s1", DisputeDecision::Link, Some("1")).await;
        let run = world.provision("ad").await;
        assert_eq!(world.changes(&run).await, ["LINK s1"]);
        let account = world.system("ad").accounts("account").remove("s1").unwrap();
        assert_eq!(account.attributes.get("mail").first().unwrap().to_text(), "ann@x");
        assert_eq!(list(&world).await, [""; 0]);
        let again = world.provision("ad").await;
        assert_eq!(again.state.outcome, Some(OutcomeStatus::Success));
        assert_eq!(world.changes(&again).await, Vec::<String>::new());
    });
}

fn named(system: &str, class: &str, uid: &str) -> NamedAccount {
    NamedAccount {
        application: system.parse().unwrap(),
        class: class.parse().unwrap(),
        uid: uid.to_owned(),
        version: None,
    }
}

#[test]
fn an_account_that_is_taken_from_its_owner_is_not_given_back_unless_somebody_says_so() {
    on_each_database(async |database| {
        for afterwards in [WhenUnlinked::Ignored, WhenUnlinked::Decided] {
            let world = World::usual(database).await;
            world.hire("1", "ann@x", "Ann", "IT");
            world.synchronize("hr").await;
            world.provision("ad").await;
            let account = named("ad", "account", "1");
            let stale = NamedAccount { version: Some(9), ..account.clone() };
            let refused = world.engine().unlink_by_hand(world.store(), &stale, afterwards).await.unwrap();
            assert_eq!(refused, HandLinked::Moved(1));
            let done = world.engine().unlink_by_hand(world.store(), &account, afterwards).await.unwrap();
            assert_eq!(done, HandLinked::Done);
            assert!(world.picture().await.contains("shadow ad/1 live, of nobody"));
            let mut application = ad();
            application["objectTypes"][0]["reactions"] = json!({ "UNMATCHED": "DELETE", "ABSENT": "REPORT" });
            world.save(ConfigurationKind::Application, application).await;
            let run = world.provision("ad").await;
            let is_ignored = afterwards == WhenUnlinked::Ignored;
            let changes = if is_ignored { vec![] } else { vec!["LINK 1".to_owned()] };
            assert_eq!(world.changes(&run).await, changes);
            let expected = if is_ignored { vec!["ad/1 UNLINKED 1 IGNORE".to_owned()] } else { vec![] };
            assert_eq!(list(&world).await, expected);
            let owner = if is_ignored { "of nobody" } else { "of 1" };
            assert!(world.picture().await.contains(&format!("shadow ad/1 live, {owner}")));
        }
    });
}

#[test]
fn an_account_is_given_to_another_owner_who_may_have_it() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.hire("2", "bob@x", "Bob", "HR");
        world.synchronize("hr").await;
        world.contact("c1", "ann@x", "7");
        world.synchronize("crm").await;
        let (ann, bob) = (world.object("1").await.id, world.object("2").await.id);
        let contact = named("crm", "contact", "c1");
        let relink = async |account: &NamedAccount, object| {
            world.engine().relink_by_hand(world.store(), account, object).await
        };
        assert_eq!(relink(&contact, ann).await.unwrap(), HandLinked::Linked);
        assert_eq!(relink(&named("crm", "contact", "c7"), bob).await.unwrap(), HandLinked::NoAccount);
        let person = relink(&named("hr", "person", "1"), bob).await;
        assert!(matches!(person, Err(DisputeError::Objection(_))), "{person:?}");
        assert_eq!(relink(&contact, bob).await.unwrap(), HandLinked::Done);
        let run = world.synchronize("crm").await;
        assert_eq!(world.changes(&run).await, ["UPDATE c1"], "what it says is Bob's now");
        let picture = world.picture().await;
        assert!(picture.contains("shadow crm/c1 live, of 2"), "{picture}");
        let filter = AuditFilter { act: Some(Act::Link), limit: 10, ..AuditFilter::default() };
        let noted = world.store().audit(&filter).await.unwrap();
        assert_eq!(noted[0].entry.details["object"], bob.to_string());
    });
}

#[test]
fn nobody_takes_accounts_from_their_owners_while_a_plan_waits() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let mut application = hr();
        application["objectTypes"][0]["guards"] = json!({ "create": { "count": 1 } });
        world.save(ConfigurationKind::Application, application).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        world.hire("2", "bob@x", "Bob", "IT");
        world.hire("3", "zoe@x", "Zoe", "IT");
        let held = world.synchronize("hr").await;
        assert!(held.held_by.is_some());
        let account = named("hr", "person", "1");
        let refused = world.engine().unlink_by_hand(world.store(), &account, WhenUnlinked::Ignored).await;
        assert_eq!(refused.unwrap(), HandLinked::Planned(held.id));
    });
}
