//! Checks between resources: what each of them alone cannot know.

use std::collections::BTreeMap;

use crate::configuration::application::{
    Application, AttributeMapping, Direction, ObjectClass, ObjectTypeMapping, Strategy, Taken,
};
use crate::configuration::attribute_type::AttributeType;
use crate::configuration::problems::{Problems, Trail};
use crate::configuration::profile::ApplicationProfile;
use crate::configuration::resource::{ConfigurationReference, Resource};
use crate::configuration::set::Configuration;
use crate::configuration::task::{
    Cleanup, CleanupAction, ProvisioningTaskDefinition, SynchronizationTaskDefinition, TaskType,
};
use crate::ids::{ApplicationId, ObjectClassId};
use crate::object::ObjectKind;

/// What every IM object can be sorted by.
const BUILT_IN_SORTS: [&str; 2] = ["createdAt", "id"];

/// All that is wrong between the resources of a tenant.
pub(super) fn check(configuration: &Configuration) -> Problems {
    let mut problems = Problems::new();
    for resource in configuration.iter() {
        let mut trail = Trail::default();
        let place = Configuration::pointer(resource);
        problems.merge(dangling(configuration, &resource.references()).placed_under(&place));
        match resource {
            Resource::ApplicationProfile(profile) => check_profile(configuration, profile, &mut trail),
            Resource::SynchronizationTaskDefinition(task) => check_task(configuration, task, &mut trail),
            Resource::Application(application) => check_taken(configuration, application, &mut trail),
            Resource::ProvisioningTaskDefinition(task) => check_sort(configuration, task, &mut trail),
            Resource::ConnectorDefinition(_)
            | Resource::SynchronizationTaskPostProcessingDefinition(_)
            | Resource::ProvisioningTaskPostProcessingDefinition(_) => {}
        }
        problems.merge(trail.into_problems().placed_under(&place));
    }
    check_shared_attributes(configuration, &mut problems);
    problems
}

pub(super) fn dangling(configuration: &Configuration, references: &[ConfigurationReference]) -> Problems {
    let mut problems = Problems::new();
    for reference in references.iter().filter(|reference| configuration.resolve(reference).is_none()) {
        let kinds: Vec<_> = reference.kinds.iter().map(ToString::to_string).collect();
        let message = format!("there is no {} `{}`", kinds.join(" or "), reference.id);
        problems.add(reference.pointer.clone(), message);
    }
    problems
}

/// IM objects have the attributes that inbound mappings write, and no others can sort them.
fn check_sort(configuration: &Configuration, task: &ProvisioningTaskDefinition, trail: &mut Trail) {
    let by = task.sort.by.as_str();
    let writes = |mapping: &AttributeMapping| {
        mapping.direction == Direction::Inbound && mapping.attribute.as_str() == by
    };
    let object_types = configuration.applications().flat_map(|application| &application.object_types);
    let mut mappings = object_types.flat_map(|object_type| &object_type.attribute_mappings);
    if !BUILT_IN_SORTS.contains(&by) && !mappings.any(writes) {
        let message = format!("there is no attribute `{by}`: no inbound mapping writes it");
        trail.problem_in("sortExpression", message);
    }
}

fn check_task(configuration: &Configuration, task: &SynchronizationTaskDefinition, trail: &mut Trail) {
    check_first_tasks(configuration, task, trail);
    if let TaskType::Cleanup(cleanup) = &task.task_type {
        check_cleanup(configuration, cleanup, trail);
    }
    let Some(source) = task.task_type.source() else { return };
    let Some(application) = configuration.application(&source.application_id) else { return };
    let id = &source.object_class_id;
    if find_class(application, id).is_none() {
        let message = format!("application `{}` has no object class `{id}`", application.id);
        trail.problem_in("objectClassId", message);
        return;
    }
    let of_class = |object_type: &&ObjectTypeMapping| object_type.object_class_id == *id;
    if !served(application, Direction::Inbound).any(|object_type| of_class(&object_type)) {
        let message =
            format!("application `{}` has no inbound object type for object class `{id}`", application.id);
        trail.problem_in("objectClassId", message);
    }
}

/// Who is anonymized gets another name, which some source has to give first.
fn check_cleanup(configuration: &Configuration, cleanup: &Cleanup, trail: &mut Trail) {
    let names = |application: &Application| {
        served(application, Direction::Inbound).any(|object_type| {
            let class = find_class(application, &object_type.object_class_id);
            object_type.object_kind == ObjectKind::Identity
                && class.is_some_and(|class| object_type.name_of_objects(class).is_some())
        })
    };
    if cleanup.action == CleanupAction::Anonymize && !configuration.applications().any(names) {
        let message = "is ANONYMIZE, which gives users another name, but no application has a SIMPLE inbound mapping \
            of a `nameAttribute` for IDENTITY";
        trail.problem_in("action", message);
    }
}

/// Tasks that wait for each other in a circle would never start.
fn check_first_tasks(configuration: &Configuration, task: &SynchronizationTaskDefinition, trail: &mut Trail) {
    if configuration.preceding_tasks(&task.id).contains(&&task.id) {
        trail.problem_in("preSynchronization", "leads back to this task in a circle");
    }
}

fn check_profile(configuration: &Configuration, profile: &ApplicationProfile, trail: &mut Trail) {
    let Some(application) = configuration.application(&profile.application_id) else { return };
    let kind = profile.object_kind;
    if !served(application, Direction::Outbound).any(|object_type| object_type.object_kind == kind) {
        let message = format!("application `{}` has no outbound object type for {kind}", application.id);
        trail.problem_in("objectKind", message);
    }
    trail.enter("entitlementAssignments", |trail| {
        for (index, assignment) in profile.entitlement_assignments.iter().enumerate() {
            let id = &assignment.object_class_id;
            let message = match find_class(application, id) {
                None => format!("application `{}` has no object class `{id}`", application.id),
                Some(class) if class.membership.is_none() => {
                    format!("object class `{id}` of application `{}` has no `membership`", application.id)
                }
                Some(_) => continue,
            };
            trail.enter(&index.to_string(), |trail| trail.problem_in("objectClassId", message));
        }
    });
}

/// What is taken of an object can only be taken of one that a reference names, and its account's key only where
/// objects of its kind have accounts.
fn check_taken(configuration: &Configuration, application: &Application, trail: &mut Trail) {
    trail.enter("objectTypes", |trail| {
        for (i, object_type) in application.object_types.iter().enumerate() {
            for (j, mapping) in object_type.attribute_mappings.iter().enumerate() {
                let Strategy::Simple { source, .. } = &mapping.strategy else { continue };
                if mapping.take == Taken::Key {
                    continue;
                }
                let target = configuration.reference_target(object_type.object_kind, source);
                let message = match target.map(|target| target.object_kind) {
                    None => format!(
                        "`{source}` of {} is no reference: no inbound mapping gives it the `type` REFERENCE",
                        object_type.object_kind
                    ),
                    Some(kind)
                        if mapping.take == Taken::RemoteName
                            && !served(application, Direction::Outbound).any(|o| o.object_kind == kind) =>
                    {
                        format!("refers to {kind}, for which this application has no outbound object type")
                    }
                    Some(_) => continue,
                };
                trail.enter(&i.to_string(), |trail| {
                    trail.enter("attributeMappings", |trail| {
                        trail.enter(&j.to_string(), |trail| trail.problem_in("source", message));
                    });
                });
            }
        }
    });
}

fn find_class<'a>(application: &'a Application, id: &ObjectClassId) -> Option<&'a ObjectClass> {
    application.object_classes.iter().find(|class| class.id == *id)
}

fn served(application: &Application, direction: Direction) -> impl Iterator<Item = &ObjectTypeMapping> {
    let object_types = application.object_types.iter();
    object_types.filter(move |object_type| object_type.direction.is_none_or(|served| served == direction))
}

/// An inbound mapping, and where it stands.
struct Inbound<'a> {
    application: &'a ApplicationId,
    pointer: String,
    mapping: &'a AttributeMapping,
}

/// Of two applications that map one attribute of a kind inbound one has the higher authority, and both mean
/// the same type. Types within one application are a matter of its own document.
///
/// Each mapping is told of one other that it contradicts: of many applications that all contradict each other, the
/// pairs would be more than anybody reads.
fn check_shared_attributes(configuration: &Configuration, problems: &mut Problems) {
    for ((kind, attribute), mappings) in inbound_mappings(configuration) {
        let what = format!("`{attribute}` of {kind}");
        let (mut authorities, mut types) = (BTreeMap::new(), Vec::new());
        for inbound in &mappings {
            authorities.entry(inbound.mapping.authority).or_insert_with(Bearers::default).add(inbound);
            let said = AttributeType::from(inbound.mapping);
            match types.iter_mut().find(|(known, _)| *known == said) {
                Some((_, bearers)) => Bearers::add(bearers, inbound),
                None => types.push((said, Bearers::of(inbound))),
            }
        }
        for inbound in &mappings {
            let authority = inbound.mapping.authority;
            if let Some(elsewhere) = authorities.get(&authority).and_then(|same| same.other_than(inbound)) {
                let message = format!(
                    "application `{elsewhere}` maps {what} with authority {authority} too; one has to be higher"
                );
                problems.add(format!("{}/authority", inbound.pointer), message);
            }
            let said = AttributeType::from(inbound.mapping);
            let others = types.iter().filter(|(other, _)| *other != said);
            let mut others =
                others.filter_map(|(other, bearers)| Some((other, bearers.other_than(inbound)?)));
            if let Some((said_there, elsewhere)) = others.next() {
                let message = format!("{what} is {said} here, but {said_there} in application `{elsewhere}`");
                problems.add(format!("{}/type", inbound.pointer), message);
            }
        }
    }
}

/// The first two applications whose mappings say the same.
#[derive(Default)]
struct Bearers<'a>(Vec<&'a ApplicationId>);

impl<'a> Bearers<'a> {
    fn of(inbound: &Inbound<'a>) -> Self {
        Self(vec![inbound.application])
    }

    fn add(&mut self, inbound: &Inbound<'a>) {
        if self.0.len() < 2 && !self.0.contains(&inbound.application) {
            self.0.push(inbound.application);
        }
    }

    fn other_than(&self, inbound: &Inbound<'_>) -> Option<&'a ApplicationId> {
        self.0.iter().copied().find(|application| *application != inbound.application)
    }
}

fn inbound_mappings(configuration: &Configuration) -> BTreeMap<(ObjectKind, &str), Vec<Inbound<'_>>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for resource in configuration.iter() {
        let Resource::Application(application) = resource else { continue };
        let above = Configuration::pointer(resource);
        for (i, object_type) in application.object_types.iter().enumerate() {
            for (j, mapping) in object_type.attribute_mappings.iter().enumerate() {
                if mapping.direction == Direction::Inbound {
                    let pointer = format!("{above}/objectTypes/{i}/attributeMappings/{j}");
                    let key = (object_type.object_kind, mapping.attribute.as_str());
                    let inbound = Inbound { application: &application.id, pointer, mapping };
                    found.entry(key).or_default().push(inbound);
                }
            }
        }
    }
    found
}
