//! What a page of a sweep leaves behind besides its changes: the shadows it met, and where its changes and
//! their keys go. Packed into two blobs, so that a page of unchanged entries costs one small row.

use muster_model::run::{Outcome, Wave};
use muster_plan::change::{Action, Change, Subject};
use muster_plan::key::{KeyHash, Position};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::error::StoreError;

/// A page as it was staged.
#[derive(Debug, Clone, PartialEq)]
pub struct StagedPage {
    /// Its number within the bucket, from 1.
    pub page: u32,
    /// What it met.
    pub met: Met,
    /// Where its changes go.
    pub lists: Lists,
    /// The digest of its part of the plan.
    pub digest: Vec<u8>,
}

/// The shadows that a page met, by what became of them, and those of which it said that they are gone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Met {
    sets: Vec<(Outcome, RoaringBitmap)>,
    gone: RoaringBitmap,
}

/// What stands for those that are gone where an outcome stands for others.
const GONE: u8 = u8::MAX;

impl Met {
    /// Notes that a shadow was met.
    pub fn note(&mut self, shadow: u32, outcome: Outcome) {
        if let Some((_, set)) = self.sets.iter_mut().find(|(known, _)| *known == outcome) {
            set.insert(shadow);
        } else {
            self.sets.push((outcome, RoaringBitmap::from_iter([shadow])));
        }
    }

    /// Notes that a shadow was said to be gone.
    pub fn note_gone(&mut self, shadow: u32) {
        self.gone.insert(shadow);
    }

    /// The shadows that were said to be gone.
    #[must_use]
    pub fn gone(&self) -> &RoaringBitmap {
        &self.gone
    }

    /// The shadows of this outcome.
    pub(crate) fn of(&self, outcome: Outcome) -> RoaringBitmap {
        let set = self.sets.iter().find(|(known, _)| *known == outcome);
        set.map(|(_, set)| set.clone()).unwrap_or_default()
    }

    /// All shadows met, whatever became of them.
    #[must_use]
    pub fn all(&self) -> RoaringBitmap {
        self.sets.iter().fold(RoaringBitmap::new(), |mut all, (_, set)| {
            all |= set;
            all
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let gone = (!self.gone.is_empty()).then_some((GONE, &self.gone));
        for (head, set) in self.sets.iter().map(|(outcome, set)| (*outcome as u8, set)).chain(gone) {
            out.push(head);
            out.extend_from_slice(&u32::try_from(set.serialized_size()).unwrap_or(u32::MAX).to_le_bytes());
            // Writing to memory does not fail.
            let _ = set.serialize_into(&mut out);
        }
        out
    }

    pub(crate) fn decode(mut octets: &[u8]) -> Result<Self, StoreError> {
        let unreadable = |detail: &str| StoreError::unreadable("met set", detail);
        let mut met = Self::default();
        while let [head, a, b, c, d, rest @ ..] = octets {
            let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
            let set = rest.get(..length).ok_or_else(|| unreadable("cut short"))?;
            let set = RoaringBitmap::deserialize_from(set).map_err(|error| unreadable(&error.to_string()))?;
            match (*head, Outcome::ALL.get(usize::from(*head))) {
                (GONE, _) => met.gone = set,
                (_, Some(outcome)) => met.sets.push((*outcome, set)),
                (_, None) => return Err(unreadable("outcome")),
            }
            octets = &rest[length..];
        }
        Ok(met)
    }
}

/// Where a change goes when it is applied: first by wave, then by place among all keys, or by number ([`Sorting`]).
///
/// [`Sorting`]: crate::Sorting
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The wave.
    pub wave: Wave,
    /// The place of the account's key.
    pub position: Position,
    /// The number of the change within the run.
    pub change: u32,
    /// What of the store's rows the change makes.
    pub makes: Makes,
    /// What the change does.
    pub action: Action,
}

/// What a change makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Makes {
    /// Nothing: object and shadow exist.
    Nothing,
    /// A shadow of an object that exists.
    Shadow,
    /// A shadow and its object.
    ShadowAndObject,
    /// Nothing new, but another key for the shadow of an account that is gone.
    NewKey,
    /// An object, and no account of it.
    Object,
}

impl Makes {
    const ALL: [Self; 5] = [Self::Nothing, Self::Shadow, Self::ShadowAndObject, Self::NewKey, Self::Object];

    fn of(change: &Change) -> Self {
        match change.action {
            Action::Create if change.subject == Subject::Object => Self::Object,
            Action::Create | Action::Link => match (change.shadow, change.object) {
                (None, Some(object)) if object.version == 0 => Self::ShadowAndObject,
                (None, _) => Self::Shadow,
                (Some(_), _) if change.succeeds.is_some() => Self::NewKey,
                (Some(_), _) => Self::Nothing,
            },
            Action::Disable if change.succeeds.is_some() => Self::NewKey,
            // Without a shadow they are about an account of nobody, and leave it nobody's.
            Action::Update
            | Action::Refresh
            | Action::Disable
            | Action::Delete
            | Action::Unlink
            | Action::MarkGone => Self::Nothing,
        }
    }
}

/// A key of an object that a change adds or removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyEntry {
    /// The key.
    pub hash: KeyHash,
    /// The object.
    pub object: Uuid,
    /// The number of the change within the run.
    pub change: u32,
}

/// A key that a change only mentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mention {
    /// The key.
    pub hash: KeyHash,
    /// The number of the change within the run.
    pub change: u32,
}

/// Where the changes of a page and their keys go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lists {
    /// The changes.
    pub slots: Vec<Slot>,
    /// Keys that objects are found by afterwards.
    pub keys_added: Vec<KeyEntry>,
    /// Keys that objects are no longer found by.
    pub keys_removed: Vec<KeyEntry>,
    /// Inbound keys of objects referred to, outbound keys of the accounts that the account names.
    pub references: Vec<Mention>,
    /// Keys by which owners were looked for, of changes that make a shadow.
    pub correlation: Vec<Mention>,
}

impl Lists {
    /// Adds a change of the given number.
    pub fn add(&mut self, change: &Change, number: u32, account_key: KeyHash) {
        self.slots.push(Slot {
            wave: change.action.wave(),
            position: account_key.position(),
            change: number,
            makes: Makes::of(change),
            action: change.action,
        });
        let object = change.object.map(|base| base.id.0).unwrap_or_default();
        let entry = |hash: &KeyHash| KeyEntry { hash: *hash, object, change: number };
        let mention = |hash: &KeyHash| Mention { hash: *hash, change: number };
        self.keys_added.extend(change.keys_added.iter().map(entry));
        self.keys_removed.extend(change.keys_removed.iter().map(entry));
        self.references.extend(change.references.iter().map(mention));
        self.correlation.extend(change.correlation.iter().map(mention));
    }

    /// Takes a change out again.
    pub(crate) fn remove(&mut self, number: u32) {
        self.slots.retain(|slot| slot.change != number);
        self.keys_added.retain(|key| key.change != number);
        self.keys_removed.retain(|key| key.change != number);
        self.references.retain(|mention| mention.change != number);
        self.correlation.retain(|mention| mention.change != number);
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(20 + self.slots.len() * 14 + self.keys_added.len() * 36);
        count(&mut out, self.slots.len());
        for slot in &self.slots {
            // The wave follows from the action.
            out.push(slot.action as u8 | (slot.makes as u8) << 4);
            out.extend_from_slice(&slot.position.0.to_le_bytes());
            out.extend_from_slice(&slot.change.to_le_bytes());
        }
        for keys in [&self.keys_added, &self.keys_removed] {
            count(&mut out, keys.len());
            for key in keys {
                out.extend_from_slice(&key.hash.0);
                out.extend_from_slice(key.object.as_bytes());
                out.extend_from_slice(&key.change.to_le_bytes());
            }
        }
        for mentions in [&self.references, &self.correlation] {
            count(&mut out, mentions.len());
            for mention in mentions {
                out.extend_from_slice(&mention.hash.0);
                out.extend_from_slice(&mention.change.to_le_bytes());
            }
        }
        out
    }

    pub(crate) fn decode(octets: &[u8]) -> Result<Self, StoreError> {
        if octets.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader(octets);
        let mut lists = Self::default();
        for _ in 0..reader.count()? {
            let [head] = reader.take::<1>()?;
            let action = *Action::ALL
                .get(usize::from(head & 0xf))
                .ok_or_else(|| StoreError::unreadable("page of changes", "action"))?;
            let makes = *Makes::ALL
                .get(usize::from(head >> 4))
                .ok_or_else(|| StoreError::unreadable("page of changes", "what is made"))?;
            let position = Position(u64::from_le_bytes(reader.take()?));
            let change = u32::from_le_bytes(reader.take()?);
            lists.slots.push(Slot { wave: action.wave(), position, change, makes, action });
        }
        for keys in [&mut lists.keys_added, &mut lists.keys_removed] {
            for _ in 0..reader.count()? {
                let hash = KeyHash(reader.take()?);
                let object = Uuid::from_bytes(reader.take()?);
                keys.push(KeyEntry { hash, object, change: u32::from_le_bytes(reader.take()?) });
            }
        }
        for mentions in [&mut lists.references, &mut lists.correlation] {
            for _ in 0..reader.count()? {
                let hash = KeyHash(reader.take()?);
                mentions.push(Mention { hash, change: u32::from_le_bytes(reader.take()?) });
            }
        }
        Ok(lists)
    }
}

fn count(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (head, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or_else(|| StoreError::unreadable("page of changes", "it is cut short"))?;
        self.0 = rest;
        Ok(*head)
    }

    fn count(&mut self) -> Result<u32, StoreError> {
        Ok(u32::from_le_bytes(self.take()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn met_sets_are_read_back() {
        let mut met = Met::default();
        for shadow in [1, 5, 70_000] {
            met.note(shadow, Outcome::Unchanged);
        }
        met.note(9, Outcome::Failed);
        met.note_gone(12);
        let again = Met::decode(&met.encode()).expect("reads");
        assert_eq!(again, met);
        assert_eq!((again.all().len(), again.gone().len()), (4, 1));
        assert!(Met::decode(&met.encode()[..8]).is_err());
    }

    fn slot(action: Action, position: Position, change: u32, makes: Makes) -> Slot {
        Slot { wave: action.wave(), position, change, makes, action }
    }

    #[test]
    fn lists_are_read_back() {
        let lists = Lists {
            slots: vec![
                slot(Action::Create, Position(7), 1, Makes::ShadowAndObject),
                slot(Action::MarkGone, Position(u64::MAX), 2, Makes::Nothing),
                slot(Action::Link, Position(8), 3, Makes::NewKey),
            ],
            keys_added: vec![KeyEntry { hash: KeyHash([1; 16]), object: Uuid::from_u128(3), change: 1 }],
            keys_removed: vec![KeyEntry { hash: KeyHash([2; 16]), object: Uuid::from_u128(4), change: 2 }],
            references: vec![Mention { hash: KeyHash([3; 16]), change: 1 }],
            correlation: vec![Mention { hash: KeyHash([4; 16]), change: 1 }],
        };
        assert_eq!(Lists::decode(&lists.encode()).expect("reads"), lists);
        assert_eq!(Lists::decode(&[]).expect("reads"), Lists::default());
        assert!(Lists::decode(&lists.encode()[..30]).is_err());
    }
}
