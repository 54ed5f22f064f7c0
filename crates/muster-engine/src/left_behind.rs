//! Accounts that deleted owners have left behind under keys that the accounts of others are to have. They are looked for by
//! those keys, once a complete sweep has shown who lacks an account.

use std::collections::HashMap;

use muster_connector::{Account, Entry};
use muster_plan::change::{Action, Change};
use muster_plan::decision::Decision;
use muster_plan::key::KeyHash;
use muster_plan::outbound::{OutboundFacts, OwnerView};

use crate::disputes::{known_disputes, uid_of};
use crate::error::EngineError;
use crate::outbound::{OutboundRun, view};
use crate::sweep::Before;
use crate::worker::Work;

impl Work {
    /// Has owners who are to get accounts take those that have the keys of these, and belong to nobody any more.
    pub(crate) async fn take_left_behind(
        &self,
        index: usize,
        task: &OutboundRun,
        owners: &[OwnerView<'_>],
        decided: &mut [Option<Decision>],
    ) -> Result<(), EngineError> {
        let class = &task.classes[index];
        let (decisions, before) = (&class.decisions, Before::of(&self.buckets[index]));
        let places = (0..).zip(&*decided);
        let made =
            places.filter_map(|(place, decision)| Some((decisions.account_key(&made(decision)?.uid), place)));
        let made: Vec<(KeyHash, usize)> = made.collect();
        // Where the target gives keys nobody is to have one.
        if before.last_shadow == 0 || made.is_empty() || decisions.abilities.name.is_some() {
            return Ok(());
        }
        let keys: Vec<KeyHash> = made.iter().map(|(key, _)| *key).collect();
        let mut left = self.store.linked_shadows(&class.application.id, &keys).await?;
        left.retain(|_, linked| linked.owner.is_none());
        let uids: Vec<String> = left.values().map(|linked| linked.shadow.uid.clone()).collect();
        let entries = self.read_accounts(task.account_class(index), &uids).await?;
        let entries: HashMap<&str, &Entry> =
            entries.iter().filter_map(|entry| Some((uid_of(entry)?, entry))).collect();
        let keys: Vec<KeyHash> = left.keys().copied().collect();
        let disputes = known_disputes(&self.store, &keys, before).await?;
        for (key, place) in made {
            let (Some(linked), Some(decision)) = (left.get(&key), &mut decided[place]) else { continue };
            let facts = OutboundFacts {
                shadow: Some(linked.shadow.clone()),
                candidates: vec![owners[place].object.clone()],
                decided: disputes.get(&key).and_then(|known| known.decided.clone()),
                taken: owners[place].taken.clone(),
                ..OutboundFacts::default()
            };
            let link =
                |account: &Account| decisions.decide_left_behind(view(account), &facts, self.decided_at());
            match entries.get(linked.shadow.uid.as_str()) {
                Some(Entry::Account(account)) => {
                    *decision = Decision::or_broken(|| link(account), Some).unwrap_or(decision.clone());
                }
                // It is made in the place of the one that is gone.
                None | Some(Entry::Gone(_)) => {
                    if let Some(change) = &mut decision.change {
                        change.shadow = Some(linked.shadow.base);
                    }
                }
                Some(Entry::Bad(_)) => {}
            }
        }
        Ok(())
    }
}

/// The account that an owner is to get, who never had one.
fn made(decision: &Option<Decision>) -> Option<&Change> {
    let change = decision.as_ref()?.change.as_ref()?;
    (change.action == Action::Create && change.shadow.is_none()).then_some(change)
}
