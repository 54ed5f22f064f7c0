//! An API that answers what a test says: well, badly, or not at all. It keeps what it was asked.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value as Json, json};

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Decoded.
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Json,
    pub(crate) text: String,
}

impl Asked {
    /// A number of the query.
    pub(crate) fn number(&self, name: &str) -> usize {
        self.query.get(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Method and path, for comparisons.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What is answered.
pub(crate) enum Reply {
    Json(u16, Vec<(&'static str, String)>, Json),
    /// These octets, and the connection is closed.
    Raw(Vec<u8>),
    /// Nothing, and the connection stays open.
    Nothing,
}

/// A good answer.
pub(crate) fn ok(body: Json) -> Reply {
    Reply::Json(200, Vec::new(), body)
}

/// A refusal.
pub(crate) fn refusal(status: u16, message: &str) -> Reply {
    Reply::Json(status, Vec::new(), json!({"error": {"message": message}}))
}

/// Somebody.
pub(crate) fn person(number: usize) -> Json {
    json!({"id": format!("k{number}"), "name": format!("u{number}"), "active": true})
}

/// Some people, from one to another.
pub(crate) fn people(from: usize, to: usize) -> Vec<Json> {
    (from..=to).map(person).collect()
}

type Answering = Box<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// An API. Its threads end with the test's process.
pub(crate) struct Fake {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// An API that answers as it is told.
    pub(crate) fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let kept = Arc::clone(&asked);
        let answer: Arc<Answering> = Arc::new(Box::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                // Who goes away in the midst of it is no fault of the API.
                thread::spawn(move || serve(&stream, &kept, &answer));
            }
        });
        Self { port, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api", self.port)
    }

    /// All that was asked for.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The same as methods and paths.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }
}

fn serve(stream: &TcpStream, kept: &Mutex<Vec<Asked>>, answer: &Answering) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(asked) = read(&mut reader)? {
        kept.lock().unwrap().push(asked.clone());
        match answer(&asked) {
            Reply::Json(status, headers, body) => {
                let body = if status == 204 { String::new() } else { body.to_string() };
                write!(writer, "HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n", body.len())?;
                for (name, value) in headers {
                    write!(writer, "{name}: {value}\r\n")?;
                }
                write!(writer, "\r\n{body}")?;
            }
            Reply::Raw(octets) => {
                writer.write_all(&octets)?;
                return Ok(());
            }
            Reply::Nothing => loop {
                thread::park();
            },
        }
    }
    Ok(())
}

fn read(reader: &mut impl BufRead) -> io::Result<Option<Asked>> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).map(|_| line.trim_end().to_owned())
    };
    let start = line()?;
    let mut words = start.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = line()?.split_once(':') {
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    Ok(Some(Asked {
        method: method.to_owned(),
        path: path.trim_start_matches("/api").to_owned(),
        query: query.map(|(name, value)| (name.to_owned(), decoded(value))).collect(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        text: String::from_utf8(body).unwrap(),
    }))
}

fn decoded(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        match octet {
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                octets.push(u8::from_str_radix(&hex, 16).unwrap());
            }
            octet => octets.push(octet),
        }
    }
    String::from_utf8(octets).unwrap()
}
