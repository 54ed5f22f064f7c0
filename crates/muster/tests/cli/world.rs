//! What the tests begin with: a data directory, the example's tenant in it, people of any number.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use muster::{Muster, Place};
use muster_engine::Launch;
use muster_model::configuration::{ConfigurationKind, Document, Leniency};
use muster_model::run::TaskKind;
use muster_store::{ResourceWrite, RunFilter, RunRecord, TenantStore, Written};
use muster_testkit::people::{BadLines, Day, Export, write_csv};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything that is waited for may take; far more than it does.
const PATIENCE: Duration = Duration::from_secs(120);

/// A data directory of its own.
pub(crate) struct World {
    pub(crate) directory: TempDir,
}

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    /// A data directory with nothing in it.
    pub(crate) fn empty() -> Self {
        // As Muster makes one; of an open directory it warns.
        let own = fs::Permissions::from_mode(0o700);
        Self { directory: tempfile::Builder::new().permissions(own).tempdir().unwrap() }
    }

    /// The tenant `acme` with the configuration of the example, `adapt`ed.
    pub(crate) fn adapted(adapt: impl Fn(ConfigurationKind, &mut Value)) -> Self {
        let world = Self::empty();
        world.with_tenant_made(async |store| {
            for (kind, mut value) in example() {
                adapt(kind, &mut value);
                let document = Document::read(kind, &value, Leniency::Strict).unwrap();
                let body = document.to_value().to_string();
                let checked = store.configuration_version().await.unwrap();
                let write = ResourceWrite::new(kind as u8, document.id().as_str(), Written::Created(body));
                store.write_resource(checked, write).await.unwrap();
            }
        });
        world
    }

    /// The tenant `acme` with the configuration of the example.
    pub(crate) fn example() -> Self {
        Self::adapted(|_, _| {})
    }

    /// The program, told to work here, and nothing else of the environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        command.arg("--data-dir").arg(self.directory.path());
        command
    }

    /// Calls the program and waits for its end.
    pub(crate) fn call(&self, arguments: &[&str]) -> Called {
        finish(&mut self.command(arguments))
    }

    /// Puts a file where the example looks for people.
    pub(crate) fn deliver(&self, people: &[u8]) {
        let path = self.people_file();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, people).unwrap();
    }

    pub(crate) fn people_file(&self) -> PathBuf {
        self.directory.path().join("files/acme/hr/people.csv")
    }

    /// Waits until the newest synchronization satisfies a condition.
    pub(crate) fn wait_for_run(&self, condition: impl Fn(&RunRecord) -> bool) -> RunRecord {
        self.with_tenant(async |store| {
            let begun = Instant::now();
            loop {
                let filter = RunFilter { limit: Some(1), ..RunFilter::default() };
                let runs = store.runs(TaskKind::Synchronization, &filter).await.unwrap();
                if let Some(run) = runs.into_iter().next().filter(&condition) {
                    return run;
                }
                assert!(begun.elapsed() < PATIENCE, "no such run");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    }

    /// The data of the tenant.
    pub(crate) fn with_tenant<T>(&self, work: impl AsyncFnOnce(TenantStore) -> T) -> T {
        on_data(self.directory.path(), async |muster| {
            work(muster.store.tenant(&"acme".parse().unwrap()).await.unwrap().unwrap()).await
        })
    }

    /// Launches a task and leaves it to whoever comes.
    pub(crate) fn admit(&self, launch: Launch) -> RunRecord {
        on_data(self.directory.path(), async |muster| {
            let tenant = muster.store.tenant(&"acme".parse().unwrap()).await.unwrap().unwrap();
            muster.engine.admit(&tenant, launch).await.unwrap()
        })
    }

    fn with_tenant_made<T>(&self, work: impl AsyncFnOnce(TenantStore) -> T) -> T {
        on_data(self.directory.path(), async |muster| {
            let now = muster.engine.surroundings().now();
            work(muster.store.create_tenant(&"acme".parse().unwrap(), now).await.unwrap()).await
        })
    }
}

impl Called {
    /// This call, if it ended so.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }

    /// Standard output as one JSON value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// The program with arguments and an environment that says nothing about it.
pub(crate) fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MUSTER_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Calls a program and waits for its end.
pub(crate) fn finish(command: &mut Command) -> Called {
    command.output().unwrap().into()
}

/// Calls a program, writes to its standard input, and waits for its end.
pub(crate) fn finish_with(command: &mut Command, input: &str) -> Called {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// Starts a program that is to be met while it works.
pub(crate) fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends a signal to a program that was started here.
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Waits until a call answers something.
pub(crate) fn wait_until<T>(mut call: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = call() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "it did not happen");
        thread::sleep(Duration::from_millis(50));
    }
}

/// So many people, always the same ones.
pub(crate) fn people(count: u64, bad_lines: BadLines) -> Vec<u8> {
    let mut written = Vec::new();
    write_csv(&Export { count, seed: 1, day: Day::First, bad_lines }, &mut written).unwrap();
    written
}

/// All documents of the example, those first that others refer to.
pub(crate) fn example() -> Vec<(ConfigurationKind, Value)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/conf");
    let mut documents = Vec::new();
    for kind in ConfigurationKind::ALL {
        let Ok(folder) = fs::read_dir(top.join(kind.path_segment())) else { continue };
        for file in folder {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            documents.push((kind, serde_json::from_str(&text).unwrap()));
        }
    }
    documents
}

fn on_data<T>(directory: &Path, work: impl AsyncFnOnce(Muster) -> T) -> T {
    let place = Place {
        data_dir: directory.to_owned(),
        database_url: None,
        master_key_file: None,
        file_roots: Vec::new(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { work(Muster::open(&place).await.unwrap()).await })
}

impl From<Output> for Called {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
