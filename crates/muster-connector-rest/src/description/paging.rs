//! How a list of an API comes in pages.

use super::{Operation, Told};
use crate::pointer::Pointer;

/// How many items are asked for at once where nothing is said.
pub(crate) const USUAL_SIZE: usize = 100;

/// A call that lists things.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub(crate) operation: Operation,
    /// Where the list of items stands in the answer.
    pub(crate) items: Pointer,
    pub(crate) paging: Paging,
    /// Where the answer gives a token for changes.
    pub(crate) token: Option<Told>,
}

/// How a list comes in pages.
#[derive(Debug, Clone)]
pub(crate) struct Paging {
    pub(crate) style: Style,
    /// The number of the first page.
    pub(crate) first: u64,
    /// The most items that are asked for at once.
    pub(crate) size: usize,
    /// Where the answer says how many items there are.
    pub(crate) total: Option<Told>,
    /// Where the answer says whether more follow.
    pub(crate) more: Option<Pointer>,
    /// Where the cursor or link of the next page stands; the header `Link` where nothing is said of links.
    pub(crate) next: Option<Told>,
    pub(crate) end: End,
}

impl Default for Paging {
    fn default() -> Self {
        Self {
            style: Style::None,
            first: 1,
            size: USUAL_SIZE,
            total: None,
            more: None,
            next: None,
            end: End::Empty,
        }
    }
}

/// What tells one page from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// There is one.
    None,
    /// Its number.
    Page,
    /// How many items come before it.
    Offset,
    /// A text that the page before gave.
    Cursor,
    /// An address that the page before gave.
    Link,
}

/// What shows that a list is over, where the answer does not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// A page without items.
    Empty,
    /// A page with fewer items than were asked for.
    Short,
}
