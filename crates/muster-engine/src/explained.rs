//! Why a plan is as it is, told from the configuration that its run was launched with. Nothing of it is stored with
//! the changes, and nobody decides by it.

use std::sync::Arc;

use muster_connector::{Place, RemoteClass};
use muster_model::configuration::application::{
    AttributeMapping, Direction, ObjectClass, ObjectTypeMapping, Situation, Strategy, Taken,
};
use muster_model::configuration::document::transformation::TransformationDocument;
use muster_model::configuration::document::value::Word as _;
use muster_model::configuration::{Configuration, application::Application};
use muster_model::{ApplicationId, AttributeName, Field, ObjectKind, RunId};
use muster_plan::change::Action;
use muster_plan::cleanup::CleaningUp;
use muster_plan::rules::in_words;
use muster_store::{ChangeRow, RunRecord, StoreError, TenantStore};

use crate::configuration::{LoadedConfiguration, object_types};
use crate::outbound::AccountClass;
use crate::prepare::{CompiledTask, compile};
use crate::remote::remote_class;
use crate::{Connectors, Engine};

/// What the frozen configuration of a run says about its changes.
#[derive(Default)]
pub struct Explanation {
    /// One for each bucket, in their order; none where the configuration cannot be used any more.
    classes: Vec<Class>,
    connectors: Arc<Connectors>,
    /// Of a run that looks at objects alone, their kind.
    alone: Option<ObjectKind>,
    /// The run whose inverse it is.
    undoes: Option<RunId>,
}

/// A class of accounts of a run.
#[derive(Debug)]
struct Class {
    application: ApplicationId,
    direction: Direction,
    class: ObjectClass,
    remote: RemoteClass,
    connector: Option<String>,
    kind: ObjectKind,
    mappings: Vec<ObjectTypeMapping>,
}

/// How an attribute gets its value, as it was configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedMapping {
    /// SIMPLE or CUSTOM.
    pub strategy: &'static str,
    /// SIMPLE: the attribute that is read.
    pub source: Option<String>,
    /// What is taken of the object that the source refers to, where that is not its key.
    pub take: Option<&'static str>,
    /// SIMPLE: what is done to the value, in this order.
    pub transformations: Vec<&'static str>,
    /// CUSTOM: the expression.
    pub rule: Option<String>,
    /// When the value is written.
    pub strength: &'static str,
}

impl Engine {
    /// What the configuration of a run says about its changes.
    ///
    /// # Errors
    /// When the store fails. A configuration that can no longer be used explains nothing.
    pub async fn explain(&self, store: &TenantStore, run: &RunRecord) -> Result<Explanation, StoreError> {
        let body = store.rules_body(&run.rules).await?;
        let Ok(loaded) = LoadedConfiguration::parse(body) else { return Ok(Explanation::default()) };
        let Ok(task) = compile(&loaded.resources, &run.task_kind, &run.task) else {
            return Ok(Explanation::default());
        };
        let of = |application: &Application, class: &ObjectClass, kind, direction| {
            Class::of(&loaded.resources, (application, class), kind, direction)
        };
        let mut alone = None;
        let classes = match task {
            CompiledTask::Cleanup(_) => {
                alone = Some(CleaningUp::KIND);
                Vec::new()
            }
            CompiledTask::Inbound(task) => {
                vec![of(&task.application, &task.class, task.rules.object_kind, Direction::Inbound)]
            }
            CompiledTask::Outbound(task) => {
                let classes = task.classes().iter();
                let of = |class: &AccountClass| {
                    of(&class.application, &class.class, class.target.kind, Direction::Outbound)
                };
                classes.map(of).collect()
            }
        };
        Ok(Explanation { classes, connectors: self.connectors.clone(), alone, undoes: run.undoes })
    }
}

impl Class {
    fn of(
        configuration: &Configuration,
        (application, class): (&Application, &ObjectClass),
        kind: ObjectKind,
        direction: Direction,
    ) -> Self {
        let definition = configuration.connector_definition(&application.connector_definition_id);
        let mut mappings: Vec<_> = object_types(application, direction, Some(&class.id)).cloned().collect();
        // Inbound all accounts of a class become objects of one type.
        if direction == Direction::Inbound {
            mappings.truncate(1);
        }
        Self {
            application: application.id.clone(),
            direction,
            remote: remote_class(application, class),
            class: class.clone(),
            connector: definition.map(|definition| definition.connector_type.to_string()),
            kind,
            mappings,
        }
    }

    fn mappings_of(&self, attribute: &AttributeName) -> Vec<ExplainedMapping> {
        let declared = self.mappings.iter().flat_map(|mapping| &mapping.attribute_mappings);
        let mut found: Vec<ExplainedMapping> = declared
            .filter(|mapping| mapping.direction == self.direction && mapping.attribute == *attribute)
            .map(ExplainedMapping::from)
            .collect();
        found.dedup();
        found
    }

    /// The attribute that people know the object or account by.
    fn naming(&self) -> Option<&AttributeName> {
        let remote = self.class.name_attribute.as_ref();
        match self.direction {
            Direction::Outbound => remote,
            Direction::Inbound => {
                let named =
                    remote.and_then(|name| self.mappings.iter().find_map(|mapping| mapping.copy_of(name)));
                named.or_else(|| self.first_correlated())
            }
        }
    }

    fn first_correlated(&self) -> Option<&AttributeName> {
        let rules = self.mappings.iter().flat_map(|mapping| &mapping.correlation);
        rules.flat_map(|rule| &rule.items).map(|item| &item.object_attribute).next()
    }

    fn why(&self, change: &ChangeRow) -> Vec<String> {
        let (situation, reaction) = (change.situation, change.reaction);
        let mut told = Vec::new();
        let set = self.mappings.iter().flat_map(|mapping| &mapping.reactions.0);
        let is_set =
            set.into_iter().any(|(direction, of, _)| (*direction, *of) == (self.direction, situation));
        let origin = if is_set { "as configured" } else { "as usual" };
        match (self.direction, situation, &change.profile) {
            (Direction::Outbound, Situation::Unassigned, Some(profile)) => {
                told.push(format!("profile `{profile}` granted the account, and no profile does now"));
            }
            (Direction::Outbound, _, Some(profile)) => told.push(format!("profile `{profile}` grants it")),
            (Direction::Inbound, _, _) | (Direction::Outbound, _, None) => {}
        }
        told.push(format!("the reaction to {} is {}, {origin}", situation.as_str(), reaction.as_str()));
        if self.direction == Direction::Inbound && change.action == Action::Create {
            let rules = self.mappings.iter().flat_map(|mapping| &mapping.correlation);
            let rules: Vec<_> = rules.map(in_words).collect();
            if !rules.is_empty() {
                told.push(format!("no object fits by {}", rules.join(", nor by ")));
            }
        }
        told
    }
}

impl Explanation {
    /// Where an account stood, in the words of its source.
    #[must_use]
    pub fn place(&self, change: &ChangeRow) -> Option<String> {
        let (class, place) = (self.class(change)?, change.place?);
        let connector = self.connectors.get(class.connector.as_deref()?)?;
        Some(connector.place(&class.remote, Place(place)))
    }

    /// The kind of the object of a change.
    #[must_use]
    pub fn kind(&self, change: &ChangeRow) -> Option<ObjectKind> {
        self.class(change).map(|class| class.kind).or(self.alone)
    }

    /// What people know the object or account of a change by, as far as the change itself says.
    #[must_use]
    pub fn name(&self, change: &ChangeRow) -> Option<String> {
        if self.alone.is_some() {
            return Some(change.uid.clone());
        }
        let attribute = self.class(change)?.naming()?;
        let after = change.result.get(attribute.as_str());
        let before = change.before.iter().find(|(name, _)| name == attribute).map(|(_, field)| field);
        [Some(after), before].into_iter().flatten().find_map(|field| match field {
            Field::One(value) => Some(value.to_text().to_string()),
            Field::Absent | Field::Null | Field::Many(_) => None,
        })
    }

    /// Why there is this change: what was found, what says what is done then, and what else led to it.
    #[must_use]
    pub fn why(&self, change: &ChangeRow) -> Option<String> {
        if let Some(undone) = self.undoes {
            return Some(format!("it undoes change {} of run {undone}", change.number));
        }
        let mut told = self.class(change).map(|class| class.why(change)).unwrap_or_default();
        told.extend(change.why.clone());
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// How an attribute gets its value. Of several mappings the first that has a value counts.
    #[must_use]
    pub fn mappings(&self, change: &ChangeRow, attribute: &AttributeName) -> Vec<ExplainedMapping> {
        // What is put back no mapping decided.
        if self.undoes.is_some() {
            return Vec::new();
        }
        self.class(change).map(|class| class.mappings_of(attribute)).unwrap_or_default()
    }

    /// How the mappings of an application give an attribute of objects of a kind its value.
    #[must_use]
    pub fn value_mappings(
        &self,
        (application, kind): (&ApplicationId, ObjectKind),
        attribute: &AttributeName,
    ) -> Vec<ExplainedMapping> {
        let wrote = |class: &&Class| {
            class.direction == Direction::Inbound && class.kind == kind && class.application == *application
        };
        self.classes.iter().filter(wrote).flat_map(|class| class.mappings_of(attribute)).collect()
    }

    fn class(&self, change: &ChangeRow) -> Option<&Class> {
        self.classes.get(change.bucket as usize)
    }
}

impl From<&AttributeMapping> for ExplainedMapping {
    fn from(mapping: &AttributeMapping) -> Self {
        let (strategy, source, rule, transformations) = match &mapping.strategy {
            Strategy::Simple { source, transformations } => {
                let word = |step| TransformationDocument::from(step).transformation_type.word();
                ("SIMPLE", Some(source.to_string()), None, transformations.iter().map(word).collect())
            }
            Strategy::Custom { rule } => ("CUSTOM", None, Some(rule.clone()), Vec::new()),
        };
        Self {
            strategy,
            source,
            take: (mapping.take != Taken::Key).then(|| mapping.take.as_str()),
            transformations,
            rule,
            strength: mapping.strength.word(),
        }
    }
}

impl std::fmt::Display for ExplainedMapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.source, &self.rule) {
            (Some(source), _) => write!(f, "`{source}`")?,
            (None, Some(rule)) => write!(f, "expression `{rule}`")?,
            (None, None) => {}
        }
        if let Some(take) = self.take {
            write!(f, " {take}")?;
        }
        for transformation in &self.transformations {
            write!(f, " {transformation}")?;
        }
        write!(f, ", {}", self.strength)
    }
}
