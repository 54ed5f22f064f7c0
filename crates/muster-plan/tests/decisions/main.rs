//! The decisions, as tables: values in, values out.

mod granted;
mod inbound;
mod mapping;
mod outbound;
mod rules;
mod schedules;
mod taken;
