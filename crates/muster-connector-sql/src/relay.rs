//! Between the library and a PostgreSQL server: the library can neither be given a connection that was made by the
//! rules of the egress, nor does it limit what a server sends. So it talks to a socket in a directory that nobody else
//! may enter, and what it says there is carried to the server, over a connection that is checked and encrypted already.
//! What comes back is carried as well, as long as it is of a size that can be borne.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::caps::{ANSWER_OCTETS, MESSAGE_OCTETS};

/// A connection to a server, encrypted or not.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<W: AsyncRead + AsyncWrite + Send + Unpin> Wire for W {}

/// What is read at once.
const CHUNK: usize = 64 * 1024;

/// One connection that is carried. It ends when this is dropped.
pub(crate) struct Relay {
    directory: TempDir,
    reason: Arc<OnceLock<String>>,
    /// The one task that carries; aborted with this.
    _carrier: JoinSet<()>,
}

impl Relay {
    /// Waits for the library at a socket, and carries what it says.
    pub(crate) fn begin(wire: Box<dyn Wire>, port: u16) -> io::Result<Self> {
        let owner_alone = std::fs::Permissions::from_mode(0o700);
        let directory = tempfile::Builder::new().prefix("muster-sql-").permissions(owner_alone).tempdir()?;
        let listener = UnixListener::bind(directory.path().join(format!(".s.PGSQL.{port}")))?;
        let reason = Arc::new(OnceLock::new());
        let mut carrier = JoinSet::new();
        let why = Arc::clone(&reason);
        carrier.spawn(async move {
            if let Ok((near, _)) = listener.accept().await {
                drop(listener);
                carry(near, wire, &why).await;
            }
        });
        Ok(Self { directory, reason, _carrier: carrier })
    }

    /// Where the library finds the socket.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Why the connection was cut, if it was cut here.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }
}

async fn carry(near: UnixStream, far: Box<dyn Wire>, reason: &OnceLock<String>) {
    let (mut near_reader, mut near_writer) = split(near);
    let (mut far_reader, mut far_writer) = split(far);
    let answered = AtomicU64::new(0);
    let asks = async {
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = near_reader.read(&mut chunk).await?;
            if count == 0 {
                return far_writer.shutdown().await;
            }
            answered.store(0, Ordering::Relaxed);
            far_writer.write_all(&chunk[..count]).await?;
            far_writer.flush().await?;
        }
    };
    let answers = async {
        let (mut chunk, mut messages) = (vec![0; CHUNK], Messages::default());
        loop {
            let count = far_reader.read(&mut chunk).await?;
            if count == 0 {
                return io::Result::Ok(());
            }
            let before = answered.fetch_add(count as u64, Ordering::Relaxed);
            let too_much =
                (before > ANSWER_OCTETS).then(|| format!("its answer is longer than {ANSWER_OCTETS} octets"));
            if let Some(problem) = too_much.or_else(|| messages.pass(&chunk[..count])) {
                reason.get_or_init(|| problem);
                return Ok(());
            }
            near_writer.write_all(&chunk[..count]).await?;
        }
    };
    // Whichever side ends first ends both; why it ended the library finds out itself.
    tokio::select! {
        _ = asks => {}
        _ = answers => {}
    }
}

/// The borders of messages in what a server sends: a letter, a length that counts itself, and so much.
#[derive(Default)]
struct Messages {
    head: [u8; 5],
    known: usize,
    rest: u32,
}

impl Messages {
    /// Looks at what comes next; answers what is wrong with it.
    fn pass(&mut self, mut octets: &[u8]) -> Option<String> {
        while !octets.is_empty() {
            let skipped = octets.len().min(self.rest as usize);
            octets = &octets[skipped..];
            self.rest -= u32::try_from(skipped).unwrap_or(self.rest);
            while self.rest == 0 && !octets.is_empty() {
                self.head[self.known] = octets[0];
                self.known += 1;
                octets = &octets[1..];
                if self.known == self.head.len() {
                    self.known = 0;
                    let length = u32::from_be_bytes([self.head[1], self.head[2], self.head[3], self.head[4]]);
                    if !self.head[0].is_ascii_alphanumeric() || length < 4 {
                        return Some(
                            "what it answered is no PostgreSQL; correct `host` and `port`".to_owned(),
                        );
                    }
                    if length > MESSAGE_OCTETS {
                        return Some(format!(
                            "it sent a message of {length} octets; {MESSAGE_OCTETS} are the most"
                        ));
                    }
                    self.rest = length - 4;
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(letter: u8, length: u32) -> Vec<u8> {
        let body = vec![0; length.saturating_sub(4).min(100) as usize];
        [&[letter][..], &length.to_be_bytes(), &body].concat()
    }

    #[test]
    fn messages_are_told_apart_wherever_they_are_cut() {
        let sound = [message(b'R', 8), message(b'D', 90), message(b'1', 4), message(b'Z', 5)].concat();
        for size in 1..sound.len() {
            let mut messages = Messages::default();
            assert!(sound.chunks(size).all(|chunk| messages.pass(chunk).is_none()), "chunks of {size}");
            assert_eq!((messages.known, messages.rest), (0, 0));
        }
        for (wrong, says) in [
            (message(b'D', MESSAGE_OCTETS + 1), "are the most"),
            (message(b'D', u32::MAX), "are the most"),
            (message(b'D', 3), "no PostgreSQL"),
            (message(0, 8), "no PostgreSQL"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "are the most"),
        ] {
            let mut messages = Messages::default();
            let problem = wrong.chunks(3).find_map(|chunk| messages.pass(chunk)).unwrap();
            assert!(problem.contains(says), "{problem}");
        }
    }
}
