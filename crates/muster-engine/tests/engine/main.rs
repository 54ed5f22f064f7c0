//! The engine on real databases: what becomes of objects, shadows, accounts and counters.

mod control;
mod guards;
mod inbound;
mod keys;
mod laws;
mod outbound;
mod people;
mod shown;
mod sources;
mod unread;
