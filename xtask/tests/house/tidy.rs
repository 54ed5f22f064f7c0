//! Tidiness of the sources: a first line that says what for, bounded files, the words of the glossary.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{expect_none, files, top};

const MOST_LINES: usize = 500;

/// Words that say nothing about what a type is, or a module is for.
const EMPTY_WORDS: [&str; 6] = ["Manager", "Handler", "Processor", "Helper", "Service", "Util"];
const EMPTY_MODULES: [&str; 6] = ["util", "utils", "helper", "helpers", "misc", "common"];

fn sources() -> Vec<PathBuf> {
    let mut sources = files(&top().join("crates"), "rs");
    sources.extend(files(&top().join("xtask"), "rs"));
    sources.extend(files(&top().join("fuzz"), "rs"));
    sources
}

/// What the check says of each source, with its place.
fn findings(check: impl Fn(&Path, &str) -> Vec<String>) -> Vec<String> {
    let sources = sources();
    assert!(sources.len() > 10, "no sources found");
    let of_one = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let place = path.strip_prefix(top()).unwrap().display().to_string();
        check(path, &text).into_iter().map(move |finding| format!("{place}: {finding}")).collect::<Vec<_>>()
    };
    sources.iter().flat_map(of_one).collect()
}

/// The words of a name in camel case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for letter in name.chars() {
        match words.last_mut() {
            Some(word) if !letter.is_uppercase() => word.push(letter),
            _ => words.push(letter.to_string()),
        }
    }
    words
}

/// The types, traits and aliases that a source defines.
fn defined_types(text: &str) -> Vec<String> {
    text.lines().filter_map(defined_type).collect()
}

fn defined_type(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    if !["struct", "enum", "trait", "type"].contains(&words.next()?) {
        return None;
    }
    Some(words.next()?.chars().take_while(|letter| letter.is_alphanumeric()).collect())
}

fn says_nothing(name: &str) -> bool {
    words(name).iter().any(|word| EMPTY_WORDS.contains(&word.trim_end_matches('s')))
}

#[test]
fn every_source_says_first_what_it_is_for() {
    let found = findings(|_, text| match text.strip_prefix("//! ") {
        Some(line) if !line.starts_with('\n') => Vec::new(),
        _ => vec!["begins with no `//!` line".to_owned()],
    });
    expect_none(&found, "every file begins with what it is for");
}

#[test]
fn no_source_is_too_long() {
    let found = findings(|_, text| {
        let lines = text.lines().count();
        if lines > MOST_LINES { vec![format!("{lines} lines")] } else { Vec::new() }
    });
    expect_none(&found, "300 lines are usual, 500 the most");
}

#[test]
fn nothing_is_left_to_do() {
    // In two parts, or this file would be a finding.
    let left: Vec<String> = ["todo", "unimplemented"].iter().map(|word| format!("{word}!(")).collect();
    let found = findings(|_, text| left.iter().filter(|word| text.contains(*word)).cloned().collect());
    expect_none(&found, "no stub");
}

#[test]
fn names_say_what_a_thing_is() {
    let found = findings(|path, text| {
        let types = defined_types(text).into_iter().filter(|name| says_nothing(name));
        let mut found: Vec<String> = types.map(|name| format!("type `{name}`")).collect();
        if EMPTY_MODULES.contains(&path.file_stem().unwrap().to_str().unwrap()) {
            found.push("a module named for nothing".to_owned());
        }
        found
    });
    expect_none(&found, "one word per thing, and no word for nothing");
}

#[test]
fn types_are_found_by_their_names() {
    let text =
        "pub struct RunManager;\n  enum Day {}\npub(crate) trait Read<T> {}\nlet structure = 1;\ntype A = B;";
    assert_eq!(defined_types(text), ["RunManager", "Day", "Read", "A"]);
    assert_eq!(words("HttpServiceCall"), ["Http", "Service", "Call"]);
    assert!(says_nothing("HttpServiceCall") && says_nothing("DateUtils") && !says_nothing("Served"));
}
