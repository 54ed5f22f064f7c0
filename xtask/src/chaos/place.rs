//! Where servers work: a data directory, the database, a tenant with the example's configuration.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use muster_testkit::http::Client;
use muster_testkit::people::{Export, write_csv};
use tempfile::TempDir;

use crate::error::Error;
use crate::postgres;
use crate::program::{expect_success, start};
use crate::server::{Errors, Server};

const MUSTER: &str = "target/debug/muster";
pub(crate) const TENANT: &str = "acme";

/// How long a silent server keeps its runs.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// How long a server may take to answer that may be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Settings of all servers: small pages, so that there is much to be in the middle of.
const SETTINGS: [(&str, &str); 6] = [
    ("MUSTER_WORK_LEASE_SECONDS", "1"),
    ("MUSTER_WORK_PAGE_SIZE", "100"),
    ("MUSTER_WORK_APPLY_SIZE", "100"),
    ("MUSTER_WORK_BATCH_SIZE", "50"),
    ("MUSTER_LIMITS_REQUESTS_PER_SECOND", "0"),
    ("MUSTER_SERVER_FAREWELL_SECONDS", "5"),
];

/// A data directory with its servers: one on SQLite, two on PostgreSQL.
pub(crate) struct Place {
    // Before what they stand on: they are stopped first.
    servers: Vec<Option<Server>>,
    directory: TempDir,
    database: Option<(postgres::Server, String)>,
    token: String,
}

impl Place {
    /// A tenant, and servers for it, on a database of its own.
    ///
    /// # Errors
    /// When something does not start.
    pub(crate) fn make(database: Option<postgres::Server>) -> Result<Self, Error> {
        let database = database.map(|server| {
            let url = server.url();
            (server, url)
        });
        Self::on(database)
    }

    /// Another one, on another database of the same server.
    ///
    /// # Errors
    /// When something does not start.
    pub(crate) fn another(mut self) -> Result<Self, Error> {
        self.servers.clear();
        let database = self.database.take().map(|(server, url)| {
            // There are two from the beginning, and nobody has touched the other one.
            let url = url.replace("/postgres", "/template1");
            (server, url)
        });
        Self::on(database)
    }

    fn on(database: Option<(postgres::Server, String)>) -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("muster-chaos-").tempdir();
        let directory = directory.map_err(Error::io("make a directory"))?;
        let servers = if database.is_some() { 2 } else { 1 };
        let mut place = Self { servers: Vec::new(), directory, database, token: String::new() };
        place.write_key()?;
        place.call(&["tenant", "create", TENANT])?;
        fs::create_dir_all(place.files().join("hr")).map_err(Error::io("make a directory"))?;
        let made = place.call(&["token", "create", "--tenant", TENANT, "--role", "admin", "--name", "chaos"]);
        place.token = made?.trim().to_owned();
        for number in 0..servers {
            place.servers.push(None);
            place.start(number)?;
        }
        let url = place.server(0).url().to_owned();
        let arguments = ["dataset", "import", "examples/dataset.xml", "--tenant", TENANT, "--server", &url];
        place.call_server(&arguments)?;
        Ok(place)
    }

    /// The same key for all servers.
    fn write_key(&self) -> Result<(), Error> {
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(self.key());
        let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, &[7; 32]));
        written.map_err(Error::io("write a key"))
    }

    fn key(&self) -> PathBuf {
        self.directory.path().join("chaos.key")
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The directory of the tenant's files.
    pub(crate) fn files(&self) -> PathBuf {
        self.data().join("files").join(TENANT)
    }

    fn muster(&self, arguments: &[&str]) -> Command {
        let mut muster = Command::new(MUSTER);
        muster.args(arguments).arg("--data-dir").arg(self.data()).arg("--master-key-file").arg(self.key());
        if let Some((_, url)) = &self.database {
            muster.args(["--database-url", url]);
        }
        muster.envs(SETTINGS);
        muster
    }

    /// What a call of the command line prints.
    fn call(&self, arguments: &[&str]) -> Result<String, Error> {
        printed(&mut self.muster(arguments))
    }

    fn call_server(&self, arguments: &[&str]) -> Result<String, Error> {
        printed(Command::new(MUSTER).args(arguments).env("MUSTER_TOKEN", &self.token))
    }

    pub(crate) fn servers(&self) -> usize {
        self.servers.len()
    }

    /// A server that runs; the first one that does, where this one does not.
    pub(crate) fn server(&self, number: usize) -> &Server {
        let running = self.servers[number].as_ref().or_else(|| self.servers.iter().flatten().next());
        running.unwrap_or_else(|| unreachable!("whoever is killed is started again"))
    }

    /// Somebody who may ask a server everything.
    pub(crate) fn client(&self, number: usize) -> Client {
        let address = self.server(number).url().trim_start_matches("http://").parse();
        let address = address.unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)));
        Client::new(address).with_token(&self.token).with_patience(PATIENCE)
    }

    /// Starts a server.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(&mut self, number: usize) -> Result<(), Error> {
        // A group of its own: Ctrl-C goes to who disturbs first, and the servers are stopped after it.
        let server = Server::start(self.muster(&["serve"]).process_group(0), Errors::Expected)?;
        self.servers[number] = Some(server);
        Ok(())
    }

    /// Ends a server at once.
    ///
    /// # Errors
    /// When the machine does not let us.
    pub(crate) fn kill(&mut self, number: usize) -> Result<(), Error> {
        self.servers[number].take().map_or(Ok(()), Server::kill)
    }

    /// Ends the database at once and starts it again; `false` where there is none.
    ///
    /// # Errors
    /// When it does not start again.
    pub(crate) fn crash_database(&mut self) -> Result<bool, Error> {
        match &mut self.database {
            Some((server, _)) => server.crash().map(|()| true),
            None => Ok(false),
        }
    }

    /// Puts people in the place of those in the source.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write_people(&self, export: &Export) -> Result<(), Error> {
        let action = || "write people";
        let (new, place) = (self.directory.path().join("new.csv"), self.files().join("hr/people.csv"));
        let file = fs::File::create(&new).map_err(Error::io(action()))?;
        write_csv(export, file).map_err(Error::io(action()))?;
        fs::rename(new, place).map_err(Error::io(action()))
    }
}

fn printed(command: &mut Command) -> Result<String, Error> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = start(command)?.wait_with_output().map_err(Error::io("wait for a program"))?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
    }
    expect_success(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
