//! Secrets on their way: entered for the connector definitions that refer to them, and put into the properties of one
//! when its connector is opened. Nothing else ever sees a value.
//!
//! Invariant: a value goes only where somebody who may enter secrets has known it to go. A definition that leads
//! elsewhere than when the secret was entered does not get it.

use std::collections::BTreeSet;

use muster_connector::{ConnectorError, Properties};
use muster_model::SecretName;
use muster_model::configuration::Configuration;
use muster_model::configuration::connector_definition::ConnectorDefinition;
use muster_model::secret::{self, Part};
use muster_store::{Binding, Hash, NewSecret, Put, SecretRecord, StoreError, TenantStore};
use secrecy::{ExposeSecret, SecretString};

use crate::Engine;
use crate::configuration::{ConfigurationError, LoadedConfiguration};
use crate::error::with_causes;
use crate::veil::Veil;

/// The longest value, in octets.
pub const LONGEST_SECRET: usize = 64 * 1024;

/// Why nothing was done with a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is none of that name.
    #[error("there is no secret `{0}`")]
    Lacking(SecretName),
    /// It cannot be a value.
    #[error("the value {0}")]
    Value(&'static str),
    /// Something refers to it.
    #[error("secret `{name}` is referred to by {}", referrers.join(", "))]
    Referred {
        /// The secret.
        name: SecretName,
        /// Where, each as `connector-definitions/hr/connectorProperties/0/value`.
        referrers: Vec<String>,
    },
    /// The configuration cannot be read.
    #[error("the configuration cannot be used")]
    Configuration(#[from] ConfigurationError),
    /// The store failed, or has no key.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Keeps a secret, entered for the connector definitions that refer to it now and for where they lead now.
    ///
    /// # Errors
    /// When the value is empty or too long, or the store has no master key.
    pub async fn put_secret(
        &self,
        store: &TenantStore,
        name: &SecretName,
        value: &SecretString,
    ) -> Result<(Put, SecretRecord), SecretError> {
        check_value(value.expose_secret())?;
        let configuration = LoadedConfiguration::load(store).await?.resources;
        let referring = configuration.connector_definitions().filter(|one| names(one).contains(name));
        let bindings: Vec<_> = referring.map(|definition| self.binding(definition)).collect();
        let now = self.surroundings.now();
        let put = store.put_secret(&NewSecret { name, value, bindings: &bindings, now }).await?;
        let kept = store.secrets().await?.into_iter().find(|kept| kept.name == *name);
        Ok((put, kept.ok_or_else(|| SecretError::Lacking(name.clone()))?))
    }

    /// Deletes a secret that nothing refers to.
    ///
    /// # Errors
    /// When there is none of that name, or something refers to it.
    pub async fn delete_secret(&self, store: &TenantStore, name: &SecretName) -> Result<(), SecretError> {
        let checked = store.configuration_version().await?.at(self.surroundings.now());
        let configuration = LoadedConfiguration::load(store).await?.resources;
        let referrers = configuration.secret_referrers(name).into_iter();
        let referrers: Vec<_> = referrers.map(|(_, at)| at.trim_start_matches('/').to_owned()).collect();
        if !referrers.is_empty() {
            return Err(SecretError::Referred { name: name.clone(), referrers });
        }
        match store.delete_secret(checked, name).await? {
            true => {
                self.wake_ticker();
                Ok(())
            }
            false => Err(SecretError::Lacking(name.clone())),
        }
    }

    /// What is to be bound with a change of the configuration: secrets, to the connector definitions that it has refer
    /// to them anew. One that referred to a secret before and leads elsewhere now is left alone: its secret has to be
    /// entered again.
    #[must_use]
    pub fn new_bindings(&self, before: &Configuration, after: &Configuration) -> Vec<(SecretName, Binding)> {
        let mut bindings = Vec::new();
        for definition in after.connector_definitions() {
            let known = before.connector_definition(&definition.id).map(names).unwrap_or_default();
            let new = names(definition).into_iter().filter(|name| !known.contains(name));
            bindings.extend(new.map(|name| (name, self.binding(definition))));
        }
        bindings
    }

    /// Puts the values of secrets into properties that refer to them.
    ///
    /// # Errors
    /// When a secret does not exist, cannot be opened, or was not entered for where the definition leads.
    pub(crate) async fn fill_in(
        &self,
        store: &TenantStore,
        definition: &ConnectorDefinition,
        properties: &mut Properties,
    ) -> Result<Veil, ConnectorError> {
        let names: Vec<_> = names(definition).into_iter().collect();
        if names.is_empty() {
            return Ok(Veil::default());
        }
        let opened = store.open_secrets(&names, &definition.id).await.map_err(|error| sealed(&error))?;
        let (id, address) = (&definition.id, self.address(definition));
        let mut values = Vec::with_capacity(names.len());
        for name in names {
            let Some(secret) = opened.get(&name) else { return Err(lacking(&name)) };
            if secret.address != Some(address) {
                return Err(unusable(format!(
                    "secret `{name}` was not entered for where connector definition `{id}` leads now; look at the \
                     definition, then enter the secret again"
                )));
            }
            values.push((name, secret.value.clone()));
        }
        for value in properties.values_mut() {
            *value = filled(value, &values)?;
        }
        Ok(Veil::new(values))
    }

    fn binding(&self, definition: &ConnectorDefinition) -> Binding {
        Binding { definition: definition.id.clone(), address: self.address(definition) }
    }

    /// Where a definition leads: its type, and the properties that say so, secrets by their names.
    fn address(&self, definition: &ConnectorDefinition) -> Hash {
        let kind = self.connectors.get(definition.connector_type.as_str());
        // Of a connector that is not built in nobody knows which properties these are.
        let says_where = |name: &str| kind.is_none_or(|kind| kind.is_address(name));
        let properties = definition.properties.iter().filter(|property| says_where(&property.name));
        let sorted: BTreeSet<_> = properties.map(|one| (one.name.as_str(), one.value.as_str())).collect();
        let text = serde_json::json!([definition.connector_type, Vec::from_iter(sorted)]).to_string();
        muster_plan::digest::hash(text.as_bytes())
    }
}

fn names(definition: &ConnectorDefinition) -> BTreeSet<SecretName> {
    definition.secrets().into_iter().map(|reference| reference.name).collect()
}

fn check_value(value: &str) -> Result<(), SecretError> {
    match value {
        "" => Err(SecretError::Value("is empty")),
        long if long.len() > LONGEST_SECRET => Err(SecretError::Value("is longer than 65536 octets")),
        text if text.contains('\0') => Err(SecretError::Value("holds a zero octet")),
        _ => Ok(()),
    }
}

fn filled(text: &str, values: &[(SecretName, SecretString)]) -> Result<String, ConnectorError> {
    let mut filled = String::new();
    for part in secret::parts(text).map_err(|error| unusable(error.to_string()))? {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Secret(name) => {
                let value = values.iter().find(|(known, _)| *known == name).ok_or_else(|| lacking(&name))?;
                filled.push_str(value.1.expose_secret());
            }
        }
    }
    Ok(filled)
}

fn lacking(name: &SecretName) -> ConnectorError {
    unusable(format!("secret `{name}` does not exist; enter it with PUT …/api/sync/secrets/{name}"))
}

fn unusable(message: String) -> ConnectorError {
    ConnectorError::Unusable { message }
}

fn sealed(error: &StoreError) -> ConnectorError {
    unusable(format!("secrets cannot be opened: {}", with_causes(error)))
}
