//! How the databases find parked accounts among some thousand.

use muster_model::failure::FailureClass;
use muster_plan::digest::Digest;
use muster_plan::key::KeyHash;

use super::story::{self, application, launch, now, target};
use super::{Sent, findings, on_each_database};
use crate::database::Urgency;
use crate::sight::Sight;
use crate::{Failures, Noted, Parked, ParkedFilter, Release, RunRecord, TenantStore};

const MANY: u32 = 5000;

fn key(number: u32) -> KeyHash {
    KeyHash(muster_plan::digest::hash(format!("parked {number}").as_bytes()))
}

fn parked(number: u32) -> Parked {
    Parked {
        key: key(number),
        uid: number.to_string(),
        fingerprint: Digest([7; 16]),
        failure: FailureClass::Rejected,
        attempts: 1,
        cause: "cause".to_owned(),
        message: "no room".to_owned(),
        first_at: now(),
        last_at: now(),
        retry_at: None,
    }
}

async fn fill(tenant: &TenantStore, run: &RunRecord) {
    let tx = tenant.database.begin(Urgency::Bulk).await.unwrap();
    for (application, share) in [("hr", 0), ("crm", 1)] {
        let parked = (0..MANY).filter(|number| number % 2 == share).map(parked).collect();
        let noted = Noted { parked, ..Noted::default() };
        tenant.park(&tx, (run, &target(application)), &noted).await.unwrap();
    }
    tx.commit().await.unwrap();
    let tx = tenant.database.begin(Urgency::Short).await.unwrap();
    tx.seen_by(Sight::Owner).await.unwrap();
    tx.script("ANALYZE parked").await.unwrap();
    tx.commit().await.unwrap();
}

#[test]
fn parked_accounts_are_found_by_their_keys_and_applications() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        let run = launch(&tenant, "task").await;
        fill(&tenant, &run).await;
        tenant.database.recorder.take();
        let hr = application("hr");
        assert!(tenant.any_parked(&hr).await.unwrap());
        assert!(!tenant.any_parked(&application("other")).await.unwrap());
        let keys: Vec<KeyHash> = (MANY - 10..MANY + 10).map(key).collect();
        assert_eq!(tenant.parked_of(&keys).await.unwrap().len(), 10);
        for application in [None, Some(&hr)] {
            let first = ParkedFilter { after: None, limit: 10, application };
            let page = tenant.parked(&first).await.unwrap();
            assert_eq!(page.len(), 10);
            let next = ParkedFilter { after: Some(page[9].parked.key), ..first };
            assert!(tenant.parked(&next).await.unwrap()[0].parked.key > page[9].parked.key);
        }
        let these = [key(1), key(2)];
        assert_eq!(tenant.release_parked(Release::These(&these), now()).await.unwrap(), 2);
        let mut found = Vec::new();
        for Sent { sql, values } in tenant.database.recorder.take() {
            found.extend(findings(&tenant.database, &sql, values).await);
        }
        assert!(found.is_empty(), "{}", found.join("\n\n"));
        assert_eq!(tenant.release_failed(&run, &Failures::All, now()).await.unwrap(), 0, "nobody failed");
        assert_eq!(
            tenant.release_parked(Release::OfApplication(&hr), now()).await.unwrap(),
            u64::from(MANY / 2) - 1
        );
        assert_eq!(tenant.release_parked(Release::All, now()).await.unwrap(), u64::from(MANY / 2) - 1);
    });
}
