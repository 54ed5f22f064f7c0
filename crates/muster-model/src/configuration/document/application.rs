//! The document of applications, and what it means.

use std::collections::{BTreeMap, BTreeSet};

use crate::configuration::application::{
    Application, Direction, ObjectClass, ObjectTypeMapping, Reaction, Situation, Taken,
};
use crate::configuration::attribute_type::AttributeType;
use crate::configuration::document::check::parse_list;
use crate::configuration::document::macros::document;
use crate::configuration::document::object_class::ObjectClassDocument;
use crate::configuration::document::object_type::ObjectTypeDocument;
use crate::configuration::document::value::{Parse, Word};
use crate::configuration::problems::Trail;
use crate::ids::{ApplicationId, ConfigurationId};

document! {
    /// A remote system as Muster sees it: what it holds and how that maps to IM objects.
    ApplicationDocument named "Application" {
        /// The caller's own id.
        required id: ApplicationId = "id";
        /// What people call it.
        required name: String = "name";
        /// What it is for.
        optional description: String = "description";
        /// The connector definition that reaches it.
        required connector_definition_id: ConfigurationId = "connectorDefinitionId";
        /// The classes of objects it holds.
        list object_classes: ObjectClassDocument = "objectClasses" each "objectClass";
        /// One sub-configuration per kind and type of IM object.
        list object_types: ObjectTypeDocument = "objectTypes" each "objectType";
    }
}

impl Parse for ApplicationDocument {
    type Domain = Application;

    fn parse(&self, trail: &mut Trail) -> Option<Application> {
        trail.refuse_repeated("objectClasses", self.object_classes.iter().map(|class| &class.id));
        let object_classes = parse_list("objectClasses", &self.object_classes, trail);
        let object_types = parse_list("objectTypes", &self.object_types, trail);
        self.check_classes(trail);
        self.check_types_differ(trail);
        self.check_attribute_types(trail);
        self.check_keys(trail);
        self.check_anonymizing(object_classes.as_deref(), object_types.as_deref(), trail);
        Some(Application {
            id: self.id.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            connector_definition_id: self.connector_definition_id.clone(),
            object_classes: object_classes?,
            object_types: object_types?,
        })
    }
}

impl ApplicationDocument {
    fn check_classes(&self, trail: &mut Trail) {
        let known: BTreeSet<_> = self.object_classes.iter().map(|class| &class.id).collect();
        self.visit_object_types(trail, |object_type, trail| {
            let id = &object_type.object_class_id;
            if !known.contains(id) {
                trail.problem_in(
                    "objectClassId",
                    format!("there is no object class `{id}` in `objectClasses`"),
                );
            }
        });
    }

    /// Within a direction, a kind and type has one sub-configuration, and a kind one default.
    fn check_types_differ(&self, trail: &mut Trail) {
        let mut seen = BTreeSet::new();
        self.visit_object_types(trail, |object_type, trail| {
            let kind = object_type.object_kind;
            for direction in [Direction::Inbound, Direction::Outbound] {
                if object_type.direction.is_some_and(|served| served != direction)
                    || seen.insert((direction, kind, object_type.object_type.as_deref()))
                {
                    continue;
                }
                let direction = direction.word();
                let message = match &object_type.object_type {
                    Some(name) => format!("{kind} `{name}` has an object type for {direction} already"),
                    None => format!("{kind} has a default object type for {direction} already"),
                };
                trail.problem_in("objectType", message);
            }
        });
    }

    /// All mappings of one attribute agree: inbound of one kind of objects, outbound of one class of
    /// accounts.
    fn check_attribute_types(&self, trail: &mut Trail) {
        let mut known = BTreeMap::new();
        self.visit_object_types(trail, |object_type, trail| {
            for (index, mapping) in object_type.attribute_mappings.iter().enumerate() {
                let owner = match mapping.direction {
                    Direction::Inbound => object_type.object_kind.as_str(),
                    Direction::Outbound => object_type.object_class_id.as_str(),
                };
                let said = AttributeType::from(mapping);
                let key = (mapping.direction, owner, &mapping.attribute);
                let first = known.entry(key).or_insert_with(|| said.clone());
                if *first != said {
                    let message = format!(
                        "`{}` of {owner} is {said} here, but {first} in an earlier mapping",
                        mapping.attribute
                    );
                    trail.enter("attributeMappings", |trail| {
                        trail.enter(&index.to_string(), |trail| trail.problem_in("type", message));
                    });
                }
            }
        });
    }

    /// The key of an account is known from its owner alone, so that those who refer to it can be told what it
    /// will be.
    fn check_keys(&self, trail: &mut Trail) {
        self.visit_object_types(trail, |object_type, trail| {
            let class = self.object_classes.iter().find(|class| class.id == object_type.object_class_id);
            let key = class.map(|class| &class.uid_attribute);
            for (index, mapping) in object_type.attribute_mappings.iter().enumerate() {
                let take = mapping.take.unwrap_or_default();
                if mapping.direction != Direction::Outbound
                    || take == Taken::Key
                    || Some(&mapping.attribute) != key
                {
                    continue;
                }
                let message = format!(
                    "is {}, but `{}` is the key of an account, which cannot depend on another object",
                    take.word(),
                    mapping.attribute
                );
                trail.enter("attributeMappings", |trail| {
                    trail.enter(&index.to_string(), |trail| trail.problem_in("take", message));
                });
            }
        });
    }

    /// Who is anonymized gets another name, and is found again by the key.
    fn check_anonymizing(
        &self,
        classes: Option<&[ObjectClass]>,
        object_types: Option<&[ObjectTypeMapping]>,
        trail: &mut Trail,
    ) {
        let (Some(classes), Some(object_types)) = (classes, object_types) else { return };
        let mut parsed = object_types.iter();
        self.visit_object_types(trail, |document, trail| {
            let Some(object_type) = parsed.next() else { return };
            let Some(class) = classes.iter().find(|class| class.id == document.object_class_id) else { return };
            let missing = object_type.reactions.effective(Direction::Inbound, Situation::Missing);
            if missing == Some(Reaction::Anonymize) && object_type.name_of_objects(class).is_none() {
                let message = format!(
                    "ANONYMIZE gives objects another name: object class `{}` needs a `nameAttribute` other than its \
                     `uidAttribute`, and a SIMPLE inbound mapping of it",
                    class.id
                );
                trail.problem_in("reactions", message);
            }
        });
    }

    fn visit_object_types<'a>(
        &'a self,
        trail: &mut Trail,
        mut visit: impl FnMut(&'a ObjectTypeDocument, &mut Trail),
    ) {
        trail.enter("objectTypes", |trail| {
            for (index, object_type) in self.object_types.iter().enumerate() {
                trail.enter(&index.to_string(), |trail| visit(object_type, trail));
            }
        });
    }
}

impl From<&Application> for ApplicationDocument {
    fn from(application: &Application) -> Self {
        Self {
            id: application.id.clone(),
            name: application.name.clone(),
            description: application.description.clone(),
            connector_definition_id: application.connector_definition_id.clone(),
            object_classes: application.object_classes.iter().map(Into::into).collect(),
            object_types: application.object_types.iter().map(Into::into).collect(),
        }
    }
}
