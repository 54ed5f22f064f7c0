//! What groups still hold of accounts that are called otherwise by now, or are gone: somebody else has moved or deleted
//! them, or we have and could not change the groups any more. Only what is remembered of our own accounts is looked
//! for, and only what names nobody is taken out.

use muster_connector::ConnectorError;

use crate::filter::Filter;
use crate::groups::{Groups, normal_member};
use crate::layout::{DN, Layout, MemberBy};
use crate::locate::{AT_ONCE, Standing, Target};
use crate::message::Search;

/// What groups may hold of an account from before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Former {
    /// The operation that concerns the account.
    pub(crate) of: usize,
    pub(crate) member: String,
    /// Whether the account was surely called so, so that what it is called now takes its place.
    pub(crate) is_sure: bool,
}

/// What groups do hold and nobody is.
#[derive(Debug)]
pub(crate) struct LeftBehind {
    pub(crate) former: Former,
    /// The names of the groups.
    pub(crate) groups: Vec<String>,
}

impl Target {
    /// What groups may hold of an account besides what they hold of it where it stands now.
    pub(crate) fn formers(
        &self,
        of: usize,
        (uid, name): (&str, Option<&str>),
        standing: &Standing,
    ) -> Vec<Former> {
        let Layout { class, settings, member_by, .. } = &*self.layout;
        let now = match standing {
            Standing::At(located) => Some(located),
            Standing::Nowhere => None,
            Standing::Candidate(_) | Standing::Several => return Vec::new(),
        };
        let naming = class.naming_attribute().as_str();
        let is_named_by = |attribute: &str| naming.eq_ignore_ascii_case(attribute);
        let value = if class.name_attribute.is_some() { name } else { Some(uid) };
        let Some(value) = value else { return Vec::new() };
        let mut members = Vec::new();
        match member_by {
            MemberBy::Uid if is_named_by("uid") => members.push((value.to_owned(), true)),
            MemberBy::Uid => {}
            MemberBy::Dn => {
                // Renamed it stays where it is; that accounts are made elsewhere says nothing of this one.
                let renamed = now.filter(|_| is_named_by(&settings.rdn_attribute)).and_then(|now| {
                    let rdn = now.dn.rdn()?.with(&settings.rdn_attribute, value);
                    Some((now.dn.parent().child(rdn).to_string(), true))
                });
                members.extend(renamed);
                members.extend(self.place_of(uid, name).map(|dn| (dn.to_string(), is_named_by(DN))));
            }
        }
        let normal = |member: &str| normal_member(member, *member_by);
        let now = now.and_then(|now| self.member(now)).map(|now| normal(&now));
        let others = members.into_iter().filter(|(member, _)| now.as_ref() != Some(&normal(member)));
        others.map(|(member, is_sure)| Former { of, member, is_sure }).collect()
    }

    /// Those whom groups hold and who are nobody. Where none is held that is one question for a hundred.
    pub(crate) async fn left_behind(
        &self,
        groups: &Groups<'_>,
        formers: Vec<Former>,
    ) -> Result<Vec<LeftBehind>, ConnectorError> {
        let mut left = Vec::new();
        for some in formers.chunks(AT_ONCE) {
            if !groups.hold_any(some.iter().map(|former| former.member.as_str())).await? {
                continue;
            }
            for former in some {
                let held = groups.holding(&former.member).await?;
                if !held.is_empty() && self.is_nobody(&former.member).await? {
                    let groups = held.into_iter().map(|(_, group)| group).collect();
                    left.push(LeftBehind { former: former.clone(), groups });
                }
            }
        }
        Ok(left)
    }

    async fn is_nobody(&self, member: &str) -> Result<bool, ConnectorError> {
        let (attributes, time_limit) = (&["1.1".to_owned()], self.system.seconds());
        match self.layout.member_by {
            MemberBy::Dn => {
                let anybody = Filter::present("objectClass");
                Ok(self.system.entry(member, &anybody, attributes).await?.is_none())
            }
            MemberBy::Uid => {
                let (base, scope, filter) =
                    (&self.layout.base, self.layout.scope(), &Filter::equal("uid", member));
                let search = Search { base, scope, filter, attributes, time_limit };
                Ok(self.system.find(&search).await?.entries.is_empty())
            }
        }
    }
}
