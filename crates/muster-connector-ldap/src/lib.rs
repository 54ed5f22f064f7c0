//! LDAP servers as applications: OpenLDAP, 389 Directory Server and others that keep to the standards.
//!
//! The class's remote name is an object class, `inetOrgPerson`; the properties are in [`PROPERTIES`]. One entry is one
//! account. Its key is best one that the server gives (`entryUUID`, `nsUniqueId`, `objectGUID`): then it stays with the
//! account through every rename. The pseudo attribute `dn` is the name of the entry; written it renames and moves it.
//!
//! # Reading
//! A sweep has a connection of its own and reads by paged results (RFC 2696). It ends cut short where the server stops at
//! a limit or says that further entries are held elsewhere; referrals are never followed. Where the server says its state
//! (`contextCSN`), a sweep is taken up by reading over the entries that were given out, whose order is checked. Values are
//! texts in the form of `Value::to_text`, by the syntax of the schema: octets as base64, instants as RFC 3339.
//! Memberships that groups hold are read before the accounts, 20 octets for each.
//!
//! # Writing
//! Operations go out side by side over one connection. Nothing is written to an entry whose key was not proven: the server
//! checks it together with the write (RFC 4528), or the entry was found by its key just before. An update sends what
//! changes and nothing else; the changes of a group from one `write` are one modification. A lost answer is told as lost.
//!
//! # Changes
//! By content synchronization (RFC 4533) where the server has it and the key is `entryUUID`, deletions included; by
//! `modifyTimestamp` otherwise, without deletions. Classes with memberships that groups hold are always read whole: an
//! account does not change when a group does.
//!
//! # Never
//! Turns off the check of a certificate, follows a referral, or believes a server: the protocol is read by this crate's
//! own reader, with limits for messages, values and pages. The usual library ends the process's task on messages that are
//! not what it expects, and has no limit of their length; it is the floor of the rates, in an example, and nothing else.
//!
//! # What falls short
//! - SASL: without client certificates `EXTERNAL` is of no use, and other mechanisms are not there. Simple bind only.
//! - What only Active Directory has (DirSync, ranged retrieval, bits of `userAccountControl`).
//! - An empty text is no value in LDAP: written it is none, and read it is absent.
//! - Without RFC 4528 (389 Directory Server) an entry that takes another's name within the moment between search and write
//!   is written in its place.

mod ber;
mod changes;
mod connector;
mod create;
mod discover;
mod dn;
mod fault;
mod filter;
mod former;
mod groups;
mod layout;
mod link;
mod locate;
mod members;
mod message;
mod opening;
mod pages;
mod properties;
mod schema;
mod settings;
mod sweep;
mod syncrepl;
mod system;
mod test;
mod update;
mod writer;

pub use connector::LdapKind;
pub use properties::PROPERTIES;
