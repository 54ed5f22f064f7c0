//! The single sync: one user, asked for by somebody who waits. It runs in the task of who asks, and is otherwise a run of
//! one key like any other: planned, guarded, applied, noted and undone in the same way.

use std::sync::Arc;

use muster_connector::{BadEntry, Connector, ConnectorError, Entry, Place, RemoteClass};
use muster_model::configuration::connector_definition::ConnectorDefinition;
use muster_model::configuration::task::{SynchronizationTaskDefinition, TaskType};
use muster_model::run::{Mode, Outcome, OwnerBy, TaskKind};
use muster_model::user_sync::{UserOperation, UserResult};
use muster_model::RunId;
use muster_plan::lifecycle::{Absence, RunState};
use muster_store::{Claiming, NewRun, RunRecord, StoreError, TenantStore};
use tokio::sync::watch;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::brief::{Basis, Known};
use crate::configuration::{ConfigurationError, LoadedConfiguration};
use crate::disputes::uid_of;
use crate::error::{EngineError, for_people};
use crate::kept::Prepared;
use crate::prepare::{CompiledTask, compile};
use crate::remote::remote_class;
use crate::sweep_keys::ReadBefore;
use crate::worker::Left;
use crate::{Engine, OUTRUN_TRIES, UserResults};

/// Why a single sync could not be carried out. A user who is unknown, filtered or refused is no error.
#[derive(Debug, thiserror::Error)]
pub enum SingleSyncError {
    /// No connector has this unique id.
    #[error("there is no connector `{connector}`")]
    ConnectorNotFound {
        /// The unique id.
        connector: Uuid,
    },
    /// The source cannot be reached, refuses, or is in maintenance.
    #[error("connector `{connector}` is not available: {reason}")]
    ConnectorNotAvailable {
        /// The unique id.
        connector: Uuid,
        /// What it said, and what to do.
        reason: String,
    },
    /// The connector cannot be made: its type is not built in, a secret of it is lacking, or the own store is unusable.
    #[error("connector `{connector}` cannot be made: {reason}")]
    ConnectorFactoryNotAvailable {
        /// The unique id.
        connector: Uuid,
        /// What is lacking, and what to do.
        reason: String,
        /// What the store said.
        #[source]
        source: Option<StoreError>,
    },
    /// The configuration cannot be used.
    #[error("the configuration of connector `{connector}` cannot be used: {reason}")]
    ConfigurationFailed {
        /// The unique id.
        connector: Uuid,
        /// What is wrong with it.
        reason: String,
    },
}

/// Who is to be synchronized, as somebody asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SingleUser<'a> {
    /// The primary key of the account at the source, or the user name.
    pub identifier: &'a str,
    /// How it is found whose account that is.
    pub owner_by: OwnerBy,
}

/// Why one attempt came to nothing.
enum Attempt {
    /// Somebody else was faster: it is looked at again.
    Outrun,
    Failed(SingleSyncError),
}

impl From<SingleSyncError> for Attempt {
    fn from(error: SingleSyncError) -> Self {
        Self::Failed(error)
    }
}

impl Engine {
    /// Synchronizes one user of a connector, in the task of who asks, and answers what became of it.
    ///
    /// # Errors
    /// When the connector does not exist, is not available, cannot be made, or its configuration cannot be used.
    pub async fn sync_single_user(
        &self,
        store: &TenantStore,
        connector: Uuid,
        user: SingleUser<'_>,
    ) -> Result<UserResult, SingleSyncError> {
        let mut tries = OUTRUN_TRIES;
        loop {
            tries -= 1;
            match self.try_single(store, connector, user, tries > 0).await {
                Ok(result) => return Ok(result),
                Err(Attempt::Failed(error)) => return Err(error),
                Err(Attempt::Outrun) if tries > 0 => {}
                Err(Attempt::Outrun) => {
                    let reason = "other changes came first, again and again; ask again".to_owned();
                    return Err(SingleSyncError::ConnectorNotAvailable { connector, reason });
                }
            }
        }
    }

    async fn try_single(
        &self,
        store: &TenantStore,
        connector: Uuid,
        user: SingleUser<'_>,
        may_try_again: bool,
    ) -> Result<UserResult, Attempt> {
        let prepared = match self.kept.get(store.slug(), connector) {
            Some(prepared) => prepared,
            None => self.prepare_single(store, connector).await?,
        };
        let read = self.look_up(store, connector, &prepared, user.identifier).await?;
        let run = self.new_single(&prepared, (&read.entries, user));
        let (key, id) = (run.keys.iter().flatten().next().cloned().unwrap_or_default(), run.id);
        let store = &store.counting_its_own();
        let claiming = Claiming {
            owner: &self.settings.owner,
            lease_until: self.lease_end(),
            application: &prepared.task.application.id,
        };
        let launched = store.launch_claimed(prepared.version, &run, claiming).await;
        let (claimed, buckets) = match launched {
            Ok(launched) => launched,
            Err(StoreError::ConfigurationMoved) => {
                self.kept.forget(store.slug(), connector);
                return Err(Attempt::Outrun);
            }
            Err(error) => return Err(unusable_store(connector, error).into()),
        };
        let configuration = Arc::clone(&prepared.configuration);
        let known = Known { configuration, task: prepared.task.clone(), buckets, read };
        let span = tracing::info_span!("run", tenant = %store.slug(), run = %id);
        let (_keep, stop) = watch::channel(false);
        let door = store.acting(self.own_acting());
        let carried = self.carry(&door, claimed, Basis::Known(Box::new(known)), stop).instrument(span);
        match carried.await {
            Ok(Left { failed: Some(error), .. }) | Err(error) => Err(failure(connector, error).into()),
            Ok(Left { run, .. }) if may_try_again && run.counters.outcome(Outcome::Stale) > 0 => {
                Err(Attempt::Outrun)
            }
            Ok(Left { run, .. }) => {
                let result = result_of(store, run, key).await;
                result.map_err(|error| unusable_store(connector, error).into())
            }
        }
    }

    /// What a connector needs, and that it can be used.
    async fn prepare_single(
        &self,
        store: &TenantStore,
        connector: Uuid,
    ) -> Result<Arc<Prepared>, SingleSyncError> {
        let unusable = |error| unusable_configuration(connector, error);
        let version = store.configuration_version().await.map_err(|error| unusable_store(connector, error))?;
        let loaded = LoadedConfiguration::load(store).await.map_err(unusable)?;
        let is_meant = |task: &&SynchronizationTaskDefinition| task.unique_id == Some(connector);
        let task = loaded.resources.synchronization_tasks().find(is_meant);
        let task = task.ok_or(SingleSyncError::ConnectorNotFound { connector })?;
        if let TaskType::Cleanup(_) = task.task_type {
            let reason = "it cleans up, and reads no users".to_owned();
            return Err(SingleSyncError::ConfigurationFailed { connector, reason });
        }
        let id = task.id.clone();
        let compiled = compile(&loaded.resources, &TaskKind::Synchronization, &id).map_err(unusable)?;
        let CompiledTask::Inbound(task) = compiled else {
            let reason = "it reads no users".to_owned();
            return Err(SingleSyncError::ConfigurationFailed { connector, reason });
        };
        let prepared = Arc::new(Prepared {
            version,
            rules: loaded.hash(),
            configuration: Arc::new(loaded),
            id,
            class: remote_class(&task.application, &task.class),
            task: *task,
            open: Default::default(),
        });
        self.kept.put(store.slug(), connector, &prepared);
        Ok(prepared)
    }

    /// Reads the account of a user: by the connector that is kept open, and by a new one should that be broken.
    async fn look_up(
        &self,
        store: &TenantStore,
        id: Uuid,
        prepared: &Arc<Prepared>,
        identifier: &str,
    ) -> Result<ReadBefore, SingleSyncError> {
        if let Some(connector) = prepared.connector() {
            match prepared.read(&*connector, identifier).await {
                Ok(entries) => return Ok(ReadBefore { connector, entries }),
                Err(_) => prepared.give_up(&connector),
            }
        }
        let connector: Arc<dyn Connector> = Arc::from(self.open_single(store, id, prepared).await?);
        let entries = prepared.read(&*connector, identifier).await;
        let entries = entries.map_err(|error| not_available(id, &error))?;
        prepared.keep(Arc::clone(&connector));
        Ok(ReadBefore { connector, entries })
    }

    async fn open_single(
        &self,
        store: &TenantStore,
        connector: Uuid,
        prepared: &Prepared,
    ) -> Result<Box<dyn Connector>, SingleSyncError> {
        let failed = |reason| SingleSyncError::ConfigurationFailed { connector, reason };
        let id = &prepared.task.application.connector_definition_id;
        let resources = &prepared.configuration.resources;
        let definition = resources.connector_definition(id);
        let definition =
            definition.ok_or_else(|| failed(format!("connector definition `{id}` does not exist")))?;
        if definition.maintenance {
            let reason = format!("connector definition `{id}` is in maintenance");
            return Err(SingleSyncError::ConnectorNotAvailable { connector, reason });
        }
        let ready = self.ready(store, definition).await.map_err(|error| {
            let reason = error.to_string();
            SingleSyncError::ConnectorFactoryNotAvailable { connector, reason, source: None }
        })?;
        let found = self.problems_of(definition);
        if !found.is_empty() {
            return Err(failed(found));
        }
        ready.open().await.map_err(|error| not_available(connector, &error))
    }

    fn problems_of(&self, definition: &ConnectorDefinition) -> String {
        let settings: Vec<_> = definition.properties.iter().enumerate().collect();
        self.check_settings(&definition.connector_type, &settings).to_string()
    }

    fn new_single(&self, prepared: &Prepared, (entries, user): (&[Entry], SingleUser<'_>)) -> NewRun {
        let uid = entries.first().and_then(uid_of).unwrap_or(user.identifier);
        NewRun {
            id: RunId(self.surroundings.new_id()),
            task_kind: TaskKind::Synchronization,
            task: prepared.id.clone(),
            state: RunState::launched(Mode::Apply, Absence::Ignored),
            keys: Some(vec![uid.to_owned()]),
            owner_by: user.owner_by,
            rules: prepared.rules,
            rules_body: prepared.configuration.body.clone(),
            estimate: 1,
            approved_hash: None,
            overriding: None,
            chain: None,
            preceded_by: None,
            undoes: None,
            now: self.surroundings.now(),
        }
    }
}

impl Prepared {
    /// The account of a user: by the primary key, and if none has that by the user name.
    async fn read(&self, connector: &dyn Connector, identifier: &str) -> Result<Vec<Entry>, ConnectorError> {
        let wanted = [identifier.to_owned()];
        let entries = connector.read(&self.class, &wanted).await?;
        let name = self.task.user_name.as_ref().filter(|name| name.account != self.class.uid_attribute);
        let (true, Some(name)) = (entries.is_empty(), name) else { return Ok(entries) };
        let class = RemoteClass { name_attribute: Some(name.account.clone()), ..self.class.clone() };
        let named = connector.find(&class, &wanted).await?;
        Ok(match named.as_slice() {
            [] | [_] => named,
            [first, ..] => vec![several(first, identifier)],
        })
    }
}

/// An identifier that does not tell who is meant: an account that cannot be read.
fn several(first: &Entry, identifier: &str) -> Entry {
    let place = match first {
        Entry::Account(account) => account.place,
        Entry::Bad(bad) => bad.place,
        Entry::Gone(_) => Place(0),
    };
    let message = format!("several accounts have the user name `{identifier}`; ask for one by its key");
    Entry::Bad(BadEntry { place, uid: Some(identifier.to_owned()), message })
}

async fn result_of(store: &TenantStore, run: RunRecord, key: String) -> Result<UserResult, StoreError> {
    let results = UserResults::of(store.clone(), run).next_page().await?;
    Ok(results.into_iter().next().unwrap_or_else(|| UserResult {
        operation: UserOperation::Failed,
        identifier: key,
        input_user: None,
        resulting_user: None,
        message: Some("the sync was ended before its time; ask again".to_owned()),
    }))
}

/// What the failure of the run says of the connector.
fn failure(connector: Uuid, error: EngineError) -> SingleSyncError {
    let reason = for_people(&error);
    match error {
        EngineError::Connector { .. } | EngineError::AllLeftOut { .. } => {
            SingleSyncError::ConnectorNotAvailable { connector, reason }
        }
        EngineError::Configuration(error) => unusable_configuration(connector, error),
        EngineError::NoDirectory { .. } => SingleSyncError::ConfigurationFailed { connector, reason },
        EngineError::Store(error) => unusable_store(connector, error),
        EngineError::Lost
        | EngineError::NotFoundByKey { .. }
        | EngineError::Preceding { .. }
        | EngineError::PrecedingGone { .. }
        | EngineError::BrokenDown { .. }
        | EngineError::NothingToUndo { .. }
        | EngineError::TooManyErrors { .. }
        | EngineError::MostFailed { .. }
        | EngineError::NotAdmitted(_)
        | EngineError::Broken(_) => {
            SingleSyncError::ConnectorFactoryNotAvailable { connector, reason, source: None }
        }
    }
}

fn not_available(connector: Uuid, error: &ConnectorError) -> SingleSyncError {
    SingleSyncError::ConnectorNotAvailable { connector, reason: error.to_string() }
}

fn unusable_configuration(connector: Uuid, error: ConfigurationError) -> SingleSyncError {
    match error {
        ConfigurationError::Store(error) => unusable_store(connector, error),
        ConfigurationError::Invalid(_) | ConfigurationError::Lacking(_) => {
            SingleSyncError::ConfigurationFailed { connector, reason: error.to_string() }
        }
    }
}

fn unusable_store(connector: Uuid, source: StoreError) -> SingleSyncError {
    let reason = "the own store cannot be used".to_owned();
    SingleSyncError::ConnectorFactoryNotAvailable { connector, reason, source: Some(source) }
}
