//! A class of a description.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::super::node::{Node, Problems};
use super::super::{Changes, Class, Enabled, Gone, Listing, Operation, Source};
use super::calls::Calls;

const KNOWN: [&str; 20] = [
    "items",
    "item",
    "key",
    "givenKey",
    "checkNames",
    "enabled",
    "attributes",
    "list",
    "read",
    "find",
    "create",
    "update",
    "delete",
    "enable",
    "disable",
    "addMember",
    "removeMember",
    "changes",
    "title",
    "description",
];

/// The class that a document is, as far as it is one.
pub(super) fn parse(json: &Json, place: &str, problems: &Problems) -> Option<Class> {
    let node = Node::of(json, place, problems, &KNOWN)?;
    let calls = Calls { node: &node };
    let gives_keys = node.truth("givenKey");
    let attributes = attributes(&node);
    let names: Vec<&str> = attributes.keys().map(String::as_str).collect();
    let made_by = if gives_keys { "name" } else { "key" };
    let class = Class {
        item: node.pointer("item").unwrap_or_default(),
        key: key(&node),
        gives_keys,
        looks_first: node.truth("checkNames"),
        enabled: enabled(&node),
        list: list(&calls),
        read: calls.operation("read", &["key"], &["key"]),
        find: calls.listing("find", &[], &["name"]).map(|(listing, _)| listing),
        create: calls.operation("create", &[&names[..], &["enabled", "all", made_by]].concat(), &[]),
        update: calls.operation(
            "update",
            &[&names[..], &["key", "enabled", "changes", "all"]].concat(),
            &["key"],
        ),
        delete: calls.operation("delete", &["key"], &["key"]),
        enable: calls.operation("enable", &["key"], &["key"]),
        disable: calls.operation("disable", &["key"], &["key"]),
        add_member: calls.operation("addMember", &["key", "group"], &["key", "group"]),
        remove_member: calls.operation("removeMember", &["key", "group"], &["key", "group"]),
        changes: changes(&calls),
        attributes,
    };
    check(&node, &class);
    Some(class)
}

fn key(node: &Node<'_>) -> crate::pointer::Pointer {
    if node.get("key").is_none() {
        node.problem("key", "it is required: where the key stands in an item, as `/id`");
    }
    let key = node.pointer("key").unwrap_or_default();
    if key.is_whole() && node.get("key").is_some() {
        node.problem("key", "it is the whole item; name a part of it");
    }
    key
}

fn attributes(node: &Node<'_>) -> BTreeMap<String, Source> {
    let Some(held) = node.get("attributes") else { return BTreeMap::new() };
    let Some(inner) = Node::any(held, &node.at("attributes"), node.problems) else { return BTreeMap::new() };
    let mut attributes = BTreeMap::new();
    for (name, _) in inner.members() {
        let Some(source) = inner.source(name) else { continue };
        if source.pointer.is_whole() {
            inner.problem(name, "it is the whole item; name a part of it");
        }
        attributes.insert(name.clone(), source);
    }
    attributes
}

/// `"/active"`, or `{"pointer": "/status", "enabled": "active", "disabled": ["suspended", "locked"]}`.
fn enabled(node: &Node<'_>) -> Option<Enabled> {
    if let Json::String(_) = node.get("enabled")? {
        let pointer = node.pointer("enabled")?;
        return Some(Enabled { pointer, enabled: vec![true.into()], disabled: vec![false.into()] });
    }
    let inner = node.node("enabled", &["pointer", "enabled", "disabled"])?;
    if inner.get("pointer").is_none() {
        inner.problem("pointer", "it is required");
    }
    let found = Enabled {
        pointer: inner.pointer("pointer").unwrap_or_default(),
        enabled: inner.values("enabled"),
        disabled: inner.values("disabled"),
    };
    if found.enabled.iter().any(|value| found.disabled.contains(value)) {
        inner.problem("disabled", "the same value says both that something is enabled and that it is not");
    }
    Some(found)
}

fn list(calls: &Calls<'_, '_>) -> Listing {
    match calls.listing("list", &["token"], &[]) {
        Some((listing, inner)) => Listing { token: inner.told("token"), ..listing },
        None => {
            if calls.node.get("list").is_none() {
                calls.node.problem("list", "it is required");
            }
            Listing::default()
        }
    }
}

fn changes(calls: &Calls<'_, '_>) -> Option<Changes> {
    let more = ["key", "token", "start", "gone", "deleted", "readEach"];
    let (listing, node) = calls.listing("changes", &more, &["token"])?;
    let Some(token) = node.told("token") else {
        if node.get("token").is_none() {
            node.problem("token", "it is required: where the next token stands");
        }
        return None;
    };
    let start =
        node.node("start", &["method", "path", "query", "body", "contentType", "token"]).map(|inner| {
            let plain: serde_json::Map<String, Json> = inner
                .members()
                .filter(|(name, _)| *name != "token")
                .map(|(name, held)| (name.clone(), held.clone()))
                .collect();
            let (plain, own) = (
                Json::from(serde_json::Map::from_iter([("start".to_owned(), plain.into())])),
                Problems::default(),
            );
            let operation = Node::any(&plain, &node.place, &own)
                .and_then(|alone| Calls { node: &alone }.operation("start", &[], &[]));
            for problem in own.into_all() {
                node.problem("start", problem);
            }
            (operation.unwrap_or_default(), inner.told("token").unwrap_or_else(|| token.clone()))
        });
    let gone = node.node("gone", &["pointer", "equals"]).map(|inner| {
        let equals = inner.get("equals").cloned().unwrap_or(Json::Bool(true));
        Gone { pointer: inner.pointer("pointer").unwrap_or_default(), equals }
    });
    if gone.as_ref().is_some_and(|gone| gone.pointer.is_whole()) {
        node.problem("gone", "`pointer` is required: what in an item says that it is gone");
    }
    Some(Changes {
        key: node.pointer("key").or_else(|| calls.node.pointer("key")).unwrap_or_default(),
        listing,
        token,
        start,
        gone,
        deleted: node.source("deleted"),
        reads_each: node.truth("readEach"),
    })
}

/// What has to go together.
fn check(node: &Node<'_>, class: &Class) {
    let has_body =
        |operation: &Option<Operation>| operation.as_ref().is_none_or(|known| known.body.is_some());
    for (name, operation) in [("create", &class.create), ("update", &class.update)] {
        if !has_body(operation) {
            node.problem(name, "`body` is required: what is sent, as `\"{all}\"` or `\"{changes}\"`");
        }
    }
    for (name, one, other) in [
        ("enable", class.enable.is_some(), class.disable.is_some()),
        ("addMember", class.add_member.is_some(), class.remove_member.is_some()),
    ] {
        if one != other {
            node.problem(name, "it and what undoes it are given both, or none");
        }
    }
    if class.enable.is_some() && class.enabled.is_none() {
        node.problem("enabled", "it is required with `enable` and `disable`: where an item says which it is");
    }
    if let (Some(changes), None) = (&class.changes, &class.list.token)
        && changes.start.is_none()
    {
        node.problem(
            "changes",
            "the first token comes from nowhere: give `start` here, or `token` in `list`",
        );
    }
    if class.looks_first && class.find.is_none() && (class.gives_keys || class.read.is_none()) {
        let needed = if class.gives_keys { "find" } else { "read" };
        node.problem(
            "checkNames",
            format!("`{needed}` is required with it; else all items were listed each time"),
        );
    }
    if class.changes.as_ref().is_some_and(|changes| changes.reads_each) && class.read.is_none() {
        node.problem("changes", "with `readEach` the class needs `read`");
    }
}
