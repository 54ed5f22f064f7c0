//! The jobs of datasets: a server as it is released, and its command line beside it.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use std::{fs, io, thread};

use serde_json::Value;

use super::Setup;
use super::program::{Figures, built, instrument, place};
use super::row::Row;
use crate::error::Error;
use crate::program::{output_until_interrupted, run_until_interrupted, signal, start};

/// How many resources, whatever was asked for: the target names that many.
pub(crate) const RESOURCES: u64 = 5_000;

const TENANT: &str = "bench";
/// Ticks a second in `/proc`, the same on every Linux.
const TICKS: f64 = 100.0;

/// The tenant, and a dataset for it.
pub(crate) fn prepare_import(setup: &Setup<'_>) -> Result<(), Error> {
    let mut write = instrument("dataset")?;
    write.arg(file(setup)).args(["--resources", &RESOURCES.to_string()]);
    run_until_interrupted(&mut write, setup.interruptions)?;
    let mut create = muster(setup, &["tenant", "create", TENANT])?;
    run_until_interrupted(place(&mut create, &setup.data, setup.database), setup.interruptions)
}

/// The same, imported.
pub(crate) fn prepare_export(setup: &Setup<'_>) -> Result<(), Error> {
    prepare_import(setup)?;
    let server = Server::start(setup)?;
    server.import(setup).map(|_| ())
}

pub(crate) fn measure_import(setup: &Setup<'_>) -> Result<Row, Error> {
    let server = Server::start(setup)?;
    let (figures, printed) = server.watched(|| server.import(setup))?;
    let report: Value = serde_json::from_slice(&printed).unwrap_or_default();
    let created = report["counts"]["created"].as_u64().unwrap_or_default();
    expect("dataset-import", "created", created)?;
    Ok(Row::new("dataset-import", setup.database.as_str(), &figures))
}

pub(crate) fn measure_export(setup: &Setup<'_>) -> Result<Row, Error> {
    let server = Server::start(setup)?;
    let (figures, printed) = server.watched(|| server.call(setup, &["export"]))?;
    let exported = String::from_utf8_lossy(&printed).matches("\n  <").count() / 2;
    // A resource begins and ends at the second step of indentation.
    expect("dataset-export", "exported", exported as u64)?;
    Ok(Row::new("dataset-export", setup.database.as_str(), &figures))
}

fn expect(job: &'static str, outcome: &'static str, found: u64) -> Result<(), Error> {
    if found == RESOURCES { Ok(()) } else { Err(Error::Outcome { job, outcome, found, expected: RESOURCES }) }
}

fn file(setup: &Setup<'_>) -> PathBuf {
    setup.directory.join("dataset.xml")
}

/// A call of the released program, with its defaults and not the settings that happen to lie around here.
fn muster(setup: &Setup<'_>, arguments: &[&str]) -> Result<Command, Error> {
    let mut muster = Command::new(built("muster")?);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MUSTER_")) {
        muster.env_remove(name);
    }
    muster.current_dir(setup.directory).args(arguments);
    Ok(muster)
}

/// Tokens made so far.
static TOKENS: AtomicU32 = AtomicU32::new(0);

/// A running server, with a token for it. Stopped when dropped.
struct Server {
    process: Child,
    address: String,
    token: String,
}

impl Server {
    fn start(setup: &Setup<'_>) -> Result<Self, Error> {
        let role = ["token", "create", "--tenant", TENANT, "--role", "configurator", "--name"];
        // A name of its own each time: a token is shown once.
        let name = format!("bench-{}", TOKENS.fetch_add(1, Ordering::Relaxed));
        let mut create = muster(setup, &role)?;
        create.arg(&name);
        let token =
            output_until_interrupted(place(&mut create, &setup.data, setup.database), setup.interruptions)?;
        let token = String::from_utf8_lossy(&token).trim().to_owned();
        let mut serve = muster(setup, &["serve", "--listen", "127.0.0.1:0"])?;
        place(&mut serve, &setup.data, setup.database).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = start(&mut serve)?;
        let mut log = BufReader::new(
            process
                .stderr
                .take()
                .ok_or_else(|| Error::io("read the server's log")(io::Error::other("there is none")))?,
        )
        .lines();
        let address = log.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("listening on ")?;
            Some(rest.split([',', ' ']).next()?.to_owned())
        });
        // Whatever it logs from now on is read, so that it never waits for us.
        thread::spawn(move || log.for_each(drop));
        Ok(Self { process, address: address.unwrap_or_default(), token })
    }

    fn call(&self, setup: &Setup<'_>, arguments: &[&str]) -> Result<Vec<u8>, Error> {
        let mut call = muster(setup, &["dataset"])?;
        call.args(arguments).args(["--tenant", TENANT, "--server", &self.address]);
        output_until_interrupted(call.env("MUSTER_TOKEN", &self.token), setup.interruptions)
    }

    fn import(&self, setup: &Setup<'_>) -> Result<Vec<u8>, Error> {
        let file = file(setup).display().to_string();
        self.call(setup, &["import", &file, "--output", "json"])
    }

    /// What a call took: the time of the call, the processor and memory of the server.
    fn watched(&self, call: impl FnOnce() -> Result<Vec<u8>, Error>) -> Result<(Figures, Vec<u8>), Error> {
        let (before, begun) = (self.ticks()?, Instant::now());
        let printed = call()?;
        let seconds = begun.elapsed().as_secs_f64();
        let figures = Figures {
            entries: RESOURCES,
            seconds,
            cpu_seconds: (self.ticks()? - before) / TICKS,
            peak_rss_mib: self.peak_mib()?,
            statements: 0,
        };
        Ok((figures, printed))
    }

    /// Processor time so far, of the process itself.
    fn ticks(&self) -> Result<f64, Error> {
        let stat = self.proc("stat")?;
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        Ok(fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum())
    }

    fn peak_mib(&self) -> Result<f64, Error> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kib = line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
        Ok(kib.unwrap_or_default() / 1024.0)
    }

    fn proc(&self, name: &str) -> Result<String, Error> {
        let path = format!("/proc/{}/{name}", self.process.id());
        fs::read_to_string(path).map_err(Error::io("look at the server"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = signal("TERM", self.process.id())
            .and_then(|()| self.process.wait().map_err(Error::io("wait for the server")));
        if let Err(error) = stopped {
            error.print();
        }
    }
}
