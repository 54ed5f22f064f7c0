//! Replacing what a regular expression matches, in time linear in the text and within bounds of memory.

use regex::{Captures, Regex, RegexBuilder};

/// The largest compiled regular expression, in octets.
const REGEX_LIMIT: usize = 1024 * 1024;
/// The longest text that a replacement may make, in octets. One that would be longer is no match.
const RESULT_LIMIT: usize = 1024 * 1024;

#[derive(Debug, Clone)]
pub(super) struct Replace {
    regex: Regex,
    replacement: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Group(usize),
}

impl Replace {
    pub(super) fn compile(pattern: &str, replacement: &str) -> Result<Self, String> {
        let regex = expression(pattern)?;
        let replacement = parse_replacement(replacement, &regex)?;
        Ok(Self { regex, replacement })
    }

    /// `None` when nothing matches, or the result would be too long.
    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let mut result = String::new();
        let mut copied = 0;
        let mut is_match = false;
        for captures in self.regex.captures_iter(text) {
            let whole = captures.get(0)?;
            push(&mut result, &text[copied..whole.start()])?;
            self.push_replacement(&mut result, &captures)?;
            copied = whole.end();
            is_match = true;
        }
        push(&mut result, &text[copied..])?;
        is_match.then_some(result)
    }

    fn push_replacement(&self, result: &mut String, captures: &Captures<'_>) -> Option<()> {
        for part in &self.replacement {
            match part {
                Part::Text(text) => push(result, text)?,
                Part::Group(group) => push(result, captures.get(*group).map_or("", |found| found.as_str()))?,
            }
        }
        Some(())
    }
}

fn push(result: &mut String, text: &str) -> Option<()> {
    if result.len() + text.len() > RESULT_LIMIT {
        return None;
    }
    result.push_str(text);
    Some(())
}

/// Compiles a regular expression within bounds.
pub(crate) fn expression(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).size_limit(REGEX_LIMIT).build();
    built.map_err(|error| format!("`{pattern}` is not a regular expression: {}", cause(&error)))
}

/// The last line of a fault of the regular expression: those before it draw where it is.
pub(crate) fn cause(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(limit) = error {
        return format!("compiled it is larger than {limit} octets");
    }
    let text = error.to_string();
    let last = text.lines().next_back().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Splits at `$1`, `$name`, `${name}` and `$$`, as the `regex` crate does; a group that the regular expression
/// lacks is refused, since it would quietly be empty.
fn parse_replacement(replacement: &str, regex: &Regex) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = replacement;
    while let Some((before, after)) = rest.split_once('$') {
        parts.push(Part::Text(before.to_owned()));
        if let Some(after) = after.strip_prefix('$') {
            parts.push(Part::Text("$".to_owned()));
            rest = after;
            continue;
        }
        let (name, after) = match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
            Some(braced) => braced,
            None => {
                let is_other = |c: char| !c.is_ascii_alphanumeric() && c != '_';
                after.split_at(after.find(is_other).unwrap_or(after.len()))
            }
        };
        if name.is_empty() {
            return Err(
                "the replacement has a `$` without a group: write `$$` for the sign itself".to_owned()
            );
        }
        let group = group_of(name, regex).ok_or_else(|| no_group(name))?;
        parts.push(Part::Group(group));
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

fn group_of(name: &str, regex: &Regex) -> Option<usize> {
    match name.parse::<usize>() {
        Ok(number) => (number < regex.captures_len()).then_some(number),
        Err(_) => regex.capture_names().position(|group| group == Some(name)),
    }
}

fn no_group(name: &str) -> String {
    let digits = name.len() - name.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if (1..name.len()).contains(&digits) {
        let (number, text) = name.split_at(digits);
        return format!("the regular expression has no group `{name}`: write `${{{number}}}{text}`");
    }
    format!("the regular expression has no group `{name}`")
}
