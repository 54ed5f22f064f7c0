//! Reads of all accounts of a class, and of those that were stamped since an instant, page by page.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use muster_connector::{
    ChangeToken, ConnectorError, Cursor, Entry, Page, PageSize, Reads, Snapshot, Step, Sweep, SweepEnd,
    SweepRequest,
};

use crate::changes::{Method, Since, since, snapshot, stamp_token, with_stamps};
use crate::fault::transient;
use crate::filter::Filter;
use crate::groups::{Groups, Index};
use crate::layout::{Layout, time_text};
use crate::message::Message;
use crate::pages::{Pages, PagesEnd, Piece, Wanted, short};
use crate::syncrepl::SyncSweep;
use crate::system::System;

/// A read of accounts that goes on.
pub(crate) struct LdapSweep {
    system: Arc<System>,
    layout: Arc<Layout>,
    index: Index,
    pages: Pages,
    page_size: PageSize,
    snapshot: Option<Snapshot>,
    /// Entries that were read and not given out.
    waiting: VecDeque<Message>,
    end: Option<PagesEnd>,
    place: Place,
    estimated_total: Option<u64>,
    token: Token,
    /// Of changes those that were told: each is told once.
    told: Option<HashSet<[u8; 16]>>,
}

/// What the next sweep over changes begins with.
enum Token {
    None,
    /// Known before the first entry was read.
    Known(ChangeToken),
    /// The newest stamp that was seen before the first page, or on it.
    Newest {
        newest: Option<DateTime<Utc>>,
        on: FirstPage,
    },
}

enum FirstPage {
    Ahead,
    Read,
}

/// How many entries were given out, and a digest of their names in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    count: u64,
    digest: [u8; 16],
}

impl Place {
    fn after(self, entry: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.digest).update(entry);
        Self { count: self.count + 1, digest: short(&hasher) }
    }

    fn cursor(self) -> Cursor {
        let digest: String = self.digest.iter().map(|octet| format!("{octet:02x}")).collect();
        Cursor(format!("{}:{digest}", self.count))
    }
}

/// Begins a sweep, whatever it reads.
pub(crate) async fn begin(
    system: Arc<System>,
    request: SweepRequest,
) -> Result<Box<dyn Sweep>, ConnectorError> {
    let layout = Arc::new(Layout::new(&request.class, system.settings(), &system.offered.schema));
    let method = system.method(&layout);
    let modified_since = match &request.reads {
        Reads::All => None,
        Reads::Changes { since: token } => match since(&layout, method, token)? {
            Since::Cookie(cookie) => {
                return Ok(Box::new(SyncSweep::begin(system, layout, cookie, request.page_size).await?));
            }
            Since::Instant(instant) => Some(instant),
        },
    };
    Ok(Box::new(LdapSweep::begin(system, layout, request, (method, modified_since)).await?))
}

impl LdapSweep {
    async fn begin(
        system: Arc<System>,
        layout: Arc<Layout>,
        request: SweepRequest,
        (method, modified_since): (Option<Method>, Option<DateTime<Utc>>),
    ) -> Result<Self, ConnectorError> {
        let states = system.state(&layout).await?;
        let token = match (method, modified_since, &states) {
            (Some(Method::SyncRepl), None, Some(states)) => Token::Known(system.sync_token(&layout, states)),
            (Some(Method::Modified), None, _) => {
                Token::Newest { newest: system.newest(&layout).await?, on: FirstPage::Ahead }
            }
            (Some(Method::Modified), newest @ Some(_), _) => Token::Newest { newest, on: FirstPage::Ahead },
            (Some(Method::SyncRepl), ..) | (None, ..) => Token::None,
        };
        let index = match Groups::of(&system, &layout) {
            Some(groups) => groups.index().await?,
            None => Index::default(),
        };
        let stamped =
            modified_since.map(|since| Filter::at_least(crate::changes::MODIFIED, &time_text(since)));
        let attributes = match token {
            Token::Newest { .. } => with_stamps(layout.attributes.clone()),
            Token::None | Token::Known(_) => layout.attributes.clone(),
        };
        let wanted = Wanted {
            base: layout.base.clone(),
            scope: layout.scope(),
            filter: Filter::all(std::iter::once(layout.filter.clone()).chain(stamped).collect()),
            attributes,
        };
        let pages = Pages::begin(Arc::clone(&system), wanted).await?;
        let mut sweep = Self {
            system,
            layout,
            index,
            pages,
            page_size: request.page_size,
            // What has changed since is asked for anew: it is little.
            snapshot: if modified_since.is_none() { snapshot(states.as_ref()) } else { None },
            waiting: VecDeque::new(),
            end: None,
            place: Place::default(),
            estimated_total: request.last_count.filter(|_| modified_since.is_none()),
            token,
            told: modified_since.is_some().then(HashSet::new),
        };
        if let Some(cursor) = &request.resume {
            sweep.take_up(cursor).await?;
        }
        Ok(sweep)
    }

    /// Reads over what was given out before. The state of the server is the same, so it gives its entries in the same
    /// order; that it did is checked.
    async fn take_up(&mut self, cursor: &Cursor) -> Result<(), ConnectorError> {
        let count = cursor.0.split_once(':').and_then(|(count, _)| count.parse::<u64>().ok());
        let address = self.system.address();
        let elsewhere =
            || transient(format!("{address} does not give its entries as it did: read them from the start"));
        let count = count.ok_or_else(elsewhere)?;
        while self.place.count < count {
            if self.waiting.is_empty() && self.end.is_some() {
                return Err(elsewhere());
            }
            self.fetch(self.system.settings().page_size).await?;
            while self.place.count < count {
                let Some(message) = self.waiting.pop_front() else { break };
                self.place = self.place.after(message.body());
            }
        }
        if self.place.cursor() == *cursor { Ok(()) } else { Err(elsewhere()) }
    }

    async fn fetch(&mut self, size: usize) -> Result<(), ConnectorError> {
        let Piece { entries, end } = self.pages.next(size).await?;
        if let Token::Newest { newest, on: on @ FirstPage::Ahead } = &mut self.token {
            // All that changes after this page was read is stamped later than anything on it.
            let seen = entries.iter().filter_map(|entry| self.system.stamp(entry)).max();
            *newest = (*newest).max(seen);
            *on = FirstPage::Read;
        }
        self.waiting.extend(entries);
        self.end = end;
        Ok(())
    }

    fn read(&mut self, message: &Message) -> Option<Entry> {
        let entry = match self.system.account(message) {
            Ok(entry) => entry,
            Err(error) => {
                let message = format!("{} gave an entry that cannot be read: {error}", self.system.address());
                return Some(Entry::Bad(muster_connector::BadEntry {
                    place: crate::layout::NO_PLACE,
                    uid: None,
                    message,
                }));
            }
        };
        if let Some(told) = &mut self.told {
            let mut hasher = blake3::Hasher::new();
            hasher.update(crate::dn::normal(&entry.dn_text()).as_bytes());
            if !told.insert(short(&hasher)) {
                return None;
            }
        }
        let member = self.layout.member_value(&entry).filter(|_| self.layout.class.membership.is_some());
        let entitlements = member.map(|member| self.index.of(&member, self.layout.member_by));
        Some(self.layout.read(&entry, entitlements.unwrap_or_default()))
    }

    fn ended(&self, end: &PagesEnd) -> SweepEnd {
        match end {
            PagesEnd::Short(reason) => SweepEnd::CutShort { reason: reason.clone() },
            PagesEnd::Whole => SweepEnd::Complete {
                token: match &self.token {
                    Token::None => None,
                    Token::Known(token) => Some(token.clone()),
                    Token::Newest { newest, .. } => Some(stamp_token(&self.layout, *newest)),
                },
            },
        }
    }
}

#[async_trait]
impl Sweep for LdapSweep {
    fn snapshot(&self) -> Option<Snapshot> {
        self.snapshot.clone()
    }

    async fn next(&mut self) -> Result<Step, ConnectorError> {
        let size = self.page_size.get().min(self.system.settings().page_size);
        while self.waiting.is_empty() {
            match &self.end {
                Some(end) => return Ok(Step::End(self.ended(end))),
                None => self.fetch(size).await?,
            }
        }
        let mut entries = Vec::with_capacity(size.min(self.waiting.len()));
        while entries.len() < size {
            let Some(message) = self.waiting.pop_front() else { break };
            self.place = self.place.after(message.body());
            entries.extend(self.read(&message));
        }
        Ok(Step::Page(Page { entries, cursor: self.place.cursor(), estimated_total: self.estimated_total }))
    }
}
