//! A JSON API as a source and as a target of accounts, described as data.
//!
//! A description says for each class which calls list, read, find, create, change and delete its accounts, and where in
//! their answers items, keys, attributes and errors stand. It holds no script: pointers (RFC 6901) into answers, and
//! templates with placeholders for what is sent. The properties are in [`PROPERTIES`].
//!
//! # Reading
//! A sweep reads a list page by page: by number, by offset, by cursor or by link. It ends cut short when fewer or more came
//! than were promised, a page, an entry, a cursor or a link came twice, or there is no end. An item that cannot be read is
//! one bad entry. Where the API tells changes since a token, they are read by it.
//!
//! # Writing
//! Each operation is one call, with exactly what changes; a list of values is read before it is changed. A create whose
//! answer was lost is never sent again unlooked.
//!
//! # Never
//! Follows no redirect and no link to another origin, infers nobody's absence from what was not read to its end, runs
//! nothing that a description says, and shows no secret.

mod api;
mod changes;
mod class;
mod description;
mod entry;
mod kind;
mod link;
mod list;
mod membership;
mod pointer;
mod properties;
mod reads;
mod settings;
mod sweep;
mod template;
mod writer;

pub use kind::RestKind;
pub use properties::PROPERTIES;
