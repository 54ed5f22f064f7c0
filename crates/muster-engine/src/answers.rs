//! What a target has answered to a batch, and how it is stored: piece by piece, so that nobody else waits long to write.

use std::collections::{BTreeMap, HashSet};

use muster_connector::ConnectorError;
use muster_model::run::Wave;
use muster_plan::change::Action;
use muster_plan::key::KeyHash;
use muster_store::{Batch, Bucket, GivenKey, Makes, Noted, Parked, ProblemRow};

use crate::apply_outbound::BucketWave;
use crate::error::EngineError;
use crate::parking::Refusal;
use crate::sequence::Step;
use crate::worker::Work;

/// What came of a batch whose operations have been answered.
#[derive(Default)]
pub(crate) struct Answered {
    /// What did not go as planned.
    pub(crate) problems: Vec<ProblemRow>,
    /// Accounts that the target has refused, and those that are parked no longer, by their changes.
    pub(crate) parked: Vec<(u32, Parked)>,
    pub(crate) released: Vec<(u32, KeyHash)>,
    /// The keys that accounts have been given, by those.
    pub(crate) given: BTreeMap<String, GivenKey>,
    /// Changes whose shadow remembers an account that is gone ([`Noted::gone`]).
    pub(crate) gone: Vec<u32>,
    /// Changes whose account does not name everybody yet.
    pub(crate) unsettled: HashSet<u32>,
}

impl Answered {
    /// Notes the key of an account, if it has got one; refused where another account has got the same.
    pub(crate) fn give(&mut self, given: Option<GivenKey>) -> Option<Refusal> {
        let given = given?;
        if self.given.contains_key(&given.uid) {
            return Some(Refusal::of(&given_twice(&given.uid)));
        }
        self.given.insert(given.uid.clone(), given);
        None
    }

    /// Changes that ended otherwise than planned.
    pub(crate) fn ended(&self) -> HashSet<u32> {
        let ended = self.problems.iter().filter(|problem| problem.outcome.is_some());
        ended.filter_map(|problem| problem.change).collect()
    }

    /// What was noted of some changes.
    fn noted_of(&mut self, steps: &[Step]) -> Noted {
        let own: HashSet<u32> = steps.iter().map(|step| step.slot.change).collect();
        let is_own = |change: &u32| own.contains(change);
        let problems = self.problems.extract_if(.., |it| it.change.as_ref().is_none_or(is_own));
        let given = self.given.extract_if(.., |_, it| is_own(&it.change));
        let parked = self.parked.extract_if(.., |(change, _)| is_own(change));
        let released = self.released.extract_if(.., |(change, _)| is_own(change));
        Noted {
            problems: problems.collect(),
            parked: parked.map(|(_, parked)| parked).collect(),
            released: released.map(|(_, key)| key).collect(),
            given: given.map(|(_, given)| given).collect(),
            gone: self.gone.extract_if(.., |it| is_own(it)).collect(),
        }
    }

    /// Which changes made accounts, and which changed some.
    fn settled(&self, wave: Wave, steps: &[Step], ended: &HashSet<u32>) -> Batch {
        let mut batch = Batch::default();
        for slot in steps.iter().map(|step| step.slot).filter(|slot| !ended.contains(&slot.change)) {
            let is_unsettled = self.unsettled.contains(&slot.change);
            batch.undigested.extend(is_unsettled.then_some(slot.change));
            // They stay as the wave before has left them.
            if wave == Wave::Connect && (is_unsettled || slot.action == Action::Delete) {
                continue;
            }
            match slot.makes {
                Makes::Shadow | Makes::ShadowAndObject => batch.creates.push(slot.change),
                Makes::Nothing | Makes::NewKey | Makes::Object => batch.others.push(slot.change),
            }
        }
        batch
    }
}

/// Changes that were answered, as they are stored in one transaction.
pub(crate) struct Unstored {
    bucket: Bucket,
    batch: Batch,
    noted: Noted,
}

impl Work {
    /// What is to be stored of a batch; the bucket stands behind it from now on.
    pub(crate) fn unstored(
        &mut self,
        of: BucketWave<'_>,
        steps: &[Step],
        mut answered: Answered,
    ) -> Vec<Unstored> {
        let ended = answered.ended();
        let at_once = self.store.at_once(self.engine.settings.apply_size).max(1);
        let pieces = steps.chunks(at_once).map(|steps| {
            let bucket = &mut self.buckets[of.index];
            bucket.cursor = steps.last().map(|step| step.place.cursor());
            let batch = answered.settled(of.wave, steps, &ended);
            Unstored { bucket: bucket.clone(), batch, noted: answered.noted_of(steps) }
        });
        pieces.collect()
    }

    pub(crate) async fn store_answers(
        &self,
        of: BucketWave<'_>,
        unstored: Vec<Unstored>,
    ) -> Result<(), EngineError> {
        let target = &of.task.classes[of.index].target;
        for Unstored { bucket, batch, noted } in unstored {
            let now = self.now();
            match of.wave {
                Wave::Build | Wave::Withdraw => {
                    self.store.apply_outbound(&self.run, &bucket, target, &batch, &noted, now).await?;
                }
                Wave::Connect => {
                    let settled = [batch.creates, batch.others].concat();
                    self.store.settle_outbound(&self.run, &bucket, target, &settled, &noted, now).await?;
                }
            }
        }
        Ok(())
    }
}

fn given_twice(uid: &str) -> ConnectorError {
    let message =
        format!("the target says that it has given the key `{uid}` to two new accounts; look there for both");
    ConnectorError::Rejected { message }
}
