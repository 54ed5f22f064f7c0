//! Tests of the numbers of tenants and runs: a door that outlives its tenant leads nowhere.

use muster_model::TenantSlug;

use crate::database::Dialect;
use crate::query_plans::{launch, now, on_each_database};
use crate::{Principal, Store, TenantStore};

async fn tenant(store: &Store, slug: &str) -> TenantStore {
    store.create_tenant(&TenantSlug::new(slug).unwrap(), now()).await.unwrap()
}

#[test]
fn a_tenant_that_is_gone_leaves_its_number_to_nobody() {
    on_each_database(async |store| {
        let acme = tenant(&store, "acme").await;
        assert!(store.delete_tenant(acme.slug()).await.unwrap());
        let beta = tenant(&store, "beta").await;
        assert_eq!(beta.tenant, acme.tenant + 1);
        let (name, roles) = ("eve".to_owned(), "admin".to_owned());
        let eve = Principal { name, roles, password_hash: "x".to_owned(), created_at: now() };
        assert!(acme.create_principal(&eve).await.is_err(), "a request that took its time");
        assert!(beta.principals().await.unwrap().is_empty());
    });
}

#[test]
fn a_run_that_is_gone_leaves_its_number_to_nobody() {
    on_each_database(async |store| {
        let acme = tenant(&store, "acme").await;
        let first = launch(&acme, "hr").await;
        let second = launch(&acme, "crm").await;
        assert_eq!(second.seq, first.seq + 1);
        assert!(store.delete_tenant(acme.slug()).await.unwrap());
        assert_eq!(launch(&tenant(&store, "beta").await, "hr").await.seq, second.seq + 1);
    });
}

#[test]
fn what_is_numbered_elsewhere_counts_too() {
    on_each_database(async |store| {
        if store.database.dialect == Dialect::Postgres {
            return;
        }
        let tx = store.database.begin(crate::database::Urgency::Short).await.unwrap();
        tx.script("INSERT INTO tenant (id, slug, created_at) VALUES (70, 'old', 0)").await.unwrap();
        tx.commit().await.unwrap();
        assert!(store.delete_tenant(&TenantSlug::new("old").unwrap()).await.unwrap());
        assert_eq!(tenant(&store, "acme").await.tenant, 71);
    });
}
