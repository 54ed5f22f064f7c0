//! Undoing a run: in the place of a source the changes are read that it applied, and their inverse is staged. What has
//! changed since is staged too, so that people see it, and noted as left out.

use std::collections::HashMap;

use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_model::{ApplicationId, ObjectId, RunId};
use muster_plan::change::{Action, ObjectBase, Subject};
use muster_plan::inbound::OtherSource;
use muster_plan::key::KeyHash;
use muster_plan::lifecycle::Event;
use muster_plan::undo::{AppliedChange, Inverse, UndoFacts, Undoing};
use muster_store::{
    ChangeQuery, ChangeRow, ChangeState, LinkedShadow, Met, ProblemRow, ProblemStep, RunRecord, UndoneObject,
};

use crate::cleanup::place_of;
use crate::error::EngineError;
use crate::sweep::Decided;
use crate::worker::{Done, Task, Work};

/// The bucket of a synchronization run.
const BUCKET: usize = 0;

impl Work {
    /// Stages the inverse of what a run applied, page by page.
    pub(crate) async fn sweep_inverse(&mut self, undone: RunId) -> Result<Done, EngineError> {
        let task = self.task.clone();
        let undoing = match &task {
            Task::Inbound(task) => task.decisions.undoing(),
            Task::Cleanup(task) => task.task.decisions.undoing(),
            Task::Outbound(_) => {
                return Err(EngineError::Broken("a provisioning run is not undone".to_owned()));
            }
        };
        if self.buckets[BUCKET].sweep_end.is_none() {
            let found = self.store.run(undone).await?;
            let Some(undone) = found else { return Err(EngineError::NothingToUndo { run: undone }) };
            if self.store.changes_are_dropped(undone.seq).await? {
                return Err(EngineError::NothingToUndo { run: undone.id });
            }
            self.know_population(BUCKET).await?;
            self.stage_inverse(undoing, &undone).await?;
            self.buckets[BUCKET].sweep_end = Some(String::new());
            let now = self.engine.surroundings.now();
            self.store.checkpoint(&self.run, &self.buckets[BUCKET], now).await?;
        }
        Ok(Event::SweptCompletely.into())
    }

    async fn stage_inverse(&mut self, undoing: Undoing<'_>, undone: &RunRecord) -> Result<(), EngineError> {
        let cursor = self.buckets[BUCKET].cursor.as_deref();
        let mut after = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        loop {
            self.may_go_on()?;
            let query = ChangeQuery {
                state: Some(ChangeState::Applied),
                after,
                limit: u32::try_from(self.page_size()).unwrap_or(u32::MAX).max(1),
                ..ChangeQuery::default()
            };
            let page = self.store.change_page(undone, &query).await?;
            let last = page.changes.last().map(|change| change.number);
            if let Some(last) = last {
                let decided = self.invert(undoing, undone, &page.changes).await?;
                let bucket = &mut self.buckets[BUCKET];
                bucket.counters.add(&decided.counters);
                bucket.tally.add(&decided.tally);
                bucket.page += 1;
                // A change and its inverse have one number.
                bucket.next_change = last.saturating_add(1);
                bucket.cursor = Some(last.to_string());
                let now = self.engine.surroundings.now();
                self.store.stage(&self.run, bucket, &Met::default(), decided.rows, now).await?;
            }
            let Some(next) = page.next else { return Ok(()) };
            after = next;
        }
    }

    /// The applications that may hold an object besides the one that the run reads.
    fn other_sources(&self) -> &[ApplicationId] {
        match &self.task {
            Task::Inbound(task) => &task.other_sources,
            Task::Cleanup(task) => &task.task.sources,
            Task::Outbound(_) => &[],
        }
    }

    /// The inverse of a page of changes, decided on facts that are read at once.
    async fn invert(
        &self,
        undoing: Undoing<'_>,
        undone: &RunRecord,
        changes: &[ChangeRow],
    ) -> Result<Decided, EngineError> {
        let key = |change: &ChangeRow| {
            self.account_key(BUCKET, &change.uid).or_else(|| change.object.map(place_of))
        };
        let (changes, keys): (Vec<&ChangeRow>, Vec<KeyHash>) =
            changes.iter().filter_map(|change| Some((change, key(change)?))).unzip();
        let objects: Vec<ObjectId> = changes.iter().filter_map(|change| change.object).collect();
        let shadows = match self.accounts_of(BUCKET) {
            Some((application, _)) => self.store.linked_shadows(&application.id, &keys).await?,
            None => HashMap::new(),
        };
        let objects = self.store.undone_objects(undone, &objects, self.other_sources()).await?;
        let mut decided = Decided::default();
        let inverses = changes.iter().zip(&keys);
        let mut inverses: Vec<Inverse> =
            inverses.map(|(change, key)| inverse(undoing, change, &shadows, &objects, *key)).collect();
        if undoing.subject == Subject::Object {
            self.leave_out_known(&mut inverses).await?;
        }
        for ((change, key), inverse) in changes.into_iter().zip(keys).zip(inverses) {
            let (inverse, left_out) = match inverse {
                Inverse::Nothing => continue,
                Inverse::Change(inverse) => (inverse, None),
                Inverse::LeftOut(inverse, why) => (inverse, Some(why)),
            };
            decided.counters.read += 1;
            decided.count(inverse.action.outcome(), Some(inverse.situation));
            match left_out {
                None => decided.tally.count(&inverse),
                Some(why) => decided.rows.note(left_out_since(change, why)),
            }
            decided.rows.add(&self.run, self.buckets[BUCKET].no, change.number, key, &inverse);
        }
        Ok(decided)
    }
}

impl Work {
    /// Somebody whom a source has made anew since is not made twice. Where accounts are concerned, they tell.
    async fn leave_out_known(&self, inverses: &mut [Inverse]) -> Result<(), EngineError> {
        let made = |inverse: &Inverse| match inverse {
            Inverse::Change(change) if change.action == Action::Create => change.keys_added.clone(),
            Inverse::Change(_) | Inverse::LeftOut(..) | Inverse::Nothing => Vec::new(),
        };
        let keys: Vec<KeyHash> = inverses.iter().flat_map(made).collect();
        let known = self.store.objects_by_key(&keys).await?;
        for inverse in inverses {
            let is_known = made(inverse).iter().any(|key| known.contains_key(key));
            if let (true, Inverse::Change(change)) = (is_known, &*inverse) {
                *inverse = Inverse::LeftOut(change.clone(), "another object has its keys by now");
            }
        }
        Ok(())
    }
}

fn inverse(
    undoing: Undoing<'_>,
    change: &ChangeRow,
    shadows: &HashMap<KeyHash, LinkedShadow>,
    objects: &HashMap<ObjectId, UndoneObject>,
    key: KeyHash,
) -> Inverse {
    let known = change.object.and_then(|id| objects.get(&id));
    let held_elsewhere = known.is_some_and(|known| known.held_elsewhere);
    let applied = AppliedChange {
        action: change.action,
        situation: change.situation,
        uid: &change.uid,
        place: change.place,
        object: change.object.map(|id| ObjectBase { id, version: change.object_version }),
        changed_state: change.state > 0,
        before: &change.before,
        replaced: change.replaced.as_ref(),
    };
    let facts = UndoFacts {
        object: known.and_then(|known| known.object.as_ref()),
        written: known.and_then(|known| known.written),
        shadow: shadows.get(&key).map(|linked| &linked.shadow),
        other_source: if held_elsewhere { OtherSource::HoldsLiveShadow } else { OtherSource::None },
    };
    undoing.undo(&applied, &facts)
}

fn left_out_since(change: &ChangeRow, why: &str) -> ProblemRow {
    ProblemRow {
        change: Some(change.number),
        outcome: Some(Outcome::Stale),
        step: ProblemStep::Decide,
        code: ErrorCode::ChangeStale,
        uid: Some(change.uid.clone()),
        place: change.place,
        message: format!("{why}; it stays as it is"),
        class: None,
    }
}
