//! Laws of what launches runs, and of what they may touch: schedules, what follows a run, and runs of single keys.

use std::collections::BTreeMap;

use muster_model::run::{Mode, OutcomeStatus};
use muster_store::RunRecord;

use super::template::SCHEDULED;
use crate::world::World;

/// No run of single keys decides about anybody else.
pub(super) async fn runs_of_keys_keep_to_them(world: &World, runs: &[RunRecord]) -> Result<(), String> {
    for run in runs {
        let Some(keys) = &run.keys else { continue };
        let sql = format!(
            "SELECT uid FROM change WHERE {} AND id >> 32 = {} AND uid IS NOT NULL",
            world.of_tenant(),
            run.seq
        );
        if let Some(uid) = world.database().texts(&sql).await.into_iter().find(|uid| !keys.contains(uid)) {
            return Err(format!("run {} is of {keys:?} alone and decided about {uid}", run.no));
        }
    }
    Ok(())
}

/// Every due time has fired once or was missed, none is left out, and each that launched has its own run.
pub(super) async fn fires_are_whole(world: &World, tenant: usize) -> Result<(), String> {
    let (task, seconds) = SCHEDULED[tenant];
    let tenant = world.of_tenant();
    let sql = format!(
        "SELECT due_at || ' ' || missed || ' ' || (at >= due_at) || ' ' || (outcome <> 0 OR EXISTS (SELECT 1 \
         FROM run r WHERE r.tenant = fire.tenant AND r.id = fire.run AND r.job IS NOT NULL)) \
         FROM fire WHERE {tenant} AND task = '{task}' ORDER BY due_at"
    );
    let mut due: Option<i64> = None;
    for line in world.database().texts(&sql).await {
        let words: Vec<i64> = line.split(' ').map(|word| word.parse().expect("a number")).collect();
        let [at, missed, in_time, has_run] = words[..] else { continue };
        if due.is_some_and(|due| due != at) {
            return Err(format!("{task} was due at {due:?}, and fired at {at}"));
        }
        if (in_time, has_run) != (1, 1) {
            return Err(format!("{task} fired too early, or has no run of its own: {line}"));
        }
        due = Some(at + (missed + 1) * seconds * 1000);
    }
    let sql = format!("SELECT next_due || '' FROM schedule WHERE {tenant} AND task = '{task}'");
    let next: Vec<i64> =
        world.database().texts(&sql).await.iter().map(|due| due.parse().expect("a number")).collect();
    if due.is_some_and(|due| next != [due]) {
        return Err(format!("{task} is due at {due:?}, and is to fire at {next:?}"));
    }
    let sql = format!(
        "SELECT count(DISTINCT run) || ' ' || count(*) || ' ' || (SELECT count(*) FROM run WHERE {tenant} AND job \
         IS NOT NULL) FROM fire WHERE {tenant} AND outcome = 0"
    );
    for line in world.database().texts(&sql).await {
        let counts: Vec<&str> = line.split(' ').collect();
        if counts.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(format!("runs of fires, fires that launched, runs of schedules: {line}"));
        }
    }
    Ok(())
}

/// What follows a run is done once: each run of people that went well has its errand, no errand is left, and every run
/// that another launched is that of an errand.
pub(super) async fn errands_are_done(world: &World, runs: &[RunRecord]) -> Result<(), String> {
    let tenant = world.of_tenant();
    let sql = format!("SELECT run || ' ' || count(*) FROM outbox WHERE {tenant} GROUP BY run");
    let errands: BTreeMap<String, String> = world
        .database()
        .texts(&sql)
        .await
        .iter()
        .filter_map(|line| line.split_once(' '))
        .map(|(run, count)| (run.to_owned(), count.to_owned()))
        .collect();
    for run in runs.iter().filter(|run| is_followed(run)) {
        let count = errands.get(&run.seq.to_string()).map_or("no", String::as_str);
        if count != "1" {
            return Err(format!("run {} has {count} errands: {run:?}", run.no));
        }
    }
    let strange = [
        ("errands are left", "SELECT count(*) || '' FROM outbox o WHERE o.{tenant} AND state = 0"),
        (
            "errands are done without their runs",
            "SELECT count(*) || '' FROM outbox o WHERE o.{tenant} AND state = 1 AND NOT EXISTS (SELECT 1 FROM run r \
             WHERE r.tenant = o.tenant AND r.id = o.id)",
        ),
        (
            "runs were launched after others by no errand",
            "SELECT count(*) || '' FROM run r WHERE r.{tenant} AND launched_by IS NOT NULL AND NOT EXISTS (SELECT 1 \
             FROM outbox o WHERE o.tenant = r.tenant AND o.id = r.id)",
        ),
    ];
    for (what, sql) in strange {
        let count = world.database().texts(&sql.replace("{tenant}", &tenant)).await;
        if count != ["0"] {
            return Err(format!("{count:?} {what}"));
        }
    }
    Ok(())
}

fn is_followed(run: &RunRecord) -> bool {
    let went_well = matches!(run.state.outcome, Some(OutcomeStatus::Success | OutcomeStatus::Partial));
    let is_full = run.keys.is_none() && run.undoes.is_none() && run.state.mode == Mode::Apply;
    run.task.as_str() == "hr" && is_full && went_well
}
