//! Samples of what came out: a few lines of a file, the bad lines, some people's way through both days.

use std::fmt::Write as _;

use serde_json::Value;

use super::tenant::{AttributeChange, Change};
use crate::print::say;
use crate::progress::Progress;

/// Rows of a file that are shown below its header.
const ROWS: usize = 3;
/// Attributes of a change that are shown.
const ATTRIBUTES: usize = 2;

/// The bad lines, each with its place.
pub(super) fn show_problems(run: &Progress) {
    for problem in &run.error_details {
        say(format_args!("     {}", problem.message));
    }
}

/// The header of a file and its first rows.
pub(super) fn show_rows(text: &str) {
    for row in text.lines().take(ROWS + 1) {
        say(format_args!("     {row}"));
    }
}

/// A joiner, a mover and a leaver: what HR said, and what their accounts became.
pub(super) fn show_moves(people: &[Change], accounts: &[Change]) {
    show_way("CREATE", |account| account.action == "CREATE", people, accounts);
    show_way("UPDATE", loses_a_zone, people, accounts);
    show_way("DISABLE", |account| account.action == "DELETE", people, accounts);
}

fn loses_a_zone(account: &Change) -> bool {
    account.memberships.iter().any(|change| !change.remove.is_empty())
}

/// Of the people with this change, one with such an account; who has the most accounts has the most to tell.
fn show_way(action: &str, is_sought: fn(&Change) -> bool, people: &[Change], accounts: &[Change]) {
    let ways = people.iter().filter(|person| person.action == action).filter_map(|person| {
        let own: Vec<&Change> = accounts.iter().filter(|account| belongs(account, person)).collect();
        own.iter().any(|account| is_sought(account)).then_some((person, own))
    });
    let Some((person, own)) = ways.max_by_key(|(_, own)| own.len()) else { return };
    say(format_args!("     {}: {}", person.account_key, describe_person(person)));
    for account in own {
        say(format_args!("       {}: {}", account.account_key, describe_account(account)));
    }
}

fn belongs(account: &Change, person: &Change) -> bool {
    // A person that is new has its object since this run; until then the key says who it is.
    match (&account.object_id, &person.object_id) {
        (Some(owner), Some(object)) => owner == object,
        _ => key_number(account) == key_number(person),
    }
}

/// Keys of the example differ in their first letter alone: `E0000709` and `B0000709` are of one person.
fn key_number(change: &Change) -> Option<&str> {
    change.account_key.get(1..)
}

fn describe_person(change: &Change) -> String {
    match change.action.as_str() {
        "CREATE" => format!("new, {}", value_of(change, "displayName")),
        "DISABLE" => "gone from the HR file, so disabled".to_owned(),
        _ => differences(&change.attributes),
    }
}

fn describe_account(change: &Change) -> String {
    let mut text = match change.action.as_str() {
        "CREATE" if change.account_key.starts_with('B') => "badge created".to_owned(),
        "CREATE" => "on the payroll".to_owned(),
        "DELETE" => "badge deleted".to_owned(),
        "DISABLE" => "inactive on the payroll".to_owned(),
        _ => differences(&change.attributes),
    };
    for membership in &change.memberships {
        let mut tell = |word: &str, zones: &[String]| {
            if !zones.is_empty() {
                let separator = if text.is_empty() { "" } else { ", " };
                let _ = write!(text, "{separator}{word} {}", zones.join(" and "));
            }
        };
        tell("opens", &membership.add);
        tell("no longer opens", &membership.remove);
    }
    text
}

fn differences(attributes: &[AttributeChange]) -> String {
    let told = |change: &AttributeChange| {
        format!("{} {} -> {}", change.name, shown(&change.before), shown(&change.after))
    };
    let mut told: Vec<_> = attributes.iter().take(ATTRIBUTES).map(told).collect();
    if attributes.len() > ATTRIBUTES {
        told.push(format!("and {} more", attributes.len() - ATTRIBUTES));
    }
    told.join(", ")
}

fn value_of(change: &Change, name: &str) -> String {
    let attribute = change.attributes.iter().find(|attribute| attribute.name == name);
    attribute.map_or_else(String::new, |attribute| shown(&attribute.after))
}

fn shown(value: &Option<Value>) -> String {
    match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
