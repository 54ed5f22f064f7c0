//! The decisions, as tables: values in, values out.

mod anonymous;
mod cleanup;
mod granted;
mod groups;
mod inbound;
mod mapping;
mod outbound;
mod rules;
mod schedules;
mod taken;
