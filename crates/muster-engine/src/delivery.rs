//! Delivery: who gets to try a run. Safety never depends on it, the fence in the run's row is safety.

use async_trait::async_trait;
use muster_model::{RunId, TenantSlug};
use tokio::sync::{Mutex, mpsc};

/// A run that waits for a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The tenant.
    pub tenant: TenantSlug,
    /// The run.
    pub run: RunId,
}

/// Brings tickets to workers, at least once, in no particular order. Losing one costs time, never a run.
#[async_trait]
pub trait Delivery: Send + Sync {
    /// Offers a run to the workers of all processes it reaches.
    async fn push(&self, ticket: Ticket);

    /// The next run to try; waits for one.
    async fn pull(&self) -> Ticket;
}

/// A channel inside the process.
#[derive(Debug)]
pub struct Channel {
    sender: mpsc::UnboundedSender<Ticket>,
    receiver: Mutex<mpsc::UnboundedReceiver<Ticket>>,
}

impl Default for Channel {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: Mutex::new(receiver) }
    }
}

#[async_trait]
impl Delivery for Channel {
    async fn push(&self, ticket: Ticket) {
        // The receiver lives as long as the channel itself.
        let _ = self.sender.send(ticket);
    }

    async fn pull(&self) -> Ticket {
        let mut receiver = self.receiver.lock().await;
        match receiver.recv().await {
            Some(ticket) => ticket,
            None => std::future::pending().await,
        }
    }
}
