//! Lists of an API, page by page, with all that is wrong with them noticed.

use std::collections::HashSet;
use std::sync::Arc;

use muster_connector::ConnectorError;
use muster_connector::guard::{Guard, Next};
use muster_egress::Response;
use muster_http::{Answer, Call, Caller, is_sound_key};
use serde_json::Value as Json;

use crate::description::{Class, End, Listing, Style, Told};
use crate::link;
use crate::pointer::Pointer;
use crate::template::{Values, text_of};

/// The longest cursor or link, in octets.
const LONGEST_NEXT: usize = 16 * 1024;

/// A page that came.
pub(crate) struct Got {
    pub(crate) items: Vec<Json>,
    /// What stands around the items.
    pub(crate) body: Json,
    pub(crate) response: Response,
}

/// The next of a list.
pub(crate) enum Piece {
    Page(Got),
    /// The end; with the reason where the list is not whole.
    End(Result<(), String>),
}

/// A list that is being read.
pub(crate) struct List {
    api: Arc<Caller>,
    listing: Listing,
    values: Values,
    /// Where keys stand, if a key that comes twice is wrong.
    key: Option<Pointer>,
    /// Whether it looks for something, and may answer that there is none.
    is_search: bool,
    place: Place,
    /// Every page is asked for with the size of the first.
    size: Option<usize>,
    pages: u64,
    /// Cursors and links that led to a page.
    followed: HashSet<String>,
    guard: Guard,
}

enum Place {
    /// By number or offset, or the first one.
    Counted {
        is_confirming: bool,
    },
    Cursor(String),
    Link(String),
    Ended,
}

impl List {
    /// All things of a class.
    pub(crate) fn all(api: &Arc<Caller>, class: &Class, most: u64) -> Self {
        Self::new(api, class.list.clone(), Values::new(), most).with_keys(class.key.clone())
    }

    pub(crate) fn new(api: &Arc<Caller>, listing: Listing, values: Values, most: u64) -> Self {
        Self {
            api: Arc::clone(api),
            listing,
            values,
            key: None,
            is_search: false,
            place: Place::Counted { is_confirming: false },
            size: None,
            pages: 0,
            followed: HashSet::new(),
            guard: Guard::new(most),
        }
    }

    /// The same where no key may come twice.
    pub(crate) fn with_keys(self, key: Pointer) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The same of a call that looks for something, and may answer with a single thing, or that there is none.
    pub(crate) fn searching(self) -> Self {
        Self { is_search: true, ..self }
    }

    /// How many items there will be, as far as was said.
    pub(crate) fn promised(&self) -> Option<u64> {
        self.guard.promised()
    }

    /// The next page of at most so many items where the API heeds that, or the end. Asked again it answers the same.
    pub(crate) async fn next(&mut self, size: usize) -> Result<Piece, ConnectorError> {
        self.next_or(size, |_| None).await
    }

    /// The same, with another meaning of refusals.
    pub(crate) async fn next_or(
        &mut self,
        size: usize,
        refusal: impl Fn(&Answer) -> Option<ConnectorError>,
    ) -> Result<Piece, ConnectorError> {
        loop {
            if let Place::Ended = self.place {
                return Ok(Piece::End(self.guard.ending()));
            }
            let size = *self.size.get_or_insert(size.clamp(1, self.listing.paging.size));
            let call = self.call(size)?;
            let answer = self.api.call(&call).await?;
            if answer.is_success() {
                return self.take(answer, &call, size).map(Piece::Page);
            }
            let is_behind = matches!(self.place, Place::Counted { is_confirming: true });
            let names_one = self.is_search && self.listing.operation.path.placeholders().next().is_some();
            if is_behind || names_one && self.pages == 0 && answer.is_missing() {
                // It does not list what is behind its end, or whom it does not know: then there is nothing.
                self.place = Place::Ended;
                continue;
            }
            return Err(refusal(&answer).unwrap_or_else(|| self.refused(&answer)));
        }
    }

    fn call(&self, size: usize) -> Result<Call, ConnectorError> {
        let mut values = self.values.clone();
        let mut give = |name: &str, value: Json| values.insert(name.to_owned(), value);
        give("pageSize", size.into());
        match &self.place {
            Place::Link(target) => {
                let call = self.listing.operation.call(&values)?;
                return Ok(Call { target: target.clone(), is_whole: true, ..call });
            }
            Place::Cursor(cursor) => {
                give("cursor", cursor.as_str().into());
            }
            Place::Counted { .. } | Place::Ended => match self.listing.paging.style {
                Style::Page => {
                    give("page", (self.listing.paging.first + self.pages).into());
                }
                Style::Offset => {
                    give("offset", self.guard.delivered().into());
                }
                Style::None | Style::Cursor | Style::Link => {}
            },
        }
        self.listing.operation.call(&values)
    }

    /// Takes a page in, and finds out what comes next.
    fn take(&mut self, answer: Answer, call: &Call, size: usize) -> Result<Got, ConnectorError> {
        let mut body = answer.parsed::<Json>()?;
        let mut items = match self.listing.items.take(&mut body) {
            Some(Json::Array(items)) => items,
            // Calls that look for one may answer with that one.
            Some(one @ Json::Object(_)) if self.is_search => vec![one],
            _ => {
                let items = &self.listing.items;
                return Err(answer.garbage(&format!(
                    "there is no list at `{items}`; if that is always so, correct `items`"
                )));
            }
        };
        self.pages += 1;
        let total = self.total(&answer.response, &body);
        let keys: Vec<Option<String>> = items.iter().map(|item| key_of(item, self.key.as_ref()?)).collect();
        let keys: Vec<Option<&str>> = keys.iter().map(Option::as_deref).collect();
        let next = self.guard.page(total, &keys, size);
        if next == Next::Over {
            self.place = Place::Ended;
            items.clear();
        } else {
            self.place = self.follow(next, items.len() < size, (&answer.response, &body), call);
        }
        Ok(Got { items, body, response: answer.response })
    }

    fn total(&mut self, response: &Response, body: &Json) -> Option<u64> {
        let told = self.listing.paging.total.as_ref()?;
        let total = told.text(response, body).and_then(|text| text.trim().parse().ok());
        if total.is_none() {
            self.guard.doubt("it does not say how many entries it has, though it should".to_owned());
        }
        total
    }

    fn follow(
        &mut self,
        next: Next,
        is_short: bool,
        (response, body): (&Response, &Json),
        call: &Call,
    ) -> Place {
        let paging = &self.listing.paging;
        match paging.style {
            Style::None => return Place::Ended,
            Style::Page | Style::Offset => {
                let is_confirming = matches!(self.place, Place::Counted { is_confirming: true });
                let on = |is_confirming: bool| Place::Counted { is_confirming };
                let more = paging.more.as_ref().and_then(|more| more.get(body)?.as_bool());
                return match (more, next) {
                    (Some(false), _) => Place::Ended,
                    // Nothing to turn to: who counts items would ask for the same page.
                    (Some(true), Next::End) if self.guard.is_doubtful() || paging.style == Style::Offset => {
                        self.guard.doubt("it says that more follow, and gives none".to_owned());
                        Place::Ended
                    }
                    (Some(true), _) => on(false),
                    (None, Next::Page) if is_short && paging.end == End::Short => Place::Ended,
                    (None, Next::Page) => on(is_confirming),
                    (None, Next::Confirm) => on(true),
                    (None, Next::End | Next::Over) => Place::Ended,
                };
            }
            Style::Cursor | Style::Link => {}
        }
        if paging.more.as_ref().and_then(|more| more.get(body)?.as_bool()) == Some(false) {
            return Place::Ended;
        }
        let told = match (&paging.next, paging.style) {
            (None, _) => response
                .headers()
                .filter(|(name, _)| *name == "link")
                .find_map(|(_, value)| link::next(value))
                .map(str::to_owned),
            (Some(Told::Header(name)), Style::Link) if name.eq_ignore_ascii_case("link") => {
                response.header(name).and_then(link::next).map(str::to_owned)
            }
            (Some(told), _) => told.text(response, body),
        };
        let Some(told) = told.filter(|told| told != "false") else { return Place::Ended };
        let is_link = paging.style == Style::Link;
        let scheme = if self.api.address().starts_with("https:") { "https" } else { "http" };
        let told = if is_link { link::resolve(&told, &self.api.target(call), scheme) } else { told };
        if told.len() > LONGEST_NEXT {
            self.guard.doubt("where the next page is, is said too lengthily".to_owned());
            return Place::Ended;
        }
        if !self.followed.insert(told.clone()) {
            let what = if is_link { "a link" } else { "a cursor" };
            self.guard.doubt(format!("{what} came twice, so it would go on for ever"));
            return Place::Ended;
        }
        // A page may be empty here and not be the last.
        match (next == Next::End && self.guard.is_doubtful(), is_link) {
            (true, _) => Place::Ended,
            (false, true) => Place::Link(told),
            (false, false) => Place::Cursor(told),
        }
    }

    fn refused(&self, answer: &Answer) -> ConnectorError {
        match answer.status() {
            404 | 405 if self.pages == 0 => {
                answer.unusable("there is no such list: correct `baseUrl` or the path in the description")
            }
            _ => ConnectorError::Rejected { message: answer.told.clone() },
        }
    }
}

/// The key of an item, if it has a sound one.
pub(crate) fn key_of(item: &Json, key: &Pointer) -> Option<String> {
    let held = key.get(item).filter(|held| !held.is_array() && !held.is_boolean())?;
    let text = text_of(held)?;
    is_sound_key(&text).then_some(text)
}
