//! What has to hold in every world, whatever goes wrong.

use std::collections::{BTreeMap, BTreeSet};

use muster_connector::Operation;
use muster_model::run::{Mode, Outcome, TaskKind};
use muster_store::{RunFilter, RunRecord};

use super::history::Command;
use super::launched::{errands_are_done, fires_are_whole, runs_of_keys_keep_to_them};
use super::systems::Deed;
use super::template::{Beginning, LIMITS, TENANTS};
use crate::world::{World, difference};

/// Batches hold at most so many changes: what a worker may have under way when its run is taken from it.
const BATCH: u64 = 2;

/// What was seen of a world so far.
pub(super) struct Laws {
    /// Of each tenant, whom the day leaves alone: their numbers.
    left_alone: Vec<BTreeSet<String>>,
    /// Of each tenant, how often an account was made since it was last seen gone.
    creates: Vec<BTreeMap<String, u32>>,
    /// Of each tenant, deeds by somebody who had no run to do them for.
    without_right: Vec<u64>,
    /// How far each bucket is.
    moved: BTreeMap<String, String>,
}

impl Laws {
    pub(super) fn new() -> Self {
        Self {
            left_alone: Vec::new(),
            creates: vec![BTreeMap::new(); TENANTS],
            without_right: vec![0; TENANTS],
            moved: BTreeMap::new(),
        }
    }

    /// Notes whom the day leaves alone.
    pub(super) fn begin_day(&mut self, beginning: &Beginning, day: &[Command]) {
        self.left_alone = (0..TENANTS)
            .map(|tenant| {
                let mut people: BTreeSet<String> =
                    beginning.disturbed[tenant].system("hr").accounts("person").into_keys().collect();
                for command in day.iter().filter(|command| command.tenant() == tenant) {
                    match command {
                        Command::Edit(_, edit) => {
                            people.remove(&edit.number().to_string());
                        }
                        // Whom an earlier run has made may go.
                        Command::Undo(_) => people.clear(),
                        Command::Launch(..)
                        | Command::Retry(_)
                        | Command::Decide(..)
                        | Command::Cancel(_)
                        | Command::Pause(_)
                        | Command::Resume(_) => {}
                    }
                }
                people
            })
            .collect();
    }

    /// Nothing is done to a target but by a worker that has a run whose plan has passed, and nothing is made twice. What
    /// was under way when a run was taken away may still be done; it is counted.
    pub(super) async fn weigh(&mut self, beginning: &Beginning, deeds: Vec<Deed>) -> Result<(), String> {
        for deed in deeds {
            let world = &beginning.disturbed[deed.tenant];
            let sql = format!(
                "SELECT owner FROM run WHERE {} AND status = 1 AND phase BETWEEN 4 AND 6 AND mode = 0 \
                 AND plan_hash IS NOT NULL AND owner = '{}'",
                world.of_tenant(),
                deed.owner
            );
            if world.database().texts(&sql).await.is_empty() {
                self.without_right[deed.tenant] += 1;
            }
            let creates = &mut self.creates[deed.tenant];
            match &deed.operation {
                Operation::Create { uid, .. } => {
                    let made = creates.entry(uid.clone()).or_default();
                    *made += 1;
                    if *made > 1 {
                        return Err(format!("account {uid} of tenant {} was made twice", deed.tenant));
                    }
                }
                Operation::Delete { uid, .. } => {
                    creates.remove(uid);
                }
                Operation::Update { .. } => {}
            }
        }
        // What somebody took away may be made again.
        for (tenant, creates) in self.creates.iter_mut().enumerate() {
            if !creates.is_empty() {
                let there = beginning.disturbed[tenant].system("ad").accounts("account");
                creates.retain(|uid, _| there.contains_key(uid));
            }
        }
        Ok(())
    }

    /// A commit moves nobody's run but those of the worker that commits, and none that is paused.
    pub(super) async fn only_its_worker_moves_a_run(
        &mut self,
        beginning: &Beginning,
        owner: Option<&str>,
    ) -> Result<(), String> {
        let sql = "SELECT b.run || ' ' || b.no || '|' || b.page || ' ' || b.step || ' ' || coalesce(b.cursor, '') \
                   || ' ' || coalesce(b.sweep_end, 'open') || '|' || CASE r.status WHEN 2 THEN 'nobody' ELSE \
                   coalesce(r.owner, '') END \
                   FROM bucket b JOIN run r ON r.seq = b.run AND r.tenant = b.tenant WHERE r.status IN (1, 2)";
        for line in beginning.database.texts(sql).await {
            let mut parts = line.split('|');
            let (Some(bucket), Some(at), Some(has)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            let before = self.moved.insert(bucket.to_owned(), at.to_owned());
            if before.is_some_and(|before| before != at) && owner != Some(has) {
                return Err(format!(
                    "bucket {bucket} was moved to `{at}` by {owner:?}, and its run is another's: {has}"
                ));
            }
        }
        Ok(())
    }

    /// What holds in the middle of everything, when the last process has died.
    pub(super) async fn at_nightfall(&self, beginning: &Beginning) -> Result<(), String> {
        for (tenant, world) in beginning.disturbed.iter().enumerate() {
            let runs = runs(world).await;
            for run in &runs {
                let told = |what: &str| Err(format!("tenant {tenant}, run {}: {what}: {run:?}", run.no));
                if run.state.is_terminal() && !run.counters.add_up() {
                    return told("its counters do not add up");
                }
                let approved = run.approved_at.is_some() || run.approved_hash.is_some();
                let (disabled, deleted) =
                    (run.counters.outcome(Outcome::Disabled), run.counters.outcome(Outcome::Deleted));
                if run.state.is_terminal()
                    && run.state.mode == Mode::Apply
                    && !approved
                    && disabled.max(deleted) > LIMITS[tenant]
                {
                    return told("it went further than its guards let it");
                }
            }
            let taken: u64 = runs.iter().map(|run| (run.epoch - 1).max(0).unsigned_abs()).sum();
            let stopped = runs.iter().filter(|run| run.stopping).count() as u64;
            let admitted = (taken + stopped) * BATCH;
            if self.without_right[tenant] > admitted {
                return Err(format!(
                    "tenant {tenant}: {} deeds by somebody who had lost the run, {admitted} can have been under way",
                    self.without_right[tenant]
                ));
            }
            self.nobody_left_alone_is_gone(world, tenant).await?;
            is_unmixed(world, tenant).await?;
            runs_of_keys_keep_to_them(world, &runs)
                .await
                .map_err(|broken| format!("tenant {tenant}: {broken}"))?;
            fires_are_whole(world, tenant).await.map_err(|broken| format!("tenant {tenant}: {broken}"))?;
        }
        Ok(())
    }

    /// Whom nobody touched and who was there all day is not disabled, and keeps the account.
    async fn nobody_left_alone_is_gone(&self, world: &World, tenant: usize) -> Result<(), String> {
        let objects = world.objects().await;
        for number in &self.left_alone[tenant] {
            match objects.get(number) {
                Some(object) if object.disabled.is_none() => {}
                found => {
                    return Err(format!(
                        "tenant {tenant}: {number} was there all day, and the object is {found:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What holds when everything was mended: the world is where a calm one is.
    pub(super) async fn in_the_end(&self, beginning: &Beginning) -> Result<(), String> {
        for tenant in 0..TENANTS {
            let (world, calm) = (&beginning.disturbed[tenant], &beginning.calm[tenant]);
            let (found, expected) = (world.visible_state().await, calm.visible_state().await);
            if found != expected {
                return Err(format!(
                    "tenant {tenant} is not as it is in a calm world:\n{}",
                    difference(&expected, &found)
                ));
            }
            is_unmixed(world, tenant).await?;
            let verified = world.store().verify_audit(None).await.map_err(|error| error.to_string())?;
            if verified.broken.is_some() {
                return Err(format!("tenant {tenant}: the audit log is broken: {verified:?}"));
            }
            let runs = runs(world).await;
            errands_are_done(world, &runs).await.map_err(|broken| format!("tenant {tenant}: {broken}"))?;
            for run in runs {
                if !run.state.is_terminal() || !run.counters.add_up() {
                    return Err(format!("tenant {tenant}, run {} has not ended well: {run:?}", run.no));
                }
            }
        }
        Ok(())
    }
}

/// All runs of a world.
pub(super) async fn runs(world: &World) -> Vec<RunRecord> {
    let mut all = Vec::new();
    for kind in [TaskKind::Synchronization, TaskKind::Provisioning] {
        let filter = RunFilter { limit: Some(1000), ..RunFilter::default() };
        all.extend(world.store().runs(kind, &filter).await.expect("the database"));
    }
    all
}

/// No tenant holds what is another's.
async fn is_unmixed(world: &World, tenant: usize) -> Result<(), String> {
    let state = world.visible_state().await;
    let strange = (0..TENANTS).filter(|other| *other != tenant);
    for other in strange {
        for mark in [format!("@{other}"), format!(" of {other}")] {
            if let Some(line) = state.lines().find(|line| line.contains(&mark)) {
                return Err(format!("tenant {tenant} holds what is of tenant {other}: {line}"));
            }
        }
    }
    Ok(())
}
