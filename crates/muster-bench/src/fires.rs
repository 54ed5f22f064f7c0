//! How late schedules fire: the tasks of a tenant are made due at one instant, and asked afterwards when they were.

use std::thread;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use ureq::Agent;

use crate::error::Error;
use crate::requests::percentile;

/// From the first write to the due time, and from there to the question.
const AHEAD: TimeDelta = TimeDelta::seconds(5);
const AFTERWARDS: Duration = Duration::from_secs(5);

/// How late schedules fired, in milliseconds.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Lateness {
    fires: u64,
    late_p50_ms: f64,
    late_p99_ms: f64,
}

/// Makes all synchronization tasks of a tenant due, named by the address of its API.
///
/// # Errors
/// When the server refuses a request, or a schedule did not fire.
pub(crate) fn fire(api: &str, token: &str) -> Result<Lateness, Error> {
    let agent = Agent::new_with_defaults();
    let token = format!("Bearer {token}");
    let get = |path: &str| -> Result<Value, Error> {
        let mut answer = agent.get(format!("{api}/{path}")).header("Authorization", &token).call()?;
        Ok(answer.body_mut().read_json()?)
    };
    let due = Utc::now() + AHEAD;
    let listed = get("conf/sync-task-definitions")?;
    let tasks: Vec<&str> =
        listed.as_array().into_iter().flatten().filter_map(|task| task["id"].as_str()).collect();
    for task in &tasks {
        let path = format!("conf/sync-task-definitions/{task}");
        let mut document = get(&path)?;
        let fire_time = due.to_rfc3339_opts(SecondsFormat::Millis, true);
        document["executionPlan"] = json!({"scheduleType": "ONCE", "fireTime": fire_time});
        agent.put(format!("{api}/{path}")).header("Authorization", &token).send_json(&document)?;
    }
    thread::sleep((due - Utc::now()).to_std().unwrap_or_default() + AFTERWARDS);
    let mut late = Vec::new();
    for task in &tasks {
        let fire = get(&format!("sync-tasks/{task}/job/~scheduling"))?["lastFire"].take();
        late.push(lateness(&fire).ok_or_else(|| Error::NotFired((*task).to_owned()))?);
    }
    late.sort_by(f64::total_cmp);
    let (late_p50_ms, late_p99_ms) = (percentile(&late, 50), percentile(&late, 99));
    Ok(Lateness { fires: late.len() as u64, late_p50_ms, late_p99_ms })
}

fn lateness(fire: &Value) -> Option<f64> {
    let instant = |name: &str| DateTime::parse_from_rfc3339(fire[name].as_str()?).ok();
    Some((instant("fireTime")? - instant("dueTime")?).num_milliseconds() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_from_due_to_fired() {
        let fire = json!({"dueTime": "2026-11-05T01:00:00.000Z", "fireTime": "2026-11-05T01:00:00.250Z"});
        assert_eq!(lateness(&fire), Some(250.0));
        assert_eq!(lateness(&Value::Null), None);
    }
}
