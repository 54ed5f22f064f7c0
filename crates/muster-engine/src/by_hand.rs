//! Objects searched and written by hand: what the configuration says of their keys is looked up here, the decision
//! is the core's, the rows are the store's.

use muster_model::configuration::Configuration;
use muster_model::{AttributeName, DirectoryId, ImObject, ObjectKind, ValueType};
use muster_plan::by_hand::{self, HandChange, Wanted};
use muster_plan::key::KeySpecs;
use muster_plan::lookup::{Index, Indexed, asks_for_a_value, keys_of};
use muster_store::{ConfigurationVersion, HandWrite, ObjectSearch, TenantStore};

use crate::Engine;
use crate::configuration::{ConfigurationError, LoadedConfiguration, key_specs};

/// What a write by hand is decided by. It is carried out only if this is still so.
#[derive(Debug)]
pub struct HandBasis {
    /// What the tenant has configured.
    pub resources: Configuration,
    version: ConfigurationVersion,
    keys: KeySpecs,
    directories: Vec<Indexed>,
}

impl HandBasis {
    /// Whether there is such a directory.
    #[must_use]
    pub fn has_directory(&self, id: &DirectoryId) -> bool {
        self.directories.iter().any(|indexed| indexed.directory == *id)
    }

    /// Makes an object of version 1.
    #[must_use]
    pub fn create(&self, object: ImObject) -> HandChange {
        by_hand::create(object, &self.keys)
    }

    /// Puts something else in the place of an object's values; `None` when all is so already.
    #[must_use]
    pub fn replace(&self, object: ImObject, wanted: Wanted) -> Option<HandChange> {
        by_hand::replace(object, wanted, &self.keys)
    }

    /// Deletes an object. Its accounts are looked at by the next provisioning.
    #[must_use]
    pub fn delete(&self, object: ImObject) -> HandChange {
        by_hand::delete(object, &self.keys)
    }

    /// The keys of a directory that no rule needs. An object written now gets none of them, so they no longer find
    /// everybody; should a rule need one again, it is made anew.
    fn dropped_keys(&self, directory: &DirectoryId) -> Vec<String> {
        let of_directory = self.directories.iter().filter(|indexed| indexed.directory == *directory);
        let is_needed = |name: &&String| self.keys.all().iter().any(|spec| spec.name() == *name);
        of_directory.flat_map(|indexed| &indexed.keys).filter(|name| !is_needed(name)).cloned().collect()
    }

    /// The attributes that references to a kind of objects are made by.
    fn referred_by(&self, kind: ObjectKind) -> Vec<&AttributeName> {
        let object_types = self.resources.applications().flat_map(|application| &application.object_types);
        let mappings = object_types.flat_map(|object_type| &object_type.attribute_mappings);
        let mut by: Vec<&AttributeName> = mappings
            .filter(|mapping| mapping.value_type == ValueType::Reference)
            .filter_map(|mapping| mapping.reference.as_ref())
            .filter(|target| target.object_kind == kind)
            .map(|target| &target.by_attribute)
            .collect();
        by.sort_unstable();
        by.dedup();
        by
    }
}

impl Engine {
    /// What a write by hand is decided by now.
    ///
    /// # Errors
    /// When the store fails, or the configuration cannot be used.
    pub async fn hand_basis(&self, store: &TenantStore) -> Result<HandBasis, ConfigurationError> {
        let version = store.configuration_version().await?;
        let resources = LoadedConfiguration::load(store).await?.resources;
        let keys = key_specs(&resources)?;
        Ok(HandBasis { resources, version, keys, directories: store.indexed_directories().await? })
    }

    /// Carries a write by hand out, with all that follows from it: history, keys, and the promises that nothing has to
    /// be decided, of the object's accounts and of those who referred to it by a key that is lost.
    ///
    /// # Errors
    /// [`StoreError::ConfigurationMoved`](muster_store::StoreError::ConfigurationMoved) and
    /// [`StoreError::ObjectMoved`](muster_store::StoreError::ObjectMoved) when basis or object have changed since;
    /// nothing is written then.
    pub async fn write_by_hand(
        &self,
        store: &TenantStore,
        basis: &HandBasis,
        change: &HandChange,
    ) -> Result<(), ConfigurationError> {
        let object = &change.object;
        let forsaken = change.forsakes(&basis.keys, &basis.referred_by(object.kind));
        let referrers = if forsaken.is_empty() {
            Vec::new()
        } else {
            let refers = |other: &ImObject| change.is_referred_to(&basis.keys, &other.attributes);
            store.referring_objects(&object.directory, (object.kind, &forsaken), refers).await?
        };
        let write = HandWrite {
            change,
            checked: basis.version,
            dropped_keys: &basis.dropped_keys(&object.directory),
            referrers: &referrers,
            now: self.surroundings.now(),
        };
        Ok(store.write_by_hand(&write).await?)
    }

    /// The objects that are looked for, in the order of their ids; by keys where they answer the condition.
    ///
    /// # Errors
    /// When the store fails, or the configuration cannot be used.
    pub async fn search(
        &self,
        store: &TenantStore,
        search: ObjectSearch<'_>,
    ) -> Result<Vec<ImObject>, ConfigurationError> {
        let keys = match search.condition {
            Some(condition) if asks_for_a_value(condition) => {
                let mut directories = store.indexed_directories().await?;
                directories
                    .retain(|indexed| search.directory.is_none_or(|wanted| indexed.directory == *wanted));
                let specs = key_specs(&LoadedConfiguration::load(store).await?.resources)?;
                keys_of(condition, Index { specs: &specs, kind: search.kind, directories: &directories })
            }
            Some(_) | None => None,
        };
        Ok(store.search_objects(&ObjectSearch { keys: keys.as_deref(), ..search }).await?)
    }
}
