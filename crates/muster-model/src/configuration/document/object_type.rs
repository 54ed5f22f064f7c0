//! The document of object types and their correlation, and what it means.

use crate::attribute::AttributeName;
use crate::condition::Condition;
use crate::configuration::application::{
    CorrelationItem, CorrelationRule, Direction, ObjectTypeMapping, Reactions, Recreated,
};
use crate::configuration::document::attribute_mapping::AttributeMappingDocument;
use crate::configuration::document::check::{check_not_empty, parse_list, parse_optional};
use crate::configuration::document::groups::GroupsDocument;
use crate::configuration::document::guards::GuardsDocument;
use crate::configuration::document::macros::document;
use crate::configuration::document::reactions::ReactionsDocument;
use crate::configuration::document::transformation::TransformationDocument;
use crate::configuration::document::value::{Parse, Word, unless_default};
use crate::configuration::problems::Trail;
use crate::ids::ObjectClassId;
use crate::object::ObjectKind;

document! {
    /// How accounts of one class and IM objects of one kind and type become each other.
    ObjectTypeDocument named "ObjectType" {
        /// The kind of IM objects.
        required object_kind: ObjectKind = "objectKind";
        /// Their type; absent (or null), this is the default for the kind.
        optional object_type: String = "objectType";
        /// The class of accounts, one of `objectClasses`.
        required object_class_id: ObjectClassId = "objectClassId";
        /// The direction it serves; absent, it serves both.
        optional direction: Direction = "direction";
        /// How an owner is found for an account that is not linked: in this order, the first that finds any
        /// decides.
        list correlation: CorrelationRuleDocument = "correlation" each "correlation";
        /// How attributes become each other.
        list attribute_mappings: AttributeMappingDocument = "attributeMappings" each "attributeMapping";
        /// What to do in which situation, where it differs from the defaults.
        optional reactions: ReactionsDocument = "reactions";
        /// Limits on what one run may change, where they differ from the defaults.
        optional guards: GuardsDocument = "guards";
        /// Objects that are never disabled, deleted or linked automatically.
        optional protected: Condition = "protected";
        /// Inbound, what becomes of an account under a new key that fits an object whose account is gone: RELINK
        /// links it, REPORT leaves it for somebody to decide.
        defaulted recreated: Recreated = "recreated";
        /// Inbound, what holds for the groups of the objects.
        optional groups: GroupsDocument = "groups";
    }
}

document! {
    /// One way to find the owner of an account: every item has to fit.
    CorrelationRuleDocument named "CorrelationRule" {
        /// What has to be equal.
        at_least_one items: CorrelationItemDocument = "items" each "item";
    }
}

document! {
    /// One pair of attributes that has to be equal.
    CorrelationItemDocument named "CorrelationItem" {
        /// The attribute of the account.
        required account_attribute: AttributeName = "accountAttribute";
        /// The attribute of the IM object.
        required object_attribute: AttributeName = "objectAttribute";
        /// What is done to both before they are compared, in this order.
        list normalizations: TransformationDocument = "normalizations" each "normalization";
    }
}

impl ObjectTypeDocument {
    fn check_mappings(&self, trail: &mut Trail) {
        let written = self.attribute_mappings.iter();
        let written = written.map(|mapping| format!("{} {}", mapping.direction.word(), mapping.attribute));
        trail.refuse_repeated("attributeMappings", written);

        let Some(direction) = self.direction else { return };
        for (index, mapping) in self.attribute_mappings.iter().enumerate() {
            if mapping.direction != direction {
                let message =
                    format!("is {}, but its object type is {}", mapping.direction.word(), direction.word());
                trail.enter("attributeMappings", |trail| {
                    trail.enter(&index.to_string(), |trail| trail.problem_in("direction", message));
                });
            }
        }
    }
}

impl ObjectTypeDocument {
    /// Fields that only say something where accounts become objects.
    fn check_inbound_fields(&self, trail: &mut Trail) {
        if self.direction == Some(Direction::Outbound) {
            let given = [("recreated", self.recreated.is_some()), ("groups", self.groups.is_some())];
            for (field, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
                trail.problem_in(field, "is for object types that serve INBOUND");
            }
            return;
        }
        let Some(groups) = &self.groups else { return };
        let gives = |mapping: &&AttributeMappingDocument| {
            mapping.direction == Direction::Inbound && mapping.attribute == groups.attribute
        };
        let problem = match self.attribute_mappings.iter().find(gives) {
            None => "no inbound mapping writes it; add one with `multiValued`",
            Some(mapping) if mapping.multi_valued != Some(true) => "its mapping is not `multiValued`",
            Some(_) => return,
        };
        trail.enter("groups", |trail| trail.problem_in("attribute", problem));
    }
}

impl Parse for ObjectTypeDocument {
    type Domain = ObjectTypeMapping;

    fn parse(&self, trail: &mut Trail) -> Option<ObjectTypeMapping> {
        check_not_empty("objectType", self.object_type.as_ref(), trail);
        self.check_mappings(trail);
        self.check_inbound_fields(trail);
        let correlation = parse_list("correlation", &self.correlation, trail);
        let attribute_mappings = parse_list("attributeMappings", &self.attribute_mappings, trail);
        let guards = parse_optional("guards", self.guards.as_ref(), trail);
        let groups = parse_optional("groups", self.groups.as_ref(), trail);
        let reactions = match &self.reactions {
            Some(document) => trail.enter("reactions", |trail| document.reactions(self.direction, trail)),
            None => Reactions::default(),
        };
        Some(ObjectTypeMapping {
            object_kind: self.object_kind,
            object_type: self.object_type.clone(),
            object_class_id: self.object_class_id.clone(),
            direction: self.direction,
            correlation: correlation?,
            attribute_mappings: attribute_mappings?,
            reactions,
            guards: guards?.unwrap_or_default(),
            protected: self.protected.clone(),
            recreated: self.recreated.unwrap_or_default(),
            groups: groups?,
        })
    }
}

impl From<&ObjectTypeMapping> for ObjectTypeDocument {
    fn from(object_type: &ObjectTypeMapping) -> Self {
        Self {
            object_kind: object_type.object_kind,
            object_type: object_type.object_type.clone(),
            object_class_id: object_type.object_class_id.clone(),
            direction: object_type.direction,
            correlation: object_type.correlation.iter().map(Into::into).collect(),
            attribute_mappings: object_type.attribute_mappings.iter().map(Into::into).collect(),
            reactions: ReactionsDocument::of(object_type.direction, &object_type.reactions),
            guards: GuardsDocument::of(&object_type.guards),
            protected: object_type.protected.clone(),
            recreated: unless_default(object_type.recreated),
            groups: object_type.groups.as_ref().map(Into::into),
        }
    }
}

impl Parse for CorrelationRuleDocument {
    type Domain = CorrelationRule;

    fn parse(&self, trail: &mut Trail) -> Option<CorrelationRule> {
        let pairs = self.items.iter();
        let pairs = pairs.map(|item| format!("{} = {}", item.account_attribute, item.object_attribute));
        trail.refuse_repeated("items", pairs);
        Some(CorrelationRule { items: parse_list("items", &self.items, trail)? })
    }
}

impl From<&CorrelationRule> for CorrelationRuleDocument {
    fn from(rule: &CorrelationRule) -> Self {
        Self { items: rule.items.iter().map(Into::into).collect() }
    }
}

impl Parse for CorrelationItemDocument {
    type Domain = CorrelationItem;

    fn parse(&self, trail: &mut Trail) -> Option<CorrelationItem> {
        Some(CorrelationItem {
            account_attribute: self.account_attribute.clone(),
            object_attribute: self.object_attribute.clone(),
            normalizations: parse_list("normalizations", &self.normalizations, trail)?,
        })
    }
}

impl From<&CorrelationItem> for CorrelationItemDocument {
    fn from(item: &CorrelationItem) -> Self {
        Self {
            account_attribute: item.account_attribute.clone(),
            object_attribute: item.object_attribute.clone(),
            normalizations: item.normalizations.iter().map(Into::into).collect(),
        }
    }
}
