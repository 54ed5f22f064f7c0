//! Sweeps: all accounts, or those that were changed since a time of the service.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use muster_connector::{
    ChangeToken, ConnectorError, Cursor, Page, PageSize, Reads, Snapshot, Step, Sweep, SweepEnd, SweepRequest,
};

use crate::class::Layout;
use crate::entry::EntryReader;
use crate::list::{Got, Item, List};
use crate::membership::Held;
use crate::provider::Provider;
use crate::reads::Reader;
use crate::settings::Changes;

/// Changes are asked for from so long before the last sweep began, in seconds: clocks of a service may differ, and what it
/// was about to write then may show only later.
const OVERLAP: i64 = 60;
/// What tokens begin with.
const TOKEN: &str = "lastModified ";

/// A read of a list.
pub(crate) struct ScimSweep {
    service: Arc<Provider>,
    layout: Arc<Layout>,
    list: List,
    page_size: PageSize,
    /// What came and does not fit into a page any more.
    waiting: VecDeque<Item>,
    /// How many entries were given.
    given: u64,
    held: Option<Held>,
    is_begun: bool,
    since: Option<DateTime<Utc>>,
}

impl ScimSweep {
    pub(crate) fn new(
        service: Arc<Provider>,
        layout: Layout,
        request: SweepRequest,
    ) -> Result<Self, ConnectorError> {
        let since = match &request.reads {
            Reads::All => None,
            Reads::Changes { since } => Some(instant(since)?),
        };
        let filter = since.map(|since| {
            let text = since.to_rfc3339_opts(SecondsFormat::Secs, true);
            format!("meta.lastModified ge \"{text}\"")
        });
        let wanted = Reader { service: &service, layout: &layout }.wanted(filter);
        Ok(Self {
            list: List::new(Arc::clone(&service), wanted),
            service,
            layout: Arc::new(layout),
            page_size: request.page_size,
            waiting: VecDeque::new(),
            given: 0,
            held: None,
            is_begun: false,
            since,
        })
    }

    fn page(&mut self) -> Page {
        let count = self.waiting.len().min(self.page_size.get());
        let reader = EntryReader {
            layout: &self.layout,
            held: self.held.as_ref(),
            address: self.service.api.address(),
        };
        let mut entries = Vec::with_capacity(count);
        for item in self.waiting.drain(..count) {
            self.given += 1;
            entries.push(reader.entry(&item, self.given));
        }
        Page { entries, cursor: Cursor(self.given.to_string()), estimated_total: self.list.promised() }
    }

    /// With this the next sweep asks for what was changed since this one began.
    fn token(&self) -> Option<ChangeToken> {
        if self.service.settings.changes == Changes::None || !self.service.has_filter() {
            return None;
        }
        let begun = self.list.begun()? - Duration::seconds(OVERLAP);
        let from = self.since.map_or(begun, |since| since.max(begun));
        Some(ChangeToken(format!("{TOKEN}{}", from.to_rfc3339_opts(SecondsFormat::Secs, true))))
    }
}

/// The instant of a token.
fn instant(token: &ChangeToken) -> Result<DateTime<Utc>, ConnectorError> {
    let read = token.0.strip_prefix(TOKEN).and_then(muster_model::attribute::parse_date_time);
    read.ok_or_else(|| ConnectorError::Outdated {
        message: "the token of changes is not one of this kind of connector; everything has to be read"
            .to_owned(),
    })
}

#[async_trait]
impl Sweep for ScimSweep {
    fn snapshot(&self) -> Option<Snapshot> {
        None
    }

    async fn next(&mut self) -> Result<Step, ConnectorError> {
        if !self.is_begun {
            let reader = Reader { service: &self.service, layout: &self.layout };
            self.held = reader.held().await?;
            self.is_begun = true;
        }
        if self.waiting.is_empty() {
            match self.list.next(self.page_size.get()).await? {
                Got::Items(items) => self.waiting = items.into(),
                Got::End(Ok(())) => return Ok(Step::End(SweepEnd::Complete { token: self.token() })),
                Got::End(Err(reason)) => {
                    let place = format!("{}{}", self.service.api.address(), self.layout.endpoint);
                    let reason =
                        format!("{place}: the list is not whole: {reason}; nobody is concluded to be gone");
                    return Ok(Step::End(SweepEnd::CutShort { reason }));
                }
            }
        }
        Ok(Step::Page(self.page()))
    }
}
