//! A process that belongs to a test: waited for until it answers, stopped by its pid.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// How often a server is asked whether it answers, and how long to wait between.
const TRIES: u32 = 600;
const WAIT: Duration = Duration::from_millis(50);
/// The ports for servers of tests: Linux gives those from 32768 on by itself.
const FIRST_PORT: u16 = 12_000;
const PORTS: u16 = 20_000;

/// A running program, killed when dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts a program that serves a port of this machine, and waits until it answers there.
    ///
    /// # Panics
    /// When it cannot be started, ends before it answers, or does not answer.
    #[must_use]
    pub fn serving(command: &mut Command, port: u16) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).spawn();
        let mut process = Self(child.unwrap_or_else(|error| panic!("cannot start {program}: {error}")));
        for _ in 0..TRIES {
            let answers = TcpStream::connect(("127.0.0.1", port)).is_ok();
            if let Some(status) = process.0.try_wait().unwrap_or_default() {
                panic!("{program} has ended before it answered: {status}");
            }
            if answers {
                return process;
            }
            sleep(WAIT);
        }
        panic!("{program} does not answer at port {port}")
    }

    /// Its pid.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it at once, as a machine does that fails.
    pub fn kill(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port of this machine that nobody listens at, below those that the system gives to whoever asks for any: between
/// this answer and the start of the server another test would be given it.
///
/// # Errors
/// When there is none.
pub fn free_port() -> io::Result<u16> {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap_or_default();
    let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PORTS {
        // Processes that run side by side begin far from each other.
        let step = ASKED.fetch_add(1, Ordering::Relaxed).wrapping_add(process.wrapping_mul(61));
        let port = FIRST_PORT + step % PORTS;
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}
