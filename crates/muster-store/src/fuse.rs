//! The door for faults: a fuse on the way to the database, so that tests can end a process at any point, or say at every
//! point what becomes of it.
//!
//! A blown fuse lets nothing through any more, as if the process had died at that very point.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::error::StoreError;

/// Burns down by one with every statement that may write, and by two with every `COMMIT`: one before and one after it,
/// so that a process can also die of a commit whose answer it never saw. Who dies while it reads leaves what it left
/// when it last wrote, so reading burns nothing. Clones burn together.
#[derive(Debug, Clone, Default)]
pub struct Fuse(Kind);

#[derive(Debug, Clone, Default)]
enum Kind {
    #[default]
    None,
    Burning(Arc<AtomicI64>),
    Kept(Arc<dyn Doorkeeper>),
}

/// A place on the way to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point<'a> {
    /// Before a transaction begins. What it waits for within this process it has waited for.
    Begin,
    /// Before a statement.
    Statement(&'a str),
    /// Before a transaction is committed.
    Commit,
    /// It is committed, and nobody knows yet.
    Committed,
}

/// Somebody who is asked at every point, and lets nobody through before it says so.
///
/// Invariant: between an answer that lets somebody through and [`Doorkeeper::answered`] exactly one thing is asked of
/// the database.
pub trait Doorkeeper: Debug + Send + Sync {
    /// Ready when somebody may go on from a point.
    ///
    /// # Errors
    /// What the database is to have answered instead.
    fn ask<'a>(
        &'a self,
        point: Point<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

    /// The database has answered whoever was let through last.
    fn answered(&self);
}

impl Fuse {
    /// A fuse that lets so many points pass and blows at the next.
    #[must_use]
    pub fn after(points: u32) -> Self {
        Self(Kind::Burning(Arc::new(AtomicI64::new(i64::from(points)))))
    }

    /// A door that somebody keeps. It never blows by itself.
    #[must_use]
    pub fn kept_by(keeper: Arc<dyn Doorkeeper>) -> Self {
        Self(Kind::Kept(keeper))
    }

    /// Whether something was cut off.
    #[must_use]
    pub fn is_blown(&self) -> bool {
        match &self.0 {
            Kind::Burning(left) => left.load(Ordering::SeqCst) < 0,
            Kind::None | Kind::Kept(_) => false,
        }
    }

    /// Lets somebody through who is to go on from a point, unless something was cut off.
    pub(crate) async fn pass(&self, point: Point<'_>) -> Result<(), StoreError> {
        match &self.0 {
            Kind::None => Ok(()),
            Kind::Burning(left) if !point.burns() => match left.load(Ordering::SeqCst) < 0 {
                true => Err(StoreError::Unplugged),
                false => Ok(()),
            },
            Kind::Burning(left) if left.fetch_sub(1, Ordering::SeqCst) <= 0 => Err(StoreError::Unplugged),
            Kind::Burning(_) => Ok(()),
            Kind::Kept(keeper) => keeper.ask(point).await,
        }
    }

    /// Says that the database has answered.
    pub(crate) fn answered(&self) {
        if let Kind::Kept(keeper) = &self.0 {
            keeper.answered();
        }
    }
}

impl Point<'_> {
    fn burns(self) -> bool {
        match self {
            Self::Begin => false,
            Self::Statement(sql) => !sql.starts_with("SELECT"),
            Self::Commit | Self::Committed => true,
        }
    }
}
