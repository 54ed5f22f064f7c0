//! Sweeps: page after page in the order of the keys, each from the last key of the one before.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::{
    ConnectorError, Entry, Page, PageSize, Place, Reads, Snapshot, Step, Sweep, SweepEnd, SweepRequest,
};

use crate::caps::{KEYLESS_ROWS, PAGE_OCTETS};
use crate::database::Database;
use crate::dialect::{Dialect, quoted};
use crate::fault::Fault;
use crate::layout::Layout;
use crate::link::Link;
use crate::reading::{Reader, bad};
use crate::token::{Stage, Standing, since, token};
use crate::value::{Bind, Cell};

/// A sweep of one class.
pub(crate) struct SqlSweep {
    database: Arc<Database>,
    layout: Arc<Layout>,
    fingerprint: String,
    page_size: PageSize,
    last_count: Option<u64>,
    /// What changes are told since; `None` where everything is read.
    since: Option<Cell>,
    standing: Standing,
    /// How many rows of late were no more than can be taken in at once.
    fits: usize,
    /// The keys of the last page: a database that gives one of them again would go on for ever.
    last_keys: HashSet<String>,
    end: Option<SweepEnd>,
}

/// What one statement brought.
struct Fetched {
    /// Of all rows that the entries are made of.
    keys: Vec<Cell>,
    entries: Vec<Entry>,
    has_more: bool,
}

impl SqlSweep {
    pub(crate) async fn begin(
        database: Arc<Database>,
        layout: Arc<Layout>,
        fingerprint: String,
        request: SweepRequest,
    ) -> Result<Self, ConnectorError> {
        let since = match &request.reads {
            Reads::All => None,
            Reads::Changes { since: given } => Some(since(&fingerprint, given)?),
        };
        if since.is_some() && layout.change.is_none() {
            let message = format!("`{}` has no column of changes any more; read everything", layout.shown);
            return Err(ConnectorError::Outdated { message });
        }
        let standing = match &request.resume {
            Some(cursor) => Standing::of(cursor)?,
            None => {
                let change = database.last_change(&layout, since.as_ref()).await?;
                Standing { key: Cell::Null, count: 0, change, stage: Stage::WithKeys }
            }
        };
        Ok(Self {
            database,
            layout,
            fingerprint,
            page_size: request.page_size,
            last_count: request.last_count,
            since,
            standing,
            fits: usize::MAX / 2,
            last_keys: HashSet::new(),
            end: None,
        })
    }

    /// The statement of the next page, which asks for one row more: who has the same key as the last is seen, and
    /// whether there is more.
    fn statement(&self, limit: usize) -> (String, Vec<Bind>) {
        let (dialect, key) = (self.layout.dialect, &self.layout.key);
        let reader = self.reader();
        let mut conditions = vec![format!("{} IS NOT NULL", quoted(&key.name))];
        let mut binds = Vec::new();
        if self.standing.key != Cell::Null {
            binds.push(self.standing.key.bind());
            conditions.push(format!(
                "{} > {}",
                dialect.ordered(key, ""),
                dialect.comparable(key, binds.len())
            ));
        }
        match (&self.since, &self.layout.change) {
            (Some(Cell::Null), _) | (Some(_), None) => {}
            (Some(since), Some(change)) => {
                binds.push(since.bind());
                let overlap = self.database.settings.change.as_ref().map_or(0, |rule| rule.overlap);
                let changed = dialect.is_changed(change, binds.len(), overlap);
                // Where a key may stand in several rows, one of these that has not changed makes it nobody's.
                conditions.push(match key.unique.is_empty() {
                    true => {
                        let (ordered, rows) = (dialect.ordered(key, ""), self.layout.relation.rows_as_q());
                        format!("{ordered} IN (SELECT {ordered} FROM {rows} WHERE {changed})")
                    }
                    false => changed,
                });
            }
            (None, _) => conditions.extend(reader.is_account()),
        }
        let alive_first = self.layout.deleted.as_ref().filter(|_| self.since.is_some());
        let alive_first = alive_first.map(|column| format!(", {} DESC", dialect.is_alive(column, "q.")));
        let sql = format!(
            "{} WHERE {} ORDER BY {}{} LIMIT {}",
            reader.select(),
            conditions.join(" AND "),
            dialect.ordered(key, "q."),
            alive_first.unwrap_or_default(),
            limit + 1
        );
        (sql, binds)
    }

    fn reader(&self) -> Reader<'_> {
        Reader { layout: &self.layout, settings: &self.database.settings }
    }

    async fn fetch(&self, limit: usize) -> Result<Option<Fetched>, ConnectorError> {
        self.database
            .reading(|mut link| async move {
                let fetched = self.fetch_by(&mut link, limit).await;
                (link, fetched)
            })
            .await
    }

    /// `None` where there are more octets than are taken in at once.
    async fn fetch_by(&self, link: &mut Link, limit: usize) -> Result<Option<Fetched>, Fault> {
        let (sql, binds) = self.statement(limit);
        let most = if limit == 1 { usize::MAX } else { PAGE_OCTETS };
        let answer = link.ask(sql, binds, most).await?;
        if answer.rows.len() > limit + 1 {
            return Err(Fault::broken("it sent more rows than it was asked for"));
        }
        if !answer.is_whole {
            return Ok(None);
        }
        let mut rows = answer.rows;
        let has_more = rows.len() > limit;
        let reader = self.reader();
        // The row that was asked for besides belongs to the next page, unless it has the last key of this one.
        if has_more && !reader.is_same_key(&rows[limit - 1], &rows[limit]) {
            rows.pop();
        }
        let keys = rows.iter().map(|row| row.first().cloned().unwrap_or(Cell::Null)).collect();
        let entries = reader.entries(link, rows, self.standing.count + 1).await?;
        Ok(Some(Fetched { keys, entries, has_more }))
    }

    async fn page(&mut self) -> Result<Step, ConnectorError> {
        let fetched = loop {
            let limit = self.page_size.get().min(self.fits).max(1);
            match self.fetch(limit).await? {
                Some(fetched) => {
                    self.fits = self.fits.saturating_mul(2);
                    break fetched;
                }
                None => self.fits = (limit / 2).max(1),
            }
        };
        let Fetched { keys: met, entries, has_more } = fetched;
        let keys: HashSet<String> = met.iter().filter_map(Cell::key).collect();
        if !keys.is_disjoint(&self.last_keys) {
            return Ok(self.cut_short("it gives rows again that it gave before"));
        }
        if has_more {
            match met.last() {
                Some(Cell::Unreadable | Cell::Null) | None => {
                    let message = format!(
                        "a key in `{}` cannot be read, so that nobody knows what follows it",
                        self.layout.key.name
                    );
                    return Ok(self.cut_short(&message));
                }
                Some(key) => self.standing.key = key.clone(),
            }
        } else {
            self.standing.stage = self.stage_after_keys();
            self.standing.key = Cell::Null;
        }
        self.last_keys = keys;
        self.standing.count += entries.len() as u64;
        Ok(self.step(entries))
    }

    /// Rows without a key are nobody in particular, and not all are told where they are many.
    async fn without_keys(&mut self) -> Result<Step, ConnectorError> {
        let key = quoted(&self.layout.key.name);
        let is_account = self.reader().is_account().map(|alive| format!(" AND {alive}")).unwrap_or_default();
        let text = if self.layout.dialect == Dialect::Postgres { "::text" } else { "" };
        let sql = format!(
            "SELECT count(*){text} FROM (SELECT 1 FROM {} WHERE {key} IS NULL{is_account} LIMIT {KEYLESS_ROWS}) AS n",
            self.layout.relation.rows_as_q()
        );
        let sql = &sql;
        let counting = self.database.reading(|mut link| async move {
            let counted = link.all(sql.clone(), Vec::new()).await;
            (link, counted)
        });
        let counted = counting.await?;
        let count = counted.first().and_then(|row| row.first()).and_then(Cell::key);
        let count = count.and_then(|count| count.parse().ok()).unwrap_or(0).min(KEYLESS_ROWS);
        let told = match self.standing.key {
            Cell::Integer(told) => usize::try_from(told).unwrap_or(KEYLESS_ROWS),
            Cell::Null | Cell::Text(_) | Cell::Real(_) | Cell::Octets(_) | Cell::Unreadable => 0,
        };
        let left = count.saturating_sub(told);
        let told_now = left.min(self.page_size.get());
        match i64::try_from(told + told_now) {
            Ok(told) if told_now < left => self.standing.key = Cell::Integer(told),
            Ok(_) | Err(_) => self.standing.stage = Stage::None,
        }
        let message = format!("it has no key: `{}` is null", self.layout.key.name);
        let first = self.standing.count + 1;
        let entries: Vec<Entry> =
            (0..told_now).map(|n| bad(Place(first + n as u64), None, &message)).collect();
        self.standing.count += entries.len() as u64;
        Ok(self.step(entries))
    }

    fn stage_after_keys(&self) -> Stage {
        if self.layout.key.is_nullable { Stage::WithoutKeys } else { Stage::None }
    }

    fn step(&self, entries: Vec<Entry>) -> Step {
        let estimated_total = match self.standing.stage {
            Stage::WithKeys => self.last_count.map(|last| last.max(self.standing.count)),
            Stage::WithoutKeys | Stage::None => Some(self.standing.count),
        };
        Step::Page(Page { entries, cursor: self.standing.cursor(), estimated_total })
    }

    fn cut_short(&mut self, reason: &str) -> Step {
        let reason = format!("`{}` in {}: {reason}", self.layout.shown, self.database.shown());
        let end = SweepEnd::CutShort { reason };
        self.end = Some(end.clone());
        Step::End(end)
    }
}

#[async_trait]
impl Sweep for SqlSweep {
    /// Rows may change while they are read; as long as they are sorted by their keys each that stays is met.
    fn snapshot(&self) -> Option<Snapshot> {
        Some(Snapshot(self.fingerprint.clone()))
    }

    async fn next(&mut self) -> Result<Step, ConnectorError> {
        loop {
            if let Some(end) = &self.end {
                return Ok(Step::End(end.clone()));
            }
            let step = match self.standing.stage {
                Stage::WithKeys => self.page().await?,
                Stage::WithoutKeys => self.without_keys().await?,
                Stage::None => {
                    let change = &self.standing.change;
                    let token = self.layout.change.as_ref().map(|_| token(&self.fingerprint, change));
                    self.end = Some(SweepEnd::Complete { token });
                    continue;
                }
            };
            match &step {
                Step::Page(page) if page.entries.is_empty() => {}
                Step::Page(_) | Step::End(_) => return Ok(step),
            }
        }
    }
}
