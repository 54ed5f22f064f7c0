//! A throw-away PostgreSQL: found or installed, started on a free loopback port, stopped by its pid.
//!
//! Never touches a server or a cluster that is here already.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, thread};

use tempfile::TempDir;

use crate::debian::{self, Installed, is_root};
use crate::error::Error;
use crate::program::{expect_success, signal, start};

/// Another program may take the free port before the server does.
const TRIES: usize = 3;
/// How often a crashed server is started again, and how long to wait between.
const CRASHED_TRIES: usize = 20;
const CRASHED_WAIT: Duration = Duration::from_millis(250);
const READY: &str = "database system is ready to accept connections";

/// What the server promises about what is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It may be lost: nothing in a test outlives the server.
    None,
    /// It has reached the disk, as on every server with its default settings.
    Full,
}

impl Durability {
    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::None => &["fsync=off", "full_page_writes=off", "synchronous_commit=off"],
            Self::Full => &[],
        }
    }
}

/// A running server with an empty database, gone with all its data when dropped.
pub(crate) struct Server {
    process: Child,
    port: u16,
    programs: PathBuf,
    account: Account,
    durability: Durability,
    data: TempDir,
}

impl Server {
    /// Starts a server.
    ///
    /// # Errors
    /// When there is none and none can be installed, or when it does not start.
    pub(crate) fn start(durability: Durability) -> Result<Self, Error> {
        let programs = find_or_install()?;
        let account = Account::for_server()?;
        let data = tempfile::Builder::new()
            .prefix("muster-postgres-")
            .tempdir()
            .map_err(Error::io("make a directory"))?;
        account.own(data.path())?;
        initialize(&programs, &account, data.path())?;
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let port = free_port()?;
            match serve(&programs, &account, data.path(), (durability, port)) {
                Ok(process) => return Ok(Self { process, port, programs, account, durability, data }),
                Err(Error::PostgresEnded { .. }) if tries > 0 => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Where clients connect to, as a superuser who needs no password.
    pub(crate) fn url(&self) -> String {
        format!("postgres://muster@127.0.0.1:{}/postgres", self.port)
    }
}

impl Server {
    /// Ends the server and all its processes at once, as a machine does that fails, and starts it again on what it has
    /// written.
    ///
    /// # Errors
    /// When it does not start again.
    pub(crate) fn crash(&mut self) -> Result<(), Error> {
        let id = self.process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        signal("KILL", id)?;
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            signal("KILL", child)?;
        }
        self.process.wait().map_err(Error::io("wait for PostgreSQL"))?;
        let mut tries = CRASHED_TRIES;
        loop {
            tries -= 1;
            let place = (self.durability, self.port);
            match serve(&self.programs, &self.account, self.data.path(), place) {
                Ok(process) => {
                    self.process = process;
                    return Ok(());
                }
                // A process of the old one may still be there.
                Err(Error::PostgresEnded { .. }) if tries > 0 => thread::sleep(CRASHED_WAIT),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Server {
    /// Asks the server for a fast shutdown, which ends its connections, and waits for it.
    fn drop(&mut self) {
        let stopped = signal("INT", self.process.id())
            .and_then(|()| self.process.wait().map_err(Error::io("wait for PostgreSQL")));
        if let Err(error) = stopped {
            error.print();
        }
    }
}

/// The directory of `initdb` and `postgres`; Debian's newest, else one on the path.
fn find() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin"))))
        .collect();
    versions.sort();
    let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let places = versions.into_iter().rev().map(|(_, place)| place).chain(on_path.unwrap_or_default());
    places.into_iter().find(|place| place.join("initdb").is_file() && place.join("postgres").is_file())
}

fn find_or_install() -> Result<PathBuf, Error> {
    if let Some(programs) = find() {
        return Ok(programs);
    }
    if debian::install("postgresql")? == Installed::No {
        return Err(Error::NoPostgres);
    }
    find().ok_or(Error::NoPostgres)
}

/// Who the server runs as. It refuses to run as root.
enum Account {
    /// Whoever runs this.
    Own,
    /// An account without rights, taken by root.
    Unprivileged { user: u32, group: u32 },
}

impl Account {
    fn for_server() -> Result<Self, Error> {
        if !is_root()? {
            return Ok(Self::Own);
        }
        let accounts = fs::read_to_string("/etc/passwd").map_err(Error::io("read /etc/passwd"))?;
        let id = |name| ids_of(&accounts, name);
        let (user, group) = id("postgres").or_else(|| id("nobody")).unwrap_or((65_534, 65_534));
        Ok(Self::Unprivileged { user, group })
    }

    fn own(&self, directory: &Path) -> Result<(), Error> {
        match self {
            Self::Own => Ok(()),
            Self::Unprivileged { user, group } => chown(directory, Some(*user), Some(*group))
                .map_err(Error::io(format!("give away {}", directory.display()))),
        }
    }

    /// A call of the program under this account.
    fn command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = match self {
            Self::Own => Command::new(program),
            Self::Unprivileged { user, group } => {
                // `setpriv` becomes the program, so that its pid is the server's. Should this process be
                // killed outright, the kernel stops the server.
                let mut setpriv = Command::new("setpriv");
                setpriv.args([format!("--reuid={user}"), format!("--regid={group}")]);
                setpriv.args(["--clear-groups", "--pdeathsig=INT"]).arg(program);
                setpriv
            }
        };
        command.current_dir(directory).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command
    }
}

/// User and group of an account, from lines as in `/etc/passwd`.
fn ids_of(accounts: &str, name: &str) -> Option<(u32, u32)> {
    let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2).map(str::parse);
    Some((ids.next()?.ok()?, ids.next()?.ok()?))
}

fn initialize(programs: &Path, account: &Account, data: &Path) -> Result<(), Error> {
    let mut initdb = account.command(&programs.join("initdb"), data);
    initdb.args(["--auth=trust", "--username=muster", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    initdb.arg("--pgdata").arg(data.join("cluster")).stdout(Stdio::null());
    let status = start(&mut initdb)?.wait().map_err(Error::io("wait for `initdb`"))?;
    expect_success(&initdb, status)
}

/// Starts the server and waits until it says that it is ready.
fn serve(
    programs: &Path,
    account: &Account,
    data: &Path,
    (durability, port): (Durability, u16),
) -> Result<Child, Error> {
    let mut server = account.command(&programs.join("postgres"), data);
    server.arg("-D").arg(data.join("cluster")).args(["-p", &port.to_string()]);
    let reached = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"];
    server.args(reached.iter().chain(durability.settings()).flat_map(|setting| ["-c", setting]));
    // A group of its own: Ctrl-C goes to the tests first, and the server is stopped after them.
    server.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    let mut process = start(&mut server)?;
    match wait_until_ready(&mut process) {
        Ok(()) => Ok(process),
        Err(log) => {
            process.wait().map_err(Error::io("wait for PostgreSQL"))?;
            Err(Error::PostgresEnded { log })
        }
    }
}

/// Reads the server's log until it is ready, and on in the background; the log when it ends before that.
fn wait_until_ready(process: &mut Child) -> Result<(), String> {
    let Some(log) = process.stderr.take() else { return Err(String::new()) };
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // The pipe is read to its end, or a chatty server would stand still; nobody listens after "ready".
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            sender.send(line).unwrap_or(());
        }
    });
    let mut seen = Vec::new();
    for line in receiver {
        if line.contains(READY) {
            return Ok(());
        }
        seen.push(line);
    }
    Err(seen.join("\n"))
}

fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Error::io("find a free port"))?;
    Ok(listener.local_addr().map_err(Error::io("find a free port"))?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let accounts =
            "root:x:0:0::/root:/bin/sh\npostgresql:x:7:8::/:/bin/sh\npostgres:x:101:104::/:/bin/sh";
        assert_eq!(ids_of(accounts, "postgres"), Some((101, 104)));
        assert_eq!(ids_of(accounts, "nobody"), None);
    }
}
