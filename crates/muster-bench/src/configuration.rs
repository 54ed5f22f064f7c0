//! The tenant of the benchmarks: the HR part of the example, stored as the documents that it is made of.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::Utc;
use muster_model::TenantSlug;
use muster_model::configuration::{ConfigurationKind, Document, Leniency};
use muster_store::{Actor, ActorKind, Location, ResourceWrite, Store, Written};

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

/// Makes the database, the tenant and its configuration.
///
/// # Errors
/// When a resource cannot be read, or the store cannot be set up or has the tenant already.
pub(crate) fn prepare(conf: &Path, database: &Database) -> Result<(), Error> {
    let documents = RESOURCES.map(|(kind, id)| read(conf, kind, id).map(|body| (kind, id, body)));
    let runtime = tokio::runtime::Runtime::new().map_err(Error::io("start the runtime"))?;
    runtime.block_on(async {
        let store = Store::open(&location(database)).await?;
        let slug: TenantSlug = TENANT.parse().map_err(|problem| refused(Path::new(TENANT), &problem))?;
        let tenant = store.create_tenant(&slug, Utc::now()).await?;
        let actor = Actor::new(ActorKind::CommandLine, "bench");
        for document in documents {
            let (kind, id, body) = document?;
            let checked = tenant.configuration_version().await?;
            let write = ResourceWrite::new(kind as u8, id, Written::Created(body));
            tenant.write_resource(checked, (&actor, Utc::now()), write).await?;
        }
        Ok(())
    })
}

fn location(database: &Database) -> Location {
    match database {
        Database::Sqlite(file) => Location::File(file.clone()),
        Database::Postgres(url) => Location::Postgres(url.clone()),
    }
}

/// The document of a resource as it is stored.
fn read(conf: &Path, kind: ConfigurationKind, id: &str) -> Result<String, Error> {
    let path: PathBuf = conf.join(kind.path_segment()).join(format!("{id}.json"));
    let text = fs::read(&path).map_err(|error| refused(&path, &error))?;
    let value = serde_json::from_slice(&text).map_err(|error| refused(&path, &error))?;
    let document = Document::read(kind, &value, Leniency::Strict)
        .map_err(|problems| Error::Resource { path, problems: format!("{problems:?}") })?;
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
}
