//! Running other programs: cargo and what a test needs beside it.

use std::env;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::error::Error;

/// A call of the same cargo that called this.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Says what is called, calls it and waits.
///
/// # Errors
/// When the program cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    announce(command);
    let status = start(command)?.wait().map_err(Error::io("wait for a program"))?;
    expect_success(command, status)
}

/// Like [`run`], but asks the program to end when this one is asked to, so that the caller can clean up.
///
/// # Errors
/// When the program cannot be started or fails, and when it was interrupted.
pub(crate) fn run_until_interrupted(
    command: &mut Command,
    interruptions: &Interruptions,
) -> Result<(), Error> {
    announce(command);
    wait_until_interrupted(command, interruptions).map(|_| ())
}

/// What the program prints, under the same care and without a word about it.
///
/// # Errors
/// When the program cannot be started or fails, and when it was interrupted.
pub(crate) fn output_until_interrupted(
    command: &mut Command,
    interruptions: &Interruptions,
) -> Result<Vec<u8>, Error> {
    wait_until_interrupted(command.stdout(Stdio::piped()), interruptions).map(|output| output.stdout)
}

fn wait_until_interrupted(command: &mut Command, interruptions: &Interruptions) -> Result<Output, Error> {
    let child = start(command)?;
    let id = child.id();
    let sender = interruptions.sender.clone();
    thread::spawn(move || sender.send(Event::Ended(child.wait_with_output())));
    match interruptions.next() {
        Event::Ended(output) => {
            let output = output.map_err(Error::io("wait for a program"))?;
            expect_success(command, output.status).map(|()| output)
        }
        Event::Interrupted => {
            signal("TERM", id)?;
            // Until it has ended, or somebody presses Ctrl-C again.
            interruptions.next();
            Err(Error::Interrupted)
        }
    }
}

/// Ctrl-C and the other requests to end, which from now on end nothing by themselves.
pub(crate) struct Interruptions {
    sender: mpsc::Sender<Event>,
    receiver: mpsc::Receiver<Event>,
}

enum Event {
    Ended(std::io::Result<Output>),
    Interrupted,
}

impl Interruptions {
    /// Begins to catch them. At most once in a process.
    ///
    /// # Errors
    /// When the machine does not let us.
    pub(crate) fn catch() -> Result<Self, Error> {
        let (sender, receiver) = mpsc::channel();
        let interrupted = sender.clone();
        // Nobody listens any more once the task has ended, and then nothing is left to interrupt.
        ctrlc::set_handler(move || interrupted.send(Event::Interrupted).unwrap_or(()))
            .map_err(|error| Error::io("catch Ctrl-C")(std::io::Error::other(error)))?;
        Ok(Self { sender, receiver })
    }

    fn next(&self) -> Event {
        self.receiver.recv().unwrap_or(Event::Interrupted)
    }
}

/// Sends a signal to one process.
///
/// # Errors
/// When `kill` cannot be started. A process that has ended already is fine.
pub(crate) fn signal(name: &str, id: u32) -> Result<(), Error> {
    let mut kill = Command::new("kill");
    kill.args(["-s", name, &id.to_string()]).stderr(Stdio::null());
    start(&mut kill)?.wait().map(|_| ()).map_err(Error::io("wait for `kill`"))
}

/// The program with its arguments, as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Starts the program.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn start(command: &mut Command) -> Result<Child, Error> {
    command.spawn().map_err(|source| Error::Start { program: shown(command), source })
}

/// Turns a bad end into an error.
///
/// # Errors
/// When the status is not success.
pub(crate) fn expect_success(command: &Command, status: ExitStatus) -> Result<(), Error> {
    if status.success() { Ok(()) } else { Err(Error::Failed { program: shown(command), status }) }
}

fn announce(command: &Command) {
    eprintln!("xtask: {}", shown(command));
}
