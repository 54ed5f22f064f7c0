//! Items as entries: each attribute by its pointer, who is enabled, and the key.

use std::sync::Arc;

use muster_connector::{Account, BadEntry, Entry, Place};
use muster_http::NO_PLACE;
use muster_model::{Field, Record, Value};
use serde_json::Value as Json;

use crate::class::Layout;
use crate::description::Source;
use crate::list::key_of;
use crate::membership::Held;

/// The most values of one attribute.
const MOST_VALUES: usize = 100_000;

/// Reads items of a class.
pub(crate) struct EntryReader<'a> {
    pub(crate) layout: &'a Layout,
    /// Who is a member of what, where entitlements say so.
    pub(crate) held: Option<&'a Arc<Held>>,
    /// Where the items come from, for messages.
    pub(crate) address: &'a str,
}

impl EntryReader<'_> {
    /// One item as an entry; its number in its list is for messages.
    pub(crate) fn entry(&self, item: &Json, number: u64) -> Entry {
        let shown = format!("{} `{}`", self.address, self.layout.name);
        let Some(uid) = key_of(item, &self.layout.class.key) else {
            let key = &self.layout.class.key;
            let message =
                format!("{shown} number {number}: it has no key at `{key}`, or none that can be one");
            return Entry::Bad(BadEntry { place: Place(number), uid: None, message });
        };
        match self.account(item, &uid) {
            Ok(account) => Entry::Account(account),
            Err(problem) => {
                let message = format!("{shown} `{uid}`: {problem}");
                Entry::Bad(BadEntry { place: NO_PLACE, uid: Some(uid), message })
            }
        }
    }

    fn account(&self, item: &Json, uid: &str) -> Result<Account, String> {
        let mut fields = Vec::with_capacity(self.layout.attributes.len() + 1);
        for attribute in &self.layout.attributes {
            let field = field(item, &attribute.source, attribute.is_list);
            fields.push(field.map_err(|problem| format!("`{}` {problem}", attribute.name))?);
        }
        if let Some(membership) = &self.layout.membership {
            let groups = match (&membership.own, self.held) {
                (Some(own), _) => match field(item, own, true)
                    .map_err(|problem| format!("`{}` {problem}", membership.attribute))?
                {
                    Field::Many(groups) => groups,
                    Field::Absent | Field::Null | Field::One(_) => Vec::new(),
                },
                (None, Some(held)) => held.of(uid).into_iter().map(Value::String).collect(),
                (None, None) => Vec::new(),
            };
            fields.push(Field::Many(
                groups.iter().map(Value::to_text).map(|key| Value::String(key.into())).collect(),
            ));
        }
        let record = Record { names: Arc::clone(&self.layout.names), fields };
        Ok(Account { place: NO_PLACE, uid: uid.to_owned(), enabled: self.enabled(item)?, record })
    }

    fn enabled(&self, item: &Json) -> Result<Option<bool>, String> {
        let Some(enabled) = &self.layout.class.enabled else { return Ok(None) };
        match enabled.pointer.get(item) {
            // An API that says nothing of it has nobody disabled.
            None | Some(Json::Null) => Ok(Some(true)),
            Some(held) if enabled.enabled.contains(held) => Ok(Some(true)),
            Some(held) if enabled.disabled.contains(held) => Ok(Some(false)),
            Some(_) => {
                Err(format!("says at `{}` neither that it is enabled nor that it is not", enabled.pointer))
            }
        }
    }
}

/// What an item holds of an attribute.
///
/// # Errors
/// When it is no value; says what it is.
pub(crate) fn field(item: &Json, source: &Source, is_list: bool) -> Result<Field, String> {
    let elements = match source.pointer.get(item) {
        None => return Ok(Field::Absent),
        Some(Json::Null) => return Ok(Field::Null),
        Some(Json::Array(elements)) if is_list => elements.as_slice(),
        Some(Json::Array(_)) => return Err("holds a list; describe it with `each`".to_owned()),
        Some(single) => std::slice::from_ref(single),
    };
    if elements.len() > MOST_VALUES {
        return Err(format!("holds more than {MOST_VALUES} values"));
    }
    let mut values = Vec::with_capacity(elements.len());
    for element in elements {
        let held = source.each.as_ref().map_or(Some(element), |each| each.get(element));
        values.extend(value(held)?);
    }
    match is_list {
        true => Ok(Field::Many(values)),
        false => Ok(values.pop().map_or(Field::Absent, Field::One)),
    }
}

fn value(held: Option<&Json>) -> Result<Option<Value>, String> {
    match held {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Bool(truth)) => Ok(Some(Value::Boolean(*truth))),
        Some(Json::Number(number)) => {
            Ok(Some(number.as_i64().map_or_else(|| Value::String(number.to_string()), Value::Integer)))
        }
        Some(Json::String(text)) if text.contains('\0') => Err("holds a zero character".to_owned()),
        Some(Json::String(text)) => Ok(Some(Value::String(text.clone()))),
        Some(Json::Array(_) | Json::Object(_)) => {
            Err("holds an object or a list where a value is expected; point at a part of it".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pointer::Pointer;

    #[test]
    fn absent_null_and_empty_are_three_things() {
        let many = |values: &[&str]| Field::Many(values.iter().copied().map(Value::from).collect());
        let check = |item: Json, each: Option<&str>, is_list: bool, expected: Option<Field>| {
            let each = each.map(|each| Pointer::parse(each).unwrap());
            let source = Source { pointer: Pointer::parse("/a").unwrap(), each, is_writable: true };
            assert_eq!(field(&item, &source, is_list).ok(), expected, "{item}");
        };
        check(json!({}), None, false, Some(Field::Absent));
        check(json!({"a": null}), None, true, Some(Field::Null));
        check(json!({"a": ""}), None, false, Some(Field::text("")));
        check(json!({"a": 7}), None, false, Some(Field::One(Value::Integer(7))));
        check(json!({"a": 1.5}), None, false, Some(Field::text("1.5")));
        check(
            json!({"a": 18_446_744_073_709_551_615_u64}),
            None,
            false,
            Some(Field::text("18446744073709551615")),
        );
        check(json!({"a": []}), None, true, Some(many(&[])));
        check(json!({"a": ["x", null, "y"]}), None, true, Some(many(&["x", "y"])));
        check(json!({"a": "x"}), None, true, Some(many(&["x"])));
        check(json!({"a": [{"v": "x"}, {"w": 1}]}), Some("/v"), true, Some(many(&["x"])));
        check(json!({"a": ["x"]}), None, false, None);
        check(json!({"a": {"b": 1}}), None, false, None);
        check(json!({"a": [["x"]]}), None, true, None);
        check(json!({"a": "x\u{0}"}), None, false, None);
    }
}
