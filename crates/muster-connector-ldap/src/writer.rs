//! Sessions of writes: operations side by side, those for one account in their order, and what has to come first first.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use muster_connector::{AttributeWrite, ConnectorError, Operation, WriteResult, Writer, Written};
use muster_model::{AttributeName, Field};

use crate::create::{New, Taken};
use crate::former::{Former, LeftBehind};
use crate::groups::Groups;
use crate::layout::DN;
use crate::locate::{Standing, Target};
use crate::members::{GroupChanges, Wish};
use crate::update::Change;

/// So many operations are under way at once; the pace may have fewer.
const SIDE_BY_SIDE: usize = 64;

/// A session of writes.
pub(crate) struct LdapWriter {
    pub(crate) target: Target,
}

#[async_trait]
impl Writer for LdapWriter {
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<WriteResult> {
        let mut results = Vec::with_capacity(operations.len());
        for run in runs(&self.target, &operations) {
            results.extend(self.target.carry_out(run).await);
        }
        results
    }

    async fn close(self: Box<Self>) -> Result<(), ConnectorError> {
        Ok(())
    }
}

/// Operations divided into runs of such as may be carried out side by side: a name has to be free before it is given
/// again, and memberships of an account come after it and before its end.
fn runs<'o>(target: &Target, operations: &'o [Operation]) -> Vec<&'o [Operation]> {
    let mut runs = Vec::new();
    let (mut start, mut makes, mut frees) = (0, false, false);
    let mut in_groups: HashSet<&str> = HashSet::new();
    for (at, operation) in operations.iter().enumerate() {
        let (is_make, is_free) = match operation {
            Operation::Create { .. } => (true, false),
            Operation::Delete { .. } => (false, true),
            Operation::Update { writes, .. } => (false, writes.iter().any(|(name, _)| target.renames(name))),
        };
        if is_make && frees || is_free && makes || in_groups.contains(operation.uid()) {
            runs.push(&operations[start..at]);
            (start, makes, frees) = (at, false, false);
            in_groups.clear();
        }
        makes |= is_make;
        frees |= is_free;
        if target.concerns_groups(operation) {
            in_groups.insert(operation.uid());
        }
    }
    runs.push(&operations[start..]);
    runs
}

/// What became of one operation: its result, and what it asks of groups.
struct Done {
    result: WriteResult,
    wish: Option<Wish>,
    /// What groups hold of the account now, where it was changed.
    member: Option<String>,
    /// What they held of it before, where that is something else.
    before: Option<String>,
    /// What they may hold of it from longer ago.
    formers: Vec<Former>,
}

impl Done {
    fn of(result: WriteResult) -> Self {
        Self { result, wish: None, member: None, before: None, formers: Vec::new() }
    }
}

impl Target {
    fn renames(&self, name: &AttributeName) -> bool {
        let name = name.as_str();
        name.eq_ignore_ascii_case(DN)
            || name.eq_ignore_ascii_case(&self.layout.settings.rdn_attribute)
            || name.eq_ignore_ascii_case(self.layout.class.naming_attribute().as_str())
    }

    fn membership(&self) -> Option<&AttributeName> {
        self.layout.class.membership.as_ref().map(|membership| &membership.attribute)
    }

    fn concerns_groups(&self, operation: &Operation) -> bool {
        match (self.membership(), operation) {
            (None, _) => false,
            (Some(_), Operation::Delete { .. }) => true,
            (Some(name), Operation::Create { attributes, .. }) => {
                attributes.iter().any(|(known, field)| known == name && !field.has_no_value())
            }
            (Some(name), Operation::Update { writes, .. }) => {
                writes.iter().any(|(known, _)| known == name || self.renames(known))
            }
        }
    }

    /// Carries out operations side by side and answers in their order.
    async fn carry_out(&self, operations: &[Operation]) -> Vec<WriteResult> {
        let everywhere = |error: &ConnectorError| operations.iter().map(|_| Err(error.clone())).collect();
        let (standings, taken) = match self.prepare(operations).await {
            Ok(prepared) => prepared,
            Err(error) => return everywhere(&error),
        };
        let left = match self.leave_groups(operations, &standings).await {
            Ok(left) => left,
            Err(error) => return everywhere(&error),
        };
        let mut chains: Vec<Vec<usize>> = Vec::new();
        let mut chain_of: HashMap<&str, usize> = HashMap::new();
        for (at, operation) in operations.iter().enumerate() {
            let chain = *chain_of.entry(operation.uid()).or_insert_with(|| {
                chains.push(Vec::new());
                chains.len() - 1
            });
            chains[chain].push(at);
        }
        let (standings, taken, left) = (&standings, &taken, &left);
        let each = chains.into_iter().map(|chain| self.chain(operations, chain, (standings, taken, left)));
        let done: Vec<Vec<(usize, Done)>> = stream::iter(each).buffer_unordered(SIDE_BY_SIDE).collect().await;
        let mut done: Vec<(usize, Done)> = done.into_iter().flatten().collect();
        done.sort_by_key(|(at, _)| *at);
        self.join_groups(&mut done).await;
        done.into_iter().map(|(_, done)| done.result).collect()
    }

    /// Finds where the accounts stand, and which names are taken.
    async fn prepare<'o>(
        &self,
        operations: &'o [Operation],
    ) -> Result<(HashMap<String, Standing>, Taken<'o>), ConnectorError> {
        let mut standings = HashMap::new();
        let mut names = Vec::new();
        let mut unknown: Vec<&str> = Vec::new();
        for operation in operations {
            match operation {
                Operation::Create { uid, .. } => names.push(uid.as_str()),
                Operation::Update { uid, name, .. } | Operation::Delete { uid, name } => {
                    match self.candidate(uid, name.as_deref()) {
                        Some(dn) => drop(standings.insert(uid.clone(), Standing::Candidate(dn))),
                        None => unknown.push(uid),
                    }
                }
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        standings.extend(self.locate(&unknown).await?);
        Ok((standings, Taken::new(&names)))
    }

    /// Takes accounts that are to be deleted out of their groups, so that no group names who is not there, and nobody
    /// gets their memberships with their name. Answers whom that failed for.
    async fn leave_groups(
        &self,
        operations: &[Operation],
        standings: &HashMap<String, Standing>,
    ) -> Result<HashMap<usize, ConnectorError>, ConnectorError> {
        let Some(groups) = Groups::of(&self.system, &self.layout) else { return Ok(HashMap::new()) };
        let (mut members, mut formers) = (Vec::new(), Vec::new());
        for (of, operation) in operations.iter().enumerate() {
            let Operation::Delete { uid, name } = operation else { continue };
            let Some(standing) = standings.get(uid) else { continue };
            formers.extend(self.formers(of, (uid, name.as_deref()), standing));
            if let Standing::At(located) = standing {
                members.extend(self.member(located).map(|member| (of, member)));
            }
        }
        let held = members.into_iter().map(|(at, member)| {
            let groups = &groups;
            async move { groups.holding(&member).await.map(|held| (at, member, held)) }
        });
        let held: Vec<_> = stream::iter(held).buffer_unordered(SIDE_BY_SIDE).collect().await;
        let mut changes = GroupChanges::default();
        for held in held {
            let (at, member, held) = held?;
            held.iter().for_each(|(_, group)| changes.remove(group, at, &member));
        }
        for LeftBehind { former, groups } in self.left_behind(&groups, formers).await? {
            groups.iter().for_each(|group| changes.remove(group, former.of, &former.member));
        }
        Ok(groups.carry_out(changes).await)
    }

    /// Brings accounts into and out of groups, and groups up to date with names that have changed.
    async fn join_groups(&self, done: &mut [(usize, Done)]) {
        let Some(groups) = Groups::of(&self.system, &self.layout) else { return };
        let mut wishes = Vec::new();
        let mut failed: HashMap<usize, ConnectorError> = HashMap::new();
        let mut changes = GroupChanges::default();
        let (mut formers, mut renamed) = (Vec::new(), Vec::new());
        for (of, done) in done.iter_mut().filter(|(_, done)| done.result.is_ok()) {
            let of = *of;
            wishes.extend(done.wish.take().map(|wish| (of, wish)));
            formers.append(&mut done.formers);
            let Some(member) = done.before.take() else { continue };
            match groups.holding(&member).await {
                Ok(held) => {
                    let groups = held.into_iter().map(|(_, group)| group).collect();
                    renamed.push(LeftBehind { former: Former { of, member, is_sure: true }, groups });
                }
                Err(error) => drop(failed.insert(of, error)),
            }
        }
        match self.left_behind(&groups, formers.clone()).await {
            Ok(left) => renamed.extend(left),
            Err(error) => failed.extend(formers.iter().map(|former| (former.of, error.clone()))),
        }
        for LeftBehind { former: Former { of, member, is_sure }, groups } in &renamed {
            let now = done.get(*of).and_then(|(_, done)| done.member.as_deref()).filter(|_| *is_sure);
            for group in groups {
                changes.remove(group, *of, member);
                now.iter().for_each(|now| changes.add(group, *of, now));
            }
        }
        failed.extend(groups.wish(&mut changes, &wishes).await);
        failed.extend(groups.carry_out(changes).await);
        for (at, done) in done {
            if let Some(error) = failed.remove(at)
                && done.result.is_ok()
            {
                done.result = Err(error);
            }
        }
    }

    /// Operations for one account, in their order.
    async fn chain(
        &self,
        operations: &[Operation],
        chain: Vec<usize>,
        (standings, taken, left): (&HashMap<String, Standing>, &Taken<'_>, &HashMap<usize, ConnectorError>),
    ) -> Vec<(usize, Done)> {
        let mut done = Vec::with_capacity(chain.len());
        let mut standing = None;
        for at in chain {
            let operation = &operations[at];
            let standing = standing
                .get_or_insert_with(|| standings.get(operation.uid()).cloned().unwrap_or(Standing::Nowhere));
            let one = match operation {
                Operation::Create { uid, attributes, enabled } => {
                    let new = New { uid, attributes, enabled: *enabled };
                    self.make(standing, &new, taken).await
                }
                Operation::Update { uid, name, writes, enabled } => {
                    let changed = self.change(standing, (uid, writes, *enabled)).await;
                    changed.map(|done| match self.membership() {
                        None => done,
                        Some(_) => {
                            let mut formers = self.formers(at, (uid, name.as_deref()), standing);
                            formers.retain(|former| done.before.as_ref() != Some(&former.member));
                            Done { formers, ..done }
                        }
                    })
                }
                Operation::Delete { uid, .. } => match left.get(&at) {
                    Some(error) => Err(error.clone()),
                    None => self.delete(standing, uid).await.map(|()| Done::of(Ok(Written::default()))),
                },
            };
            done.push((at, one.unwrap_or_else(|error| Done::of(Err(error)))));
        }
        done
    }

    async fn make(
        &self,
        standing: &mut Standing,
        new: &New<'_>,
        taken: &Taken<'_>,
    ) -> Result<Done, ConnectorError> {
        if matches!(standing, Standing::At(_)) || taken.has(self, new.uid).await? {
            let (class, name) = (&self.layout.class.remote_name, self.layout.class.naming_attribute());
            let message =
                format!("{} has a {class} whose `{name}` is `{}` already", self.system.address(), new.uid);
            return Err(ConnectorError::Conflict { message });
        }
        let (mut located, result) = self.create(new).await?;
        let of =
            |wanted: &str| new.attributes.iter().find(|(name, _)| name.as_str().eq_ignore_ascii_case(wanted));
        let uid = of("uid").and_then(|(_, field)| field.first()).map(|value| value.to_text().into_owned());
        located.uid = uid.or_else(|| located.dn.rdn().and_then(|rdn| rdn.value_of("uid")).map(str::to_owned));
        let wished =
            self.membership().and_then(|name| new.attributes.iter().find(|(known, _)| known == name));
        let add = wished.map(|(_, field)| texts(field)).unwrap_or_default();
        let wish = self.member(&located).filter(|_| !add.is_empty());
        let wish = wish.map(|member| Wish { member, add, remove: Vec::new() });
        *standing = Standing::At(located);
        Ok(Done { wish, ..Done::of(result) })
    }

    async fn change(
        &self,
        standing: &mut Standing,
        (uid, writes, enabled): (&str, &[(AttributeName, AttributeWrite)], Option<bool>),
    ) -> Result<Done, ConnectorError> {
        let membership = self.membership();
        let (of_groups, writes): (Vec<_>, Vec<_>) =
            writes.iter().partition(|(name, _)| Some(name) == membership);
        let before = match &*standing {
            Standing::At(located) => self.member(located),
            Standing::Candidate(_) | Standing::Nowhere | Standing::Several => None,
        };
        let located = self.update(standing, &Change { uid, writes, enabled }).await?;
        let now = self.member(&located).filter(|_| membership.is_some());
        let before = before.filter(|before| now.as_ref().is_some_and(|now| now != before));
        let wish = match (of_groups.first(), &now) {
            (None, _) => None,
            (Some((_, write)), Some(member)) => Some(self.wish(member.clone(), write).await?),
            (Some(_), None) => {
                return Err(self.rejected(format_args!("`{uid}` has no `uid` that groups could name it by")));
            }
        };
        Ok(Done { wish, member: now, before, ..Done::of(Ok(Written::default())) })
    }

    /// What a write of the memberships asks for.
    async fn wish(&self, member: String, write: &AttributeWrite) -> Result<Wish, ConnectorError> {
        match write {
            AttributeWrite::Values { add, remove } => {
                let (add, remove) = (Field::Many(add.clone()), Field::Many(remove.clone()));
                Ok(Wish { member, add: texts(&add), remove: texts(&remove) })
            }
            AttributeWrite::Replace(field) => {
                let Some(groups) = Groups::of(&self.system, &self.layout) else { return Ok(Wish::default()) };
                let wanted = texts(field);
                let held: Vec<String> =
                    groups.of_each(vec![member.clone()]).await?.into_iter().flatten().collect();
                let remove = held.iter().filter(|key| !wanted.contains(key)).cloned().collect();
                let add = wanted.into_iter().filter(|key| !held.contains(key)).collect();
                Ok(Wish { member, add, remove })
            }
        }
    }
}

fn texts(field: &Field) -> Vec<String> {
    field.values().iter().map(|value| value.to_text().into_owned()).collect()
}
