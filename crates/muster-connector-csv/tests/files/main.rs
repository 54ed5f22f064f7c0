//! The CSV connector on real files: what is read, what is noticed, what is written.

#![allow(clippy::unwrap_used)]

mod conformance;
mod damage;
mod laws;
mod place;
mod reading;
mod whole;
mod writing;
