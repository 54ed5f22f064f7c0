//! Whose account one is by its user name: looked up here, and held against what the source still has.

use muster_connector::{Connector, Entry};
use muster_model::condition::Condition;
use muster_model::configuration::application::{
    Application, Direction, ObjectClass, ObjectTypeMapping, Strategy,
};
use muster_model::run::OwnerBy;
use muster_model::shadow::ShadowState;
use muster_model::{AttributeName, Field, ImObject, Value};
use muster_plan::decision::{AccountView, ShadowFacts};
use muster_plan::inbound::{Relink, Relinked};
use muster_store::ObjectSearch;

use crate::disputes::uid_of;
use crate::error::EngineError;
use crate::prepare::InboundRun;
use crate::remote::remote_class;
use crate::worker::{Task, Work};

/// The attribute of IM objects that holds the user name where no class says which of its attributes does.
const USER_NAME: &str = "userName";

/// What people know a user by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserName {
    /// At the source.
    pub(crate) account: AttributeName,
    /// In the identity repository; `None` where no mapping copies it.
    pub(crate) object: Option<AttributeName>,
}

impl UserName {
    /// The class's name attribute and what is mapped from it, or what `userName` is mapped from.
    pub(crate) fn of(class: &ObjectClass, mapping: &ObjectTypeMapping) -> Option<Self> {
        let inbound = mapping.attribute_mappings.iter().filter(|m| m.direction == Direction::Inbound);
        let mut copied = inbound.filter_map(|mapping| match &mapping.strategy {
            Strategy::Simple { source, .. } => Some((source, &mapping.attribute)),
            Strategy::Custom { .. } => None,
        });
        match &class.name_attribute {
            Some(name) => {
                let object =
                    copied.find(|(source, _)| *source == name).map(|(_, attribute)| attribute.clone());
                Some(Self { account: name.clone(), object })
            }
            None => copied
                .find(|(_, attribute)| attribute.as_str().eq_ignore_ascii_case(USER_NAME))
                .map(|(source, object)| Self { account: source.clone(), object: Some(object.clone()) }),
        }
    }
}

impl Work {
    /// Whose the account is that was read, where the run finds that by the user name.
    pub(crate) async fn relink(
        &self,
        (application, class): (&Application, &ObjectClass),
        connector: &dyn Connector,
        entries: &[Entry],
    ) -> Result<Option<Relink>, EngineError> {
        let (Task::Inbound(task), OwnerBy::UserName, [Entry::Account(account)]) =
            (&self.task, self.run.owner_by, entries)
        else {
            return Ok(None);
        };
        let attribute = task.user_name.as_ref().and_then(|name| name.object.as_ref());
        let Some(attribute) = attribute else {
            let why = "no mapping says which attribute of users holds the user name";
            return Ok(Some(Relink::Refused(why.to_owned())));
        };
        let view = AccountView {
            uid: &account.uid,
            place: Some(account.place.0),
            enabled: account.enabled,
            attributes: &account.record,
        };
        let Some(name) = text_of(task.decisions.mapped(view, attribute, self.decided_at())) else {
            return Ok(Some(Relink::Nobody));
        };
        let named = self.named(task, attribute, &name).await?;
        let object = match named.as_slice() {
            [] => return Ok(Some(Relink::Nobody)),
            [object] => object,
            [..] => return Ok(Some(Relink::Refused(format!("several users are called `{name}`")))),
        };
        let shadows = self.store.shadows_of(&application.id, class.id.as_str(), &[object.id]).await?;
        let shadows = shadows.into_values().next().unwrap_or_default();
        let (live, gone): (Vec<ShadowFacts>, Vec<ShadowFacts>) = shadows
            .into_iter()
            .filter(|shadow| shadow.uid != account.uid)
            .partition(|shadow| shadow.state == ShadowState::Live);
        if let Some(why) = self.objection(task, object, (&live, &gone), &account.uid).await? {
            return Ok(Some(Relink::Refused(why)));
        }
        let uids: Vec<String> = live.iter().map(|shadow| shadow.uid.clone()).collect();
        let there = match uids.is_empty() {
            true => Vec::new(),
            false => connector
                .read(&remote_class(application, class), &uids)
                .await
                .map_err(Self::connector_error(&application.id))?,
        };
        Ok(Some(match there.first() {
            Some(entry) => {
                let uid = uid_of(entry).unwrap_or(&uids[0]);
                Relink::Refused(format!(
                    "object {} belongs to account `{uid}`, which is there still",
                    object.id
                ))
            }
            None => {
                let before = live.into_iter().chain(gone.into_iter().rev()).next();
                Relink::Found(Box::new(Relinked { object: object.clone(), before }))
            }
        }))
    }

    /// The objects of that user name, two at most.
    async fn named(
        &self,
        task: &InboundRun,
        attribute: &AttributeName,
        name: &str,
    ) -> Result<Vec<ImObject>, EngineError> {
        let condition = Condition::parse(&format!("{attribute} eq {}", serde_json::Value::from(name)));
        let condition = condition.map_err(|error| EngineError::Broken(error.to_string()))?;
        let search = ObjectSearch {
            kind: task.target.kind,
            directory: Some(&task.target.directory),
            condition: Some(&condition),
            keys: None,
            after: None,
            limit: 2,
        };
        Ok(self.engine.search(&self.store, search).await?)
    }

    /// What stands against giving an account to an object, as far as that is known here.
    async fn objection(
        &self,
        task: &InboundRun,
        object: &ImObject,
        (live, gone): (&[ShadowFacts], &[ShadowFacts]),
        uid: &str,
    ) -> Result<Option<String>, EngineError> {
        let id = object.id;
        match (live, gone) {
            ([_, _, ..], _) => return Ok(Some(format!("object {id} belongs to several accounts"))),
            ([_], _) | ([], [_, ..]) => return Ok(None),
            ([], []) => {}
        }
        let accounts = self.store.accounts_of(id, None).await?;
        let elsewhere = accounts.iter().find(|account| {
            account.state == ShadowState::Live
                && account.uid != uid
                && task.other_sources.contains(&account.application)
        });
        Ok(elsewhere.map(|account| {
            format!("object {id} is linked elsewhere, in application `{}`", account.application)
        }))
    }
}

fn text_of(field: Option<Field>) -> Option<String> {
    match field? {
        Field::One(Value::String(text)) if !text.is_empty() => Some(text),
        Field::One(_) | Field::Many(_) | Field::Null | Field::Absent => None,
    }
}
