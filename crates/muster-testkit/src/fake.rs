//! An API that answers what a test says: well, badly, or not at all. It keeps what it was asked.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::Value as Json;

use crate::receiver::{Received, read};

/// What stands before each path, as APIs seldom begin where their host does.
const PREFIX: &str = "/api";

/// A request that came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// As `GET`.
    pub method: String,
    /// Behind the URL of the API, as `/users`.
    pub path: String,
    /// Decoded.
    pub query: BTreeMap<String, String>,
    /// Headers by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body; null where it is no JSON.
    pub body: Json,
    /// The body as it came.
    pub text: String,
}

/// What is answered.
pub enum Reply {
    /// A status, headers and a body; with 204 it has none.
    Json(u16, Vec<(&'static str, String)>, Json),
    /// These octets, and the connection is closed.
    Raw(Vec<u8>),
    /// Nothing, and the connection stays open.
    Nothing,
}

/// A good answer.
#[must_use]
pub fn ok(body: Json) -> Reply {
    Reply::Json(200, Vec::new(), body)
}

/// An API. Its threads end with the test's process.
pub struct Fake {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// An API that answers as it is told.
    ///
    /// # Panics
    /// When this machine has no port.
    #[must_use]
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (kept, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                // Who goes away in the midst of it is no fault of the API.
                thread::spawn(move || serve(&stream, &kept, &*answer));
            }
        });
        Self { address, asked }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{PREFIX}", self.address)
    }

    /// All that was asked for.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same as methods and paths.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }

    /// Forgets what was asked so far.
    pub fn forget(&self) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Asked {
    fn of(received: Received) -> Option<Self> {
        let (method, target) = received.start.split_once(' ')?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        Some(Self {
            method: method.to_owned(),
            path: path.trim_start_matches(PREFIX).to_owned(),
            query: query.map(|(name, value)| (name.to_owned(), decoded(value))).collect(),
            body: serde_json::from_slice(&received.body).unwrap_or_default(),
            text: String::from_utf8(received.body).expect("a text"),
            headers: received.headers,
        })
    }

    /// A number of the query; 0 where there is none.
    #[must_use]
    pub fn number(&self, name: &str) -> usize {
        self.query.get(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Method and path, for comparisons.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

fn serve(stream: &TcpStream, kept: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Reply) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(asked) = Asked::of(read(&mut reader)?) {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
        match answer(&asked) {
            Reply::Json(status, headers, body) => {
                let body = if status == 204 { String::new() } else { body.to_string() };
                write!(writer, "HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n", body.len())?;
                for (name, value) in headers {
                    write!(writer, "{name}: {value}\r\n")?;
                }
                write!(writer, "\r\n{body}")?;
            }
            Reply::Raw(octets) => return writer.write_all(&octets),
            Reply::Nothing => loop {
                thread::park();
            },
        }
    }
    Ok(())
}

fn decoded(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        match octet {
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                octets.push(u8::from_str_radix(&hex, 16).expect("two digits"));
            }
            octet => octets.push(octet),
        }
    }
    String::from_utf8(octets).expect("a text")
}
