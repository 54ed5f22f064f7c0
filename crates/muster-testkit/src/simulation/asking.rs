//! What people ask of a process, and what it answers.

use muster_engine::{Engine, Launch, RetryError};
use muster_model::RunId;
use muster_model::run::{Mode, ProgressStatus, TaskKind};
use muster_store::{Failures, Hash, RunFilter, RunRecord, StoreError, TenantStore};

use super::history::{Asked, Command, Decision};
use crate::world::{World, provisioning, synchronization};

/// A run that has not ended: its id, where it stands, and the hash of its plan.
pub(super) type Live = (RunId, ProgressStatus, Option<Hash>);

pub(super) async fn live_runs(world: &World) -> Vec<Live> {
    let mut live = Vec::new();
    for kind in [TaskKind::Synchronization, TaskKind::Provisioning] {
        let runs = world.store().runs(kind, &RunFilter::default()).await.expect("the database");
        let runs = runs.iter().filter(|run| !run.state.is_terminal());
        live.extend(runs.map(|run| (run.id, run.state.status, run.plan_hash)));
    }
    live
}

/// Asks a process for something; what it answers, in a few words.
pub(super) async fn ask(engine: &Engine, store: &TenantStore, command: &Command, live: &[Live]) -> String {
    let of = |wanted: ProgressStatus| live.iter().find(|(_, status, _)| *status == wanted);
    let came = match command {
        Command::Edit(..) => return String::new(),
        Command::Launch(_, asked) => {
            engine.launch(store, asked_for(asked)).await.map(|_| ()).map_err(|error| error.to_string())
        }
        Command::Retry(_) => retry(engine, store).await.map_err(|error| error.to_string()),
        // To undo a link of the second source is no way round: who is gone from the first and has no other account
        // then stays disabled when the link is made again.
        Command::Undo(_) => match last(store, TaskKind::Synchronization, is_of_people).await {
            Ok(Some(run)) => engine.undo(store, run.id).await.map(|_| ()).map_err(|error| error.to_string()),
            Ok(None) => return "there is none".to_owned(),
            Err(error) => Err(error.to_string()),
        },
        Command::Decide(_, decision) => {
            let Some((id, _, Some(hash))) = of(ProgressStatus::Held) else {
                return "none is held".to_owned();
            };
            let decided = match decision {
                Decision::Approve => engine.approve(store, *id, *hash).await.map(|_| ()),
                Decision::Reject => engine.reject(store, *id, *hash).await,
            };
            decided.map_err(|error| error.to_string())
        }
        Command::Cancel(_) => {
            let Some((id, ..)) = live.first() else { return "none is at work".to_owned() };
            engine.cancel(store, *id).await.map_err(|error| error.to_string())
        }
        Command::Pause(_) => {
            let found = of(ProgressStatus::Running).or_else(|| of(ProgressStatus::Pending));
            let Some((id, ..)) = found else { return "none is at work".to_owned() };
            engine.pause(store, *id).await.map_err(|error| error.to_string())
        }
        Command::Resume(_) => {
            let Some((id, ..)) = of(ProgressStatus::Paused) else { return "none is paused".to_owned() };
            engine.resume(store, *id).await.map_err(|error| error.to_string())
        }
    };
    came.map_or_else(|error| error, |()| "done".to_owned())
}

/// Tries again what failed in the last run that was to do something and has failed entries.
async fn retry(engine: &Engine, store: &TenantStore) -> Result<(), RetryError> {
    for kind in [TaskKind::Provisioning, TaskKind::Synchronization] {
        let Some(run) = last(store, kind, is_applied).await? else { continue };
        match engine.retry(store, &run, &Failures::All).await {
            Err(RetryError::Nothing) => {}
            came => return came.map(|_| ()),
        }
    }
    Err(RetryError::Nothing)
}

fn is_applied(run: &RunRecord) -> bool {
    run.state.is_terminal() && run.state.mode == Mode::Apply
}

fn is_of_people(run: &RunRecord) -> bool {
    is_applied(run) && run.task.as_str() == "hr"
}

/// The newest run of a kind that is such.
async fn last(
    store: &TenantStore,
    kind: TaskKind,
    is_such: impl Fn(&RunRecord) -> bool,
) -> Result<Option<RunRecord>, StoreError> {
    let runs = store.runs(kind, &RunFilter::default()).await?;
    Ok(runs.into_iter().find(is_such))
}

/// The launch of a task by its name.
pub(super) fn asked_for(asked: &Asked) -> Launch {
    let Asked { task, mode, people } = asked;
    let key = |number: &u64| if *task == "crm" { format!("c{number}") } else { number.to_string() };
    let keys = people.as_ref().map(|people| people.iter().map(key).collect());
    let launch = if *task == "ad" { provisioning(task, *mode) } else { synchronization(task, *mode) };
    Launch { keys, ..launch }
}
