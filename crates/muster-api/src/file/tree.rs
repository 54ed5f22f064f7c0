//! All files of a tenant's directory. Links are not followed, files that are still arriving are not shown.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use chrono::{DateTime, Utc};

use super::receive::ARRIVING;
use crate::view::FileView;

/// Directories within directories that are looked into.
const DEEPEST: usize = 32;

/// All plain files below a directory, by path. A directory that does not exist has none. Blocking.
pub(super) fn files(own: &Path) -> io::Result<Vec<FileView>> {
    let mut files = Vec::new();
    gather(own, "", DEEPEST, &mut files)?;
    files.sort_by(|a, b| a.path().cmp(b.path()));
    Ok(files)
}

fn gather(directory: &Path, above: &str, deeper: usize, files: &mut Vec<FileView>) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // Not made yet, or removed since it was listed.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        // A name that is no UTF-8 has no path here.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{above}{name}");
        let Ok(found) = entry.metadata() else { continue };
        if found.is_dir() && deeper > 0 {
            gather(&entry.path(), &format!("{path}/"), deeper - 1, files)?;
        } else if found.is_file() && !name.starts_with(ARRIVING) {
            let modified: DateTime<Utc> = found.modified()?.into();
            files.push(FileView::new(path, found.len(), modified));
        }
    }
    Ok(())
}
