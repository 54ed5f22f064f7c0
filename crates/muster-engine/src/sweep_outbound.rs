//! Provisioning's own sweeps: over what is remembered of accounts where the target is not asked but for those of which
//! nothing is, and over owners that have none.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use muster_connector::{Account, Cursor, Entry, Page, Place};

use muster_model::configuration::application::{Application, ObjectClass};
use muster_model::{AttributeName, Field, ImObject, ObjectId, Record};
use muster_plan::outbound::OwnerView;
use muster_store::{LinkedShadow, OwnerRow};
use uuid::Uuid;

use crate::configuration::remote_class;
use crate::error::EngineError;
use crate::outbound::{OutboundRun, note_open};
use crate::referred::Deciding;
use crate::sweep::Decided;
use crate::sweep_inbound::take;
use crate::worker::{Task, Work};

/// Where the look at owners has come to, in the bucket's cursor.
const OWNERS_STEP: u32 = 1;

impl Work {
    /// The next page of accounts as their shadows remember them, in the place of a read of the target.
    pub(crate) async fn remembered_page(&self, index: usize) -> Result<Option<Page>, EngineError> {
        let Task::Outbound(task) = &self.task else { return Ok(None) };
        let (application, class) = task.account_class(index);
        let after = self.buckets[index].cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let limit = u32::try_from(self.engine.settings.page_size).unwrap_or(u32::MAX);
        let shadows = self.store.live_shadows_after(&application.id, class.id.as_str(), after, limit).await?;
        let Some(last) = shadows.last() else { return Ok(None) };
        let cursor = Cursor(last.shadow.base.no.0.to_string());
        let (forgotten, known): (Vec<LinkedShadow>, Vec<LinkedShadow>) =
            shadows.into_iter().partition(|linked| linked.shadow.snapshot.is_empty());
        let forgotten: Vec<String> = forgotten.into_iter().map(|linked| linked.shadow.uid).collect();
        let mut entries = self.read_accounts((application, class), &forgotten).await?;
        entries
            .extend(known.into_iter().map(|shadow| Entry::Account(remembered(shadow, &class.uid_attribute))));
        Ok(Some(Page { entries, cursor, estimated_total: None }))
    }

    /// Reads single accounts: those of which nothing is remembered can only be compared with what they are.
    async fn read_accounts(
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
        let read = connector.read(&remote_class(class), uids).await;
        read.map_err(Self::connector_error(&application.id))
    }

    /// Stages accounts for owners in scope that are to have one and have none. Only after a complete sweep: an
    /// account that was not read may exist.
    pub(crate) async fn stage_owners(&mut self, index: usize, task: &OutboundRun) -> Result<(), EngineError> {
        let met = self.met(index).await?;
        let linked = self.store.staged_links(&self.run, self.buckets[index].no).await?;
        let limit = u32::try_from(self.engine.settings.page_size).unwrap_or(u32::MAX);
        loop {
            self.may_go_on()?;
            let after = match self.buckets[index].step {
                OWNERS_STEP => self.buckets[index].cursor.as_deref().and_then(|id| id.parse::<Uuid>().ok()),
                _ => None,
            };
            let (application, class) = task.account_class(index);
            let (application, class) = (application.id.clone(), class.id.to_string());
            let owners = self.store.owners(&application, &class, after.map(ObjectId), limit).await?;
            let Some(last) = owners.last() else { return Ok(()) };
            let last = last.object.id;
            let lacking =
                lacking_accounts(owners, &|shadow| met.contains(shadow), &|id| linked.contains(&id));
            self.stage_owner_page(index, task, (&lacking, last), &linked).await?;
        }
    }

    async fn stage_owner_page(
        &mut self,
        index: usize,
        task: &OutboundRun,
        (owners, last): (&[OwnerRow], ObjectId),
        linked: &HashSet<ObjectId>,
    ) -> Result<(), EngineError> {
        let class = &task.classes[index];
        let decisions = &class.decisions;
        let at: DateTime<Utc> = self.decided_at();
        let in_scope = owners.iter().filter(|owner| decisions.scope.holds(&owner.object));
        let in_scope: Vec<&OwnerRow> = in_scope.collect();
        let objects: Vec<&ImObject> = in_scope.iter().map(|owner| &owner.object).collect();
        let taken = task.taken(class, &self.store, &objects, Deciding { at, linked }).await?;
        let mut decided = Decided::default();
        let bucket = &mut self.buckets[index];
        for (owner, taken) in in_scope.into_iter().zip(&taken) {
            let shadow = owner.shadow.as_ref().map(|linked| &linked.shadow);
            let view = OwnerView { object: &owner.object, shadow, taken };
            let Some(mut decision) = decisions.decide_owner(view, at) else { continue };
            decided.counters.lacking += 1;
            let uid = decision.change.as_ref().map(|change| change.uid.clone()).unwrap_or_default();
            let place = (bucket.no, bucket.next_change, decisions.account_key(&uid));
            bucket.next_change = bucket.next_change.saturating_add(1);
            note_open(&mut decided, &mut decision, (&uid, None));
            take(&mut decided, &self.run, place, (&uid, None), decision);
        }
        bucket.step = OWNERS_STEP;
        bucket.cursor = Some(last.to_string());
        bucket.counters.add(&decided.counters);
        bucket.tally.add(&decided.tally);
        if decided.rows.is_empty() {
            self.store.checkpoint(&self.run, bucket).await?;
        } else {
            bucket.page += 1;
            let met = muster_store::Met::default();
            let now = self.engine.surroundings.now();
            self.store.stage(&self.run, bucket, &met, decided.rows, now).await?;
        }
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
