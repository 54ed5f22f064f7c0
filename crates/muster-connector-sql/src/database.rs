//! One database: connections to it are taken, used and given back, or dropped; what a call asks of it.

use std::sync::{Mutex, PoisonError};

use muster_connector::{ConnectorError, Entry, Host, RemoteClass, TestStep};
use muster_egress::Egress;
use tokio::sync::Semaphore;

use crate::caps::{BESIDE_OCTETS, KEYS_AT_ONCE, PAGE_OCTETS};
use crate::catalogue::Column;
use crate::dialect::{Dialect, quoted};
use crate::fault::Fault;
use crate::layout::Layout;
use crate::link::Link;
use crate::postgres::{Dialling, Failed};
use crate::reading::{Reader, held};
use crate::settings::{Access, Settings, System};
use crate::sqlite;
use crate::value::{Bind, Cell, Kind};

/// Values of PostgreSQL that all others are earlier or less than.
const ENDLESS: [&str; 3] = ["infinity", "Infinity", "NaN"];

/// One database, and the connections to it.
pub(crate) struct Database {
    pub(crate) settings: Settings,
    egress: Egress,
    pub(crate) host: Host,
    reading: Lane,
    writing: Lane,
}

/// Connections of one sort: one at a time.
struct Lane {
    access: Access,
    idle: Mutex<Vec<Link>>,
    permits: Semaphore,
}

impl Lane {
    fn new(access: Access) -> Self {
        Self { access, idle: Mutex::new(Vec::new()), permits: Semaphore::new(1) }
    }
}

impl Database {
    pub(crate) fn new(settings: Settings, egress: Egress, host: Host) -> Self {
        let (reading, writing) = (Lane::new(Access::ReadOnly), Lane::new(Access::ReadWrite));
        Self { settings, egress, host, reading, writing }
    }

    /// Where it is, for people.
    pub(crate) fn shown(&self) -> String {
        self.settings.system.shown()
    }

    pub(crate) fn dialling(&self) -> Dialling<'_> {
        Dialling { egress: &self.egress, tenant: &self.host.tenant, limit: self.host.call_limit }
    }

    /// A new connection.
    pub(crate) async fn connect(&self, access: Access) -> Result<Link, Failed> {
        let limit = self.host.call_limit;
        match &self.settings.system {
            System::Postgres(server) => {
                let dialling = self.dialling();
                let stream = dialling.reach(server).await?;
                let wire = dialling.secure(server, stream).await?;
                let (connection, relay) = dialling.log_in(server, access, wire).await?;
                Ok(Link::postgres(connection, relay, limit))
            }
            System::Sqlite { file } => {
                let opened = sqlite::open(&self.host.files, (file, access), limit).await;
                let opened = opened.map_err(|error| Failed { step: TestStep::Open, error })?;
                Ok(Link::sqlite(opened, limit))
            }
        }
    }

    async fn take(&self, lane: &Lane) -> Result<Link, ConnectorError> {
        let idle = lane.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(link) => Ok(link),
            None => self.connect(lane.access).await.map_err(|failed| failed.error),
        }
    }

    /// Makes one call that reads. Who is given a connection gives it back; one that is dropped on the way is closed.
    pub(crate) async fn reading<T: Send, F>(
        &self,
        act: impl Fn(Link) -> F + Send + Sync,
    ) -> Result<T, ConnectorError>
    where
        F: Future<Output = (Link, Result<T, Fault>)> + Send,
    {
        self.call(&self.reading, act).await
    }

    /// The same for a call that writes.
    pub(crate) async fn writing<T: Send, F>(
        &self,
        act: impl Fn(Link) -> F + Send + Sync,
    ) -> Result<T, ConnectorError>
    where
        F: Future<Output = (Link, Result<T, Fault>)> + Send,
    {
        self.call(&self.writing, act).await
    }

    async fn call<T: Send, F>(
        &self,
        lane: &Lane,
        act: impl Fn(Link) -> F + Send + Sync,
    ) -> Result<T, ConnectorError>
    where
        F: Future<Output = (Link, Result<T, Fault>)> + Send,
    {
        let make = async || {
            let closed = |_| ConnectorError::Transient {
                message: "the connector is closed".to_owned(),
                retry_after: None,
            };
            let _permit = lane.permits.acquire().await.map_err(closed)?;
            let (link, result) = act(self.take(lane).await?).await;
            if link.is_sound() {
                lane.idle.lock().unwrap_or_else(PoisonError::into_inner).push(link);
            }
            result.map_err(|fault| fault.at(&self.shown()))
        };
        self.host.pace.call(make).await
    }

    /// The class as the database has it, and what identifies its rows.
    pub(crate) async fn layout(&self, class: &RemoteClass) -> Result<(Layout, String), ConnectorError> {
        self.reading(|mut link| async move {
            let layout = Layout::of(&mut link, &self.settings, class).await;
            let found = layout.map(|layout| {
                let fingerprint = layout.fingerprint(&self.settings, &link.identity);
                (layout, fingerprint)
            });
            (link, found)
        })
        .await
    }

    /// The last change that there is; null where there is none, or nobody can tell.
    pub(crate) async fn last_change(
        &self,
        layout: &Layout,
        since: Option<&Cell>,
    ) -> Result<Cell, ConnectorError> {
        let Some(column) = &layout.change else { return Ok(Cell::Null) };
        let (name, rows) = (quoted(&column.name), layout.relation.rows_as_q());
        let sql = match layout.dialect {
            Dialect::Postgres => format!(
                "SELECT max({name})::text, (max({name}) < CAST($1 AS {}))::text, min({name})::text FROM {rows}",
                column.type_name
            ),
            Dialect::Sqlite => format!("SELECT max({name}), max({name}) < ?1, min({name}) FROM {rows}"),
        };
        let is_of_changes = since.is_some();
        let since = since.filter(|since| **since != Cell::Null);
        let bind = since.map_or(Bind::Null, Cell::bind);
        let (sql, bind) = (&sql, &bind);
        let answer = self
            .reading(|mut link| async move {
                let answer = link.all(sql.clone(), vec![bind.clone()]).await;
                (link, answer)
            })
            .await?;
        let mut row = answer.into_iter().next().unwrap_or_default().into_iter();
        let mut next = || row.next().unwrap_or(Cell::Null);
        let (last, is_before, first) = (next(), next(), next());
        if !are_in_order(column, (&first, &last)) {
            let message = format!(
                "`{}` of `{}` in {} holds a value that is later than all others whatever happens, since it is of \
                 another sort: correct it; until then everything is read",
                column.name,
                layout.shown,
                self.shown()
            );
            return if is_of_changes { Err(ConnectorError::Outdated { message }) } else { Ok(Cell::Null) };
        }
        if since.is_some() && (last == Cell::Null || is_before.is_true()) {
            let message = format!(
                "`{}` in {} holds no change as late as that which was seen last; read everything",
                layout.shown,
                self.shown()
            );
            return Err(ConnectorError::Outdated { message });
        }
        Ok(last)
    }

    /// The accounts whose column holds one of the texts.
    pub(crate) async fn found(
        &self,
        layout: &Layout,
        column: &Column,
        texts: &[String],
    ) -> Result<Vec<Entry>, ConnectorError> {
        let texts = held(layout.dialect, column.kind, texts.iter());
        let mut entries = Vec::new();
        let mut waiting: Vec<&[Option<String>]> = texts.chunks(KEYS_AT_ONCE).rev().collect();
        while let Some(some) = waiting.pop() {
            let read = self
                .reading(|mut link| async move {
                    let read = self.found_by(&mut link, layout, column, some).await;
                    (link, read)
                })
                .await?;
            match read {
                Some(read) => entries.extend(read),
                None => {
                    let (left, right) = some.split_at(some.len() / 2);
                    waiting.extend([right, left]);
                }
            }
        }
        Ok(entries)
    }

    /// `None` where there are more octets than are taken in at once.
    async fn found_by(
        &self,
        link: &mut Link,
        layout: &Layout,
        column: &Column,
        texts: &[Option<String>],
    ) -> Result<Option<Vec<Entry>>, Fault> {
        let reader = Reader { layout, settings: &self.settings };
        let is_account = reader.is_account().map(|alive| format!(" AND {alive}")).unwrap_or_default();
        let sql = format!(
            "{} WHERE {}{is_account} ORDER BY {}",
            reader.select(),
            layout.dialect.one_of(column, 1),
            layout.dialect.ordered(&layout.key, "q.")
        );
        let most = if texts.len() == 1 { BESIDE_OCTETS } else { PAGE_OCTETS };
        let answer = link.ask(sql, vec![Bind::Texts(texts.to_vec())], most).await?;
        match (answer.is_whole, texts.len()) {
            (true, _) => reader.entries(link, answer.rows, 1).await.map(Some),
            (false, 1) => Err(Fault::broken("too many rows have one key; make it unique")),
            (false, _) => Ok(None),
        }
    }
}

/// Whether the values of a column of changes, of which these are the first and the last, rise with time. SQLite keeps
/// texts among numbers and sorts them behind; PostgreSQL has what is later than everything.
fn are_in_order(column: &Column, (first, last): (&Cell, &Cell)) -> bool {
    let is_number = |cell: &Cell| matches!(cell, Cell::Integer(_) | Cell::Real(_));
    match last {
        Cell::Text(text) if column.kind != Kind::Text && ENDLESS.contains(&text.as_str()) => false,
        Cell::Text(_) | Cell::Octets(_) | Cell::Unreadable => !is_number(first),
        Cell::Null | Cell::Integer(_) | Cell::Real(_) => true,
    }
}
