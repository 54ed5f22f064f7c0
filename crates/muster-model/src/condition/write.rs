//! Conditions as text again, with as few brackets as their meaning needs.

use std::fmt;

use super::{Bound, Condition, Literal, Node, Order, Test};

/// What stands around a part, and so whether it needs brackets.
#[derive(Clone, Copy)]
enum Around {
    Nothing,
    And,
    Or,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_node(&self.root, Around::Nothing, f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_node(self, Around::Nothing, f)
    }
}

fn write_node(node: &Node, around: Around, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // A list within a list of its own kind keeps its brackets: they were written for a reader.
    let brackets = match (node, around) {
        (Node::And(_), Around::And) | (Node::Or(_), Around::And | Around::Or) => true,
        (Node::And(_) | Node::Or(_), Around::Nothing)
        | (Node::And(_), Around::Or)
        | (Node::Not(_) | Node::Test { .. }, _) => false,
    };
    if brackets {
        f.write_str("(")?;
    }
    match node {
        Node::And(parts) => write_parts(parts, Around::And, " and ", f)?,
        Node::Or(parts) => write_parts(parts, Around::Or, " or ", f)?,
        Node::Not(part) => {
            f.write_str("not (")?;
            write_node(part, Around::Nothing, f)?;
            f.write_str(")")?;
        }
        Node::Test { attribute, test } => write!(f, "{attribute} {test}")?,
    }
    if brackets {
        f.write_str(")")?;
    }
    Ok(())
}

fn write_parts(parts: &[Node], around: Around, between: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            f.write_str(between)?;
        }
        write_node(part, around, f)?;
    }
    Ok(())
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("pr"),
            Self::Equal(literal) => write!(f, "eq {literal}"),
            Self::NotEqual(literal) => write!(f, "ne {literal}"),
            Self::Contains(text) => write!(f, "co {}", quoted(text)),
            Self::StartsWith(text) => write!(f, "sw {}", quoted(text)),
            Self::EndsWith(text) => write!(f, "ew {}", quoted(text)),
            Self::Ordered(order, bound) => write!(f, "{} {bound}", order.as_str()),
        }
    }
}

impl Order {
    /// The operator as it stands in conditions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Greater => "gt",
            Self::GreaterOrEqual => "ge",
            Self::Less => "lt",
            Self::LessOrEqual => "le",
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(truth) => truth.fmt(f),
            Self::Null => f.write_str("null"),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Integer(number) => number.fmt(f),
        }
    }
}

/// The text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
