//! Where everything that a simulated world does stands still until it is told to go on: at most one task of it runs,
//! and at most one statement is with the database.

use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fmt;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_store::{Doorkeeper, Point, StoreError};
use sea_orm::sqlx::error::{DatabaseError, ErrorKind};
use sea_orm::{DbErr, RuntimeErr, sqlx};
use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;

use crate::people::Dice;

/// Rounds in which nobody moves, after which everybody stands. A round polls all that can go on.
const STILL: u32 = 3;

/// What somebody who stands at a point is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Go on; the database is asked.
    Ask,
    /// Go on; the database is not asked.
    GoOn,
    /// The database fails.
    Fail(Failure),
}

/// How the database fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connection is lost. After a commit: its answer is, and the commit stays.
    Lost,
    /// Another transaction stands in the way, and this one has to begin anew.
    Contended,
}

/// Somebody who stands at a point.
pub(super) struct Standing {
    /// The process that it belongs to.
    pub(super) process: u32,
    pub(super) what: String,
    kind: At,
    tell: oneshot::Sender<Answer>,
}

/// Where somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Before something is asked of the database.
    Database,
    /// After a commit.
    Committed,
    /// At a call to a remote system.
    Call,
}

/// Where they stand, and what has happened so far.
pub(super) struct Board {
    inner: Mutex<Inner>,
    moved: Notify,
}

struct Inner {
    standing: Vec<Standing>,
    /// Whether a statement is with the database.
    asked: bool,
    moves: u64,
    dice: Dice,
    trace: Arc<Mutex<Vec<String>>>,
}

impl Board {
    pub(super) fn new(seed: u64, trace: Arc<Mutex<Vec<String>>>) -> Self {
        let dice = Dice::new(seed, 1);
        let inner = Inner { standing: Vec::new(), asked: false, moves: 0, dice, trace };
        Self { inner: Mutex::new(inner), moved: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number below so many.
    pub(super) fn roll(&self, sides: u64) -> u64 {
        self.lock().dice.roll(sides)
    }

    /// Whether something happens that happens so often in ten thousand times.
    pub(super) fn happens(&self, in_ten_thousand: u64) -> bool {
        in_ten_thousand > 0 && self.roll(10_000) < in_ten_thousand
    }

    pub(super) fn note(&self, line: impl fmt::Display) {
        let trace = self.lock().trace.clone();
        trace.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_string());
    }

    /// Stands at a point until somebody says what becomes of it.
    pub(super) async fn stand(&self, process: u32, kind: At, what: String) -> Answer {
        let (tell, told) = oneshot::channel();
        {
            let mut inner = self.lock();
            inner.moves += 1;
            inner.standing.push(Standing { process, what, kind, tell });
        }
        self.moved.notify_one();
        match told.await {
            Ok(answer) => answer,
            // Nobody tells the dead anything.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until everybody stands, or waits for another who does.
    pub(super) async fn settle(&self) {
        loop {
            while self.lock().asked {
                self.moved.notified().await;
            }
            let before = self.lock().moves;
            for _ in 0..STILL {
                yield_now().await;
            }
            let mut inner = self.lock();
            if inner.moves == before && !inner.asked {
                inner.standing.retain(|standing| !standing.tell.is_closed());
                return;
            }
        }
    }

    /// How many stand at a point.
    pub(super) fn standing(&self) -> usize {
        self.lock().standing.len()
    }

    /// The process of one of those who stand, if it is about to begin a transaction.
    pub(super) fn about_to_begin(&self, number: usize) -> Option<u32> {
        let inner = self.lock();
        let standing = &inner.standing[number];
        (standing.what == "BEGIN").then_some(standing.process)
    }

    /// Lets one of those who stand go on; where it stands before the database, with this answer.
    ///
    /// The process that is about to commit, if this is what it does.
    pub(super) fn let_go(&self, number: usize, fails: Option<Failure>) -> Option<u32> {
        let mut inner = self.lock();
        let Standing { process, what, kind, tell } = inner.standing.remove(number);
        let answer = match (kind, fails) {
            (At::Database, None) => Answer::Ask,
            (At::Database, Some(failure)) => Answer::Fail(failure),
            (At::Committed, Some(Failure::Lost)) => Answer::Fail(Failure::Lost),
            (At::Committed | At::Call, _) => Answer::GoOn,
        };
        // Before it is told: the answer of the database may be there at once.
        inner.asked = answer == Answer::Ask;
        if tell.send(answer).is_err() {
            inner.asked = false;
        }
        drop(inner);
        let commits = (what == "COMMIT" && answer == Answer::Ask).then_some(process);
        let failed = match answer {
            Answer::Ask | Answer::GoOn => "",
            Answer::Fail(Failure::Lost) => " FAILS",
            Answer::Fail(Failure::Contended) => " IS IN THE WAY OF ANOTHER",
        };
        self.note(format_args!("  {process}: {what}{failed}"));
        commits
    }
}

/// The door of one process.
pub(super) struct Door {
    pub(super) board: Arc<Board>,
    pub(super) process: u32,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the door of process {}", self.process)
    }
}

impl Doorkeeper for Door {
    fn ask<'a>(
        &'a self,
        point: Point<'a>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>> {
        let (kind, what) = match point {
            Point::Begin => (At::Database, "BEGIN".to_owned()),
            Point::Statement(sql) => (At::Database, told(sql)),
            Point::Commit => (At::Database, "COMMIT".to_owned()),
            Point::Committed => (At::Committed, "committed".to_owned()),
        };
        Box::pin(async move {
            let start = what.clone();
            match self.board.stand(self.process, kind, what).await {
                Answer::Ask | Answer::GoOn => Ok(()),
                Answer::Fail(Failure::Lost) => {
                    let broken = RuntimeErr::Internal("the connection was lost".to_owned());
                    Err(StoreError::Statement { start, source: DbErr::Conn(broken) })
                }
                Answer::Fail(Failure::Contended) => {
                    let refused = RuntimeErr::SqlxError(Arc::new(sqlx::Error::Database(Box::new(Contended))));
                    Err(StoreError::Statement { start, source: DbErr::Exec(refused) })
                }
            }
        })
    }

    fn answered(&self) {
        let mut inner = self.board.lock();
        inner.asked = false;
        inner.moves += 1;
        drop(inner);
        self.board.moved.notify_one();
    }
}

/// What a database says to one of two transactions that are in each other's way.
#[derive(Debug)]
struct Contended;

impl fmt::Display for Contended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl Error for Contended {}

impl DatabaseError for Contended {
    fn message(&self) -> &str {
        "another transaction was in the way"
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("40001"))
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }

    fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
        self
    }
}

/// A statement in a few words, with what tells it from others.
fn told(sql: &str) -> String {
    let mut hasher = DefaultHasher::new();
    sql.hash(&mut hasher);
    let start: Vec<&str> = sql.split_whitespace().take(4).collect();
    format!("{} {:04x}", start.join(" "), hasher.finish() & 0xffff)
}
