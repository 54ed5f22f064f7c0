//! A server under test or measurement: started, its address read from its log, stopped when dropped.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::error::Error;
use crate::program::{expect_success, shown, signal, start};

/// What a server's log says before its address.
const LISTENING: &str = "listening on ";

/// What becomes of the errors in a server's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errors {
    /// They are shown: nobody expects them.
    Shown,
    /// They are not: what it stands on is taken away on purpose.
    Expected,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Starts `muster serve` by a command that says the rest, on a free port.
    ///
    /// # Errors
    /// When it does not start, or ends before it listens.
    pub(crate) fn start(serve: &mut Command, errors: Errors) -> Result<Self, Error> {
        serve.args(["--listen", "127.0.0.1:0"]).env("MUSTER_LOG", "info");
        serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = start(serve)?;
        match wait_for_address(&mut process, errors) {
            Some(url) => Ok(Self { process, url }),
            None => {
                expect_success(serve, process.wait().map_err(Error::io("wait for the server"))?)?;
                Err(Error::Ended { program: shown(serve) })
            }
        }
    }

    /// Its address, as a client names it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it at once, wherever it is.
    ///
    /// # Errors
    /// When `kill` cannot be started.
    pub(crate) fn kill(mut self) -> Result<(), Error> {
        signal("KILL", self.process.id())?;
        self.process.wait().map(|_| ()).map_err(Error::io("wait for the server"))
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its number may be another's by now.
        if let Ok(Some(_)) = self.process.try_wait() {
            return;
        }
        let stopped = signal("TERM", self.process.id())
            .and_then(|()| self.process.wait().map_err(Error::io("wait for the server")));
        if let Err(error) = stopped {
            error.print();
        }
    }
}

/// Reads the server's log until it says its address, and on in the background: what it fails at is shown.
fn wait_for_address(process: &mut Child, errors: Errors) -> Option<String> {
    let log = process.stderr.take()?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if line.starts_with("error:") || errors == Errors::Shown && line.contains(" ERROR ") {
                eprintln!("muster: {line}");
            }
            if let Some((_, rest)) = line.split_once(LISTENING) {
                let url = rest.split([',', ' ']).next().unwrap_or_default().to_owned();
                // Nobody listens any more once the address is known.
                sender.send(url).unwrap_or(());
            }
        }
    });
    receiver.recv().ok()
}
