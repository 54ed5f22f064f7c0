//! Runs in this process, on the data itself, under the same guard as a server beside it.

use std::io::Write as _;
use std::time::Instant;

use muster::{Machine, Muster};
use muster_api::changes::{ChangeReader, Head};
use muster_api::view::{CauseView, ErrorView, FailureView, ParkedView, ProgressView};
use muster_engine::{ControlError, EngineError, Launch, LaunchError};
use muster_model::run::ProgressStatus;
use muster_model::{ConfigurationId, RunId};
use muster_store::{Failures, ParkedFilter, Release, RunRecord, TenantStore};
use serde::Deserialize as _;
use serde_json::Value;

use super::bar::{Bar, LOOK_EVERY};
use super::changes::{ChangesArguments, Found};
use super::failures::{Wanted, left_out};
use super::{Decision, DoorArguments, Hash, Obstacle, PROBLEMS, Watched, Wish, decide_hint};
use crate::command::{Common, tenant_store};
use crate::error::CommandError;
use crate::print::instant;
use crate::progress::Progress;
use crate::signals::Interruptions;
use crate::summary::{Cost, Span};

/// Who says what was noted, where no server does.
const APP_ID: &str = "muster";

/// This process, with the data of a tenant.
pub(super) struct Process {
    muster: Muster,
    store: TenantStore,
    started: Instant,
    /// The flags that lead here, for commands that are told.
    flags: String,
}

impl Process {
    pub(super) async fn open(door: &DoorArguments, common: &Common) -> Result<Self, CommandError> {
        let muster = door.place.open(common).await?;
        let store = tenant_store(&muster, &door.tenant).await?;
        Ok(Self { muster, store, started: Instant::now(), flags: door.as_given() })
    }

    pub(super) async fn launch(mut self, wish: Wish) -> Result<Watched, CommandError> {
        let task = wish.task.clone();
        let launch = Launch {
            kind: wish.kind,
            task: wish.task,
            mode: wish.mode,
            keys: wish.keys,
            instead: Vec::new(),
            overriding: wish.overriding,
        };
        // No server may be there that would do it.
        self.muster.engine.expire_held().await?;
        self.started = Instant::now();
        match self.muster.engine.admit(&self.store, launch).await {
            Ok(run) => self.watch(run.id, Span::Whole).await,
            Err(LaunchError::AlreadyRunning(_, run)) => {
                let left = self.left_behind(task, run).await?;
                Bar::new().note(&format!(
                    "taking up run {left}, which another process has left; run the task again for what is newer"
                ));
                self.watch(left, Span::Rest).await
            }
            Err(error) => Err(CommandError::Launch(error)),
        }
    }

    pub(super) async fn pause(self, run: RunId) -> Result<(), CommandError> {
        Ok(self.muster.engine.pause(&self.store, run).await?)
    }

    /// Lets a run go on, and works on it.
    pub(super) async fn resume(self, run: RunId) -> Result<Watched, CommandError> {
        self.muster.engine.resume(&self.store, run).await?;
        self.watch(run, Span::Rest).await
    }

    /// Failed entries of a run, or their causes, as the API shows them.
    pub(super) async fn failures(self, run: RunId, wanted: &Wanted) -> Result<Vec<Value>, CommandError> {
        let run = self.record(run).await?;
        let rows = if wanted.by_cause {
            let causes = self.store.failure_causes(&run, &wanted.which, wanted.limit).await?;
            serde_json::to_value(causes.iter().map(CauseView::from).collect::<Vec<_>>())?
        } else {
            let at = (wanted.after.unwrap_or(i64::MIN), wanted.limit);
            let failures = self.store.failures(&run, &wanted.which, at).await?;
            serde_json::to_value(failures.iter().map(FailureView::from).collect::<Vec<_>>())?
        };
        Ok(serde_json::from_value(rows)?)
    }

    /// Parked accounts, as the API shows them.
    pub(super) async fn parked(self, filter: &ParkedFilter<'_>) -> Result<Vec<Value>, CommandError> {
        let records = self.store.parked(filter).await?;
        let views: Vec<ParkedView> = records.iter().map(ParkedView::from).collect();
        Ok(serde_json::from_value(serde_json::to_value(views)?)?)
    }

    /// Releases parked accounts; answers how many there were.
    pub(super) async fn release(self, which: Release<'_>) -> Result<u64, CommandError> {
        Ok(self.muster.engine.release_parked(&self.store, which).await?)
    }

    /// Launches a run of entries that failed, and works on it.
    pub(super) async fn retry(mut self, run: RunId, which: &Failures) -> Result<Watched, CommandError> {
        let failed = self.record(run).await?;
        self.started = Instant::now();
        let retried = self.muster.engine.admit_retry(&self.store, &failed, which).await?;
        left_out(retried.left_out);
        self.watch(retried.run.id, Span::Whole).await
    }

    /// Decides about a plan; answers the run that carries it out, if there is one.
    pub(super) async fn decide(
        self,
        decision: Decision,
        run: RunId,
        hash: Hash,
    ) -> Result<Option<Watched>, CommandError> {
        match decision {
            Decision::Approve => {
                let approved = self.muster.engine.approve(&self.store, run, hash.0).await?;
                let span = if approved == run { Span::Rest } else { Span::Whole };
                self.watch(approved, span).await.map(Some)
            }
            Decision::Reject => {
                self.muster.engine.reject(&self.store, run, hash.0).await?;
                Ok(None)
            }
        }
    }

    /// Undoes a run, as far as that goes without an approval.
    pub(super) async fn undo(self, run: RunId) -> Result<Watched, CommandError> {
        let launched = self.muster.engine.admit_undo(&self.store, run).await?;
        self.watch(launched.id, Span::Whole).await
    }

    /// Changes of a run, as many as are asked for.
    pub(super) async fn changes(&self, asked: &ChangesArguments) -> Result<Found, CommandError> {
        let (reader, mut query) = (self.reader(asked).await?, asked.query());
        let mut changes = Vec::new();
        loop {
            let (page, next) = reader.page(&query, asked.standing()).await?;
            query.limit -= u32::try_from(page.len()).unwrap_or(query.limit).min(query.limit);
            for view in page {
                changes.push(serde_json::to_value(view)?);
            }
            match next.filter(|_| query.limit > 0) {
                Some(after) => query.after = after,
                None => return Ok(Found { changes, next }),
            }
        }
    }

    /// Writes all changes of a run that fit on standard output, as CSV.
    pub(super) async fn write_changes(&self, asked: &ChangesArguments) -> Result<(), CommandError> {
        let (reader, mut query, mut head) = (self.reader(asked).await?, asked.query(), Head::Written);
        loop {
            let (octets, next) = reader.csv(&query, asked.standing(), head).await?;
            let written = std::io::stdout().write_all(&octets);
            written.map_err(CommandError::machine("write the changes"))?;
            let Some(after) = next else { return Ok(()) };
            (query.after, head) = (after, Head::LeftOut);
        }
    }

    async fn reader(&self, asked: &ChangesArguments) -> Result<ChangeReader, CommandError> {
        let run = self.record(RunId(asked.run)).await?;
        if self.store.changes_are_dropped(run.seq).await? {
            let told = format!("the changes of run {} have been dropped", run.id);
            return Err(CommandError::usage(told, "they are kept as long as the settings say"));
        }
        Ok(ChangeReader::open(&self.muster.engine, self.store.clone(), run).await?)
    }

    /// The run that is in the way, if nobody works on it.
    async fn left_behind(&self, task: ConfigurationId, id: RunId) -> Result<RunId, CommandError> {
        let run = self.record(id).await?;
        if self.line_before(run.clone()).await?.last().is_some_and(|first| self.is_free(first)) {
            return Ok(id);
        }
        let lease = self.muster.engine.settings().lease.as_secs();
        let waiting =
            format!("; if its process has died, its work can be taken up by this command {lease} s later");
        let obstacle = Obstacle {
            run: id,
            status: run.state.status,
            start_date: instant(run.started_at),
            plan_hash: run.plan_hash.map(|hash| Hash(hash).to_string()),
        };
        Err(obstacle.error(&task, &self.flags, &waiting))
    }

    /// A run, the one that it waits for, and so on to the one that has to be worked on first.
    async fn line_before(&self, run: RunRecord) -> Result<Vec<RunRecord>, CommandError> {
        let mut line = vec![run];
        while let Some(awaited) = line.last().and_then(RunRecord::awaited) {
            line.push(self.record(awaited).await?);
        }
        Ok(line)
    }

    /// Whether a run waits for somebody who works on it.
    fn is_free(&self, run: &RunRecord) -> bool {
        let waits = matches!(run.state.status, ProgressStatus::Pending | ProgressStatus::Running);
        waits && run.lease_until < self.muster.engine.surroundings().now()
    }

    /// Works on a run, and before on those that it waits for, until it has ended or is held. What a server has taken
    /// up first is watched.
    async fn watch(&self, id: RunId, span: Span) -> Result<Watched, CommandError> {
        let bar = Bar::new();
        let mut interruptions = Interruptions::catch()?;
        let (mut begun, mut cpu_before) = (self.started, 0.0);
        let run = loop {
            let run = self.record(id).await?;
            let goes_on = matches!(run.state.status, ProgressStatus::Pending | ProgressStatus::Running);
            if !goes_on {
                break run;
            }
            let line = self.line_before(run).await?;
            self.tell(&line, &bar);
            match line.as_slice() {
                [.., first] if self.is_free(first) => self.work(&line, &bar, &mut interruptions).await?,
                [run, ..] => bar.show(&self.progress(run).await?),
                [] => {}
            }
            // What was spent on the runs before it is no cost of this one.
            if line.len() > 1 {
                (begun, cpu_before) = (Instant::now(), Machine::new().cpu_seconds().unwrap_or(0.0));
            }
            if self.goes_on(id).await? {
                self.wait(id, &mut interruptions, &bar).await?;
            }
        };
        let cost = Cost {
            seconds: begun.elapsed().as_secs_f64(),
            span,
            cpu_seconds: Machine::new().cpu_seconds().map(|seconds| seconds - cpu_before),
        };
        if run.state.is_terminal() {
            // No server may be there that would do it.
            self.muster.engine.carry_out_errands().await?;
        }
        let view = self.view(&run).await?;
        Ok(Watched { progress: Progress::deserialize(&view)?, view, cost })
    }

    /// Tells, once, what a run waits for, and whom that waits for.
    fn tell(&self, line: &[RunRecord], bar: &Bar) {
        for pair in line.windows(2) {
            if let [run, first] = pair {
                bar.note_once(format!(
                    "run {} waits for run {} of task `{}`, which comes before it",
                    run.id, first.id, first.task
                ));
            }
        }
        if let Some(first) = line.last()
            && let (ProgressStatus::Held, Some(hash)) = (first.state.status, first.plan_hash)
        {
            let decide = decide_hint(first.id, &Hash(hash).to_string(), &self.flags);
            bar.note_once(format!("run {} is held: {decide}", first.id));
        }
    }

    /// A run as the API shows it, with what was noted about it.
    async fn view(&self, run: &RunRecord) -> Result<Value, CommandError> {
        let failure = run.failure.iter().map(|failure| ErrorView::of_failure(APP_ID, run, failure));
        let problems = self.store.problems(run, PROBLEMS).await?;
        let problems = problems.iter().map(|problem| ErrorView::of_problem(APP_ID, run, problem));
        let details = failure.chain(problems).take(PROBLEMS as usize).collect();
        let now = self.muster.engine.surroundings().now();
        let errands = self.store.errands_of(std::slice::from_ref(run)).await?;
        let errands = errands.get(&run.seq).map_or(&[][..], Vec::as_slice);
        let hours = self.muster.engine.approval_hours(&self.store).await?;
        let view = ProgressView::new(run, now, Some(details)).held_for(run, hours);
        let view = view.with_stalled(self.muster.engine.stalled_since(run));
        Ok(serde_json::to_value(view.with_post_processing(errands))?)
    }

    async fn goes_on(&self, id: RunId) -> Result<bool, CommandError> {
        let status = self.record(id).await?.state.status;
        Ok(matches!(status, ProgressStatus::Pending | ProgressStatus::Running))
    }

    async fn wait(
        &self,
        id: RunId,
        interruptions: &mut Interruptions,
        bar: &Bar,
    ) -> Result<(), CommandError> {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => Ok(()),
            () = interruptions.next() => self.cancel(&[id], bar).await,
        }
    }

    /// Works on the last of a line of runs. Whoever interrupts it means all of them.
    async fn work(
        &self,
        line: &[RunRecord],
        bar: &Bar,
        interruptions: &mut Interruptions,
    ) -> Result<(), CommandError> {
        let Some(run) = line.last().cloned() else { return Ok(()) };
        let (id, all) = (run.id, line.iter().map(|run| run.id).collect::<Vec<_>>());
        let (engine, store) = (self.muster.engine.clone(), self.store.clone());
        // A task of its own: it may hold the one write connection that cancelling waits for.
        let mut work = tokio::spawn(async move { engine.execute(&store, run).await });
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let mut asked = false;
        loop {
            tokio::select! {
                ended = &mut work => return match ended.map_err(EngineError::from).flatten() {
                    // Somebody else has it, or it was cancelled: its record tells.
                    Ok(_) | Err(EngineError::Lost) => Ok(()),
                    Err(source) => Err(CommandError::Work { run: id, source }),
                },
                () = interruptions.next() => {
                    if asked {
                        return Err(CommandError::Interrupted(id));
                    }
                    asked = true;
                    self.cancel(&all, bar).await?;
                }
                _ = looks.tick(), if bar.is_seen() => {
                    let run = self.record(id).await?;
                    bar.show(&self.progress(&run).await?);
                }
            }
        }
    }

    async fn cancel(&self, runs: &[RunId], bar: &Bar) -> Result<(), CommandError> {
        bar.note("cancelling; the run stops at its next page");
        for run in runs {
            match self.muster.engine.cancel(&self.store, *run).await {
                Ok(()) | Err(ControlError::Ended(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn record(&self, id: RunId) -> Result<RunRecord, CommandError> {
        self.store.run(id).await?.ok_or_else(|| ControlError::NoRun(id).into())
    }

    async fn progress(&self, run: &RunRecord) -> Result<Progress, CommandError> {
        Ok(Progress::of(run, self.muster.engine.surroundings().now())?)
    }
}
