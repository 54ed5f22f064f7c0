//! Runs on a server, over its API: launched, watched, cancelled and decided about from here.

use std::time::Duration;

use muster_api::LEFT_OUT;
use muster_model::configuration::document::overriding::OverrideDocument;
use muster_model::configuration::document::value::FieldValue as _;
use muster_model::run::{Mode, TaskKind};
use muster_model::{ConfigurationId, RunId, TenantSlug};
use muster_store::Failures;
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::super::client_of;
use super::bar::{Bar, LOOK_EVERY};
use super::changes::{ChangesArguments, Found};
use super::failures::{Wanted, body, left_out};
use super::{Decision, DoorArguments, Hash, Obstacle, Watched, Wish};
use crate::client::{Client, ClientError};
use crate::error::CommandError;
use crate::progress::Progress;
use crate::signals::Interruptions;
use crate::summary::{Cost, Span};

/// Instances of a page while one is looked for.
const PAGE: usize = 1000;

/// A server, with a tenant on it.
pub(super) struct Server {
    client: Client,
    tenant: TenantSlug,
    /// The flags that lead here, for commands that are told.
    flags: String,
}

impl Server {
    pub(super) fn new(address: &str, door: &DoorArguments) -> Result<Self, CommandError> {
        let client = client_of(address, "muster run …")?;
        Ok(Self { client, tenant: door.tenant.clone(), flags: door.as_given() })
    }

    pub(super) async fn launch(&self, wish: &Wish) -> Result<Watched, CommandError> {
        let mode = match wish.mode {
            Mode::Apply => "APPLY",
            Mode::Simulate => "SIMULATE",
        };
        let overriding = wish.overriding.as_ref().map(|given| OverrideDocument::from(given).write());
        let body = json!({"mode": mode, "keys": wish.keys, "override": overriding});
        let instances = format!("{}/{}/instances", self.tasks(wish.kind), wish.task);
        let launched = self.ask(instances.clone(), move |client, path| client.post(path, &body)).await;
        let id = match launched {
            Ok(id) => id,
            Err(error) => return Err(self.in_the_way(&instances, &wish.task, error).await),
        };
        self.watch(&format!("{instances}/{id}")).await
    }

    pub(super) async fn pause(&self, run: RunId) -> Result<(), CommandError> {
        let path = format!("{}/{run}/~pause", self.find(run).await?);
        self.ask(path, |client, path| client.post_nothing(path)).await.map(|_| ())
    }

    /// Lets a run go on, and watches it.
    pub(super) async fn resume(&self, run: RunId) -> Result<Watched, CommandError> {
        let instance = format!("{}/{run}", self.find(run).await?);
        self.ask(format!("{instance}/~resume"), |client, path| client.post_nothing(path)).await?;
        self.watch(&instance).await
    }

    /// Failed entries of an instance, or their causes.
    pub(super) async fn failures(&self, run: RunId, wanted: &Wanted) -> Result<Vec<Value>, CommandError> {
        let path = format!("{}/{run}/failures{}", self.find(run).await?, wanted.query());
        self.ask(path, |client, path| client.get(path)).await
    }

    /// Parked accounts.
    pub(super) async fn parked(&self, query: &str) -> Result<Vec<Value>, CommandError> {
        let path = format!("/{}/api/sync/parked{query}", self.tenant);
        self.ask(path, |client, path| client.get(path)).await
    }

    /// Releases parked accounts; answers how many there were.
    pub(super) async fn release(&self, body: Value) -> Result<u64, CommandError> {
        let path = format!("/{}/api/sync/parked/~release", self.tenant);
        let answer: Value = self.ask(path, move |client, path| client.post_for(path, &body)).await?;
        Ok(answer["released"].as_u64().unwrap_or(0))
    }

    /// Launches an instance of entries that failed, and watches it.
    pub(super) async fn retry(&self, run: RunId, which: &Failures) -> Result<Watched, CommandError> {
        let (instances, body) = (self.find(run).await?, body(which));
        let path = format!("{instances}/{run}/failures/~retry");
        let launched = self.ask(path, move |client, path| client.post_noting(path, &body, LEFT_OUT)).await;
        let (id, without) = launched?;
        left_out(without.and_then(|without| without.parse().ok()).unwrap_or(0));
        self.watch(&format!("{instances}/{id}")).await
    }

    /// Decides about a plan; answers the run that carries it out, if there is one.
    pub(super) async fn decide(
        &self,
        decision: Decision,
        run: RunId,
        hash: Hash,
    ) -> Result<Option<Watched>, CommandError> {
        let instances = self.find(run).await?;
        let body = json!({"planHash": hash.to_string()});
        let path = format!("{instances}/{run}/~{}", decision.as_str());
        match decision {
            Decision::Approve => {
                let answer: Value = self.ask(path, move |client, path| client.post_for(path, &body)).await?;
                let id = answer["id"].as_str().unwrap_or_default();
                self.watch(&format!("{instances}/{id}")).await.map(Some)
            }
            Decision::Reject => {
                self.ask(path, move |client, path| client.post(path, &body)).await?;
                Ok(None)
            }
        }
    }

    /// Undoes a run, as far as that goes without an approval.
    pub(super) async fn undo(&self, run: RunId) -> Result<Watched, CommandError> {
        let instances = self.find(run).await?;
        let path = format!("{instances}/{run}/~undo");
        let text = self.ask(path, |client, path| client.post_nothing(path)).await?;
        let answer: Value = serde_json::from_str(&text)?;
        self.watch(&format!("{instances}/{}", answer["id"].as_str().unwrap_or_default())).await
    }

    /// Changes of a run, as many as are asked for.
    pub(super) async fn changes(&self, asked: &ChangesArguments) -> Result<Found, CommandError> {
        let changes = format!("{}/{}/changes", self.find(RunId(asked.run)).await?, asked.run);
        let mut query = asked.query();
        let mut found = Vec::new();
        loop {
            let path = format!("{changes}?limit={}&after={}{}", query.limit, query.after, asked.as_query());
            let (page, next): (Vec<Value>, _) = self.ask(path, |client, path| client.get_page(path)).await?;
            query.limit -= u32::try_from(page.len()).unwrap_or(query.limit).min(query.limit);
            found.extend(page);
            match next.filter(|_| query.limit > 0) {
                Some(after) => query.after = after,
                None => return Ok(Found { changes: found, next }),
            }
        }
    }

    /// Writes all changes of a run that fit on standard output, as CSV.
    pub(super) async fn write_changes(&self, asked: &ChangesArguments) -> Result<(), CommandError> {
        let instances = self.find(RunId(asked.run)).await?;
        let after = asked.query().after;
        let path = format!("{instances}/{}/changes?format=csv&after={after}{}", asked.run, asked.as_query());
        self.ask(path, |client, path| client.copy(path, &mut std::io::stdout())).await
    }

    /// What the error of a launch means here: where another run is in the way, the command that decides about
    /// it, instead of the request.
    async fn in_the_way(&self, instances: &str, task: &ConfigurationId, error: CommandError) -> CommandError {
        let Some(run) = other_run(&error) else { return error };
        let other = self.ask(format!("{instances}/{run}"), |client, path| client.get::<Progress>(path)).await;
        match other {
            Ok(Progress { progress_status: status, start_date, plan_hash, .. }) => {
                Obstacle { run, status, start_date, plan_hash }.error(task, &self.flags, "")
            }
            // What the server said is still true.
            Err(_) => error,
        }
    }

    /// The collection that an instance is in: its path names the task, which the caller need not know.
    async fn find(&self, run: RunId) -> Result<String, CommandError> {
        let id = run.to_string();
        for kind in TaskKind::ALL {
            let mut after = String::new();
            loop {
                let path = format!("{}/~instances?limit={PAGE}{after}", self.tasks(kind));
                let runs: Vec<Progress> = self.ask(path, |client, path| client.get(path)).await?;
                if let Some(found) = runs.iter().find(|found| found.id == id) {
                    return Ok(format!("{}/{}/instances", self.tasks(kind), found.task));
                }
                match runs.last() {
                    Some(last) if runs.len() == PAGE => after = format!("&after={}", last.id),
                    _ => break,
                }
            }
        }
        Err(muster_engine::ControlError::NoRun(run).into())
    }

    /// Watches an instance until it has ended or is held.
    async fn watch(&self, instance: &str) -> Result<Watched, CommandError> {
        let bar = Bar::new();
        let mut interruptions = Interruptions::catch()?;
        loop {
            let progress: Progress = self.ask(instance.to_owned(), |client, path| client.get(path)).await?;
            bar.show(&progress);
            if let Some(preceding) = &progress.waits_for_instance_id {
                bar.note_once(format!("run {} waits for run {preceding}", progress.id));
            }
            if !progress.goes_on() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = interruptions.next() => {
                    bar.note("cancelling; the run stops at its next page");
                    self.ask(format!("{instance}/~cancel"), |client, path| client.post_nothing(path)).await?;
                }
            }
        }
        let expanded = format!("{instance}?option=expandErrorDetails:true");
        let view: Value = self.ask(expanded, |client, path| client.get(path)).await?;
        let progress = Progress::deserialize(&view)?;
        let seconds = Duration::from_millis(progress.processing_time_millis).as_secs_f64();
        Ok(Watched { progress, view, cost: Cost { seconds, span: Span::Whole, cpu_seconds: None } })
    }

    fn tasks(&self, kind: TaskKind) -> String {
        let segment = match kind {
            TaskKind::Synchronization => "sync-tasks",
            TaskKind::Provisioning => "prov-tasks",
        };
        format!("/{}/api/sync/{segment}", self.tenant)
    }

    async fn ask<T: Send + 'static>(
        &self,
        path: String,
        question: impl FnOnce(&Client, &str) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, CommandError> {
        let client = self.client.clone();
        let answer = spawn_blocking(move || question(&client, &path)).await;
        let answer =
            answer.map_err(|error| CommandError::machine("ask the server")(std::io::Error::other(error)))?;
        Ok(answer?)
    }
}

/// The run that the server named when it refused to launch another.
fn other_run(error: &CommandError) -> Option<RunId> {
    let CommandError::Client(ClientError::Refused { status: 409, properties, .. }) = error else {
        return None;
    };
    properties.get("instanceId")?.parse().ok().map(RunId)
}
