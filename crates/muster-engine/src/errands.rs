//! Post-processing: what a run leaves to be done is taken from the outbox, carried out, and what came of it noted.
//!
//! Every errand is carried out at least once, and by one worker at a time: whoever claims it keeps it for a lease, and
//! whoever died with one lets the next try it again. So each errand comes to the same when it is done twice.

use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream};
use muster_model::RunId;
use muster_model::configuration::Configuration;
use muster_model::configuration::post_processing::{FileArchiving, PostProcessing};
use muster_model::errand::{ErrandKind, ErrandState};
use muster_model::run::{Mode, OutcomeStatus, TaskKind};
use muster_plan::errand::{self, Read};
use muster_store::{ErrandRecord, NewErrand, RunRecord, Settled, StoreError, TenantStore};
use tokio::sync::watch;

use crate::Engine;
use crate::configuration::LoadedConfiguration;
use crate::error::with_causes;
use crate::lease::BEATS;
use crate::placing::Existing;
use crate::remote::remote_class;
use crate::worker::Spawned;
use crate::workers::told;

/// Errands that are looked up between two looks.
const LOOKED_UP: u32 = 64;

/// Errands that a process carries out at the same time.
const AT_ONCE: usize = 8;

/// The most characters of a message that are kept.
const MESSAGE: usize = 2000;

/// What came of a try.
#[derive(Debug)]
pub(crate) enum Came {
    /// It is done.
    Done {
        /// What is to be known about that.
        message: Option<String>,
        /// The file that it left.
        path: Option<String>,
    },
    /// It cannot be done, for this reason.
    Failed(String),
    /// It may be done later, for this reason not now.
    Again(String),
}

impl Came {
    /// It left a file.
    pub(crate) fn left(path: String) -> Self {
        Self::Done { message: None, path: Some(path) }
    }
}

/// An errand in the hands of somebody, with the run that it follows and what that was launched with.
pub(crate) struct Errand<'a> {
    pub(crate) store: &'a TenantStore,
    pub(crate) run: &'a RunRecord,
    pub(crate) configuration: &'a Configuration,
    pub(crate) post_processing: &'a PostProcessing,
    pub(crate) record: &'a ErrandRecord,
}

/// What follows the runs of a task, and where its input file goes, with what becomes of one that is there.
pub(crate) fn post_processing<'a>(
    configuration: &'a Configuration,
    run: &RunRecord,
) -> Option<(&'a PostProcessing, Option<(&'a FileArchiving, Existing)>)> {
    match run.task_kind {
        TaskKind::Synchronization => {
            let id = configuration.synchronization_task(&run.task)?.post_processing_id.as_ref()?;
            let found = configuration.synchronization_task_post_processing(id)?;
            let existing = if found.overwrite_existing_archive { Existing::Replaced } else { Existing::Kept };
            let archiving = found.file_archiving.as_ref().map(|archiving| (archiving, existing));
            Some((&found.common, archiving))
        }
        TaskKind::Provisioning => {
            let id = configuration.provisioning_task(&run.task)?.post_processing_id.as_ref()?;
            Some((&configuration.provisioning_task_post_processing(id)?.common, None))
        }
    }
}

impl Engine {
    /// What is to be done after a run that ends like this. Nothing follows simulations, runs of single keys, and what
    /// undoes a run.
    pub(crate) fn errands(
        &self,
        run: &RunRecord,
        configuration: &Configuration,
        (outcome, read): (Option<OutcomeStatus>, Read),
    ) -> Vec<NewErrand> {
        let is_followed = run.state.mode == Mode::Apply && run.keys.is_none() && run.undoes.is_none();
        let (Some(outcome), true) = (outcome, is_followed) else { return Vec::new() };
        let Some((post_processing, archiving)) = post_processing(configuration, run) else {
            return Vec::new();
        };
        let errands = errand::errands(post_processing, archiving.map(|(to, _)| to), outcome, read);
        let errand = |(kind, item)| NewErrand {
            id: self.surroundings.new_id(),
            kind,
            item: u32::try_from(item).unwrap_or(u32::MAX),
        };
        errands.into_iter().map(errand).collect()
    }

    /// The same of a run that ends before its time, whose configuration may be what ends it.
    pub(crate) async fn errands_before_time(
        &self,
        store: &TenantStore,
        run: &RunRecord,
        outcome: Option<OutcomeStatus>,
    ) -> Result<Vec<NewErrand>, StoreError> {
        let body = match store.rules_body(&run.rules).await {
            Err(StoreError::Unreadable { .. }) => return Ok(Vec::new()),
            body => body?,
        };
        Ok(match LoadedConfiguration::parse(body) {
            Ok(loaded) => self.errands(run, &loaded.resources, (outcome, Read::InPart)),
            Err(_) => Vec::new(),
        })
    }

    /// Looks for errands, again and again, until it is told to stop.
    pub(crate) async fn carry_out_until(&self, mut stopped: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.carry_out_errands().await {
                tracing::warn!(error = with_causes(&error), "cannot look for what is to be done after runs");
            }
            tokio::select! {
                biased;
                () = told(&mut stopped) => return,
                () = self.outbox.notified() => {}
                () = tokio::time::sleep(self.settings.look_every) => {}
            }
        }
    }

    /// Carries out what is to be done after runs, of all tenants, until nothing is due. Answers how often something
    /// was tried.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn carry_out_errands(&self) -> Result<u32, StoreError> {
        let mut tried = 0;
        loop {
            let due = self.store.due_errands(self.surroundings.now(), LOOKED_UP).await?;
            let tries = stream::iter(due).map(|(store, run, errand)| async move {
                match self.try_errand(&store, run, &errand).await {
                    Ok(tried) => u32::from(tried),
                    // Whoever has it, or the next look after the lease, does it.
                    Err(error) => {
                        tracing::warn!(%run, error = with_causes(&error), "an errand was left");
                        0
                    }
                }
            });
            let now: u32 = tries.buffer_unordered(AT_ONCE).fold(0, |sum, one| async move { sum + one }).await;
            if now == 0 {
                return Ok(tried);
            }
            tried += now;
        }
    }

    async fn try_errand(
        &self,
        store: &TenantStore,
        run: RunId,
        errand: &ErrandRecord,
    ) -> Result<bool, StoreError> {
        let claimed = store.claim_errand(errand, self.surroundings.now(), self.lease_end()).await?;
        let Some(errand) = claimed else { return Ok(false) };
        let heart = Spawned(tokio::spawn(keep(self.clone(), store.clone(), errand.clone())));
        let came = self.carry_out(store, run, &errand).await;
        drop(heart);
        let came = match came {
            // What is stored can be read, or it cannot; all else may be better next time.
            Err(error @ StoreError::Unreadable { .. }) => Came::Failed(with_causes(&error)),
            came => came?,
        };
        tracing::info!(tenant = %store.slug(), %run, errand = errand.kind.as_str(), ?came, "after a run");
        let ended = store.run(run).await?.and_then(|run| run.ended_at);
        store.settle_errand(&errand, &self.settled(&errand, came, ended)).await?;
        Ok(true)
    }

    fn settled(
        &self,
        errand: &ErrandRecord,
        came: Came,
        ended: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Settled {
        let now = self.surroundings.now();
        let settled = |state, message: Option<String>, path, due_at| {
            let message = message.map(|message| message.chars().take(MESSAGE).collect());
            Settled { state, message, path, due_at }
        };
        match came {
            Came::Done { message, path } => settled(ErrandState::Done, message, path, now),
            Came::Failed(message) => settled(ErrandState::Failed, Some(message), None, now),
            Came::Again(message) => {
                let patience = TimeDelta::from_std(self.settings.insist).unwrap_or(TimeDelta::MAX);
                let end = ended.unwrap_or(now).checked_add_signed(patience).unwrap_or(now);
                // The low bits of a new id are chance.
                let chance = u32::try_from(self.surroundings.new_id().as_u128() & u128::from(u32::MAX));
                match errand::again_at(now, errand.attempts, chance.unwrap_or(0), end) {
                    Some(again) => settled(ErrandState::Pending, Some(message), None, again),
                    None => {
                        let message = format!("{message}; given up after {} tries", errand.attempts);
                        settled(ErrandState::Failed, Some(message), None, now)
                    }
                }
            }
        }
    }

    async fn carry_out(
        &self,
        store: &TenantStore,
        run: RunId,
        record: &ErrandRecord,
    ) -> Result<Came, StoreError> {
        let gone = |what: &str| Ok(Came::Failed(format!("{what} is not there any more")));
        let Some(run) = store.run(run).await? else { return gone("the run") };
        let loaded = match LoadedConfiguration::parse(store.rules_body(&run.rules).await?) {
            Ok(loaded) => loaded,
            Err(error) => return Ok(Came::Failed(with_causes(&error))),
        };
        let configuration = &loaded.resources;
        let Some((post_processing, archiving)) = post_processing(configuration, &run) else {
            return gone("the post-processing");
        };
        let errand = Errand { store, run: &run, configuration, post_processing, record };
        let item = record.item as usize;
        match record.kind {
            ErrandKind::ErrorReport => match &post_processing.error_publication {
                Some(publication) => self.report_errors(&errand, publication).await,
                None => gone("the report's definition"),
            },
            ErrandKind::SummaryReport => match &post_processing.report_publication {
                Some(publication) => self.report_summary(&errand, publication).await,
                None => gone("the report's definition"),
            },
            ErrandKind::Archive => match archiving {
                Some(archiving) => self.archive(&errand, archiving).await,
                None => gone("the archive's definition"),
            },
            ErrandKind::Launch => match post_processing.launch.get(item) {
                Some(next) => self.launch_next(&errand, &next.task_definition_id).await,
                None => gone("the next task's definition"),
            },
            ErrandKind::Webhook => match post_processing.webhooks.get(item) {
                Some(webhook) => self.tell(&errand, webhook).await,
                None => gone("the webhook's definition"),
            },
        }
    }

    /// The file that a run read, by the path that its configuration names.
    pub(crate) fn input_file(&self, configuration: &Configuration, run: &RunRecord) -> Option<String> {
        let task = match run.task_kind {
            TaskKind::Synchronization => configuration.synchronization_task(&run.task)?,
            TaskKind::Provisioning => return None,
        };
        let source = task.task_type.source()?;
        let application = configuration.application(&source.application_id)?;
        let class = application.object_classes.iter().find(|class| class.id == source.object_class_id)?;
        let definition = configuration.connector_definition(&application.connector_definition_id)?;
        let kind = self.connectors.get(definition.connector_type.as_str())?;
        kind.file(&remote_class(application, class)).map(str::to_owned)
    }
}

impl Errand<'_> {
    /// What the input of the run is called: a file by its name, all else by the task.
    pub(crate) fn original_filename(&self, input: Option<&str>) -> String {
        let name = input.and_then(|path| path.rsplit('/').next()).filter(|name| !name.is_empty());
        name.map_or_else(|| self.run.task.to_string(), str::to_owned)
    }

    /// When the run ended.
    pub(crate) fn ended(&self) -> chrono::DateTime<chrono::Utc> {
        self.run.ended_at.unwrap_or(self.run.started_at)
    }
}

/// Keeps an errand for as long as it takes.
async fn keep(engine: Engine, store: TenantStore, errand: ErrandRecord) {
    loop {
        tokio::time::sleep(engine.settings.lease / BEATS).await;
        match store.renew_errand(&errand, engine.lease_end()).await {
            Ok(()) => {}
            Err(StoreError::LostFence) => return,
            Err(error) => tracing::warn!(error = with_causes(&error), "cannot keep an errand"),
        }
    }
}
