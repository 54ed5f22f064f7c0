//! Pages ready to be stored: changes as rows, which is the costly part and needs no database.

use muster_model::run::Outcome;
use muster_plan::change::{Change, MembershipChange, StateChange};
use muster_plan::key::KeyHash;
use sea_orm::Value;

use crate::codec;
use crate::disputes::PageDisputes;
use crate::error::StoreError;
use crate::left_entries::Traceless;
use crate::lists::Lists;
use crate::row::encode_provenance;
use crate::rows::{Bulk, Kind};
use crate::run::RunRecord;
use crate::stage::ProblemRow;

pub(crate) const CHANGES: Bulk = Bulk {
    table: "change",
    columns: &[
        ("id", Kind::Integer),
        ("tenant", Kind::Integer),
        ("bucket", Kind::Integer),
        ("position", Kind::Integer),
        ("action", Kind::Integer),
        ("situation", Kind::Integer),
        ("reaction", Kind::Integer),
        ("uid", Kind::Text),
        ("uid_key", Kind::Octets),
        ("place", Kind::Integer),
        ("shadow", Kind::Integer),
        ("shadow_version", Kind::Integer),
        ("object", Kind::Uuid),
        ("object_version", Kind::Integer),
        ("state", Kind::Integer),
        ("before", Kind::Text),
        ("result", Kind::Text),
        ("provenance", Kind::Text),
        ("memberships", Kind::Text),
        ("profile", Kind::Text),
        ("granted", Kind::Text),
        ("snapshot", Kind::Text),
        ("digest", Kind::Octets),
        ("account_digest", Kind::Octets),
        ("terms", Kind::Octets),
        ("due_at", Kind::Integer),
        ("why", Kind::Text),
        ("replaced", Kind::Text),
    ],
    suffix: "",
};

/// Changes and findings of a page, ready to be stored. Making it is the costly part and needs no database.
#[derive(Debug, Default)]
pub struct PageRows {
    pub(crate) changes: Vec<StagedChange>,
    pub(crate) problems: Vec<ProblemRow>,
    pub(crate) lists: Lists,
    pub(crate) traceless: Traceless,
    pub(crate) messages: Vec<String>,
    /// What the page has to do with disputes.
    pub disputes: PageDisputes,
}

#[derive(Debug)]
pub(crate) struct StagedChange {
    number: u32,
    digest: [u8; 16],
    pub(crate) values: Vec<Value>,
}

impl PageRows {
    /// Adds a change under its number.
    pub fn add(&mut self, run: &RunRecord, bucket: u32, number: u32, key: KeyHash, change: &Change) {
        let before = (!change.differences.is_empty()).then(|| codec::encode_before(&change.differences));
        let result = (!change.result.is_empty()).then(|| codec::encode(&change.result));
        let memberships = (!change.memberships.is_empty()).then(|| encode_memberships(&change.memberships));
        let mut hashed = key.0.to_vec();
        hashed.push(change.action as u8);
        hashed.extend(state_number(change.state).to_le_bytes());
        for part in [&before, &result, &memberships] {
            hashed.extend_from_slice(part.as_deref().unwrap_or_default().as_bytes());
            hashed.push(0);
        }
        // The object of a create is made from the account's key and the instant of the run.
        if let Some(object) = change.object.filter(|object| object.version > 0) {
            hashed.extend_from_slice(object.id.0.as_bytes());
        }
        self.lists.add(change, number, key);
        let values = vec![
            change_id(run.seq, number).into(),
            run.tenant.into(),
            i64::from(bucket).into(),
            key.position().to_i64().into(),
            (change.action as i64).into(),
            (change.situation as i64).into(),
            (change.reaction as i64).into(),
            change.uid.clone().into(),
            key.0.to_vec().into(),
            change.place.map(u64::cast_signed).into(),
            change.shadow.map(|base| i64::from(base.no.0)).into(),
            change.shadow.map(|base| i64::from(base.version)).into(),
            change.object.map(|base| base.id.0).into(),
            change.object.map(|base| i64::from(base.version)).into(),
            state_number(change.state).into(),
            before.into(),
            result.into(),
            change.provenance.as_ref().map(encode_provenance).into(),
            memberships.into(),
            change.profile.as_ref().map(|id| id.as_str().to_owned()).into(),
            change.granted.as_deref().map(encode_granted).into(),
            Some(codec::encode(&change.snapshot)).into(),
            change.digest.map(|digest| digest.0.to_vec()).into(),
            change.account_digest.map(|digest| digest.0.to_vec()).into(),
            change.terms.map(|terms| terms.0.to_vec()).into(),
            change.due_at.map(|due| due.timestamp_millis()).into(),
            change.why.clone().into(),
            change.replaced.as_deref().map(codec::encode_replaced).into(),
        ];
        self.changes.push(StagedChange { number, digest: muster_plan::digest::hash(&hashed), values });
    }

    /// Takes a change out again.
    pub fn remove(&mut self, number: u32) {
        self.changes.retain(|change| change.number != number);
        self.lists.remove(number);
    }

    /// Adds something to tell people.
    pub fn note(&mut self, problem: ProblemRow) {
        self.problems.push(problem);
    }

    /// Adds an entry of which nothing else tells that it was there: it has neither shadow nor change nor problem.
    pub fn leave(&mut self, uid: &str, outcome: Outcome) {
        self.traceless.add(uid, outcome);
    }

    /// Adds what the run has to say to people, in its order.
    pub fn say(&mut self, message: String) {
        self.messages.push(message);
    }

    /// Whether anything is to be done.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Whether all of its changes are to be carried out as they are planned.
    #[must_use]
    pub fn are_plain(&self) -> bool {
        self.problems.iter().all(|problem| problem.change.is_none())
    }

    /// Whether there is nothing to carry out, and nothing to tell or to ask.
    #[must_use]
    pub fn are_uneventful(&self) -> bool {
        let says_nothing = self.problems.is_empty() && self.messages.is_empty();
        says_nothing && self.changes.is_empty() && self.disputes == PageDisputes::default()
    }

    /// Whether there is nothing to store but the checkpoint.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.problems.is_empty()
            && self.traceless.is_empty()
            && self.messages.is_empty()
    }

    /// The digests of the changes, one after the other, so that the plan's hash does not depend on the pages.
    pub(crate) fn digest(&self) -> Vec<u8> {
        self.changes.iter().flat_map(|change| change.digest).collect()
    }
}

/// The `id` of a change: the run in the upper half, the number within it in the lower.
pub(crate) fn change_id(run: i64, number: u32) -> i64 {
    (run << 32) | i64::from(number)
}

/// 0 keeps, 1 enables, 2 and more disable for the reason of that number.
pub(crate) fn state_number(state: StateChange) -> i64 {
    match state {
        StateChange::Keep => 0,
        StateChange::Enable => 1,
        StateChange::Disable(reason) => 2 + reason as i64,
    }
}

fn encode_memberships(memberships: &[MembershipChange]) -> String {
    let rows: Vec<_> = memberships.iter().map(|m| (m.attribute.as_str(), &m.add, &m.remove)).collect();
    serde_json::to_string(&rows).unwrap_or_default()
}

fn encode_granted(granted: &[String]) -> String {
    serde_json::to_string(granted).unwrap_or_default()
}

/// Reads lists one after the other, each as [`encode_granted`] wrote it; sorted, each entitlement once.
pub(crate) fn decode_granted(text: &str) -> Result<Vec<String>, StoreError> {
    let mut granted = Vec::new();
    for list in serde_json::Deserializer::from_str(text).into_iter::<Vec<String>>() {
        granted.extend(list.map_err(|error| StoreError::unreadable("list of entitlements", error))?);
    }
    granted.sort_unstable();
    granted.dedup();
    Ok(granted)
}

pub(crate) fn decode_memberships(text: &str) -> Result<Vec<MembershipChange>, StoreError> {
    let rows: Vec<(String, Vec<String>, Vec<String>)> =
        serde_json::from_str(text).map_err(|error| StoreError::unreadable("membership change", error))?;
    Ok(rows
        .into_iter()
        .map(|(attribute, add, remove)| MembershipChange { attribute: attribute.into(), add, remove })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entitlements_are_read_back_from_one_list_or_several() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let (one, other) = (list(&["all", "x \"y\""]), list(&["admins", "all"]));
        for (text, expected) in [
            (String::new(), list(&[])),
            (encode_granted(&[]), list(&[])),
            (encode_granted(&one), one.clone()),
            ([encode_granted(&one), encode_granted(&other)].concat(), list(&["admins", "all", "x \"y\""])),
        ] {
            assert_eq!(decode_granted(&text).expect("reads"), expected, "{text}");
        }
        assert!(decode_granted("[\"all\"").is_err());
    }
}
