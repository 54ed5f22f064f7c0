//! Provisioning's own sweeps: over what is remembered of accounts where the target is asked only for those of which
//! nothing is, over owners that have none, and over shadows whose accounts are gone.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use muster_connector::{Account, Cursor, Entry, Page, Place};
use muster_model::configuration::application::{Application, ObjectClass};
use muster_model::shadow::ShadowState;
use muster_model::{AttributeName, Field, ImObject, ObjectId, Record};
use muster_plan::decision::Decision;
use muster_plan::key::KeyHash;
use muster_plan::outbound::OwnerView;
use muster_store::{LinkedShadow, OwnerPage, OwnerRow};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::error::EngineError;
use crate::outbound::{OutboundRun, note_open};
use crate::referred::Deciding;
use crate::remote::remote_class;
use crate::sweep::{Before, Decided};
use crate::sweep_inbound::take;
use crate::worker::{Task, Work};

/// The step of a bucket that looks at what was not met. Its cursor names the last owner, and then the last shadow.
const UNMET_STEP: u32 = 1;

/// What a cursor begins with that names a shadow.
const SHADOW: &str = "shadow ";

impl Work {
    /// The next page of accounts as their shadows remember them, in the place of a read of the target; beside it the
    /// shadows whose accounts are as promised.
    pub(crate) async fn remembered_page(
        &self,
        index: usize,
    ) -> Result<Option<(Page, Vec<u32>)>, EngineError> {
        let Task::Outbound(task) = &self.task else { return Ok(None) };
        let (application, class) = task.account_class(index);
        let after = self.buckets[index].cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let limit = u32::try_from(self.page_size()).unwrap_or(u32::MAX);
        let of = (&application.id, class.id.as_str());
        let terms = task.terms(index, self.decided_at());
        let page = self.store.remembered_accounts(of, terms, (after, limit)).await?;
        let Some(last) = page.last() else { return Ok(None) };
        let cursor = Cursor(last.to_string());
        let shadows = self.store.missing_shadows(of.0, of.1, &page.others, &[]).await?;
        let keys: Vec<KeyHash> = shadows.iter().map(|(linked, _)| linked.key).collect();
        let parked = self.store.parked_of(&keys).await?;
        // What is remembered of an account that could not be corrected is not what it is.
        let is_forgotten =
            |linked: &LinkedShadow| linked.shadow.snapshot.is_empty() || parked.contains_key(&linked.key);
        let shadows = shadows.into_iter().map(|(linked, _)| linked);
        let (forgotten, known): (Vec<LinkedShadow>, Vec<LinkedShadow>) = shadows.partition(is_forgotten);
        let forgotten: Vec<String> = forgotten.into_iter().map(|linked| linked.shadow.uid).collect();
        let mut entries = self.read_accounts((application, class), &forgotten).await?;
        entries
            .extend(known.into_iter().map(|shadow| Entry::Account(remembered(shadow, &class.uid_attribute))));
        Ok(Some((Page { entries, cursor, estimated_total: None }, page.in_order)))
    }

    /// Reads single accounts: those of which nothing is remembered can only be compared with what they are.
    pub(crate) async fn read_accounts(
        &self,
        (application, class): (&Application, &ObjectClass),
        uids: &[String],
    ) -> Result<Vec<Entry>, EngineError> {
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let configuration = &self.configuration.resources;
        let opened = self.engine.open_connector(&self.store, configuration, application).await;
        let connector = opened.map_err(Self::connector_error(&application.id))?;
        let read = connector.read(&remote_class(application, class), uids).await;
        read.map_err(Self::connector_error(&application.id))
    }

    /// Stages what is to be done about accounts that were not met: for owners in scope that are to have one, and
    /// about shadows that nobody needs any more. Only after a complete sweep: an account that was not read may exist.
    pub(crate) async fn stage_unmet(&mut self, index: usize, task: &OutboundRun) -> Result<(), EngineError> {
        let met = self.met(index).await?;
        if self.seen(index).is_none() {
            self.stage_owners(index, task, &met).await?;
        }
        self.stage_gone(index, task, met).await
    }

    async fn stage_owners(
        &mut self,
        index: usize,
        task: &OutboundRun,
        met: &RoaringBitmap,
    ) -> Result<(), EngineError> {
        let linked = self.store.staged_links(&self.run, self.buckets[index].no).await?;
        let limit = u32::try_from(self.page_size()).unwrap_or(u32::MAX);
        let (application, class) = task.account_class(index);
        let (store, of) = (self.store.clone(), (&application.id, class.id.as_str()));
        let read = async |after: Option<ObjectId>| {
            let page = store.owner_page(of, after, limit).await?;
            let Some(OwnerPage { last, accounts, without }) = page else { return Ok(None) };
            let unmet: Vec<u32> = accounts.into_iter().filter(|shadow| !met.contains(*shadow)).collect();
            let owners = store.owners(of, &without, &unmet).await?;
            let lacking =
                lacking_accounts(owners, &|shadow| met.contains(shadow), &|id| linked.contains(&id));
            Ok::<_, EngineError>(Some((lacking, last)))
        };
        let after = match self.buckets[index].step {
            UNMET_STEP => self.buckets[index].cursor.as_deref().and_then(|id| id.parse::<Uuid>().ok()),
            _ => None,
        };
        let mut page = read(after.map(ObjectId)).await?;
        while let Some((lacking, last)) = page {
            self.may_go_on()?;
            // While a page is decided and stored, the next is read.
            let staging = self.stage_owner_page(index, task, (&lacking, last), &linked);
            let (staged, following) = tokio::join!(staging, read(Some(last)));
            staged?;
            page = following?;
        }
        Ok(())
    }

    async fn stage_owner_page(
        &mut self,
        index: usize,
        task: &OutboundRun,
        (owners, last): (&[OwnerRow], ObjectId),
        linked: &HashSet<ObjectId>,
    ) -> Result<(), EngineError> {
        if owners.is_empty() {
            // Looked at again after a crash, which comes to the same.
            let bucket = &mut self.buckets[index];
            (bucket.step, bucket.cursor) = (UNMET_STEP, Some(last.to_string()));
            return Ok(());
        }
        let class = &task.classes[index];
        let decisions = &class.decisions;
        let at: DateTime<Utc> = self.decided_at();
        let in_scope = owners.iter().filter(|owner| decisions.scope.holds(&owner.object));
        let in_scope: Vec<&OwnerRow> = in_scope.collect();
        let objects: Vec<&ImObject> = in_scope.iter().map(|owner| &owner.object).collect();
        let taken = task.taken(class, &self.store, &objects, Deciding { at, linked }).await?;
        // What is remembered of accounts that nobody is to have is looked at with those that have gone since.
        let had = in_scope.iter().filter_map(|owner| Some((&owner.object, owner.shadow.as_ref()?)));
        let had =
            had.filter(|(owner, linked)| decisions.grants(owner) || linked.shadow.state == ShadowState::Gone);
        let remade = self.remade(index, task, &had.map(|(_, linked)| linked).collect::<Vec<_>>()).await?;
        let views = in_scope.iter().zip(&taken).map(|(owner, taken)| {
            let shadow = owner.shadow.as_ref().map(|linked| &linked.shadow);
            OwnerView { object: &owner.object, shadow, taken }
        });
        let views: Vec<OwnerView<'_>> = views.collect();
        let decisions_of_page = in_scope.iter().zip(&views).map(|(owner, view)| {
            let decide = || {
                let remade = owner.shadow.as_ref().and_then(|gone| remade.decide(decisions, gone, at));
                remade.or_else(|| decisions.decide_owner(*view, at))
            };
            Decision::or_broken(decide, Some)
        });
        let mut found: Vec<Option<Decision>> = decisions_of_page.collect();
        self.take_left_behind(index, task, &views, &mut found).await?;
        let mut decided = Decided::default();
        let bucket = &mut self.buckets[index];
        for mut decision in found.into_iter().flatten() {
            decided.counters.lacking += 1;
            let uid = decision.change.as_ref().map(|change| change.uid.clone()).unwrap_or_default();
            let place = (bucket.no, bucket.next_change, decisions.account_key(&uid));
            bucket.next_change = bucket.next_change.saturating_add(1);
            note_open(&mut decided, &mut decision, (&uid, None));
            take(&mut decided, &self.run, place, (&uid, None), decision);
        }
        bucket.cursor = Some(last.to_string());
        bucket.tally.add(&decided.tally);
        self.store_unmet(index, decided).await
    }

    /// The last shadow that was looked at, once all owners have been.
    fn seen(&self, index: usize) -> Option<u32> {
        let bucket = &self.buckets[index];
        let cursor = bucket.cursor.as_deref().filter(|_| bucket.step == UNMET_STEP)?;
        cursor.strip_prefix(SHADOW)?.parse().ok()
    }

    /// Stages that shadows are forgotten whose accounts are gone and whose owners are not to have any.
    async fn stage_gone(
        &mut self,
        index: usize,
        task: &OutboundRun,
        met: RoaringBitmap,
    ) -> Result<(), EngineError> {
        let mut unmet = RoaringBitmap::new();
        unmet.insert_range(1..=Before::of(&self.buckets[index]).last_shadow);
        unmet -= met;
        unmet.remove_range(0..=self.seen(index).unwrap_or(0));
        let numbers: Vec<u32> = unmet.iter().collect();
        let class = &task.classes[index];
        let (application, of_class) = (&class.application.id, class.class.id.as_str());
        for page in numbers.chunks(self.engine.settings.page_size) {
            self.may_go_on()?;
            let gone = self.store.missing_shadows(application, of_class, page, &[]).await?;
            let decisions = &class.decisions;
            let forgotten = gone.into_iter().filter_map(|(linked, _)| {
                let decision = decisions.decide_gone(&linked.shadow, linked.owner.as_ref())?;
                Some((linked, decision))
            });
            let forgotten: Vec<(LinkedShadow, Decision)> = forgotten.collect();
            let of: Vec<&LinkedShadow> = forgotten.iter().map(|(linked, _)| linked).collect();
            let (remade, at) = (self.remade(index, task, &of).await?, self.decided_at());
            let mut decided = Decided::default();
            let bucket = &mut self.buckets[index];
            for (linked, forget) in forgotten {
                decided.counters.lacking += 1;
                // Limits look at accounts that were made anew alone: the others the target has lost already.
                let decision = remade.decide(decisions, &linked, at);
                decision
                    .iter()
                    .flat_map(|decision| &decision.change)
                    .for_each(|change| bucket.tally.count(change));
                let decision = decision.unwrap_or(forget);
                let uid = decision.change.as_ref().map_or(&linked.shadow.uid, |change| &change.uid).clone();
                let place = (bucket.no, bucket.next_change, decisions.account_key(&uid));
                bucket.next_change = bucket.next_change.saturating_add(1);
                take(&mut decided, &self.run, place, (&uid, None), decision);
            }
            bucket.cursor = page.last().map(|number| format!("{SHADOW}{number}"));
            self.store_unmet(index, decided).await?;
        }
        Ok(())
    }

    /// Stores a page of what was not met; its cursor stands in the bucket.
    async fn store_unmet(&mut self, index: usize, decided: Decided) -> Result<(), EngineError> {
        let now = self.now();
        let bucket = &mut self.buckets[index];
        bucket.step = UNMET_STEP;
        bucket.counters.add(&decided.counters);
        if decided.rows.is_empty() {
            return Ok(self.store.checkpoint(&self.run, bucket, now).await?);
        }
        bucket.page += 1;
        let met = muster_store::Met::default();
        self.store.stage(&self.run, bucket, &met, decided.rows, now).await?;
        Ok(())
    }
}

/// The owners whose accounts were not met, each once.
fn lacking_accounts(
    owners: Vec<OwnerRow>,
    was_met: &dyn Fn(u32) -> bool,
    is_linked: &dyn Fn(ObjectId) -> bool,
) -> Vec<OwnerRow> {
    let mut lacking: Vec<OwnerRow> = Vec::new();
    let mut met_owner: Option<ObjectId> = None;
    for owner in owners {
        let id = owner.object.id;
        let met = owner.shadow.as_ref().is_some_and(|linked| was_met(linked.shadow.base.no.0));
        if met || is_linked(id) {
            lacking.retain(|other| other.object.id != id);
            met_owner = Some(id);
        } else if met_owner != Some(id) && lacking.last().is_none_or(|other| other.object.id != id) {
            lacking.push(owner);
        }
    }
    lacking
}

/// An account as its shadow remembers it. Its key is known whatever else has been forgotten.
fn remembered(linked: LinkedShadow, uid_attribute: &AttributeName) -> Account {
    let mut snapshot = linked.shadow.snapshot;
    if snapshot.get(uid_attribute.as_str()).is_absent() {
        snapshot.set(uid_attribute.clone(), Field::text(&linked.shadow.uid));
    }
    let pairs = snapshot.iter().map(|(name, field)| (name.clone(), field.clone()));
    Account {
        place: Place(u64::from(linked.shadow.base.no.0)),
        enabled: Some(!linked.account_disabled),
        record: Record::from_pairs(pairs),
        uid: linked.shadow.uid,
    }
}
