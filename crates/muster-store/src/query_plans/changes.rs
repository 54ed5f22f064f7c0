//! How the databases page through the changes of a large plan, whatever is looked for.

use muster_model::configuration::application::Situation;
use muster_model::run::Outcome;
use muster_plan::change::Action;

use super::explain::findings;
use super::story::{self, held};
use super::{Sent, on_each_database};
use crate::change_pages::LOOKED_AT;
use crate::{ChangePage, ChangeQuery, ChangeState, ProblemRow, RunRecord, TenantStore};

const CHANGES: u32 = 10_500;
/// Of these few something was noted.
const STALE: [u32; 2] = [7, 10_400];

async fn plan(tenant: &TenantStore) -> RunRecord {
    let run = held(tenant, CHANGES).await;
    let tx = tenant.database.begin(crate::database::Urgency::Bulk).await.unwrap();
    let rows: Vec<_> = STALE.into_iter().map(ProblemRow::stale).collect();
    tenant.note_in(&tx, &run, 0, &rows, story::now()).await.unwrap();
    tx.commit().await.unwrap();
    tenant.refresh_statistics().await.unwrap();
    run
}

fn numbers(page: &ChangePage) -> Vec<u32> {
    page.changes.iter().map(|change| change.number).collect()
}

#[test]
fn a_page_is_a_few_statements_that_look_at_a_bounded_number_of_changes() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        let run = plan(&tenant).await;
        let all = ChangeQuery { limit: 3, ..ChangeQuery::default() };
        let of = |query: ChangeQuery| ChangeQuery { limit: 3, ..query };
        let action = of(ChangeQuery { action: Some(Action::Create), ..all.clone() });
        let rare = of(ChangeQuery { uid: Some("10400".to_owned()), ..all.clone() });
        let late = ChangeQuery { after: LOOKED_AT, ..rare.clone() };
        let none = of(ChangeQuery { situation: Some(Situation::Missing), ..all.clone() });
        let stale = of(ChangeQuery { state: Some(ChangeState::Ended(Outcome::Stale)), ..all.clone() });
        let planned = of(ChangeQuery { state: Some(ChangeState::Planned), after: 5, ..all.clone() });
        let applied = of(ChangeQuery { state: Some(ChangeState::Applied), after: 600, ..all.clone() });
        let attribute = of(ChangeQuery { attribute: Some("name".into()), ..all.clone() });
        let other = of(ChangeQuery { attribute: Some("ame".into()), after: 10_497, ..all.clone() });
        for (query, expected, next, statements) in [
            (all.clone(), vec![1, 2, 3], Some(3), 2),
            (ChangeQuery { after: 10_498, ..all }, vec![10_499, 10_500], None, 2),
            (action, vec![1, 2, 3], Some(3), 3),
            (rare, vec![], Some(LOOKED_AT), 3),
            (late, vec![10_400], None, 3),
            (none, vec![], Some(LOOKED_AT), 3),
            (stale, STALE.to_vec(), None, 3),
            (planned, vec![6, 8, 9], Some(9), 3),
            (applied, vec![], None, 3),
            (attribute, vec![1, 2, 3], Some(3), 3),
            (other, vec![], None, 3),
        ] {
            tenant.database.recorder.take();
            let page = tenant.change_page(&run, &query).await.unwrap();
            assert_eq!((numbers(&page), page.next), (expected, next), "{query:?}");
            let sent = tenant.database.recorder.take();
            assert_eq!(sent.len(), statements, "{query:?}");
            let mut found = Vec::new();
            for Sent { sql, values } in sent {
                found.extend(findings(&tenant.database, &sql, values).await);
            }
            assert!(found.is_empty(), "{query:?}\n{}", found.join("\n\n"));
        }
    });
}

#[test]
fn what_became_of_objects_is_looked_up_by_key() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        story::Story::begin(tenant.clone()).await;
        let run = story::launch(&tenant, "another").await;
        let objects: Vec<_> = (1..=100).map(story::object_id).collect();
        tenant.database.recorder.take();
        let known = tenant.undone_objects(&run, &objects, &[story::application("crm")]).await.unwrap();
        assert_eq!(known.len(), 100);
        assert!(known.values().all(|known| known.object.is_some() && !known.held_elsewhere));
        let sent = tenant.database.recorder.take();
        assert_eq!(sent.len(), 1);
        for Sent { sql, values } in sent {
            let found = findings(&tenant.database, &sql, values).await;
            assert!(found.is_empty(), "{}", found.join("\n\n"));
        }
    });
}
