//! The document of group rules, and what it means.

use crate::attribute::AttributeName;
use crate::configuration::document::macros::document;
use crate::configuration::document::value::{Parse, unless_default};
use crate::configuration::groups::{GroupPattern, GroupRules};
use crate::configuration::problems::Trail;

document! {
    /// What holds for the groups of the objects, after all transformations of the inbound mapping that gives them. In
    /// the lists of patterns a text is the name of a group, or between slashes a regular expression that finds
    /// something in names, as in `/^jira-/`.
    GroupsDocument named "Groups" {
        /// The attribute that holds the groups; an inbound mapping with `multiValued` writes it.
        required attribute: AttributeName = "attribute";
        /// Patterns: an account that has none of these groups is filtered; absent, none is.
        list required: String = "required" each "requiredGroup";
        /// Names of groups that every object gets.
        list everyone: String = "everyone" each "groupOfEveryone";
        /// Patterns of groups that an object keeps though its account lacks them.
        list kept: String = "kept" each "keptGroup";
        /// Whether an object loses its groups when it is disabled or anonymized since its account is gone.
        defaulted remove_from_missing: bool = "removeFromMissing";
        /// Patterns of groups that it keeps then; for `removeFromMissing`.
        list kept_for_missing: String = "keptForMissing" each "groupKeptForMissing";
    }
}

impl Parse for GroupsDocument {
    type Domain = GroupRules;

    fn parse(&self, trail: &mut Trail) -> Option<GroupRules> {
        for (name, list) in [
            ("required", &self.required),
            ("everyone", &self.everyone),
            ("kept", &self.kept),
            ("keptForMissing", &self.kept_for_missing),
        ] {
            trail.refuse_repeated(name, list);
        }
        let remove_from_missing = self.remove_from_missing.unwrap_or_default();
        if !remove_from_missing && !self.kept_for_missing.is_empty() {
            trail.problem_in("keptForMissing", "says nothing without `removeFromMissing`");
        }
        Some(GroupRules {
            attribute: self.attribute.clone(),
            required: patterns(&self.required),
            everyone: self.everyone.clone(),
            kept: patterns(&self.kept),
            remove_from_missing,
            kept_for_missing: patterns(&self.kept_for_missing),
        })
    }
}

impl From<&GroupRules> for GroupsDocument {
    fn from(groups: &GroupRules) -> Self {
        let texts = |patterns: &[GroupPattern]| patterns.iter().map(ToString::to_string).collect();
        Self {
            attribute: groups.attribute.clone(),
            required: texts(&groups.required),
            everyone: groups.everyone.clone(),
            kept: texts(&groups.kept),
            remove_from_missing: unless_default(groups.remove_from_missing),
            kept_for_missing: texts(&groups.kept_for_missing),
        }
    }
}

fn patterns(texts: &[String]) -> Vec<GroupPattern> {
    texts.iter().map(|text| GroupPattern::from(text.as_str())).collect()
}
