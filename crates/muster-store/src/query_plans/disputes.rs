//! How the databases find disputes among some thousand, page by page and one by one.

use chrono::TimeDelta;
use muster_model::configuration::application::Situation;
use muster_model::dispute::DisputeDecision;
use muster_model::{Attributes, ObjectClassId};
use muster_plan::dispute::Dispute;
use muster_plan::key::KeyHash;

use super::story::{self, Story, application, launch, now, object_id};
use super::{Sent, findings, on_each_database};
use crate::database::Urgency;
use crate::sight::Sight;
use crate::{
    Decides, DisputeFilter, DisputesOf, FoundDispute, HandLink, HandLinked, RunRecord, TenantStore,
    WhenUnlinked,
};

const MANY: u32 = 3000;

fn found(number: u32) -> FoundDispute {
    let dispute = Dispute {
        situation: Situation::Unmatched,
        candidates: vec![object_id(number)],
        rule: None,
        compared: Attributes::new(),
        message: format!("nobody knows whose {number} is"),
    };
    FoundDispute { key: dispute_key(number), uid: number.to_string(), dispute }
}

fn dispute_key(number: u32) -> KeyHash {
    KeyHash(muster_plan::digest::hash(format!("dispute {number}").as_bytes()))
}

async fn claimed(tenant: &TenantStore) -> RunRecord {
    let run = launch(tenant, "disputes").await;
    tenant.claim(&run, "worker", now(), now() + TimeDelta::minutes(1)).await.unwrap()
}

/// Somebody decides to link an account.
async fn decide(tenant: &TenantStore, number: u32) {
    let decides = Decides {
        key: dispute_key(number),
        decision: Some(DisputeDecision::Link),
        object: Some(object_id(number)),
        now: now(),
    };
    assert!(tenant.decide_dispute(&decides).await.unwrap());
}

async fn look(tenant: &TenantStore, of: DisputesOf<'_>) {
    let keys: Vec<KeyHash> = (1..=100).map(dispute_key).collect();
    assert_eq!(tenant.known_disputes(&keys).await.unwrap().len(), 100);
    decide(tenant, 7).await;
    let objects: Vec<_> = (1..=100).map(object_id).collect();
    assert_eq!(tenant.decided_links(of, &objects).await.unwrap().len(), 1);
    let hr = application("hr");
    for filter in [
        DisputeFilter { after: None, limit: 10, application: None, situation: None, decided: None },
        DisputeFilter {
            after: Some(dispute_key(9)),
            limit: 10,
            application: Some(&hr),
            situation: Some(Situation::Unmatched),
            decided: Some(false),
        },
    ] {
        assert_eq!(tenant.disputes(&filter).await.unwrap().len(), 10, "{filter:?}");
    }
    let decided =
        DisputeFilter { after: None, limit: 10, application: None, situation: None, decided: Some(true) };
    assert_eq!(tenant.disputes(&decided).await.unwrap().len(), 10);
    assert!(tenant.dispute(dispute_key(8)).await.unwrap().is_some());
    assert_eq!(tenant.objects_of(&objects).await.unwrap().len(), 100);
}

async fn link(tenant: &TenantStore, of: DisputesOf<'_>) {
    let key = tenant.accounts_of(object_id(11), None).await.unwrap();
    assert_eq!(key.len(), 1);
    let account = HandLink { of, key: story::account_key(11), version: None, now: now() };
    let refused = tenant.relink_by_hand(&account, object_id(12)).await.unwrap();
    assert_eq!(refused, HandLinked::Taken("12".to_owned()));
    assert_eq!(tenant.unlink_by_hand(&account, WhenUnlinked::Ignored).await.unwrap(), HandLinked::Done);
    assert_eq!(tenant.relink_by_hand(&account, object_id(11)).await.unwrap(), HandLinked::Done);
}

#[test]
fn disputes_are_found_by_their_keys_and_dropped_by_their_numbers() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        Story::begin(tenant.clone()).await;
        // The story has left runs that would be in the way.
        let tx = tenant.database.begin(Urgency::Short).await.unwrap();
        tx.execute("UPDATE run SET status = 4 WHERE tenant = ?", vec![tenant.tenant.into()]).await.unwrap();
        tx.commit().await.unwrap();
        for number in 0..300 {
            launch(&tenant, &format!("task-{number}")).await;
        }
        let run = claimed(&tenant).await;
        let (hr, class) = (application("hr"), ObjectClassId::new("person").unwrap());
        let of = DisputesOf { application: &hr, class: &class };
        tenant.put_disputes(&run, of, (1..=MANY).map(found).collect(), now()).await.unwrap();
        // Of a handful each way to one is as good as any other.
        for number in 1001..=1600 {
            decide(&tenant, number).await;
        }
        let tx = tenant.database.begin(Urgency::Short).await.unwrap();
        tx.seen_by(Sight::Owner).await.unwrap();
        for table in ["dispute", "run"] {
            tx.script(&format!("ANALYZE {table}")).await.unwrap();
        }
        tx.commit().await.unwrap();
        tenant.database.recorder.take();

        assert_eq!(tenant.last_numbers(of).await.unwrap().dispute, MANY);
        tenant.put_disputes(&run, of, vec![found(1)], now()).await.unwrap();
        assert_eq!(tenant.last_numbers(of).await.unwrap().dispute, MANY, "it has one row");
        assert_eq!(tenant.page_disputes(&run, 0, 0, 10).await.unwrap(), Vec::new());
        assert_eq!(tenant.disputed_changes(&run, 0, 0).await.unwrap(), []);
        look(&tenant, of).await;
        link(&tenant, of).await;
        let numbers = tenant.dispute_numbers_of(&run, of, (10, MANY)).await.unwrap();
        assert_eq!((numbers.len(), numbers[0].0), (1000, 11));
        let keys: Vec<KeyHash> = numbers.into_iter().map(|(_, key)| key).collect();
        tenant.drop_disputes(&run, &keys).await.unwrap();
        let all =
            DisputeFilter { after: None, limit: MANY, application: None, situation: None, decided: None };
        assert_eq!(tenant.disputes(&all).await.unwrap().len(), MANY as usize - keys.len());

        let mut too_much = Vec::new();
        for Sent { sql, values } in tenant.database.recorder.take() {
            too_much.extend(findings(&tenant.database, &sql, values).await);
        }
        assert!(too_much.is_empty(), "{}", too_much.join("\n\n"));
    });
}
