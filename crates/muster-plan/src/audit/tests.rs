//! Tests of the chain: every way to tamper with a log is found, at its place.

use chrono::DateTime;
use muster_model::RunId;
use muster_model::audit::{Act, Actor, ActorKind, Subject, SubjectKind};
use muster_model::run::OutcomeStatus;
use proptest::prelude::*;

use super::*;

fn tenant(slug: &str) -> TenantSlug {
    TenantSlug::new(slug).unwrap()
}

fn entry(seq: u64) -> AuditEntry {
    AuditEntry {
        seq,
        at: DateTime::from_timestamp_millis(1_793_520_000_000 + seq.cast_signed()).unwrap(),
        actor: Actor::new(ActorKind::User, "ann"),
        origin: "192.0.2.7".to_owned(),
        act: Act::Replace,
        subject: Subject::new(SubjectKind::User, format!("user{seq}")),
        run: None,
        outcome: None,
        details: [("roles".to_owned(), "viewer".to_owned())].into(),
    }
}

/// A log of `acme` with so many entries, and its head.
fn log(count: u64) -> (Vec<Found>, Head) {
    let mut head = Head::beginning(&tenant("acme"));
    let entries = (1..=count).map(|seq| {
        let entry = entry(seq);
        head = head.followed_by(&entry);
        Found::Entry(Box::new(entry), head.hash)
    });
    (entries.collect(), head)
}

/// Entries chained anew from the first, as somebody does who rewrites a log.
fn rewritten(entries: Vec<AuditEntry>) -> (Vec<Found>, Head) {
    let mut head = Head::beginning(&tenant("acme"));
    let chain = |entry: AuditEntry| {
        head = head.followed_by(&entry);
        Found::Entry(Box::new(entry), head.hash)
    };
    (entries.into_iter().map(chain).collect(), head)
}

fn verify(found: &[Found], kept: &Head, noted: Option<Head>) -> Result<Head, Broken> {
    let mut verification = Verification::begin(&tenant("acme"), noted);
    found.iter().try_for_each(|found| verification.next(found))?;
    verification.end(kept)?;
    Ok(verification.head())
}

fn with(found: &[Found], place: usize, change: impl FnOnce(&mut AuditEntry)) -> Vec<Found> {
    let mut found = found.to_vec();
    if let Found::Entry(entry, _) = &mut found[place] {
        change(entry);
    }
    found
}

#[test]
fn a_log_as_it_was_written_is_whole() {
    for count in [0, 1, 7] {
        let (found, head) = log(count);
        assert_eq!(verify(&found, &head, None), Ok(head));
        assert_eq!(head.seq, count);
    }
}

#[test]
fn every_tampering_is_found_at_its_place() {
    let (found, head) = log(5);
    let mut removed = found.clone();
    removed.remove(2);
    let mut swapped = found.clone();
    swapped.swap(1, 2);
    let mut renumbered = with(&with(&found, 1, |entry| entry.seq = 3), 2, |entry| entry.seq = 2);
    renumbered.swap(1, 2);
    let mut inserted = found.clone();
    inserted.push(Found::Entry(Box::new(entry(6)), head.hash));
    let mut before = found.clone();
    before.insert(0, Found::Unreadable { seq: 0, detail: "a number".to_owned() });
    let mut unreadable = found.clone();
    unreadable[3] = Found::Unreadable { seq: 4, detail: "an act".to_owned() };
    let elsewhere = Head { seq: 5, hash: ChainHash([7; 32]) };
    let (_, shorter) = log(3);
    for (what, found, kept, seq, why) in [
        ("changed", with(&found, 2, |entry| entry.origin.push('x')), head, 3, Flaw::Changed),
        ("removed", removed, head, 3, Flaw::Missing(4)),
        ("out of order", swapped, head, 2, Flaw::Missing(3)),
        ("reordered", renumbered, head, 2, Flaw::Changed),
        ("inserted", inserted, head, 6, Flaw::Changed),
        ("put before", before, head, 0, Flaw::Foreign),
        ("doubled", [&found[..1], &found[..]].concat(), head, 1, Flaw::Foreign),
        ("unreadable", unreadable, head, 4, Flaw::Unreadable("an act".to_owned())),
        ("cut off", found[..3].to_vec(), head, 4, Flaw::CutOff(5)),
        ("emptied", Vec::new(), head, 1, Flaw::CutOff(5)),
        ("head put back", found.clone(), shorter, 4, Flaw::BeyondHead),
        ("head changed", found.clone(), elsewhere, 5, Flaw::BeyondHead),
        ("head of an empty log changed", Vec::new(), Head { seq: 0, ..elsewhere }, 1, Flaw::BeyondHead),
    ] {
        assert_eq!(verify(&found, &kept, None), Err(Broken { seq, why }), "{what}");
    }
}

#[test]
fn a_log_written_anew_or_cut_off_with_its_head_is_found_by_a_noted_one() {
    let (found, head) = log(5);
    let Some((Found::Entry(third, hash), (_, shorter))) = found.get(2).cloned().zip(Some(log(3))) else {
        panic!("no entry")
    };
    let noted = Head { seq: third.seq, hash };
    assert_eq!(verify(&found, &head, Some(noted)), Ok(head), "a log may go on");
    assert_eq!(verify(&found, &head, Some(head)), Ok(head));
    assert_eq!(verify(&found[..3], &shorter, None), Ok(shorter), "nothing within tells");
    let cut = Err(Broken { seq: 4, why: Flaw::ShorterThanNoted(5) });
    assert_eq!(verify(&found[..3], &shorter, Some(head)), cut);
    let (forged, forged_head) =
        rewritten(vec![entry(1), AuditEntry { act: Act::Delete, ..entry(2) }, entry(3)]);
    assert_eq!(verify(&forged, &forged_head, None), Ok(forged_head), "nothing within tells");
    let other = Err(Broken { seq: 3, why: Flaw::OtherThanNoted });
    assert_eq!(verify(&forged, &forged_head, Some(noted)), other);
    let empty = Head::beginning(&tenant("acme"));
    assert_eq!(verify(&found, &head, Some(empty)), Ok(head));
    let of_another = Head::beginning(&tenant("beta"));
    let other = Err(Broken { seq: 1, why: Flaw::OtherThanNoted });
    assert_eq!(verify(&found, &head, Some(of_another)), other);
}

#[test]
fn the_log_of_one_tenant_is_not_that_of_another() {
    let (found, head) = log(2);
    let mut verification = Verification::begin(&tenant("beta"), None);
    let broken = verification.next(&found[0]);
    assert_eq!(broken, Err(Broken { seq: 1, why: Flaw::Changed }));
    assert!(verification.end(&head).is_err());
}

#[test]
fn the_form_stays_what_it_is() {
    // What was noted once has to hold for good: a change of the form needs another `FORM`.
    let (_, head) = log(2);
    assert_eq!(head.to_string(), "2:b12072c18987ad3b9dffcaf129cecc6a9eeb75340c2aa19d3aceacb2a5530cfa");
}

#[test]
fn heads_are_written_and_read_back() {
    let (_, head) = log(3);
    assert_eq!(head.to_string().parse(), Ok(head));
    assert_eq!(head.to_string().to_uppercase().parse(), Ok(head));
    let digits = "0".repeat(64);
    for bad in
        ["", "3", "3:", "x:00", ":", &format!("-1:{digits}"), &format!("+1:{digits}"), &format!(":{digits}")]
    {
        assert_eq!(bad.parse::<Head>(), Err(NoHead), "{bad}");
    }
    assert!(format!("1:{}", "é".repeat(32)).parse::<Head>().is_err());
}

fn any_entry() -> impl Strategy<Value = AuditEntry> {
    let text = || "[ab]{0,2}";
    let run = proptest::option::of((0..2_u128).prop_map(|number| RunId(uuid::Uuid::from_u128(number))));
    let outcome = proptest::option::of(proptest::sample::select(OutcomeStatus::ALL.to_vec()));
    let actor = (proptest::sample::select(ActorKind::ALL), text());
    let subject = (proptest::sample::select(SubjectKind::all().collect::<Vec<_>>()), text());
    let details = proptest::collection::btree_map(text(), text(), 0..3);
    let act = proptest::sample::select(Act::ALL);
    ((1..3_u64, 0..3_i64), actor, text(), act, subject, run, outcome, details).prop_map(
        |((seq, at), (kind, name), origin, act, (of, id), run, outcome, details)| AuditEntry {
            seq,
            at: DateTime::from_timestamp_millis(at).unwrap(),
            actor: Actor::new(kind, name),
            origin,
            act,
            subject: Subject::new(of, id),
            run,
            outcome,
            details,
        },
    )
}

proptest! {
    #[test]
    fn hashes_are_equal_exactly_when_the_entries_are(a in any_entry(), b in any_entry()) {
        let beginning = Head::beginning(&tenant("acme"));
        prop_assert_eq!(a == b, beginning.followed_by(&a).hash == beginning.followed_by(&b).hash);
    }
}
