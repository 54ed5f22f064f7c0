//! The engine on real databases: what becomes of objects, shadows, accounts and counters.

mod adopting;
mod by_hand;
mod control;
mod delivery;
mod guards;
mod inbound;
mod insisting;
mod keys;
mod laws;
mod outbound;
mod people;
mod references;
mod shown;
mod sources;
mod unread;
