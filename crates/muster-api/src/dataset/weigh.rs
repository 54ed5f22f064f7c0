//! What a dataset would make of the configuration, and all that speaks against it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_dataset::{Dataset, Documents, Fate, ImportMode, Key, ResourceDifference, difference};
use muster_engine::{Engine, LoadedConfiguration};
use muster_model::configuration::{Configuration, ConfigurationKind, Document, Problems, Resource};
use muster_model::{DirectoryId, SecretName, TenantSlug};
use muster_store::StoredResource;

use super::documents;
use crate::configuration::Proposal;
use crate::configuration::change::directories;
use crate::error::{ApiError, BadDataset};

/// A dataset and what it is weighed against. It takes a while where they are large, so nobody else is to wait.
pub(super) struct Weighing {
    pub(super) dataset: Arc<Dataset>,
    pub(super) rows: Vec<StoredResource>,
    /// The secrets that there are.
    pub(super) secrets: BTreeSet<SecretName>,
    pub(super) kinds: BTreeSet<ConfigurationKind>,
    pub(super) mode: ImportMode,
    pub(super) engine: Engine,
    pub(super) tenant: TenantSlug,
}

/// What is to be done. Nothing speaks against it.
#[derive(Debug)]
pub(super) struct Verdict {
    /// The configuration as it is.
    pub(super) before: Configuration,
    /// The configuration as it would be.
    pub(super) after: Configuration,
    /// What becomes of each resource.
    pub(super) found: Vec<ResourceDifference>,
    /// The documents of the dataset, as they are kept.
    pub(super) documents: Documents,
    /// The directories that its tasks name.
    pub(super) directories: BTreeSet<DirectoryId>,
}

impl Verdict {
    /// The resources that go.
    pub(super) fn gone(&self) -> BTreeSet<Key> {
        let gone = self.found.iter().filter(|found| found.fate == Fate::Deleted);
        gone.map(|found| found.key.clone()).collect()
    }
}

impl Weighing {
    pub(super) fn weigh(&self) -> Result<Verdict, ApiError> {
        let before = LoadedConfiguration::of(&self.rows)?.resources;
        let left = self.left(&before);
        if !self.dataset.is_sound() {
            // Of what is broken nobody knows what it means, but what it refers to is known.
            return Err(self.refusal(&self.dataset.dangling(&left), Problems::new()));
        }
        let stored = documents(&self.rows, |kind| self.kinds.contains(&kind))?;
        let given = self.given(&before);
        let found = difference(&stored, &given.documents, self.mode);
        let after = given.resources.values().fold(left, |after, resource| after.with(resource.clone()));
        let proposal = Proposal {
            engine: &self.engine,
            tenant: &self.tenant,
            before: &before,
            after: &after,
            secrets: &self.secrets,
        };
        let mut problems = proposal.problems();
        problems.merge(compile(&proposal, &found));
        for resource in given.resources.values() {
            problems.merge(proposal.check_secrets(resource));
        }
        let elsewhere = proposal.elsewhere(&problems, |pointer| self.is_imported(pointer));
        problems.merge(given.problems);
        if elsewhere.is_empty() && !problems.iter().any(|(pointer, _)| self.is_imported(pointer)) {
            let directories = directories(given.resources.values());
            return Ok(Verdict { before, after, found, documents: given.documents, directories });
        }
        Err(self.refusal(&problems, elsewhere))
    }

    /// What of the configuration stays, whatever the dataset brings.
    fn left(&self, before: &Configuration) -> Configuration {
        let goes = |resource: &&Resource| match self.mode {
            ImportMode::Merge => false,
            ImportMode::Replace => self.kinds.contains(&resource.kind()),
        };
        before.iter().filter(|resource| !goes(resource)).cloned().collect()
    }

    /// The resources of the dataset that are imported, with the unique ids that they have or get.
    fn given(&self, before: &Configuration) -> Given {
        let mut given = Given::default();
        let sound = self.dataset.entries().iter().filter_map(|entry| entry.sound());
        for (document, resource) in sound.filter(|(document, _)| self.kinds.contains(&document.kind())) {
            let key = (document.kind(), document.id());
            let (mut document, mut resource) = (document.clone(), resource.clone());
            if let (
                Document::SynchronizationTaskDefinition(written),
                Resource::SynchronizationTaskDefinition(task),
            ) = (&mut document, &mut resource)
            {
                let known = before.synchronization_task(&key.1).and_then(|old| old.unique_id);
                let new_id = || known.unwrap_or_else(|| self.engine.surroundings().new_id());
                let unique_id = *written.unique_id.get_or_insert_with(new_id);
                task.unique_id = Some(unique_id);
                if let Some(known) = known.filter(|known| *known != unique_id) {
                    let message = format!("is `{unique_id}`, but stays `{known}`; leave it out");
                    given.problems.add(format!("{}/uniqueId", place(&key)), message);
                }
            }
            given.documents.insert(key.clone(), document.to_value());
            given.resources.insert(key, resource);
        }
        given
    }

    /// Whether a pointer leads into a resource that is imported.
    fn is_imported(&self, pointer: &str) -> bool {
        let segment = pointer.split('/').nth(1).unwrap_or_default();
        let kind = ConfigurationKind::from_path_segment(segment);
        kind.is_some_and(|kind| self.kinds.contains(&kind)) && self.dataset.has(pointer)
    }

    fn refusal(&self, problems: &Problems, elsewhere: Problems) -> ApiError {
        let mut here = Problems::new();
        for (pointer, messages) in problems.iter().filter(|(pointer, _)| self.is_imported(pointer)) {
            messages.iter().for_each(|message| here.add(pointer, message));
        }
        let problems = self.dataset.problems(&here);
        ApiError::Dataset(Box::new(BadDataset { problems, elsewhere }))
    }
}

/// The resources of a dataset that are imported.
#[derive(Debug, Default)]
struct Given {
    documents: Documents,
    resources: BTreeMap<Key, Resource>,
    problems: Problems,
}

/// The pointer of a resource, as [`Configuration::check`] has it.
fn place((kind, id): &Key) -> String {
    format!("/{}/{id}", kind.path_segment())
}

/// Whether the expressions of what is new compile.
fn compile(proposal: &Proposal<'_>, found: &[ResourceDifference]) -> Problems {
    let mut problems = Problems::new();
    for ResourceDifference { key, fate, .. } in found {
        match fate {
            Fate::Created | Fate::Updated => {
                if let Some(resource) = proposal.after.get(key.0, &key.1) {
                    problems.merge(proposal.check_compiles(resource));
                }
            }
            Fate::Unchanged | Fate::Deleted => {}
        }
    }
    problems
}
