//! The CSV connector on real files: what is read, what is noticed, what is written.

#![allow(clippy::unwrap_used)]

mod place;
mod conformance;
mod damage;
mod laws;
mod reading;
mod whole;
mod writing;
