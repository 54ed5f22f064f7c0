//! `muster serve`, and `muster run --server`: the same runs over the API, beside commands on the same data.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Child;
use std::sync::{Arc, Mutex};

use muster_testkit::http::Client;
use muster_testkit::people::BadLines;
use serde_json::Value;

use crate::world::{Called, World, bare, example, finish, people, signal, start, wait_until};

const RUN: [&str; 5] = ["run", "sync", "hr-reconciliation", "--tenant", "acme"];

/// A server of a world, told to end when the test is over.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What it has logged.
    log: Arc<Mutex<Vec<Value>>>,
}

impl Served {
    pub(crate) fn start(world: &World) -> Self {
        Self::start_with(world, &[], &[])
    }

    /// The same, with further flags, and settings of the environment.
    pub(crate) fn start_with(world: &World, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = world.command(&["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
        let mut child = start(command.args(flags).envs(environment.iter().copied()));
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log: Arc<Mutex<Vec<Value>>> = Arc::default();
        let written = Arc::clone(&log);
        // Whatever it logs is read, so that it never waits for us.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()) {
                written.lock().unwrap().push(line);
            }
        });
        let mut served = Self { child, address: ([127, 0, 0, 1], 0).into(), log };
        served.address = served.logged(|line| {
            let (_, rest) = line["message"].as_str()?.split_once("listening on ")?;
            rest.split("//").nth(1)?.split(',').next()?.parse().ok()
        });
        served
    }

    /// Waits for a line of the log that says something.
    pub(crate) fn logged<T>(&self, read: impl Fn(&Value) -> Option<T>) -> T {
        wait_until(|| self.log.lock().unwrap().iter().find_map(&read))
    }

    /// All that it has logged so far, as text.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().iter().map(|line| format!("{line}\n")).collect()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    pub(crate) fn run(&self, token: &str, arguments: &[&str]) -> Called {
        let mut command = bare(arguments);
        let url = format!("http://{}", self.address);
        finish(command.args(["--server", &url]).env("MUSTER_TOKEN", token))
    }

    pub(crate) fn stop(mut self) {
        signal(&self.child, "TERM");
        assert_eq!(wait_until(|| self.child.try_wait().unwrap()).code(), Some(0));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn token(world: &World, roles: &str) -> String {
    let create = ["token", "create", "--tenant", "acme", "--role", roles, "--name", roles];
    world.call(&create).expect(0).out.trim().to_owned()
}

#[test]
fn a_tenant_is_set_up_and_run_over_the_api() {
    let world = World::empty();
    let served = Served::start(&world);
    world.call(&["tenant", "create", "acme"]).expect(0);
    let admin = Client::new(served.address).with_token(&token(&world, "admin"));
    for (kind, document) in example() {
        let path = format!("/acme/api/sync/conf/{}", kind.path_segment());
        let _ = admin.post(&path, &document).expect(201);
    }
    let people = people(40, BadLines::Some);
    let _ = admin.send("PUT", "/acme/api/sync/files/hr/people.csv", &[], &people).expect(201);
    let operator = token(&world, "operator");
    let called = served.run(&operator, &RUN).expect(3);
    assert!(called.out.contains("created     40") && called.out.contains("line "), "{}", called.out);
    let prov = ["run", "prov", "accounts", "--tenant", "acme", "--output", "json"];
    let figures = served.run(&operator, &prov).expect(0).json();
    assert_eq!((&figures["progressStatus"], &figures["cpuSeconds"]), (&"FINISHED".into(), &Value::Null));
    // A run of the own process and one of a server are told in the same words.
    let own = world.call(&prov).expect(0).json();
    let names = |figures: &Value| figures.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&figures), names(&own));
    // The same data, from another process at the same time.
    assert!(world.call(&prov[..5]).expect(0).out.contains("unchanged"));
    served.stop();
}

#[test]
fn plans_are_decided_about_over_the_api() {
    let world = World::example();
    let served = Served::start(&world);
    let (operator, approver) = (token(&world, "operator"), token(&world, "approver"));
    let first = people(100, BadLines::None);
    world.deliver(&first);
    served.run(&operator, &RUN).expect(0);
    world.deliver(String::from_utf8(first).unwrap().replace("\nE", "\nN").as_bytes());
    let held = served.run(&operator, &RUN).expect(4).out;
    let command = held.lines().find_map(|line| line.strip_prefix("to carry it out:  muster ")).unwrap();
    assert!(command.contains(&format!("--server http://{}", served.address)), "{command}");
    let again = served.run(&operator, &RUN).expect(1);
    assert!(again.err.contains("is running already") && again.err.contains("HELD since"), "{}", again.err);
    // The command that leads on, not the request that it makes.
    assert!(again.err.contains(&format!("`muster {command}` or `reject`")), "{}", again.err);
    assert!(!again.err.contains("POST"), "{}", again.err);
    let words: Vec<_> = command.split(' ').collect();
    let refused = finish(bare(&words).env("MUSTER_TOKEN", &operator)).expect(1);
    assert!(refused.err.contains("the right to approve plans"), "{}", refused.err);
    let approved = finish(bare(&words).env("MUSTER_TOKEN", &approver)).expect(0);
    assert!(approved.out.contains("disabled    100"), "{}", approved.out);
    served.stop();
}

#[test]
fn what_stands_between_a_client_and_its_server_is_told() {
    let world = World::example();
    let served = Served::start(&world);
    let nobody = served.run("muster_nonsense", &RUN).expect(1);
    assert!(nobody.err.contains("MUSTER_TOKEN"), "{}", nobody.err);
    let url = format!("http://{}", served.address);
    let without = finish(bare(&RUN).args(["--server", &url])).expect(2);
    assert!(without.err.contains("there is no token"), "{}", without.err);
    let taken = world.call(&["serve", "--listen", &served.address.to_string()]).expect(1);
    assert!(taken.err.contains("cannot listen on") && taken.err.contains("hint: "), "{}", taken.err);
    served.stop();
    let away = finish(bare(&RUN).args(["--server", &url]).env("MUSTER_TOKEN", "x")).expect(1);
    assert!(away.err.contains("does not answer") && away.err.contains("hint: "), "{}", away.err);
}
