//! What an API looks like, as values. How it is written is in `parse`; what is done with it is elsewhere.

mod changes;
mod node;
mod operation;
mod paging;
mod parse;

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_connector::ChangeFeed;
use muster_egress::Response;
use serde_json::Value as Json;

use crate::pointer::Pointer;
use crate::template::text_of;
pub(crate) use changes::{Changes, Gone};
pub(crate) use operation::Operation;
pub(crate) use paging::{End, Listing, Paging, Style};

/// What an API looks like.
#[derive(Debug, Clone, Default)]
pub(crate) struct Description {
    pub(crate) classes: BTreeMap<String, Arc<Class>>,
    /// Headers that every request has.
    pub(crate) headers: Vec<(String, String)>,
    /// A call that shows whether we are let in.
    pub(crate) check: Option<Operation>,
    pub(crate) refusals: Refusals,
}

/// What refusals look like.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusals {
    /// Where the answer says why.
    pub(crate) message: Option<Pointer>,
    /// Those of creates and renamings for what exists already, besides 409.
    pub(crate) conflicts: Vec<Refusal>,
    /// Statuses that say that a token is not known any more, besides 410.
    pub(crate) outdated: Vec<u16>,
}

/// A refusal that means something.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// What stands where in its body, if the status alone does not tell.
    pub(crate) body: Option<(Pointer, Json)>,
}

impl Refusals {
    /// Whether an answer says that something exists already.
    pub(crate) fn is_conflict(&self, status: u16, body: &Json) -> bool {
        let is_it = |known: &Refusal| {
            let holds = |(pointer, value): &(Pointer, Json)| pointer.get(body) == Some(value);
            known.status == status && known.body.as_ref().is_none_or(holds)
        };
        status == 409 || self.conflicts.iter().any(is_it)
    }
}

/// A class of things that the API has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Class {
    /// Where the one thing stands in answers about one.
    pub(crate) item: Pointer,
    /// Where its key stands in a thing.
    pub(crate) key: Pointer,
    pub(crate) gives_keys: bool,
    /// Whether somebody has to look before a thing is made, since the API would make it twice.
    pub(crate) looks_first: bool,
    pub(crate) enabled: Option<Enabled>,
    pub(crate) attributes: BTreeMap<String, Source>,
    pub(crate) list: Listing,
    pub(crate) read: Option<Operation>,
    pub(crate) find: Option<Listing>,
    pub(crate) create: Option<Operation>,
    pub(crate) update: Option<Operation>,
    pub(crate) delete: Option<Operation>,
    pub(crate) enable: Option<Operation>,
    pub(crate) disable: Option<Operation>,
    pub(crate) add_member: Option<Operation>,
    pub(crate) remove_member: Option<Operation>,
    pub(crate) changes: Option<Changes>,
}

impl Class {
    pub(crate) fn is_writable(&self) -> bool {
        self.create.is_some() || self.update.is_some() || self.delete.is_some()
    }

    /// Whether things can be enabled and disabled.
    pub(crate) fn is_switchable(&self) -> bool {
        self.enabled.is_some() && (self.update.is_some() || self.enable.is_some())
    }

    pub(crate) fn feed(&self) -> ChangeFeed {
        match &self.changes {
            None => ChangeFeed::None,
            Some(changes) if changes.gone.is_some() || changes.deleted.is_some() => ChangeFeed::WithDeletes,
            Some(_) => ChangeFeed::WithoutDeletes,
        }
    }
}

/// Where a thing says whether it is enabled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Enabled {
    pub(crate) pointer: Pointer,
    /// What says so; the first is written.
    pub(crate) enabled: Vec<Json>,
    /// What says that it is not; the first is written.
    pub(crate) disabled: Vec<Json>,
}

impl Enabled {
    /// What is written.
    pub(crate) fn value(&self, is_enabled: bool) -> Json {
        let values = if is_enabled { &self.enabled } else { &self.disabled };
        values.first().cloned().unwrap_or(Json::Bool(is_enabled))
    }
}

/// Where an attribute stands in a thing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Source {
    pub(crate) pointer: Pointer,
    /// Where the value stands in each element, if there is a list of them.
    pub(crate) each: Option<Pointer>,
    pub(crate) is_writable: bool,
}

/// Something that an answer tells besides its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Pointer(Pointer),
    Header(String),
}

impl Told {
    /// As a text that is not empty.
    pub(crate) fn text(&self, response: &Response, body: &Json) -> Option<String> {
        let text = match self {
            Self::Pointer(pointer) => pointer.get(body).filter(|held| !held.is_array()).and_then(text_of),
            Self::Header(name) => response.header(name).map(str::to_owned),
        };
        text.filter(|text| !text.is_empty())
    }
}
