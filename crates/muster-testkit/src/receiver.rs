//! Somebody outside who is called: takes requests over HTTP on this machine, keeps them, and answers whatever the test
//! says, well or badly.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Method and path.
    pub start: String,
    /// Headers by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// This status, with these further lines of the head.
    Status(u16, &'static str),
    /// A good head, and a body that begins and never ends, without another octet.
    Stalling,
    /// A good head, and a body of so many octets.
    Long(u64),
}

/// A receiver, until it is dropped.
pub struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    /// Connections whose answers never end.
    _open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Receiver {
    /// A receiver that answers the requests by their number, from 0.
    ///
    /// # Panics
    /// When this machine has no port.
    #[must_use]
    pub fn start(reply: impl Fn(usize) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (keeping, holding) = (Arc::clone(&received), Arc::clone(&open));
        // It waits for the next request when the test ends, and ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(request) = read(&mut BufReader::new(&stream)) else { continue };
                let number = {
                    let mut kept = keeping.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push(request);
                    kept.len() - 1
                };
                let reply = reply(number);
                let _ = answer(&stream, &reply);
                if matches!(reply, Reply::Stalling) {
                    holding.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
                }
            }
        });
        Self { address, received, _open: open }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has come so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads one request; an empty one where there is none.
pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Received> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).map(|_| line.trim_end().to_owned())
    };
    let start = line()?.trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let next = line()?;
        let Some((name, value)) = next.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Received { start, headers, body })
}

fn answer(mut stream: &TcpStream, reply: &Reply) -> io::Result<()> {
    match reply {
        Reply::Status(status, lines) => {
            write!(
                stream,
                "HTTP/1.1 {status} Said\r\nconnection: close\r\n{lines}content-length: 2\r\n\r\nok"
            )
        }
        Reply::Stalling => write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nbegin"),
        Reply::Long(length) => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n")?;
            io::copy(&mut io::repeat(b'x').take(*length), &mut stream).map(|_| ())
        }
    }
}
