//! Whom the owners of a page refer to, and what their accounts in the target are called: looked up once for all,
//! and only where a mapping takes any of it.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use muster_model::shadow::ShadowState;
use muster_model::{ApplicationId, ImObject, ObjectId, Reference};
use muster_plan::key::KeyHash;
use muster_plan::outbound::taken::{Meant, Referred, ReferredAccount, TakenValues};
use muster_plan::situation::Past;
use muster_store::{ReferredObject, TenantStore};

use crate::error::EngineError;
use crate::outbound::{AccountClass, OutboundRun};

/// When and after what a page is decided.
#[derive(Clone, Copy)]
pub(crate) struct Deciding<'a> {
    /// The instant of the decisions.
    pub(crate) at: DateTime<Utc>,
    /// Objects that the run links to accounts that exist: they get none anew. What their accounts are called is
    /// known to the next run.
    pub(crate) linked: &'a HashSet<ObjectId>,
}

/// An object that is referred to, and its account if that is still to be made.
struct Resolved {
    object: ObjectId,
    account: Option<ReferredAccount>,
    is_made: bool,
}

impl OutboundRun {
    /// What the references of these owners come to, in their order.
    pub(crate) async fn taken(
        &self,
        class: &AccountClass,
        store: &TenantStore,
        owners: &[&ImObject],
        deciding: Deciding<'_>,
    ) -> Result<Vec<TakenValues>, EngineError> {
        if !class.decisions.takes_any() {
            return Ok(vec![TakenValues::default(); owners.len()]);
        }
        let references = owners.iter().flat_map(|owner| {
            let references = class.decisions.references_of(owner).into_iter();
            references.filter_map(|reference| self.keys.of_reference(&owner.directory, &reference))
        });
        let mut keys: Vec<KeyHash> = references.collect();
        keys.sort_unstable();
        keys.dedup();
        let meant = self.meant(&class.application.id, store, &keys, deciding).await?;
        let take = |owner: &&ImObject| {
            class.decisions.take(owner, &|reference: &Reference| {
                let key = self.keys.of_reference(&owner.directory, reference);
                key.and_then(|key| meant.get(&key)).cloned().unwrap_or(Meant::Nobody)
            })
        };
        Ok(owners.iter().map(take).collect())
    }

    async fn meant(
        &self,
        application: &ApplicationId,
        store: &TenantStore,
        keys: &[KeyHash],
        deciding: Deciding<'_>,
    ) -> Result<HashMap<KeyHash, Meant>, EngineError> {
        let mut several = Vec::new();
        let mut resolved: HashMap<KeyHash, Resolved> = HashMap::new();
        for (key, mut found) in store.referred_objects(application, keys).await? {
            // A key that was left behind by rules of the past finds nobody.
            found.retain(|one| {
                let object = &one.object;
                self.keys.of_object(object.kind, &object.directory, &object.attributes).contains(&key)
            });
            match found.as_slice() {
                [] => {}
                [one] => {
                    resolved.insert(key, self.resolve(application, one, deciding));
                }
                [_, _, ..] => several.push(key),
            }
        }
        // A key that another object's account has already will not be given to this one.
        let made = resolved.values().filter(|one| one.is_made).filter_map(|one| one.account.as_ref());
        let made: Vec<KeyHash> = made.map(|account| account.key).collect();
        let taken = store.live_owners(application, &made).await?;
        for one in resolved.values_mut().filter(|one| one.is_made) {
            let owner = one.account.as_ref().and_then(|account| taken.get(&account.key));
            if owner.is_some_and(|owner| *owner != Some(one.object)) {
                one.account = None;
            }
        }
        let one = |one: Resolved| Meant::One(Referred { object: one.object, account: one.account });
        let mut meant: HashMap<KeyHash, Meant> =
            resolved.into_iter().map(|(key, resolved)| (key, one(resolved))).collect();
        meant.extend(several.into_iter().map(|key| (key, Meant::Several)));
        Ok(meant)
    }

    /// The account of an object: the one it has and keeps, or the one that this run is about to make.
    fn resolve(
        &self,
        application: &ApplicationId,
        ReferredObject { object, accounts }: &ReferredObject,
        deciding: Deciding<'_>,
    ) -> Resolved {
        let resolved = |account, is_made| Resolved { object: object.id, account, is_made };
        let Some(class) = self.class_of(application, object) else { return resolved(None, false) };
        let mut of_class = accounts.iter().filter(|account| account.class == class.class.id).peekable();
        let past = if of_class.peek().is_some() { Past::HadAccount } else { Past::NeverHadAccount };
        if let Some(live) = of_class.find(|account| account.state == ShadowState::Live) {
            let kept = class.decisions.keeps_account(object, live.profile.as_ref());
            let name = class.decisions.abilities.name.as_ref().map(|name| live.snapshot.get(name.as_str()));
            let uid = match name {
                None => Some(live.uid.clone()),
                // Nothing may be remembered of it; then nobody can say what it is called.
                Some(name) => name.first().map(|name| name.to_text().into_owned()),
            };
            let account = uid.filter(|_| kept).map(|uid| ReferredAccount { uid, key: live.key });
            return resolved(account, false);
        }
        if deciding.linked.contains(&object.id) {
            return resolved(None, false);
        }
        resolved(class.decisions.account_to_make(object, past, deciding.at), true)
    }

    /// The class of accounts that an object has in an application: by its type before the default.
    fn class_of(&self, application: &ApplicationId, object: &ImObject) -> Option<&AccountClass> {
        let of_application = || self.classes.iter().filter(|class| class.application.id == *application);
        let of_type = |class: &&AccountClass| {
            class.decisions.rules_for(object).is_some_and(|rules| rules.object_type.is_some())
        };
        let of_kind = |class: &&AccountClass| class.decisions.rules_for(object).is_some();
        of_application().find(of_type).or_else(|| of_application().find(of_kind))
    }
}
