//! Changes of memberships that groups hold: gathered from all operations of one write, and sent as one modification a
//! group.

use std::collections::{BTreeMap, HashMap};

use futures_util::{StreamExt, stream};
use muster_connector::ConnectorError;

use crate::groups::{Groups, normal_member};
use crate::message::{Modification, Request, code};

/// So many groups are changed side by side.
const SIDE_BY_SIDE: usize = 16;

/// What one operation asks of groups: which member, and into and out of which.
#[derive(Debug, Default, Clone)]
pub(crate) struct Wish {
    pub(crate) member: String,
    /// Keys of groups.
    pub(crate) add: Vec<String>,
    pub(crate) remove: Vec<String>,
}

/// A part of what becomes of one group.
#[derive(Debug, Clone)]
struct Part {
    /// The operation that asks for it.
    of: usize,
    member: String,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Add,
    Remove,
}

/// What becomes of groups, by their names.
#[derive(Debug, Default)]
pub(crate) struct GroupChanges(BTreeMap<String, Vec<Part>>);

impl GroupChanges {
    pub(crate) fn add(&mut self, group: &str, of: usize, member: &str) {
        self.put(group, Part { of, member: member.to_owned(), what: What::Add });
    }

    pub(crate) fn remove(&mut self, group: &str, of: usize, member: &str) {
        self.put(group, Part { of, member: member.to_owned(), what: What::Remove });
    }

    fn put(&mut self, group: &str, part: Part) {
        self.0.entry(group.to_owned()).or_default().push(part);
    }
}

impl Groups<'_> {
    /// Finds the groups that are wished for and adds what becomes of them; answers what cannot be.
    pub(crate) async fn wish(
        &self,
        changes: &mut GroupChanges,
        wishes: &[(usize, Wish)],
    ) -> Vec<(usize, ConnectorError)> {
        let mut keys: Vec<String> =
            wishes.iter().flat_map(|(_, wish)| wish.add.iter().chain(&wish.remove)).cloned().collect();
        keys.sort_unstable();
        keys.dedup();
        let names = match self.names(&keys).await {
            Ok(names) => names,
            Err(error) => return wishes.iter().map(|(of, _)| (*of, error.clone())).collect(),
        };
        let mut failed = Vec::new();
        for (of, wish) in wishes {
            if let Some(unknown) = wish.add.iter().find(|key| !names.contains_key(*key)) {
                failed.push((*of, self.no_group(unknown)));
                continue;
            }
            wish.add
                .iter()
                .filter_map(|key| names.get(key))
                .for_each(|it| changes.add(it, *of, &wish.member));
            // Who is in no group needs not be taken out of it.
            wish.remove
                .iter()
                .filter_map(|key| names.get(key))
                .for_each(|it| changes.remove(it, *of, &wish.member));
        }
        failed
    }

    fn no_group(&self, key: &str) -> ConnectorError {
        let message = format!(
            "{} has no {} whose `{}` is `{key}`",
            self.system.address(),
            self.membership.remote_name,
            self.membership.uid_attribute
        );
        ConnectorError::Rejected { message }
    }

    /// Changes the groups; answers the operations whose part of it failed.
    pub(crate) async fn carry_out(&self, changes: GroupChanges) -> HashMap<usize, ConnectorError> {
        let each = changes.0.into_iter().map(|(group, parts)| self.group(group, parts));
        let failed: Vec<Vec<_>> = stream::iter(each).buffer_unordered(SIDE_BY_SIDE).collect().await;
        failed.into_iter().flatten().collect()
    }

    /// One modification for all; where that is refused, one for each operation, so that a sound one does not suffer.
    async fn group(&self, group: String, parts: Vec<Part>) -> Vec<(usize, ConnectorError)> {
        let Err(error) = self.modify(&group, &parts).await else { return Vec::new() };
        let mut of: Vec<usize> = parts.iter().map(|part| part.of).collect();
        of.sort_unstable();
        of.dedup();
        let is_refused = matches!(error, ConnectorError::Rejected { .. });
        if !is_refused || of.len() == 1 {
            return of.into_iter().map(|of| (of, error.clone())).collect();
        }
        let mut failed = Vec::new();
        for of in of {
            let own: Vec<Part> = parts.iter().filter(|part| part.of == of).cloned().collect();
            if let Err(error) = self.modify(&group, &own).await {
                failed.push((of, error));
            }
        }
        failed
    }

    async fn modify(&self, group: &str, parts: &[Part]) -> Result<(), ConnectorError> {
        let (mut add, mut remove) = (self.members(parts, What::Add), self.members(parts, What::Remove));
        let mut is_checked = false;
        let mut is_kept = false;
        loop {
            if add.is_empty() && remove.is_empty() {
                return Ok(());
            }
            let doing = format!("change the members of `{group}`");
            let mut added = add.clone();
            added.extend(self.system.settings().placeholder.clone().filter(|_| is_kept));
            let request = Request::modify(group, &self.modifications(&added, &remove));
            let (_, outcome) = self.system.order(&doing, &request).await?;
            match outcome.code {
                code::SUCCESS => return Ok(()),
                code::NO_SUCH_OBJECT if add.is_empty() => return Ok(()),
                code::NO_SUCH_OBJECT => return Err(self.no_group(group)),
                code::NO_SUCH_ATTRIBUTE | code::VALUE_EXISTS if !is_checked => {
                    is_checked = true;
                    add = self.only(group, add, code::COMPARE_FALSE).await?;
                    remove = self.only(group, remove, code::COMPARE_TRUE).await?;
                }
                code::OBJECT_CLASS if !remove.is_empty() && !is_kept => {
                    is_kept = true;
                    if self.system.settings().placeholder.is_none() {
                        let message = format!(
                            "`{group}` at {} may not be left without members, and these are its last: add others first, \
                             or set `placeholderMember`",
                            self.system.address()
                        );
                        return Err(ConnectorError::Rejected { message });
                    }
                }
                _ => return Err(self.system.refused(&doing, &outcome)),
            }
        }
    }

    fn members(&self, parts: &[Part], what: What) -> Vec<String> {
        let mut members: Vec<(String, &str)> = parts
            .iter()
            .filter(|part| part.what == what)
            .map(|part| (normal_member(&part.member, self.member_by), part.member.as_str()))
            .collect();
        members.sort_unstable();
        members.dedup_by(|one, other| one.0 == other.0);
        members.into_iter().map(|(_, member)| member.to_owned()).collect()
    }

    fn modifications(&self, add: &[String], remove: &[String]) -> Vec<Modification> {
        let name = || self.member_attribute().to_owned();
        let values =
            |members: &[String]| members.iter().map(|it| it.clone().into_bytes()).collect::<Vec<_>>();
        let mut modifications = Vec::new();
        if !add.is_empty() {
            modifications.push(Modification::Add(name(), values(add)));
        }
        if !remove.is_empty() {
            modifications.push(Modification::Delete(name(), values(remove)));
        }
        modifications
    }

    /// The members of whom the group says this. Each is asked for alone: groups may have more than one would read.
    async fn only(
        &self,
        group: &str,
        members: Vec<String>,
        wanted: i64,
    ) -> Result<Vec<String>, ConnectorError> {
        let doing = format!("say who is a member of `{group}`");
        let each = members.into_iter().map(|member| {
            let doing = &doing;
            async move {
                let request = Request::compare(group, self.member_attribute(), member.as_bytes());
                let (_, outcome) = self.system.order(doing, &request).await?;
                // A group without any member has not even the attribute.
                let said = match outcome.code {
                    code::NO_SUCH_ATTRIBUTE => code::COMPARE_FALSE,
                    code => code,
                };
                match said {
                    code::COMPARE_TRUE | code::COMPARE_FALSE => Ok((said == wanted).then_some(member)),
                    _ => Err(self.system.refused(doing, &outcome)),
                }
            }
        });
        let only: Vec<_> = stream::iter(each).buffered(SIDE_BY_SIDE).collect().await;
        only.into_iter().filter_map(Result::transpose).collect()
    }
}
