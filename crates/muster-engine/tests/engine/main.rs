//! The engine on real databases: what becomes of objects, shadows, accounts and counters.

mod adopting;
mod audit;
mod audit_tampered;
mod by_hand;
mod contention;
mod control;
mod delivery;
mod frozen;
mod gone;
mod granted;
mod guards;
mod inbound;
mod insisting;
mod keys;
mod launching;
mod laws;
mod outbound;
mod overtaken;
mod people;
mod references;
mod schedules;
mod secrets;
mod shown;
mod sources;
mod unread;
mod waiting;
