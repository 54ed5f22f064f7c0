//! CSV files as a source and as a target of accounts.
//!
//! The class's remote name is the path of the file, relative to the tenant's own directory; the properties are
//! in [`PROPERTIES`]. One record is one account.
//!
//! # Reading
//! A sweep reads ahead by a few pages in a blocking task, in bounded memory. A record that cannot be read is
//! one bad entry that names file and line; blank lines are no records. A sweep ends cut short when the file is
//! empty, ends within a quoted cell or a character, changed while it was read, lacks its trailer, or holds
//! fewer records than the properties ask for. The names of columns are compared without the blanks around them,
//! cells are taken as they are. With `enabledColumn` a cell that says neither makes its record bad.
//!
//! # Writing
//! A session takes effect at its close: the file is written anew beside the old one, which it replaces by
//! renaming. Records, columns and blank lines that no operation concerns keep their bytes, bad records too; new
//! records come last. One writer at a time holds an operating system's lock on `.<name>.lock`. A session keeps
//! 20 to 40 bytes a record of the file in memory and 40 to 80 bytes for each key it writes; the operations
//! themselves wait in an unnamed temporary file. While a record cannot be read and may hide any key, a key that
//! is not met elsewhere can be neither created nor deleted.
//!
//! # What a file cannot say
//! - An empty text is told from an absent or null attribute only as far as `emptyCell`, `quotedEmptyCell` and
//!   `nullToken` go; what they do not tell apart is written as the nearest and read back as that. With
//!   `emptyCell` `ABSENT`, `quotedEmptyCell` `EMPTY` and a `nullToken` a file says all three.
//! - Values have no types: all are read as texts, in the form of `Value::to_text`.
//! - A multi-valued cell cannot hold one single empty text, nor a value with the separator of values in it;
//!   those are refused, as are zero bytes and characters that the encoding lacks.
//! - ISO-8859-1 is read and written as windows-1252.

mod body;
mod cells;
mod connector;
mod dialect;
mod encoding;
mod entry;
mod layout;
mod properties;
mod scan;
mod settings;
mod source;
mod sweep;
mod whole;
mod writer;

pub use connector::CsvKind;
pub use properties::PROPERTIES;
