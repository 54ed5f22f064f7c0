//! Single syncs of users of a directory, one caller after the other and several side by side, and how long each took. Every
//! user is asked for twice: once new, once known.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};
use ureq::Agent;

use crate::error::Error;
use crate::requests::percentile;

/// The connector that is made for it.
const CONNECTOR: &str = "7df9fd3f-793f-4595-b415-b839b76b0018";

/// Whom to ask, and for whom.
pub(crate) struct Load {
    /// The server, with the tenant.
    pub(crate) tenant: String,
    pub(crate) token: String,
    /// Who ask side by side.
    pub(crate) callers: usize,
    /// The user names.
    pub(crate) users: Vec<String>,
}

/// How long single syncs took, in milliseconds, and how many there were a second.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Singles {
    requests: u64,
    seconds: f64,
    one_p50_ms: f64,
    one_p99_ms: f64,
    one_per_second: f64,
    two_p50_ms: f64,
    two_p99_ms: f64,
    two_per_second: f64,
    many_p50_ms: f64,
    many_p99_ms: f64,
    many_per_second: f64,
}

/// Asks for a third of the users one after the other, for a third by two callers, and for the others by several.
///
/// # Errors
/// When the server refuses a request, cannot be reached, or does not synchronize somebody.
pub(crate) fn ask(load: Load) -> Result<Singles, Error> {
    configure(&load)?;
    let begun = Instant::now();
    let (first, others) = load.users.split_at(load.users.len() / 3);
    let (second, third) = others.split_at(others.len() / 2);
    let one = side_by_side(&load, first, 1)?;
    let two = side_by_side(&load, second, 2)?;
    let many = side_by_side(&load, third, load.callers)?;
    Ok(Singles {
        requests: (one.times.len() + two.times.len() + many.times.len()) as u64,
        seconds: begun.elapsed().as_secs_f64(),
        one_p50_ms: percentile(&one.times, 50),
        one_p99_ms: percentile(&one.times, 99),
        one_per_second: one.per_second,
        two_p50_ms: percentile(&two.times, 50),
        two_p99_ms: percentile(&two.times, 99),
        two_per_second: two.per_second,
        many_p50_ms: percentile(&many.times, 50),
        many_p99_ms: percentile(&many.times, 99),
        many_per_second: many.per_second,
    })
}

/// Sorted times, and the rate.
struct Asked {
    times: Vec<f64>,
    per_second: f64,
}

fn side_by_side(load: &Load, users: &[String], callers: usize) -> Result<Asked, Error> {
    let url = Arc::new(single(load));
    let token = Arc::new(format!("Bearer {}", load.token));
    let begun = Instant::now();
    let asking: Vec<_> = users
        .chunks(users.len().div_ceil(callers).max(1))
        .map(|users| {
            let (users, url, token) = (users.to_vec(), Arc::clone(&url), Arc::clone(&token));
            thread::spawn(move || {
                let agent = Agent::new_with_defaults();
                users.iter().try_fold(Vec::new(), |mut times, user| {
                    for expected in ["ADDED", "NOT_MODIFIED"] {
                        times.push(sync(&agent, (&url, &token), user, expected)?);
                    }
                    Ok::<_, Error>(times)
                })
            })
        })
        .collect();
    let mut times = Vec::new();
    for caller in asking {
        times.extend(caller.join().map_err(|_| Error::Thread)??);
    }
    let per_second = times.len() as f64 / begun.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    Ok(Asked { times, per_second })
}

fn sync(agent: &Agent, (url, token): (&str, &str), user: &str, expected: &str) -> Result<f64, Error> {
    let begun = Instant::now();
    let body = json!({ "identifier": user });
    let mut answer = agent.post(url).header("Authorization", token).send_json(&body)?;
    let result: Value = answer.body_mut().read_json()?;
    let taken = begun.elapsed().as_secs_f64() * 1000.0;
    match result["operation"] == expected {
        true => Ok(taken),
        false => Err(Error::NotSynchronized(result.to_string())),
    }
}

fn single(load: &Load) -> String {
    format!("{}/rest/samlsso-admin/1.0/usersync/connector/{CONNECTOR}/syncsingle", load.tenant)
}

/// Makes an application that reads the directory, and a task with the connector's unique id.
fn configure(load: &Load) -> Result<(), Error> {
    let mapping = |attribute: &str, source: &str| json!({"attribute": attribute, "direction": "INBOUND", "strategy": "SIMPLE", "source": source});
    let application = json!({
        "id": "directory-users",
        "name": "Users of the directory",
        "connectorDefinitionId": "ldap",
        "objectClasses": [{
            "id": "person",
            "remoteName": "inetOrgPerson",
            "uidAttribute": "entryUUID",
            "nameAttribute": "uid",
            "attributes": [{"name": "uid"}, {"name": "cn"}, {"name": "mail"}, {"name": "sn"}],
        }],
        "objectTypes": [{
            "objectKind": "IDENTITY",
            "objectType": "user",
            "objectClassId": "person",
            "direction": "INBOUND",
            "attributeMappings": [mapping("login", "uid"), mapping("fullName", "cn"), mapping("address", "mail")],
        }],
    });
    let task = json!({
        "id": "directory-users",
        "name": "Users of the directory",
        "uniqueId": CONNECTOR,
        "taskType": "RECONCILIATION",
        "applicationId": "directory-users",
        "objectClassId": "person",
    });
    let agent = Agent::new_with_defaults();
    for (kind, body) in [("applications", application), ("sync-task-definitions", task)] {
        let url = format!("{}/api/sync/conf/{kind}", load.tenant);
        agent.post(&url).header("Authorization", format!("Bearer {}", load.token)).send_json(&body)?;
    }
    Ok(())
}
