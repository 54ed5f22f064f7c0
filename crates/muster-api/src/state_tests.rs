//! Tests of what requests wait for: while all turns of a tenant are taken, others are served.

use std::sync::Arc;
use std::time::Duration;

use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service};
use chrono::Utc;
use muster_engine::{Channel, Connectors, Engine, Settings};
use muster_model::TenantSlug;
use muster_store::{Location, NewToken, Store};
use muster_testkit::world::StoppedClock;
use tempfile::TempDir;

use crate::error::ApiError;
use crate::principal::new_token;
use crate::state::{ApiSettings, ApiState, LOOKS_AT_ONCE, SEARCHES_AT_ONCE};

/// Where datasets are imported.
const DATASET: &str = "sync/conf/dataset/import";

/// A server that nobody connects to, with the tenants `acme` and `beta`, and a token of each.
struct Served {
    state: ApiState,
    tenants: [TenantSlug; 2],
    tokens: [String; 2],
    _directory: TempDir,
}

impl Served {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::File(directory.path().join("muster.db"))).await.unwrap();
        let tenants = ["acme", "beta"].map(|slug| TenantSlug::new(slug).unwrap());
        let mut tokens = [String::new(), String::new()];
        for (tenant, token) in tenants.iter().zip(&mut tokens) {
            let (text, hash) = new_token();
            let (name, roles) = ("all".to_owned(), "admin".to_owned());
            let new = NewToken { name, roles, hash, expires_at: None, now: Utc::now() };
            store.create_tenant(tenant, Utc::now()).await.unwrap().create_token(&new).await.unwrap();
            *token = text;
        }
        let settings = Settings::new(directory.path().to_owned(), "test".to_owned());
        let (clock, delivery) = (Arc::new(StoppedClock::default()), Arc::new(Channel::default()));
        let engine = Engine::new(store, Connectors::new(), clock, delivery, settings);
        // Nobody waits for a turn, so that one sees who would.
        let impatient = ApiSettings { turn_patience: Duration::ZERO, ..ApiSettings::default() };
        let state = ApiState::new(engine, impatient);
        Self { state, tenants, tokens, _directory: directory }
    }

    /// The status of what a tenant is answered who imports a dataset of nothing.
    async fn import(&self, tenant: usize, query: &str) -> u16 {
        let body = TestRequest::post().insert_header(("content-type", "application/xml"));
        self.ask(tenant, body.set_payload("<dataset></dataset>"), &format!("{DATASET}{query}")).await
    }

    /// The status of what a tenant is answered.
    async fn ask(&self, tenant: usize, request: TestRequest, path: &str) -> u16 {
        let service = init_service(App::new().configure(crate::configure(self.state.clone()))).await;
        let request = request
            .uri(&format!("/{}/api/{path}", self.tenants[tenant]))
            .insert_header(("authorization", format!("Bearer {}", self.tokens[tenant])));
        call_service(&service, request.to_request()).await.status().as_u16()
    }
}

#[tokio::test]
async fn searches_of_a_tenant_keep_no_other_tenant_waiting() {
    let served = Served::new().await;
    let mut taken = Vec::new();
    for _ in 0..SEARCHES_AT_ONCE {
        assert_eq!(served.ask(0, TestRequest::get(), "im/IDENTITY").await, 200);
        taken.push(served.state.search(&served.tenants[0]).await.unwrap());
    }
    assert_eq!(served.ask(0, TestRequest::get(), "im/IDENTITY").await, 503);
    assert_eq!(served.ask(1, TestRequest::get(), "im/IDENTITY").await, 200);
    taken.pop();
    assert_eq!(served.ask(0, TestRequest::get(), "im/IDENTITY").await, 200);
}

#[tokio::test]
async fn looks_of_a_tenant_keep_no_other_tenant_waiting() {
    let served = Served::new().await;
    let [acme, beta] = &served.tenants;
    let mut taken = Vec::new();
    for _ in 0..LOOKS_AT_ONCE {
        taken.push(served.state.look(acme).await.unwrap());
    }
    assert!(matches!(served.state.look(acme).await, Err(ApiError::Busy)));
    assert!(served.state.look(beta).await.is_ok());
}

#[tokio::test]
async fn changes_of_a_configuration_keep_no_other_tenant_and_no_dry_run_waiting() {
    let served = Served::new().await;
    let turn = served.state.turn(&served.tenants[0]).await.unwrap();
    assert_eq!(served.import(0, "?dryRun=true").await, 200, "no turn is waited for");
    assert_eq!(served.import(1, "").await, 200, "it is another's turn");
    assert_eq!(served.import(0, "").await, 503);
    assert_eq!(served.ask(0, TestRequest::delete(), "sync/conf/applications/hr").await, 503);
    drop(turn);
    assert_eq!(served.import(0, "").await, 200);
    assert_eq!(served.ask(0, TestRequest::delete(), "sync/conf/applications/hr").await, 404);
}
