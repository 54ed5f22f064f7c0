//! The User Sync API: a second door to synchronization tasks and their runs, in the words of its clients.

pub(crate) mod connectors;
pub(crate) mod directories;
pub(crate) mod results;
pub(crate) mod syncs;
