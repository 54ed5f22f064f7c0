//! Group rules: what holds for the groups of objects besides the mapping that gives them.

use std::fmt;

use crate::attribute::AttributeName;

/// What holds for the groups of the objects of a type, after all transformations of their mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRules {
    /// The attribute of IM objects that holds the groups.
    pub attribute: AttributeName,
    /// An account that has none of these is filtered; empty, none is.
    pub required: Vec<GroupPattern>,
    /// Groups that every object gets.
    pub everyone: Vec<String>,
    /// Groups that an object keeps though its account lacks them.
    pub kept: Vec<GroupPattern>,
    /// Whether an object loses its groups when it is disabled or anonymized since its account is gone.
    pub remove_from_missing: bool,
    /// Groups that it keeps then.
    pub kept_for_missing: Vec<GroupPattern>,
}

/// Which groups are meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupPattern {
    /// The group of this name.
    Named(String),
    /// Groups in whose name the regular expression finds something.
    Matching(String),
}

impl From<&str> for GroupPattern {
    /// A text between slashes is a regular expression, any other a name.
    fn from(text: &str) -> Self {
        match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some(expression) => Self::Matching(expression.to_owned()),
            None => Self::Named(text.to_owned()),
        }
    }
}

impl fmt::Display for GroupPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Matching(expression) => write!(f, "/{expression}/"),
        }
    }
}
