//! A process that belongs to a test: waited for until it answers, stopped by its pid.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// How often a server is asked whether it answers, and how long to wait between.
const TRIES: u32 = 600;
const WAIT: Duration = Duration::from_millis(50);

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
            if let Some(status) = process.0.try_wait().unwrap_or_default() {
                panic!("{program} has ended before it answered: {status}");
            }
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
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

/// A port of this machine that nobody listens at. Another program may take it before the server does.
///
/// # Errors
/// When there is none.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
