//! Names that change hands within one run, where the target gives keys and accounts can be renamed: who gives up what
//! another is to be called. In memory are the keys of such names, and the numbers of the changes.

use std::collections::{HashMap, HashSet};

use muster_plan::change::Action;
use muster_plan::key::KeyHash;
use muster_store::Lists;
use roaring::RoaringBitmap;

use crate::error::EngineError;
use crate::findings::Finding;
use crate::levels::arrange;
use crate::outbound::AccountClass;
use crate::worker::{Task, Work};

/// A name that one change takes and another gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Handover {
    taker: u32,
    giver: u32,
    /// Whether the account that has it is deleted, which is done after all others have been made.
    is_deleted: bool,
}

/// The names of a bucket that change hands.
#[derive(Debug, Default)]
struct Handovers {
    pairs: Vec<Handover>,
    /// Changes that take a name which another before them takes, each with that.
    second: Vec<(u32, u32)>,
}

/// What is found in a first look: names that are given up, and those that accounts get by being renamed.
#[derive(Debug, Default)]
struct Moving {
    freed: HashMap<KeyHash, (u32, bool)>,
    wanted: HashSet<KeyHash>,
}

impl Moving {
    fn add(&mut self, lists: &Lists) {
        if lists.keys_removed.is_empty() && lists.keys_added.is_empty() {
            return;
        }
        let actions: HashMap<u32, Action> =
            lists.slots.iter().map(|slot| (slot.change, slot.action)).collect();
        for key in &lists.keys_removed {
            let is_deleted = actions.get(&key.change) == Some(&Action::Delete);
            self.freed.insert(key.hash, (key.change, is_deleted));
        }
        let renamed = lists.keys_added.iter().filter(|key| actions.get(&key.change) != Some(&Action::Create));
        self.wanted.extend(renamed.map(|key| key.hash));
    }
}

impl AccountClass {
    /// Whether one account can get the name of another within a run.
    pub(crate) fn hands_names_over(&self) -> bool {
        self.gives_keys()
    }
}

impl Work {
    async fn handovers(&self, index: usize) -> Result<Handovers, EngineError> {
        let mut moving = Moving::default();
        self.each_lists(index, |lists| moving.add(&lists)).await?;
        let mut handovers = Handovers::default();
        if moving.freed.is_empty() && moving.wanted.is_empty() {
            return Ok(handovers);
        }
        let mut first: HashMap<KeyHash, u32> = HashMap::new();
        self.each_lists(index, |lists| {
            for key in &lists.keys_added {
                if let Some((giver, is_deleted)) = moving.freed.get(&key.hash).copied() {
                    handovers.pairs.push(Handover { taker: key.change, giver, is_deleted });
                }
                if moving.wanted.contains(&key.hash) {
                    let before = *first.entry(key.hash).or_insert(key.change);
                    handovers.second.extend((before != key.change).then_some((key.change, before)));
                }
            }
        })
        .await?;
        Ok(handovers)
    }

    /// Who is made or renamed after whom, since it gets a name from that one: pairs of changes.
    pub(crate) async fn waiting_for_names(&self, index: usize) -> Result<Vec<(u32, u32)>, EngineError> {
        let pairs = self.handovers(index).await?.pairs;
        let renamed = pairs.into_iter().filter(|pair| !pair.is_deleted);
        Ok(renamed.map(|pair| (pair.taker, pair.giver)).collect())
    }

    /// What cannot be done in one run of what is to become of names.
    pub(crate) async fn names_in_the_way(
        &self,
        index: usize,
        left_out: &RoaringBitmap,
    ) -> Result<Vec<Finding>, EngineError> {
        let Task::Outbound(task) = &self.task else { return Ok(Vec::new()) };
        if !task.classes[index].hands_names_over() {
            return Ok(Vec::new());
        }
        let Handovers { pairs, second } = self.handovers(index).await?;
        let mut findings: Vec<Finding> =
            second.into_iter().map(|(change, first)| Finding::Repeated { change, first }).collect();
        let (deleted, renamed): (Vec<Handover>, Vec<Handover>) =
            pairs.into_iter().partition(|pair| pair.is_deleted);
        let of = |pair: &Handover| (pair.taker, pair.giver);
        findings.extend(deleted.iter().map(of).map(|(change, first)| Finding::Awaited { change, first }));
        let renamed: Vec<(u32, u32)> = renamed.iter().map(of).collect();
        let (_, rings) = arrange(&renamed);
        findings.extend(rings.into_iter().map(|place| {
            let (change, first) = renamed[place];
            Finding::Exchanged { change, first }
        }));
        // Of several that speak against a change the first is told.
        findings.sort_unstable();
        let mut told = left_out.clone();
        findings.retain(|finding| told.insert(finding.change()));
        Ok(findings)
    }
}
