//! The floor of a first load: the rows that a created entry costs (change, object, shadow with their indexes,
//! key), inserted into the schema of the store in the order of the file, 10,000 entries a transaction.
//!
//! Keys ascend with the lines, so no index is fed at random: what the database can do at its best.

mod entry;
mod postgres;
mod sqlite;

use std::path::Path;

use crate::error::Error;
use crate::watch::Database;
use entry::Entries;

/// Entries a transaction.
const BATCH: usize = 10_000;

/// Makes the empty tables.
///
/// # Errors
/// When the database refuses.
pub(crate) fn make_schema(database: &Database) -> Result<(), Error> {
    match database {
        Database::Sqlite(file) => sqlite::make_schema(file),
        Database::Postgres(url) => postgres::make_schema(url),
    }
}

/// Reads the file and inserts the rows of its entries; answers how many entries.
///
/// # Errors
/// When the file cannot be read to its end, or the database refuses.
pub(crate) fn insert(file: &Path, database: &Database) -> Result<u64, Error> {
    let entries = Entries::open(file)?;
    match database {
        Database::Sqlite(file) => sqlite::insert(entries, file),
        Database::Postgres(url) => postgres::insert(entries, url),
    }
}
