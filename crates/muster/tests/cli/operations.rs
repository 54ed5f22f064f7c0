//! What those see who run a server: figures, the log, certificates.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use muster_testkit::http::Client;
use muster_testkit::people::BadLines;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use serde_json::Value;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::server::{Served, token};
use crate::world::{World, people, wait_until};

const RUN: [&str; 5] = ["run", "sync", "hr-reconciliation", "--tenant", "acme"];

/// Where the figures of a server are shown.
fn figures_of(served: &Served) -> Client {
    let address = served.logged(|line| {
        let rest = line["message"].as_str()?.strip_prefix("figures on http://")?;
        rest.strip_suffix("/metrics")?.parse::<SocketAddr>().ok()
    });
    Client::new(address)
}

/// The figures that a server shows, by their names and labels.
fn scraped(figures: &Client) -> BTreeMap<String, f64> {
    let answer = figures.get("/metrics").expect(200);
    assert!(answer.header("content-type").starts_with("text/plain"));
    let lines = answer.text().lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

#[test]
fn the_figures_of_a_run_are_those_that_are_scraped() {
    let world = World::example();
    world.deliver(&people(40, BadLines::Some));
    let served = Served::start_with(&world, &[], &[("MUSTER_METRICS_LISTEN", "127.0.0.1:0")]);
    let figures = figures_of(&served);
    assert_eq!(figures.get("/acme/api/sync/audit").status, 404, "nothing but figures");
    assert_eq!(Client::new(served.address).get("/metrics").status, 404, "not on the port of tenants");

    let operator = token(&world, "operator");
    served.run(&operator, &RUN).expect(3);
    let run = world.wait_for_run(|run| run.state.is_terminal());
    let labels = "tenant=\"acme\",task_kind=\"synchronization\"";
    let ended = format!("muster_runs_ended_total{{{labels},mode=\"APPLY\",outcome=\"PARTIAL\"}}");
    // The worker counts the run just after it has stored its end.
    let found = wait_until(|| Some(scraped(&figures)).filter(|found| found.contains_key(&ended)));
    assert_eq!(found[&ended], 1.0);
    assert_eq!(found[&format!("muster_entries_total{{{labels}}}")], run.counters.entries() as f64);
    for outcome in muster_model::run::Outcome::ALL {
        let name = format!("muster_actions_total{{{labels},outcome=\"{}\"}}", outcome.as_str());
        assert_eq!(found[&name], run.counters.outcome(outcome) as f64, "{name}");
    }
    let calls = |call: &str| {
        let of = format!("tenant=\"acme\",connector=\"csv\",call=\"{call}\",result=\"ok\"");
        found[&format!("muster_connector_call_seconds_count{{{of}}}")]
    };
    assert_eq!(calls("sweep"), 1.0);
    assert!(calls("page") >= 2.0, "a page, and the end");
    let launches = "muster_http_request_seconds_count{route=\"launchSynchronizationTask\",status=\"200\"}";
    assert_eq!(found[launches], 1.0);
    served.stop();
}

#[test]
fn the_log_has_the_tracking_id_of_an_error_and_the_run_of_its_lines_but_no_people() {
    let world = World::example();
    world.deliver(&people(40, BadLines::Some));
    let served = Served::start(&world);
    let nobody = Client::new(served.address).with_user("ann.secretive@example.org", "correct horse battery");
    let error = nobody.get("/acme/api/sync/audit").expect(404).json();
    let tracking = error["logTrackingId"].clone();
    let line = served.logged(|line| (line["tracking"] == tracking).then(|| line.clone()));
    assert_eq!((&line["level"], &line["label"]), (&"INFO".into(), &"NOT_FOUND".into()));
    assert_eq!(line["span"]["tracking"], tracking);
    assert_eq!(line["path"], "/{tenant}/api/sync/audit");

    let operator = token(&world, "operator");
    served.run(&operator, &RUN).expect(3);
    let run = world.wait_for_run(|run| run.state.is_terminal());
    let of_run = |line: &Value| line["span"]["run"] == run.id.to_string() && line["span"]["tenant"] == "acme";
    let ended = served.logged(|line| (of_run(line) && line["message"] == "run ended").then(|| line.clone()));
    assert_eq!(ended["outcome"], "PARTIAL");
    let log = served.log();
    let person = String::from_utf8(people(40, BadLines::None)).unwrap();
    let name = person.lines().nth(1).unwrap().split(',').nth(1).unwrap();
    for private in ["ann.secretive", "correct horse", &operator, name] {
        assert!(!log.contains(private), "{private} in {log}");
    }
    served.stop();
}

/// A certificate that vouches for itself, in the files of a world, and what clients trust.
fn certify(world: &World) -> (String, String, Certificate<'static>) {
    let CertifiedKey { cert, signing_key } = self_signed();
    let file = |name: &str| world.directory.path().join(name).display().to_string();
    let (certificate, key) = (file("cert.pem"), file("key.pem"));
    fs::write(&certificate, cert.pem()).unwrap();
    fs::write(&key, signing_key.serialize_pem()).unwrap();
    (certificate, key, Certificate::from_pem(cert.pem().as_bytes()).unwrap())
}

fn self_signed() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

/// Whether a server is reached by who trusts this certificate alone.
fn is_reached(served: &Served, trusted: &Certificate<'static>) -> bool {
    let roots = RootCerts::Specific(Arc::new(vec![trusted.clone()]));
    let tls = TlsConfig::builder().root_certs(roots).build();
    let agent = ureq::Agent::new_with_config(ureq::config::Config::builder().tls_config(tls).build());
    let url = format!("https://{}/health/live", served.address);
    agent.get(&url).call().is_ok_and(|answer| answer.status() == 200)
}

#[test]
fn a_certificate_is_shown_and_read_anew() {
    let world = World::empty();
    let (certificate, key, first) = certify(&world);
    let served = Served::start_with(&world, &["--tls-cert", &certificate, "--tls-key", &key], &[]);
    assert!(is_reached(&served, &first));
    let (_, _, second) = certify(&world);
    assert!(!is_reached(&served, &second), "files that changed change nothing by themselves");
    served.signal("HUP");
    wait_until(|| is_reached(&served, &second).then_some(()));
    assert!(!is_reached(&served, &first));

    // What cannot be used is told and not taken.
    fs::write(&key, self_signed().signing_key.serialize_pem()).unwrap();
    served.signal("HUP");
    let told = served.logged(|line| Some(line["error"].as_str()?.to_owned()));
    assert!(told.contains("cannot be used with the key"), "{told}");
    assert!(is_reached(&served, &second));
    served.stop();
}

#[test]
fn without_a_usable_certificate_nothing_is_served() {
    let world = World::empty();
    let (certificate, key, _) = certify(&world);
    for (flags, code, expected) in [
        (vec!["--tls-cert", &*certificate], 2, "`tls-key` is not"),
        (vec!["--tls-cert", "/nowhere.pem", "--tls-key", &*key], 1, "cannot read the certificate"),
        (vec!["--tls-cert", &*key, "--tls-key", &*key], 1, "no certificate in"),
    ] {
        let called = world.call(&[vec!["serve", "--listen", "127.0.0.1:0"], flags].concat()).expect(code);
        assert!(called.err.contains(expected) && called.err.contains("hint: "), "{}", called.err);
    }
}

#[test]
fn a_server_told_to_end_stops_its_run_at_a_page_and_the_next_one_goes_on() {
    const PEOPLE: u64 = 10_000;
    let world = World::example();
    world.deliver(&people(PEOPLE, BadLines::None));
    let settings = [("MUSTER_WORK_PAGE_SIZE", "20"), ("MUSTER_WORK_LEASE_SECONDS", "1")];
    let served = Served::start_with(&world, &[], &settings);
    let operator = Client::new(served.address).with_token(&token(&world, "operator"));
    let _ = operator.post_nothing("/acme/api/sync/sync-tasks/hr-reconciliation/instances").expect(200);
    let left = world.wait_for_run(|run| run.counters.read > 0);
    served.stop();
    let stopped = world.wait_for_run(|_| true);
    assert!(!stopped.state.is_terminal() && stopped.counters.read < PEOPLE, "{stopped:?}");
    assert_eq!(stopped.counters.read % 20, 0, "whole pages");
    let next = Served::start_with(&world, &[], &settings);
    let ended = world.wait_for_run(|run| run.state.is_terminal());
    assert_eq!((ended.id, ended.counters.read), (left.id, PEOPLE));
    assert_eq!(ended.state.outcome, Some(muster_model::run::OutcomeStatus::Success));
    next.stop();
}
