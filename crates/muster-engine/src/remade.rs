//! Accounts that somebody made anew under the names of accounts that are gone. They are looked for by those names, once
//! a complete sweep has shown who is gone.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use muster_connector::{Account, Entry};
use muster_model::Value;
use muster_model::configuration::application::Situation;
use muster_plan::decision::Decision;
use muster_plan::key::KeyHash;
use muster_plan::outbound::{Outbound, OutboundFacts};
use muster_store::LinkedShadow;

use crate::disputes::known_disputes;
use crate::error::EngineError;
use crate::outbound::{OutboundRun, view};
use crate::remote::remote_class;
use crate::sweep::Before;
use crate::worker::Work;

/// Accounts of nobody that have the names of others which are gone, with what is known, by the shadows of those.
#[derive(Default)]
pub(crate) struct Remade(HashMap<u32, (Account, OutboundFacts)>);

impl Remade {
    /// What the account comes to that has the name of this one.
    pub(crate) fn decide(
        &self,
        decisions: &Outbound,
        gone: &LinkedShadow,
        at: DateTime<Utc>,
    ) -> Option<Decision> {
        let (account, facts) = self.0.get(&gone.shadow.base.no.0)?;
        decisions.decide_remade(view(account), facts, at)
    }
}

impl Work {
    /// Looks for accounts that have the names of these, which a complete sweep did not meet.
    pub(crate) async fn remade(
        &self,
        index: usize,
        task: &OutboundRun,
        gone: &[&LinkedShadow],
    ) -> Result<Remade, EngineError> {
        let class = &task.classes[index];
        let (Some(name), decisions) = (&class.decisions.abilities.name, &class.decisions) else {
            return Ok(Remade::default());
        };
        // Whatever stands under such a name has been met as an account of nobody.
        let counters = &self.buckets[index].counters;
        let of_nobody = [Situation::Unmatched, Situation::Disputed].map(|found| counters.situation(found));
        let named = gone.iter().filter_map(|gone| Some((decisions.remembered_name(&gone.shadow)?, *gone)));
        let named: HashMap<String, &LinkedShadow> = named.collect();
        if of_nobody == [0, 0] || named.is_empty() {
            return Ok(Remade::default());
        }
        let (application, configuration) = (&class.application, &self.configuration.resources);
        let failed = Self::connector_error(&application.id);
        let opened = self.engine.open_connector(&self.store, configuration, application).await;
        let connector = opened.map_err(&failed)?;
        let names: Vec<String> = named.keys().cloned().collect();
        let found =
            connector.find(&remote_class(application, &class.class), &names).await.map_err(&failed)?;
        let found: Vec<(Account, &LinkedShadow)> = found
            .into_iter()
            .filter_map(|entry| match entry {
                Entry::Account(account) => {
                    let gone = named.get(&*account.record.get(name.as_str()).first().map(Value::to_text)?)?;
                    Some((account, *gone))
                }
                Entry::Bad(_) | Entry::Gone(_) => None,
            })
            .collect();
        self.known_of(index, task, found).await
    }

    /// Of accounts those that nothing is remembered of, with what correlation and people say of them.
    async fn known_of(
        &self,
        index: usize,
        task: &OutboundRun,
        mut found: Vec<(Account, &LinkedShadow)>,
    ) -> Result<Remade, EngineError> {
        let class = &task.classes[index];
        let key = |account: &Account| class.decisions.account_key(&account.uid);
        let keys: Vec<KeyHash> = found.iter().map(|(account, _)| key(account)).collect();
        let shadows = self.store.linked_shadows(&class.application.id, &keys).await?;
        found.retain(|(account, _)| !shadows.contains_key(&key(account)));
        let disputes = known_disputes(&self.store, &keys, Before::of(&self.buckets[index])).await?;
        let accounts: Vec<&Account> = found.iter().map(|(account, _)| account).collect();
        let mut candidates = task.candidates(class, &self.store, &accounts).await?;
        let facts = found.iter().map(|(account, gone)| OutboundFacts {
            shadow: Some(gone.shadow.clone()),
            owner: gone.owner.clone(),
            candidates: candidates.remove(&account.uid).map(|(candidates, _)| candidates).unwrap_or_default(),
            decided: disputes.get(&key(account)).and_then(|known| known.decided.clone()),
            ..OutboundFacts::default()
        });
        let mut facts: Vec<OutboundFacts> = facts.collect();
        task.take_for(class, &self.store, &mut facts, self.decided_at()).await?;
        let remade = found.into_iter().zip(facts);
        Ok(Remade(remade.map(|((account, gone), facts)| (gone.shadow.base.no.0, (account, facts))).collect()))
    }
}
