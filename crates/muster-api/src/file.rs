//! The tenant's own files: how an HR file gets in and a report out. Only plain files in the tenant's own
//! directory are ever touched, whatever else the operator opened for connectors.

mod receive;
mod tree;

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::PathBuf;

use actix_web::HttpResponse;
use actix_web::body::SizedStream;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream};
use muster_connector::{ConnectorError, FileRoots, paths};
use muster_model::audit::{Act, Subject, SubjectKind};
use muster_store::NewAuditEntry;
use tokio::task::spawn_blocking;

use crate::call::Call;
use crate::error::ApiError;
use crate::routes::FileOperation;

/// Octets read at a time.
const PART: usize = 64 * 1024;

pub(crate) async fn perform(operation: FileOperation, call: Call) -> Result<HttpResponse, ApiError> {
    match operation {
        FileOperation::List => list(&call).await,
        FileOperation::Read => read(Place::of(&call)?).await,
        FileOperation::Write => receive::receive(Place::of(&call)?, call).await,
        FileOperation::Delete => delete(Place::of(&call)?, &call).await,
    }
}

/// A path that the caller named, below the tenant's own directory.
#[derive(Debug, Clone)]
struct Place {
    roots: FileRoots,
    path: String,
}

impl Place {
    fn of(call: &Call) -> Result<Self, ApiError> {
        let path = decode(call.segment("path"))?;
        let own = call.engine().settings().tenant_files(call.store.slug());
        Ok(Self { roots: FileRoots { own, further: Vec::new() }, path })
    }

    /// Where it lies, if that is inside. Blocking.
    fn resolve(&self) -> Result<PathBuf, ApiError> {
        paths::confine(&self.roots, &self.path).map_err(refused)
    }

    /// Where it lies, if there is a plain file. Blocking.
    fn existing(&self) -> Result<PathBuf, ApiError> {
        let place = self.resolve()?;
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_file() => Ok(place),
            Ok(_) => Err(ApiError::invalid("{path}", format!("`{}` is no plain file", self.path))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(ApiError::NotFound(format!("file `{}`", self.path)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn refused(error: ConnectorError) -> ApiError {
    ApiError::invalid("{path}", error.to_string())
}

fn decode(path: &str) -> Result<String, ApiError> {
    decoded(path)
        .filter(|path| !path.is_empty())
        .ok_or_else(|| ApiError::invalid("{path}", "is no path of UTF-8 without control characters"))
}

/// What the path of a request says. The router has decoded all but `%`, `/` and `+`.
pub(crate) fn decoded(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let digits = others.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        match digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) => {
                decoded.push(octet);
                rest = &others[2..];
            }
            None => {
                decoded.push(*first);
                rest = others;
            }
        }
    }
    let odd = |letter: char| letter.is_control() || letter == char::REPLACEMENT_CHARACTER;
    String::from_utf8(decoded).ok().filter(|path| !path.contains(odd))
}

async fn list(call: &Call) -> Result<HttpResponse, ApiError> {
    let own = call.engine().settings().tenant_files(call.store.slug());
    let mut files = spawn_blocking(move || tree::files(&own)).await??;
    if let Some(after) = &call.query.after_text {
        files.retain(|file| file.path() > after.as_str());
    }
    files.truncate(call.query.rows() as usize);
    Ok(HttpResponse::Ok().json(files))
}

async fn read(place: Place) -> Result<HttpResponse, ApiError> {
    let (file, size) = spawn_blocking(move || {
        place.existing()?;
        let (file, _) = paths::open(&place.roots, &place.path).map_err(refused)?;
        let size = file.metadata()?.len();
        Ok::<_, ApiError>((file, size))
    })
    .await??;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        // A report holds what people typed in: no browser shall show it as a page of ours.
        .insert_header((header::CONTENT_DISPOSITION, "attachment"))
        .body(SizedStream::new(size, parts(file, size))))
}

/// The first `left` octets of a file. One that has become shorter meanwhile ends in an error, and with it the
/// answer, rather than in an answer that looks whole.
fn parts(file: File, left: u64) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    stream::try_unfold((file, left), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let next = spawn_blocking(move || {
            let mut part = vec![0; PART.min(usize::try_from(left).unwrap_or(PART))];
            let length = file.read(&mut part)?;
            part.truncate(length);
            Ok::<_, std::io::Error>((part, file))
        });
        let (part, file) = next.await.map_err(std::io::Error::other)??;
        if part.is_empty() {
            return Err(std::io::Error::other("the file became shorter while it was read"));
        }
        let left = left - part.len() as u64;
        Ok(Some((Bytes::from(part), (file, left))))
    })
}

/// Changes a file and notes it. It finishes also when the caller has gone meanwhile: a file that is changed and not
/// noted is worse than an answer that nobody reads.
async fn change<T: Send + 'static>(
    call: &Call,
    act: impl Future<Output = Result<(T, NewAuditEntry), ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let store = call.store.clone();
    tokio::spawn(async move { store.noting(act).await }).await?
}

/// What the audit log says of an act on a file.
fn noted(act: Act, place: &Place) -> NewAuditEntry {
    NewAuditEntry::new(act, Subject::new(SubjectKind::File, &*place.path))
}

async fn delete(place: Place, call: &Call) -> Result<HttpResponse, ApiError> {
    let path = place.path.clone();
    let entry = noted(Act::Delete, &place);
    let delete = async move {
        spawn_blocking(move || Ok::<_, ApiError>(fs::remove_file(place.existing()?)?)).await??;
        Ok(((), entry))
    };
    change(call, delete).await?;
    call.note(format_args!("file {path:?} deleted"));
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_once() {
        for (path, expected) in [
            ("in/hr.csv", Some("in/hr.csv")),
            ("in%2Fhr.csv", Some("in/hr.csv")),
            ("100%25.csv", Some("100%.csv")),
            ("%252e%252e", Some("%2e%2e")),
            ("a+b%2Bc", Some("a+b+c")),
            ("50%", Some("50%")),
            ("a%00b", None),
            ("a%ff", None),
            ("a\u{fffd}", None),
        ] {
            assert_eq!(decode(path).ok().as_deref(), expected, "{path}");
        }
    }
}
