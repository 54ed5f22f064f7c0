//! What limits let pass.

use muster_model::configuration::application::Situation;

use super::*;
use crate::inbound::bare_change;

static NOTHING: Guards = Guards(Vec::new());

fn limit(count: Option<u64>, percent: Option<u8>, minimum: u64) -> Limit {
    Limit { count, percent, minimum, window_hours: None }
}

fn of_task(task: &Guards) -> Limits<'_> {
    Limits { launch: None, task, application: &NOTHING }
}

#[test]
fn a_limit_trips_exactly_beyond_its_border() {
    let percent = limit(None, Some(10), 20);
    let count = limit(Some(5), None, 0);
    let both = limit(Some(50), Some(10), 20);
    let none = limit(Some(0), None, 0);
    for (limit, changes, population, expected) in [
        (percent, 20, 20, false),
        (percent, 21, 210, false),
        (percent, 21, 209, true),
        (percent, 100, 1000, false),
        (percent, 101, 1000, true),
        (percent, 21, 0, true),
        (count, 5, 1_000_000, false),
        (count, 6, 1_000_000, true),
        (both, 51, 1_000_000, true),
        (both, 50, 400, true),
        (both, 50, 500, false),
        (none, 0, 0, false),
        (none, 1, 10, true),
    ] {
        assert_eq!(limit.is_exceeded(changes, population), expected, "{limit:?} {changes} {population}");
    }
}

#[test]
fn a_limit_is_wider_when_it_lets_pass_what_the_other_holds() {
    let percent = limit(None, Some(10), 20);
    for (wider, narrower) in [
        (limit(None, Some(11), 20), percent),
        (limit(None, Some(10), 21), percent),
        (limit(Some(21), None, 0), percent),
        (limit(None, Some(100), 0), percent),
        (limit(Some(6), None, 0), limit(Some(5), None, 0)),
        (limit(None, Some(100), 0), limit(Some(5), Some(100), 0)),
    ] {
        assert!(wider.is_wider_than(&narrower), "{wider:?} {narrower:?}");
    }
    for held in [limit(Some(20), None, 0), limit(Some(5), Some(10), 20), limit(None, Some(10), 19)] {
        assert!(!held.is_wider_than(&percent), "{held:?}");
    }
    for same in [percent, limit(Some(5), None, 0), limit(Some(5), Some(1), 0)] {
        assert!(!same.is_wider_than(&same), "{same:?}");
    }
}

#[test]
fn the_launchs_limits_replace_the_tasks_and_those_the_applications() {
    let set = |count| Guards(vec![(Guarded::Delete, limit(Some(count), None, 0))]);
    let (launch, task, application) = (set(50), set(9), set(1));
    let count = |launch, task, application| {
        let limits = Limits { launch, task, application };
        limits.effective(Guarded::Delete).map(|(limit, hours)| (limit.count, hours))
    };
    assert_eq!(count(None, &NOTHING, &application), Some((Some(1), 24)));
    assert_eq!(count(None, &task, &application), Some((Some(9), 24)));
    assert_eq!(count(None, &NOTHING, &NOTHING), Some((None, 24)));
    assert_eq!(count(Some(&launch), &task, &application), Some((Some(50), 0)), "it means that run alone");
    assert_eq!(count(Some(&NOTHING), &task, &application), Some((Some(9), 24)));
    assert!(of_task(&NOTHING).effective(Guarded::Create).is_none());
}

#[test]
fn what_earlier_runs_did_within_the_window_counts_too() {
    let disabled = |count| Tally::from_rows([(Guarded::Disable, String::new(), count)]);
    let population = Population { accounts: 300, ..Population::default() };
    let earlier = |hours_ago, count| Earlier { hours_ago, tally: disabled(count) };
    let trips = |count, earlier: &[Earlier]| {
        let trips = check(&disabled(count), &population, of_task(&NOTHING), earlier);
        trips.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let day = [earlier(1, 15), earlier(23, 15)];
    assert_eq!(trips(30, &[]), Vec::<String>::new());
    assert_eq!(
        trips(1, &day),
        ["disable: 31 of 300 within 24 hours, 30 of them by earlier runs, the limit is 10 % and at least 20"]
    );
    assert_eq!(trips(1, &[earlier(1, 15), earlier(24, 15)]), Vec::<String>::new(), "a day ago");
    assert_eq!(trips(0, &[earlier(1, 300)]), Vec::<String>::new(), "who disables nobody is not held");
    assert_eq!(trips(31, &day), ["disable: 31 of 300, the limit is 10 % and at least 20"]);
    let alone =
        Guards(vec![(Guarded::Disable, Limit { window_hours: Some(0), ..limit(None, Some(10), 20) })]);
    assert_eq!(check(&disabled(1), &population, of_task(&alone), &day), Vec::new());
    assert_eq!((of_task(&NOTHING).longest_window(), of_task(&alone).longest_window()), (24, 24));
}

#[test]
fn an_account_that_stays_after_all_counts_as_if_it_had_never_been_withdrawn() {
    let groups = |groups: &[&str]| MembershipChange {
        attribute: "groups".into(),
        add: Vec::new(),
        remove: groups.iter().map(|group| (*group).to_owned()).collect(),
    };
    let change = |action, memberships: &[MembershipChange]| Change {
        memberships: memberships.to_vec(),
        ..bare_change(action, Situation::Unmatched, Reaction::Delete, "1")
    };
    let kept = change(Action::Disable, &[groups(&["all"])]);
    for left_out in [
        change(Action::Delete, &[]),
        change(Action::Disable, &[]),
        change(Action::Disable, &[groups(&["admins", "all"])]),
    ] {
        let mut expected = Tally::default();
        expected.count(&kept);
        let mut tally = expected.clone();
        tally.count(&left_out);
        assert_ne!(tally, expected);
        tally.leave_out(left_out.action, &left_out.memberships);
        assert_eq!(tally, expected, "{:?}", left_out.action);
    }
}

#[test]
fn what_groups_lose_is_measured_against_their_own_members() {
    let lost = |of: &[(&str, u64)]| {
        let all = of.iter().map(|(_, count)| count).sum();
        let groups = of.iter().map(|(group, count)| (Guarded::MembersLost, (*group).to_owned(), *count));
        Tally::from_rows(groups.chain([(Guarded::MembershipRemoval, String::new(), all)]))
    };
    let members = [("all", 10_000), ("vpn", 400)].map(|(group, count)| (group.to_owned(), count));
    let population = Population { accounts: 10_000, members: members.into() };
    let earlier = [Earlier { hours_ago: 1, tally: lost(&[("all", 900)]) }];
    let whole = ["membersLost of `vpn`: 400 of 400, the limit is 50 % and at least 10"];
    let unknown = ["membersLost of `new`: 11 of 11, the limit is 50 % and at least 10"];
    let together = [
        "membershipRemoval: 1041 of 10400 within 24 hours, 900 of them by earlier runs, the limit is 10 % and at \
         least 20",
    ];
    for (tally, earlier, expected) in [
        (lost(&[("vpn", 400)]), [].as_slice(), whole.as_slice()),
        (lost(&[("vpn", 200)]), &[], &[]),
        (
            lost(&[("vpn", 201)]),
            &[],
            &["membersLost of `vpn`: 201 of 400, the limit is 50 % and at least 10"],
        ),
        (lost(&[("all", 400)]), &[], &[]),
        (lost(&[("new", 11)]), &[], &unknown),
        (lost(&[("all", 140)]), &earlier, &[]),
        (lost(&[("all", 141)]), &earlier, &together),
    ] {
        let trips = check(&tally, &population, of_task(&NOTHING), earlier);
        assert_eq!(trips.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn no_more_memberships_end_than_there_were() {
    let rows = |count| [(Guarded::MembershipRemoval, String::new(), count)];
    let members = [("all".to_owned(), 30), ("admins".to_owned(), 30)].into();
    let population = Population { accounts: 30, members };
    let trips = |count, earlier: &[Earlier]| {
        let trips = check(&Tally::from_rows(rows(count)), &population, of_task(&NOTHING), earlier);
        trips.iter().map(|trip| (trip.changes, trip.population)).collect::<Vec<_>>()
    };
    assert_eq!(trips(60, &[]), [(60, 60)]);
    assert_eq!(trips(61, &[]), [(61, 61)], "somebody else had put one there");
    let earlier = Earlier { hours_ago: 1, tally: Tally::from_rows(rows(50)) };
    assert_eq!(trips(20, &[earlier]), [(70, 70)]);
}

#[test]
fn clearing_is_counted_for_each_attribute() {
    let rows = vec![(Guarded::Clearing, "email".to_owned(), 60), (Guarded::Clearing, "phone".to_owned(), 3)];
    let tally = Tally::from_rows(rows);
    let population = Population { accounts: 100, ..Population::default() };
    let trips = check(&tally, &population, of_task(&NOTHING), &[]);
    assert_eq!(trips.len(), 1);
    assert_eq!(trips[0].of.as_deref(), Some("email"));
    assert_eq!(trips[0].to_string(), "clearing of `email`: 60 of 100, the limit is 50 % and at least 10");
    let again = Tally::from_rows(tally.rows().into_iter().map(|(g, of, n)| (g, of.to_owned(), n)));
    assert_eq!(again, tally);
}
