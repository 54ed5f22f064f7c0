//! `muster dataset`: what it says of files, what it does with a server, and the script of the examples.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use muster_testkit::people::BadLines;

use crate::server::{Served, token};
use crate::world::{Called, World, bare, finish, finish_with, people};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// The example's dataset, in a directory of its own.
struct Copy {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Copy {
    fn adapted(adapt: impl Fn(String) -> String) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dataset.xml");
        fs::write(&path, adapt(fs::read_to_string(examples().join("dataset.xml")).unwrap())).unwrap();
        Self { path, _directory: directory }
    }

    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

fn validate(arguments: &[&str]) -> Called {
    let all: Vec<_> = ["dataset", "validate"].iter().chain(arguments).copied().collect();
    finish(&mut bare(&all))
}

#[test]
fn a_file_is_checked_without_a_server() {
    let good = Copy::adapted(|text| text);
    let called = validate(&[good.name()]).expect(0);
    assert_eq!(called.out, format!("{}: 10 resources, in order\n", good.name()));
    let bad = Copy::adapted(|text| {
        text.replacen("<name>", "<nmae>x</nmae>\n<name>", 1).replacen(
            "<applicationId>payroll<",
            "<applicationId>pay<",
            1,
        )
    });
    let called = validate(&[bad.name()]).expect(1);
    let lines: Vec<_> = called.err.lines().collect();
    let place = |line: &str| line.strip_prefix(&format!("{}:", bad.name())).unwrap_or(line).to_owned();
    assert_eq!(place(lines[0]), "4:5: unknown element `<nmae>`; did you mean `<name>`?");
    assert!(lines[1].contains("`<applicationId>`: there is no Application `pay`"), "{}", called.err);
    assert!(lines[2].ends_with("has 2 problems") && lines[3].starts_with("hint: "), "{}", called.err);
    let report = validate(&[bad.name(), "--output", "json"]).expect(1).json();
    let first = &report["problems"][0];
    assert_eq!(
        (&first["line"], &first["column"], &first["hint"]),
        (&4.into(), &5.into(), &"did you mean `<name>`?".into())
    );
    assert_eq!(report["problems"].as_array().unwrap().len(), 2);
    let endless = validate(&["/dev/zero"]).expect(1);
    assert!(endless.err.contains("larger than 33554432 octets"), "{}", endless.err);
    let missing = validate(&["/nowhere/dataset.xml"]).expect(1);
    assert!(missing.err.contains("cannot read /nowhere/dataset.xml"), "{}", missing.err);
    validate(&[]).expect(2);
}

#[test]
fn what_resources_have_against_each_other_is_told_unless_the_file_is_a_part() {
    // A reference, a property of the connector, an expression.
    for (from, to, expected) in [
        ("<applicationId>hr<", "<applicationId>hrs<", "there is no Application `hrs`"),
        (
            "<connectorProperty>\n      <name>",
            "<connectorProperty>\n      <name>no-",
            "`<connectorProperty>`: ",
        ),
        ("<type>csv</type>", "<type>fax</type>", "`<type>`: is none of the types built in: `csv`"),
    ] {
        let bad = Copy::adapted(|text| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let called = validate(&[bad.name()]).expect(1);
        assert!(called.err.contains(expected), "{}", called.err);
        validate(&[bad.name(), "--partial"]).expect(0);
    }
    let mut stdin = bare(&["dataset", "validate", "-"]);
    let called = finish_with(&mut stdin, "<dataset>\n<Applicatoin id='a'/></dataset>").expect(1);
    assert!(called.err.starts_with("standard input:2:1: unknown element `<Applicatoin>`"), "{}", called.err);
}

#[test]
fn a_server_s_configuration_is_compared_imported_and_exported() {
    let world = World::empty();
    let served = Served::start(&world);
    world.call(&["tenant", "create", "acme"]).expect(0);
    let token = token(&world, "configurator");
    let file = Copy::adapted(|text| text);
    let dataset = |arguments: &[&str]| {
        let all: Vec<_> = ["dataset"].iter().chain(arguments).chain(&["--tenant", "acme"]).copied().collect();
        served.run(&token, &all)
    };
    let differs = dataset(&["diff", file.name()]).expect(3);
    assert!(differs.out.contains("created  Application hr\n"), "{}", differs.out);
    let tried = dataset(&["import", file.name(), "--dry-run"]).expect(0);
    assert!(
        tried.out.ends_with("10 created, 0 updated, 0 deleted, 0 unchanged; nothing was written\n"),
        "{}",
        tried.out
    );
    let report = dataset(&["import", file.name(), "--output", "json"]).expect(0).json();
    assert_eq!((&report["counts"]["created"], &report["dryRun"]), (&10.into(), &false.into()));
    // The unique id that the server made is no difference.
    let equal = dataset(&["diff", file.name()]).expect(0);
    assert_eq!(equal.out, "0 created, 0 updated, 0 deleted, 10 unchanged; nothing was written\n");

    let first = dataset(&["export"]).expect(0).out;
    let out = file.path.with_file_name("out.xml");
    dataset(&["export", "--out", out.to_str().unwrap()]).expect(0);
    assert_eq!(fs::read_to_string(&out).unwrap(), first);
    dataset(&["import", out.to_str().unwrap(), "--mode", "replace"]).expect(0);
    assert_eq!(dataset(&["export"]).expect(0).out, first);
    let one = dataset(&["export", "--types", "ProvisioningTaskDefinition"]).expect(0).out;
    assert_eq!(one.matches(" id=\"").count(), 1, "{one}");

    // What is changed, and what is left out.
    let less = Copy::adapted(|text| {
        let (before, rest) = text.split_once("  <ProvisioningTaskDefinition").unwrap();
        let (_, after) = rest.split_once("</ProvisioningTaskDefinition>\n").unwrap();
        format!("{before}{after}").replacen("<name>", "<name>New ", 1)
    });
    let differs = dataset(&["diff", less.name()]).expect(3).out;
    assert!(differs.contains("deleted  ProvisioningTaskDefinition accounts\n"), "{differs}");
    assert!(differs.contains("\n  /name: \"") && differs.contains("-> \"New "), "{differs}");
    let report = dataset(&["diff", less.name(), "--mode", "merge", "--output", "json"]).expect(3).json();
    assert_eq!((&report["counts"]["deleted"], &report["counts"]["updated"]), (&0.into(), &1.into()));
    dataset(&["diff", less.name(), "--types", "Application"]).expect(0);
    dataset(&["diff", less.name(), "--types", "Aplication"]).expect(2);
    served.stop();
}

#[test]
fn what_a_server_refuses_is_told_by_line() {
    let world = World::example();
    let served = Served::start(&world);
    let token = token(&world, "configurator");
    let import = |file: &Copy| served.run(&token, &["dataset", "import", file.name(), "--tenant", "acme"]);
    let bad = Copy::adapted(|text| {
        text.replace("<applicationId>hr<", "<applicationId>x<").replacen("<type>csv<", "<type>fax<", 1)
    });
    let refused = import(&bad).expect(1);
    let lines: Vec<_> = refused.err.lines().collect();
    let line = |place: &str| {
        place.strip_prefix(bad.name()).and_then(|rest| rest.split(':').nth(1)?.parse::<u32>().ok())
    };
    assert!(line(lines[0]).unwrap() < line(lines[1]).unwrap(), "{}", refused.err);
    assert!(
        lines[0].contains("types built in") && lines[1].contains("there is no Application `x`"),
        "{}",
        refused.err
    );
    let elsewhere = Copy::adapted(|_| "<dataset/>".to_owned());
    let lone = [
        "dataset",
        "import",
        elsewhere.name(),
        "--tenant",
        "acme",
        "--mode",
        "replace",
        "--types",
        "Application",
    ];
    let refused = served.run(&token, &lone).expect(1);
    assert!(refused.err.contains("application-profiles/badge-sites#/applicationId: "), "{}", refused.err);
    served.stop();
}

/// The script of the examples, with the program on its path.
fn script(served: &Served, token: &str, dataset: &str) -> Called {
    let programs = Path::new(env!("CARGO_BIN_EXE_muster")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut script = Command::new("sh");
    script.arg(examples().join("ci.sh")).arg(format!("http://{}", served.address));
    script.args(["acme", dataset, "hr-reconciliation"]).env("PATH", path).env("MUSTER_TOKEN", token);
    finish(&mut script)
}

#[test]
fn the_script_of_the_examples_does_what_it_says() {
    let world = World::empty();
    let served = Served::start(&world);
    world.call(&["tenant", "create", "acme"]).expect(0);
    let token = token(&world, "configurator");
    let good = Copy::adapted(|text| text);
    let first = people(100, BadLines::None);
    world.deliver(&first);
    let called = script(&served, &token, good.name()).expect(0);
    assert!(called.out.contains("10 created, 0 updated, 0 deleted, 0 unchanged\n"), "{}", called.out);
    assert!(called.out.ends_with("done\n"), "{}", called.out);
    // The second time there is nothing to import.
    let called = script(&served, &token, good.name()).expect(0);
    assert!(
        !called.out.contains("10 unchanged\n") && called.out.contains("unchanged   100"),
        "{}",
        called.out
    );
    let bad = Copy::adapted(|text| text.replacen("<name>", "<nmae>", 1));
    assert!(script(&served, &token, bad.name()).expect(1).err.contains("the text is no XML from here on"));
    let fewer = Copy::adapted(|text| text.replacen("<name>", "<name>x", 1));
    world.deliver(&people(100, BadLines::Some));
    assert!(script(&served, &token, fewer.name()).expect(3).out.contains("1 updated"));
    let strangers = String::from_utf8(first).unwrap().replace("\nE", "\nN");
    world.deliver(strangers.as_bytes());
    assert!(script(&served, &token, fewer.name()).expect(4).out.ends_with("approve or reject it\n"));
    assert_eq!(script(&served, "nonsense", good.name()).expect(1).out.lines().count(), 1);
    served.stop();
}

#[test]
fn a_token_is_asked_for() {
    let file = Copy::adapted(|text| text);
    let without = ["dataset", "diff", file.name(), "--server", "http://127.0.0.1:9", "--tenant", "acme"];
    let called = finish(&mut bare(&without)).expect(2);
    assert!(called.err.contains("MUSTER_TOKEN=… muster dataset diff …"), "{}", called.err);
    let away = finish(bare(&without).env("MUSTER_TOKEN", "x")).expect(1);
    assert!(away.err.contains("does not answer"), "{}", away.err);
}
