//! Accounts that are as promised, told from what was read of them and a few columns of the store, so that nothing is
//! decided about them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use muster_connector::{Account, Entry};
use muster_plan::digest::Digest;
use muster_plan::key::KeyHash;
use muster_store::{RunRecord, TenantStore, Terms};

use crate::error::EngineError;
use crate::outbound::{AccountClass, OutboundRun};
use crate::sweep::Decided;

/// Entries of a page with their numbers.
pub(crate) type Numbered = (Vec<u32>, Vec<Entry>);

impl OutboundRun {
    /// What promises about accounts of a class are held against; `None` where none can be.
    pub(crate) fn terms(&self, index: usize, at: DateTime<Utc>) -> Option<Terms> {
        self.classes[index].decisions.terms().map(|terms| Terms { terms, at })
    }

    /// Passes the accounts of a page over that are as promised; answers the entries that are left.
    pub(crate) async fn pass_over(
        &self,
        index: usize,
        store: &TenantStore,
        run: &RunRecord,
        (entries, first, at): (Vec<Entry>, u32, DateTime<Utc>),
        decided: &mut Decided,
    ) -> Result<Numbered, EngineError> {
        let terms = self.terms(index, at).filter(|_| run.keys.is_none());
        let Some(terms) = terms else { return Ok((first..).zip(entries).unzip()) };
        let class = &self.classes[index];
        let mut asked: Vec<(KeyHash, Digest)> = Vec::with_capacity(entries.len());
        let mut asked_for: Vec<usize> = Vec::with_capacity(entries.len());
        for (place, entry) in entries.iter().enumerate() {
            let Entry::Account(account) = entry else { continue };
            for digest in class.digests(account) {
                asked.push((class.decisions.account_key(&account.uid), digest));
                asked_for.push(place);
            }
        }
        let in_order = store.in_order(&class.application.id, &asked, terms).await?;
        let in_order: HashMap<usize, u32> =
            in_order.into_iter().map(|(place, shadow)| (asked_for[place], shadow)).collect();
        let mut left = Numbered::default();
        for ((place, entry), number) in entries.into_iter().enumerate().zip(first..) {
            match (in_order.get(&place), &entry) {
                (Some(shadow), Entry::Account(account)) => decided.pass_over(*shadow, account.place.0),
                _ => {
                    left.0.push(number);
                    left.1.push(entry);
                }
            }
        }
        Ok(left)
    }
}

impl AccountClass {
    /// What an account comes to under the rules that can be its owner's.
    fn digests(&self, account: &Account) -> impl Iterator<Item = Digest> {
        let digest = |rules| self.decisions.account_digest(rules, account.enabled, &account.record);
        self.decisions.rules.iter().map(digest)
    }
}
