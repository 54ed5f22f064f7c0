//! The tenants of the benchmarks: the HR part of the example, stored as the documents that it is made of.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use muster_model::TenantSlug;
use muster_model::configuration::{ConfigurationKind, Document, Leniency};
use muster_store::{Location, ResourceChanges, ResourceWrite, Store, Written};
use serde_json::{Value, json};

use crate::error::Error;
use crate::watch::Database;

/// The tenant.
const TENANT: &str = "bench";

/// What the benchmarks use of the example.
const RESOURCES: [(ConfigurationKind, &str); 3] = [
    (ConfigurationKind::ConnectorDefinition, "hr-csv"),
    (ConfigurationKind::Application, "hr"),
    (ConfigurationKind::SynchronizationTaskDefinition, "hr-reconciliation"),
];

/// What they use of the example of the directory. The task is stored a second time as [`SHADOW_TASK`].
const DIRECTORY: [(ConfigurationKind, &str); 4] = [
    (ConfigurationKind::ConnectorDefinition, "ldap"),
    (ConfigurationKind::Application, "directory"),
    (ConfigurationKind::ApplicationProfile, "directory-people"),
    (ConfigurationKind::ProvisioningTaskDefinition, "directory-accounts"),
];

/// The task of the directory that does not ask it.
const SHADOW_TASK: &str = "directory-accounts-shadow";

/// Makes the database, the tenant and its configuration.
///
/// # Errors
/// When a resource cannot be read, or the store cannot be set up or has the tenant already.
pub(crate) fn prepare(conf: &Path, database: &Database) -> Result<(), Error> {
    let documents = RESOURCES.map(|(kind, id)| read(conf, kind, id).map(|body| (kind, id.to_owned(), body)));
    let documents = documents.into_iter().collect::<Result<Vec<_>, _>>()?;
    blocking(async {
        let store = Store::open(&location(database)).await?;
        make_tenant(&store, TENANT, documents.iter()).await
    })
}

/// Makes the database with so many tenants, each with so many tasks that are due once a year. They are called after
/// [`TENANT`] and the task, followed by a hyphen and their numbers from 0.
///
/// # Errors
/// When a resource cannot be read, or the store cannot be set up or has one of the tenants already.
pub(crate) fn prepare_schedules(
    conf: &Path,
    database: &Database,
    (tenants, tasks): (u32, u32),
) -> Result<(), Error> {
    let [connector, application, task] = RESOURCES;
    let mut documents = Vec::new();
    for (kind, id) in [connector, application] {
        documents.push((kind, id.to_owned(), read(conf, kind, id)?));
    }
    let (kind, model) = task;
    let mut task: Value =
        serde_json::from_str(&read(conf, kind, model)?).map_err(|error| refused(conf, &error))?;
    task["executionPlan"] = json!({"scheduleType": "CRON", "cron": "0 30 5 1 1 ?"});
    for number in 0..tasks {
        let id = format!("{model}-{number}");
        task["id"] = Value::from(id.as_str());
        documents.push((kind, id, task.to_string()));
    }
    blocking(async {
        let store = Store::open(&location(database)).await?;
        for number in 0..tenants {
            make_tenant(&store, &format!("{TENANT}-{number}"), documents.iter()).await?;
        }
        Ok(())
    })
}

/// Adds the directory at a port of this machine to the tenant, and two tasks that write it alone: one that reads it, and
/// one that believes what is known of it.
///
/// # Errors
/// When a resource cannot be read, or the store has no such tenant.
pub(crate) fn prepare_directory(conf: &Path, database: &Database, port: u16) -> Result<(), Error> {
    let mut writes = Vec::new();
    for (kind, id) in DIRECTORY {
        let mut value = read_value(conf, kind, id)?;
        match kind {
            ConfigurationKind::ConnectorDefinition => set_port(&mut value, port),
            ConfigurationKind::ProvisioningTaskDefinition => {
                value["applicationIds"] = json!(["directory"]);
                let mut shadow = value.clone();
                shadow["id"] = Value::from(SHADOW_TASK);
                shadow["verify"] = Value::from("SHADOW");
                writes.push(write_of(conf, kind, &shadow)?);
            }
            ConfigurationKind::Application
            | ConfigurationKind::ApplicationProfile
            | ConfigurationKind::SynchronizationTaskDefinition
            | ConfigurationKind::SynchronizationTaskPostProcessingDefinition
            | ConfigurationKind::ProvisioningTaskPostProcessingDefinition => {}
        }
        writes.push(write_of(conf, kind, &value)?);
    }
    blocking(async {
        let store = Store::open(&location(database)).await?;
        let slug = TENANT.parse().map_err(|problem| refused(Path::new(TENANT), &problem))?;
        let tenant = store.tenant(&slug).await?.ok_or_else(|| Error::NoTenant(TENANT.to_owned()))?;
        let checked = tenant.configuration_version().await?;
        tenant.write_resources(checked, &ResourceChanges::of(writes)).await?;
        Ok(())
    })
}

fn set_port(connector: &mut Value, port: u16) {
    let properties = connector["connectorProperties"].as_array_mut();
    let of_port = properties.into_iter().flatten().filter(|property| property["name"] == "port");
    of_port.for_each(|property| property["value"] = Value::from(port.to_string()));
}

fn write_of(conf: &Path, kind: ConfigurationKind, value: &Value) -> Result<ResourceWrite, Error> {
    let id = value["id"].as_str().unwrap_or_default();
    let body = document(&path_of(conf, kind, id), kind, value)?;
    Ok(ResourceWrite::new(kind as u8, id, Written::Created(body)))
}

async fn make_tenant(
    store: &Store,
    slug: &str,
    documents: impl Iterator<Item = &(ConfigurationKind, String, String)>,
) -> Result<(), Error> {
    let named: TenantSlug = slug.parse().map_err(|problem| refused(Path::new(slug), &problem))?;
    let tenant = store.create_tenant(&named, Utc::now()).await?;
    let checked = tenant.configuration_version().await?;
    let writes =
        documents.map(|(kind, id, body)| ResourceWrite::new(*kind as u8, id, Written::Created(body.clone())));
    tenant.write_resources(checked, &ResourceChanges::of(writes.collect())).await?;
    Ok(())
}

/// Waits until a server has computed all schedules.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn await_schedules(database: &Database) -> Result<(), Error> {
    blocking(async {
        let store = Store::open(&location(database)).await?;
        while !store.unscheduled().await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    })
}

fn blocking(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::runtime::Runtime::new().map_err(Error::io("start the runtime"))?.block_on(work)
}

fn location(database: &Database) -> Location {
    match database {
        Database::Sqlite(file) => Location::File(file.clone()),
        Database::Postgres(url) => Location::Postgres(url.clone()),
    }
}

/// The document of a resource as it is stored.
fn read(conf: &Path, kind: ConfigurationKind, id: &str) -> Result<String, Error> {
    document(&path_of(conf, kind, id), kind, &read_value(conf, kind, id)?)
}

fn path_of(conf: &Path, kind: ConfigurationKind, id: &str) -> PathBuf {
    conf.join(kind.path_segment()).join(format!("{id}.json"))
}

fn read_value(conf: &Path, kind: ConfigurationKind, id: &str) -> Result<Value, Error> {
    let path = path_of(conf, kind, id);
    let text = fs::read(&path).map_err(|error| refused(&path, &error))?;
    serde_json::from_slice(&text).map_err(|error| refused(&path, &error))
}

fn document(path: &Path, kind: ConfigurationKind, value: &Value) -> Result<String, Error> {
    let document = Document::read(kind, value, Leniency::Strict)
        .map_err(|problems| Error::Resource { path: path.to_owned(), problems: format!("{problems:?}") })?;
    Ok(document.to_value().to_string())
}

fn refused(path: &Path, error: &impl ToString) -> Error {
    Error::Resource { path: path.to_owned(), problems: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_has_what_the_benchmarks_use() {
        let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/conf");
        for (kind, id) in RESOURCES {
            let body = read(&conf, kind, id).unwrap();
            assert!(body.contains(id), "{body}");
        }
        assert!(read(&conf, ConfigurationKind::Application, "nobody").is_err());
    }

    #[test]
    fn every_tenant_has_its_scheduled_tasks() {
        let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/conf");
        let directory = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(directory.path().join("muster.db"));
        prepare_schedules(&conf, &database, (2, 3)).unwrap();
        blocking(async {
            let store = Store::open(&location(&database)).await?;
            assert_eq!(store.unscheduled().await?.len(), 2);
            let tenant = store.tenant(&"bench-1".parse().unwrap()).await?.unwrap();
            assert_eq!(tenant.resources().await?.len(), 2 + 3);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn the_tenant_is_made_with_its_configuration() {
        let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/conf");
        let directory = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(directory.path().join("muster.db"));
        prepare(&conf, &database).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let stored = runtime.block_on(async {
            let store = Store::open(&location(&database)).await.unwrap();
            let tenant = store.tenant(&TENANT.parse().unwrap()).await.unwrap().unwrap();
            tenant.resources().await.unwrap()
        });
        let ids: Vec<_> = stored.iter().map(|resource| resource.id.as_str()).collect();
        assert_eq!(ids, ["hr-csv", "hr", "hr-reconciliation"]);
        assert!(prepare(&conf, &database).is_err(), "a second tenant of that name");
    }

    #[test]
    fn the_directory_comes_to_the_people() {
        let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/conf");
        let directory = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(directory.path().join("muster.db"));
        let of_directory = conf.join("../directory/conf");
        assert!(prepare_directory(&of_directory, &database, 3891).is_err(), "there is no tenant yet");
        prepare(&conf, &database).unwrap();
        prepare_directory(&of_directory, &database, 3891).unwrap();
        blocking(async {
            let store = Store::open(&location(&database)).await?;
            let tenant = store.tenant(&TENANT.parse().unwrap()).await?.unwrap();
            let stored = tenant.resources().await?;
            assert_eq!(stored.len(), RESOURCES.len() + DIRECTORY.len() + 1);
            let body = |id: &str| -> Value {
                let resource = stored.iter().find(|resource| resource.id == id).unwrap();
                serde_json::from_str(&resource.body).unwrap()
            };
            assert!(body("ldap").to_string().contains("\"3891\""));
            assert_eq!(body("directory-accounts")["applicationIds"], json!(["directory"]));
            assert_eq!(body(SHADOW_TASK)["verify"], "SHADOW");
            Ok(())
        })
        .unwrap();
    }
}
