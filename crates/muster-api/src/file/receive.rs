//! Files that arrive: written beside their place under another name, put in place once they are whole and on
//! the disk. Who reads meanwhile reads the file of before, to its end.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_web::HttpResponse;
use muster_connector::paths;
use muster_model::audit::Act;
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

use super::{Place, change, noted};
use crate::body::{announced_length, part, refuse_encoded};
use crate::call::Call;
use crate::error::ApiError;

/// What the names of files begin with while they arrive.
pub(super) const ARRIVING: &str = paths::ARRIVING;
/// A file that has not been written to for so long does not arrive any more.
const LONGEST_SILENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a file took the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    New,
    InsteadOfAnother,
}

pub(super) async fn receive(place: Place, mut call: Call) -> Result<HttpResponse, ApiError> {
    refuse_encoded(&call.request)?;
    let limit = call.settings().file_limit;
    if announced_length(&call.request).is_some_and(|length| length > limit) {
        return Err(ApiError::TooLarge(limit));
    }
    let begun = place.clone();
    let mut arriving = spawn_blocking(move || begin(&begun)).await??;
    let patience = call.settings().patience;
    let mut length = 0;
    while let Some(part) = part(&mut call.payload, patience).await? {
        length += part.len() as u64;
        if length > limit {
            return Err(ApiError::TooLarge(limit));
        }
        let written = spawn_blocking(move || arriving.write_all(&part).map(|()| arriving));
        arriving = written.await??;
    }
    let path = place.path.clone();
    let arrived = spawn_blocking(move || arriving.as_file().sync_all().map(|()| arriving)).await??;
    let now = call.engine().surroundings().now();
    let placing = async move {
        let (placed, place) =
            spawn_blocking(move || put_in_place(arrived, &place).map(|placed| (placed, place))).await??;
        let act = match placed {
            Placed::New => Act::Create,
            Placed::InsteadOfAnother => Act::Replace,
        };
        Ok((placed, noted(act, &place).at(now).with("octets", length)))
    };
    let placed = change(&call, placing).await?;
    call.note(format_args!("file {path:?} received, {length} octets"));
    Ok(match placed {
        Placed::New => HttpResponse::Created().finish(),
        Placed::InsteadOfAnother => HttpResponse::NoContent().finish(),
    })
}

/// Opens a file beside the place; it is removed again when it is dropped before its time.
fn begin(place: &Place) -> Result<NamedTempFile, ApiError> {
    // The root has to exist before it can be told what lies in it.
    fs::create_dir_all(&place.roots.own)?;
    let parent = parent(place)?;
    fs::create_dir_all(&parent)?;
    remove_left(&parent)?;
    Ok(tempfile::Builder::new().prefix(ARRIVING).tempfile_in(parent)?)
}

/// Removes what a process that ended in the midst of it has left in a directory.
fn remove_left(directory: &Path) -> Result<(), ApiError> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let is_left = entry.file_name().to_string_lossy().starts_with(ARRIVING)
            && entry
                .metadata()
                .and_then(|found| found.modified())
                .is_ok_and(|written| written.elapsed().is_ok_and(|silent| silent > LONGEST_SILENCE));
        if is_left {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn put_in_place(arriving: NamedTempFile, place: &Place) -> Result<Placed, ApiError> {
    // Asked again: the tree may have changed while the file arrived.
    let parent = parent(place)?;
    let target = place.resolve()?;
    let placed = if target.exists() { Placed::InsteadOfAnother } else { Placed::New };
    arriving.persist(&target).map_err(|error| error.error)?;
    File::open(parent)?.sync_all()?;
    Ok(placed)
}

/// The directory of the place, unless the place itself is a directory.
fn parent(place: &Place) -> Result<PathBuf, ApiError> {
    let target = place.resolve()?;
    if target.is_dir() {
        return Err(ApiError::invalid(
            "{path}",
            format!("`{}` is a directory; name a file in it", place.path),
        ));
    }
    target.parent().map(PathBuf::from).ok_or(ApiError::NoRoute)
}
