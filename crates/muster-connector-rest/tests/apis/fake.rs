//! What an API of a test answers, and people in it.

pub(crate) use muster_testkit::fake::{Asked, Fake, Reply, ok};
use serde_json::{Value as Json, json};

/// A refusal.
pub(crate) fn refusal(status: u16, message: &str) -> Reply {
    Reply::Json(status, Vec::new(), json!({"error": {"message": message}}))
}

/// Somebody.
pub(crate) fn person(number: usize) -> Json {
    json!({"id": format!("k{number}"), "name": format!("u{number}"), "active": true})
}

/// Some people, from one to another.
pub(crate) fn people(from: usize, to: usize) -> Vec<Json> {
    (from..=to).map(person).collect()
}
