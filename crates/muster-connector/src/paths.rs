//! Where a tenant's files may lie. Every path that a tenant gives passes here, when it is saved and again when
//! it is opened. Blocking: call it where blocking is allowed.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use crate::{ConnectorError, FileRoots};

/// What the names of files begin with while they are written beside their place.
pub const ARRIVING: &str = ".arriving-";

/// Checks a path as a text, without looking at any file.
///
/// # Errors
/// When it is empty, names a directory, holds a zero byte or a `..`; says what would be right.
pub fn check_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("the path is empty; name a file relative to the tenant's directory".to_owned());
    }
    if path.contains('\0') {
        return Err("the path holds a zero byte; take it out".to_owned());
    }
    if path.split('/').any(|part| part == "..") {
        return Err(format!(
            "`{path}` holds `..`, which may lead out of the tenant's directory; leave it out"
        ));
    }
    if matches!(path.rsplit('/').next(), Some("" | ".")) {
        return Err(format!("`{path}` names a directory; name a file"));
    }
    Ok(())
}

/// Checks a path as a text against the roots, without looking at any file. An absolute one has to begin with one
/// of [`FileRoots::further`] as the operator names it.
///
/// # Errors
/// As [`check_path`], and when an absolute path lies in none of the roots.
pub fn check_within(roots: &FileRoots, path: &str) -> Result<(), String> {
    check_path(path)?;
    let given = Path::new(path);
    let inside = |root: &PathBuf| given.starts_with(root) && given != root;
    match given.is_relative() || roots.further.iter().any(inside) {
        true => Ok(()),
        false => Err(lies_outside(path)),
    }
}

/// The place that a path means: relative ones below [`FileRoots::own`], absolute ones in one of
/// [`FileRoots::further`]. Links are followed, the answer holds none as far as its parts exist; the file and
/// its last directories may be missing.
///
/// # Errors
/// [`ConnectorError::Unusable`] when the path is malformed or leads out of its root.
pub fn confine(roots: &FileRoots, path: &str) -> Result<PathBuf, ConnectorError> {
    check_path(path).map_err(unusable)?;
    let (start, admitted) = match Path::new(path).is_absolute() {
        true => (PathBuf::from(path), roots.further.as_slice()),
        false => (roots.own.join(path), std::slice::from_ref(&roots.own)),
    };
    let place = resolve(&start).map_err(|error| cannot_resolve(path, &error))?;
    let inside = admitted
        .iter()
        .filter_map(|root| resolve(root).ok())
        .any(|root| place.starts_with(&root) && place != root);
    match inside {
        true => Ok(place),
        false => Err(leads_out(path)),
    }
}

/// Opens an existing plain file for reading and makes sure that what was opened lies where it may.
///
/// # Errors
/// [`ConnectorError::Unusable`] when the file is missing, is no plain file, cannot be read or leads out of its
/// root.
pub fn open(roots: &FileRoots, path: &str) -> Result<(File, PathBuf), ConnectorError> {
    let place = confine(roots, path)?;
    // Looked at before it is opened: opening a pipe would wait for its other end.
    let found = fs::symlink_metadata(&place).map_err(|error| cannot_open(path, &error))?;
    if found.is_dir() {
        return Err(unusable(format!("`{path}` is a directory; name a file in it")));
    }
    if !found.is_file() {
        return Err(unusable(format!("`{path}` is not a plain file; put a plain file there")));
    }
    let file = File::open(&place).map_err(|error| cannot_open(path, &error))?;
    verify(roots, path, &file)?;
    Ok((file, place))
}

/// Verifies that an open file is the one that the path means now, so that a link put in between the check and
/// the opening gains nothing.
///
/// # Errors
/// [`ConnectorError::Unusable`] when the path leads out of its root or to another file.
pub fn verify(roots: &FileRoots, path: &str, file: &File) -> Result<(), ConnectorError> {
    let place = confine(roots, path)?;
    let named = fs::symlink_metadata(&place).map_err(|error| cannot_open(path, &error))?;
    let opened = file.metadata().map_err(|error| cannot_open(path, &error))?;
    match (named.dev(), named.ino()) == (opened.dev(), opened.ino()) {
        true => Ok(()),
        false => Err(ConnectorError::Transient {
            message: format!("`{path}` was replaced while it was opened; try again"),
            retry_after: None,
        }),
    }
}

/// The path without links: the deepest part that exists is resolved by the system, the rest is put behind it.
/// The rest holds no `..`, since the path was checked before.
fn resolve(path: &Path) -> std::io::Result<PathBuf> {
    for existing in path.ancestors() {
        match fs::symlink_metadata(existing) {
            Ok(_) => {
                let mut place = fs::canonicalize(existing)?;
                let rest = path.strip_prefix(existing).unwrap_or(Path::new(""));
                place.extend(rest.components().filter(|part| matches!(part, Component::Normal(_))));
                return Ok(place);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::NotFound.into())
}

fn unusable(message: String) -> ConnectorError {
    ConnectorError::Unusable { message }
}

fn lies_outside(path: &str) -> String {
    format!(
        "`{path}` lies in none of the directories that the operator opened; use a path relative to the tenant's \
         directory"
    )
}

fn leads_out(path: &str) -> ConnectorError {
    unusable(match Path::new(path).is_absolute() {
        true => lies_outside(path),
        false => format!("`{path}` leads out of the tenant's directory; remove the link that leads there"),
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of the library are many, and grow")]
fn cannot_resolve(path: &str, error: &std::io::Error) -> ConnectorError {
    unusable(match error.kind() {
        ErrorKind::NotFound => format!("`{path}` goes through a link that leads nowhere; remove the link"),
        ErrorKind::NotADirectory => {
            format!("`{path}` goes through a file as if it were a directory; correct it")
        }
        _ => format!("`{path}` cannot be reached: {error}; correct the rights of its directories"),
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of the library are many, and grow")]
fn cannot_open(path: &str, error: &std::io::Error) -> ConnectorError {
    if error.kind() == ErrorKind::NotFound {
        let message = format!("`{path}` does not exist; put the file there or correct the path");
        return ConnectorError::Missing { message };
    }
    unusable(match error.kind() {
        ErrorKind::PermissionDenied => {
            format!("`{path}` may not be read; give the server the right to read it")
        }
        _ => format!("`{path}` cannot be opened: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Tree {
        _holder: tempfile::TempDir,
        base: PathBuf,
        roots: FileRoots,
    }

    /// `own/in.csv`, `shared/s.csv`, `outside/o.csv` and links between them.
    fn tree() -> Tree {
        let holder = tempfile::tempdir().unwrap();
        let base = holder.path().canonicalize().unwrap();
        for (directory, file) in [("own", "in.csv"), ("shared", "s.csv"), ("outside", "o.csv")] {
            fs::create_dir(base.join(directory)).unwrap();
            fs::write(base.join(directory).join(file), directory).unwrap();
        }
        symlink(base.join("outside"), base.join("own/door")).unwrap();
        symlink(base.join("outside/o.csv"), base.join("own/out.csv")).unwrap();
        symlink(base.join("own/in.csv"), base.join("own/alias.csv")).unwrap();
        symlink(base.join("own/nowhere.csv"), base.join("own/dangling.csv")).unwrap();
        let roots = FileRoots { own: base.join("own"), further: vec![base.join("shared")] };
        Tree { _holder: holder, base, roots }
    }

    #[test]
    fn texts_that_name_no_file_are_refused() {
        for good in ["a.csv", "in/a.csv", "/srv/a.csv", "a..b.csv", "./a.csv", "..a"] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        for bad in ["", "..", "../a.csv", "in/../../a.csv", "in/", "/", "in/.", "a\0b"] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn absolute_texts_begin_with_a_root() {
        let roots = FileRoots { own: "/data/acme".into(), further: vec!["/srv/shared".into()] };
        for good in ["in/a.csv", "/srv/shared/a.csv", "/srv/./shared/in/a.csv"] {
            assert_eq!(check_within(&roots, good), Ok(()), "{good}");
        }
        for bad in
            ["/etc/passwd", "/srv/sharedother/a.csv", "/srv/shared/../a.csv", "../a.csv", "/data/acme/a.csv"]
        {
            assert!(check_within(&roots, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_lies_inside_is_found() {
        let tree = tree();
        for (path, place) in [
            ("in.csv", "own/in.csv"),
            ("./in.csv", "own/in.csv"),
            ("alias.csv", "own/in.csv"),
            ("new.csv", "own/new.csv"),
            ("new/deep/x.csv", "own/new/deep/x.csv"),
        ] {
            assert_eq!(confine(&tree.roots, path), Ok(tree.base.join(place)), "{path}");
        }
        let absolute = tree.base.join("shared/s.csv");
        assert_eq!(confine(&tree.roots, absolute.to_str().unwrap()), Ok(absolute));
    }

    #[test]
    fn what_leads_out_is_refused() {
        let tree = tree();
        let outside = tree.base.join("outside/o.csv");
        let own = tree.base.join("own/in.csv");
        for path in [
            "door/o.csv",
            "door/new.csv",
            "out.csv",
            "dangling.csv",
            "../outside/o.csv",
            "in.csv/below",
            outside.to_str().unwrap(),
            own.to_str().unwrap(),
        ] {
            let refused = confine(&tree.roots, path);
            assert!(matches!(refused, Err(ConnectorError::Unusable { .. })), "{path}: {refused:?}");
            assert!(open(&tree.roots, path).is_err(), "{path}");
        }
    }

    #[test]
    fn only_plain_files_are_opened() {
        let tree = tree();
        fs::create_dir(tree.base.join("own/directory")).unwrap();
        assert!(open(&tree.roots, "in.csv").is_ok());
        for (path, says) in [("directory", "is a directory"), ("none.csv", "does not exist")] {
            let error = open(&tree.roots, path).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_file_that_was_exchanged_after_opening_is_noticed() {
        let tree = tree();
        let (file, place) = open(&tree.roots, "in.csv").unwrap();
        fs::rename(tree.base.join("outside/o.csv"), place).unwrap();
        assert!(matches!(verify(&tree.roots, "in.csv", &file), Err(ConnectorError::Transient { .. })));
    }
}
