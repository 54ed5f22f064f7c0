//! A whole plan held against itself, part by part of the key space: what has one key is in one part. In memory are
//! the keys of a part, and of what was found the numbers alone.

use std::collections::{HashMap, HashSet};

use muster_plan::change::Action;
use muster_plan::key::KeyHash;
use muster_store::Makes;
use roaring::RoaringBitmap;

use crate::check::KEYS_AT_ONCE;
use crate::error::EngineError;
use crate::findings::{Finding, ROWS_AT_ONCE};
use crate::parts::Part;
use crate::worker::{Task, Work};

/// Keys that a change comes with, about: those that its object is found by, and those that it was looked for with.
const KEYS_EACH: u64 = 4;

/// The places of one part, each with a change, sorted.
#[derive(Debug, Default)]
struct Places {
    /// Shadows that are made, or accounts for shadows that are there, or links that these get.
    made: Vec<(u64, u32)>,
    /// Accounts that are made, whether their shadows are or not, or taken for others that are gone, or linked.
    created: Vec<(u64, u32)>,
    /// Accounts that are disabled, deleted or let go.
    withdrawn: Vec<(u64, u32)>,
}

/// The keys of one part, each with a change, sorted.
#[derive(Debug, Default)]
struct Keys {
    /// Those that objects are found by afterwards.
    added: Vec<(KeyHash, u32)>,
    /// Those that are compared with them.
    asked: Vec<(KeyHash, u32)>,
}

impl Keys {
    /// The changes that ask for a key with which another asks as well, or which another adds to its object.
    fn shared(&self) -> Vec<u32> {
        let groups = self.asked.chunk_by(|a, b| a.0 == b.0);
        let several = groups.filter(|group| group.iter().any(|(_, change)| *change != group[0].1));
        let mut shared: Vec<u32> = several.flatten().map(|(_, change)| *change).collect();
        let mut added = self.added.as_slice();
        for (hash, change) in &self.asked {
            while added.first().is_some_and(|(key, _)| key < hash) {
                added = &added[1..];
            }
            let same = added.iter().take_while(|(key, _)| key == hash);
            if same.into_iter().any(|(_, other)| other != change) {
                shared.push(*change);
            }
        }
        shared
    }

    /// What is asked for and nobody adds.
    fn not_added(&self) -> Vec<(KeyHash, u32)> {
        let adds = |hash: &KeyHash| self.added.binary_search_by_key(hash, |(added, _)| *added).is_ok();
        self.asked.iter().copied().filter(|(hash, _)| !adds(hash)).collect()
    }
}

/// Which keys of changes are compared with those that are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    ForOwners,
    ForReferences,
}

impl Work {
    /// All findings about a bucket but those about names, in their order.
    pub(crate) async fn findings(&self, index: usize) -> Result<Vec<Finding>, EngineError> {
        let mut findings = Vec::new();
        // Users are read once, and nothing is looked for by what they hold.
        if matches!(self.task, Task::Cleanup(_)) {
            return Ok(findings);
        }
        for part in self.parts_of(index, 1) {
            let places = self.places(index, part).await?;
            findings.extend(self.repeated(&places).await?);
            findings.extend(self.adopted(&places).await?);
        }
        let mut left_out: RoaringBitmap = findings.iter().map(|finding| finding.change()).collect();
        let in_the_way = self.names_in_the_way(index, &left_out).await?;
        left_out.extend(in_the_way.iter().map(|finding| finding.change()));
        findings.extend(in_the_way);
        let rivalled = self.successions(index).await?.rivalled - &left_out;
        findings.extend(rivalled.iter().map(|change| Finding::Rivalled { change }));
        left_out |= rivalled;
        let mut disputed = RoaringBitmap::new();
        for part in self.parts_of(index, KEYS_EACH) {
            disputed.extend(self.keys_of(index, part, Asked::ForOwners, &left_out).await?.shared());
        }
        findings.extend(disputed.iter().map(|change| Finding::Disputed { change }));
        left_out |= disputed;
        if let Task::Inbound(_) = self.task {
            let mut open = RoaringBitmap::new();
            for part in self.parts_of(index, KEYS_EACH) {
                let keys = self.keys_of(index, part, Asked::ForReferences, &left_out).await?;
                open.extend(self.unknown(&keys.not_added()).await?);
            }
            findings.extend(open.iter().map(|change| Finding::Open { change }));
        }
        findings.sort_unstable();
        Ok(findings)
    }

    /// How many changes make an account, or an object of one, that another change has made before.
    pub(crate) async fn repeated_changes(&self, index: usize) -> Result<u64, EngineError> {
        let mut repeated = 0;
        for part in self.parts_of(index, 1) {
            repeated += self.repeated(&self.places(index, part).await?).await?.len() as u64;
        }
        Ok(repeated)
    }

    async fn places(&self, index: usize, part: Part) -> Result<Places, EngineError> {
        let mut places = Places::default();
        self.each_lists(index, |lists| {
            for slot in lists.slots.iter().filter(|slot| part.holds(slot.position)) {
                let place = (slot.position.0, slot.change);
                if slot.makes != Makes::Nothing || matches!(slot.action, Action::Create | Action::Link) {
                    places.made.push(place);
                }
                if slot.makes == Makes::NewKey {
                    places.created.push(place);
                }
                match slot.action {
                    Action::Create | Action::Link => places.created.push(place),
                    Action::Disable | Action::Delete | Action::Unlink => places.withdrawn.push(place),
                    Action::Update | Action::Refresh | Action::MarkGone => {}
                }
            }
        })
        .await?;
        places.made.sort_unstable();
        Ok(places)
    }

    async fn keys_of(
        &self,
        index: usize,
        part: Part,
        asked: Asked,
        left_out: &RoaringBitmap,
    ) -> Result<Keys, EngineError> {
        let mut keys = Keys::default();
        let wanted = |hash: KeyHash, change| part.holds(hash.position()) && !left_out.contains(change);
        self.each_lists(index, |lists| {
            let added = lists.keys_added.iter().filter(|key| wanted(key.hash, key.change));
            keys.added.extend(added.map(|key| (key.hash, key.change)));
            let mentions = match asked {
                Asked::ForOwners => lists.correlation,
                Asked::ForReferences => lists.references,
            };
            let mentions = mentions.into_iter().filter(|mention| wanted(mention.hash, mention.change));
            keys.asked.extend(mentions.map(|mention| (mention.hash, mention.change)));
        })
        .await?;
        keys.added.sort_unstable();
        keys.asked.sort_unstable();
        Ok(keys)
    }

    /// Of staged changes that make a shadow of the same account the first counts, the later ones fail.
    async fn repeated(&self, places: &Places) -> Result<Vec<Finding>, EngineError> {
        let suspects = shared_places(&places.made);
        let mut repeated = Vec::new();
        // Of one place, which hardly ever two accounts have: the account and the change that was first.
        let (mut place, mut first): (u64, HashMap<String, u32>) = (0, HashMap::new());
        for suspects in suspects.chunks(ROWS_AT_ONCE) {
            let rows = self.rows(&changes_at(suspects)).await?;
            for (at, change) in suspects {
                if *at != place {
                    (place, first) = (*at, HashMap::new());
                }
                let Some(row) = rows.get(change) else { continue };
                match first.get(&row.uid) {
                    Some(first) => repeated.push(Finding::Repeated { change: *change, first: *first }),
                    None => {
                        first.insert(row.uid.clone(), *change);
                    }
                }
            }
        }
        Ok(repeated)
    }

    /// An account of nobody that is withdrawn while one of its key is made is that one: a run that was cut off may
    /// have made it and not have stored so. It stays, and is taken for the one made. So does one that was left behind by
    /// a deleted owner while its shadow goes to somebody else.
    async fn adopted(&self, places: &Places) -> Result<Vec<Finding>, EngineError> {
        if places.withdrawn.is_empty() || places.created.is_empty() {
            return Ok(Vec::new());
        }
        let mut both = [places.withdrawn.as_slice(), places.created.as_slice()].concat();
        both.sort_unstable();
        let suspects = shared_places(&both);
        // Accounts by their keys, each without a shadow and with that which goes on.
        let mut created: HashSet<(String, Option<u32>)> = HashSet::new();
        let mut withdrawn: Vec<((String, Option<u32>), u32)> = Vec::new();
        for suspects in suspects.chunks(ROWS_AT_ONCE) {
            for row in self.rows(&changes_at(suspects)).await?.into_values() {
                let is_withdrawn = matches!(row.action, Action::Disable | Action::Delete | Action::Unlink);
                if is_withdrawn {
                    withdrawn.push(((row.uid.clone(), row.shadow), row.number));
                } else {
                    created.insert((row.uid.clone(), row.shadow));
                }
                if !is_withdrawn || row.shadow.is_some() {
                    created.insert((row.uid, None));
                }
            }
        }
        withdrawn.retain(|(account, _)| created.contains(account));
        Ok(withdrawn.into_iter().map(|(_, change)| Finding::Adopted { change }).collect())
    }

    /// The changes that ask for keys by which no object is found.
    async fn unknown(&self, asked: &[(KeyHash, u32)]) -> Result<Vec<u32>, EngineError> {
        let mut unknown = Vec::new();
        for asked in asked.chunks(KEYS_AT_ONCE) {
            let keys: Vec<KeyHash> = asked.iter().map(|(hash, _)| *hash).collect();
            let known: HashSet<KeyHash> = self.store.known_keys(&keys).await?.into_iter().collect();
            unknown.extend(asked.iter().filter(|(hash, _)| !known.contains(hash)).map(|(_, change)| *change));
        }
        Ok(unknown)
    }
}

fn changes_at(places: &[(u64, u32)]) -> Vec<u32> {
    places.iter().map(|(_, change)| *change).collect()
}

/// The changes whose place is shared by another, with their places.
fn shared_places(sorted: &[(u64, u32)]) -> Vec<(u64, u32)> {
    sorted.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(octet: u8, change: u32) -> (KeyHash, u32) {
        (KeyHash([octet; 16]), change)
    }

    #[test]
    fn keys_are_shared_with_whoever_asks_for_them_or_adds_them() {
        for (added, asked, shared, not_added) in [
            (vec![], vec![], vec![], vec![]),
            (vec![key(1, 1)], vec![key(1, 1)], vec![], vec![]),
            (vec![key(1, 2)], vec![key(1, 1)], vec![1], vec![]),
            (vec![key(1, 1), key(1, 2)], vec![key(1, 1)], vec![1], vec![]),
            (vec![], vec![key(1, 1), key(1, 1)], vec![], vec![1, 1]),
            (vec![], vec![key(1, 1), key(1, 2), key(2, 3)], vec![1, 2], vec![1, 2, 3]),
            (vec![key(0, 9), key(2, 3)], vec![key(1, 1), key(2, 2)], vec![2], vec![1]),
        ] {
            let keys = Keys { added, asked };
            let mut found = keys.shared();
            found.dedup();
            assert_eq!(found, shared, "{keys:?}");
            let asked: Vec<u32> = keys.not_added().into_iter().map(|(_, change)| change).collect();
            assert_eq!(asked, not_added, "{keys:?}");
        }
    }

    #[test]
    fn places_of_one_change_are_nobodys_to_share() {
        assert_eq!(shared_places(&[(1, 1), (2, 2), (2, 5), (3, 3)]), [(2, 2), (2, 5)]);
    }
}
