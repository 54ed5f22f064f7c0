//! The functions that expressions may call. Each is total on its table of kinds and bounded in what it makes.

use rhai::{Array, Dynamic, ImmutableString, NativeCallContext};

use super::operators::is_equal;
use super::values::{Kind, integer, items, null, text};
use super::{MAXIMUM_LIST, MAXIMUM_TEXT, Surroundings, dates};
use crate::transform::{lower, slug, transliterate, upper};

/// The longest text that a regular expression is run on, in octets.
const MATCHED_LENGTH: usize = 4 * 1024;

/// A function or operator, found by its name and the number of its parameters.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) parameters: usize,
    pub(super) call: fn(&[&mut Dynamic], &NativeCallContext<'_>) -> Result<Dynamic, String>,
}

type Arguments<'a, 'b> = &'a [&'b mut Dynamic];
type Outcome = Result<Dynamic, String>;

pub(super) const fn function(
    name: &'static str,
    parameters: usize,
    call: fn(&[&mut Dynamic], &NativeCallContext<'_>) -> Result<Dynamic, String>,
) -> Function {
    Function { name, parameters, call }
}

/// All functions but the operators.
pub(super) static FUNCTIONS: &[Function] = &[
    function("attr", 1, attr),
    function("absent_value", 0, |_, _| Ok(Dynamic::UNIT)),
    function("null_value", 0, |_, _| Ok(null())),
    function("is_absent", 1, |a, _| Ok((Kind::of(a[0]) == Kind::Absent).into())),
    function("is_null", 1, |a, _| Ok((Kind::of(a[0]) == Kind::Null).into())),
    function("has_value", 1, |a, _| Ok(has_value(a[0]).into())),
    function("or_else", 2, or_else),
    function("lower", 1, |a, _| each("lower", a[0], |t| Ok((&*lower(t)).into()))),
    function("upper", 1, |a, _| each("upper", a[0], |t| Ok((&*upper(t)).into()))),
    function("trim", 1, |a, _| each("trim", a[0], |t| Ok(t.trim().into()))),
    function("slug", 1, |a, _| each("slug", a[0], |t| Ok(slug(t).into()))),
    function("transliterate", 1, to_latin),
    function("len", 1, |a, _| each("len", a[0], |t| count(t.chars().count()))),
    function("contains", 2, contains),
    function("starts_with", 2, starts_with),
    function("ends_with", 2, ends_with),
    function("matches", 2, matches),
    function("replace", 3, replace),
    function("sub_string", 2, sub_string),
    function("sub_string", 3, sub_string),
    function("before", 2, before),
    function("after", 2, after),
    function("pad_left", 3, |a, _| pad("pad_left", a, |t, fill| fill + t)),
    function("pad_right", 3, |a, _| pad("pad_right", a, |t, fill| t.to_owned() + fill.as_str())),
    function("split", 2, split),
    function("join", 2, join),
    function("first", 1, |a, _| Ok(items(a[0]).into_iter().next().unwrap_or_default())),
    function("last", 1, |a, _| Ok(items(a[0]).pop().unwrap_or_default())),
    function("size", 1, |a, _| count(items(a[0]).len())),
    function("to_text", 1, to_text),
    function("to_integer", 1, to_integer),
    function("today", 0, |_, context| dates::today(surroundings(context)?.now)),
    function("date", 1, |a, _| each("date", a[0], dates::date)),
    function("year", 1, |a, _| each("year", a[0], dates::year)),
    function("month", 1, |a, _| each("month", a[0], dates::month)),
    function("day", 1, |a, _| each("day", a[0], dates::day)),
    function("add_days", 2, add_days),
    function("date_format", 2, date_format),
];

fn surroundings(context: &NativeCallContext<'_>) -> Result<Surroundings, String> {
    let tag = context.tag().and_then(|tag| tag.read_lock::<Surroundings>().map(|found| found.clone()));
    tag.ok_or_else(|| "the expression was checked without what it reads".to_owned())
}

fn attr(arguments: Arguments<'_, '_>, context: &NativeCallContext<'_>) -> Outcome {
    let name = text_of("attr", arguments[0])?;
    let surroundings = surroundings(context)?;
    let found = surroundings.named.iter().find(|(known, _)| known.as_str() == name.as_str());
    Ok(found.map(|(_, value)| value.clone()).unwrap_or_default())
}

fn has_value(value: &Dynamic) -> bool {
    match Kind::of(value) {
        Kind::Absent | Kind::Null => false,
        Kind::List => !items(value).is_empty(),
        Kind::Text | Kind::Integer | Kind::Boolean => true,
    }
}

fn or_else(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    Ok(if has_value(arguments[0]) { arguments[0].clone() } else { arguments[1].clone() })
}

fn to_latin(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    each("transliterate", arguments[0], |text| Ok((&*transliterate(text)).into()))
}

/// With a list asks for an equal value, with a text for a part.
fn contains(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    let wanted = &*arguments[1];
    if Kind::of(arguments[0]) != Kind::List {
        let Some(part) = part("contains", wanted)? else { return Ok(false.into()) };
        return any("contains", arguments[0], |text| text.contains(part.as_str()));
    }
    for item in items(arguments[0]) {
        if is_equal("contains", &item, wanted)? {
            return Ok(true.into());
        }
    }
    Ok(false.into())
}

fn starts_with(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    let Some(part) = part("starts_with", arguments[1])? else { return Ok(false.into()) };
    any("starts_with", arguments[0], |text| text.starts_with(part.as_str()))
}

fn ends_with(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    let Some(part) = part("ends_with", arguments[1])? else { return Ok(false.into()) };
    any("ends_with", arguments[0], |text| text.ends_with(part.as_str()))
}

fn matches(arguments: Arguments<'_, '_>, context: &NativeCallContext<'_>) -> Outcome {
    let pattern = text_of("matches", arguments[1])?;
    let surroundings = surroundings(context)?;
    let Some((_, regex)) = surroundings.patterns.iter().find(|(known, _)| known == pattern.as_str()) else {
        return Err(format!("`{pattern}` was not checked"));
    };
    if items(arguments[0]).iter().filter_map(text).any(|text| text.len() > MATCHED_LENGTH) {
        return Err(format!("`matches` takes texts of at most {MATCHED_LENGTH} octets"));
    }
    any("matches", arguments[0], |text| regex.is_match(text))
}

fn replace(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    let (from, to) = (text_of("replace", arguments[1])?, text_of("replace", arguments[2])?);
    if from.is_empty() {
        return Err("`replace` looks for an empty text".to_owned());
    }
    each("replace", arguments[0], |text| {
        let growth = to.len().saturating_sub(from.len());
        bounded(text.len() + text.matches(from.as_str()).count() * growth)?;
        Ok(text.replace(from.as_str(), &to).into())
    })
}

/// From a character on, counted from 0 or, when negative, from the end; so many characters, or all.
fn sub_string(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    let start = integer_of("sub_string", arguments[1])?;
    let length = match arguments.get(2) {
        Some(length) => usize::try_from(integer_of("sub_string", length)?).unwrap_or(0),
        None => usize::MAX,
    };
    each("sub_string", arguments[0], |text| {
        let start = match usize::try_from(start) {
            Ok(start) => start,
            Err(_) => {
                let from_end = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
                text.chars().count().saturating_sub(from_end)
            }
        };
        Ok(text.chars().skip(start).take(length).collect::<String>().into())
    })
}

fn before(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    let mark = text_of("before", arguments[1])?;
    each("before", arguments[0], |text| {
        Ok(text.split_once(mark.as_str()).map_or(Dynamic::UNIT, |(before, _)| before.into()))
    })
}

fn after(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    let mark = text_of("after", arguments[1])?;
    each("after", arguments[0], |text| {
        Ok(text.split_once(mark.as_str()).map_or(Dynamic::UNIT, |(_, after)| after.into()))
    })
}

/// Numbers are padded too: that is what padding is for.
fn pad(name: &str, arguments: Arguments<'_, '_>, put: fn(&str, String) -> String) -> Outcome {
    let fill = text_of(name, arguments[2])?;
    let length = usize::try_from(integer_of(name, arguments[1])?).unwrap_or(0);
    if fill.is_empty() {
        return Err(format!("`{name}` fills with an empty text"));
    }
    // A character has at most four octets.
    bounded(length.saturating_mul(4))?;
    let by_text = |text: &str| {
        let missing = length.saturating_sub(text.chars().count());
        Ok(put(text, fill.chars().cycle().take(missing).collect()).into())
    };
    match integer(arguments[0]) {
        Some(number) => by_text(&number.to_string()),
        None => each(name, arguments[0], by_text),
    }
}

/// An empty text becomes an empty list; empty parts are kept.
fn split(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    let separator = text_of("split", arguments[1])?;
    if separator.is_empty() {
        return Err("`split` splits at an empty text".to_owned());
    }
    let parts = each("split", arguments[0], |text| {
        bounded_list(text.matches(separator.as_str()).count() + 1)?;
        if text.is_empty() {
            return Ok(Array::new().into());
        }
        Ok(text.split(separator.as_str()).map(|part| part.into()).collect::<Array>().into())
    })?;
    bounded_list(items(&parts).len())?;
    Ok(parts)
}

/// An empty list becomes null: it says that there is no value, as null does for a single one.
fn join(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    let separator = text_of("join", arguments[1])?;
    if matches!(Kind::of(arguments[0]), Kind::Absent | Kind::Null) {
        return Ok(arguments[0].clone());
    }
    let parts: Vec<_> = items(arguments[0]).iter().map(ToString::to_string).collect();
    if parts.is_empty() {
        return Ok(null());
    }
    bounded(parts.iter().map(|part| part.len() + separator.len()).sum())?;
    Ok(parts.join(separator.as_str()).into())
}

fn to_text(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    match Kind::of(arguments[0]) {
        Kind::Integer | Kind::Boolean => Ok(arguments[0].to_string().into()),
        Kind::Absent | Kind::Null | Kind::Text => Ok(arguments[0].clone()),
        Kind::List => {
            let texts: Array = items(arguments[0]).iter().map(|item| item.to_string().into()).collect();
            Ok(texts.into())
        }
    }
}

fn to_integer(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    if integer(arguments[0]).is_some() {
        return Ok(arguments[0].clone());
    }
    each("to_integer", arguments[0], |text| {
        let number = text.parse::<i64>().map(Dynamic::from_int);
        number.map_err(|_| format!("`{}` is no number of 64 bits", text.chars().take(40).collect::<String>()))
    })
}

fn add_days(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    let days = integer_of("add_days", arguments[1])?;
    each("add_days", arguments[0], |text| dates::add_days(text, days))
}

fn date_format(arguments: Arguments<'_, '_>, _: &NativeCallContext<'_>) -> Outcome {
    let letters = text_of("date_format", arguments[1])?;
    each("date_format", arguments[0], |text| dates::format(text, &letters))
}

/// Absent and null pass through; each value of a list is a text of its own.
fn each(name: &str, value: &Dynamic, by: impl Fn(&str) -> Outcome) -> Outcome {
    match Kind::of(value) {
        Kind::Absent | Kind::Null => Ok(value.clone()),
        Kind::Text => on_text(name, value, &by),
        Kind::List => {
            let mapped: Result<Array, String> =
                items(value).iter().map(|item| on_text(name, item, &by)).collect();
            mapped.map(Dynamic::from_array)
        }
        kind @ (Kind::Integer | Kind::Boolean) => Err(refuse(name, kind)),
    }
}

fn on_text(name: &str, value: &Dynamic, by: impl Fn(&str) -> Outcome) -> Outcome {
    let text = text_of(name, value)?;
    bounded(text.len())?;
    by(&text)
}

/// Whether it is so of any value; never of what is absent or null.
fn any(name: &str, value: &Dynamic, is: impl Fn(&str) -> bool) -> Outcome {
    for item in items(value) {
        if is(&text_of(name, &item)?) {
            return Ok(true.into());
        }
    }
    Ok(false.into())
}

/// The part that a question asks for; `None` where it is absent or null, and nothing has it.
fn part(name: &str, value: &Dynamic) -> Result<Option<ImmutableString>, String> {
    match Kind::of(value) {
        Kind::Absent | Kind::Null => Ok(None),
        Kind::Text | Kind::Integer | Kind::Boolean | Kind::List => text_of(name, value).map(Some),
    }
}

fn text_of(name: &str, value: &Dynamic) -> Result<ImmutableString, String> {
    text(value).ok_or_else(|| refuse(name, Kind::of(value)))
}

fn integer_of(name: &str, value: &Dynamic) -> Result<i64, String> {
    integer(value).ok_or_else(|| refuse(name, Kind::of(value)))
}

fn count(number: usize) -> Outcome {
    i64::try_from(number).map(Dynamic::from_int).map_err(|_| format!("`{number}` is no number of 64 bits"))
}

pub(super) fn refuse(name: &str, kind: Kind) -> String {
    format!("`{name}` does not take {}", kind.in_words())
}

pub(super) fn bounded(length: usize) -> Result<(), String> {
    if length > MAXIMUM_TEXT { Err(format!("a text is longer than {MAXIMUM_TEXT} octets")) } else { Ok(()) }
}

pub(super) fn bounded_list(length: usize) -> Result<(), String> {
    if length > MAXIMUM_LIST { Err(format!("a list has more than {MAXIMUM_LIST} values")) } else { Ok(()) }
}
