//! One file opened for reading: its identity, so that a change under the reader is noticed, and its encoding.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use muster_connector::{ConnectorError, FileRoots, Snapshot, paths};

use crate::encoding::{Encoding, EncodingChoice};

/// How much of either end a snapshot covers.
const ENDS: u64 = 64 * 1024;

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileState {
    device: u64,
    inode: u64,
    pub(crate) size: u64,
    modified_nanos: i128,
}

impl FileState {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_nanos: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
        }
    }
}

/// A file opened for reading.
pub(crate) struct SourceFile {
    pub(crate) file: File,
    /// Where it lies, without links.
    pub(crate) place: PathBuf,
    /// Its path as the configuration names it; the only one that people are shown.
    pub(crate) shown: String,
    pub(crate) state: FileState,
    pub(crate) encoding: Encoding,
    /// The length of the byte order mark.
    pub(crate) mark_len: u64,
}

impl SourceFile {
    pub(crate) fn open(
        roots: &FileRoots,
        shown: &str,
        choice: EncodingChoice,
    ) -> Result<Self, ConnectorError> {
        let (file, place) = paths::open(roots, shown)?;
        let failed = |error| unreadable(shown, &error);
        let state = FileState::of(&file.metadata().map_err(failed)?);
        let mut beginning = [0; 3];
        let length = read_at_most(&file, &mut beginning, 0).map_err(failed)?;
        let (encoding, mark_len) = choice
            .resolve(&beginning[..length])
            .map_err(|problem| ConnectorError::Unusable { message: format!("`{shown}` {problem}") })?;
        let mark_len = mark_len as u64;
        Ok(Self { file, place, shown: shown.to_owned(), state, encoding, mark_len })
    }

    /// What identifies the file as it was when it was opened.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, ConnectorError> {
        let FileState { device, inode, size, modified_nanos } = self.state;
        let digest = self.digest_of_ends().map_err(|error| unreadable(&self.shown, &error))?;
        Ok(Snapshot(format!("{device}:{inode}:{size}:{modified_nanos}:{digest}")))
    }

    fn digest_of_ends(&self) -> io::Result<String> {
        let mut hasher = blake3::Hasher::new();
        let mut end = vec![0; usize::try_from(ENDS).unwrap_or(usize::MAX)];
        for offset in [0, self.state.size.saturating_sub(ENDS)] {
            let length = read_at_most(&self.file, &mut end, offset)?;
            hasher.update(&end[..length]);
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Checks that neither the open file nor the file at its path is another than when it was opened.
    ///
    /// # Errors
    /// With what was seen and what to do.
    pub(crate) fn check_unchanged(&self) -> Result<(), String> {
        self.check_content()?;
        let shown = &self.shown;
        match fs::symlink_metadata(&self.place).map(|metadata| FileState::of(&metadata)) {
            Ok(named) if named == self.state => Ok(()),
            Ok(_) => Err(format!("`{shown}` was replaced by another file while it was read; run again")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(format!("`{shown}` was removed while it was read; put it back and run again"))
            }
            Err(error) => Err(self.not_looked_at(&error)),
        }
    }

    /// Checks that the open file holds what it did when it was opened: what was read until now is of that.
    ///
    /// # Errors
    /// With what was seen and what to do.
    pub(crate) fn check_content(&self) -> Result<(), String> {
        match self.file.metadata().map(|metadata| FileState::of(&metadata)) {
            Ok(opened) if opened == self.state => Ok(()),
            Ok(_) => Err(format!(
                "`{}` was changed while it was read; put new files in place by renaming and run again",
                self.shown
            )),
            Err(error) => Err(self.not_looked_at(&error)),
        }
    }

    fn not_looked_at(&self, error: &io::Error) -> String {
        format!("`{}` could not be looked at after it was read: {error}; run again", self.shown)
    }
}

/// Reads until the buffer is full or the file ends.
fn read_at_most(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// A file that stopped giving its bytes; that may be the network or the disk.
pub(crate) fn unreadable(shown: &str, error: &io::Error) -> ConnectorError {
    let message = format!("`{shown}` cannot be read on: {error}");
    ConnectorError::Transient { message, retry_after: None }
}
