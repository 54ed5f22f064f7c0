//! A server that says whatever a test has it say, octet by octet.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use muster_connector::Properties;

use crate::support::{at_port, with};

/// What is done about a page that is asked for; the number of the page counts from 0.
pub(crate) type Answer = fn(&mut TcpStream, i64, usize);

/// A value of BER.
pub(crate) fn ber(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut octets = vec![tag];
    match length {
        0..=0x7f => octets.push(length as u8),
        _ => octets.extend([
            0x84,
            (length >> 24) as u8,
            (length >> 16) as u8,
            (length >> 8) as u8,
            length as u8,
        ]),
    }
    octets.extend_from_slice(content);
    octets
}

fn message(id: i64, parts: &[Vec<u8>]) -> Vec<u8> {
    let id = ber(2, &(id as i32).to_be_bytes());
    ber(0x30, &[id, parts.concat()].concat())
}

/// An entry of a search.
pub(crate) fn entry(id: i64, dn: &str, attributes: &[(&str, &[u8])]) -> Vec<u8> {
    let one = |(name, value): &(&str, &[u8])| {
        ber(0x30, &[ber(4, name.as_bytes()), ber(0x31, &ber(4, value))].concat())
    };
    let attributes: Vec<u8> = attributes.iter().flat_map(one).collect();
    message(id, &[ber(0x64, &[ber(4, dn.as_bytes()), ber(0x30, &attributes)].concat())])
}

/// The end of a search, with the cookie of the next page and a guess of how many entries there are.
pub(crate) fn done(id: i64, code: u8, cookie: &[u8]) -> Vec<u8> {
    let result = ber(0x65, &[ber(10, &[code]), ber(4, b""), ber(4, b"")].concat());
    let value = ber(0x30, &[ber(2, &[0x7f, 0xff]), ber(4, cookie)].concat());
    let control = ber(0x30, &[ber(4, b"1.2.840.113556.1.4.319"), ber(4, &value)].concat());
    message(id, &[result, ber(0xa0, &control)])
}

/// A person as the tests ask for it.
pub(crate) fn person(id: i64, uid: &str) -> Vec<u8> {
    let dn = format!("uid={uid},dc=example,dc=org");
    entry(id, &dn, &[("uid", uid.as_bytes()), ("displayName", b"text")])
}

/// Serves until the test ends, and answers the searches for accounts; answers properties to connect with.
pub(crate) fn serve(answer: Answer) -> Properties {
    serve_with(&["1.2.840.113556.1.4.319"], answer)
}

/// The same, with these controls.
pub(crate) fn serve_with(controls: &'static [&'static str], answer: Answer) -> Properties {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || talk(stream, controls, answer));
        }
    });
    with(&at_port(port), &[("changes", "NONE")])
}

fn talk(mut stream: TcpStream, controls: &[&str], answer: Answer) {
    let mut pages = 0;
    let mut head = [0; 2];
    while stream.read_exact(&mut head).is_ok() {
        let length = match head[1] {
            length @ 0..=0x7f => usize::from(length),
            length => {
                let mut octets = vec![0; usize::from(length & 0x7f)];
                stream.read_exact(&mut octets).unwrap();
                octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet))
            }
        };
        let mut octets = vec![0; length];
        stream.read_exact(&mut octets).unwrap();
        let id_end = 2 + usize::from(octets[1]);
        let id = octets[2..id_end].iter().fold(0, |id, octet| id << 8 | i64::from(*octet));
        let asks = |word: &[u8]| octets.windows(word.len()).any(|window| window == word);
        let told = if octets[id_end] != 0x63 {
            Vec::new()
        } else if asks(b"supportedControl") {
            let controls: Vec<_> = controls.iter().map(|oid| ("supportedControl", oid.as_bytes())).collect();
            [entry(id, "", &controls), done(id, 0, b"")].concat()
        } else if asks(b"attributeTypes") {
            done(id, 32, b"")
        } else {
            pages += 1;
            answer(&mut stream, id, pages - 1);
            continue;
        };
        if stream.write_all(&told).is_err() {
            return;
        }
    }
}
