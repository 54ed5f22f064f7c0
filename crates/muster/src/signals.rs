//! Being asked to end, Ctrl-C or a signal of the machine; or to read files anew.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::CommandError;

/// Requests to read files anew, which from now on end nothing.
pub(crate) struct Hangups(Signal);

impl Hangups {
    /// Begins to catch them.
    ///
    /// # Errors
    /// When the machine does not let us.
    pub(crate) fn catch() -> Result<Self, CommandError> {
        signal(SignalKind::hangup()).map(Self).map_err(CommandError::machine("catch signals"))
    }

    /// The next one.
    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending().await
        }
    }
}

/// Requests to end, which from now on end nothing by themselves.
pub(crate) struct Interruptions {
    interrupt: Signal,
    terminate: Signal,
}

impl Interruptions {
    /// Begins to catch them.
    ///
    /// # Errors
    /// When the machine does not let us.
    pub(crate) fn catch() -> Result<Self, CommandError> {
        let catch = || -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        };
        catch().map_err(CommandError::machine("catch signals"))
    }

    /// The next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
