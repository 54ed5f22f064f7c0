//! Group rules: which groups an account's object has, by mapping, object and rules.

use muster_model::configuration::application::Direction;
use muster_model::{Attributes, Field, Value};
use muster_plan::mapping::{Mapped, MappingInput, map};
use muster_plan::rules::{RuleContext, Rules};
use serde_json::{Value as Json, json};

use crate::rules::{attributes, mapping, now, object_type, rules};

fn groups(names: &str) -> Field {
    Field::Many(names.split_terminator(',').map(Value::from).collect())
}

fn holding(names: &str) -> Attributes {
    [("groups", groups(names))].into_iter().collect()
}

fn fields(strength: &str, more: &Json) -> Json {
    let mut block = json!({ "attribute": "groups" });
    for (name, value) in more.as_object().expect("fields") {
        block[name] = value.clone();
    }
    let given = json!({
        "attribute": "groups", "source": "groups", "multiValued": true, "strength": strength, "onNoMatch": "CLEAR",
    });
    json!({ "groups": block, "attributeMappings": [mapping("INBOUND", &given)] })
}

/// What becomes of the groups of an object: those it is to have, that it keeps its own, or that it is filtered.
fn ruled(rules: &Rules, account: &Attributes, (held, snapshot): (&str, Option<&Attributes>)) -> String {
    let target = holding(held);
    let input =
        MappingInput { source: account, snapshot, target: Some(&target), provenance: None, now: now() };
    match map(rules, &input).expect("maps") {
        Mapped::Filtered => "filtered".to_owned(),
        Mapped::Writes(writes) => match writes.first() {
            None => "kept".to_owned(),
            Some((_, Field::Absent)) => "cleared".to_owned(),
            Some((_, field)) => {
                let texts: Vec<_> = field.values().iter().map(|value| value.to_text().into_owned()).collect();
                texts.join(",")
            }
        },
    }
}

#[test]
fn required_groups_everyones_and_those_that_are_kept() {
    for (block, account, held, expected) in [
        (json!({}), "a,b", "c", "a,b"),
        (json!({ "required": ["a"] }), "a,b", "", "a,b"),
        (json!({ "required": ["x", "/^b/"] }), "a,bee", "", "a,bee"),
        (json!({ "required": ["x", "/^b/"] }), "a,xb", "", "filtered"),
        (json!({ "required": ["a.c"] }), "abc", "", "filtered"),
        (json!({ "everyone": ["all", "a"] }), "a,b", "c", "a,b,all"),
        (json!({ "kept": ["/^local-/", "own"] }), "a", "local-x,own,b,a", "a,local-x,own"),
        (json!({ "everyone": ["all"], "kept": ["own"] }), "", "own,b", "own,all"),
        (json!({ "kept": ["own"] }), "", "b", ""),
    ] {
        let rules = rules(Direction::Inbound, &fields("STRONG", &block), &[]);
        assert_eq!(ruled(&rules, &holding(account), (held, None)), expected, "{block} {account} {held}");
    }
    let rules = rules(Direction::Inbound, &fields("STRONG", &json!({ "everyone": ["all"] })), &[]);
    assert_eq!(ruled(&rules, &attributes(&[]), ("b", None)), "all", "the mapping clears what is absent");
}

#[test]
fn what_everyone_gets_reaches_those_whose_groups_the_mapping_leaves() {
    let same = holding("a");
    for (block, strength, held, expected) in [
        (json!({ "everyone": ["all"] }), "NORMAL", "by-hand", "by-hand,all"),
        (json!({ "everyone": ["all"] }), "NORMAL", "all,by-hand", "kept"),
        (json!({ "everyone": ["all"] }), "WEAK", "by-hand", "by-hand,all"),
        (json!({ "kept": ["own"] }), "NORMAL", "by-hand", "kept"),
        (json!({ "required": ["b"] }), "NORMAL", "b", "filtered"),
    ] {
        let rules = rules(Direction::Inbound, &fields(strength, &block), &[]);
        assert_eq!(ruled(&rules, &same, (held, Some(&same))), expected, "{block} {strength} {held}");
    }
}

#[test]
fn rules_that_cannot_be_used_name_their_place() {
    let block = json!({ "required": ["a", "/(/"], "kept": ["/[/"], "everyone": ["x"] });
    let context = RuleContext { direction: Direction::Inbound, filter: None, outranked_by: &|_| Vec::new() };
    let problems =
        Rules::compile(&object_type("INBOUND", &fields("STRONG", &block)), context).expect_err("refused");
    let places: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(places, ["/groups/required/1", "/groups/kept/0"]);
    assert!(problems[0].message.contains("is not a regular expression"), "{problems:?}");
}
