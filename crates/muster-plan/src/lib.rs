//! The functional core: what is to be done about an account, an owner, a plan, a run.
//!
//! Invariant: no input or output, no clock, no chance. The same input gives the same output.

pub mod audit;
pub mod by_hand;
pub mod change;
pub mod cleanup;
pub mod convert;
pub mod decision;
pub mod digest;
pub mod dispute;
pub mod enabling;
pub mod errand;
pub mod expression;
pub mod failure;
mod groups;
pub mod guard;
pub mod inbound;
pub mod key;
pub mod lifecycle;
pub mod lookup;
pub mod mapping;
pub mod order;
pub mod outbound;
pub mod pace;
pub mod parking;
pub mod quarantine;
pub mod rules;
pub mod schedule;
pub mod situation;
pub mod transform;
pub mod undo;
pub mod widening;
