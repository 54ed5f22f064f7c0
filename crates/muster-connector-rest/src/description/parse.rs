//! How a description is written: JSON, of which everything is looked at, and all problems are told with their places.

mod calls;
mod class;

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_http::{is_header_name, parsed};
use serde_json::Value as Json;

use super::node::{Node, Problems};
use super::{Description, Refusal, Refusals};
use crate::pointer::Pointer;
use calls::Calls;

/// What concerns the whole API or our access to it is no refusal of one thing.
const NO_REFUSALS: [u16; 6] = [401, 403, 407, 408, 425, 429];
/// What a description may hold, in octets.
const LONGEST: usize = 256 * 1024;
impl Description {
    /// The description that a text is, as far as it is one, and all its problems.
    pub(crate) fn parse(text: &str) -> (Self, Vec<String>) {
        if text.len() > LONGEST {
            return (Self::default(), vec![format!("it is longer than {LONGEST} octets")]);
        }
        match parsed::<Json>(text.as_bytes()) {
            Err(problem) => (Self::default(), vec![format!("it is no JSON: {problem}")]),
            Ok(json) => {
                let problems = Problems::default();
                let description = Self::of(&json, &problems).unwrap_or_default();
                (description, problems.into_all())
            }
        }
    }

    fn of(json: &Json, problems: &Problems) -> Option<Self> {
        let known = ["classes", "headers", "check", "errors", "conflict", "outdated"];
        let node = Node::of(json, "", problems, &known)?;
        let classes = match node.get("classes") {
            None => {
                node.problem("classes", "it is required: one entry for each class, as `users`");
                BTreeMap::new()
            }
            Some(classes) => classes_of(classes, problems),
        };
        Some(Self {
            classes,
            headers: headers(&node),
            check: Calls { node: &node }.operation("check", &[], &[]),
            refusals: Refusals {
                message: node.node("errors", &["message"]).and_then(|errors| errors.pointer("message")),
                conflicts: conflicts(&node),
                outdated: statuses(&node, "outdated"),
            },
        })
    }
}

fn classes_of(classes: &Json, problems: &Problems) -> BTreeMap<String, Arc<super::Class>> {
    let place = "/classes";
    let Some(classes) = Node::any(classes, place, problems) else { return BTreeMap::new() };
    if classes.members().next().is_none() {
        problems.add(place, "it is empty; describe a class");
    }
    let each = classes.members().filter_map(|(name, json)| {
        let parsed = class::parse(json, &classes.at(name), problems)?;
        Some((name.clone(), Arc::new(parsed)))
    });
    each.collect()
}

fn headers(node: &Node<'_>) -> Vec<(String, String)> {
    let Some(held) = node.get("headers") else { return Vec::new() };
    let Some(headers) = Node::any(held, &node.at("headers"), node.problems) else { return Vec::new() };
    let each = headers.members().filter_map(|(name, _)| {
        let value = headers.text(name)?;
        if !is_header_name(name) {
            headers.problem(
                name,
                "it is no name of a header that can be given here; credentials have properties",
            );
        }
        if value.chars().any(|letter| letter.is_control() || !letter.is_ascii()) {
            headers.problem(name, "it holds a letter that cannot stand in a header");
        }
        Some((name.clone(), value.to_owned()))
    });
    each.collect()
}

/// A status of refusals of one thing.
fn status(json: &Json) -> Option<u16> {
    let status = u16::try_from(json.as_u64()?).ok()?;
    ((400..500).contains(&status) && !NO_REFUSALS.contains(&status)).then_some(status)
}

const NO_STATUS: &str = "it is no status of 400 to 499 that concerns one thing alone";

fn statuses(node: &Node<'_>, name: &str) -> Vec<u16> {
    let Some(held) = node.get(name) else { return Vec::new() };
    let Some(elements) = held.as_array() else {
        node.problem(name, "it is no list");
        return Vec::new();
    };
    let found: Vec<u16> = elements.iter().filter_map(status).collect();
    if found.len() < elements.len() {
        node.problem(name, NO_STATUS);
    }
    found
}

/// Statuses, or such with what stands in the answer: `[422, {"status": 400, "pointer": "/code", "equals": "taken"}]`.
fn conflicts(node: &Node<'_>) -> Vec<Refusal> {
    let place = node.at("conflict");
    let elements = match node.get("conflict") {
        None => return Vec::new(),
        Some(Json::Array(elements)) => elements,
        Some(_) => {
            node.problem("conflict", "it is no list");
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for (number, element) in elements.iter().enumerate() {
        let place = format!("{place}/{number}");
        if !element.is_object() {
            match status(element) {
                Some(status) => found.push(Refusal { status, body: None }),
                None => node.problems.add(&place, NO_STATUS),
            }
            continue;
        }
        let Some(inner) = Node::of(element, &place, node.problems, &["status", "pointer", "equals"]) else {
            continue;
        };
        let pointer = inner.pointer("pointer").filter(|pointer: &Pointer| !pointer.is_whole());
        let body = pointer.zip(inner.get("equals").cloned());
        if body.is_none() {
            node.problems
                .add(&place, "`pointer` and `equals` are required; give the status alone without them");
        }
        match inner.get("status").and_then(status) {
            Some(status) => found.push(Refusal { status, body }),
            None => node.problems.add(&place, NO_STATUS),
        }
    }
    found
}

#[cfg(test)]
mod tests;
