//! Conditions: the one language that says which objects or accounts are meant. Never reads a clock.
//!
//! The grammar is the filter grammar of RFC 7644 §3.4.2.2 as one string,
//! `department eq "IT" and not (state eq "left")`: `not` binds before `and`, `and` before `or`; operators
//! and `and`, `or`, `not` are written in any case. Value paths (`emails[type eq "work"]`) and names with `:`
//! are refused.
//!
//! What a condition means:
//! - Attribute names are compared exactly.
//! - An attribute of several values fits when any of its values does; one without a value never does.
//! - `eq null` is true when there is no value: absent, null or an empty list. An empty text is a value.
//! - `pr` is true when there is at least one value that is not an empty text.
//! - `ne` is the negation of `eq`: of an absent attribute `ne "x"` is true.
//! - Text is compared with text and references (by their key) without regard to case, character by character
//!   after [`fold_case`], as SCIM does by default; `gt`, `ge`, `lt` and `le` take the order of the code points
//!   of the folded texts.
//! - Text is compared with an instant as an instant when it can be read as one
//!   ([`parse_date_time`](crate::attribute::parse_date_time)), else it does not fit; `co`, `sw` and `ew` look
//!   at the instant as it is written out (RFC 3339 in UTC with milliseconds). With octets it is compared as
//!   base64, exactly, and for equality only.
//! - Nothing is converted: a number is compared with integers only, `true` and `false` with booleans only.
//!   An attribute that holds the text `20` fits `eq "20"`, not `eq 20`.
//! - Numbers are whole and of 64 bits. Order and `co`, `sw`, `ew` do not exist for `true`, `false` and `null`,
//!   nor `co`, `sw`, `ew` for numbers.

mod evaluate;
mod parse;
#[cfg(test)]
mod tests;
mod write;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::str::FromStr;

use crate::attribute::{AttributeName, AttributeSource, Field};

pub use evaluate::fold_case;
pub use parse::ConditionError;

/// The longest condition, in octets, as it is given and as it is written out again.
pub const MAXIMUM_LENGTH: usize = 8 * 1024;
/// How deep brackets may be nested.
pub const MAXIMUM_DEPTH: usize = 32;
/// How many comparisons one condition may make.
pub const MAXIMUM_COMPARISONS: usize = 256;

/// A checked condition. See the module for the language.
///
/// Written out with `Display` and parsed again it is the same condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    root: Node,
}

/// One part of a condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node {
    /// All parts have to hold; at least two.
    And(Vec<Node>),
    /// One part has to hold; at least two.
    Or(Vec<Node>),
    /// The part must not hold.
    Not(Box<Node>),
    /// An attribute has to pass a test.
    Test {
        /// The attribute.
        attribute: AttributeName,
        /// What is asked of it.
        test: Test,
    },
}

/// What is asked of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Test {
    /// `pr`: there is a value that is not an empty text.
    Present,
    /// `eq`: any value is equal.
    Equal(Literal),
    /// `ne`: no value is equal.
    NotEqual(Literal),
    /// `co`: any value contains the text.
    Contains(String),
    /// `sw`: any value begins with the text.
    StartsWith(String),
    /// `ew`: any value ends with the text.
    EndsWith(String),
    /// `gt`, `ge`, `lt`, `le`: any value stands on that side of the bound.
    Ordered(Order, Bound),
}

impl Test {
    /// Whether what an attribute holds passes.
    #[must_use]
    pub fn passes(&self, field: &Field) -> bool {
        evaluate::passes(self, field)
    }
}

/// A value as it stands in a condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Literal {
    /// A text, in the spelling of the condition.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// No value.
    Null,
}

/// A value that others can be ordered by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bound {
    /// A text or an instant.
    Text(String),
    /// A whole number.
    Integer(i64),
}

/// On which side of a bound a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// `gt`.
    Greater,
    /// `ge`.
    GreaterOrEqual,
    /// `lt`.
    Less,
    /// `le`.
    LessOrEqual,
}

impl Order {
    /// Whether a value that compares with the bound like this is on the right side.
    #[must_use]
    pub fn admits(self, value_to_bound: Ordering) -> bool {
        match self {
            Self::Greater => value_to_bound.is_gt(),
            Self::GreaterOrEqual => value_to_bound.is_ge(),
            Self::Less => value_to_bound.is_lt(),
            Self::LessOrEqual => value_to_bound.is_le(),
        }
    }
}

impl Condition {
    /// Parses a condition.
    ///
    /// # Errors
    /// When the text is not of the grammar or exceeds a limit, with the position of the first fault.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        parse::parse(text).map(|root| Self { root })
    }

    /// The outermost part, for those who compile it into another language.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Whether the condition holds for these attributes.
    #[must_use]
    pub fn holds(&self, source: &dyn AttributeSource) -> bool {
        evaluate::holds(&self.root, source)
    }

    /// The attributes it reads, each once, in the order of their names.
    #[must_use]
    pub fn attributes(&self) -> Vec<&AttributeName> {
        let mut names = BTreeSet::new();
        collect_attributes(&self.root, &mut names);
        names.into_iter().collect()
    }
}

impl FromStr for Condition {
    type Err = ConditionError;
    fn from_str(text: &str) -> Result<Self, ConditionError> {
        Self::parse(text)
    }
}

fn collect_attributes<'a>(node: &'a Node, names: &mut BTreeSet<&'a AttributeName>) {
    match node {
        Node::And(parts) | Node::Or(parts) => {
            for part in parts {
                collect_attributes(part, names);
            }
        }
        Node::Not(part) => collect_attributes(part, names),
        Node::Test { attribute, .. } => {
            names.insert(attribute);
        }
    }
}
