//! A server that answers with whatever octets a test says, over kept connections, and counts these.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::HOST_NAME;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    /// Method and path.
    pub start: String,
    /// Headers by their names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These octets, and the connection is kept.
    Keep(Vec<u8>),
    /// These octets, and the connection is closed.
    Close(Vec<u8>),
    /// These octets, and the connection stays open without another.
    Stall(Vec<u8>),
    /// These octets, and then others again and again for as long as anybody takes them.
    Endless(Vec<u8>, &'static [u8]),
    /// The same, with a pause before each time.
    Dripping(Vec<u8>, &'static [u8]),
}

/// A good answer.
pub(crate) fn ok(body: &str) -> Reply {
    Reply::Keep(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

type Answering = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

#[derive(Debug, Default)]
struct Seen {
    accepted: AtomicUsize,
    received: Mutex<Vec<Received>>,
}

/// A server. Its threads end with the test's process.
pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Seen>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen("http", None, Arc::new(answer))
    }

    /// The same over TLS.
    pub(crate) fn start_tls(config: ServerConfig) -> Self {
        Self::listen("https", Some(Arc::new(config)), Arc::new(|_| ok("safe")))
    }

    fn listen(scheme: &'static str, tls: Option<Arc<ServerConfig>>, answer: Answering) -> Self {
        let listener = TcpListener::bind((HOST_NAME, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Seen> = Arc::default();
        let kept = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                kept.accepted.fetch_add(1, Ordering::SeqCst);
                let (tls, kept, answer) = (tls.clone(), Arc::clone(&kept), Arc::clone(&answer));
                // Who goes away in the midst of it is no fault of the server.
                thread::spawn(move || match tls {
                    None => serve(stream, &kept, &answer),
                    Some(config) => {
                        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
                        serve(StreamOwned::new(connection, stream), &kept, &answer)
                    }
                });
            }
        });
        Self { address, scheme, seen }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// How many connections were made.
    pub(crate) fn accepted(&self) -> usize {
        self.seen.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.seen.received.lock().unwrap().clone()
    }
}

fn serve(stream: impl Conversation, seen: &Seen, answer: &Answering) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader)? {
        seen.received.lock().unwrap().push(request.clone());
        let stream = reader.get_mut();
        match answer(&request) {
            Reply::Keep(octets) => stream.write_all(&octets).and_then(|()| stream.flush())?,
            Reply::Close(octets) => {
                stream.write_all(&octets)?;
                return stream.flush();
            }
            Reply::Stall(octets) => {
                stream.write_all(&octets).and_then(|()| stream.flush())?;
                thread::sleep(Duration::from_secs(600));
            }
            Reply::Endless(octets, others) => {
                stream.write_all(&octets)?;
                loop {
                    stream.write_all(others)?;
                }
            }
            Reply::Dripping(octets, others) => {
                stream.write_all(&octets)?;
                loop {
                    thread::sleep(Duration::from_millis(20));
                    stream.write_all(others)?;
                }
            }
        }
    }
    Ok(())
}

trait Conversation: Read + Write {}
impl Conversation for TcpStream {}
impl Conversation for StreamOwned<ServerConnection, TcpStream> {}

fn read(reader: &mut impl BufRead) -> io::Result<Option<Received>> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).map(|_| line.trim_end().to_owned())
    };
    let start = line()?.trim_end_matches(" HTTP/1.1").to_owned();
    if start.is_empty() {
        return Ok(None);
    }
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = line()?.split_once(':') {
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Received { start, headers, body }))
}
