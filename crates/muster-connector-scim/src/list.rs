//! Lists of resources, page by page, by index or by cursor, with all that is wrong with them noticed.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use muster_connector::ConnectorError;
use muster_connector::guard::{Guard, Next};
use muster_connector::text::shown;
use muster_http::{Answer, LONGEST_KEY, encoded, is_sound_key};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use crate::api;
use crate::provider::Provider;

/// The most resources of a page, whatever was asked for.
const MOST_ITEMS: usize = 100_000;

/// A resource as it came, or why it is none.
pub(crate) type Item = Result<Map<String, Json>, String>;

/// What to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Where the resources are, as `/Users`.
    pub(crate) endpoint: String,
    pub(crate) filter: Option<String>,
    /// The attributes that are read.
    pub(crate) attributes: String,
}

/// The next of a list.
pub(crate) enum Got {
    Items(Vec<Item>),
    /// The end; with the reason where the list is not whole.
    End(Result<(), String>),
}

/// A list that is being read.
pub(crate) struct List {
    service: Arc<Provider>,
    wanted: Wanted,
    place: Place,
    is_sorted: bool,
    /// With cursors every page is asked for with the size of the first.
    size: Option<usize>,
    guard: Guard,
    /// When the service began to answer, by its own clock.
    begun: Option<DateTime<Utc>>,
}

enum Place {
    Index {
        is_confirming: bool,
    },
    /// The cursor of the next page, empty for the first.
    Cursor(String),
    Ended,
}

#[derive(Deserialize)]
struct ListResponse<'a> {
    #[serde(rename = "totalResults")]
    total: Option<Json>,
    #[serde(rename = "Resources", alias = "resources", borrow)]
    resources: Option<Vec<&'a RawValue>>,
    #[serde(rename = "nextCursor")]
    next_cursor: Option<String>,
}

impl List {
    pub(crate) fn new(service: Arc<Provider>, wanted: Wanted) -> Self {
        let place = match service.has_cursors() {
            true => Place::Cursor(String::new()),
            false => Place::Index { is_confirming: false },
        };
        let guard = Guard::new(service.settings.most_entries);
        // In one order a list that changes while it is read lets fewer entries slip.
        let is_sorted = service.config.sort.supported && !service.has_cursors() && wanted.filter.is_none();
        Self { service, wanted, place, is_sorted, size: None, guard, begun: None }
    }

    /// How many entries there will be, as far as was said.
    pub(crate) fn promised(&self) -> Option<u64> {
        self.guard.promised()
    }

    /// When the service gave the first page, by its own clock.
    pub(crate) fn begun(&self) -> Option<DateTime<Utc>> {
        self.begun
    }

    /// The next page of at most so many resources where the service heeds that, or the end. Asked again it answers the same.
    pub(crate) async fn next(&mut self, size: usize) -> Result<Got, ConnectorError> {
        loop {
            let size = size.clamp(1, self.service.settings.page_size);
            let size = match &self.place {
                Place::Ended => return Ok(Got::End(self.guard.ending())),
                Place::Index { .. } => size,
                Place::Cursor(_) => *self.size.get_or_insert(size),
            };
            let answer = self.service.api.call(&api::get(self.path(size))).await?;
            if !answer.is_success() {
                if let Place::Index { is_confirming: true } = self.place {
                    // It does not list what is behind its end: then there is nothing.
                    self.place = Place::Ended;
                    continue;
                }
                if self.is_sorted && answer.status() == 400 && self.guard.delivered() == 0 {
                    // It sorts, and not by this.
                    self.is_sorted = false;
                    continue;
                }
                return Err(self.refused(&answer));
            }
            self.begun = self.begun.or(answer.response.date());
            let items = self.take(&answer, size)?;
            if !items.is_empty() {
                return Ok(Got::Items(items));
            }
        }
    }

    /// Takes a page in, and finds out what comes next.
    fn take(&mut self, answer: &Answer, size: usize) -> Result<Vec<Item>, ConnectorError> {
        let page: ListResponse<'_> = answer.parsed()?;
        let total = page.total.as_ref().and_then(number);
        if page.resources.is_none() && total.is_none() {
            return Err(answer.garbage("it has neither `totalResults` nor `Resources`"));
        }
        if page.resources.as_ref().is_some_and(|resources| resources.len() > MOST_ITEMS) {
            return Err(answer.garbage(&format!("one page holds more than {MOST_ITEMS} resources")));
        }
        let items: Vec<Item> = page.resources.unwrap_or_default().into_iter().map(item).collect();
        let keys: Vec<Option<&str>> = items.iter().map(|item| item.as_ref().ok().and_then(id_of)).collect();
        let next = self.guard.page(total, &keys, size);
        if next == Next::Over {
            self.place = Place::Ended;
            return Ok(Vec::new());
        }
        self.place = match &self.place {
            Place::Index { is_confirming: false } if total.is_none() => {
                self.guard.doubt("it does not say how many entries it has".to_owned());
                if next == Next::Page { Place::Index { is_confirming: false } } else { Place::Ended }
            }
            Place::Index { is_confirming } => match next {
                Next::Page => Place::Index { is_confirming: *is_confirming },
                Next::Confirm => Place::Index { is_confirming: true },
                Next::End | Next::Over => Place::Ended,
            },
            Place::Cursor(last) => match page.next_cursor.filter(|cursor| !cursor.is_empty()) {
                None => Place::Ended,
                Some(cursor) if cursor == *last => {
                    self.guard.doubt("a cursor led to itself".to_owned());
                    Place::Ended
                }
                // A page may be empty here and not be the last.
                Some(_) if next == Next::End && self.guard.is_doubtful() => Place::Ended,
                Some(cursor) => Place::Cursor(cursor),
            },
            Place::Ended => Place::Ended,
        };
        Ok(items)
    }

    fn path(&self, size: usize) -> String {
        let Wanted { endpoint, filter, attributes } = &self.wanted;
        let mut query = match &self.place {
            Place::Cursor(cursor) if cursor.is_empty() => format!("cursor=&count={size}"),
            Place::Cursor(cursor) => format!("cursor={}&count={size}", encoded(cursor)),
            Place::Index { .. } | Place::Ended => {
                format!("startIndex={}&count={size}", self.guard.delivered() + 1)
            }
        };
        if let Some(filter) = filter {
            query.push_str(&format!("&filter={}", encoded(filter)));
        }
        if self.service.settings.habits.asks_for_attributes && !attributes.is_empty() {
            query.push_str(&format!("&attributes={}", encoded(attributes)));
        }
        if self.is_sorted {
            query.push_str("&sortBy=id");
        }
        format!("{endpoint}?{query}")
    }

    fn refused(&self, answer: &Answer) -> ConnectorError {
        match (answer.status(), answer.code.as_deref()) {
            (400, Some("invalidCursor" | "expiredCursor")) => {
                let message = format!("{}; the list has to be read from its beginning", answer.told);
                ConnectorError::Transient { message, retry_after: None }
            }
            (404, _) => answer.unusable("there is no such list: correct `baseUrl` or the name of the class"),
            _ => ConnectorError::Rejected { message: answer.told.clone() },
        }
    }
}

/// Some services write numbers as texts.
fn number(json: &Json) -> Option<u64> {
    json.as_u64().or_else(|| json.as_str()?.parse().ok())
}

fn item(raw: &RawValue) -> Item {
    match serde_json::from_str(raw.get()) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err("it is no object".to_owned()),
        Err(error) => Err(shown(&error.to_string())),
    }
}

/// The key of a resource, if it has a sound one.
pub(crate) fn id_of(resource: &Map<String, Json>) -> Option<&str> {
    let id = resource.get("id")?.as_str()?;
    is_sound_key(id).then_some(id)
}

/// The key at the end of where a resource is.
pub(crate) fn id_at(location: &str) -> Option<String> {
    let last = location.split(['?', '#']).next()?.trim_end_matches('/').rsplit('/').next()?;
    let is_plain = !last.is_empty() && last.len() <= LONGEST_KEY && !last.contains(['%', ':']);
    is_plain.then(|| last.to_owned())
}
