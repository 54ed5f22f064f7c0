//! Group rules: which groups objects of a source have, after the transformations of the mapping that gives them.

use muster_model::configuration::groups::{GroupPattern, GroupRules};
use muster_model::{AttributeName, AttributeSource, Field, Value};
use regex::Regex;

use crate::convert::convert;
use crate::rules::{Mapping, RuleProblem};
use crate::transform::expression;

/// Compiled group rules.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) attribute: AttributeName,
    required: Option<Patterns>,
    everyone: Vec<Value>,
    kept: Patterns,
    /// Where whoever is missing loses groups, those that stay.
    kept_for_missing: Option<Patterns>,
}

/// What the mapping of the groups comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// The account has these groups, and the object is to have them.
    Written(Field),
    /// The account has these groups, and the mapping leaves those of the object.
    Left(Field),
}

/// What the rules make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ruled {
    /// The object is to have these groups.
    Write(Field),
    /// It keeps those that it has.
    Keep,
    /// The account lacks what is required.
    Filter,
}

#[derive(Debug)]
struct Patterns(Vec<Pattern>);

#[derive(Debug)]
enum Pattern {
    Named(String),
    Matching(Regex),
}

impl Groups {
    /// Compiles rules, of which `mapping` gives the groups.
    ///
    /// # Errors
    /// All patterns that are no regular expressions, and names that are no values of the attribute.
    pub(crate) fn compile(rules: &GroupRules, mapping: &Mapping) -> Result<Self, Vec<RuleProblem>> {
        let mut problems = Vec::new();
        let mut patterns = |list: &str, patterns: &[GroupPattern]| {
            let compiled = patterns.iter().enumerate().filter_map(|(index, pattern)| {
                let compiled = Pattern::compile(pattern);
                let pointer = format!("/groups/{list}/{index}");
                compiled.map_err(|message| problems.push(RuleProblem { pointer, message })).ok()
            });
            Patterns(compiled.collect())
        };
        let required = patterns("required", &rules.required);
        let kept = patterns("kept", &rules.kept);
        let kept_for_missing = patterns("keptForMissing", &rules.kept_for_missing);
        let everyone = Field::Many(rules.everyone.iter().map(|name| Value::from(name.as_str())).collect());
        let everyone = convert(everyone, mapping.value_type, true, mapping.reference.as_ref());
        let everyone = everyone.map_err(|error| {
            problems.push(RuleProblem { pointer: "/groups/everyone".to_owned(), message: error.to_string() });
        });
        match (everyone, problems.is_empty()) {
            (Ok(everyone), true) => Ok(Self {
                attribute: rules.attribute.clone(),
                required: (!required.0.is_empty()).then_some(required),
                everyone: everyone.values().to_vec(),
                kept,
                kept_for_missing: rules.remove_from_missing.then_some(kept_for_missing),
            }),
            (Ok(_) | Err(()), _) => Err(problems),
        }
    }

    /// The groups that an object is to have, of which it has `held` now.
    pub(crate) fn rule(&self, given: Given, held: &Field) -> Ruled {
        let (Given::Written(account) | Given::Left(account)) = &given;
        if self.required.as_ref().is_some_and(|required| !required.any(account.values())) {
            return Ruled::Filter;
        }
        let before = match &given {
            Given::Written(field) => field.values(),
            Given::Left(_) => held.values(),
        };
        let mut groups = before.to_vec();
        if matches!(given, Given::Written(_)) {
            add(&mut groups, held.values().iter().filter(|group| self.kept.holds(group)));
        }
        add(&mut groups, self.everyone.iter());
        match given {
            Given::Left(_) if groups.len() == before.len() => Ruled::Keep,
            // What has no groups keeps the form in which the mapping says so.
            Given::Written(field) if groups.is_empty() => Ruled::Write(field),
            Given::Written(_) | Given::Left(_) => Ruled::Write(Field::Many(groups)),
        }
    }

    /// The groups that an object keeps whose account is gone; `None` where it keeps all.
    pub(crate) fn left_to_missing(&self, object: &dyn AttributeSource) -> Option<Field> {
        let kept = self.kept_for_missing.as_ref()?;
        let held = object.field(self.attribute.as_str());
        let left: Vec<Value> = held.values().iter().filter(|group| kept.holds(group)).cloned().collect();
        (left.len() < held.values().len()).then_some(Field::Many(left))
    }
}

/// Adds groups that are not there yet.
fn add<'a>(groups: &mut Vec<Value>, more: impl Iterator<Item = &'a Value>) {
    for group in more {
        if !groups.iter().any(|known| known.to_text() == group.to_text()) {
            groups.push(group.clone());
        }
    }
}

impl Patterns {
    fn any(&self, groups: &[Value]) -> bool {
        groups.iter().any(|group| self.holds(group))
    }

    fn holds(&self, group: &Value) -> bool {
        let name = group.to_text();
        self.0.iter().any(|pattern| match pattern {
            Pattern::Named(known) => *known == name,
            Pattern::Matching(regex) => regex.is_match(&name),
        })
    }
}

impl Pattern {
    fn compile(pattern: &GroupPattern) -> Result<Self, String> {
        match pattern {
            GroupPattern::Named(name) => Ok(Self::Named(name.clone())),
            GroupPattern::Matching(text) => expression(text).map(Self::Matching),
        }
    }
}
