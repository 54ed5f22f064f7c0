//! Who is a member of which entitlement, as the entitlements say it.

use std::collections::HashMap;
use std::sync::Arc;

use muster_connector::ConnectorError;
use muster_http::Caller;

use crate::class::Membership;
use crate::entry::field;
use crate::list::{List, Piece, key_of};

/// The entitlements of all members.
#[derive(Debug, Default)]
pub(crate) struct Held(HashMap<String, Vec<Arc<str>>>);

impl Held {
    /// Reads all entitlements.
    ///
    /// # Errors
    /// When not all of them could be read: half of them would look like memberships that are gone.
    pub(crate) async fn read(
        api: &Arc<Caller>,
        membership: &Membership,
        most: u64,
    ) -> Result<Self, ConnectorError> {
        let class = &membership.class;
        let unknown = |reason: &str| ConnectorError::Transient {
            message: format!("{}: who is a member of what is not known: {reason}", api.address()),
            retry_after: None,
        };
        let mut list = List::all(api, class, most);
        let mut held = Self::default();
        loop {
            let page = match list.next(class.list.paging.size).await? {
                Piece::Page(page) => page,
                Piece::End(Ok(())) => return Ok(held),
                Piece::End(Err(reason)) => return Err(unknown(&reason)),
            };
            for item in &page.items {
                let Some(key) = key_of(item, &class.key) else {
                    return Err(unknown("an entitlement has no key"));
                };
                let key: Arc<str> = key.into();
                let members = field(item, &membership.members, true).map_err(|problem| unknown(&problem))?;
                for member in members.values() {
                    held.0.entry(member.to_text().into_owned()).or_default().push(Arc::clone(&key));
                }
            }
        }
    }

    /// The entitlements of one.
    pub(crate) fn of(&self, uid: &str) -> Vec<String> {
        self.0.get(uid).into_iter().flatten().map(|key| key.to_string()).collect()
    }
}
