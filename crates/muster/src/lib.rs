//! Muster, put together: store, engine and every connector. The only crate that names connectors.

mod data;
mod key;
mod machine;
pub mod settings;

use std::path::PathBuf;
use std::sync::Arc;

use muster_connector::{ConnectorKind, FileRoots};
use muster_connector_csv::CsvKind;
use muster_connector_ldap::LdapKind;
use muster_connector_rest::RestKind;
use muster_connector_scim::ScimKind;
use muster_connector_sql::SqlKind;
use muster_egress::Egress;
use muster_engine::{
    Channel, Connectors, Delivery, Engine, Notifications, Settings as EngineSettings, check_compiles,
    check_connectors,
};
use muster_model::configuration::{Configuration, Problems};
use muster_store::{Acting, Location, Store, StoreError};

pub use data::{DATABASE, MASTER_KEY, OTHERS};
pub use key::KeyError;
use key::{Found, Sealed};
pub use machine::Machine;
use settings::Settings;

/// Where Muster keeps its data.
#[derive(Debug, Clone)]
pub struct Place {
    /// The data directory: files of tenants, and the SQLite file where no other database is given.
    pub data_dir: PathBuf,
    /// A PostgreSQL database instead of the SQLite file.
    pub database_url: Option<String>,
    /// The file of the master key; where none is named, SQLite has one in the data directory, and PostgreSQL none.
    pub master_key_file: Option<PathBuf>,
    /// Further roots that tenants' files may lie in.
    pub file_roots: Vec<PathBuf>,
}

/// Muster, open on its data.
#[derive(Clone)]
pub struct Muster {
    /// The engine.
    pub engine: Engine,
    /// The store.
    pub store: Store,
    /// The file of the master key, if it was made just now.
    pub made_key: Option<PathBuf>,
}

/// Why Muster cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be made.
    #[error("cannot make the data directory {}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The master key cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Muster {
    /// Opens the data, making what is missing.
    ///
    /// # Errors
    /// When the data directory cannot be made or the database cannot be used.
    pub async fn open(place: &Place) -> Result<Self, OpenError> {
        Self::open_to_work(place, &Settings::default()).await
    }

    /// Opens what the settings name, making what is missing.
    ///
    /// # Errors
    /// As [`Muster::open`].
    pub async fn open_as_set(settings: &Settings) -> Result<Self, OpenError> {
        Self::open_to_work(&settings.place(), settings).await
    }

    /// Opens what there is, of a database whose schema is up to date, and makes nothing.
    ///
    /// # Errors
    /// When the database cannot be used, or the master key that it needs cannot.
    pub async fn look(settings: &Settings) -> Result<Self, OpenError> {
        let place = settings.place();
        let store = Store::open(&place.location()).await?;
        let store = match key::look(&place, Sealed::of(&store).await?)? {
            Some(key) => store.with_master_key(key).await?,
            None => store,
        };
        Ok(Self::assemble(store, &place, settings))
    }

    /// The same, where what is done through [`store`](Self::store) is done on somebody's behalf. What the engine
    /// does by itself stays its own.
    #[must_use]
    pub fn acting(self, acting: Acting) -> Self {
        Self { store: self.store.acting(acting), ..self }
    }

    async fn open_to_work(place: &Place, settings: &Settings) -> Result<Self, OpenError> {
        let failed = |source| OpenError::DataDir { path: place.data_dir.clone(), source };
        data::make_directory(&place.data_dir).map_err(failed)?;
        let location = place.location();
        if let Location::File(file) = &location {
            data::make_file(file).map_err(failed)?;
        }
        let store = Store::open(&location).await?;
        let found = key::find(place, Sealed::of(&store).await?)?;
        let (store, made_key) = match found {
            Found::None => (store, None),
            Found::Key(key) => (store.with_master_key(key).await?, None),
            Found::Made(key, path) => (store.with_master_key(key).await?, Some(path)),
        };
        Ok(Self { made_key, ..Self::assemble(store, place, settings) })
    }

    fn assemble(store: Store, place: &Place, settings: &Settings) -> Self {
        let machine = Machine::new();
        let settings = EngineSettings {
            file_roots: place.file_roots.clone(),
            retention: settings.retention.of_engine(),
            egress: settings.egress.way_out(),
            ..settings.work.engine_settings(place.data_dir.clone(), machine.owner())
        };
        let connectors = connectors(&settings.egress);
        let engine = Engine::new(store.clone(), connectors, Arc::new(machine), delivery(&store), settings);
        Self { engine, store, made_key: None }
    }
}

impl Place {
    /// Where the database is.
    #[must_use]
    pub fn location(&self) -> Location {
        match &self.database_url {
            Some(url) => Location::Postgres(url.clone()),
            None => Location::File(self.data_dir.join(DATABASE)),
        }
    }
}

/// All that speaks against a whole configuration, as far as it can be told without a server: between its resources,
/// of their connectors, and of their expressions. Pointers are those of [`Configuration::check`].
#[must_use]
pub fn check(configuration: &Configuration) -> Problems {
    // Where a tenant's files lie is the server's; a path is looked at by itself.
    let own = std::env::temp_dir().join("muster");
    let files = FileRoots { own, further: Vec::new() };
    let mut problems = configuration.check();
    problems.merge(check_connectors(&connectors(&Egress::default()), &files, configuration));
    for resource in configuration.iter() {
        let place = Configuration::pointer(resource);
        let compiled = check_compiles(configuration, resource.kind(), &resource.id());
        problems.merge(compiled.placed_under(&place));
    }
    problems
}

/// What brings runs to workers: where the database carries wakeups, to those of all processes.
fn delivery(store: &Store) -> Arc<dyn Delivery> {
    match store.wakeups() {
        Some(wakeups) => Arc::new(Notifications::new(wakeups)),
        None => Arc::new(Channel::default()),
    }
}

/// Every connector that is built in. What they may call is what the way out lets them.
fn connectors(egress: &Egress) -> Connectors {
    let kinds: [Arc<dyn ConnectorKind>; 5] = [
        Arc::new(CsvKind),
        Arc::new(LdapKind::new(egress.clone())),
        Arc::new(RestKind::new(egress.clone())),
        Arc::new(ScimKind::new(egress.clone())),
        Arc::new(SqlKind::new(egress.clone())),
    ];
    kinds.into_iter().map(|kind| (kind.name(), kind)).collect()
}
