//! What goes on at a place: two files of people come by turns, each is reconciled and provisioned, while somebody
//! disturbs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use std::{fs, thread};

use muster_testkit::people::{BadLines, Day, Export, Share, Turnover};
use serde_json::{Value, json};

use super::disturber::Disturber;
use super::place::{Place, TENANT};
use crate::error::Error;

/// The tasks of a round, as the API names them.
const TASKS: [&str; 2] = ["sync-tasks/hr-reconciliation", "prov-tasks/accounts"];

/// What targets hold in the end.
const TARGETS: [&str; 2] = ["out/payroll.csv", "out/badge.csv"];

/// How often servers are asked how far they are.
const ASK_EVERY: Duration = Duration::from_millis(25);

/// Nobody waits longer for a run.
const TOO_LONG: Duration = Duration::from_secs(180);

/// So often a run may end otherwise than well.
const TRIES: u32 = 20;

/// People who are disturbed while they come and go.
pub(crate) struct Story {
    place: Place,
    pub(crate) disturber: Disturber,
    entries: u64,
    rounds: u32,
}

/// A run as a server tells of it.
struct Told {
    id: String,
    status: String,
    outcome: Option<String>,
    plan_hash: Option<String>,
}

impl Story {
    /// Nothing has happened yet.
    ///
    /// # Errors
    /// None so far.
    pub(crate) fn begin(place: Place, disturber: Disturber, entries: u64) -> Result<Self, Error> {
        Ok(Self { place, disturber, entries, rounds: 0 })
    }

    /// How many rounds have ended.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds
    }

    /// The next file comes, and goes all the way.
    ///
    /// # Errors
    /// When a run does not end well, however often it is launched.
    pub(crate) fn round(&mut self) -> Result<(), Error> {
        let share =
            |percent| Share::from_percent(percent).unwrap_or_else(|| unreachable!("within 0 and 100"));
        let turnover = Turnover { joiners: share(3.0), changed: share(30.0), leavers: share(3.0) };
        let day = if self.rounds.is_multiple_of(2) { Day::First } else { Day::Second(turnover) };
        let export = Export { count: self.entries, seed: 1, day, bad_lines: BadLines::None };
        self.place.write_people(&export)?;
        for task in TASKS {
            self.carry_out(task)?;
        }
        self.rounds += 1;
        Ok(())
    }

    /// Launches a task until a run of it has ended well.
    fn carry_out(&mut self, task: &str) -> Result<(), Error> {
        for _ in 0..TRIES {
            let before = self.newest(task)?.map(|run| run.id);
            // Whether it was launched shows below; the answer may be lost.
            let path = format!("/{TENANT}/api/sync/{task}/instances");
            let launched = self.place.client(0).try_send("POST", &path, &[], b"");
            match self.wait(task, before.as_deref(), launched.is_ok_and(|answer| answer.status == 200))? {
                None => {}
                Some(outcome) if outcome == "SUCCESS" => return Ok(()),
                Some(_) => self.disturber.launched_again(),
            }
        }
        Err(Error::Run { task: task.to_owned(), what: "no run of it ends well".to_owned() })
    }

    /// Waits for the end of the run after the one before, and disturbs meanwhile. `None` when there is none.
    fn wait(&mut self, task: &str, before: Option<&str>, launched: bool) -> Result<Option<String>, Error> {
        let begun = Instant::now();
        self.disturber.begin_run();
        while begun.elapsed() < TOO_LONG {
            let newest = self.newest(task)?.filter(|run| Some(&*run.id) != before);
            let at_work = newest.as_ref().is_some_and(|run| run.status == "RUNNING");
            match newest {
                Some(run) if run.status == "FINISHED" => return Ok(run.outcome),
                // The rounds of a day come within seconds: together they take more away than its guards let pass.
                Some(run) if run.status == "HELD" => self.approve(task, &run),
                None if !launched => return Ok(None),
                Some(_) | None => {}
            }
            self.disturber.disturb(&mut self.place, at_work)?;
            thread::sleep(ASK_EVERY);
        }
        let last = self.ask(&format!("/{TENANT}/api/sync/{task}/instances?limit=1"))?;
        Err(Error::Run { task: task.to_owned(), what: format!("it does not end: {last}") })
    }

    /// Approves a held plan. Whether it was approved shows in the run; the answer may be lost.
    fn approve(&self, task: &str, run: &Told) {
        let path = format!("/{TENANT}/api/sync/{task}/instances/{}/~approve", run.id);
        let decision = json!({"planHash": run.plan_hash}).to_string();
        let headers = [("content-type", "application/json")];
        drop(self.place.client(0).try_send("POST", &path, &headers, decision.as_bytes()));
    }

    /// The newest run of a task.
    fn newest(&self, task: &str) -> Result<Option<Told>, Error> {
        let listed = self.ask(&format!("/{TENANT}/api/sync/{task}/instances?limit=1"))?;
        let text = |run: &Value, name: &str| run[name].as_str().map(str::to_owned);
        Ok(listed.get(0).and_then(|run| {
            let (id, status) = (text(run, "id")?, text(run, "progressStatus")?);
            Some(Told { id, status, outcome: text(run, "outcomeStatus"), plan_hash: text(run, "planHash") })
        }))
    }

    /// Asks until a server answers.
    fn ask(&self, path: &str) -> Result<Value, Error> {
        let begun = Instant::now();
        let mut last = String::new();
        while begun.elapsed() < TOO_LONG {
            for server in 0..self.place.servers() {
                match self.place.client(server).try_send("GET", path, &[], b"") {
                    Ok(answer) if answer.status == 200 => return Ok(answer.json()),
                    // The database may be away.
                    Ok(answer) if answer.status >= 500 => last = answer.text().to_owned(),
                    Ok(answer) => {
                        let answer = format!("{}: {}", answer.status, answer.text());
                        return Err(Error::Answer { request: path.to_owned(), answer });
                    }
                    Err(error) => last = error.to_string(),
                }
            }
            thread::sleep(ASK_EVERY);
        }
        Err(Error::Answer { request: path.to_owned(), answer: last })
    }

    /// All objects and accounts as they are in the end, ids and versions aside.
    ///
    /// # Errors
    /// When nobody tells.
    pub(crate) fn end(self) -> Result<(BTreeSet<String>, Place), Error> {
        let mut lines = BTreeSet::new();
        let mut after = String::new();
        loop {
            let page = self.ask(&format!("/{TENANT}/api/im/IDENTITY?limit=1000{after}"))?;
            let objects = page.as_array().cloned().unwrap_or_default();
            let Some(last) = objects.last() else { break };
            after = format!("&after={}", last["id"].as_str().unwrap_or_default());
            for mut object in objects {
                if let Some(members) = object.as_object_mut() {
                    members.retain(|name, _| !["id", "version"].contains(&&**name));
                }
                let line = format!("object {object}");
                if !lines.insert(line.clone()) {
                    lines.insert(format!("{line} TWICE"));
                }
            }
        }
        for target in TARGETS {
            let file = self.place.files().join(target);
            let text = fs::read_to_string(file).map_err(Error::io(format!("read {target}")))?;
            for line in text.lines().map(|line| format!("{target} {line}")) {
                if !lines.insert(line.clone()) {
                    lines.insert(format!("{line} TWICE"));
                }
            }
        }
        Ok((lines, self.place))
    }
}
