//! Files that a run leaves in its tenant's directory: written beside their place, put there whole; or moved.
//!
//! Invariant: nothing outside of the tenant's own directory is ever made or replaced.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use muster_connector::{FileRoots, paths};
use tempfile::NamedTempFile;
use tokio::task::{JoinError, spawn_blocking};

/// A file on its way to its place.
pub(crate) struct Placing {
    roots: FileRoots,
    path: String,
    file: NamedTempFile,
}

impl Placing {
    /// Begins a file beside its place below a tenant's own directory.
    pub(crate) async fn begin(own: PathBuf, path: String) -> Result<Self, String> {
        blocking(move || {
            let roots = FileRoots { own, further: Vec::new() };
            let (directory, _) = prepared(&roots, &path)?;
            let file = begun(&directory).map_err(|error| failed(&path, &error))?;
            Ok(Self { roots, path, file })
        })
        .await
    }

    pub(crate) async fn write(mut self, octets: Vec<u8>) -> Result<Self, String> {
        blocking(move || {
            let written = self.file.write_all(&octets);
            written.map_err(|error| failed(&self.path, &error)).map(|()| self)
        })
        .await
    }

    /// Puts the file in its place, instead of one that is there; answers the path.
    pub(crate) async fn put(self) -> Result<String, String> {
        blocking(move || {
            let Self { roots, path, file } = self;
            // Asked again: the tree may have changed while the file was written.
            let (directory, place) = prepared(&roots, &path)?;
            let put =
                file.as_file().sync_all().and_then(|()| file.persist(place).map_err(|error| error.error));
            put.and_then(|_| sync(&directory)).map_err(|error| failed(&path, &error))?;
            Ok(path)
        })
        .await
    }
}

/// Whether two paths mean one place.
pub(crate) fn is_same(roots: &FileRoots, one: &str, other: &str) -> bool {
    matches!((paths::confine(roots, one), paths::confine(roots, other)), (Ok(one), Ok(other)) if one == other)
}

/// What becomes of a file that is where another is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Kept,
    Replaced,
}

/// Moves a file to a place below the tenant's own directory. What is kept there is nevertheless replaced if it holds
/// the same, as after a crash in the midst of it.
pub(crate) async fn move_file(
    roots: FileRoots,
    (from, to): (String, String),
    existing: Existing,
) -> Result<String, String> {
    blocking(move || {
        let source = paths::confine(&roots, &from).map_err(|error| error.to_string())?;
        let own = FileRoots { own: roots.own, further: Vec::new() };
        let (directory, place) = prepared(&own, &to)?;
        if place == source {
            return Err(format!("`{from}` lies in the archive already; name another directory"));
        }
        let moved = match existing {
            Existing::Replaced => replace(&source, &place),
            Existing::Kept => add(&source, &place),
        };
        match moved.and_then(|()| sync(&directory)) {
            Ok(()) => Ok(to),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(format!(
                "`{to}` is there already and may not be replaced (`overwriteExistingArchive`); `{from}` was left \
                 where it is"
            )),
            Err(error) => Err(format!("`{from}` cannot be moved to `{to}`: {error}")),
        }
    })
    .await
}

/// What has become of a file that is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removed {
    /// It was removed.
    Now,
    /// It was gone already.
    Before,
    /// What is there now was put there later, or is no plain file: it stays.
    Not,
}

/// Removes a file below the tenant's own directory that was not written after an instant. Its directories stay.
pub(crate) async fn remove_file(own: PathBuf, path: String, latest: SystemTime) -> Result<Removed, String> {
    blocking(move || {
        let roots = FileRoots { own, further: Vec::new() };
        let place = paths::confine(&roots, &path).map_err(|error| error.to_string())?;
        // A link is looked at itself: what it leads to is another's file.
        let found = fs::symlink_metadata(roots.own.join(&path)).and_then(|found| match found.is_file() {
            true => found.modified().map(|written| written <= latest),
            false => Ok(false),
        });
        let removed = match found {
            Ok(false) => Ok(Removed::Not),
            Ok(true) => fs::remove_file(&place)
                .and_then(|()| place.parent().map_or(Ok(()), sync))
                .map(|()| Removed::Now),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Removed::Before),
            removed => removed.map_err(|error| format!("`{path}` cannot be removed: {error}")),
        }
    })
    .await
}

/// Whether there is a file at a path below the tenant's own directory.
pub(crate) async fn is_there(own: PathBuf, path: String) -> bool {
    let looked = blocking(move || {
        let roots = FileRoots { own, further: Vec::new() };
        Ok(paths::confine(&roots, &path).is_ok_and(|place| place.is_file()))
    });
    looked.await.unwrap_or(false)
}

fn replace(source: &Path, place: &Path) -> io::Result<()> {
    match fs::rename(source, place) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            copy_beside(source, place)?.persist(place)?;
            fs::remove_file(source)
        }
        moved => moved,
    }
}

fn add(source: &Path, place: &Path) -> io::Result<()> {
    let added = match fs::hard_link(source, place) {
        // Between disks, and on those that know no links.
        Err(error) if error.kind() != ErrorKind::AlreadyExists && error.kind() != ErrorKind::NotFound => {
            copy_beside(source, place)?.persist_noclobber(place).map(|_| ()).map_err(|error| error.error)
        }
        added => added,
    };
    match added {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && !holds_the_same(source, place)? => {
            Err(error)
        }
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => fs::remove_file(source),
    }
}

fn copy_beside(source: &Path, place: &Path) -> io::Result<NamedTempFile> {
    let directory = place.parent().unwrap_or(Path::new("."));
    let mut copy = begun(directory)?;
    io::copy(&mut File::open(source)?, &mut copy)?;
    copy.as_file().sync_all()?;
    Ok(copy)
}

fn holds_the_same(one: &Path, other: &Path) -> io::Result<bool> {
    if !fs::symlink_metadata(other)?.is_file() || fs::metadata(one)?.len() != fs::metadata(other)?.len() {
        return Ok(false);
    }
    let open = |path| File::open(path).map(BufReader::new);
    let (mut one, mut other) = (open(one)?, open(other)?);
    loop {
        let (ours, theirs) = (one.fill_buf()?, other.fill_buf()?);
        let length = ours.len().min(theirs.len());
        if length == 0 {
            return Ok(ours.len() == theirs.len());
        }
        if ours[..length] != theirs[..length] {
            return Ok(false);
        }
        one.consume(length);
        other.consume(length);
    }
}

/// The directory of a place, made where it is missing, and the place.
fn prepared(roots: &FileRoots, path: &str) -> Result<(PathBuf, PathBuf), String> {
    // The root has to exist before it can be told what lies in it.
    fs::create_dir_all(&roots.own).map_err(|error| failed(path, &error))?;
    let resolve = || paths::confine(roots, path).map_err(|error| error.to_string());
    let place = resolve()?;
    let directory = place.parent().map(Path::to_path_buf).unwrap_or_default();
    fs::create_dir_all(&directory).map_err(|error| failed(path, &error))?;
    let place = resolve()?;
    match place.is_dir() {
        true => Err(format!("`{path}` is a directory; name a file in it")),
        false => Ok((place.parent().map(Path::to_path_buf).unwrap_or_default(), place)),
    }
}

fn begun(directory: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(paths::ARRIVING).tempfile_in(directory)
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn failed(path: &str, error: &io::Error) -> String {
    format!("`{path}` cannot be written: {error}")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    spawn_blocking(work).await.map_err(|error: JoinError| error.to_string())?
}
