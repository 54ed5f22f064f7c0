//! The data directory and the SQLite file, made for their owner alone: they hold people and password hashes.
//!
//! What is there already keeps its mode, since somebody may have chosen it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const OWNER_ENTERS: u32 = 0o700;
pub(crate) const OWNER_READS_AND_WRITES: u32 = 0o600;
/// Everybody who is neither the owner nor of the group.
pub(crate) const OTHERS: u32 = 0o007;

/// Makes the data directory, or warns of one that others may look into.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(OWNER_ENTERS).create(path)?;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & OTHERS != 0 {
        let path = path.display();
        tracing::warn!("all users of this machine may look into {path}; `chmod 700 {path}` keeps them out");
    }
    Ok(())
}

/// Makes the file of a SQLite database, empty. The files that SQLite puts beside it get the same mode.
pub(crate) fn make_file(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(OWNER_READS_AND_WRITES).open(path);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
