//! How much of a database is taken in at once, whatever it sends.

/// A page is ended early when its rows measure this much, in octets.
pub(crate) const PAGE_OCTETS: usize = 16 * 1024 * 1024;

/// The most octets of the values that stand beside the rows of one page, in another table.
pub(crate) const BESIDE_OCTETS: usize = 64 * 1024 * 1024;

/// The most rows of the catalogue that are read: columns of all tables together.
pub(crate) const CATALOGUE_ROWS: usize = 100_000;

/// The most octets of a single message of a PostgreSQL server. A row is one message.
pub(crate) const MESSAGE_OCTETS: u32 = 64 * 1024 * 1024;

/// The most octets that a PostgreSQL server may send before it is asked something again.
pub(crate) const ANSWER_OCTETS: u64 = 1024 * 1024 * 1024;

/// The most rows without a key that are told of one table.
pub(crate) const KEYLESS_ROWS: usize = 1_000;

/// Keys that are asked for by one statement.
pub(crate) const KEYS_AT_ONCE: usize = 10_000;

/// Rows of one statement that writes to SQLite, which has 32,766 places for values in a statement.
pub(crate) const SQLITE_ROWS: usize = 400;
/// Places for values in one statement of SQLite.
pub(crate) const SQLITE_PLACES: usize = 32_000;
