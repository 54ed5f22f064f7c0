//! A search that is read piece by piece, by paged results (RFC 2696) where the server has them. A server that repeats
//! itself, or never ends, is found out.

use std::collections::HashSet;
use std::sync::Arc;

use muster_connector::ConnectorError;
use muster_connector::text::shown;
use tokio::time::Instant;

use crate::ber::{Malformed, Reader, Writer, tag};
use crate::fault::{limit_reached, transient};
use crate::filter::Filter;
use crate::link::{Answers, Link, LinkError};
use crate::message::{Control, Message, Outcome, Request, Scope, Search, code};
use crate::system::{MOST_REFERENCES, Next, System, control, next_of};

/// So many pages without an entry in a row come from no sound server.
const MOST_EMPTY: u32 = 1000;

/// What is searched for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) base: String,
    pub(crate) scope: Scope,
    pub(crate) filter: Filter,
    pub(crate) attributes: Vec<String>,
}

/// A search that goes on.
pub(crate) struct Pages {
    system: Arc<System>,
    link: Arc<Link>,
    wanted: Wanted,
    way: Way,
    seen: HashSet<[u8; 16]>,
    empty: u32,
    references: Vec<String>,
}

/// How the search is divided.
enum Way {
    /// By the server; the cookie of the next page.
    Paged(Vec<u8>),
    /// By us, as it comes; `None` before it has begun.
    Streamed(Option<Answers>),
    Over,
}

/// A piece of a search.
#[derive(Default)]
pub(crate) struct Piece {
    pub(crate) entries: Vec<Message>,
    /// How the search ended, if it did.
    pub(crate) end: Option<PagesEnd>,
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PagesEnd {
    Whole,
    /// Not everything was read: why, and what to do.
    Short(String),
}

/// What a page was answered with.
struct Fetched {
    entries: Vec<Message>,
    references: Vec<String>,
    cookie: Vec<u8>,
    outcome: Outcome,
}

impl Pages {
    pub(crate) async fn begin(system: Arc<System>, wanted: Wanted) -> Result<Self, ConnectorError> {
        let link = system.connect().await?;
        let way = match system.offered.has(control::PAGED) {
            true => Way::Paged(Vec::new()),
            false => Way::Streamed(None),
        };
        let (seen, references) = (HashSet::new(), Vec::new());
        Ok(Self { system, link, wanted, way, seen, empty: 0, references })
    }

    fn request(&self) -> Request {
        let Wanted { base, scope, filter, attributes } = &self.wanted;
        let time_limit = self.system.seconds();
        Request::search(&Search { base, scope: *scope, filter, attributes, time_limit })
    }

    /// The next entries, `size` at most.
    pub(crate) async fn next(&mut self, size: usize) -> Result<Piece, ConnectorError> {
        let fetched = match &mut self.way {
            Way::Over => return Ok(Piece { entries: Vec::new(), end: Some(PagesEnd::Whole) }),
            // The cookie stays until its page has come: who asks again asks for the same page.
            Way::Paged(cookie) => {
                let value = Some(paged_value(size, cookie));
                let request = self.request().with(Control { oid: control::PAGED, critical: true, value });
                self.page(&request, size).await?
            }
            Way::Streamed(None) => {
                let answers = self.link.send(&self.request());
                let answers = answers.map_err(|error| self.system.lost("search", &error))?;
                self.way = Way::Streamed(Some(answers));
                return Box::pin(self.next(size)).await;
            }
            Way::Streamed(Some(answers)) => {
                let until = self.system.deadline();
                let read = stream(answers, size, until).await;
                match read.map_err(|error| self.system.lost("search", &error))? {
                    (entries, references, None) => {
                        self.refer(references);
                        return Ok(Piece { entries, end: None });
                    }
                    (entries, references, Some(outcome)) => {
                        Fetched { entries, references, cookie: Vec::new(), outcome }
                    }
                }
            }
        };
        self.judge(fetched)
    }

    async fn page(&self, request: &Request, size: usize) -> Result<Fetched, ConnectorError> {
        let make = || async {
            let fetched = fetch(&self.link, request, size, self.system.deadline()).await;
            let fetched = fetched.map_err(|error| self.system.lost("search", &error))?;
            match limit_reached(&fetched.outcome) {
                Some(_) => Ok(fetched),
                None => self.system.may_pass("search", &fetched.outcome).map_or(Ok(fetched), Err),
            }
        };
        self.system.opening.host.pace.call(make).await
    }

    fn refer(&mut self, references: Vec<String>) {
        self.references.extend(references);
        self.references.truncate(MOST_REFERENCES);
    }

    fn judge(&mut self, fetched: Fetched) -> Result<Piece, ConnectorError> {
        let Fetched { entries, references, cookie, outcome } = fetched;
        self.refer(references);
        if let Some(limit) = limit_reached(&outcome) {
            self.way = Way::Over;
            let reason = format!(
                "{} did not give all entries below `{}`: {limit}",
                self.system.address(),
                self.wanted.base
            );
            return Ok(Piece { entries, end: Some(PagesEnd::Short(reason)) });
        }
        if outcome.code != code::SUCCESS {
            return Err(self.system.unreadable(&self.wanted.base, &outcome));
        }
        if cookie.is_empty() {
            self.way = Way::Over;
            return Ok(Piece { entries, end: Some(self.referred()) });
        }
        self.found_out(&entries)?;
        self.way = Way::Paged(cookie);
        Ok(Piece { entries, end: None })
    }

    /// Refuses a page that came before, and a server that never ends.
    fn found_out(&mut self, entries: &[Message]) -> Result<(), ConnectorError> {
        let address = self.system.address();
        if entries.is_empty() {
            self.empty += 1;
            return match self.empty > MOST_EMPTY {
                true => Err(transient(format!("{address} gives pages without entries and does not end"))),
                false => Ok(()),
            };
        }
        self.empty = 0;
        let mut hasher = blake3::Hasher::new();
        for entry in entries {
            hasher.update(entry.body());
        }
        match self.seen.insert(short(&hasher)) {
            true => Ok(()),
            false => Err(transient(format!(
                "{address} gave the same page of entries again; it does not do paged results as RFC 2696 has them"
            ))),
        }
    }

    fn referred(&self) -> PagesEnd {
        match self.references.first() {
            Some(first) if !self.system.settings().ignore_referrals => PagesEnd::Short(format!(
                "{} says that further entries are held at {}, which is not followed: make an application for that \
                 server, narrow `baseDn`, or set `ignoreReferrals`",
                self.system.address(),
                shown(first)
            )),
            Some(_) | None => PagesEnd::Whole,
        }
    }
}

/// Sixteen octets of a digest.
pub(crate) fn short(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

fn paged_value(size: usize, cookie: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.nested(tag::SEQUENCE, |inner| {
        inner.integer(tag::INTEGER, i64::try_from(size).unwrap_or(i64::from(i32::MAX)));
        inner.octets(tag::OCTETS, cookie);
    });
    writer.into_octets()
}

fn cookie_of(done: &Message) -> Result<Vec<u8>, Malformed> {
    let Some(value) = done.control(control::PAGED)? else { return Ok(Vec::new()) };
    let mut value = Reader::new(value).nested(tag::SEQUENCE)?;
    // How many there are in all: a guess of the server that nothing depends on.
    value.integer(tag::INTEGER)?;
    Ok(value.expect(tag::OCTETS)?.to_vec())
}

async fn fetch(
    link: &Arc<Link>,
    request: &Request,
    size: usize,
    until: Instant,
) -> Result<Fetched, LinkError> {
    let mut answers = link.send(request)?;
    let (mut entries, mut references) = (Vec::with_capacity(size.min(1000)), Vec::new());
    loop {
        match next_of(&mut answers, until).await? {
            Next::Entry(_) if entries.len() == size => {
                return Err(Malformed("a page has more entries than were asked for").into());
            }
            Next::Entry(entry) => entries.push(entry),
            Next::References(found) => {
                references.extend(found);
                references.truncate(MOST_REFERENCES);
            }
            Next::Other(_) => {}
            Next::Done(done, outcome) => {
                return Ok(Fetched { entries, references, cookie: cookie_of(&done)?, outcome });
            }
        }
    }
}

type Streamed = (Vec<Message>, Vec<String>, Option<Outcome>);

async fn stream(answers: &mut Answers, size: usize, until: Instant) -> Result<Streamed, LinkError> {
    let (mut entries, mut references) = (Vec::new(), Vec::new());
    while entries.len() < size {
        match next_of(answers, until).await? {
            Next::Entry(entry) => entries.push(entry),
            Next::References(found) => {
                references.extend(found);
                references.truncate(MOST_REFERENCES);
            }
            Next::Other(_) => {}
            Next::Done(_, outcome) => return Ok((entries, references, Some(outcome))),
        }
    }
    Ok((entries, references, None))
}
