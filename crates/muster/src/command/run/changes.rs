//! `muster run changes`: the changes of a plan, as a table for people, as JSON, or all of them as CSV.

use std::fmt::Write as _;

use muster_api::view::ChangeStanding;
use muster_model::configuration::application::Situation;
use muster_plan::change::Action;
use muster_store::ChangeQuery;
use serde_json::Value;
use uuid::Uuid;

use super::DoorArguments;
use crate::print::table;

/// What is asked of a server, or of the own store, at a time.
const PAGE: u32 = 1000;

#[derive(clap::Args)]
pub(super) struct ChangesArguments {
    /// The run
    pub(super) run: Uuid,
    /// Only changes that do this, such as CREATE or DELETE
    #[arg(long, value_parser = action)]
    action: Option<Action>,
    /// Only changes found in this situation, such as MISSING
    #[arg(long, value_parser = situation)]
    situation: Option<Situation>,
    /// Only changes of which this has become, such as FAILED or STALE
    #[arg(long, value_parser = standing)]
    status: Option<ChangeStanding>,
    /// Only the change of this account
    #[arg(long, value_name = "KEY")]
    uid: Option<String>,
    /// Only changes that touch this attribute
    #[arg(long, value_name = "NAME")]
    attribute: Option<String>,
    /// Only changes after this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u32,
    /// At most so many; CSV has all of them
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    pub(super) door: DoorArguments,
}

impl ChangesArguments {
    /// What is asked of the store.
    pub(super) fn query(&self) -> ChangeQuery {
        ChangeQuery {
            action: self.action,
            situation: self.situation,
            state: None,
            uid: self.uid.clone(),
            attribute: self.attribute.as_deref().map(Into::into),
            after: self.after,
            limit: self.limit.min(PAGE),
        }
    }

    pub(super) fn standing(&self) -> Option<ChangeStanding> {
        self.status
    }

    /// What is asked of a server, without where to begin.
    pub(super) fn as_query(&self) -> String {
        let mut text = String::new();
        let asked = [
            ("action", self.action.map(|action| action.as_str().to_owned())),
            ("situation", self.situation.map(|situation| situation.as_str().to_owned())),
            ("status", self.status.map(|status| status.as_str().to_owned())),
            ("uid", self.uid.clone()),
            ("attribute", self.attribute.clone()),
        ];
        for (name, value) in asked {
            if let Some(value) = value {
                let _ = write!(text, "&{name}={}", encoded(&value));
            }
        }
        text
    }
}

/// Changes as the API shows them, and after which number more may follow.
pub(super) struct Found {
    pub(super) changes: Vec<Value>,
    pub(super) next: Option<u32>,
}

impl Found {
    /// Lines for people: what a change does and why, and a row for each attribute, with what it held and is to hold,
    /// and by which mapping.
    pub(super) fn text(&self) -> String {
        let rows: Vec<_> = self.changes.iter().flat_map(rows).collect();
        table(&HEADINGS, &rows)
    }
}

const HEADINGS: [&str; 9] =
    ["NUMBER", "ACTION", "STATUS", "SITUATION", "ACCOUNT", "OBJECT", "ATTRIBUTE", "BEFORE → AFTER", "WHY"];

fn rows(change: &Value) -> Vec<Vec<String>> {
    let mut told: Vec<[String; 3]> = Vec::new();
    match change["enabled"].as_bool() {
        Some(true) => told.push(["enabled".to_owned(), "false → true".to_owned(), String::new()]),
        Some(false) => told.push(["enabled".to_owned(), "true → false".to_owned(), String::new()]),
        None => told.push([const { String::new() }; 3]),
    }
    told[0][2] = change["why"].as_str().map(|why| word(&why.into())).unwrap_or_default();
    for attribute in list(&change["attributes"]) {
        let held = |when: &str| attribute.get(when).map_or_else(|| "–".to_owned(), word);
        let mappings: Vec<_> = list(&attribute["why"]).iter().map(|why| word(&why["text"])).collect();
        let change = format!("{} → {}", held("before"), held("after"));
        told.push([word(&attribute["name"]), change, mappings.join(" or ")]);
    }
    for membership in list(&change["memberships"]) {
        let members = |sign: &str, of: &str| {
            list(&membership[of]).iter().map(|one| format!("{sign}{}", word(one))).collect::<Vec<_>>()
        };
        let members = [members("+", "add"), members("-", "remove")].concat();
        told.push([word(&membership["attribute"]), members.join(" "), String::new()]);
    }
    if let Some(message) = change["message"].as_str() {
        told.push([String::new(), String::new(), word(&message.into())]);
    }
    let object =
        ["objectName", "objectId"].map(|name| &change[name]).into_iter().find(|held| !held.is_null());
    let head = ["number", "action", "status", "situation", "accountKey"].map(|name| word(&change[name]));
    let head: Vec<_> = head.into_iter().chain([object.map(word).unwrap_or_default()]).collect();
    let row = |(index, told): (usize, [String; 3])| {
        let head = if index == 0 { head.clone() } else { vec![String::new(); head.len()] };
        head.into_iter().chain(told).collect()
    };
    told.into_iter().enumerate().map(row).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A value without what would break a line or colour a terminal.
fn word(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// A value as it may stand in a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(octet.into()),
            other => {
                let _ = write!(encoded, "%{other:02X}");
            }
        }
    }
    encoded
}

fn action(text: &str) -> Result<Action, String> {
    of_words(text, Action::ALL, Action::as_str)
}

fn situation(text: &str) -> Result<Situation, String> {
    of_words(text, Situation::ALL, Situation::as_str)
}

fn standing(text: &str) -> Result<ChangeStanding, String> {
    of_words(text, ChangeStanding::all(), ChangeStanding::as_str)
}

fn of_words<T: Copy>(
    text: &str,
    known: impl IntoIterator<Item = T>,
    word: fn(T) -> &'static str,
) -> Result<T, String> {
    let known: Vec<T> = known.into_iter().collect();
    let found = known.iter().find(|one| word(**one).eq_ignore_ascii_case(text)).copied();
    let words = || known.iter().map(|one| word(*one)).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("is none of {}", words()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_read_what_was_and_what_is_to_be() {
        let change = json!({
            "number": 7, "action": "UPDATE", "status": "STALE", "situation": "MISSING", "accountKey": "E1",
            "objectName": null, "objectId": "0-1", "enabled": false, "message": "it moved\non",
            "why": "the reaction to MISSING is DISABLE",
            "attributes": [
                {"name": "mail", "before": "a@x", "after": "b@x", "why": [{"text": "`mail` LOWER, STRONG"}]},
                {"name": "phone", "before": null, "why": []},
            ],
            "memberships": [{"attribute": "groups", "add": ["a"], "remove": ["b"]}],
        });
        let told = Found { changes: vec![change], next: None }.text();
        let expected = "\
NUMBER  ACTION  STATUS  SITUATION  ACCOUNT  OBJECT  ATTRIBUTE  BEFORE → AFTER  WHY
7       UPDATE  STALE   MISSING    E1       0-1     enabled    true → false    the reaction to MISSING is DISABLE
                                                    mail       a@x → b@x       `mail` LOWER, STRONG
                                                    phone      null → –
                                                    groups     +a -b
                                                                               it moved on";
        assert_eq!(told, expected);
    }

    #[test]
    fn words_are_known_in_any_case_and_values_go_whole_into_a_query() {
        assert_eq!(action("delete"), Ok(Action::Delete));
        assert_eq!(standing("NOT_APPLIED"), Ok(ChangeStanding::NotApplied));
        assert!(situation("LOST").unwrap_err().starts_with("is none of "));
        assert_eq!(encoded("a b&c=ä"), "a%20b%26c%3D%C3%A4");
    }
}
