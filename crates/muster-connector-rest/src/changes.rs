//! Sweeps of what has changed since a token. What is listed may name a thing several times: the last time counts.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::{
    ChangeToken, ConnectorError, Cursor, Entry, GoneEntry, Page, PageSize, Snapshot, Step, Sweep, SweepEnd,
};
use muster_http::{Answer, Caller, NO_PLACE};
use serde_json::Value as Json;

use crate::class::Layout;
use crate::description::{Changes, Class};
use crate::entry::{EntryReader, field};
use crate::list::{Got, List, Piece, key_of};
use crate::reads::{Reader, values_of};
use crate::sweep::storable;

/// What tokens begin with.
const TOKEN: &str = "rest ";

/// A token of the API as it is kept.
pub(crate) fn token_of(token: &str) -> Option<ChangeToken> {
    storable(&format!("{TOKEN}{token}"))
}

/// A token from before all things are read, where the API gives one on demand.
pub(crate) async fn start_token(api: &Caller, class: &Class) -> Result<Option<String>, ConnectorError> {
    let Some((start, told)) = class.changes.as_ref().and_then(|changes| changes.start.as_ref()) else {
        return Ok(None);
    };
    let answer = api.call(&start.call(&crate::template::Values::new())?).await?;
    if !answer.is_success() {
        return Err(
            answer.unusable("no token for changes is given there: correct `start` in the description")
        );
    }
    let body = answer.parsed::<Json>().unwrap_or_default();
    match told.text(&answer.response, &body) {
        Some(token) => Ok(Some(token)),
        None => Err(answer.garbage("it has no token for changes")),
    }
}

/// What became of a thing.
enum Change {
    Item(Json),
    Named,
    Gone,
}

/// A read of changes.
pub(crate) struct ChangeSweep {
    api: Arc<Caller>,
    layout: Layout,
    most: u64,
    outdated: Vec<u16>,
    page_size: PageSize,
    list: List,
    /// What was told so far.
    told: Gathered,
    /// How that ended, once all of it has been read.
    read: Option<Result<(), String>>,
    waiting: VecDeque<Entry>,
    given: u64,
    token: Option<String>,
}

/// What changes are told of, and by what settings.
pub(crate) struct ChangeRequest {
    pub(crate) since: ChangeToken,
    pub(crate) page_size: PageSize,
    pub(crate) most: u64,
    /// Statuses that say that a token is not known any more.
    pub(crate) outdated: Vec<u16>,
}

impl ChangeSweep {
    pub(crate) fn new(
        api: &Arc<Caller>,
        layout: Layout,
        request: ChangeRequest,
    ) -> Result<Self, ConnectorError> {
        let outdated = |message: &str| ConnectorError::Outdated { message: message.to_owned() };
        let Some(token) = request.since.0.strip_prefix(TOKEN) else {
            return Err(outdated(
                "the token of changes is not one of this kind of connector; everything has to be read",
            ));
        };
        let Some(changes) = &layout.class.changes else {
            return Err(outdated("the description tells no changes of the class; everything has to be read"));
        };
        let list = List::new(api, changes.listing.clone(), values_of("token", token), request.most);
        Ok(Self {
            api: Arc::clone(api),
            most: request.most,
            outdated: request.outdated,
            page_size: request.page_size,
            list,
            told: Gathered::default(),
            read: None,
            waiting: VecDeque::new(),
            given: 0,
            token: None,
            layout,
        })
    }

    /// Reads all changes, and the things that they are about. Taken up again after a fault it goes on where it was.
    async fn read_all(&mut self) -> Result<(), ConnectorError> {
        let class = Arc::clone(&self.layout.class);
        let Some(changes) = &class.changes else { return Ok(()) };
        let ending = loop {
            let outdated = &self.outdated;
            let refusal = |answer: &Answer| {
                let is_outdated = answer.status() == 410 || outdated.contains(&answer.status());
                let message = || format!("{}; everything has to be read", answer.told);
                is_outdated.then(|| ConnectorError::Outdated { message: message() })
            };
            match self.list.next_or(usize::MAX, refusal).await? {
                Piece::Page(got) => {
                    self.token = changes.token.text(&got.response, &got.body).or(self.token.take());
                    if let Err(reason) = self.told.add(changes, got) {
                        break Err(reason);
                    }
                }
                Piece::End(ending) => break ending,
            }
        };
        self.waiting = self.entries().await?;
        self.told = Gathered::default();
        self.read = Some(ending);
        Ok(())
    }

    async fn entries(&self) -> Result<VecDeque<Entry>, ConnectorError> {
        let Gathered { order, last, keyless } = &self.told;
        let reader = Reader { api: &self.api, layout: &self.layout, most: self.most };
        let is_named = |key: &&String| matches!(last.get(*key), Some(Change::Named));
        let named: Vec<String> = order.iter().filter(is_named).cloned().collect();
        let mut entries: VecDeque<Entry> = reader.by_keys(&named).await?.into();
        let has_items = last.values().any(|change| matches!(change, Change::Item(_)));
        let held = if has_items { reader.held().await? } else { None };
        let address = self.api.address();
        let entry_reader = EntryReader { layout: &self.layout, held: held.as_ref(), address };
        for key in order {
            match last.get(key) {
                Some(Change::Item(item)) => entries.push_back(entry_reader.entry(item, 0)),
                Some(Change::Gone) => {
                    entries.push_back(Entry::Gone(GoneEntry { place: NO_PLACE, uid: key.clone() }));
                }
                Some(Change::Named) | None => {}
            }
        }
        entries.extend((1..).zip(keyless).map(|(number, item)| entry_reader.entry(item, number)));
        Ok(entries)
    }
}

/// What changes tell, each thing once.
#[derive(Default)]
struct Gathered {
    /// Keys as they came first.
    order: Vec<String>,
    last: HashMap<String, Change>,
    /// What has no key.
    keyless: Vec<Json>,
}

impl Gathered {
    /// # Errors
    /// When it does not say who is gone as it should.
    fn add(&mut self, changes: &Changes, got: Got) -> Result<(), String> {
        for item in got.items {
            let Some(key) = key_of(&item, &changes.key) else {
                self.keyless.push(item);
                continue;
            };
            let is_gone =
                changes.gone.as_ref().is_some_and(|gone| gone.pointer.get(&item) == Some(&gone.equals));
            let change = match (is_gone, changes.reads_each) {
                (true, _) => Change::Gone,
                (false, true) => Change::Named,
                (false, false) => Change::Item(item),
            };
            self.note(key, change);
        }
        let Some(deleted) = &changes.deleted else { return Ok(()) };
        let keys = field(&got.body, deleted, true)
            .map_err(|problem| format!("the list of what is gone {problem}"))?;
        for key in keys.values() {
            self.note(key.to_text().into_owned(), Change::Gone);
        }
        Ok(())
    }

    fn note(&mut self, key: String, change: Change) {
        if self.last.insert(key.clone(), change).is_none() {
            self.order.push(key);
        }
    }
}

#[async_trait]
impl Sweep for ChangeSweep {
    fn snapshot(&self) -> Option<Snapshot> {
        None
    }

    async fn next(&mut self) -> Result<Step, ConnectorError> {
        if self.read.is_none() {
            self.read_all().await?;
        }
        let count = self.waiting.len().min(self.page_size.get());
        if count > 0 {
            self.given += count as u64;
            let entries = self.waiting.drain(..count).collect();
            return Ok(Step::Page(Page {
                entries,
                cursor: Cursor(self.given.to_string()),
                estimated_total: None,
            }));
        }
        let token = self.token.as_deref().and_then(token_of);
        Ok(Step::End(match (&self.read, token) {
            (Some(Err(reason)), _) => SweepEnd::CutShort {
                reason: format!(
                    "{}: the changes of `{}` are not whole: {reason}",
                    self.api.address(),
                    self.layout.name
                ),
            },
            // Without a token the next one would begin nowhere.
            (Some(Ok(())) | None, token) => SweepEnd::Complete { token },
        }))
    }
}
