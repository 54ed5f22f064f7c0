//! Who becomes and who ceases to be a member: gathered by group over all operations of a round, sent in chunks.

use std::collections::{BTreeMap, HashSet};

use muster_connector::text::shown;
use muster_connector::{AttributeWrite, ConnectorError, Operation, WriteResult};
use muster_http::{Answer, encoded, side_by_side};
use muster_model::{Field, Value};
use serde_json::{Map, Value as Json};

use super::compose::{operation, patch, selects_member};
use super::single::Single;
use crate::api;
use crate::class::Membership;
use crate::dialect::MemberRemoval;
use crate::membership::{Held, is_member, member};

/// What becomes of a member of a group, and which operations ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Delta {
    member: String,
    is_added: bool,
    places: Vec<usize>,
}

/// What is to change, by group.
pub(super) struct Deltas(BTreeMap<String, Vec<Delta>>);

impl Deltas {
    /// Gathers what operations ask for whose accounts were written well.
    pub(super) async fn gather(
        single: &Single<'_>,
        operations: &[&Operation],
        outcomes: &mut [WriteResult],
    ) -> Self {
        let mut deltas = Self(BTreeMap::new());
        let held = match operations.iter().any(|operation| replaces(single, operation)) {
            true => single.held().await.map(Some),
            false => Ok(None),
        };
        for (place, operation) in operations.iter().enumerate() {
            let Ok(written) = &outcomes[place] else { continue };
            let uid = written.given_uid.clone().unwrap_or_else(|| operation.uid().to_owned());
            for write in writes(single, operation) {
                match (write, &held) {
                    (Asked::Values { add, remove }, _) => {
                        deltas.note_all(add, &uid, true, place);
                        deltas.note_all(remove, &uid, false, place);
                    }
                    (Asked::These(field), Ok(held)) => {
                        let before = held.as_ref().map(|held| held.of(&uid)).unwrap_or_default();
                        let after: HashSet<String> =
                            field.values().iter().map(|group| group.to_text().into_owned()).collect();
                        let gone = before.iter().filter(|group| !after.contains(*group));
                        gone.for_each(|group| deltas.note(group, &uid, false, place));
                        let new = after.iter().filter(|group| !before.contains(group));
                        new.for_each(|group| deltas.note(group, &uid, true, place));
                    }
                    (Asked::These(_), Err(error)) => {
                        outcomes[place] = Err(error.clone());
                        break;
                    }
                }
            }
        }
        deltas
    }

    fn note_all(&mut self, groups: &[Value], uid: &str, is_added: bool, place: usize) {
        groups.iter().for_each(|group| self.note(&group.to_text(), uid, is_added, place));
    }

    /// The last that is said of a member counts.
    fn note(&mut self, group: &str, uid: &str, is_added: bool, place: usize) {
        let of_group = self.0.entry(group.to_owned()).or_default();
        // Those of one account stand at the end: it is looked at as a whole before the next.
        match of_group.iter_mut().rev().take(8).find(|delta| delta.member == uid) {
            Some(known) => {
                known.is_added = is_added;
                known.places.push(place);
            }
            None => of_group.push(Delta { member: uid.to_owned(), is_added, places: vec![place] }),
        }
    }

    /// Sends all of it. A chunk that is refused is halved until it is known whom it is about.
    pub(super) async fn write(
        self,
        single: &Single<'_>,
        operations: &[&Operation],
        outcomes: &mut [WriteResult],
    ) {
        let Some(membership) = &single.layout.membership else { return };
        let failed = side_by_side(self.0, |(group, deltas)| async move {
            let group = Group { single: *single, membership, key: group };
            group.write(deltas).await
        });
        for (places, error) in failed.await.into_iter().flatten() {
            for place in places {
                outcomes[place] = Err(unfinished(operations[place], &outcomes[place], &error));
            }
        }
    }
}

/// What an operation comes to whose memberships were not written. An account that was made is there all the same: a conflict
/// is looked at by who asked for it, and the account is found.
fn unfinished(operation: &Operation, outcome: &WriteResult, error: &ConnectorError) -> ConnectorError {
    match (operation, outcome) {
        (Operation::Create { uid, .. }, Ok(written)) => {
            let key = shown(written.given_uid.as_ref().unwrap_or(uid));
            let message =
                format!("the account was made under `{key}`, but not all of its memberships: {error}");
            ConnectorError::Conflict { message }
        }
        (Operation::Create { .. }, Err(told)) => told.clone(),
        (Operation::Update { .. } | Operation::Delete { .. }, _) => error.clone(),
    }
}

/// What an operation asks for.
enum Asked<'a> {
    /// Besides what there is.
    Values { add: &'a [Value], remove: &'a [Value] },
    /// In the place of what there is.
    These(&'a Field),
}

fn writes<'a>(single: &Single<'_>, operation: &'a Operation) -> Vec<Asked<'a>> {
    match operation {
        Operation::Create { attributes, .. } => attributes
            .iter()
            .filter(|(name, _)| single.layout.is_membership(name))
            .map(|(_, field)| Asked::Values { add: field.values(), remove: &[] })
            .collect(),
        Operation::Update { writes, .. } => writes
            .iter()
            .filter(|(name, _)| single.layout.is_membership(name))
            .map(|(_, write)| match write {
                AttributeWrite::Values { add, remove } => Asked::Values { add, remove },
                AttributeWrite::Replace(field) => Asked::These(field),
            })
            .collect(),
        Operation::Delete { .. } => Vec::new(),
    }
}

fn replaces(single: &Single<'_>, operation: &Operation) -> bool {
    writes(single, operation).iter().any(|asked| matches!(asked, Asked::These(_)))
}

impl Single<'_> {
    async fn held(&self) -> Result<Held, ConnectorError> {
        match &self.layout.membership {
            Some(membership) => Held::read(self.service, membership).await,
            None => Ok(Held::default()),
        }
    }
}

/// One group.
struct Group<'a> {
    single: Single<'a>,
    membership: &'a Membership,
    key: String,
}

type Failed = Vec<(Vec<usize>, ConnectorError)>;

impl Group<'_> {
    /// Sends what is to change, chunk by chunk; answers what did not.
    async fn write(&self, deltas: Vec<Delta>) -> Failed {
        let mut failed = Vec::new();
        let mut chunks: Vec<&[Delta]> =
            deltas.chunks(self.single.service.settings.members_a_request).collect();
        chunks.reverse();
        while let Some(chunk) = chunks.pop() {
            let Err(error) = self.send(chunk).await else { continue };
            let is_about_one =
                matches!(error, ConnectorError::Rejected { .. } | ConnectorError::Conflict { .. });
            match (is_about_one, chunk) {
                (true, [_, _, ..]) => {
                    let (first, second) = chunk.split_at(chunk.len() / 2);
                    chunks.extend([second, first]);
                }
                _ => failed.push((chunk.iter().flat_map(|delta| delta.places.clone()).collect(), error)),
            }
        }
        failed
    }

    async fn send(&self, chunk: &[Delta]) -> Result<(), ConnectorError> {
        let path = format!("{}/{}", self.membership.endpoint, encoded(&self.key));
        let answer = match self.single.service.has_patch_of_members() {
            true => Some(self.single.service.api.call(&api::patch(path, &self.patch(chunk))).await?),
            false => {
                let change = |group: &Map<String, Json>| Ok(self.changed(group, chunk));
                self.single
                    .read_and_put(&path, change, &self.key)
                    .await
                    .map_err(|error| self.missing(error))?
            }
        };
        match answer {
            None => Ok(()),
            Some(answer) if answer.is_success() => Ok(()),
            Some(answer) if is_gone_already(&answer, chunk) => Ok(()),
            Some(answer) => Err(self.missing(answer.refused())),
        }
    }

    /// A group that is not there is not the account that is not there.
    fn missing(&self, error: ConnectorError) -> ConnectorError {
        match error {
            ConnectorError::Missing { message } => {
                let message = format!(
                    "there is no entitlement `{}` in {}: {message}",
                    self.key, self.membership.endpoint
                );
                ConnectorError::Rejected { message }
            }
            other @ (ConnectorError::Transient { .. }
            | ConnectorError::Rejected { .. }
            | ConnectorError::Conflict { .. }
            | ConnectorError::Outdated { .. }
            | ConnectorError::Unusable { .. }) => other,
        }
    }

    fn patch(&self, chunk: &[Delta]) -> Json {
        let habits = &self.single.service.settings.habits;
        let (added, removed): (Vec<&Delta>, Vec<&Delta>) = chunk.iter().partition(|delta| delta.is_added);
        let list = |deltas: &[&Delta]| deltas.iter().map(|delta| member(&delta.member)).collect::<Json>();
        let path = self.membership.members.to_string();
        let mut operations = Vec::new();
        if !added.is_empty() {
            operations.push(operation(habits, "add", Some(path.clone()), Some(list(&added))));
        }
        match habits.member_removal {
            MemberRemoval::Values if removed.is_empty() => {}
            MemberRemoval::Values => {
                operations.push(operation(habits, "remove", Some(path), Some(list(&removed))))
            }
            MemberRemoval::Filter => operations.extend(removed.iter().map(|delta| {
                let target = selects_member(&self.membership.members, &delta.member);
                operation(habits, "remove", Some(target), None)
            })),
        }
        patch(operations)
    }

    /// The group with the changes, or nothing where it is so already.
    fn changed(&self, group: &Map<String, Json>, chunk: &[Delta]) -> Option<Json> {
        let name = &self.membership.members.attribute;
        let mut members = group.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
        let before = members.len();
        let gone =
            |element: &Json| chunk.iter().any(|delta| !delta.is_added && is_member(element, &delta.member));
        members.retain(|element| !gone(element));
        let is_smaller = members.len() < before;
        let new = chunk.iter().filter(|delta| {
            delta.is_added && !members.iter().any(|element| is_member(element, &delta.member))
        });
        let new: Vec<Json> = new.map(|delta| member(&delta.member)).collect();
        if new.is_empty() && !is_smaller {
            return None;
        }
        members.extend(new);
        let mut changed = group.clone();
        changed.shift_remove("meta");
        changed.insert(name.clone(), members.into());
        Some(changed.into())
    }
}

/// Whether one member was to be removed who is none.
fn is_gone_already(answer: &Answer, chunk: &[Delta]) -> bool {
    let is_no_target = answer.status() == 400 && answer.code.as_deref() == Some("noTarget");
    is_no_target && matches!(chunk, [delta] if !delta.is_added)
}
