//! Delivery: who gets to try a run. Safety never depends on it, the fence in the run's row is safety.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use muster_model::{RunId, TenantSlug};
use muster_store::{Wakeup, Wakeups};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use crate::error::with_causes;

/// How long nobody tries to listen again after a failure. Until then runs are found by looking for them.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// A run that waits for a worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The tenant.
    pub tenant: TenantSlug,
    /// The run.
    pub run: RunId,
}

/// Brings tickets to workers, at least once, in no particular order. Losing one costs time, never a run.
#[async_trait]
pub trait Delivery: Send + Sync {
    /// Offers a run to the workers of this process.
    fn offer(&self, ticket: Ticket);

    /// Offers a run to the workers of all processes it reaches.
    async fn push(&self, ticket: Ticket);

    /// The next run to try; waits for one.
    async fn pull(&self) -> Ticket;

    /// Offers to the workers of this process what other processes push. Never ends by itself.
    async fn listen(&self);
}

/// A channel inside the process. It holds a ticket once, however often it is offered: while all workers are busy
/// the same runs are found again and again.
#[derive(Debug)]
pub struct Channel {
    sender: mpsc::UnboundedSender<Ticket>,
    receiver: AsyncMutex<mpsc::UnboundedReceiver<Ticket>>,
    waiting: Mutex<HashSet<Ticket>>,
}

impl Default for Channel {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: AsyncMutex::new(receiver), waiting: Mutex::default() }
    }
}

impl Channel {
    fn waiting(&self) -> MutexGuard<'_, HashSet<Ticket>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Delivery for Channel {
    fn offer(&self, ticket: Ticket) {
        if self.waiting().insert(ticket.clone()) {
            // The receiver lives as long as the channel itself.
            let _ = self.sender.send(ticket);
        }
    }

    async fn push(&self, ticket: Ticket) {
        self.offer(ticket);
    }

    async fn pull(&self) -> Ticket {
        let mut receiver = self.receiver.lock().await;
        match receiver.recv().await {
            Some(ticket) => {
                self.waiting().remove(&ticket);
                ticket
            }
            None => std::future::pending().await,
        }
    }

    async fn listen(&self) {
        std::future::pending().await
    }
}

/// A channel inside each process, and wakeups through the database between them. The launching process hears of
/// its run first; its own wakeup comes back to it and is dropped, as by all others, once the run is claimed.
#[derive(Debug)]
pub struct Notifications {
    channel: Channel,
    wakeups: Wakeups,
}

impl Notifications {
    /// A delivery through this door of the store.
    #[must_use]
    pub fn new(wakeups: Wakeups) -> Self {
        Self { channel: Channel::default(), wakeups }
    }
}

#[async_trait]
impl Delivery for Notifications {
    fn offer(&self, ticket: Ticket) {
        self.channel.offer(ticket);
    }

    async fn push(&self, ticket: Ticket) {
        self.channel.offer(ticket.clone());
        let Ticket { tenant, run } = ticket;
        if let Err(error) = self.wakeups.send(&Wakeup { tenant, run }).await {
            tracing::warn!(%run, error = with_causes(&error), "cannot wake other processes; they will look");
        }
    }

    async fn pull(&self) -> Ticket {
        self.channel.pull().await
    }

    async fn listen(&self) {
        loop {
            match self.wakeups.receive().await {
                Ok(Wakeup { tenant, run }) => self.channel.offer(Ticket { tenant, run }),
                Err(error) => {
                    tracing::warn!(
                        error = with_causes(&error),
                        "cannot hear other processes; runs are looked for"
                    );
                    tokio::time::sleep(LISTEN_AGAIN).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    fn ticket(number: u128) -> Ticket {
        Ticket { tenant: TenantSlug::new("acme").unwrap(), run: RunId(Uuid::from_u128(number)) }
    }

    #[test]
    fn a_ticket_waits_once_and_can_be_offered_again_once_it_was_taken() {
        let channel = Channel::default();
        let taken = || channel.pull().now_or_never();
        for number in [1, 2, 1, 2, 2] {
            channel.offer(ticket(number));
        }
        assert_eq!([taken(), taken(), taken()], [Some(ticket(1)), Some(ticket(2)), None]);
        channel.offer(ticket(1));
        assert_eq!([taken(), taken()], [Some(ticket(1)), None]);
    }
}
