//! Sweeps of all things of a class.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::{
    ChangeToken, ConnectorError, Cursor, Page, PageSize, Snapshot, Step, Sweep, SweepEnd, SweepRequest,
};
use muster_http::Caller;
use serde_json::Value as Json;

use crate::changes::{start_token, token_of};
use crate::class::Layout;
use crate::entry::EntryReader;
use crate::list::{List, Piece};
use crate::membership::Held;
use crate::reads::Reader;

/// A read of a list.
pub(crate) struct RestSweep {
    api: Arc<Caller>,
    layout: Layout,
    most: u64,
    list: List,
    page_size: PageSize,
    /// What came and does not fit into a page any more.
    waiting: VecDeque<Json>,
    /// How many entries were given.
    given: u64,
    begun: Option<Begun>,
    /// The first token that the list gave.
    token: Option<String>,
}

/// What was asked before the list.
struct Begun {
    held: Option<Arc<Held>>,
    token: Option<String>,
}

impl RestSweep {
    pub(crate) fn new(api: &Arc<Caller>, layout: Layout, most: u64, request: SweepRequest) -> Self {
        Self {
            api: Arc::clone(api),
            list: List::all(api, &layout.class, most),
            layout,
            most,
            page_size: request.page_size,
            waiting: VecDeque::new(),
            given: 0,
            begun: None,
            token: None,
        }
    }

    async fn begin(&self) -> Result<Begun, ConnectorError> {
        // A token of a later instant would leave out what changes meanwhile.
        let token = start_token(&self.api, &self.layout.class).await?;
        let reader = Reader { api: &self.api, layout: &self.layout, most: self.most };
        Ok(Begun { held: reader.held().await?, token })
    }

    fn page(&mut self, held: Option<&Arc<Held>>) -> Page {
        let count = self.waiting.len().min(self.page_size.get());
        let reader = EntryReader { layout: &self.layout, held, address: self.api.address() };
        let mut entries = Vec::with_capacity(count);
        for item in self.waiting.drain(..count) {
            self.given += 1;
            entries.push(reader.entry(&item, self.given));
        }
        Page { entries, cursor: Cursor(self.given.to_string()), estimated_total: self.list.promised() }
    }

    fn end(&self, ending: Result<(), String>, begun: &Begun) -> SweepEnd {
        match ending {
            Ok(()) => {
                let told = begun.token.clone().or_else(|| self.token.clone());
                let has_changes = self.layout.class.changes.is_some();
                SweepEnd::Complete { token: told.filter(|_| has_changes).as_deref().and_then(token_of) }
            }
            Err(reason) => SweepEnd::CutShort {
                reason: format!(
                    "{}: the list of `{}` is not whole: {reason}; nobody is concluded to be gone",
                    self.api.address(),
                    self.layout.name
                ),
            },
        }
    }
}

/// What `token` makes of a token of the API, if that can be stored.
pub(crate) fn storable(token: &str) -> Option<ChangeToken> {
    let is_sound = !token.contains('\0') && token.len() <= LONGEST_TOKEN;
    is_sound.then(|| ChangeToken(token.to_owned()))
}

/// The longest token, in octets.
const LONGEST_TOKEN: usize = 16 * 1024;

#[async_trait]
impl Sweep for RestSweep {
    fn snapshot(&self) -> Option<Snapshot> {
        None
    }

    async fn next(&mut self) -> Result<Step, ConnectorError> {
        let begun = match self.begun.take() {
            Some(begun) => begun,
            None => self.begin().await?,
        };
        let begun = self.begun.insert(begun);
        let held = begun.held.clone();
        while self.waiting.is_empty() {
            match self.list.next(self.page_size.get()).await? {
                Piece::Page(got) => {
                    let told = self.layout.class.list.token.as_ref();
                    self.token = self.token.take().or_else(|| told?.text(&got.response, &got.body));
                    self.waiting = got.items.into();
                }
                Piece::End(ending) => {
                    let begun = Begun {
                        held: None,
                        token: self.begun.as_ref().and_then(|begun| begun.token.clone()),
                    };
                    return Ok(Step::End(self.end(ending, &begun)));
                }
            }
        }
        Ok(Step::Page(self.page(held.as_ref())))
    }
}
