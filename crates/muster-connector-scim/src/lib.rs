//! Services of SCIM 2.0 (RFC 7643, RFC 7644) as a source and as a target of accounts.
//!
//! The class's remote name is a resource type (`User`, `Group`), its attributes are paths (`name.familyName`,
//! `emails[type eq "work"].value`), its key is `id`, which the service gives. The properties are in [`PROPERTIES`].
//!
//! # Reading
//! A sweep reads a list page by page, by index or by cursor (RFC 9865). It ends cut short when fewer or more came than were
//! promised, the promise changed, a page or an entry came twice, or there is no end. A resource that cannot be read is one
//! bad entry. Memberships are read from the groups, all of them, or they are not told at all.
//!
//! # Writing
//! Creating an account is one call, changing it one PATCH with exactly what changes; without PATCH it is read and
//! replaced under its version. Members of groups are gathered by group and sent in chunks. Where the service takes bulk
//! requests, several accounts are written by one call. A create whose answer was lost is never sent again unlooked. An account
//! that was made without all of its memberships is a conflict, so that it is found and not lost.
//!
//! # Never
//! Follows no redirect, calls nobody but the service and the one that gives its tokens, infers nobody's absence from what
//! was not read to its end, and shows no secret.

mod api;
mod class;
mod dialect;
mod entry;
mod kind;
mod list;
mod membership;
mod path;
mod properties;
mod provider;
mod reads;
mod schema;
mod settings;
mod sweep;
mod writer;

pub use kind::ScimKind;
pub use properties::PROPERTIES;
