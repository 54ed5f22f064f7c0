//! The single sync: one user, asked for by somebody who waits. It runs in the task of who asks, and is otherwise a run of
//! one key like any other: planned, guarded, applied, noted and undone in the same way.

use std::sync::Arc;

use muster_connector::{BadEntry, Connector, ConnectorError, Entry, Place, RemoteClass};
use muster_model::RunId;
use muster_model::run::{Mode, Outcome, OwnerBy, TaskKind};
use muster_model::user_sync::{UserOperation, UserResult};
use muster_plan::lifecycle::{Absence, RunState};
use muster_store::{Claiming, NewRun, RunRecord, StoreError, TenantStore};
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::brief::{Basis, Known};
use crate::configuration::LoadedConfiguration;
use crate::directories::Directory;
use crate::disputes::uid_of;
use crate::error::EngineError;
use crate::kept::Prepared;
use crate::prepare::{CompiledTask, compile};
use crate::remote::remote_class;
use crate::single_error::SingleSyncError;
use crate::sweep_keys::ReadBefore;
use crate::user_results::met;
use crate::{Engine, OUTRUN_TRIES, UserResults};

/// Who is to be synchronized, as somebody asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SingleUser<'a> {
    /// The primary key of the account at the source, or the user name.
    pub identifier: &'a str,
    /// How it is found whose account that is.
    pub owner_by: OwnerBy,
}

/// What one attempt came to.
enum Attempt {
    Done(UserResult),
    /// Somebody else was faster: it is looked at again.
    Outrun,
}

impl Engine {
    /// Synchronizes one user of a connector, by its unique id or the id of its task, in the task of who asks, and answers
    /// what became of the user.
    ///
    /// # Errors
    /// When the connector does not exist, is not available, cannot be made, or its configuration cannot be used.
    pub async fn sync_single_user(
        &self,
        store: &TenantStore,
        connector: &str,
        user: SingleUser<'_>,
    ) -> Result<UserResult, SingleSyncError> {
        // No account, and no database, has such a key.
        if user.identifier.contains('\0') {
            return Ok(failed(user.identifier, "no account has a key that holds U+0000"));
        }
        for _ in 0..OUTRUN_TRIES {
            if let Attempt::Done(result) = self.try_single(store, connector, user).await? {
                return Ok(result);
            }
        }
        Ok(failed(user.identifier, "other changes came first, again and again; ask again"))
    }

    async fn try_single(
        &self,
        store: &TenantStore,
        connector: &str,
        user: SingleUser<'_>,
    ) -> Result<Attempt, SingleSyncError> {
        let prepared = match self.kept.get(store.number(), connector) {
            Some(prepared) => prepared,
            None => self.prepare_single(store, connector).await?,
        };
        let read = match self.look_up(store, &prepared, user.identifier).await {
            // It may be what has been corrected since.
            Err(_) if store.configuration_version().await? != prepared.version => {
                self.kept.forget(store.number(), connector);
                return Ok(Attempt::Outrun);
            }
            read => read?,
        };
        let key = read.entries.first().and_then(uid_of).unwrap_or(user.identifier).to_owned();
        let run = self.new_single(&prepared, (key.clone(), user.owner_by));
        let store = &store.counting_its_own();
        let claiming = Claiming {
            owner: &self.settings.owner,
            lease_until: self.lease_end(),
            application: &prepared.task.application.id,
        };
        let (claimed, buckets) = match store.launch_claimed(prepared.version, &run, claiming).await {
            Err(StoreError::ConfigurationMoved) => {
                self.kept.forget(store.number(), connector);
                return Ok(Attempt::Outrun);
            }
            launched => launched?,
        };
        let known = Known { prepared, buckets, read };
        // Apart: it is most of what stands on the stack of whoever asks.
        let (run, uneventful) = Box::pin(self.carry_single(store, claimed, known)).await?;
        match (run.counters.outcome(Outcome::Stale), uneventful) {
            (0, Some(outcome)) => Ok(Attempt::Done(met(outcome, key))),
            (0, None) => Ok(Attempt::Done(result_of(store, run, &key).await?)),
            (_, _) => Ok(Attempt::Outrun),
        }
    }

    async fn carry_single(
        &self,
        store: &TenantStore,
        run: RunRecord,
        known: Known,
    ) -> Result<(RunRecord, Option<Outcome>), EngineError> {
        let span = tracing::info_span!("run", tenant = %store.slug(), run = %run.id);
        let (_keep, stop) = watch::channel(false);
        let door = store.acting(self.own_acting());
        let carried = self.carry(&door, run, Basis::Known(Box::new(known)), stop);
        let left = carried.instrument(span).await?;
        left.failed.map_or(Ok((left.run, left.uneventful)), Err)
    }

    /// What a connector needs.
    async fn prepare_single(
        &self,
        store: &TenantStore,
        connector: &str,
    ) -> Result<Arc<Prepared>, SingleSyncError> {
        let version = store.configuration_version().await?;
        let loaded = LoadedConfiguration::load(store).await?;
        let found = loaded.resources.connector(connector).map(|task| task.id.clone());
        let id =
            found.ok_or_else(|| SingleSyncError::ConnectorNotFound { connector: connector.to_owned() })?;
        let compiled = compile(&loaded.resources, &TaskKind::Synchronization, &id)?;
        let CompiledTask::Inbound(task) = compiled else {
            return Err(SingleSyncError::misconfigured("it reads no users"));
        };
        let directory = match store.directory_is_deleted(&task.directory).await? {
            true => Directory::NotLookedFor,
            false => Directory::There,
        };
        let prepared = Arc::new(Prepared {
            directory,
            version,
            rules: loaded.hash(),
            configuration: Arc::new(loaded),
            id,
            class: remote_class(&task.application, &task.class),
            task: *task,
            kept: Arc::default(),
        });
        self.kept.put(store.number(), connector, &prepared);
        Ok(prepared)
    }

    /// Reads the account of a user: by the connector that is kept open, and by a new one should that be broken.
    async fn look_up(
        &self,
        store: &TenantStore,
        prepared: &Arc<Prepared>,
        identifier: &str,
    ) -> Result<ReadBefore, SingleSyncError> {
        if let Some(connector) = prepared.kept.connector() {
            match prepared.read(&*connector, identifier).await {
                Ok(entries) => return Ok(ReadBefore { connector, entries }),
                Err(_) => prepared.kept.give_up(&connector),
            }
        }
        let connector: Arc<dyn Connector> = Arc::from(self.open_single(store, prepared).await?);
        let entries = prepared.read(&*connector, identifier).await?;
        prepared.kept.keep(Arc::clone(&connector));
        Ok(ReadBefore { connector, entries })
    }

    async fn open_single(
        &self,
        store: &TenantStore,
        prepared: &Prepared,
    ) -> Result<Box<dyn Connector>, SingleSyncError> {
        let id = &prepared.task.application.connector_definition_id;
        let definition = prepared.configuration.resources.connector_definition(id);
        let Some(definition) = definition else {
            return Err(SingleSyncError::misconfigured(format!(
                "connector definition `{id}` does not exist"
            )));
        };
        if definition.maintenance {
            let reason = format!("connector definition `{id}` is in maintenance");
            return Err(SingleSyncError::unavailable(reason));
        }
        let ready = self.ready(store, definition).await;
        let ready = ready.map_err(|error| SingleSyncError::not_made(error.to_string()))?;
        let settings: Vec<_> = definition.properties.iter().enumerate().collect();
        let problems = self.check_settings(&definition.connector_type, &settings);
        if !problems.is_empty() {
            return Err(SingleSyncError::misconfigured(problems.to_string()));
        }
        Ok(ready.open().await?)
    }

    fn new_single(&self, prepared: &Prepared, (key, owner_by): (String, OwnerBy)) -> NewRun {
        NewRun {
            id: RunId(self.surroundings.new_id()),
            task_kind: TaskKind::Synchronization,
            task: prepared.id.clone(),
            state: RunState::launched(Mode::Apply, Absence::Ignored),
            keys: Some(vec![key]),
            owner_by,
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
        let entries = identified(connector.read(&self.class, &wanted).await?);
        let name = self.task.user_name.as_ref().filter(|name| name.account != self.class.uid_attribute);
        let (true, Some(name)) = (entries.is_empty(), name) else { return Ok(entries) };
        let class = RemoteClass { name_attribute: Some(name.account.clone()), ..self.class.clone() };
        let named = identified(connector.find(&class, &wanted).await?);
        Ok(match named.as_slice() {
            [] | [_] => named,
            [..] => vec![several(identifier)],
        })
    }
}

/// The entries of which it is known whose they are. That another may be the one that is asked for keeps runs from concluding
/// that somebody is gone, which this one never does.
fn identified(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.retain(|entry| uid_of(entry).is_some());
    entries
}

/// An identifier that does not tell who is meant: an account that cannot be read.
fn several(identifier: &str) -> Entry {
    let message = format!("several accounts have the user name `{identifier}`; ask for one by its key");
    Entry::Bad(BadEntry { place: Place(0), uid: Some(identifier.to_owned()), message })
}

async fn result_of(store: &TenantStore, run: RunRecord, key: &str) -> Result<UserResult, StoreError> {
    let results = UserResults::of(store.clone(), run).next_page().await?;
    let ended = || failed(key, "the sync was ended before its time; ask again");
    Ok(results.into_iter().next().unwrap_or_else(ended))
}

fn failed(identifier: &str, message: &str) -> UserResult {
    UserResult {
        operation: UserOperation::Failed,
        identifier: identifier.to_owned(),
        input_user: None,
        resulting_user: None,
        message: Some(message.to_owned()),
    }
}
