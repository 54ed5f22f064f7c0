//! Tampering with the audit log past the program: changed, removed, inserted, reordered, cut off.

use muster_plan::audit::{Broken, Flaw, Head};
use muster_store::AuditVerification;
use muster_testkit::world::{TestDatabase, World, on_each_database};

/// The columns that an entry says something with.
const CONTENT: &str =
    "tenant, at, actor_kind, actor, origin, act, subject_kind, subject, run, outcome, details, hash";

/// A tenant whose log is to be tampered with, and its head before.
struct Victim {
    world: World,
    head: Head,
}

impl Victim {
    async fn new(database: &TestDatabase) -> Self {
        let world = World::usual(database).await;
        let whole = world.store().verify_audit(None).await.expect("the database");
        assert_eq!(whole.broken, None);
        assert!(whole.head.seq > 6, "{whole:?}");
        Self { world, head: whole.head }
    }

    /// Sends statements in which `{T}` stands for the number of the tenant.
    async fn tamper(&self, statements: &[&str]) {
        let tenant = format!("(SELECT id FROM tenant WHERE slug = '{}')", self.world.store().slug());
        for statement in statements {
            let sql = statement.replace("{T}", &tenant).replace("{CONTENT}", CONTENT);
            assert!(self.world.database().execute(&sql).await > 0, "{sql} changed nothing");
        }
    }

    async fn verify(&self, noted: Option<Head>) -> AuditVerification {
        self.world.store().verify_audit(noted).await.expect("the database")
    }
}

/// Tampers with a new log, and checks where it is found broken, and why.
async fn check(database: &TestDatabase, statements: &[&str], seq: u64, why: Flaw) {
    let victim = Victim::new(database).await;
    victim.tamper(statements).await;
    let verified = victim.verify(None).await;
    let found = verified.broken.expect("a broken log");
    // What the database says of a value that it cannot read is its own.
    let unreadable = matches!((&found.why, &why), (Flaw::Unreadable(_), Flaw::Unreadable(_)));
    assert!(found.seq == seq && (found.why == why || unreadable), "{statements:?}: {found:?}");
    let noted = victim.verify(Some(victim.head)).await.broken.expect("a broken log");
    assert_eq!(noted, found, "a noted head hides nothing");
}

#[test]
fn a_changed_entry_is_found_whatever_was_changed() {
    on_each_database(async |database| {
        for change in [
            "at = at + 1",
            "actor_kind = 'TOKEN'",
            "actor = 'eve'",
            "origin = ''",
            "act = 'DELETE'",
            "subject_kind = 'files'",
            "subject = 'other'",
            "run = (SELECT min(o.run) FROM audit o)",
            "outcome = 'SUCCESS'",
            "details = '{}'",
            "hash = (SELECT o.hash FROM audit o WHERE o.tenant = audit.tenant AND o.seq = 4)",
        ] {
            let victim_change = change.replace("(SELECT min(o.run) FROM audit o)", any_uuid(database));
            let sql = format!("UPDATE audit SET {victim_change} WHERE tenant = {{T}} AND seq = 3");
            check(database, &[&sql], 3, Flaw::Changed).await;
        }
        for change in ["act = 'NOTHING'", "details = 'none'", "outcome = 'WELL'"] {
            let sql = format!("UPDATE audit SET {change} WHERE tenant = {{T}} AND seq = 3");
            check(database, &[&sql], 3, Flaw::Unreadable(String::new())).await;
        }
    });
}

fn any_uuid(database: &TestDatabase) -> &'static str {
    if database.is_postgres() {
        "'01900000-0000-7000-8000-000000000000'"
    } else {
        "x'01900000000070008000000000000000'"
    }
}

#[test]
fn an_entry_that_is_removed_inserted_or_moved_is_found() {
    on_each_database(async |database| {
        let copied = "INSERT INTO audit (seq, {CONTENT}) SELECT";
        let removed = "DELETE FROM audit WHERE tenant = {T} AND seq = 3";
        check(database, &[removed], 3, Flaw::Missing(4)).await;
        let first = "DELETE FROM audit WHERE tenant = {T} AND seq = 1";
        check(database, &[first], 1, Flaw::Missing(2)).await;
        let room = [
            "UPDATE audit SET seq = seq + 1001 WHERE tenant = {T} AND seq >= 3",
            "UPDATE audit SET seq = seq - 1000 WHERE tenant = {T} AND seq > 1000",
            &format!("{copied} 3, {{CONTENT}} FROM audit WHERE tenant = {{T}} AND seq = 4"),
        ];
        check(database, &room, 4, Flaw::Changed).await;
        let moved = [
            "UPDATE audit SET seq = 1000 WHERE tenant = {T} AND seq = 3",
            "UPDATE audit SET seq = 3 WHERE tenant = {T} AND seq = 4",
            "UPDATE audit SET seq = 4 WHERE tenant = {T} AND seq = 1000",
        ];
        check(database, &moved, 3, Flaw::Changed).await;
        for seq in ["0", "-5"] {
            let before = format!("{copied} {seq}, {{CONTENT}} FROM audit WHERE tenant = {{T}} AND seq = 1");
            check(database, &[&before], 0, Flaw::Foreign).await;
        }
        let last = Victim::new(database).await.head.seq;
        let appended =
            format!("{copied} {}, {{CONTENT}} FROM audit WHERE tenant = {{T}} AND seq = {last}", last + 1);
        check(database, &[&appended], last + 1, Flaw::Changed).await;
        if !database.is_postgres() {
            let text = "UPDATE audit SET seq = 'last' WHERE tenant = {T} AND seq = 3";
            check(database, &[text], 3, Flaw::Missing(4)).await;
            let text = format!("UPDATE audit SET seq = 'last' WHERE tenant = {{T}} AND seq = {last}");
            check(database, &[&text], last, Flaw::Unreadable(String::new())).await;
        }
    });
}

#[test]
fn a_log_that_is_cut_off_is_found_by_its_head() {
    on_each_database(async |database| {
        let last = Victim::new(database).await.head.seq;
        let cut = "DELETE FROM audit WHERE tenant = {T} AND seq > 5";
        check(database, &[cut], 6, Flaw::CutOff(last)).await;
        check(database, &["DELETE FROM audit WHERE tenant = {T}"], 1, Flaw::CutOff(last)).await;
        let headless = "DELETE FROM audit_head WHERE tenant = {T}";
        check(database, &[headless], 1, Flaw::BeyondHead).await;
        let garbage = "UPDATE audit_head SET seq = -1 WHERE tenant = {T}";
        check(database, &[garbage], 1, Flaw::BeyondHead).await;
        let other = "UPDATE audit_head SET hash = (SELECT hash FROM audit WHERE tenant = {T} AND seq = 2) \
            WHERE tenant = {T}";
        check(database, &[other], last, Flaw::BeyondHead).await;
    });
}

#[test]
fn a_log_that_is_cut_off_with_its_head_is_found_by_one_that_was_noted() {
    on_each_database(async |database| {
        let victim = Victim::new(database).await;
        let noted = victim.head;
        victim
            .tamper(&[
                "DELETE FROM audit WHERE tenant = {T} AND seq > 5",
                "UPDATE audit_head SET seq = 5, hash = (SELECT hash FROM audit WHERE tenant = {T} AND seq = 5) \
                 WHERE tenant = {T}",
            ])
            .await;
        let alone = victim.verify(None).await;
        assert_eq!((alone.head.seq, alone.broken), (5, None), "nothing within tells");
        let found = victim.verify(Some(noted)).await.broken;
        assert_eq!(found, Some(Broken { seq: 6, why: Flaw::ShorterThanNoted(noted.seq) }));
        // What goes on behind the cut makes no other log of it.
        for resource in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
            let directory = muster_model::DirectoryId::new(resource).expect("an id");
            victim.world.store().ensure_directory(&directory).await.expect("made");
        }
        let grown = victim.verify(None).await;
        assert!(grown.head.seq > noted.seq && grown.broken.is_none(), "{grown:?}");
        let found = victim.verify(Some(noted)).await.broken;
        assert_eq!(found, Some(Broken { seq: noted.seq, why: Flaw::OtherThanNoted }));
        let emptied = Victim::new(database).await;
        let rows = ["DELETE FROM audit WHERE tenant = {T}", "DELETE FROM audit_head WHERE tenant = {T}"];
        emptied.tamper(&rows).await;
        assert_eq!(emptied.verify(None).await.broken, None);
        let found = emptied.verify(Some(emptied.head)).await.broken;
        assert_eq!(found, Some(Broken { seq: 1, why: Flaw::ShorterThanNoted(emptied.head.seq) }));
    });
}
