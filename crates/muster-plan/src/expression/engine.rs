//! The closed engine: made from nothing, it can do only what is registered here.

use std::any::TypeId;
use std::sync::LazyLock;

use rhai::{AST, Dynamic, Engine, EvalAltResult, INT, ImmutableString, OptimizationLevel, ParseErrorType};

use super::functions::FUNCTIONS;
use super::operators::OPERATORS;
use super::{
    ExpressionError, MAXIMUM_DEPTH, MAXIMUM_LENGTH, MAXIMUM_LIST, MAXIMUM_OPERATIONS, MAXIMUM_TEXT, admit,
    in_lower_case,
};

/// One for all expressions; it holds no state.
pub(super) static ENGINE: LazyLock<Engine> = LazyLock::new(closed);

fn closed() -> Engine {
    let mut engine = Engine::new_raw();
    engine
        .set_max_operations(MAXIMUM_OPERATIONS)
        .set_max_expr_depths(MAXIMUM_DEPTH)
        .set_max_string_size(MAXIMUM_TEXT)
        .set_max_array_size(MAXIMUM_LIST)
        .set_max_map_size(1)
        .set_allow_looping(false)
        .set_allow_loop_expressions(false)
        .set_allow_statement_expression(false)
        .set_allow_switch_expression(false)
        // The library's own operators compare a text with a number and say no, and add an absent value as if
        // it were an empty text; ours are asked first.
        .set_fast_operators(false)
        // What is checked is what was written.
        .set_optimization_level(OptimizationLevel::None);
    for function in FUNCTIONS.iter().chain(OPERATORS) {
        // All types come to one function, so that a wrong one is told in our words. The usual ones are
        // registered besides, since they are found sooner.
        for of_all in [TypeId::of::<Dynamic>(), TypeId::of::<ImmutableString>(), TypeId::of::<INT>()] {
            let types = vec![of_all; function.parameters];
            engine.register_raw_fn(function.name, types, move |context, arguments| {
                let result: Result<Dynamic, String> = (function.call)(arguments, &context);
                result.map_err(|message| {
                    Box::new(EvalAltResult::ErrorRuntime(message.into(), context.call_position()))
                })
            });
        }
    }
    engine
}

/// Checks the words and signs, then parses.
pub(super) fn compile(text: &str) -> Result<AST, ExpressionError> {
    if text.len() > MAXIMUM_LENGTH {
        let message = format!("the expression is longer than {MAXIMUM_LENGTH} octets");
        return Err(ExpressionError { line: 1, column: 1, message });
    }
    admit::tokens(&ENGINE, text)?;
    ENGINE.compile_expression(text).map_err(|error| {
        let message = if let ParseErrorType::UnexpectedEOF = error.err_type() {
            "the expression is incomplete".to_owned()
        } else {
            in_lower_case(&error.err_type().to_string())
        };
        ExpressionError::at(error.position(), message)
    })
}
