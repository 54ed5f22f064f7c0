//! What an expression may consist of: first its words and signs, then the names and calls they make.
//!
//! Both are lists of what is admitted; whatever is not on them is refused.

use std::collections::BTreeSet;

use muster_model::AttributeName;
use regex::{Regex, RegexBuilder};
use rhai::{AST, Engine, Expr, FnCallExpr, Position, Stmt, Token};

use super::functions::FUNCTIONS;
use super::operators::OPERATORS;
use super::{ExpressionError, MAXIMUM_METHOD_CALLS, MAXIMUM_PATTERNS, MAXIMUM_TOKENS};
use crate::transform::cause;

/// The largest compiled regular expression, in octets. Small, since it is run for every entry.
const PATTERN_LIMIT: usize = 64 * 1024;

/// Refuses every word and sign that is not of the language, before anything is parsed: neither the parser nor
/// the walk over what it makes ever sees a deep chain or a construct that it does not know.
pub(super) fn tokens(engine: &Engine, text: &str) -> Result<(), ExpressionError> {
    let mut method_calls = 0;
    for (count, (token, position)) in engine.lex(&[text]).0.enumerate() {
        if token == Token::EOF {
            break;
        }
        if count == MAXIMUM_TOKENS {
            let message = format!("the expression has more than {MAXIMUM_TOKENS} words and signs");
            return Err(ExpressionError::at(position, message));
        }
        method_calls += usize::from(token == Token::Period);
        if method_calls > MAXIMUM_METHOD_CALLS {
            let message = format!("the expression has more than {MAXIMUM_METHOD_CALLS} calls with `.`");
            return Err(ExpressionError::at(position, message));
        }
        admit_token(&token).map_err(|message| ExpressionError::at(position, message))?;
    }
    Ok(())
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has many kinds, and admits more with every version"
)]
fn admit_token(token: &Token) -> Result<(), String> {
    match token {
        Token::IntegerConstant(_)
        | Token::StringConstant(_)
        | Token::Identifier(_)
        | Token::True
        | Token::False
        | Token::LeftBrace
        | Token::RightBrace
        | Token::LeftParen
        | Token::RightParen
        | Token::LeftBracket
        | Token::RightBracket
        | Token::Unit
        | Token::Comma
        | Token::Period
        | Token::If
        | Token::Else
        | Token::Plus
        | Token::UnaryPlus
        | Token::Minus
        | Token::UnaryMinus
        | Token::Multiply
        | Token::Divide
        | Token::Modulo
        | Token::Bang
        | Token::And
        | Token::Or
        | Token::In
        | Token::NotIn
        | Token::LessThan
        | Token::LessThanEqualsTo
        | Token::GreaterThan
        | Token::GreaterThanEqualsTo
        | Token::EqualsTo
        | Token::NotEqualsTo => Ok(()),
        Token::FloatConstant(_) => Err("numbers are whole and of 64 bits".to_owned()),
        Token::CharConstant(_) => Err("text stands in double quotes".to_owned()),
        Token::InterpolatedString(_) => Err("texts are put together with `+`".to_owned()),
        Token::DoubleQuestion => Err("write `or_else(a, b)` for `a ?? b`".to_owned()),
        Token::Equals => Err("values are compared with `==`".to_owned()),
        Token::LexError(error) => Err(super::in_lower_case(&error.to_string())),
        Token::Reserved(word) if word.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Err(format!("`{word}` is a reserved word: an attribute of that name is `attr(\"{word}\")`"))
        }
        // The library may grow words that we have not thought of.
        other => Err(format!("`{other}` is not part of expressions")),
    }
}

/// What an expression reads.
#[derive(Default)]
pub(super) struct Admitted {
    pub(super) variables: BTreeSet<AttributeName>,
    pub(super) named: BTreeSet<AttributeName>,
    pub(super) patterns: Vec<(String, Regex)>,
    pub(super) reads_clock: bool,
}

/// Refuses every construct and every function that is not of the language, and finds what is read.
pub(super) fn names(ast: &AST) -> Result<Admitted, ExpressionError> {
    let mut admitted = Admitted::default();
    admitted.statements(ast.statements())?;
    Ok(admitted)
}

/// Whether a call has its first argument before the point.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Function,
    Method,
}

impl Admitted {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library has many kinds, and admits more with every version"
    )]
    fn statements<'a>(
        &mut self,
        statements: impl IntoIterator<Item = &'a Stmt>,
    ) -> Result<(), ExpressionError> {
        for statement in statements {
            match statement {
                Stmt::Noop(_) => {}
                Stmt::Expr(expression) => self.expression(expression)?,
                Stmt::FnCall(call, position) => self.call(call, Style::Function, *position)?,
                Stmt::Block(block) => self.statements(block.iter())?,
                Stmt::If(flow, _) => {
                    self.expression(&flow.expr)?;
                    self.statements(flow.body.iter())?;
                    self.statements(flow.branch.iter())?;
                }
                other => return Err(not_admitted(other.position())),
            }
        }
        Ok(())
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library has many kinds, and admits more with every version"
    )]
    fn expression(&mut self, expression: &Expr) -> Result<(), ExpressionError> {
        match expression {
            Expr::BoolConstant(..) | Expr::IntegerConstant(..) | Expr::StringConstant(..) => Ok(()),
            Expr::Variable(variable, _, _) => {
                self.variables.insert(AttributeName::from(variable.1.as_str()));
                Ok(())
            }
            Expr::Array(items, _) => items.iter().try_for_each(|item| self.expression(item)),
            Expr::And(parts, _) | Expr::Or(parts, _) => {
                parts.iter().try_for_each(|part| self.expression(part))
            }
            Expr::Stmt(block) => self.statements(block.iter()),
            Expr::FnCall(call, position) => self.call(call, Style::Function, *position),
            Expr::MethodCall(call, position) => self.call(call, Style::Method, *position),
            // Only a call may follow the point; the right side of a chain of calls is a chain again.
            Expr::Dot(sides, _, _) => {
                self.expression(&sides.lhs)?;
                self.expression(&sides.rhs)
            }
            Expr::Property(_, position) => {
                Err(ExpressionError::at(*position, "only a function may follow the point"))
            }
            Expr::Index(_, _, position) => {
                let message = "values of a list are taken with `first` and `last`";
                Err(ExpressionError::at(*position, message))
            }
            Expr::Unit(position) => {
                Err(ExpressionError::at(*position, "write `absent_value()` for the absent value"))
            }
            other => Err(not_admitted(other.position())),
        }
    }

    fn call(&mut self, call: &FnCallExpr, style: Style, position: Position) -> Result<(), ExpressionError> {
        let receivers = usize::from(style == Style::Method);
        let given = call.args.len() + receivers;
        let candidates =
            || FUNCTIONS.iter().chain(OPERATORS).filter(|known| known.name == call.name.as_str());
        if candidates().next().is_none() {
            return Err(ExpressionError::at(position, format!("there is no function `{}`", call.name)));
        }
        if !candidates().any(|known| known.parameters == given) {
            let wanted: Vec<_> = candidates().map(|known| known.parameters.to_string()).collect();
            let message = format!("`{}` takes {} arguments, not {given}", call.name, wanted.join(" or "));
            return Err(ExpressionError::at(position, message));
        }
        match (call.name.as_str(), style) {
            ("today", _) => self.reads_clock = true,
            ("attr", Style::Function) => {
                let name = literal(call, "the name of the attribute", position)?;
                self.named.insert(AttributeName::from(name));
                return Ok(());
            }
            ("attr", Style::Method) => {
                return Err(ExpressionError::at(position, "write `attr(\"name\")`"));
            }
            ("matches", _) => self.pattern(literal(call, "the regular expression", position)?, position)?,
            _ => {}
        }
        call.args.iter().try_for_each(|argument| self.expression(argument))
    }

    fn pattern(&mut self, pattern: &str, position: Position) -> Result<(), ExpressionError> {
        if self.patterns.iter().any(|(known, _)| known == pattern) {
            return Ok(());
        }
        if self.patterns.len() == MAXIMUM_PATTERNS {
            let message = format!("the expression has more than {MAXIMUM_PATTERNS} regular expressions");
            return Err(ExpressionError::at(position, message));
        }
        let regex = RegexBuilder::new(pattern).size_limit(PATTERN_LIMIT).build().map_err(|error| {
            let message = format!("`{pattern}` is not a regular expression: {}", cause(&error));
            ExpressionError::at(position, message)
        })?;
        self.patterns.push((pattern.to_owned(), regex));
        Ok(())
    }
}

/// The last argument, which has to be a text that stands in the expression.
fn literal<'a>(call: &'a FnCallExpr, what: &str, position: Position) -> Result<&'a str, ExpressionError> {
    match call.args.last() {
        Some(Expr::StringConstant(text, _)) => Ok(text.as_str()),
        other => {
            let position = other.map_or(position, Expr::position);
            Err(ExpressionError::at(position, format!("{what} has to be a text in double quotes")))
        }
    }
}

fn not_admitted(position: Position) -> ExpressionError {
    ExpressionError::at(position, "this is not part of expressions")
}
