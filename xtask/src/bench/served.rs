//! A server as it is released, for the jobs that call one: its address, a token, and what it takes.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::directory::EGRESS;
use super::program::{Figures, place, released};
use super::{Database, Setup};
use crate::error::Error;
use crate::program::output_until_interrupted;
use crate::server::{Errors, Server};

/// Ticks a second in `/proc`, the same on every Linux.
const TICKS: f64 = 100.0;

/// Tokens made so far.
static TOKENS: AtomicU32 = AtomicU32::new(0);

/// A running server, and a tenant on it with a token for it. Stopped when dropped.
#[derive(Debug)]
pub(crate) struct Served {
    server: Server,
    tenant: &'static str,
    token: String,
    start_seconds: f64,
}

impl Served {
    /// Starts one on the data of a job.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(setup: &Setup<'_>, tenant: &'static str) -> Result<Self, Error> {
        let mut create =
            released(setup, &["token", "create", "--tenant", tenant, "--role", "admin", "--name"])?;
        // A name of its own each time: a token is shown once.
        create.arg(format!("bench-{}", TOKENS.fetch_add(1, Ordering::Relaxed)));
        let token =
            output_until_interrupted(place(&mut create, &setup.data, setup.database), setup.interruptions)?;
        let token = String::from_utf8_lossy(&token).trim().to_owned();
        let mut serve = released(setup, &["serve"])?;
        serve.env(EGRESS.0, EGRESS.1);
        if let Database::Postgres(_) = setup.database {
            serve.arg("--master-key-file").arg(master_key(setup)?);
        }
        let begun = Instant::now();
        let server = Server::start(place(&mut serve, &setup.data, setup.database), Errors::Shown)?;
        Ok(Self { server, tenant, token, start_seconds: begun.elapsed().as_secs_f64() })
    }

    /// Until it could be reached.
    pub(crate) fn start_seconds(&self) -> f64 {
        self.start_seconds
    }

    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// What a call of the command line to it prints.
    ///
    /// # Errors
    /// When the call fails.
    pub(crate) fn call(&self, setup: &Setup<'_>, arguments: &[&str]) -> Result<Vec<u8>, Error> {
        let mut call = released(setup, arguments)?;
        call.args(["--tenant", self.tenant, "--server", self.url()]);
        output_until_interrupted(call.env("MUSTER_TOKEN", &self.token), setup.interruptions)
    }

    /// What some work took: its time, the processor and memory of the server; and what came of it.
    ///
    /// # Errors
    /// Those of the work, and when the server has gone.
    pub(crate) fn watched<T>(
        &self,
        entries: u64,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<(Figures, T), Error> {
        let (before, begun) = (self.ticks()?, Instant::now());
        let worked = work()?;
        let figures = Figures {
            entries,
            seconds: begun.elapsed().as_secs_f64(),
            cpu_seconds: (self.ticks()? - before) / TICKS,
            peak_rss_mib: self.peak_mib()?,
            statements: 0,
        };
        Ok((figures, worked))
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
        let path = format!("/proc/{}/{name}", self.server.id());
        fs::read_to_string(path).map_err(Error::io("look at the server"))
    }
}

/// The key of secrets that nobody has: with SQLite a server makes its own, here all are told one.
///
/// # Errors
/// When it cannot be written.
pub(super) fn master_key(setup: &Setup<'_>) -> Result<PathBuf, Error> {
    let path = setup.directory.join("master.key");
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(&[7; 32]));
    written.map(|()| path).map_err(Error::io("write a key"))
}
