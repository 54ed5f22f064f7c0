//! One operation on one account, in as few calls as the service lets it be: one, where nothing stands in the way.

use std::sync::Arc;

use muster_connector::{ConnectorError, Operation, WriteResult, Written};
use muster_http::{Answer, encoded};
use muster_model::condition::fold_case;
use muster_model::{AttributeName, Field};
use serde_json::{Map, Value as Json};

use super::compose::{Changes, Patching, created, patch, replaced, without_repeats};
use crate::api;
use crate::class::Layout;
use crate::list::{id_at, id_of};
use crate::provider::Provider;
use crate::reads::Reader;

/// Writes single accounts of one class.
#[derive(Clone, Copy)]
pub(super) struct Single<'a> {
    pub(super) service: &'a Arc<Provider>,
    pub(super) layout: &'a Layout,
}

impl Single<'_> {
    pub(super) async fn write(&self, operation: &Operation) -> WriteResult {
        match operation {
            Operation::Create { uid, attributes, enabled } => self.create(uid, attributes, *enabled).await,
            Operation::Update { uid, writes, enabled, .. } => {
                let changes = Changes { writes, enabled: *enabled };
                match self.service.has_patch() {
                    true => self.patch(uid, changes).await,
                    false => self.replace(uid, changes).await,
                }
            }
            Operation::Delete { uid, .. } => self.delete(uid).await,
        }
    }

    /// Where an account is.
    pub(super) fn path(&self, uid: &str) -> String {
        format!("{}/{}", self.layout.endpoint, encoded(uid))
    }

    async fn create(&self, name: &str, attributes: &[(AttributeName, Field)], enabled: bool) -> WriteResult {
        let call = api::post(self.layout.endpoint.clone(), &created(self.layout, attributes, enabled)?);
        // What was tried before may have been done, though nobody said so. Looking is a call of its own, so it has to be
        // over before this one is admitted.
        let look = |attempt: u32| async move {
            match attempt == 1 {
                true => Ok(()),
                false => self.expect_nobody(name).await,
            }
        };
        let answer = self.service.api.call_after(look, &call).await?;
        if !answer.is_success() {
            return Err(self.refused_create(&answer));
        }
        self.given(name, &answer).await
    }

    /// A list that is not there has nothing to do with the account.
    fn refused_create(&self, answer: &Answer) -> ConnectorError {
        match answer.status() {
            404 | 405 => {
                answer.unusable("resources of this type cannot be made there: correct `baseUrl` or the class")
            }
            _ => answer.refused(),
        }
    }

    /// Answers the creates whose name somebody has, where the service itself would make another. All names are looked for
    /// at once: without filters that is a whole list.
    pub(super) async fn refuse_taken(&self, operations: &[&Operation], outcomes: &mut [Option<WriteResult>]) {
        if self.layout.is_name_unique {
            return;
        }
        let open = operations.iter().enumerate().filter(|(place, _)| outcomes[*place].is_none());
        let creates: Vec<(usize, &String)> = open
            .filter_map(|(place, operation)| match operation {
                Operation::Create { uid, .. } => Some((place, uid)),
                Operation::Update { .. } | Operation::Delete { .. } => None,
            })
            .collect();
        let names: Vec<String> = creates.iter().map(|(_, name)| (*name).clone()).collect();
        let taken = self.reader().names_taken(&names).await;
        for (place, name) in creates {
            match &taken {
                Ok(taken) if !taken.contains(&*fold_case(name)) => {}
                Ok(_) => outcomes[place] = Some(Err(self.name_taken())),
                Err(error) => outcomes[place] = Some(Err(error.clone())),
            }
        }
    }

    /// A name that is nobody's yet.
    async fn expect_nobody(&self, name: &str) -> Result<(), ConnectorError> {
        match self.reader().names_taken(&[name.to_owned()]).await?.is_empty() {
            true => Ok(()),
            false => Err(self.name_taken()),
        }
    }

    fn name_taken(&self) -> ConnectorError {
        let place = format!("{}{}", self.service.api.address(), self.layout.endpoint);
        ConnectorError::Conflict { message: format!("{place}: somebody has that name already") }
    }

    fn reader(&self) -> Reader<'_> {
        Reader { service: self.service, layout: self.layout }
    }

    /// The key that a new account was given. Where the answer does not tell it, it is looked for.
    pub(super) async fn given(&self, name: &str, answer: &Answer) -> WriteResult {
        let told = answer.parsed::<Map<String, Json>>().ok().as_ref().and_then(id_of).map(str::to_owned);
        if let Some(key) = told.or_else(|| id_at(answer.response.header("location")?)) {
            return Ok(Written { given_uid: Some(key) });
        }
        let found = self.reader().resources_by_names(&[name.to_owned()]).await?;
        match found.as_slice() {
            [resource] if let Some(key) = id_of(resource) => Ok(Written { given_uid: Some(key.to_owned()) }),
            _ => Err(answer.garbage("it does not say under which `id` the account was made")),
        }
    }

    /// Changes exactly what is to change, in one call.
    async fn patch(&self, uid: &str, changes: Changes<'_>) -> WriteResult {
        let answer = match self.send_patch(uid, changes, None).await? {
            None => return Ok(Written::default()),
            Some(answer) => answer,
        };
        if answer.status() == 400 && answer.code.as_deref() == Some("noTarget") {
            return self.patch_known(uid, changes).await;
        }
        done(&answer)?;
        match answer.parsed::<Map<String, Json>>() {
            Ok(resource) => self.patch_repeats(uid, changes, &resource).await,
            Err(_) => Ok(Written::default()),
        }
    }

    /// Takes out what the service holds twice by now, as it has just answered.
    async fn patch_repeats(
        &self,
        uid: &str,
        changes: Changes<'_>,
        resource: &Map<String, Json>,
    ) -> WriteResult {
        let operations = without_repeats(self.layout, &self.service.settings.habits, resource, changes)?;
        if operations.is_empty() {
            return Ok(Written::default());
        }
        done(&self.service.api.call(&api::patch(self.path(uid), &patch(operations))).await?)
    }

    /// The same once more, with a look at what is there: an element of a list that is not there cannot be changed, nor
    /// removed, by what selects it.
    pub(super) async fn patch_known(&self, uid: &str, changes: Changes<'_>) -> WriteResult {
        let (resource, _) = self.resource_at(&self.path(uid), uid).await?;
        match self.send_patch(uid, changes, Some(&resource)).await? {
            None => Ok(Written::default()),
            Some(answer) => done(&answer),
        }
    }

    async fn send_patch(
        &self,
        uid: &str,
        changes: Changes<'_>,
        known: Option<&Map<String, Json>>,
    ) -> Result<Option<Answer>, ConnectorError> {
        let patching = Patching { layout: self.layout, habits: &self.service.settings.habits, known };
        let operations = patching.operations(changes)?;
        if operations.is_empty() {
            return Ok(None);
        }
        self.service.api.call(&api::patch(self.path(uid), &patch(operations))).await.map(Some)
    }

    /// A whole resource, and its version.
    async fn resource_at(
        &self,
        path: &str,
        uid: &str,
    ) -> Result<(Map<String, Json>, Option<String>), ConnectorError> {
        let answer = self.service.api.call(&api::get(path)).await?;
        if !answer.is_success() {
            return Err(answer.refused());
        }
        let resource = answer.parsed::<Map<String, Json>>()?;
        if id_of(&resource) != Some(uid) {
            return Err(answer.garbage("it is another resource than was asked for"));
        }
        let version = resource.get("meta").and_then(|meta| meta.get("version")?.as_str().map(str::to_owned));
        Ok((resource, answer.response.header("etag").map(str::to_owned).or(version)))
    }

    /// Reads the account and replaces it with one that has the changes. Where somebody else was faster, once more.
    async fn replace(&self, uid: &str, changes: Changes<'_>) -> WriteResult {
        let is_own = changes.writes.iter().any(|(name, _)| !self.layout.is_membership(name));
        if !is_own && (changes.enabled.is_none() || self.layout.enabled.is_none()) {
            return Ok(Written::default());
        }
        let answer = self
            .read_and_put(&self.path(uid), |resource| replaced(self.layout, resource, changes), uid)
            .await?;
        answer.map_or_else(|| Ok(Written::default()), |answer| done(&answer))
    }

    /// Reads a resource and puts another in its place, as long as nobody else does so meanwhile; `None` where nothing is to
    /// change.
    pub(super) async fn read_and_put(
        &self,
        path: &str,
        change: impl Fn(&Map<String, Json>) -> Result<Option<Json>, ConnectorError>,
        uid: &str,
    ) -> Result<Option<Answer>, ConnectorError> {
        let mut is_second = false;
        loop {
            let (resource, version) = self.resource_at(path, uid).await?;
            let Some(changed) = change(&resource)? else { return Ok(None) };
            let answer = self.service.api.call(&api::put(path, &changed, version)).await?;
            if answer.status() == 412 && !is_second {
                is_second = true;
                continue;
            }
            return Ok(Some(answer));
        }
    }

    async fn delete(&self, uid: &str) -> WriteResult {
        let answer = self.service.api.call(&api::delete(self.path(uid))).await?;
        match answer.is_missing() {
            true => Ok(Written::default()),
            false => done(&answer),
        }
    }
}

/// What an answer to a change means.
pub(super) fn done(answer: &Answer) -> WriteResult {
    match answer.is_success() {
        true => Ok(Written::default()),
        false => Err(answer.refused()),
    }
}
