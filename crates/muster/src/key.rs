//! The file of the master key: read where it is named, made with a SQLite database of its own. Never a default, and
//! never one that others can read.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use muster_store::{MasterKey, Store, StoreError};
use tempfile::PersistError;

use crate::Place;
use crate::data::{MASTER_KEY, OTHERS, OWNER_READS_AND_WRITES};

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the master key {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file cannot be made.
    #[error("cannot make the master key {}", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// All users of the machine can read the file.
    #[error("all users of this machine can read the master key {}", .0.display())]
    Open(PathBuf),
    /// The file holds something else.
    #[error("the master key {} has {octets} octets instead of 32", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        octets: usize,
    },
    /// The file is gone, and the database needs it.
    #[error("the master key {} is missing, and the database holds secrets sealed with it", .0.display())]
    Lost(PathBuf),
}

/// What there is.
pub(crate) enum Found {
    /// No key, and no place where one could be made.
    None,
    /// The key.
    Key(MasterKey),
    /// A key that was made just now, and its file.
    Made(MasterKey, PathBuf),
}

/// What the database has sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sealed {
    /// Nothing yet: any key will do.
    Nothing,
    /// Secrets, which one key alone opens.
    Secrets,
}

impl Sealed {
    pub(crate) async fn of(store: &Store) -> Result<Self, StoreError> {
        Ok(if store.is_sealed().await? { Self::Secrets } else { Self::Nothing })
    }
}

/// Finds the key of a place; makes it where that is its place. Where secrets are sealed with one, none is made.
pub(crate) fn find(place: &Place, sealed: Sealed) -> Result<Found, KeyError> {
    match look(place, sealed)? {
        Some(key) => Ok(Found::Key(key)),
        None if place.database_url.is_some() => Ok(Found::None),
        None => make(place.data_dir.join(MASTER_KEY)),
    }
}

/// Finds the key of a place; `None` where there is none, and none is needed yet.
pub(crate) fn look(place: &Place, sealed: Sealed) -> Result<Option<MasterKey>, KeyError> {
    if let Some(path) = &place.master_key_file {
        return read(path).map(Some);
    }
    if place.database_url.is_some() {
        return Ok(None);
    }
    let path = place.data_dir.join(MASTER_KEY);
    match read(&path) {
        Err(KeyError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => match sealed {
            Sealed::Secrets => Err(KeyError::Lost(path)),
            Sealed::Nothing => Ok(None),
        },
        read => read.map(Some),
    }
}

fn read(path: &Path) -> Result<MasterKey, KeyError> {
    let failed = |source| KeyError::Read { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(KeyError::Open(path.to_owned()));
    }
    let octets = secrecy::zeroize::Zeroizing::new(fs::read(path).map_err(failed)?);
    MasterKey::of(&octets).ok_or_else(|| KeyError::Length { path: path.to_owned(), octets: octets.len() })
}

/// Puts a new key in place, whole or not at all; of several processes that do so at once one is the first.
fn make(path: PathBuf) -> Result<Found, KeyError> {
    let key = MasterKey::generate();
    let written = write(&path, &key);
    match written {
        Ok(()) => Ok(Found::Made(key, path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(&path).map(Found::Key),
        Err(source) => Err(KeyError::Make { path, source }),
    }
}

fn write(path: &Path, key: &MasterKey) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let own = fs::Permissions::from_mode(OWNER_READS_AND_WRITES);
    let mut file = tempfile::Builder::new().prefix(".key-").permissions(own).tempfile_in(directory)?;
    file.write_all(key.expose())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|PersistError { error, .. }| error)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(directory: &Path, database_url: Option<&str>, master_key_file: Option<PathBuf>) -> Place {
        Place {
            data_dir: directory.to_owned(),
            database_url: database_url.map(str::to_owned),
            master_key_file,
            file_roots: Vec::new(),
        }
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let place = place(directory.path(), None, None);
        let Ok(Found::Made(made, path)) = find(&place, Sealed::Nothing) else { panic!("none was made") };
        assert_eq!(path, directory.path().join("master.key"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for sealed in [Sealed::Nothing, Sealed::Secrets] {
            let Ok(Found::Key(found)) = find(&place, sealed) else { panic!("it is not found") };
            assert_eq!(found.expose(), made.expose());
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left");
        let Ok(Found::Key(same)) = make(path) else { panic!("another one was made") };
        assert_eq!(same.expose(), made.expose());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let named = place(directory.path(), None, Some(file.clone()));
        assert!(
            matches!(find(&named, Sealed::Nothing), Err(KeyError::Read { .. })),
            "a named file is never made"
        );
        let put = |octets: &[u8], mode| {
            fs::write(&file, octets).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            find(&named, Sealed::Nothing)
        };
        assert!(matches!(put(&[1; 31], 0o600), Err(KeyError::Length { octets: 31, .. })));
        for mode in [0o604, 0o644, 0o602] {
            assert!(matches!(put(&[1; 32], mode), Err(KeyError::Open(_))), "{mode:o}");
        }
        for mode in [0o600, 0o400, 0o440] {
            assert!(matches!(put(&[1; 32], mode), Ok(Found::Key(_))), "{mode:o}");
        }
        let empty = place(directory.path(), None, None);
        assert!(
            matches!(find(&empty, Sealed::Secrets), Err(KeyError::Lost(_))),
            "no other key opens the secrets"
        );
        let postgres = place(directory.path(), Some("postgres://x"), None);
        assert!(matches!(find(&postgres, Sealed::Nothing), Ok(Found::None)), "there is no default");
    }
}
