//! Connections to SQLite files of a tenant.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use muster_connector::{ConnectorError, FileRoots, paths};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::fault::Fault;
use crate::settings::Access;

/// The longest wait for somebody else who writes.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How many instructions go by between two looks at the clock.
const INSTRUCTIONS: i32 = 10_000;

/// When what a connection is doing has to end. Clones are the same.
#[derive(Clone)]
pub(crate) struct Deadline {
    begun: Instant,
    millis: Arc<AtomicU64>,
}

impl Deadline {
    fn new() -> Self {
        Self { begun: Instant::now(), millis: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    /// From now on.
    pub(crate) fn set(&self, limit: Duration) {
        let millis = (self.begun.elapsed() + limit).as_millis();
        self.millis.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn has_passed(&self) -> bool {
        self.begun.elapsed().as_millis() > u128::from(self.millis.load(Ordering::Relaxed))
    }
}

/// Opens a file that exists and lies where it may. The answer's last part tells this file from any other that takes its
/// place.
pub(crate) async fn open(
    roots: &FileRoots,
    (file, access): (&str, Access),
    limit: Duration,
) -> Result<(SqliteConnection, Deadline, String), ConnectorError> {
    let (checked, given) = (roots.clone(), file.to_owned());
    let looked = tokio::task::spawn_blocking(move || {
        let (open, place) = paths::open(&checked, &given)?;
        let found =
            open.metadata().map_err(|error| unusable(format!("`{given}` cannot be looked at: {error}")))?;
        Ok((place, format!("{}:{}", found.dev(), found.ino())))
    });
    let (place, identity) = match looked.await {
        Ok(looked) => looked.map_err(absent_is_unusable)?,
        Err(_) => return Err(unusable(format!("`{file}` could not be looked at; try again"))),
    };
    let options = SqliteConnectOptions::new()
        .filename(place)
        .create_if_missing(false)
        .read_only(access == Access::ReadOnly)
        .foreign_keys(true)
        .busy_timeout(LONGEST_WAIT.min(limit / 2))
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("mmap_size", "0")
        .pragma("query_only", if access == Access::ReadOnly { "ON" } else { "OFF" })
        .disable_statement_logging();
    let at = |fault: Fault| fault.at(&format!("`{file}`"));
    let mut connection = options.connect().await.map_err(|error| at(error.into()))?;
    let deadline = Deadline::new();
    let watched = deadline.clone();
    let mut handle = connection.lock_handle().await.map_err(|error| at(error.into()))?;
    handle.set_progress_handler(INSTRUCTIONS, move || !watched.has_passed());
    drop(handle);
    Ok((connection, deadline, identity))
}

fn unusable(message: String) -> ConnectorError {
    ConnectorError::Unusable { message }
}

/// A database that is not there is not an empty one.
fn absent_is_unusable(error: ConnectorError) -> ConnectorError {
    match error {
        ConnectorError::Missing { message } => ConnectorError::Unusable { message },
        ConnectorError::Transient { .. }
        | ConnectorError::Rejected { .. }
        | ConnectorError::Conflict { .. }
        | ConnectorError::Outdated { .. }
        | ConnectorError::Unusable { .. } => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Sort;
    use crate::link::Link;
    use crate::value::Bind;

    const LIMIT: Duration = Duration::from_secs(10);

    async fn link(directory: &std::path::Path) -> Link {
        std::fs::write(directory.join("x.db"), "").unwrap();
        let roots = FileRoots { own: directory.to_owned(), further: Vec::new() };
        Link::sqlite(open(&roots, ("x.db", Access::ReadWrite), LIMIT).await.unwrap(), LIMIT)
    }

    #[tokio::test]
    async fn a_full_disk_may_have_room_later_and_nothing_is_half_written() {
        let directory = tempfile::tempdir().unwrap();
        let mut link = link(directory.path()).await;
        for sql in ["CREATE TABLE t (x blob)", "PRAGMA max_page_count = 4"] {
            link.all(sql.to_owned(), Vec::new()).await.unwrap();
        }
        link.begin().await.unwrap();
        let sql = || "INSERT INTO t VALUES (?1)".to_owned();
        link.all(sql(), vec![Bind::Text("small".to_owned())]).await.unwrap();
        let fault = link.all(sql(), vec![Bind::Octets(vec![7; 1_000_000])]).await.unwrap_err();
        assert_eq!(fault.sort, Sort::Transient, "{fault:?}");
        assert!(fault.ends_connection && !link.is_sound(), "nobody goes on with it");
        drop(link);
        let roots = FileRoots { own: directory.path().to_owned(), further: Vec::new() };
        let mut link = Link::sqlite(open(&roots, ("x.db", Access::ReadOnly), LIMIT).await.unwrap(), LIMIT);
        let rows = link.all("SELECT x FROM t".to_owned(), Vec::new()).await.unwrap();
        assert_eq!(rows.len(), 0);
    }

    #[tokio::test]
    async fn what_never_ends_is_ended_and_what_only_reads_writes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (connection, deadline, identity) = {
            drop(link(directory.path()).await);
            let roots = FileRoots { own: directory.path().to_owned(), further: Vec::new() };
            open(&roots, ("x.db", Access::ReadOnly), LIMIT).await.unwrap()
        };
        let mut link = Link::sqlite((connection, deadline, identity), Duration::from_millis(50));
        let endless = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT max(n) FROM n";
        let fault = link.all(endless.to_owned(), Vec::new()).await.unwrap_err();
        assert_eq!(fault.sort, Sort::Transient, "{fault:?}");
        let fault = link.all("CREATE TABLE t (x)".to_owned(), Vec::new()).await.unwrap_err();
        assert_eq!(fault.sort, Sort::Unusable, "{fault:?}");
    }
}
