//! What the audit log costs: two statements an act, and lists that are read by an index from its end.

use muster_model::RunId;
use muster_model::audit::{Act, Actor, ActorKind, Subject, SubjectKind};
use uuid::Uuid;

use super::explain::{findings, plan};
use super::story::{self, now};
use super::{Sent, on_each_database};
use crate::database::Urgency;
use crate::{Acting, AuditFilter, NewAuditEntry, Store, TenantStore};

/// Enough that reading all of them is not the cheaper way.
const ENTRIES: u128 = 3000;

/// A tenant with a long log of many actors, subjects and runs.
async fn busy(store: &Store) -> TenantStore {
    let tenant = story::tenant(store).await;
    let tx = tenant.database.begin(Urgency::Short).await.unwrap();
    for number in 0..ENTRIES {
        let actor = Actor::new(ActorKind::User, format!("user{}", number % 50));
        let door = tenant.acting(Acting { actor, origin: "here".to_owned(), at: Some(now()) });
        let act = Act::ALL[number as usize % Act::ALL.len()];
        let subject = Subject::new(SubjectKind::File, format!("file{}", number % 300));
        let entry = NewAuditEntry::new(act, subject).of_run(RunId(Uuid::from_u128(number / 3)));
        door.append(&tx, entry).await.unwrap();
    }
    tx.commit().await.unwrap();
    tenant.refresh_statistics().await.unwrap();
    tenant
}

#[test]
fn lists_are_read_by_their_index_and_never_sorted() {
    on_each_database(async |store| {
        let tenant = busy(&store).await;
        let all = || AuditFilter { limit: 20, ..AuditFilter::default() };
        let subject = Subject::new(SubjectKind::File, "file7");
        for (column, filter, expected) in [
            ("at", all(), 20),
            ("at", AuditFilter { since: Some(now()), until: Some(now()), ..all() }, 20),
            ("at", AuditFilter { after: Some(2000), ..all() }, 20),
            ("actor", AuditFilter { actor: Some("user7".to_owned()), ..all() }, 20),
            ("act", AuditFilter { act: Some(Act::Cancel), ..all() }, 20),
            ("subject", AuditFilter { subject: Some(subject.clone()), ..all() }, 10),
            ("subject", AuditFilter { subject: Some(subject), after: Some(2000), ..all() }, 7),
            ("run", AuditFilter { run: Some(RunId(Uuid::from_u128(7))), ..all() }, 3),
        ] {
            tenant.database.recorder.take();
            assert_eq!(tenant.audit(&filter).await.unwrap().len(), expected, "{filter:?}");
            let sent = tenant.database.recorder.take();
            let [Sent { sql, values }] = &sent[..] else { panic!("{sent:?}") };
            assert_eq!(findings(&tenant.database, sql, values.clone()).await, [""; 0]);
            let steps = plan(&tenant.database, sql, values.clone()).await;
            assert!(
                !steps.iter().any(|step| step.contains("ORDER BY") || step.contains("Sort")),
                "{steps:?}"
            );
            let by =
                |step: &String| step.contains(&format!("{column}=")) || step.contains(&format!("({column} "));
            let by_time = |step: &String| step.contains("at<") || step.contains("(at <");
            assert!(steps.iter().any(|step| by_time(step) && (column == "at" || by(step))), "{steps:?}");
        }
    });
}

#[test]
fn an_act_costs_two_statements_and_verifying_two_a_page() {
    on_each_database(async |store| {
        let tenant = busy(&store).await;
        tenant.database.recorder.take();
        story::launch(&tenant, "task").await;
        let sent = tenant.database.recorder.take();
        assert_eq!(sent.iter().filter(|sent| sent.sql.contains("audit")).count(), 2);
        for Sent { sql, values } in sent.into_iter().filter(|sent| sent.sql.contains("audit")) {
            assert_eq!(findings(&tenant.database, &sql, values).await, [""; 0]);
        }
        tenant.database.recorder.take();
        let verified = tenant.verify_audit(None).await.unwrap();
        // The tenant itself, the entries, and the launch.
        assert_eq!((verified.head.seq, verified.broken), (ENTRIES as u64 + 2, None));
        let sent = tenant.database.recorder.take();
        assert_eq!(sent.len(), 2 * (4 + 1), "four pages and the end");
        for Sent { sql, values } in sent {
            assert_eq!(findings(&tenant.database, &sql, values).await, [""; 0]);
        }
    });
}
