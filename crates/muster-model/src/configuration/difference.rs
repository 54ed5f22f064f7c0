//! Differences of documents: which fields of a resource are not what they were.

use serde_json::{Map, Value};

use super::problems::push_segment;

/// One place where two documents differ.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDifference {
    /// Its JSON pointer: within the later document, or, where there is nothing any more, within the earlier one.
    pub pointer: String,
    /// What stood there, if anything did.
    pub before: Option<Value>,
    /// What stands there now, if anything does.
    pub after: Option<Value>,
}

/// Where two documents differ, from their beginnings to their ends. Of lists that an item was put into or taken
/// from, that item alone differs, not all that moved.
#[must_use]
pub fn between(before: &Value, after: &Value) -> Vec<FieldDifference> {
    let mut differences = Vec::new();
    compare(&mut String::new(), before, after, &mut differences);
    differences
}

fn compare(pointer: &mut String, before: &Value, after: &Value, differences: &mut Vec<FieldDifference>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(before), Value::Object(after)) => compare_fields(pointer, before, after, differences),
        (Value::Array(before), Value::Array(after)) => compare_items(pointer, before, after, differences),
        _ => differences.push(FieldDifference {
            pointer: pointer.clone(),
            before: Some(before.clone()),
            after: Some(after.clone()),
        }),
    }
}

fn compare_fields(
    pointer: &mut String,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    differences: &mut Vec<FieldDifference>,
) {
    for (name, held) in before {
        at(pointer, name, |pointer| pair(pointer, Some(held), after.get(name), differences));
    }
    for (name, new) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
        at(pointer, name, |pointer| pair(pointer, None, Some(new), differences));
    }
}

/// Lists are alike at their beginnings and ends; what lies between is compared one by one.
fn compare_items(
    pointer: &mut String,
    before: &[Value],
    after: &[Value],
    differences: &mut Vec<FieldDifference>,
) {
    let shorter = before.len().min(after.len());
    let same_first = before.iter().zip(after).take_while(|(held, new)| held == new).count();
    let pairs_from_end = before.iter().rev().zip(after.iter().rev());
    let same_last = pairs_from_end.take(shorter - same_first).take_while(|(held, new)| held == new).count();
    let middle = |list: &[Value]| same_first..list.len() - same_last;
    let (middle_before, middle_after) = (&before[middle(before)], &after[middle(after)]);
    for index in 0..middle_before.len().max(middle_after.len()) {
        at(pointer, &(same_first + index).to_string(), |pointer| {
            pair(pointer, middle_before.get(index), middle_after.get(index), differences);
        });
    }
}

fn pair(
    pointer: &mut String,
    before: Option<&Value>,
    after: Option<&Value>,
    differences: &mut Vec<FieldDifference>,
) {
    if let (Some(before), Some(after)) = (before, after) {
        compare(pointer, before, after, differences);
    } else {
        let (pointer, before, after) = (pointer.clone(), before.cloned(), after.cloned());
        differences.push(FieldDifference { pointer, before, after });
    }
}

fn at(pointer: &mut String, segment: &str, compare: impl FnOnce(&mut String)) {
    let above = pointer.len();
    push_segment(pointer, segment);
    compare(pointer);
    pointer.truncate(above);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(before: &Value, after: &Value, expected: &[&str]) {
        let text = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
        let found: Vec<_> = between(before, after)
            .iter()
            .map(|one| format!("{}: {} {}", one.pointer, text(&one.before), text(&one.after)))
            .collect();
        assert_eq!(found, expected, "{before} {after}");
    }

    #[test]
    fn fields_that_differ_are_named_by_their_pointer() {
        check(&json!({"a": 1, "b": {"c": [1]}}), &json!({"b": {"c": [1]}, "a": 1}), &[]);
        check(
            &json!({"a": 1, "b": {"c": 2, "d/e": 3}, "gone": []}),
            &json!({"a": "1", "b": {"c": 2, "d/e": 4}, "new": {"x": 1}}),
            &["/a: 1 \"1\"", "/b/d~1e: 3 4", "/gone: [] -", "/new: - {\"x\":1}"],
        );
        check(&json!({}), &json!([]), &[": {} []"]);
    }

    #[test]
    fn what_only_moved_does_not_differ() {
        let list = |items: &[i64]| json!({ "l": items });
        check(&list(&[1, 2, 3]), &list(&[0, 1, 2, 3]), &["/l/0: - 0"]);
        check(&list(&[1, 2, 3]), &list(&[1, 3]), &["/l/1: 2 -"]);
        check(&list(&[1, 2, 3]), &list(&[1, 9, 3, 4]), &["/l/1: 2 9", "/l/3: - 4"]);
        check(&list(&[1, 1]), &list(&[1]), &["/l/1: 1 -"]);
        check(&list(&[]), &list(&[1]), &["/l/0: - 1"]);
        check(
            &json!([{"n": "a", "v": 1}, {"n": "b", "v": 1}]),
            &json!([{"n": "a", "v": 2}, {"n": "b", "v": 1}]),
            &["/0/v: 1 2"],
        );
    }
}
