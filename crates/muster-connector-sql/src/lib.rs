//! Databases as sources and as targets of accounts: PostgreSQL and SQLite.
//!
//! The class's remote name is a table, a view, or a query that a property `query.<name>` gives; one row is one account,
//! one column one attribute. Attributes with several values stand in tables of their own, and so do memberships. The
//! properties are in [`PROPERTIES`].
//!
//! # Reading
//! A sweep goes through the rows in the order of their keys, each page after the last key of the one before, so that it
//! can be taken up anywhere and never meets a row twice. A page is one statement, and one more for each attribute with
//! several values, however many rows it has. A row whose value cannot be decoded, or is too large, is one bad entry; so is
//! a row without a key, and a key that stands there twice.
//!
//! # Writing
//! Operations of one call are one transaction, and one statement for all that look alike. Where one of them is refused
//! the others go through: the call is halved until the refused one stands alone. Views and queries are never written, nor
//! tables whose key (or name, where the database gives keys) no unique constraint covers: a create whose answer was lost
//! would be made twice.
//!
//! # What it never does
//! It never puts a text of somebody else into a statement: values are bound, names of schemas, tables and columns are
//! those that the catalogue of the database has, found by exact comparison, and quoted. The exception are the queries
//! that the configurator wrote; they are read only. It opens no connection but through the host's egress and no file but
//! in the tenant's directory, and never concludes from an error that somebody is gone.

mod caps;
mod catalogue;
mod connector;
mod database;
mod dialect;
mod fault;
mod kind;
mod layout;
mod link;
mod postgres;
mod properties;
mod reading;
mod relay;
mod settings;
mod sqlite;
mod statements;
mod sweep;
mod token;
mod value;
mod writer;

pub use kind::SqlKind;
pub use properties::PROPERTIES;
