//! The LDAP connector against a real `slapd`, and against servers that lie.
#![allow(clippy::unwrap_used)]

mod certificates;
mod changes;
mod conformance;
mod fake;
mod groups;
mod hostile;
mod limits;
mod second;
mod support;
mod tested;
mod writes;
