//! What settings come to, source by source.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn load(
    file: Option<&Path>,
    environment: &[(&str, &str)],
    flags: Vec<(&'static str, String)>,
) -> Result<Settings, SettingsError> {
    let variable = |name: &str| {
        environment.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned())
    };
    Settings::load(&Sources { file, environment: &variable, flags })
}

fn written(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

/// The names of all values of a file.
fn leaves(table: &toml::Table) -> BTreeSet<String> {
    let below = |(name, value): (&String, &toml::Value)| match value.as_table() {
        Some(table) => leaves(table).into_iter().map(|leaf| format!("{name}.{leaf}")).collect(),
        None => vec![name.clone()],
    };
    table.iter().flat_map(below).collect()
}

#[test]
fn the_file_of_the_project_writes_every_default_out() {
    let path = top().join("config/muster.toml");
    assert_eq!(load(Some(&path), &[], Vec::new()).unwrap(), Settings::default());
    let table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let known: BTreeSet<_> = sources::names().map(str::to_owned).collect();
    assert_eq!(leaves(&table), known);
}

#[test]
fn every_file_of_the_project_can_be_used() {
    for name in ["development.toml", "production.toml"] {
        let settings = load(Some(&top().join("config").join(name)), &[], Vec::new()).unwrap();
        assert_ne!(settings, Settings::default(), "{name}");
    }
}

#[test]
fn the_later_source_wins() {
    let file = written("listen = \"1.1.1.1:1\"\n[work]\nworkers = 2\npage-size = 20\n");
    let environment = [("MUSTER_WORK_WORKERS", "3"), ("MUSTER_LISTEN", "2.2.2.2:2")];
    let flags = vec![("listen", "3.3.3.3:3".to_owned())];
    let settings = load(Some(file.path()), &environment, flags).unwrap();
    assert_eq!(settings.listen, "3.3.3.3:3");
    assert_eq!((settings.work.workers, settings.work.page_size), (3, 20));
    assert_eq!(settings.work.batch_size, Work::default().batch_size);
}

#[test]
fn sizes_reach_what_they_are_named_after() {
    let file = written("[limits]\ndataset-bytes = 4096\n[work]\napply-size = 7\nbatch-size = 8\n");
    let settings = load(Some(file.path()), &[], Vec::new()).unwrap();
    assert_eq!(settings.api_settings().dataset_limit, 4096);
    let engine = settings.work.engine_settings(PathBuf::new(), String::new());
    assert_eq!((engine.apply_size, engine.batch_size), (7, 8));
}

#[test]
fn nothing_is_dropped_after_no_days() {
    let file = written("[retention]\nruns-days = 0\nhistory-days = 7\nreports-days = 0\n");
    let retention = load(Some(file.path()), &[], Vec::new()).unwrap().retention.of_engine();
    assert_eq!((retention.runs, retention.reports), (None, None));
    assert_eq!(retention.history, Some(TimeDelta::days(7)));
    let usual = Settings::default().retention.of_engine();
    assert_eq!((usual.reports, usual.changes), (Some(TimeDelta::days(90)), Some(TimeDelta::days(90))));
}

#[test]
fn variables_that_are_no_settings_are_found() {
    let names = [
        "MUSTER_WORK_WORKERS",
        "MUSTER_MASTER_KEY_FILE",
        "MUSTER_CONFIG",
        "MUSTER_TOKEN",
        "MUSTER_TEST_POSTGRES",
        "MUSTER_DATA_DIRECTORY",
        "MUSTERING",
        "PATH",
    ];
    let found = unknown_variables(names.map(str::to_owned));
    assert_eq!(found, ["MUSTER_DATA_DIRECTORY"]);
}

#[test]
fn lists_and_choices_are_read_from_texts() {
    let environment = [
        ("MUSTER_FURTHER_FILE_ROOTS", "/srv/a:/srv/b"),
        ("MUSTER_LOG_FORMAT", "json"),
        ("MUSTER_EGRESS_ALLOW", "acme hooks.example.com, * 10.0.0.0/8:8080"),
        ("MUSTER_SERVER_TRUSTED_PROXIES", "10.0.0.1, ::1"),
        ("MUSTER_MASTER_KEY_FILE", "/run/secrets/master.key"),
    ];
    let settings = load(None, &environment, Vec::new()).unwrap();
    assert_eq!(settings.further_file_roots, [Path::new("/srv/a"), Path::new("/srv/b")]);
    assert_eq!(settings.log_format, LogFormat::Json);
    let rules: Vec<_> = settings.egress.allow.iter().map(ToString::to_string).collect();
    assert_eq!(rules, ["acme hooks.example.com:443", "* [10.0.0.0/8]:8080"]);
    assert_eq!(settings.place().database_url, None, "an empty URL is none");
    let proxies: Vec<_> = settings.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.1", "::1"]);
    assert_eq!(settings.place().master_key_file.as_deref(), Some(Path::new("/run/secrets/master.key")));
    assert_eq!(Settings::default().place().master_key_file, None, "an empty path is none");
}

#[test]
fn what_is_wrong_is_named() {
    let file = |text: &str| {
        let file = written(text);
        load(Some(file.path()), &[], Vec::new()).unwrap_err().to_string()
    };
    for (error, expected) in [
        (file("lisen = \"a\""), vec!["lisen", "listen", "line 1"]),
        (file("[work]\nworkers = \"a\""), vec!["line 2", "workers"]),
        (file("[work]\nworkers = 0"), vec!["`work.workers` is 0", "1 to 256"]),
        (file("[limits]\ndataset-bytes = 33554433"), vec!["`limits.dataset-bytes`", "to 33554432"]),
        (file("listen"), vec!["line 1"]),
        (file("tls-cert = \"a.pem\""), vec!["`tls-cert` is given", "`tls-key` is not"]),
        (file("tls-key = \"a.pem\""), vec!["`tls-key` is given", "`tls-cert` is not"]),
        (file("[retention]\nruns-days = 36501"), vec!["`retention.runs-days` is 36501", "0 to 36500"]),
        (file("[retention]\nreports-days = 36501"), vec!["`retention.reports-days` is 36501", "0 to 36500"]),
        (file("[egress]\nallow = [\"acme\"]"), vec!["line 2", "`acme` is not two words"]),
        (
            load(None, &[("MUSTER_WORK_WORKERS", "many")], Vec::new()).unwrap_err().to_string(),
            vec!["MUSTER_WORK_WORKERS", "invalid digit"],
        ),
        (
            load(None, &[("MUSTER_LOG_FORMAT", "xml")], Vec::new()).unwrap_err().to_string(),
            vec!["MUSTER_LOG_FORMAT", "xml"],
        ),
        (
            load(None, &[("MUSTER_SERVER_TRUSTED_PROXIES", "proxy")], Vec::new()).unwrap_err().to_string(),
            vec!["MUSTER_SERVER_TRUSTED_PROXIES", "IP address"],
        ),
        (
            load(None, &[("MUSTER_WORK_WORKERS", "-1")], Vec::new()).unwrap_err().to_string(),
            vec!["MUSTER_WORK_WORKERS", "-1"],
        ),
        (
            load(Some(Path::new("/nowhere/muster.toml")), &[], Vec::new()).unwrap_err().to_string(),
            vec!["/nowhere/muster.toml"],
        ),
    ] {
        for part in expected {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
