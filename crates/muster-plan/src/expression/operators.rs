//! What `+`, `==`, `<` and the others do. Nothing is converted, but a number that is added to a text.

use std::cmp::Ordering;

use rhai::{Array, Dynamic, NativeCallContext};

use super::functions::{Function, bounded, bounded_list, function, refuse};
use super::values::{Kind, integer, items, null, text};

/// The operators, as functions with one or two parameters.
pub(super) static OPERATORS: &[Function] = &[
    function("+", 2, |a, _| add(a[0], a[1])),
    function("-", 2, |a, _| calculate("-", a, i64::checked_sub)),
    function("*", 2, |a, _| calculate("*", a, i64::checked_mul)),
    function("/", 2, |a, _| calculate("/", a, i64::checked_div)),
    function("%", 2, |a, _| calculate("%", a, i64::checked_rem)),
    function("-", 1, negative),
    function("+", 1, |a, _| calculate_one("+", a[0], Some)),
    function("!", 1, not),
    function("==", 2, |a, _| Ok(is_equal("==", a[0], a[1])?.into())),
    function("!=", 2, |a, _| Ok((!is_equal("!=", a[0], a[1])?).into())),
    function("<", 2, |a, _| compare("<", a, Ordering::is_lt)),
    function("<=", 2, |a, _| compare("<=", a, Ordering::is_le)),
    function(">", 2, |a, _| compare(">", a, Ordering::is_gt)),
    function(">=", 2, |a, _| compare(">=", a, Ordering::is_ge)),
];

/// Absent if either side is, else null if either side is.
fn missing(a: &Dynamic, b: &Dynamic) -> Option<Dynamic> {
    let kinds = [Kind::of(a), Kind::of(b)];
    if kinds.contains(&Kind::Absent) {
        return Some(Dynamic::UNIT);
    }
    kinds.contains(&Kind::Null).then(null)
}

fn add(a: &Dynamic, b: &Dynamic) -> Result<Dynamic, String> {
    if let Some(missing) = missing(a, b) {
        return Ok(missing);
    }
    let kinds = (Kind::of(a), Kind::of(b));
    if let (Some(a), Some(b)) = (text(a), text(b)) {
        bounded(a.len() + b.len())?;
        return Ok((a + b).into());
    }
    if matches!(kinds, (Kind::Text, Kind::Integer) | (Kind::Integer, Kind::Text)) {
        let sum = format!("{a}{b}");
        bounded(sum.len())?;
        return Ok(sum.into());
    }
    if kinds == (Kind::List, Kind::List) {
        let mut sum: Array = items(a);
        sum.extend(items(b));
        bounded_list(sum.len())?;
        return Ok(sum.into());
    }
    calculate_two("+", a, b, i64::checked_add)
}

fn calculate(
    name: &str,
    arguments: &[&mut Dynamic],
    by: fn(i64, i64) -> Option<i64>,
) -> Result<Dynamic, String> {
    match missing(arguments[0], arguments[1]) {
        Some(missing) => Ok(missing),
        None => calculate_two(name, arguments[0], arguments[1], by),
    }
}

fn calculate_two(
    name: &str,
    a: &Dynamic,
    b: &Dynamic,
    by: fn(i64, i64) -> Option<i64>,
) -> Result<Dynamic, String> {
    let (Some(x), Some(y)) = (integer(a), integer(b)) else { return Err(refuse_pair(name, a, b)) };
    by(x, y).map(Dynamic::from_int).ok_or_else(|| format!("`{x} {name} {y}` is no number of 64 bits"))
}

fn calculate_one(name: &str, a: &Dynamic, by: fn(i64) -> Option<i64>) -> Result<Dynamic, String> {
    let kind = Kind::of(a);
    if matches!(kind, Kind::Absent | Kind::Null) {
        return Ok(a.clone());
    }
    let number = integer(a).ok_or_else(|| refuse(name, kind))?;
    by(number).map(Dynamic::from_int).ok_or_else(|| format!("`{name}{number}` is no number of 64 bits"))
}

fn negative(arguments: &[&mut Dynamic], _: &NativeCallContext<'_>) -> Result<Dynamic, String> {
    calculate_one("-", arguments[0], i64::checked_neg)
}

fn not(arguments: &[&mut Dynamic], _: &NativeCallContext<'_>) -> Result<Dynamic, String> {
    arguments[0].as_bool().map(|truth| (!truth).into()).map_err(|_| refuse("!", Kind::of(arguments[0])))
}

/// Absent and null equal themselves alone; other values of different kinds cannot be asked.
pub(super) fn is_equal(name: &str, a: &Dynamic, b: &Dynamic) -> Result<bool, String> {
    let (kind, other) = (Kind::of(a), Kind::of(b));
    if [kind, other].iter().any(|kind| matches!(kind, Kind::Absent | Kind::Null)) {
        return Ok(kind == other);
    }
    if kind != other {
        return Err(refuse_pair(name, a, b));
    }
    match kind {
        Kind::Absent | Kind::Null => Ok(true),
        Kind::Text => Ok(text(a) == text(b)),
        Kind::Integer => Ok(integer(a) == integer(b)),
        Kind::Boolean => Ok(a.as_bool() == b.as_bool()),
        Kind::List => {
            let (a, b) = (items(a), items(b));
            if a.len() != b.len() {
                return Ok(false);
            }
            for (x, y) in a.iter().zip(&b) {
                if !is_equal(name, x, y)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }
}

/// Texts by their code points, numbers by their size. With absent and null nothing compares.
fn compare(name: &str, arguments: &[&mut Dynamic], admits: fn(Ordering) -> bool) -> Result<Dynamic, String> {
    let (a, b) = (&*arguments[0], &*arguments[1]);
    if missing(a, b).is_some() {
        return Ok(false.into());
    }
    if let (Some(a), Some(b)) = (text(a), text(b)) {
        return Ok(admits(a.cmp(&b)).into());
    }
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return Ok(admits(a.cmp(&b)).into());
    }
    Err(refuse_pair(name, a, b))
}

fn refuse_pair(name: &str, a: &Dynamic, b: &Dynamic) -> String {
    format!("`{name}` does not go between {} and {}", Kind::of(a).in_words(), Kind::of(b).in_words())
}
