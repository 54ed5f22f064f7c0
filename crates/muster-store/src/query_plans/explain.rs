//! What a database says about how it carries a statement out, and what of that is too much.

use std::collections::BTreeMap;

use sea_orm::Value;
use serde_json::Value as Json;

use crate::database::{Database, Dialect};

/// The tables that grow with a tenant's people, runs or configuration, and the columns of which one has to be looked up by. The
/// index of `run` by status has those alone that have not ended, and that by their end the others.
const LOOKED_UP_BY: [(&str, &[&str]); 17] = [
    ("shadow", &["no", "uid_key", "owner"]),
    ("object", &["id"]),
    ("key", &["hash", "object"]),
    ("history", &["id"]),
    ("change", &["id", "rowid"]),
    ("problem", &["run"]),
    ("met", &["run"]),
    ("bucket", &["run"]),
    ("message", &["run"]),
    ("configuration", &["id", "kind"]),
    ("configuration_history", &["id"]),
    ("run", &["seq", "id", "status", "ended_at", "task", "waits_for", "sync", "rowid"]),
    ("schedule", &["next_due", "task"]),
    ("fire", &["due_at", "task"]),
    ("audit", &["seq", "at"]),
    ("outbox", &["run", "due_at"]),
    ("dispute", &["uid_key", "no", "decided_object"]),
];

/// The tables that a statement reads in another way than by key, each with the whole plan.
pub(super) async fn findings(database: &Database, sql: &str, values: Vec<Value>) -> Vec<String> {
    let steps = steps(database, sql, values).await;
    let plan: Vec<_> = steps.iter().map(|step| step.text.as_str()).collect();
    let found = steps.iter().filter(|step| step.too_much);
    found.map(|step| format!("{}\nin {sql}\nby {}", step.text, plan.join("\n   "))).collect()
}

/// The whole plan of a statement, step by step.
pub(super) async fn plan(database: &Database, sql: &str, values: Vec<Value>) -> Vec<String> {
    steps(database, sql, values).await.into_iter().map(|step| step.text).collect()
}

async fn steps(database: &Database, sql: &str, values: Vec<Value>) -> Vec<Step> {
    let mut steps = Vec::new();
    match database.dialect {
        Dialect::Sqlite => {
            let names = names(sql);
            for row in database.query(&format!("EXPLAIN QUERY PLAN {sql}"), values).await.unwrap() {
                let text: String = row.try_get_by_index(3).unwrap();
                steps.push(Step { too_much: is_too_much(&text, &names), text });
            }
        }
        Dialect::Postgres => {
            let sql = format!("EXPLAIN (FORMAT JSON, COSTS OFF) {sql}");
            let plan: Json = database.query(&sql, values).await.unwrap()[0].try_get_by_index(0).unwrap();
            walk(&plan[0]["Plan"], &mut steps);
        }
    }
    assert!(!steps.is_empty() || sql.starts_with("INSERT"), "no plan of {sql}");
    steps
}

/// A step of a plan.
struct Step {
    text: String,
    too_much: bool,
}

fn columns(table: &str) -> Option<&'static [&'static str]> {
    LOOKED_UP_BY.iter().find(|(name, _)| *name == table).map(|(_, columns)| *columns)
}

/// Which table each name in a statement stands for: `shadow s` makes `s` one. The names of subqueries are left
/// out, and `s.key` is no table.
fn names(sql: &str) -> BTreeMap<String, &'static str> {
    let apart = sql.replace(['(', ')', ','], " , ");
    let words: Vec<&str> = apart.split_whitespace().filter(|word| *word != "AS").collect();
    let mut names = BTreeMap::new();
    for (place, word) in words.iter().enumerate() {
        let Some((table, _)) = LOOKED_UP_BY.iter().find(|(table, _)| table == word) else { continue };
        names.insert((*table).to_owned(), *table);
        names.extend(words.get(place + 1).map(|alias| ((*alias).to_owned(), *table)));
    }
    names
}

/// Whether a step of SQLite's plan, as `SEARCH s USING INDEX shadow_owner (tenant=? AND owner=?)`, reads one of
/// the tables otherwise than by key.
fn is_too_much(step: &str, names: &BTreeMap<String, &str>) -> bool {
    let mut words = step.split_whitespace();
    let (how, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let Some(columns) = names.get(name).and_then(|table| self::columns(table)) else { return false };
    let conditions = step.rsplit_once('(').map_or("", |(_, conditions)| conditions);
    let by_key = columns.iter().any(|column| {
        conditions.split(" AND ").any(|condition| {
            condition.strip_prefix(column).is_some_and(|rest| rest.starts_with(['=', '>', '<']))
        })
    });
    how == "SCAN" || (how == "SEARCH" && (!by_key || step.contains("AUTOMATIC")))
}

/// The nodes of PostgreSQL's plan. A node that reads one of the tables has to do so by an index, with a condition
/// on one of the columns.
fn walk(node: &Json, steps: &mut Vec<Step>) {
    let text = |field: &str| node[field].as_str().unwrap_or_default();
    let condition = text("Index Cond");
    let by_key = |columns: &[&str]| columns.iter().any(|column| condition.contains(&format!("({column} ")));
    let reads = text("Node Type").ends_with("Scan");
    steps.push(Step {
        text: format!("{} {} {condition}", text("Node Type"), text("Relation Name")),
        too_much: reads && columns(text("Relation Name")).is_some_and(|columns| !by_key(columns)),
    });
    for inner in node["Plans"].as_array().into_iter().flatten() {
        walk(inner, steps);
    }
}
