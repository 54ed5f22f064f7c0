//! Who names whom in the plan of a provisioning run, and which of those named will be there: those that exist, and
//! those that the plan makes. Numbers and keys alone are held in memory.

use std::collections::{HashMap, HashSet};

use muster_model::configuration::Configuration;
use muster_model::configuration::application::{ObjectClass, ObjectTypeMapping, Strategy, Taken};
use muster_model::run::Wave;
use muster_model::{ApplicationId, ObjectKind};
use muster_plan::change::Action;
use muster_plan::key::{KeyHash, Position};
use muster_plan::order::{Edge, order};
use muster_store::{Mention, Slot};
use roaring::RoaringBitmap;

use crate::check::KEYS_AT_ONCE;
use crate::error::EngineError;
use crate::findings::Finding;
use crate::outbound::OutboundRun;
use crate::parts::Part;
use crate::worker::Work;

/// Where a bucket notes that its names have been checked.
const NAMES_CHECKED: &str = "names";

/// Accounts that a change names, about; they are held beside those who make them.
pub(crate) const NAMES_EACH: u64 = 2;

/// A change that makes an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Maker {
    position: Position,
    /// The place of its bucket among those of the run.
    pub(crate) index: usize,
    /// Its number.
    pub(crate) change: u32,
}

/// Whether a change makes an account.
pub(crate) fn makes_account(slot: &Slot) -> bool {
    slot.action == Action::Create
}

/// The changes that make accounts of one part of an application, by the places of the accounts' keys.
#[derive(Debug, Default)]
pub(crate) struct Makers(Vec<Maker>);

impl Makers {
    /// Those that make the account of this key.
    pub(crate) fn of(&self, key: KeyHash) -> &[Maker] {
        let position = key.position();
        let first = self.0.partition_point(|maker| maker.position < position);
        let end = self.0.partition_point(|maker| maker.position <= position);
        &self.0[first..end]
    }
}

/// What a bucket has staged for a wave.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    /// Its changes.
    pub(crate) slots: Vec<Slot>,
    /// Whom they name, by their numbers.
    pub(crate) names: HashMap<u32, Vec<KeyHash>>,
}

/// Puts the classes of an application in order: those whose accounts name others before those who are named, so
/// that nobody is deleted who is named still. Otherwise they stay as they are.
pub(crate) fn by_naming<'a>(
    configuration: &Configuration,
    classes: Vec<(&'a ObjectClass, Vec<&'a ObjectTypeMapping>)>,
) -> Vec<(&'a ObjectClass, Vec<&'a ObjectTypeMapping>)> {
    let mut edges = Vec::new();
    for (from, (_, mappings)) in (0..).zip(&classes) {
        let named = mappings.iter().flat_map(|mapping| named_kinds(configuration, mapping));
        for kind in named {
            let of_kind = |mappings: &[&ObjectTypeMapping]| mappings.iter().any(|m| m.object_kind == kind);
            let whom = (0..).zip(&classes).filter(|(_, (_, mappings))| of_kind(mappings));
            edges.extend(whom.map(|(to, _)| Edge { from, to }));
        }
    }
    let mut placed: Vec<_> = order(classes.len(), &edges).levels.into_iter().zip(classes).collect();
    placed.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    placed.into_iter().map(|(_, class)| class).collect()
}

/// The kinds of the objects whose accounts are named.
fn named_kinds(configuration: &Configuration, mapping: &ObjectTypeMapping) -> Vec<ObjectKind> {
    let naming = mapping.attribute_mappings.iter().filter(|mapping| mapping.take == Taken::RemoteName);
    let sources = naming.filter_map(|mapping| match &mapping.strategy {
        Strategy::Simple { source, .. } => Some(source),
        Strategy::Custom { .. } => None,
    });
    let targets = sources.filter_map(|source| configuration.reference_target(mapping.object_kind, source));
    targets.map(|target| target.object_kind).collect()
}

impl Work {
    /// Of the changes of a bucket those that are wanted, in no particular order, and whom they name.
    pub(crate) async fn staged(
        &self,
        index: usize,
        wanted: impl Fn(&Slot) -> bool,
    ) -> Result<Staged, EngineError> {
        let mut staged = Staged::default();
        self.each_lists(index, |lists| {
            let first = staged.slots.len();
            staged.slots.extend(lists.slots.into_iter().filter(&wanted));
            if lists.references.is_empty() {
                return;
            }
            let numbers: HashSet<u32> = staged.slots[first..].iter().map(|slot| slot.change).collect();
            for Mention { hash, change } in lists.references {
                if numbers.contains(&change) {
                    staged.names.entry(change).or_default().push(hash);
                }
            }
        })
        .await?;
        Ok(staged)
    }

    /// Who names accounts of one part, of the changes of a bucket that are wanted.
    pub(crate) async fn naming(
        &self,
        index: usize,
        part: Part,
        wanted: impl Fn(&Slot) -> bool,
    ) -> Result<Vec<Mention>, EngineError> {
        let mut naming = Vec::new();
        self.each_lists(index, |lists| {
            let names = |mention: &Mention| part.holds(mention.hash.position());
            if !lists.references.iter().any(names) {
                return;
            }
            let wanted = lists.slots.iter().filter(|slot| wanted(slot));
            let numbers: HashSet<u32> = wanted.map(|slot| slot.change).collect();
            let of_wanted = |mention: &Mention| names(mention) && numbers.contains(&mention.change);
            naming.extend(lists.references.into_iter().filter(of_wanted));
        })
        .await?;
        Ok(naming)
    }

    /// The changes of the plan that make accounts of one part of an application.
    pub(crate) async fn makers(
        &self,
        application: &ApplicationId,
        part: Part,
    ) -> Result<Makers, EngineError> {
        let mut makers = Vec::new();
        for index in 0..self.buckets.len() {
            if self.buckets[index].application != *application {
                continue;
            }
            self.each_lists(index, |lists| {
                let makes = |slot: &Slot| makes_account(slot) && part.holds(slot.position);
                makers.extend(lists.slots.into_iter().filter(makes).map(|slot| Maker {
                    position: slot.position,
                    index,
                    change: slot.change,
                }));
            })
            .await?;
        }
        makers.sort_unstable();
        Ok(Makers(makers))
    }

    /// Of these accounts those that neither exist nor are made. What the plan makes counts unless CHECK left it
    /// out, whatever has become of it since: so the answer is the same before and after a crash.
    pub(crate) async fn unmade(
        &self,
        application: &ApplicationId,
        part: Part,
        mut named: Vec<KeyHash>,
        left_out: &HashSet<u32>,
    ) -> Result<HashSet<KeyHash>, EngineError> {
        if named.is_empty() {
            return Ok(HashSet::new());
        }
        let makers = self.makers(application, part).await?;
        named.sort_unstable();
        named.dedup();
        let mut unmade = HashSet::new();
        let mut unknown = Vec::new();
        for key in named {
            let makers = makers.of(key);
            if makers.is_empty() {
                unknown.push(key);
            } else if makers.iter().any(|maker| left_out.contains(&maker.change)) {
                // Of several that would make the account nobody knows which was meant.
                unmade.insert(key);
            }
        }
        for keys in unknown.chunks(KEYS_AT_ONCE) {
            let live = self.store.live_owners(application, keys).await?;
            unmade.extend(keys.iter().filter(|key| !live.contains_key(key)));
        }
        Ok(unmade)
    }

    /// Warns of changes that name accounts which will not be there. They are carried out without those names.
    pub(crate) async fn check_names(&mut self, index: usize, task: &OutboundRun) -> Result<(), EngineError> {
        let names_any = task.classes[index].names_any();
        if !names_any || self.buckets[index].cursor.as_deref() == Some(NAMES_CHECKED) {
            return Ok(());
        }
        let application = self.buckets[index].application.clone();
        let left_out = self.store.left_out(&self.run).await?;
        let counts = |slot: &Slot| slot.wave == Wave::Build && !left_out.contains(&slot.change);
        let mut lacking = RoaringBitmap::new();
        for part in self.parts_of(index, NAMES_EACH) {
            let naming = self.naming(index, part, counts).await?;
            let named = naming.iter().map(|mention| mention.hash).collect();
            let unmade = self.unmade(&application, part, named, &left_out).await?;
            let lacks = naming.iter().filter(|mention| unmade.contains(&mention.hash));
            lacking.extend(lacks.map(|mention| mention.change));
        }
        let findings: Vec<Finding> = lacking.iter().map(|change| Finding::Unmade { change }).collect();
        let step = self.buckets[index].step;
        self.note_findings(index, &findings, (step, Some(NAMES_CHECKED))).await
    }
}
