//! Rules: one object type mapping of an application, compiled for one direction.

use muster_model::condition::Condition;
use muster_model::configuration::application::{
    AttributeMapping, CorrelationRule, Direction, ObjectTypeMapping, OnNoMatch, Reaction, Reactions,
    Recreated, ReferenceTarget, Situation, Strategy, Strength,
};
use muster_model::{
    ApplicationId, AttributeName, AttributeSource, Attributes, DirectoryId, ObjectKind, ValueType,
};

use crate::digest::{Canonical, Digest, RULES_VERSION};
use crate::expression::Expression;
use crate::groups::Groups;
use crate::key::{KeyHash, KeySpec};
use crate::outbound::taken::Takes;
use crate::transform::Transformations;

/// Something in a configuration that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// JSON pointer to the place, within the object type mapping.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

/// One compiled mapping.
#[derive(Debug)]
pub struct Mapping {
    pub(crate) attribute: AttributeName,
    pub(crate) value: ValueRule,
    pub(crate) strength: Strength,
    pub(crate) value_type: ValueType,
    pub(crate) multi_valued: bool,
    pub(crate) reference: Option<ReferenceTarget>,
    pub(crate) on_no_match: OnNoMatch,
    pub(crate) reads: Vec<AttributeName>,
    /// Applications whose mapping of the attribute has the higher authority.
    pub(crate) outranked_by: Vec<ApplicationId>,
}

/// How a mapping finds its value.
#[derive(Debug)]
pub(crate) enum ValueRule {
    Simple { source: AttributeName, transformations: Transformations },
    Custom(Expression),
}

/// One compiled correlation rule.
#[derive(Debug)]
pub struct Correlation {
    spec: KeySpec,
    account_attributes: Vec<AttributeName>,
    text: String,
}

impl Correlation {
    /// The hashes under which the owner of this account is looked for.
    #[must_use]
    pub fn of_account(&self, directory: &DirectoryId, account: &dyn AttributeSource) -> Vec<KeyHash> {
        self.spec.hashes(directory, self.account_attributes.iter().map(AttributeName::as_str), account)
    }

    /// What the rule reads of an account.
    pub(crate) fn compared(&self, account: &dyn AttributeSource) -> Attributes {
        let read = |name: &AttributeName| (name.clone(), account.field(name.as_str()).into_owned());
        self.account_attributes.iter().map(read).collect()
    }

    /// The rule in words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// One object type mapping, compiled for one direction.
#[derive(Debug)]
pub struct Rules {
    /// The direction.
    pub direction: Direction,
    /// The kind of IM objects.
    pub object_kind: ObjectKind,
    /// Their type.
    pub object_type: Option<String>,
    /// How owners are found.
    pub correlation: Vec<Correlation>,
    /// The mappings of the direction, in their order.
    pub mappings: Vec<Mapping>,
    /// Objects that are never disabled, deleted or linked automatically.
    pub protected: Option<Condition>,
    /// Inbound, what becomes of an account under a new key whose object's account is gone.
    pub recreated: Recreated,
    /// Inbound, what holds for the groups of objects.
    pub(crate) groups: Option<Groups>,
    /// Outbound, what mappings take of the objects that the owner refers to.
    pub(crate) takes: Vec<Takes>,
    reactions: Reactions,
    reads: Vec<AttributeName>,
    reads_clock: bool,
    fingerprint: Digest,
}

/// What compiling rules needs besides the object type mapping itself.
#[derive(Clone, Copy)]
pub struct RuleContext<'a> {
    /// The direction to compile for.
    pub direction: Direction,
    /// The task's filter on what is read.
    pub filter: Option<&'a Condition>,
    /// Of an attribute, the applications whose mapping has the higher authority.
    pub outranked_by: &'a dyn Fn(&AttributeMapping) -> Vec<ApplicationId>,
}

impl Rules {
    /// Compiles the mappings of one direction.
    ///
    /// # Errors
    /// All problems at once: expressions, regular expressions, tables.
    pub fn compile(mapping: &ObjectTypeMapping, context: RuleContext<'_>) -> Result<Self, Vec<RuleProblem>> {
        let mut problems = Vec::new();
        let correlation = compile_correlation(mapping, &mut problems);
        let mut mappings = Vec::new();
        for (index, declared) in mapping.attribute_mappings.iter().enumerate() {
            if declared.direction != context.direction {
                continue;
            }
            match compile_mapping(declared, context) {
                Ok(compiled) => mappings.push(compiled),
                Err(found) => problems.extend(found.into_iter().map(|(at, message)| RuleProblem {
                    pointer: format!("/attributeMappings/{index}{at}"),
                    message,
                })),
            }
        }
        let groups = compile_groups(mapping, context.direction, &mappings, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let reads_clock = mappings
            .iter()
            .any(|m| matches!(&m.value, ValueRule::Custom(expression) if expression.reads_clock()));
        Ok(Self {
            direction: context.direction,
            object_kind: mapping.object_kind,
            object_type: mapping.object_type.clone(),
            reads: read_attributes(context, &correlation, &mappings),
            correlation,
            mappings,
            protected: mapping.protected.clone(),
            recreated: mapping.recreated,
            groups,
            takes: mapping
                .attribute_mappings
                .iter()
                .filter_map(|m| Takes::of(m, context.direction))
                .collect(),
            reactions: mapping.reactions.clone(),
            reads_clock,
            fingerprint: fingerprint(mapping, context),
        })
    }

    /// The reaction that holds in a situation.
    #[must_use]
    pub fn reaction(&self, situation: Situation) -> Reaction {
        self.reactions.effective(self.direction, situation).unwrap_or(Reaction::Ignore)
    }

    /// The source attributes that the rules read, sorted: what digest and snapshot cover.
    #[must_use]
    pub fn reads(&self) -> &[AttributeName] {
        &self.reads
    }

    /// Whether an answer can change by itself as days go by.
    #[must_use]
    pub fn reads_clock(&self) -> bool {
        self.reads_clock
    }

    /// What tells these rules from others.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// Whether the object may not be disabled, deleted or linked automatically.
    #[must_use]
    pub fn is_protected(&self, object: &dyn AttributeSource) -> bool {
        self.protected.as_ref().is_some_and(|condition| condition.holds(object))
    }

    /// The digest of a source as these rules read it.
    #[must_use]
    pub fn digest_of(&self, uid: &str, source: &dyn AttributeSource) -> Digest {
        let mut canonical = Canonical::new(&self.fingerprint.0);
        canonical.text(uid);
        canonical.fields(source, self.reads.iter().map(AttributeName::as_str));
        canonical.digest()
    }
}

fn compile_correlation(mapping: &ObjectTypeMapping, problems: &mut Vec<RuleProblem>) -> Vec<Correlation> {
    let mut compiled = Vec::new();
    for (index, rule) in mapping.correlation.iter().enumerate() {
        match KeySpec::of_rule(mapping.object_kind, rule) {
            Ok(spec) => compiled.push(Correlation {
                spec,
                account_attributes: rule.items.iter().map(|item| item.account_attribute.clone()).collect(),
                text: in_words(rule),
            }),
            Err(found) => problems.extend(found.into_iter().map(|problem| RuleProblem {
                pointer: format!("/correlation/{index}"),
                message: problem.to_string(),
            })),
        }
    }
    compiled
}

/// A correlation rule in words.
#[must_use]
pub fn in_words(rule: &CorrelationRule) -> String {
    let items: Vec<_> = rule
        .items
        .iter()
        .map(|item| format!("`{}` = `{}`", item.account_attribute, item.object_attribute))
        .collect();
    items.join(" and ")
}

fn compile_mapping(
    declared: &AttributeMapping,
    context: RuleContext<'_>,
) -> Result<Mapping, Vec<(String, String)>> {
    let (value, reads) = match &declared.strategy {
        Strategy::Simple { source, transformations } => {
            let compiled = Transformations::compile(transformations).map_err(|problems| {
                problems
                    .into_iter()
                    .map(|problem| (format!("/transformations/{}", problem.index), problem.to_string()))
                    .collect::<Vec<_>>()
            })?;
            let taken = Takes::of(declared, context.direction).map(|takes| takes.name);
            let source = taken.unwrap_or_else(|| source.clone());
            let mut reads = vec![source.clone()];
            reads.extend(compiled.reads());
            (ValueRule::Simple { source, transformations: compiled }, reads)
        }
        Strategy::Custom { rule } => {
            let expression =
                Expression::compile(rule).map_err(|error| vec![("/rule".to_owned(), error.to_string())])?;
            let reads = expression.reads().to_vec();
            (ValueRule::Custom(expression), reads)
        }
    };
    Ok(Mapping {
        attribute: declared.attribute.clone(),
        value,
        strength: declared.strength,
        value_type: declared.value_type,
        multi_valued: declared.multi_valued,
        reference: declared.reference.clone(),
        on_no_match: declared.on_no_match,
        reads,
        outranked_by: (context.outranked_by)(declared),
    })
}

fn compile_groups(
    mapping: &ObjectTypeMapping,
    direction: Direction,
    mappings: &[Mapping],
    problems: &mut Vec<RuleProblem>,
) -> Option<Groups> {
    let declared = mapping.groups.as_ref().filter(|_| direction == Direction::Inbound)?;
    // Where none compiled there is a problem already.
    let giving = mappings.iter().find(|mapping| mapping.attribute == declared.attribute)?;
    Groups::compile(declared, giving).map_err(|found| problems.extend(found)).ok()
}

fn read_attributes(
    context: RuleContext<'_>,
    correlation: &[Correlation],
    mappings: &[Mapping],
) -> Vec<AttributeName> {
    let mut reads: Vec<AttributeName> = mappings.iter().flat_map(|mapping| mapping.reads.clone()).collect();
    if context.direction == Direction::Inbound {
        reads.extend(correlation.iter().flat_map(|rule| rule.account_attributes.clone()));
    }
    if let Some(filter) = context.filter {
        reads.extend(filter.attributes().into_iter().cloned());
    }
    reads.sort_unstable();
    reads.dedup();
    reads
}

fn fingerprint(mapping: &ObjectTypeMapping, context: RuleContext<'_>) -> Digest {
    // The `Debug` form spells every field out, so no part of the rules can be forgotten here.
    let outranked: Vec<_> = mapping.attribute_mappings.iter().map(|m| (context.outranked_by)(m)).collect();
    let mut canonical = Canonical::new(&RULES_VERSION.to_le_bytes());
    canonical.text(&format!("{mapping:?}{:?}{:?}{outranked:?}", context.direction, context.filter));
    canonical.digest()
}
