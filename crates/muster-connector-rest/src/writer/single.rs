//! One operation on one account, in as few calls as the API lets it be: one, where nothing stands in the way.

use muster_connector::text::shown;
use muster_connector::{AttributeWrite, ConnectorError, Operation, WriteResult, Written};
use muster_http::{Answer, Call};
use muster_model::{AttributeName, Field};
use serde_json::{Map, Value as Json};

use super::compose::{Part, changed, created, placeholders};
use crate::description;
use crate::list::key_of;
use crate::reads::{Reader, values_of};

/// Writes single accounts of one class.
#[derive(Clone, Copy)]
pub(super) struct Single<'a> {
    pub(super) reader: Reader<'a>,
}

/// What is to become of an account.
#[derive(Clone, Copy)]
struct Changes<'a> {
    uid: &'a str,
    writes: &'a [(AttributeName, AttributeWrite)],
    enabled: Option<bool>,
}

impl Single<'_> {
    pub(super) async fn write(&self, operation: &Operation) -> WriteResult {
        match operation {
            Operation::Create { uid, attributes, enabled } => self.create(uid, attributes, *enabled).await,
            Operation::Update { uid, writes, enabled, .. } => {
                self.update(Changes { uid, writes, enabled: *enabled }).await?;
                self.change_memberships(uid, writes).await?;
                Ok(Written::default())
            }
            Operation::Delete { uid, .. } => self.delete(uid).await,
        }
    }

    /// What the description does not have.
    pub(super) fn undescribed(&self, operation: &str) -> ConnectorError {
        let class = &self.reader.layout.name;
        ConnectorError::Rejected { message: format!("the description of `{class}` has no `{operation}`") }
    }

    pub(super) fn missing(&self, uid: &str) -> ConnectorError {
        let (address, class) = (self.reader.api.address(), &self.reader.layout.name);
        ConnectorError::Missing { message: format!("{address}: there is no `{uid}` among `{class}`") }
    }

    async fn create(&self, uid: &str, attributes: &[(AttributeName, Field)], enabled: bool) -> WriteResult {
        let layout = self.reader.layout;
        let class = &layout.class;
        let operation = class.create.as_ref().ok_or_else(|| self.undescribed("create"))?;
        let call = operation.call(&self.values_of_new(operation, uid, attributes, enabled)?)?;
        // What was tried before may have been done, though nobody said so; and not every API looks for itself. The look
        // makes calls of its own, so it comes before the turn and not within it.
        let look = |attempt: u32| async move {
            match attempt > 1 || class.looks_first {
                true => self.expect_nobody(uid).await,
                false => Ok(()),
            }
        };
        let answer = self.reader.api.call_after(look, &call).await?;
        if !answer.is_success() {
            return Err(match answer.is_missing() || answer.status() == 405 {
                // A list that is not there has nothing to do with the account.
                true => answer
                    .unusable("nothing can be made there: correct `baseUrl` or `create` in the description"),
                false => answer.refused(),
            });
        }
        let given = if class.gives_keys { Some(self.given(uid, &answer).await?) } else { None };
        if let Some(other) = self.told_key(&answer).filter(|told| given.is_none() && told != uid) {
            // Made again by the next run it would be one more each time.
            let other = shown(&other);
            return Err(
                answer.unusable(&format!("it was made as `{other}`: say `givenKey` in the description"))
            );
        }
        let key = given.as_deref().unwrap_or(uid);
        match self.complete(key, attributes, enabled).await {
            Ok(()) => Ok(Written { given_uid: given }),
            // It is there, under a key that must not be lost: who asked for it finds it by what it was made with.
            Err(fault) => Err(ConnectorError::Conflict {
                message: format!(
                    "the account was made as `{}`, but is not yet all it should be: {fault}",
                    shown(key)
                ),
            }),
        }
    }

    /// Does to a new account what its creation could not.
    async fn complete(
        &self,
        key: &str,
        attributes: &[(AttributeName, Field)],
        enabled: bool,
    ) -> Result<(), ConnectorError> {
        if let (false, Some(disable)) = (enabled, &self.reader.layout.class.disable) {
            self.done(self.reader.api.call(&disable.call(&values_of("key", key))?).await?)?;
        }
        self.add_first(key, attributes).await
    }

    fn values_of_new(
        &self,
        operation: &description::Operation,
        uid: &str,
        attributes: &[(AttributeName, Field)],
        enabled: bool,
    ) -> Result<crate::template::Values, ConnectorError> {
        let layout = self.reader.layout;
        let class = &layout.class;
        let rejected = |message: String| ConnectorError::Rejected { message };
        let parts = created(layout, attributes)?;
        let mut all = Json::from(Map::new());
        if !class.gives_keys {
            class.key.set(&mut all, uid.into()).map_err(rejected)?;
        }
        let state = class.enabled.as_ref().map(|state| (state, state.value(enabled)));
        if let (Some((state, value)), None) = (&state, &class.disable) {
            state.pointer.set(&mut all, value.clone()).map_err(rejected)?;
        }
        if let (None, false) = (&state, enabled) {
            return Err(rejected(format!("`{}` has nothing that says who is disabled", layout.name)));
        }
        let made_by = if class.gives_keys { "name" } else { "key" };
        let is_told_apart = operation.has(made_by) && !class.attributes.contains_key(made_by);
        let told_apart: &[&str] = if is_told_apart { &[layout.naming.name.as_str()] } else { &[] };
        let mut values = placeholders(operation, &parts, &[("all", all)], told_apart)?;
        if is_told_apart || !class.gives_keys {
            values.insert(made_by.to_owned(), uid.into());
        }
        if let Some((_, value)) = state {
            values.insert("enabled".to_owned(), value);
        }
        Ok(values)
    }

    /// A key or name that is nobody's yet.
    async fn expect_nobody(&self, uid: &str) -> Result<(), ConnectorError> {
        let names = [uid.to_owned()];
        let found = match self.reader.layout.class.gives_keys {
            true => self.reader.named(&names).await?.into_iter().next(),
            false => self.reader.one(uid).await?.map(|found| found.item),
        };
        match found {
            None => Ok(()),
            Some(_) => Err(self.taken()),
        }
    }

    /// A name that is to be taken is nobody else's.
    async fn expect_free_name(
        &self,
        uid: &str,
        writes: &[(AttributeName, AttributeWrite)],
    ) -> Result<(), ConnectorError> {
        let layout = self.reader.layout;
        let taken = writes.iter().find_map(|(name, write)| match write {
            AttributeWrite::Replace(field) if *name == layout.naming.name && *name != layout.uid => {
                field.first()
            }
            AttributeWrite::Replace(_) | AttributeWrite::Values { .. } => None,
        });
        let Some(taken) = taken else { return Ok(()) };
        let found = self.reader.named(&[taken.to_text().into_owned()]).await?;
        match found.iter().all(|item| key_of(item, &layout.class.key).as_deref() == Some(uid)) {
            true => Ok(()),
            false => Err(self.taken()),
        }
    }

    fn taken(&self) -> ConnectorError {
        let (address, class) = (self.reader.api.address(), &self.reader.layout.name);
        ConnectorError::Conflict {
            message: format!("{address}: somebody is called that already among `{class}`"),
        }
    }

    /// The key that a new account was given. Where the answer does not tell it, it is looked for.
    async fn given(&self, name: &str, answer: &Answer) -> Result<String, ConnectorError> {
        let class = &self.reader.layout.class;
        if let Some(key) = self.told_key(answer) {
            return Ok(key);
        }
        let found = self.reader.named(&[name.to_owned()]).await?;
        match found.as_slice() {
            [item] if let Some(key) = key_of(item, &class.key) => Ok(key),
            _ => Err(answer.garbage("it does not say under which key the account was made")),
        }
    }

    /// The key that an answer holds.
    fn told_key(&self, answer: &Answer) -> Option<String> {
        let class = &self.reader.layout.class;
        let body = answer.parsed::<Json>().ok()?;
        key_of(class.item.get(&body)?, &class.key)
    }

    async fn update(&self, changes: Changes<'_>) -> Result<(), ConnectorError> {
        let Changes { uid, writes, enabled } = changes;
        let layout = self.reader.layout;
        let class = &layout.class;
        let switch = match enabled {
            Some(true) => class.enable.as_ref(),
            Some(false) => class.disable.as_ref(),
            None => None,
        };
        if enabled.is_some() && !class.is_switchable() {
            let message = format!("`{}` has nothing that says who is enabled", layout.name);
            return Err(ConnectorError::Rejected { message });
        }
        if class.looks_first {
            self.expect_free_name(uid, writes).await?;
        }
        let is_own = writes.iter().any(|(name, _)| !layout.is_membership(name));
        if is_own || enabled.is_some() && switch.is_none() {
            let state = if switch.is_some() { None } else { enabled };
            self.change(Changes { enabled: state, ..changes }).await?;
        }
        match switch {
            Some(switch) => {
                let answer = self.reader.api.call(&switch.call(&values_of("key", uid))?).await?;
                self.done(answer).map(|_| ())
            }
            None => Ok(()),
        }
    }

    /// Changes what an account holds itself. Where somebody else was faster, once more.
    async fn change(&self, changes: Changes<'_>) -> Result<(), ConnectorError> {
        let operation = self.reader.layout.class.update.as_ref().ok_or_else(|| self.undescribed("update"))?;
        let is_read = operation.has("all")
            || changes.writes.iter().any(|(name, write)| {
                matches!(write, AttributeWrite::Values { .. }) && !self.reader.layout.is_membership(name)
            });
        let mut is_second = false;
        loop {
            let found = match is_read {
                true => Some(self.reader.one(changes.uid).await?.ok_or_else(|| self.missing(changes.uid))?),
                false => None,
            };
            let (current, version) = found.map_or((None, None), |found| (Some(found.item), found.version));
            let Some(call) = self.update_call(operation, changes, current)? else { return Ok(()) };
            let answer = self.reader.api.call(&Call { if_match: version, ..call }).await?;
            if answer.status() == 412 && !is_second {
                is_second = true;
                continue;
            }
            return self.done(answer).map(|_| ());
        }
    }

    /// `None` where nothing is to change.
    fn update_call(
        &self,
        operation: &description::Operation,
        changes: Changes<'_>,
        current: Option<Json>,
    ) -> Result<Option<Call>, ConnectorError> {
        let layout = self.reader.layout;
        let parts: Vec<Part> = changed(layout, changes.uid, changes.writes, current.as_ref())?;
        let state = layout.class.enabled.as_ref().zip(changes.enabled);
        if parts.is_empty() && state.is_none() {
            return Ok(None);
        }
        let (mut only, mut all) = (Json::from(Map::new()), current.unwrap_or_default());
        let mut values = Vec::new();
        if let Some((state, is_enabled)) = state {
            let value = state.value(is_enabled);
            for whole in [&mut only, &mut all] {
                let set = state.pointer.set(whole, value.clone());
                set.map_err(|message| ConnectorError::Rejected { message })?;
            }
            if !["changes", "all", "enabled"].into_iter().any(|name| operation.has(name)) {
                let message =
                    "the description has no place for `enabled` in what is sent; give it one".to_owned();
                return Err(ConnectorError::Rejected { message });
            }
            values.push(("enabled".to_owned(), value));
        }
        let mut filled = placeholders(operation, &parts, &[("changes", only), ("all", all)], &[])?;
        filled.extend(values);
        filled.insert("key".to_owned(), changes.uid.into());
        operation.call(&filled).map(Some)
    }

    async fn delete(&self, uid: &str) -> WriteResult {
        let operation = self.reader.layout.class.delete.as_ref().ok_or_else(|| self.undescribed("delete"))?;
        let answer = self.reader.api.call(&operation.call(&values_of("key", uid))?).await?;
        match answer.is_missing() {
            true => Ok(Written::default()),
            false => self.done(answer),
        }
    }

    /// What an answer to a change means.
    fn done(&self, answer: Answer) -> WriteResult {
        match answer.is_success() {
            true => Ok(Written::default()),
            false => Err(answer.refused()),
        }
    }
}
