//! The document of attribute mappings, and what it means.

use crate::attribute::{AttributeName, ValueType};
use crate::configuration::application::{
    AttributeMapping, Direction, OnNoMatch, ReferenceTarget, Strategy, Strength, Taken,
};
use crate::configuration::document::check::{
    Choice, check_choice, check_not_empty, parse_list, parse_optional,
};
use crate::configuration::document::macros::document;
use crate::configuration::document::transformation::TransformationDocument;
use crate::configuration::document::value::{Parse, Word, unless_default};
use crate::configuration::document::words::StrategyWord;
use crate::configuration::problems::Trail;
use crate::object::ObjectKind;

document! {
    /// How one attribute gets its value. Inbound the attribute is the IM object's and the source the
    /// account's, outbound the other way round.
    AttributeMappingDocument named "AttributeMapping" {
        /// The attribute that is written.
        required attribute: AttributeName = "attribute";
        /// Which way it works.
        required direction: Direction = "direction";
        /// How the value is found: SIMPLE copies the source and applies the transformations, CUSTOM is one
        /// expression.
        required strategy: StrategyWord = "strategy";
        /// SIMPLE: the attribute that is read.
        optional source: AttributeName = "source";
        /// OUTBOUND and SIMPLE, where the source is a reference: what is taken of the object that it names. KEY
        /// takes the key as it is, ID the object's id, REMOTE_NAME the key of the object's account in this
        /// application. What cannot be taken yet counts as absent, and is looked for again by every run.
        defaulted take: Taken = "take";
        /// SIMPLE: what is done to the value, in this order.
        list transformations: TransformationDocument = "transformations" each "transformation";
        /// CUSTOM: the expression.
        optional rule: String = "rule";
        /// When the value is written: STRONG at every decision, NORMAL when the source value has changed
        /// since the last run, WEAK only into an absent target.
        defaulted strength: Strength = "strength";
        /// The type of the values.
        defaulted value_type: ValueType = "type";
        /// Whether the attribute holds several values.
        defaulted multi_valued: bool = "multiValued";
        /// For type REFERENCE: what is referred to.
        optional reference: ReferenceTargetDocument = "reference";
        /// Of two applications that map one attribute the higher authority wins; equal ones are refused.
        defaulted authority: i32 = "authority";
        /// What happens to a value that no transformation applies to: RAW takes it as it is, KEEP leaves the
        /// target, CLEAR clears it, FILTER filters the entry. Of several values each is looked at by itself: KEEP
        /// keeps it where the target has it, CLEAR and FILTER leave it out; if none has a match, as for one value.
        defaulted on_no_match: OnNoMatch = "onNoMatch";
    }
}

document! {
    /// What a reference points at.
    ReferenceTargetDocument named "ReferenceTarget" {
        /// The kind of object.
        required object_kind: ObjectKind = "objectKind";
        /// The attribute of that object which the value is matched with.
        required by_attribute: AttributeName = "byAttribute";
    }
}

impl AttributeMappingDocument {
    fn check(&self, trail: &mut Trail) {
        let (needed, admitted): (&[&str], &[&str]) = match self.strategy {
            StrategyWord::Simple => (&["source"], &["transformations"]),
            StrategyWord::Custom => (&["rule"], &[]),
        };
        let name = format!("`strategy` {}", self.strategy.word());
        let governed = &["source", "transformations", "rule"];
        check_choice(self, &Choice { name, needed, admitted, governed }, trail);
        check_not_empty("rule", self.rule.as_ref(), trail);

        let value_type = self.value_type.unwrap_or_default();
        let needed: &[&str] = if value_type == ValueType::Reference { &["reference"] } else { &[] };
        let name = format!("`type` {}", value_type.word());
        check_choice(self, &Choice { name, needed, admitted: &[], governed: &["reference"] }, trail);
    }

    fn check_take(&self, trail: &mut Trail) {
        let take = self.take.unwrap_or_default();
        if take == Taken::RemoteName {
            // The value is compared with keys of accounts, so that they come before those who name them.
            if !self.transformations.is_empty() {
                let message = "does not belong to `take` REMOTE_NAME, which is taken as it is";
                trail.problem_in("transformations", message);
            }
            let value_type = self.value_type.unwrap_or_default();
            if value_type != ValueType::String {
                let message = format!("is {}, but `take` REMOTE_NAME gives a STRING", value_type.word());
                trail.problem_in("type", message);
            }
        }
        let problem = match (take, self.direction, self.strategy) {
            (Taken::Key, ..) | (_, Direction::Outbound, StrategyWord::Simple) => return,
            (_, Direction::Inbound, _) => {
                format!("is {}, which only OUTBOUND mappings can take", take.word())
            }
            (_, Direction::Outbound, StrategyWord::Custom) => {
                format!("is {}, which does not belong to `strategy` CUSTOM", take.word())
            }
        };
        trail.problem_in("take", problem);
    }

    fn strategy(&self, trail: &mut Trail) -> Option<Strategy> {
        let transformations = parse_list("transformations", &self.transformations, trail);
        Some(match self.strategy {
            StrategyWord::Simple => {
                Strategy::Simple { source: self.source.clone()?, transformations: transformations? }
            }
            StrategyWord::Custom => Strategy::Custom { rule: self.rule.clone()? },
        })
    }
}

impl Parse for AttributeMappingDocument {
    type Domain = AttributeMapping;

    // Whether a rule compiles is known to `muster-plan`.
    fn parse(&self, trail: &mut Trail) -> Option<AttributeMapping> {
        self.check(trail);
        self.check_take(trail);
        let strategy = self.strategy(trail);
        let reference = parse_optional("reference", self.reference.as_ref(), trail);
        Some(AttributeMapping {
            attribute: self.attribute.clone(),
            direction: self.direction,
            strategy: strategy?,
            take: self.take.unwrap_or_default(),
            strength: self.strength.unwrap_or_default(),
            value_type: self.value_type.unwrap_or_default(),
            multi_valued: self.multi_valued.unwrap_or_default(),
            reference: reference?,
            authority: self.authority.unwrap_or_default(),
            on_no_match: self.on_no_match.unwrap_or_default(),
        })
    }
}

impl From<&AttributeMapping> for AttributeMappingDocument {
    fn from(mapping: &AttributeMapping) -> Self {
        let (strategy, source, transformations, rule) = match &mapping.strategy {
            Strategy::Simple { source, transformations } => {
                (StrategyWord::Simple, Some(source.clone()), transformations.as_slice(), None)
            }
            Strategy::Custom { rule } => (StrategyWord::Custom, None, [].as_slice(), Some(rule.clone())),
        };
        Self {
            attribute: mapping.attribute.clone(),
            direction: mapping.direction,
            strategy,
            source,
            take: unless_default(mapping.take),
            transformations: transformations.iter().map(Into::into).collect(),
            rule,
            strength: unless_default(mapping.strength),
            value_type: unless_default(mapping.value_type),
            multi_valued: unless_default(mapping.multi_valued),
            reference: mapping.reference.as_ref().map(Into::into),
            authority: unless_default(mapping.authority),
            on_no_match: unless_default(mapping.on_no_match),
        }
    }
}

impl Parse for ReferenceTargetDocument {
    type Domain = ReferenceTarget;

    fn parse(&self, _: &mut Trail) -> Option<ReferenceTarget> {
        Some(ReferenceTarget { object_kind: self.object_kind, by_attribute: self.by_attribute.clone() })
    }
}

impl From<&ReferenceTarget> for ReferenceTargetDocument {
    fn from(target: &ReferenceTarget) -> Self {
        Self { object_kind: target.object_kind, by_attribute: target.by_attribute.clone() }
    }
}
