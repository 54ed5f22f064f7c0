//! Who is a member of what, where groups hold their members: all of it for a sweep, or that of single accounts.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use muster_connector::{ConnectorError, RemoteMembership};

use crate::dn;
use crate::filter::Filter;
use crate::layout::{DN, Layout, MemberBy, value_filter};
use crate::message::{RawEntry, Scope, Search};
use crate::pages::{Pages, PagesEnd, Wanted, short};
use crate::system::System;

/// Groups are large; so many are asked for at once.
const PAGE: usize = 50;
/// So many single questions are asked side by side.
const SIDE_BY_SIDE: usize = 32;
/// So many groups are named in one filter.
const NAMED: usize = 100;

/// The groups of a class of accounts.
pub(crate) struct Groups<'a> {
    pub(crate) system: &'a Arc<System>,
    pub(crate) membership: &'a RemoteMembership,
    pub(crate) member_by: MemberBy,
    base: String,
}

/// All memberships at one time. Names are kept as digests: a directory has many.
#[derive(Debug, Default)]
pub(crate) struct Index {
    keys: Vec<String>,
    /// Who is a member of which group, sorted.
    members: Vec<([u8; 16], u32)>,
}

impl Index {
    /// The keys of the groups that have this member.
    pub(crate) fn of(&self, member: &str, by: MemberBy) -> Vec<String> {
        let digest = digest(member, by);
        let first = self.members.partition_point(|(known, _)| *known < digest);
        let own = self.members[first..].iter().take_while(|(known, _)| *known == digest);
        sorted(own.filter_map(|(_, group)| self.keys.get(*group as usize).cloned()).collect())
    }

    fn add(&mut self, key: String, members: impl Iterator<Item = [u8; 16]>) {
        let Ok(group) = u32::try_from(self.keys.len()) else { return };
        self.keys.push(key);
        self.members.extend(members.map(|member| (member, group)));
    }
}

fn sorted(mut keys: Vec<String>) -> Vec<String> {
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// A member as it is compared: names by what they name, a `uid` as `memberUid` compares it, exactly.
pub(crate) fn normal_member(member: &str, by: MemberBy) -> String {
    match by {
        MemberBy::Dn => dn::normal(member),
        MemberBy::Uid => member.to_owned(),
    }
}

fn digest(member: &str, by: MemberBy) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(normal_member(member, by).as_bytes());
    short(&hasher)
}

impl<'a> Groups<'a> {
    /// Those of a class, if it has some.
    pub(crate) fn of(system: &'a Arc<System>, layout: &'a Layout) -> Option<Self> {
        let membership = layout.class.membership.as_ref()?;
        let base = system.settings().group_base.to_string();
        Some(Self { system, membership, member_by: layout.member_by, base })
    }

    pub(crate) fn member_attribute(&self) -> &str {
        self.membership.member_attribute.as_str()
    }

    fn key(&self) -> &str {
        self.membership.uid_attribute.as_str()
    }

    pub(crate) fn filter(&self, besides: Option<Filter>) -> Filter {
        let class = Filter::equal("objectClass", &self.membership.remote_name);
        let own = self.system.settings().group_filter.clone();
        Filter::all(std::iter::once(class).chain(own).chain(besides).collect())
    }

    fn key_of(&self, group: &RawEntry<'_>) -> Option<String> {
        if self.key().eq_ignore_ascii_case(DN) {
            return str::from_utf8(group.dn).ok().map(str::to_owned);
        }
        group.texts(self.key()).into_iter().next()
    }

    /// Everybody's memberships. They have to be read whole: who is in no group that was read is in none.
    pub(crate) async fn index(&self) -> Result<Index, ConnectorError> {
        let attributes = [self.key(), self.member_attribute()].map(str::to_owned);
        let wanted = Wanted {
            base: self.base.clone(),
            scope: Scope::Subtree,
            filter: self.filter(None),
            attributes: attributes.to_vec(),
        };
        let mut pages = Pages::begin(Arc::clone(self.system), wanted).await?;
        let mut index = Index::default();
        loop {
            let piece = pages.next(PAGE.min(self.system.settings().page_size)).await?;
            for message in &piece.entries {
                let group = self.system.raw(message);
                let group = group.map_err(|error| self.system.garbled("read the groups", error))?;
                let Some(key) = self.key_of(&group) else { continue };
                let members = group.values(self.member_attribute()).iter();
                let members = members.filter_map(|member| str::from_utf8(member).ok());
                index.add(key, members.map(|member| digest(member, self.member_by)));
            }
            match piece.end {
                None => {}
                Some(PagesEnd::Whole) => break,
                Some(PagesEnd::Short(reason)) => {
                    let message =
                        format!("not all groups could be read, so nobody's membership is certain: {reason}");
                    return Err(ConnectorError::Unusable { message });
                }
            }
        }
        index.members.sort_unstable();
        index.members.dedup();
        Ok(index)
    }

    /// The keys of the groups of single members, in their order.
    pub(crate) async fn of_each(&self, members: Vec<String>) -> Result<Vec<Vec<String>>, ConnectorError> {
        let each = members.into_iter().map(|member| async move {
            let found = self.holding(&member).await?;
            Ok(sorted(found.into_iter().map(|(key, _)| key).collect()))
        });
        stream::iter(each).buffered(SIDE_BY_SIDE).try_collect().await
    }

    /// The groups that have a member: their keys and names.
    pub(crate) async fn holding(&self, member: &str) -> Result<Vec<(String, String)>, ConnectorError> {
        self.look(Filter::equal(self.member_attribute(), member)).await
    }

    /// Whether any group has one of these members.
    pub(crate) async fn hold_any(&self, members: impl Iterator<Item = &str>) -> Result<bool, ConnectorError> {
        let each = members.map(|member| Filter::equal(self.member_attribute(), member));
        Ok(!self.look(Filter::Or(each.collect())).await?.is_empty())
    }

    /// The names of groups by their keys; keys without a group are left out.
    pub(crate) async fn names(&self, keys: &[String]) -> Result<HashMap<String, String>, ConnectorError> {
        if self.key().eq_ignore_ascii_case(DN) {
            return Ok(keys.iter().map(|key| (key.clone(), key.clone())).collect());
        }
        let form = self.system.offered.schema.form(self.key());
        let mut names = HashMap::new();
        for keys in keys.chunks(NAMED) {
            let each = keys.iter().map(|key| value_filter(self.key(), form, key));
            names.extend(self.look(Filter::Or(each.collect())).await?);
        }
        Ok(names)
    }

    async fn look(&self, besides: Filter) -> Result<Vec<(String, String)>, ConnectorError> {
        let filter = self.filter(Some(besides));
        let attributes = [self.key().to_owned()];
        let (base, time_limit) = (&self.base, self.system.seconds());
        let search =
            Search { base, scope: Scope::Subtree, filter: &filter, attributes: &attributes, time_limit };
        let found = self.system.find(&search).await?;
        let groups = found.entries.iter().filter_map(|group| self.system.raw(group).ok());
        Ok(groups.filter_map(|group| Some((self.key_of(&group)?, group.dn_text()))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memberships_are_found_by_what_names_name() {
        let mut index = Index::default();
        let digests =
            |members: &[&str]| members.iter().map(|it| digest(it, MemberBy::Dn)).collect::<Vec<_>>();
        index.add("b".into(), digests(&["uid=ada,ou=People", "uid=bob,ou=people"]).into_iter());
        index.add("a".into(), digests(&["UID=Ada, OU=people"]).into_iter());
        index.members.sort_unstable();
        assert_eq!(index.of("uid=ADA,ou=people", MemberBy::Dn), ["a", "b"]);
        assert_eq!(index.of("uid=bob,ou=people", MemberBy::Dn), ["b"]);
        assert_eq!(index.of("uid=eve,ou=people", MemberBy::Dn), [""; 0]);
    }
}
