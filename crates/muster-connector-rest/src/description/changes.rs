//! How an API tells what has changed since a token.

use serde_json::Value as Json;

use super::{Listing, Operation, Source, Told};
use crate::pointer::Pointer;

/// How changes are told.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    pub(crate) listing: Listing,
    /// Where the key stands in what is listed.
    pub(crate) key: Pointer,
    /// Where the next token stands.
    pub(crate) token: Told,
    /// A call that gives a token before all things are read.
    pub(crate) start: Option<(Operation, Told)>,
    /// What says that a thing is gone.
    pub(crate) gone: Option<Gone>,
    /// Where the keys of things stand that are gone, besides the list.
    pub(crate) deleted: Option<Source>,
    /// Whether what is listed only names things, each of which has to be read.
    pub(crate) reads_each: bool,
}

/// What says that a thing is gone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gone {
    pub(crate) pointer: Pointer,
    pub(crate) equals: Json,
}
