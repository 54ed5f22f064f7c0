//! One user of a CSV file, synchronized twice: `cargo run -p muster-user-sync --example sync_single_user`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::{env, fs};

use chrono::Utc;
use muster_connector_csv::CsvKind;
use muster_engine::{Connectors, Settings};
use muster_model::TenantSlug;
use muster_model::configuration::{ConfigurationKind, Document, Leniency};
use muster_store::{Location, ResourceWrite, Store, Written};
use muster_user_sync::{SyncSingleUserError, UserSync};
use serde_json::{Value, json};

const CONNECTOR: &str = "7df9fd3f-793f-4595-b415-b839b76b0018";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::temp_dir().join(format!("muster-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    for line in run(&directory).await? {
        println!("{line}");
    }
    Ok(fs::remove_dir_all(&directory)?)
}

/// Synchronizes one who is there, once more after nothing has happened, and one who is not.
pub(crate) async fn run(directory: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let tenant: TenantSlug = "acme".parse()?;
    let store = Store::open(&Location::File(directory.join("muster.db"))).await?;
    configure(&store, &tenant).await?;
    let settings = Settings::new(directory.to_owned(), "example".to_owned());
    let files = settings.tenant_files(&tenant);
    fs::create_dir_all(&files)?;
    fs::write(files.join("people.csv"), "number,login,name\n1,ann,Ann\n")?;

    let connectors = Connectors::from([("csv", Arc::new(CsvKind) as _)]);
    let user_sync = UserSync::open_with(store, &tenant, connectors, settings).await?;
    let mut told = Vec::new();
    for identifier in ["ann", "1", "bob"] {
        // Four errors, none of which is about the user.
        match user_sync.sync_single_user(identifier, CONNECTOR).await {
            Ok(result) => told.push(format!("{identifier}: {}", result.operation)),
            Err(
                error @ (SyncSingleUserError::ConnectorNotAvailable { .. }
                | SyncSingleUserError::ConnectorFactoryNotAvailable { .. }
                | SyncSingleUserError::ConfigurationFailed { .. }
                | SyncSingleUserError::ConnectorNotFound { .. }),
            ) => told.push(format!("{identifier}: {error}")),
        }
    }
    Ok(told)
}

/// What a server is told over its API: a tenant, and a connector that reads a file.
async fn configure(store: &Store, tenant: &TenantSlug) -> Result<(), Box<dyn Error>> {
    let store = store.create_tenant(tenant, Utc::now()).await?;
    let mapping = |attribute: &str, source: &str| json!({"attribute": attribute, "direction": "INBOUND", "strategy": "SIMPLE", "source": source});
    let documents: [(ConfigurationKind, Value); 3] = [
        (ConfigurationKind::ConnectorDefinition, json!({"id": "hr-csv", "name": "HR files", "type": "csv"})),
        (
            ConfigurationKind::Application,
            json!({
                "id": "hr",
                "name": "HR",
                "connectorDefinitionId": "hr-csv",
                "objectClasses": [{
                    "id": "person", "remoteName": "people.csv", "uidAttribute": "number", "nameAttribute": "login",
                }],
                "objectTypes": [{
                    "objectKind": "IDENTITY",
                    "objectClassId": "person",
                    "direction": "INBOUND",
                    "attributeMappings": [mapping("userName", "login"), mapping("name", "name")],
                }],
            }),
        ),
        (
            ConfigurationKind::SynchronizationTaskDefinition,
            json!({
                "id": "hr",
                "name": "HR",
                "uniqueId": CONNECTOR,
                "taskType": "RECONCILIATION",
                "applicationId": "hr",
                "objectClassId": "person",
            }),
        ),
    ];
    for (kind, document) in documents {
        let document =
            Document::read(kind, &document, Leniency::Strict).map_err(|found| found.to_string())?;
        let (id, body) = (document.id().to_string(), document.to_value().to_string());
        let write = ResourceWrite::new(kind.number(), id, Written::Created(body));
        store.write_resource(store.configuration_version().await?.at(Utc::now()), write).await?;
    }
    Ok(())
}
