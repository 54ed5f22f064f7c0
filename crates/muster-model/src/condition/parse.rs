//! From text to condition. Says where and why a text is none; never guesses what was meant.

use super::{Bound, Literal, MAXIMUM_COMPARISONS, MAXIMUM_DEPTH, MAXIMUM_LENGTH, Node, Order, Test};
use crate::attribute::AttributeName;

/// Why a text is not a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at position {position}")]
pub struct ConditionError {
    /// Where the fault begins, in octets from 0.
    pub position: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead, where that is known.
    pub hint: Option<&'static str>,
}

/// An operator that takes a value.
#[derive(Clone, Copy)]
enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Ordered(Order),
}

pub(super) fn parse(text: &str) -> Result<Node, ConditionError> {
    if text.len() > MAXIMUM_LENGTH {
        return Err(too_long());
    }
    let mut parser = Parser { text, at: 0, depth: 0, comparisons: 0 };
    let root = parser.any_of()?;
    if parser.at < text.len() {
        return Err(parser.unexpected("`and`, `or` or the end", None));
    }
    if root.to_string().len() > MAXIMUM_LENGTH {
        return Err(too_long());
    }
    Ok(root)
}

fn too_long() -> ConditionError {
    ConditionError {
        position: MAXIMUM_LENGTH,
        message: format!("the condition is longer than {MAXIMUM_LENGTH} octets"),
        hint: None,
    }
}

/// Between two calls `at` stands on something that is not white space, or at the end.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    comparisons: usize,
}

impl<'a> Parser<'a> {
    fn any_of(&mut self) -> Result<Node, ConditionError> {
        let mut parts = vec![self.all_of()?];
        while self.take_word("or") {
            parts.push(self.all_of()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Node::Or(parts) })
    }

    fn all_of(&mut self) -> Result<Node, ConditionError> {
        let mut parts = vec![self.part()?];
        while self.take_word("and") {
            parts.push(self.part()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Node::And(parts) })
    }

    fn part(&mut self) -> Result<Node, ConditionError> {
        self.skip_white_space();
        if self.rest().starts_with('(') {
            return self.bracket();
        }
        // An attribute may be called `not`: only before a bracket it is the word of the language.
        let word = self.word();
        let after = self.rest()[word.len()..].trim_start();
        if word.eq_ignore_ascii_case("not") && after.starts_with('(') {
            self.at = self.text.len() - after.len();
            return Ok(Node::Not(Box::new(self.bracket()?)));
        }
        self.comparison()
    }

    fn bracket(&mut self) -> Result<Node, ConditionError> {
        if self.depth == MAXIMUM_DEPTH {
            return Err(self.fault(format!("brackets are nested deeper than {MAXIMUM_DEPTH}"), None));
        }
        self.depth += 1;
        self.at += 1;
        let node = self.any_of()?;
        if !self.rest().starts_with(')') {
            return Err(self.unexpected("`and`, `or` or `)`", None));
        }
        self.at += 1;
        self.skip_white_space();
        self.depth -= 1;
        Ok(node)
    }

    fn comparison(&mut self) -> Result<Node, ConditionError> {
        if self.comparisons == MAXIMUM_COMPARISONS {
            return Err(self.fault(format!("there are more than {MAXIMUM_COMPARISONS} comparisons"), None));
        }
        self.comparisons += 1;
        let attribute = self.attribute()?;
        let operator_at = self.at;
        let word = self.word();
        self.at += word.len();
        let operator = match word.to_ascii_lowercase().as_str() {
            "pr" => {
                self.skip_white_space();
                return Ok(Node::Test { attribute, test: Test::Present });
            }
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "co" => Operator::Contains,
            "sw" => Operator::StartsWith,
            "ew" => Operator::EndsWith,
            "gt" => Operator::Ordered(Order::Greater),
            "ge" => Operator::Ordered(Order::GreaterOrEqual),
            "lt" => Operator::Ordered(Order::Less),
            "le" => Operator::Ordered(Order::LessOrEqual),
            _ => {
                self.at = operator_at;
                return Err(self.unexpected(
                    "an operator",
                    Some("the operators are eq, ne, co, sw, ew, gt, ge, lt, le and pr"),
                ));
            }
        };
        self.skip_white_space();
        let literal_at = self.at;
        let literal = self.literal()?;
        let test = test_of(operator, literal).map_err(|(message, hint)| {
            self.at = literal_at;
            self.fault(format!("`{word}` {message}"), Some(hint))
        })?;
        self.skip_white_space();
        Ok(Node::Test { attribute, test })
    }

    fn attribute(&mut self) -> Result<AttributeName, ConditionError> {
        let word = self.word();
        if word.is_empty() || word.starts_with(['-', '.']) {
            return Err(self.unexpected("an attribute", None));
        }
        self.at += word.len();
        if self.rest().starts_with('[') {
            let hint = "name an attribute of its own instead";
            return Err(self.fault("value paths are not supported".to_owned(), Some(hint)));
        }
        if self.rest().starts_with(':') {
            let hint = "leave the schema away: `userName`";
            return Err(self.fault("names with `:` are not supported".to_owned(), Some(hint)));
        }
        self.skip_white_space();
        Ok(AttributeName::from(word))
    }

    fn literal(&mut self) -> Result<Literal, ConditionError> {
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        if self.rest().starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return self.number();
        }
        let word = self.word();
        let literal = match word {
            "true" => Literal::Boolean(true),
            "false" => Literal::Boolean(false),
            "null" => Literal::Null,
            _ => {
                let hint = "values are \"text\" in double quotes, a whole number, true, false or null";
                return Err(self.unexpected("a value", Some(hint)));
            }
        };
        self.at += word.len();
        Ok(literal)
    }

    fn quoted(&mut self) -> Result<Literal, ConditionError> {
        let rest = self.rest();
        let mut is_escaped = false;
        let end = rest.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        });
        let Some(end) = end else {
            return Err(self.fault("the text is not closed".to_owned(), Some("end it with `\"`")));
        };
        let quoted = &rest[..end + 2];
        let text = serde_json::from_str(quoted).map_err(|_| {
            let hint = "within a text write `\\\"` for `\"`, `\\\\` for `\\` and `\\n` for a new line";
            self.fault("the text is not a JSON string".to_owned(), Some(hint))
        })?;
        self.at += quoted.len();
        Ok(Literal::Text(text))
    }

    fn number(&mut self) -> Result<Literal, ConditionError> {
        let rest = self.rest();
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"')).unwrap_or(rest.len());
        let digits = rest[..end].strip_prefix('-').unwrap_or(&rest[..end]);
        let is_json = digits == "0" || !digits.starts_with('0');
        let number = if is_json { rest[..end].parse().ok() } else { None };
        let Some(number) = number else {
            let hint = Some("text, dates too, stands in double quotes");
            return Err(self.fault(format!("`{}` is not a whole number of 64 bits", &rest[..end]), hint));
        };
        self.at += end;
        Ok(Literal::Integer(number))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The letters, digits, `-`, `_`, `$` and `.` that stand here.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let is_other = |c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '$' | '.');
        &rest[..rest.find(is_other).unwrap_or(rest.len())]
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let word = self.word();
        let is_wanted = word.eq_ignore_ascii_case(wanted);
        if is_wanted {
            self.at += word.len();
            self.skip_white_space();
        }
        is_wanted
    }

    fn skip_white_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn unexpected(&self, wanted: &str, hint: Option<&'static str>) -> ConditionError {
        let found = match (self.word(), self.rest().chars().next()) {
            ("", None) => "the end".to_owned(),
            ("", Some(c)) => format!("`{c}`"),
            (word, _) => format!("`{word}`"),
        };
        self.fault(format!("expected {wanted}, found {found}"), hint)
    }

    fn fault(&self, message: String, hint: Option<&'static str>) -> ConditionError {
        ConditionError { position: self.at, message, hint }
    }
}

fn test_of(operator: Operator, literal: Literal) -> Result<Test, (&'static str, &'static str)> {
    const ONLY_TEXT: (&str, &str) = ("needs a text", "put the value into double quotes");
    const NO_ORDER: (&str, &str) =
        ("needs a text or a number", "`true`, `false` and `null` have no order: use eq or ne");
    match (operator, literal) {
        (Operator::Equal, literal) => Ok(Test::Equal(literal)),
        (Operator::NotEqual, literal) => Ok(Test::NotEqual(literal)),
        (Operator::Contains, Literal::Text(text)) => Ok(Test::Contains(text)),
        (Operator::StartsWith, Literal::Text(text)) => Ok(Test::StartsWith(text)),
        (Operator::EndsWith, Literal::Text(text)) => Ok(Test::EndsWith(text)),
        (
            Operator::Contains | Operator::StartsWith | Operator::EndsWith,
            Literal::Integer(_) | Literal::Boolean(_) | Literal::Null,
        ) => Err(ONLY_TEXT),
        (Operator::Ordered(order), Literal::Text(text)) => Ok(Test::Ordered(order, Bound::Text(text))),
        (Operator::Ordered(order), Literal::Integer(number)) => {
            Ok(Test::Ordered(order, Bound::Integer(number)))
        }
        (Operator::Ordered(_), Literal::Boolean(_) | Literal::Null) => Err(NO_ORDER),
    }
}
