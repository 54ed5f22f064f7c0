//! Expressions: attributes in, one value out. No loop, no assignment, no input or output, and no clock but
//! the instant that is handed in.
//!
//! An expression is one line of rhai in expression mode, closed up: `lower(givenName) + "." + lower(surname)`.
//! - An attribute is read by its name, or by `attr("employee-number")` where the name is no word of the
//!   language.
//! - Values are texts, whole numbers, booleans and lists; an instant is RFC 3339 text in UTC with milliseconds,
//!   octets are base64, a reference is its key. A list within a list gives its values.
//! - An attribute may be absent or null, and both pass through: what a function makes of an absent value is
//!   absent, so is a sum with an absent part, and comparisons and questions (`contains`, `matches`) are false.
//!   `or_else(x, "")` puts another value in the place of one that is absent, null or an empty list; an empty
//!   text is a value. `absent_value()` and `null_value()` give them.
//! - A text function does to each value of a list what it does to a text.
//! - Nothing is converted but numbers that are added to texts. Comparing a text with a number is an error.
//! - Every function may be called as `f(x)` or `x.f()`. `if a { b } else { c }` is an expression; without `else`
//!   it may be absent.
//!
//! Besides `+ - * / % == != < <= > >= ! && || in` there are
//! - for texts `lower`, `upper`, `trim`, `slug`, `transliterate`, `len`, `contains(x, part)`,
//!   `starts_with(x, part)`, `ends_with(x, part)`, `matches(x, "regular expression")`, `replace(x, from, to)`,
//!   `sub_string(x, start)`, `sub_string(x, start, length)` (from 0, from the end when negative),
//!   `before(x, mark)`, `after(x, mark)` (absent without the mark), `pad_left(x, length, fill)`,
//!   `pad_right(x, length, fill)`, `split(x, separator)`, `to_integer`;
//! - for lists `first`, `last`, `size`, `join(x, separator)`, and `contains` for an equal value;
//! - for dates `today()`, `date(x)` (as an instant), `year`, `month`, `day`, `add_days(x, days)` and
//!   `date_format(x, "%d.%m.%Y")`, all in UTC; `today()` is the first instant of the day;
//! - for all `or_else(x, other)`, `is_absent`, `is_null`, `has_value`, `to_text`.
//!
//! What exceeds a limit fails the entry, never the process; what a tenant may write is checked token by token
//! before it is parsed, and name by name before it is ever evaluated.

mod admit;
mod dates;
mod engine;
mod functions;
mod operators;
#[cfg(test)]
mod tests;
mod values;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use muster_model::{AttributeName, AttributeSource, Field};
use regex::Regex;
use rhai::{AST, Caches, Dynamic, EvalAltResult, Position, Scope};

use admit::Admitted;

/// The longest expression, in octets.
pub const MAXIMUM_LENGTH: usize = 8 * 1024;
/// How many words, signs and literals an expression may have.
pub const MAXIMUM_TOKENS: usize = 1_000;
/// How many calls may follow each other as `x.f().g()`, in one expression altogether.
pub const MAXIMUM_METHOD_CALLS: usize = 32;
/// How deep an expression may be nested; a sum counts as one level for each sign.
pub const MAXIMUM_DEPTH: usize = 64;
/// How many regular expressions one expression may use.
pub const MAXIMUM_PATTERNS: usize = 16;
/// The longest text that a function may make, in octets.
pub const MAXIMUM_TEXT: usize = 64 * 1024;
/// The most values that a list may hold.
pub const MAXIMUM_LIST: usize = 1_000;
/// How many steps one evaluation may take.
pub const MAXIMUM_OPERATIONS: u64 = 20_000;

/// Why an expression is refused, or fails on an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ExpressionError {
    /// The line of the fault, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// A checked expression, compiled once and evaluated for many entries. See the module for the language.
#[derive(Debug, Clone)]
pub struct Expression {
    ast: AST,
    /// Attributes that stand in the expression as words.
    variables: Vec<AttributeName>,
    /// Attributes that are read with `attr`.
    named: Vec<AttributeName>,
    patterns: Arc<[(String, Regex)]>,
    reads: Vec<AttributeName>,
    reads_clock: bool,
}

/// What functions know of the evaluation that calls them.
#[derive(Debug, Clone)]
struct Surroundings {
    now: DateTime<Utc>,
    named: Arc<[(AttributeName, Dynamic)]>,
    patterns: Arc<[(String, Regex)]>,
}

impl Expression {
    /// Checks and compiles an expression.
    ///
    /// # Errors
    /// At the first thing that is not of the language, not known or beyond a limit.
    pub fn compile(text: &str) -> Result<Self, ExpressionError> {
        let ast = engine::compile(text)?;
        let Admitted { variables, named, patterns, reads_clock } = admit::names(&ast)?;
        let reads = variables.union(&named).cloned().collect();
        Ok(Self {
            ast,
            variables: variables.into_iter().collect(),
            named: named.into_iter().collect(),
            patterns: patterns.into(),
            reads,
            reads_clock,
        })
    }

    /// The attributes it reads, each once, in the order of their names.
    #[must_use]
    pub fn reads(&self) -> &[AttributeName] {
        &self.reads
    }

    /// Whether its value can change with the day, without any attribute changing. It reads no finer time.
    #[must_use]
    pub fn reads_clock(&self) -> bool {
        self.reads_clock
    }

    /// The value for these attributes at this instant.
    ///
    /// # Errors
    /// When a function or an operator cannot do with a value, or a limit is exceeded.
    pub fn evaluate(
        &self,
        source: &dyn AttributeSource,
        now: DateTime<Utc>,
    ) -> Result<Field, ExpressionError> {
        let mut scope = Scope::new();
        for name in &self.variables {
            scope.push_dynamic(name.as_str(), values::of_field(&source.field(name.as_str())));
        }
        let mut state = engine::ENGINE.new_global_runtime_state();
        if self.reads_clock || !self.named.is_empty() || !self.patterns.is_empty() {
            state.tag = Dynamic::from(self.surroundings(source, now));
        }
        // The way with a state of its own is the only one that hands something to the functions called.
        #[expect(deprecated, reason = "the library offers no other way without functions of its own")]
        let result = engine::ENGINE.eval_statements_raw(
            &mut state,
            &mut Caches::new(),
            &mut scope,
            self.ast.statements(),
        );
        Ok(values::to_field(result.map_err(|error| of_evaluation(*error))?))
    }

    fn surroundings(&self, source: &dyn AttributeSource, now: DateTime<Utc>) -> Surroundings {
        let read = |name: &AttributeName| (name.clone(), values::of_field(&source.field(name.as_str())));
        Surroundings {
            now,
            named: self.named.iter().map(read).collect(),
            patterns: Arc::clone(&self.patterns),
        }
    }
}

impl ExpressionError {
    fn at(position: Position, message: impl Into<String>) -> Self {
        Self {
            line: position.line().unwrap_or(1),
            column: position.position().unwrap_or(1),
            message: message.into(),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what the library says of the others is good enough")]
fn of_evaluation(mut error: EvalAltResult) -> ExpressionError {
    let position = error.take_position();
    let message = match &error {
        EvalAltResult::ErrorRuntime(message, _) => message.to_string(),
        EvalAltResult::ErrorMismatchDataType(..) => "expected true or false".to_owned(),
        EvalAltResult::ErrorDataTooLarge(..) => "a text or a list is too large".to_owned(),
        other => in_lower_case(&other.to_string()),
    };
    ExpressionError::at(position, message)
}

/// Messages of the library begin with a capital.
fn in_lower_case(message: &str) -> String {
    let mut chars = message.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
