//! A process of a simulated world: an engine with its workers behind a door of its own, and the mail between them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use muster_connector::faulty::{FaultyKind, Watch};
use muster_connector::memory::MemoryKind;
use muster_engine::{Connectors, Delivery, Engine, Settings, Ticket, Workers};
use muster_store::{Fuse, Store};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::board::{Board, Door};
use super::rates::Rates;
use super::systems::{Ledger, NotedKind, plan};
use super::template::TYPES;
use super::{LEASE, LOOK_EVERY, Planted};
use crate::world::{SYSTEMS, StoppedClock, World};

/// Messages on their way: to which place, and what. Nobody says when they come, how often, and whether.
pub(super) type Mail = Arc<Mutex<Vec<(usize, Ticket)>>>;

/// The mail box of one process.
pub(super) struct Post {
    place: usize,
    mail: Mail,
    box_: Mutex<VecDeque<Ticket>>,
    arrived: Notify,
}

impl Post {
    /// A message has come.
    pub(super) fn put(&self, ticket: Ticket) {
        self.box_.lock().unwrap_or_else(PoisonError::into_inner).push_back(ticket);
        self.arrived.notify_one();
    }

    fn send(&self, to: usize, ticket: Ticket) {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner).push((to, ticket));
    }
}

#[async_trait]
impl Delivery for Post {
    fn offer(&self, ticket: Ticket) {
        self.send(self.place, ticket);
    }

    async fn push(&self, ticket: Ticket) {
        for place in 0..PLACES {
            self.send(place, ticket.clone());
        }
    }

    async fn pull(&self) -> Ticket {
        loop {
            let next = self.box_.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                Some(ticket) => {
                    // Another worker may wait as well, and there may be more.
                    self.arrived.notify_one();
                    return ticket;
                }
                None => self.arrived.notified().await,
            }
        }
    }

    async fn listen(&self) {
        std::future::pending().await
    }
}

/// How many processes there are at a time.
pub(super) const PLACES: usize = 2;

/// Workers of a process.
pub(super) const WORKERS: usize = 2;

/// A running process.
pub(super) struct Process {
    pub(super) number: u32,
    pub(super) engine: Engine,
    pub(super) post: Arc<Post>,
    /// What people ask of it.
    pub(super) asked: JoinSet<()>,
    _workers: Workers,
}

/// What all processes of a world share.
pub(super) struct Surroundings {
    pub(super) board: Arc<Board>,
    pub(super) store: Store,
    pub(super) clock: Arc<StoppedClock>,
    pub(super) ledger: Ledger,
    pub(super) mail: Mail,
    pub(super) rates: Rates,
    pub(super) planted: Option<Planted>,
}

impl Process {
    /// Starts a process at a place.
    pub(super) fn start(of: &Surroundings, (place, number): (usize, u32), worlds: &[World]) -> Self {
        let owner = of.clock.next_id().to_string();
        let mut settings = Settings { owner: owner.clone(), ..worlds[0].settings().clone() };
        settings.workers = WORKERS;
        settings.lease = LEASE;
        settings.look_every = LOOK_EVERY;
        let door = Door { board: Arc::clone(&of.board), process: number };
        let store = of.store.clone().with_fuse(Fuse::kept_by(Arc::new(door)));
        let post = Arc::new(Post {
            place,
            mail: Arc::clone(&of.mail),
            box_: Mutex::default(),
            arrived: Notify::new(),
        });
        let connectors = of.connectors(number, &owner, worlds);
        let engine = Engine::new(store, connectors, of.clock.clone(), post.clone(), settings);
        Self { number, _workers: engine.start(), engine, post, asked: JoinSet::new() }
    }
}

impl Surroundings {
    fn connectors(&self, number: u32, owner: &str, worlds: &[World]) -> Connectors {
        let mut connectors = Connectors::new();
        for (tenant, world) in worlds.iter().enumerate() {
            for (system, name) in SYSTEMS.into_iter().zip(TYPES[tenant]) {
                let other = self.planted == Some(Planted::MixedTenants) && system == "hr";
                let held = if other { worlds[0].system(system) } else { world.system(system) };
                let noted = NotedKind {
                    memory: MemoryKind { name, system: held.clone() },
                    tenant,
                    owner: owner.to_owned(),
                    ledger: self.ledger.clone(),
                    planted: self.planted,
                };
                let plan = plan(&self.board, self.rates, number, name.to_owned());
                connectors.insert(name, Arc::new(FaultyKind::new(Box::new(noted), Watch::new(plan))));
            }
        }
        connectors
    }
}
