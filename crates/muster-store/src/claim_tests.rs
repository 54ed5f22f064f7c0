//! Tests of the claim: what it answers is what its own transaction wrote, whoever comes after it.

use chrono::TimeDelta;

use crate::query_plans::{launch, now, on_each_database, tenant};

/// What is sent within the claim's transaction: for the run, and for its buckets.
const UP_TO_THE_COMMIT: u64 = 2;

#[test]
fn a_claim_asks_nothing_after_its_commit() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        let launched = launch(&tenant, "hr").await;
        // Whoever has claimed it since has raised the epoch again, and nobody may take that for their own.
        let before = tenant.statements();
        let claimed = tenant.claim(&launched, "one", now(), now() + TimeDelta::seconds(15)).await.unwrap();
        assert_eq!(tenant.statements() - before, UP_TO_THE_COMMIT);
        let stored = tenant.run(launched.id).await.unwrap().unwrap();
        assert_eq!(claimed.epoch, launched.epoch + 1);
        assert_eq!(claimed, stored);
    });
}

#[test]
fn what_the_buckets_have_counted_is_part_of_the_answer() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        let launched = launch(&tenant, "hr").await;
        let first = tenant.claim(&launched, "one", now(), now()).await.unwrap();
        let application = muster_model::ApplicationId::new("hr").unwrap();
        let mut bucket = tenant.buckets(&first, &[application]).await.unwrap().remove(0);
        (bucket.counters.read, bucket.estimate) = (7, 9);
        tenant.checkpoint(&first, &bucket, now()).await.unwrap();
        let later = now() + TimeDelta::seconds(1);
        let second = tenant.claim(&first, "two", later, later + TimeDelta::seconds(15)).await.unwrap();
        assert_eq!((second.epoch, second.counters.read, second.estimate), (first.epoch + 1, 7, 9));
        assert!(tenant.checkpoint(&first, &bucket, now()).await.is_err(), "the first has lost it");
        assert_eq!(tenant.run(launched.id).await.unwrap().unwrap(), second);
    });
}
