//! The place of a file that is written: its lock, the temporary file beside it, and the exchange of the two.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use muster_connector::{ConnectorError, FileRoots, paths};
use tempfile::NamedTempFile;

use crate::source::SourceFile;

/// What the names of temporary files end with.
const SUFFIX: &str = ".muster-tmp";

/// How many random letters stand before it.
const RANDOM: usize = 6;

/// The rights of a file that did not exist before: its owner writes, its group reads.
const NEW_FILE_MODE: u32 = 0o640;

/// How long to wait for another writer.
const BUSY: Duration = Duration::from_secs(5);

/// A file that only this writer may replace, as long as this value lives.
pub(super) struct Target {
    pub(super) shown: String,
    pub(super) place: PathBuf,
    directory: PathBuf,
    name: OsString,
    _lock: Lock,
}

impl Target {
    /// Locks the place of a file and clears away what killed writers left there.
    pub(super) fn lock(roots: &FileRoots, shown: &str) -> Result<Self, ConnectorError> {
        let place = paths::confine(roots, shown)?;
        let (Some(directory), Some(name)) = (place.parent(), place.file_name()) else {
            return Err(ConnectorError::Unusable { message: format!("`{shown}` names no file") });
        };
        let (directory, name) = (directory.to_owned(), name.to_owned());
        std::fs::create_dir_all(&directory).map_err(|error| ConnectorError::Unusable {
            message: format!(
                "the directory of `{shown}` cannot be made: {error}; correct the path or its rights"
            ),
        })?;
        let lock = Lock::take(directory.join(dotted(&name, ".lock")), shown)?;
        let target = Self { shown: shown.to_owned(), place, directory, name, _lock: lock };
        target.remove_leftovers().map_err(|error| target.cannot_write(&error))?;
        Ok(target)
    }

    /// An unnamed file on the same disk, gone with its last handle.
    pub(super) fn unnamed(&self) -> Result<File, ConnectorError> {
        tempfile::tempfile_in(&self.directory).map_err(|error| self.cannot_write(&error))
    }

    /// A file beside the target that is removed unless it is put in its place.
    pub(super) fn temporary(&self) -> Result<NamedTempFile, ConnectorError> {
        tempfile::Builder::new()
            .prefix(&dotted(&self.name, "."))
            .suffix(SUFFIX)
            .rand_bytes(RANDOM)
            .permissions(Permissions::from_mode(NEW_FILE_MODE))
            .tempfile_in(&self.directory)
            .map_err(|error| self.cannot_write(&error))
    }

    /// Puts a written file in the place of the one that was read, or of none.
    pub(super) fn replace(
        &self,
        written: NamedTempFile,
        read: Option<&SourceFile>,
    ) -> Result<(), ConnectorError> {
        let failed = |error: io::Error| self.cannot_write(&error);
        if let Some(read) = read {
            let metadata = read.file.metadata().map_err(failed)?;
            written.as_file().set_permissions(metadata.permissions()).map_err(failed)?;
            // Only a privileged process may give files away; another keeps its own, as any editor does.
            let _ = std::os::unix::fs::fchown(written.as_file(), Some(metadata.uid()), Some(metadata.gid()));
        }
        written.as_file().sync_all().map_err(failed)?;
        match read {
            Some(read) => {
                read.check_unchanged()
                    .map_err(|message| changed(format!("nothing was written: {message}")))?;
                written.persist(&self.place).map_err(|error| failed(error.error))?;
            }
            None => {
                let shown = &self.shown;
                let appeared =
                    format!("nothing was written: `{shown}` was made by somebody else meanwhile; run again");
                written.persist_noclobber(&self.place).map_err(|error| {
                    if error.error.kind() == io::ErrorKind::AlreadyExists {
                        changed(appeared)
                    } else {
                        failed(error.error)
                    }
                })?;
            }
        }
        File::open(&self.directory).and_then(|directory| directory.sync_all()).map_err(failed)
    }

    pub(super) fn cannot_write(&self, error: &io::Error) -> ConnectorError {
        cannot_write(&self.shown, error)
    }

    fn remove_leftovers(&self) -> io::Result<()> {
        let prefix = dotted(&self.name, ".");
        for entry in fs::read_dir(&self.directory)? {
            let name = entry?.file_name();
            let random = name
                .as_bytes()
                .strip_prefix(prefix.as_bytes())
                .and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
            // The letters tell `a.csv` from `a.csv.b`, whose writer may be alive.
            if random.is_some_and(|random| random.len() == RANDOM && !random.contains(&b'.')) {
                fs::remove_file(self.directory.join(name))?;
            }
        }
        Ok(())
    }
}

/// `.` and a name and an ending.
fn dotted(name: &std::ffi::OsStr, ending: &str) -> OsString {
    let mut dotted = OsString::from(".");
    dotted.push(name);
    dotted.push(ending);
    dotted
}

fn changed(message: String) -> ConnectorError {
    ConnectorError::Transient { message, retry_after: None }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of the library are many, and grow")]
fn cannot_write(shown: &str, error: &io::Error) -> ConnectorError {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ConnectorError::Unusable {
            message: format!(
                "`{shown}` may not be written; give the server the right to write its directory"
            ),
        },
        _ => ConnectorError::Transient {
            message: format!("`{shown}` cannot be written: {error}"),
            retry_after: None,
        },
    }
}

/// A lock of the operating system on a file of its own; it ends with the process, however that ends.
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(path: PathBuf, shown: &str) -> Result<Self, ConnectorError> {
        let busy = || ConnectorError::Transient {
            message: format!("`{shown}` is being written by another session; try again when it is done"),
            retry_after: Some(BUSY),
        };
        // Whoever releases a lock removes its file. So a lock counts only on the file that bears the name now:
        // one that was just removed is let go, and the next one tried.
        for _ in 0..100 {
            let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
            let file = opened.map_err(|error| cannot_write(shown, &error))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(busy()),
                Err(TryLockError::Error(error)) => return Err(cannot_write(shown, &error)),
            }
            let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
            let locked = file.metadata().map(identity).map_err(|error| cannot_write(shown, &error))?;
            if fs::symlink_metadata(&path).map(identity).is_ok_and(|named| named == locked) {
                return Ok(Self { path, _file: file });
            }
        }
        Err(busy())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A lock file that stays is no harm: the next writer locks it.
        let _ = fs::remove_file(&self.path);
    }
}
