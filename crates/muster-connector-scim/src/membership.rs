//! Who is a member of which group, as the groups say it. Page by page it becomes what is held of it.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use muster_connector::ConnectorError;
use serde_json::{Map, Value as Json};

use crate::class::Membership;
use crate::list::{Got, Item, List, Wanted, id_of};
use crate::path::{Unfit, text_of};
use crate::provider::Provider;

/// The groups of all members. There may be millions, so each membership is sixteen octets.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The keys of the groups, in the order in which they came.
    groups: Vec<Box<str>>,
    /// In their order once all are known.
    pairs: Vec<Pair>,
    hashers: [RandomState; 2],
}

/// A member and a group. Of the member's key it has 96 bits of hashes, which nobody outside can foresee: that two of a
/// hundred million keys fall together is less likely than that memory fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    member: u64,
    check: u32,
    /// Its place among the groups.
    group: u32,
}

impl Held {
    /// Reads all groups.
    ///
    /// # Errors
    /// When not all of them could be read: half of them would look like memberships that are gone. When there are more
    /// memberships than are admitted.
    pub(crate) async fn read(
        service: &Arc<Provider>,
        membership: &Membership,
    ) -> Result<Self, ConnectorError> {
        let place = format!("{}{}", service.api.address(), membership.endpoint);
        let wanted = Wanted {
            endpoint: membership.endpoint.clone(),
            filter: None,
            attributes: format!("id,{}", membership.members),
        };
        let mut list = List::new(Arc::clone(service), wanted);
        let mut held = Self::default();
        loop {
            match list.next(service.settings.page_size).await? {
                Got::Items(items) => {
                    for item in items {
                        held.take(&item, membership, &place, service.settings.most_memberships)?;
                    }
                }
                Got::End(Ok(())) => {
                    held.pairs.sort_unstable();
                    return Ok(held);
                }
                Got::End(Err(reason)) => {
                    let message = format!("{place}: the list is not whole: {reason}");
                    return Err(ConnectorError::Transient { message, retry_after: None });
                }
            }
        }
    }

    /// Takes a group in.
    fn take(
        &mut self,
        item: &Item,
        membership: &Membership,
        place: &str,
        most: usize,
    ) -> Result<(), ConnectorError> {
        let read = item.as_ref().ok().and_then(|group| Some((id_of(group)?, group)));
        let number = u32::try_from(self.groups.len());
        let (Some((id, group)), Ok(number)) = (read, number) else {
            let message = format!("{place}: a group cannot be read, so memberships are not known");
            return Err(ConnectorError::Transient { message, retry_after: None });
        };
        let members = members(group, membership).map_err(|unfit| ConnectorError::Unusable {
            message: format!(
                "{place}/{id}: {unfit}, so memberships are not known; read them from accounts with `memberships`"
            ),
        })?;
        if self.pairs.len() + members.len() > most {
            return Err(ConnectorError::Unusable {
                message: format!(
                    "{place}: there are more than {most} memberships; raise `maximumMemberships` or read them from \
                     accounts with `memberships`"
                ),
            });
        }
        self.groups.push(id.into());
        for member in members {
            let pair = self.pair(&member, number);
            self.pairs.push(pair);
        }
        Ok(())
    }

    fn pair(&self, member: &str, group: u32) -> Pair {
        let [first, second] = &self.hashers;
        Pair { member: first.hash_one(member), check: second.hash_one(member) as u32, group }
    }

    /// The groups of one.
    pub(crate) fn of(&self, uid: &str) -> Vec<String> {
        let first = self.pair(uid, 0);
        let from = self.pairs.partition_point(|pair| *pair < first);
        let own = self.pairs.iter().skip(from);
        let own = own.take_while(|pair| (pair.member, pair.check) == (first.member, first.check));
        own.filter_map(|pair| self.groups.get(pair.group as usize)).map(|group| group.to_string()).collect()
    }
}

/// The keys of the members of a group, each once: some services hold a member twice that was added twice.
fn members(group: &Map<String, Json>, membership: &Membership) -> Result<BTreeSet<String>, Unfit> {
    let field = membership.members.get(group, true)?;
    Ok(field.values().iter().map(|value| value.to_text().into_owned()).collect())
}

/// What a list of members holds for one.
pub(crate) fn member(key: &str) -> Json {
    serde_json::json!({ "value": key })
}

/// Whether an element of a list of members is for one.
pub(crate) fn is_member(element: &Json, key: &str) -> bool {
    let held = element.get("value").unwrap_or(element);
    text_of(held).is_some_and(|held| held == key)
}
