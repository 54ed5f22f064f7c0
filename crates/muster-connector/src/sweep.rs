//! Sweeps: reads of all accounts of a class, or of what has changed there, page by page.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::{ConnectorError, Entry, RemoteClass};

/// Where a sweep can be taken up again, in the connector's own form. It is stored, so it holds no U+0000.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// What identifies the state of a source, so that a sweep is only taken up on the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(pub String);

/// A bounded part of a sweep, in the order of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its entries; may be empty.
    pub entries: Vec<Entry>,
    /// Where to take up after this page.
    pub cursor: Cursor,
    /// How many entries the whole sweep will have read, as far as can be told by now.
    pub estimated_total: Option<u64>,
}

/// Since when changes are asked for, in the connector's own form. It is stored, so it holds no U+0000 and no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeToken(pub String);

/// What a sweep reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reads {
    /// All accounts; who is not met is gone.
    All,
    /// What has changed since the token was given, each account at most once and as it is now. Who is gone is an
    /// [`Entry::Gone`]; who is not met is as he was.
    Changes {
        /// What the last sweep of this class ended with.
        since: ChangeToken,
    },
}

/// How a sweep ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SweepEnd {
    /// Everything that was asked for was read.
    Complete {
        /// With this the next sweep reads what has changed since this one began; `None` where the system cannot tell.
        token: Option<ChangeToken>,
    },
    /// The source ended before it should have; nothing may be concluded from absence.
    CutShort {
        /// What was seen and what to do.
        reason: String,
    },
}

/// How many entries a page holds at most, at least 1. Clones are the same size: whoever asked for a sweep may change it
/// while the sweep goes on, and pages that are not read yet follow.
#[derive(Debug, Clone)]
pub struct PageSize(Arc<AtomicUsize>);

impl PageSize {
    /// Has pages hold at most so many entries from here on.
    pub fn set(&self, entries: usize) {
        self.0.store(entries, Ordering::Relaxed);
    }

    /// The size, at least 1.
    #[must_use]
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed).max(1)
    }
}

impl From<usize> for PageSize {
    fn from(entries: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(entries)))
    }
}

/// What a sweep is asked for.
#[derive(Debug, Clone)]
pub struct SweepRequest {
    /// The class to read.
    pub class: RemoteClass,
    /// What to read of it.
    pub reads: Reads,
    /// Entries a page.
    pub page_size: PageSize,
    /// Where to take up; `None` from the start.
    pub resume: Option<Cursor>,
    /// How many entries the last complete sweep of this class read.
    pub last_count: Option<u64>,
}

/// The next step of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A page; more may follow.
    Page(Page),
    /// The end; asking again answers the same.
    End(SweepEnd),
}

/// A running read of all accounts of a class, page by page, in bounded memory.
#[async_trait]
pub trait Sweep: Send {
    /// What identifies the source as it was when the sweep began; `None` where nobody can tell whether it has changed
    /// since. Such a sweep is never taken up, it starts over.
    fn snapshot(&self) -> Option<Snapshot>;

    /// The next page, or the end.
    ///
    /// # Errors
    /// When the source cannot be read on. The sweep can be taken up later at the last cursor. With
    /// [`ConnectorError::Outdated`] where changes since the token cannot be told any more.
    async fn next(&mut self) -> Result<Step, ConnectorError>;
}
