//! Calls and lists of a description, with the placeholders that each may have and has to have.

use muster_egress::Method;
use serde_json::Value as Json;

use super::super::node::Node;
use super::super::paging::USUAL_SIZE;
use super::super::{End, Listing, Operation, Paging, Style, Told};
use crate::template::{Template, Text};

const METHODS: [(&str, Method); 5] = [
    ("GET", Method::Get),
    ("POST", Method::Post),
    ("PUT", Method::Put),
    ("PATCH", Method::Patch),
    ("DELETE", Method::Delete),
];
const OPERATION: [&str; 5] = ["method", "path", "query", "body", "contentType"];
const STYLES: [(&str, Style); 5] = [
    ("NONE", Style::None),
    ("PAGE", Style::Page),
    ("OFFSET", Style::Offset),
    ("CURSOR", Style::Cursor),
    ("LINK", Style::Link),
];
/// What stands for the place in a list.
const PLACES: [&str; 4] = ["pageSize", "page", "offset", "cursor"];
const LARGEST_PAGE: u64 = 10_000;

/// Reads the calls that an object of a description holds.
pub(super) struct Calls<'a, 'b> {
    pub(super) node: &'b Node<'a>,
}

impl Calls<'_, '_> {
    /// A call: `admitted` are the placeholders that it may have, `needed` those that it has to have.
    pub(super) fn operation(&self, name: &str, admitted: &[&str], needed: &[&str]) -> Option<Operation> {
        let node = self.node.node(name, &OPERATION)?;
        Some(operation(&node, usual_method(name), admitted, needed))
    }

    /// A call that lists things.
    pub(super) fn listing(
        &self,
        name: &str,
        more: &[&str],
        admitted: &[&str],
    ) -> Option<(Listing, Node<'_>)> {
        let known = [&OPERATION[..], &["items", "paging"], more].concat();
        let node = self.node.node(name, &known)?;
        let places = [&PLACES[..], admitted].concat();
        let operation = operation(&node, Method::Get, &places, admitted);
        let paging = paging(&node, &operation);
        let items = node.pointer("items").or_else(|| self.node.pointer("items")).unwrap_or_default();
        Some((Listing { operation, items, paging, token: None }, node))
    }
}

fn usual_method(name: &str) -> Method {
    match name {
        "create" | "enable" | "disable" => Method::Post,
        "update" => Method::Patch,
        "delete" | "removeMember" => Method::Delete,
        "addMember" => Method::Put,
        _ => Method::Get,
    }
}

fn operation(node: &Node<'_>, usual: Method, admitted: &[&str], needed: &[&str]) -> Operation {
    let operation = Operation {
        method: node.choice("method", &METHODS, usual),
        path: path(node),
        query: query(node),
        body: node.get("body").map(|body| {
            Template::parse(body, &node.at("body"), &mut |place, told| node.problems.add(place, told))
        }),
        content_type: node.text("contentType").unwrap_or(Operation::CONTENT_TYPE).to_owned(),
    };
    if !operation.content_type.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        node.problem("contentType", "it holds a letter that cannot stand in a header");
    }
    if operation.body.is_some() && matches!(operation.method, Method::Get) {
        node.problem("body", "a GET has none");
    }
    let placeholders = operation.placeholders();
    for unknown in placeholders.iter().filter(|name| !admitted.contains(name)) {
        let admitted: Vec<_> = admitted.iter().map(|name| format!("`{{{name}}}`")).collect();
        let there = if admitted.is_empty() { "none".to_owned() } else { admitted.join(", ") };
        node.problems
            .add(&node.place, format!("`{{{unknown}}}` stands for nothing here; there can be {there}"));
    }
    for missing in needed.iter().filter(|name| !placeholders.contains(name)) {
        node.problems
            .add(&node.place, format!("`{{{missing}}}` stands nowhere in it, so nobody knows what is meant"));
    }
    operation
}

fn path(node: &Node<'_>) -> Text {
    let Some(text) = node.text("path") else {
        if node.get("path").is_none() {
            node.problem("path", "it is required, as `/users`");
        }
        return Text::default();
    };
    let path = Text::parse(text).unwrap_or_else(|problem| {
        node.problem("path", problem);
        Text::default()
    });
    let is_plain = |letter: char| letter.is_ascii_graphic() && !"?#\\".contains(letter);
    if !text.starts_with('/') || !path.plain().all(|plain| plain.chars().all(is_plain)) {
        node.problem(
            "path",
            "it begins with `/`, and holds no blank, `?` or `#`; parameters stand in `query`",
        );
    }
    if text.contains("//") || text.split('/').any(|part| matches!(part, "." | "..")) {
        node.problem("path", "it holds an empty part, `.` or `..`");
    }
    path
}

fn query(node: &Node<'_>) -> Vec<(String, Text)> {
    let Some(held) = node.get("query") else { return Vec::new() };
    let Some(query) = Node::any(held, &node.at("query"), node.problems) else { return Vec::new() };
    let each = query.members().filter_map(|(name, held)| {
        let text = match held {
            Json::String(text) => Text::parse(text),
            Json::Number(_) | Json::Bool(_) => Text::parse(&held.to_string()),
            Json::Null | Json::Array(_) | Json::Object(_) => Err("it is no text".to_owned()),
        };
        text.map_err(|problem| query.problem(name, problem)).ok().map(|text| (name.clone(), text))
    });
    each.collect()
}

fn paging(node: &Node<'_>, operation: &Operation) -> Paging {
    let known = ["style", "first", "pageSize", "total", "more", "next", "end"];
    let usual = Paging::default();
    let paging = match node.node("paging", &known) {
        None => usual,
        Some(node) => {
            let size = node.number("pageSize", LARGEST_PAGE, USUAL_SIZE as u64);
            if size == 0 {
                node.problem("pageSize", "it is at least 1");
            }
            if node.get("style").is_none() {
                node.problem("style", "it is required");
            }
            Paging {
                style: node.choice("style", &STYLES, Style::None),
                first: node.number("first", 1, usual.first),
                size: usize::try_from(size).unwrap_or(USUAL_SIZE).max(1),
                total: node.told("total"),
                more: node.pointer("more"),
                next: node.told("next"),
                end: node.choice("end", &[("EMPTY", End::Empty), ("SHORT", End::Short)], usual.end),
            }
        }
    };
    check(node, operation, &paging);
    paging
}

fn check(node: &Node<'_>, operation: &Operation, paging: &Paging) {
    let needed = match paging.style {
        Style::None | Style::Link => None,
        Style::Page => Some("page"),
        Style::Offset => Some("offset"),
        Style::Cursor => Some("cursor"),
    };
    let told = |message: String| node.problem("paging", message);
    if let Some(needed) = needed.filter(|needed| !operation.has(needed)) {
        told(format!("`{{{needed}}}` stands nowhere in the call, so each page would be the first"));
    }
    for other in ["page", "offset", "cursor"].into_iter().filter(|other| Some(*other) != needed) {
        if operation.has(other) {
            told(format!("`{{{other}}}` stands for nothing with this style"));
        }
    }
    let has_next = matches!(paging.style, Style::Cursor | Style::Link);
    match (&paging.next, paging.style) {
        (None, Style::Cursor) => {
            told("`next` is required: where the cursor of the next page stands".to_owned())
        }
        (Some(_), _) if !has_next => told("`next` means nothing with this style".to_owned()),
        (Some(Told::Pointer(pointer)), _) if pointer.is_whole() => {
            told("`next` is the whole answer".to_owned())
        }
        _ => {}
    }
    if paging.end == End::Short && !operation.has("pageSize") {
        told("with `end` `SHORT` the call has to say `{pageSize}`".to_owned());
    }
}
