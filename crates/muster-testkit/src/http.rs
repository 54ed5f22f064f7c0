//! A client for tests: says to a server exactly what it is told to, right or wrong, and reads one answer.
//! Blocking, one connection a request.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

/// Who talks to a server, and as whom.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    authorization: Option<String>,
    patience: Duration,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// Somebody without credentials.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, authorization: None, patience: PATIENCE }
    }

    /// The same one with a user's name and password.
    #[must_use]
    pub fn with_user(&self, name: &str, password: &str) -> Self {
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        self.with_authorization(&format!("Basic {credentials}"))
    }

    /// The same one with a token.
    #[must_use]
    pub fn with_token(&self, text: &str) -> Self {
        self.with_authorization(&format!("Bearer {text}"))
    }

    /// The same one with this header `Authorization`.
    #[must_use]
    pub fn with_authorization(&self, header: &str) -> Self {
        Self { authorization: Some(header.to_owned()), ..self.clone() }
    }

    /// The same one, who waits so long for an answer.
    #[must_use]
    pub fn with_patience(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    /// A GET.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// A DELETE.
    #[must_use]
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], b"")
    }

    /// A POST without a body.
    #[must_use]
    pub fn post_nothing(&self, path: &str) -> Answer {
        self.send("POST", path, &[], b"")
    }

    /// A POST of JSON.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// A PUT of JSON.
    #[must_use]
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// Any request. The length of the body is announced unless the headers say it.
    ///
    /// # Panics
    /// When the server cannot be reached or does not answer in HTTP.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let answer = self.exchange(method, path, headers, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// A GET whose answer goes on: its lines, as they come, without those that only hold it together.
    ///
    /// # Panics
    /// When the server cannot be reached, or has nothing to say for a minute.
    pub fn listen(&self, path: &str, headers: &[(&str, &str)]) -> impl Iterator<Item = String> + use<> {
        let stream = self.ask("GET", path, headers, b"").unwrap_or_else(|error| panic!("{path}: {error}"));
        let lines = BufReader::new(stream).lines();
        let lines = lines.map(|line| line.unwrap_or_else(|error| panic!("the answer ends: {error}")));
        // Between the parts stand their lengths.
        lines.filter(|line| !line.is_empty() && !line.bytes().all(|digit| digit.is_ascii_hexdigit()))
    }

    /// Any request, to a server that may be gone or silent.
    ///
    /// # Errors
    /// When the server cannot be reached, does not answer in time, or not in HTTP.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        self.exchange(method, path, headers, body)
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut stream = self.ask(method, path, headers, body)?;
        let mut octets = Vec::new();
        match stream.read_to_end(&mut octets) {
            Err(error) if octets.is_empty() => return Err(error),
            _ => {}
        }
        parse(&octets)
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<TcpStream> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        if let Some(authorization) = &self.authorization {
            head.push_str(&format!("authorization: {authorization}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !headers.iter().any(|(name, _)| ["content-length", "transfer-encoding"].contains(name)) {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        stream.write_all(head.as_bytes())?;
        // A server may answer before it has read everything, and close: the answer counts.
        let _ = stream.write_all(body);
        Ok(stream)
    }
}

fn parse(octets: &[u8]) -> io::Result<Answer> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(|| bad("no head"))?;
    let head = str::from_utf8(&octets[..end]).map_err(|_| bad("the head is no text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|text| text.parse().ok());
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &octets[end + 4..];
    let body = match headers.get("transfer-encoding") {
        Some(_) => unchunk(rest).ok_or_else(|| bad("a chunk is cut short"))?,
        None => rest.to_vec(),
    };
    Ok(Answer { status: status.ok_or_else(|| bad("no status"))?, headers, body })
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let length = usize::from_str_radix(str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + length)?);
        rest = rest.get(end + 2 + length + 2..)?;
    }
}

impl Answer {
    /// The body as text.
    ///
    /// # Panics
    /// When it is no UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap_or_else(|_| panic!("no text: {:?}", self.body))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// This answer, if its status is the one given.
    ///
    /// # Panics
    /// When it is another.
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole_or_in_chunks() {
        let whole = parse(b"HTTP/1.1 404 Not Found\r\nAllow: GET, PUT\r\n\r\nhello").expect("reads");
        assert_eq!((whole.status, whole.header("allow"), whole.text()), (404, "GET, PUT", "hello"));
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).expect("reads").text(), "hello");
        assert!(parse(b"HTTP/1.1 200 OK\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhel").is_err());
    }
}
