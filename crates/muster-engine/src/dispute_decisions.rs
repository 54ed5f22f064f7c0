//! What people decide about accounts, checked before it is noted: the next run would not follow it otherwise.

use muster_model::configuration::Configuration;
use muster_model::dispute::DisputeDecision;
use muster_model::run::TaskKind;
use muster_model::shadow::ShadowState;
use muster_model::{ApplicationId, ConfigurationId, ImObject, ObjectClassId, ObjectId};
use muster_plan::dispute::objection;
use muster_plan::key::KeyHash;
use muster_store::{
    Decides, DisputeRecord, DisputesOf, HandLink, HandLinked, StoreError, TenantStore, WhenUnlinked,
};

use crate::Engine;
use crate::configuration::{ConfigurationError, LoadedConfiguration};
use crate::prepare::{CompiledTask, compile};

/// Why nothing was noted about an account.
#[derive(Debug, thiserror::Error)]
pub enum DisputeError {
    /// There is no such dispute.
    #[error("there is no such dispute")]
    NoDispute,
    /// There is no such object.
    #[error("there is no object `{0}`")]
    NoObject(ObjectId),
    /// Nobody makes an object from an account of a target.
    #[error("accounts of application `{0}` are made from IM objects; no object is made from one")]
    NotNew(ApplicationId),
    /// No task reads or writes such accounts any more.
    #[error("no task reads or writes accounts of class `{class}` of application `{application}`")]
    NoTask {
        /// The application.
        application: ApplicationId,
        /// The class.
        class: ObjectClassId,
    },
    /// The object may not have the account.
    #[error("{0}")]
    Objection(String),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The saved configuration cannot be used.
    #[error("the configuration cannot be used")]
    Configuration(#[from] ConfigurationError),
}

/// An account that somebody names, with the version that they looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAccount {
    /// Its application.
    pub application: ApplicationId,
    /// Its class.
    pub class: ObjectClassId,
    /// Its key in the remote system.
    pub uid: String,
    /// The version of what is remembered of it.
    pub version: Option<u32>,
}

impl NamedAccount {
    fn key(&self) -> KeyHash {
        KeyHash::of_account(&self.application, &self.class, &self.uid)
    }
}

impl Engine {
    /// Notes what somebody decides about an account; the next run follows it.
    ///
    /// # Errors
    /// When there is no such dispute, or the decision could not be followed.
    pub async fn decide_dispute(
        &self,
        store: &TenantStore,
        key: KeyHash,
        (decision, object): (DisputeDecision, Option<ObjectId>),
    ) -> Result<DisputeRecord, DisputeError> {
        let dispute = store.dispute(key).await?.ok_or(DisputeError::NoDispute)?;
        let resources = LoadedConfiguration::load(store).await?.resources;
        let named = (&dispute.application, &dispute.class);
        let task = dispute.task.as_ref().map(|(kind, task)| (*kind, task));
        let compiled = || task_of(&resources, named, task);
        match (decision, object) {
            (DisputeDecision::Ignore, _) | (DisputeDecision::Link, None) => {}
            (DisputeDecision::New, _) => match compiled()? {
                CompiledTask::Inbound(_) => {}
                CompiledTask::Outbound(_) | CompiledTask::Cleanup(_) => {
                    return Err(DisputeError::NotNew(dispute.application));
                }
            },
            (DisputeDecision::Link, Some(id)) => {
                let object = store.object(id).await?.ok_or(DisputeError::NoObject(id))?;
                self.may_belong(store, (named, key), &object, &compiled()?).await?;
            }
        }
        let now = self.surroundings.now();
        let decides = Decides { key, decision: Some(decision), object, now };
        if !store.decide_dispute(&decides).await? {
            return Err(DisputeError::NoDispute);
        }
        store.dispute(key).await?.ok_or(DisputeError::NoDispute)
    }

    /// Takes back what somebody decided; runs decide by themselves again.
    ///
    /// # Errors
    /// When there is no such dispute.
    pub async fn withdraw_decision(&self, store: &TenantStore, key: KeyHash) -> Result<(), DisputeError> {
        let now = self.surroundings.now();
        let decides = Decides { key, decision: None, object: None, now };
        if store.decide_dispute(&decides).await? { Ok(()) } else { Err(DisputeError::NoDispute) }
    }

    /// Takes an account from its owner by hand.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unlink_by_hand(
        &self,
        store: &TenantStore,
        account: &NamedAccount,
        afterwards: WhenUnlinked,
    ) -> Result<HandLinked, DisputeError> {
        Ok(store.unlink_by_hand(&self.hand_link(account), afterwards).await?)
    }

    /// Gives an account to another owner by hand.
    ///
    /// # Errors
    /// When there is no such object, or it may not have the account.
    pub async fn relink_by_hand(
        &self,
        store: &TenantStore,
        account: &NamedAccount,
        id: ObjectId,
    ) -> Result<HandLinked, DisputeError> {
        let object = store.object(id).await?.ok_or(DisputeError::NoObject(id))?;
        let resources = LoadedConfiguration::load(store).await?.resources;
        let named = (&account.application, &account.class);
        self.may_belong(store, (named, account.key()), &object, &task_of(&resources, named, None)?).await?;
        Ok(store.relink_by_hand(&self.hand_link(account), id).await?)
    }

    fn hand_link<'a>(&self, account: &'a NamedAccount) -> HandLink<'a> {
        HandLink {
            of: DisputesOf { application: &account.application, class: &account.class },
            key: account.key(),
            version: account.version,
            now: self.surroundings.now(),
        }
    }

    /// Whether an account may belong to an object, as runs would see it.
    async fn may_belong(
        &self,
        store: &TenantStore,
        ((application, class), key): ((&ApplicationId, &ObjectClassId), KeyHash),
        object: &ImObject,
        task: &CompiledTask,
    ) -> Result<(), DisputeError> {
        let known = store.shadows_of(application, class.as_str(), &[object.id]).await?;
        let live = known.into_values().flatten().filter(|shadow| shadow.state == ShadowState::Live);
        let uids = live.map(|shadow| shadow.uid);
        let promised = store.decided_links(DisputesOf { application, class }, &[object.id]).await?;
        let mut others = uids
            .map(|uid| (KeyHash::of_account(application, class, &uid), uid))
            .chain(promised.into_values().flatten());
        let rival = others.find(|(other, _)| *other != key).map(|(_, uid)| uid);
        let why = match task {
            CompiledTask::Inbound(task) if object.directory != task.directory => Some(format!(
                "object {} is in directory `{}`, not `{}`",
                object.id, object.directory, task.directory
            )),
            CompiledTask::Inbound(task) => objection(&task.rules, object, rival.as_deref()),
            CompiledTask::Cleanup(_) => None,
            CompiledTask::Outbound(task) => {
                let classes = task.classes().iter();
                let mut classes = classes.filter(|known| known.application.id == *application);
                let known = classes.find(|known| known.class.id == *class);
                known.and_then(|known| known.decisions.objection(object, rival.as_deref()))
            }
        };
        why.map_or(Ok(()), |why| Err(DisputeError::Objection(why)))
    }
}

/// The task whose rules hold for accounts of a class: the one that is named, else the first of those that read them,
/// else of those that write them.
fn task_of(
    resources: &Configuration,
    (application, class): (&ApplicationId, &ObjectClassId),
    named: Option<(TaskKind, &ConfigurationId)>,
) -> Result<CompiledTask, DisputeError> {
    let reading = resources.synchronization_tasks().map(|task| (TaskKind::Synchronization, &task.id));
    let writing = resources.provisioning_tasks().map(|task| (TaskKind::Provisioning, &task.id));
    let is_of = |task: &CompiledTask| match task {
        CompiledTask::Inbound(task) => task.application.id == *application && task.class.id == *class,
        CompiledTask::Outbound(task) => {
            let mut classes = task.classes().iter();
            classes.any(|known| known.application.id == *application && known.class.id == *class)
        }
        CompiledTask::Cleanup(_) => false,
    };
    let tasks = named.into_iter().chain(reading).chain(writing);
    let mut compiled = tasks.filter_map(|(kind, task)| compile(resources, &kind, task).ok()).filter(is_of);
    let lacking = || DisputeError::NoTask { application: application.clone(), class: class.clone() };
    compiled.next().ok_or_else(lacking)
}
