//! What has changed, by the content synchronization of RFC 4533 as OpenLDAP's `syncprov` has it: entries that are there,
//! and who is gone by `entryUUID`. A server that can only list who is left has forgotten too much: then everything has to
//! be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::text::shown;
use muster_connector::{
    BadEntry, ChangeToken, ConnectorError, Cursor, Entry, GoneEntry, Page, PageSize, Snapshot, Step, Sweep,
    SweepEnd,
};

use crate::ber::{Malformed, Reader, Writer, tag};
use crate::changes::{Since, token};
use crate::fault::limit_reached;
use crate::layout::{Layout, NO_PLACE, uuid_text};
use crate::link::Answers;
use crate::message::{Control, Message, Request, Search, code};
use crate::system::{Next, System, control, next_of};

/// More deletions than this are not told one by one: everything is read instead.
const MOST_GONE: usize = 2_000_000;

/// A read of changes that goes on.
pub(crate) struct SyncSweep {
    system: Arc<System>,
    layout: Arc<Layout>,
    answers: Answers,
    page_size: PageSize,
    cookie: Vec<u8>,
    /// Who is gone, unless told to be there later.
    gone: BTreeSet<[u8; 16]>,
    refers: Option<String>,
    end: Option<SweepEnd>,
    /// Why it cannot go on: what follows in the stream makes up for nothing.
    failed: Option<ConnectorError>,
    count: u64,
}

/// What a message about the refreshing says (RFC 4533 §2.5).
enum Said {
    Nothing,
    /// Who is left is listed, not who is gone.
    Present,
    Gone(Vec<[u8; 16]>),
}

impl SyncSweep {
    pub(crate) async fn begin(
        system: Arc<System>,
        layout: Arc<Layout>,
        cookie: Vec<u8>,
        page_size: PageSize,
    ) -> Result<Self, ConnectorError> {
        let link = system.connect().await?;
        let (base, scope, filter) = (&layout.base, layout.scope(), &layout.filter);
        let time_limit = 0;
        let search = Search { base, scope, filter, attributes: &layout.attributes, time_limit };
        let control = Control { oid: control::SYNC_REQUEST, critical: true, value: Some(refresh(&cookie)) };
        let answers = link.send(&Request::search(&search).with(control));
        let answers = answers.map_err(|error| system.lost("tell changes", &error))?;
        let (gone, refers, end, failed) = (BTreeSet::new(), None, None, None);
        Ok(Self { system, layout, answers, page_size, cookie, gone, refers, end, failed, count: 0 })
    }

    fn outdated(&self, problem: &str) -> ConnectorError {
        ConnectorError::Outdated {
            message: format!("{} cannot tell changes from there: {problem}", self.system.address()),
        }
    }

    /// Who is left may be listed only because the server keeps no log of deletions.
    fn no_log(&self) -> ConnectorError {
        self.outdated(
            "it does not know any more who is gone; everything is read (in OpenLDAP a larger `syncprov-sessionlog` helps)",
        )
    }

    fn read(&mut self, message: &Message) -> Result<Option<Entry>, ConnectorError> {
        let garbled = |error| self.system.garbled("tell changes", error);
        let state = message.control(control::SYNC_STATE).and_then(|state| {
            let mut state = Reader::new(state.ok_or(Malformed("an entry comes without its state"))?);
            let mut state = state.nested(tag::SEQUENCE)?;
            Ok((state.integer(tag::ENUMERATED)?, uuid(state.expect(tag::OCTETS)?)?))
        });
        let (state, uuid) = state.map_err(garbled)?;
        match state {
            0 => Err(self.no_log()),
            1 | 2 => {
                self.gone.remove(&uuid);
                let entry = self.system.account(message).map(|entry| self.layout.read(&entry, Vec::new()));
                Ok(Some(entry.unwrap_or_else(|error| {
                    let message =
                        format!("{} gave an entry that cannot be read: {error}", self.system.address());
                    Entry::Bad(BadEntry { place: NO_PLACE, uid: Some(uuid_text(uuid)), message })
                })))
            }
            3 => {
                self.gone.insert(uuid);
                Ok(None)
            }
            _ => Err(garbled(Malformed("an entry has a state that there is not"))),
        }
    }

    fn heed(&mut self, message: &Message) -> Result<(), ConnectorError> {
        match said(message).map_err(|error| self.system.garbled("tell changes", error))? {
            Said::Nothing => Ok(()),
            Said::Present => Err(self.no_log()),
            Said::Gone(gone) => {
                self.gone.extend(gone);
                match self.gone.len() > MOST_GONE {
                    true => Err(self.outdated("too many are gone")),
                    false => Ok(()),
                }
            }
        }
    }

    fn done(&mut self, message: &Message) -> Result<(), ConnectorError> {
        let garbled = |error| self.system.garbled("tell changes", error);
        let (cookie, deletes) = sync_done(message).map_err(garbled)?;
        let has_moved = cookie.as_ref().is_some_and(|cookie| *cookie != self.cookie);
        // Without deletes it ends a list of who is left, unless nothing has happened at all.
        if !deletes && (has_moved || self.count > 0) {
            return Err(self.no_log());
        }
        let cookie = cookie.unwrap_or_else(|| self.cookie.clone());
        let token: ChangeToken = token(&self.layout, &Since::Cookie(cookie));
        self.end = Some(match (&self.refers, self.system.settings().ignore_referrals) {
            (Some(there), false) => SweepEnd::CutShort {
                reason: format!(
                    "{} says that further entries are held at {}, which is not followed",
                    self.system.address(),
                    shown(there)
                ),
            },
            _ => SweepEnd::Complete { token: Some(token) },
        });
        Ok(())
    }

    /// Reads until a page is full or all has come.
    async fn fill(&mut self, size: usize) -> Result<Vec<Entry>, ConnectorError> {
        let mut entries = Vec::new();
        let until = self.system.deadline();
        while entries.len() < size && self.end.is_none() {
            let next = next_of(&mut self.answers, until).await;
            match next.map_err(|error| self.system.lost("tell changes", &error))? {
                Next::Entry(message) => {
                    self.count += 1;
                    entries.extend(self.read(&message)?);
                }
                Next::Other(message) => self.heed(&message)?,
                Next::References(found) => self.refers = self.refers.take().or(found.into_iter().next()),
                Next::Done(message, outcome) => match outcome.code {
                    code::SUCCESS => self.done(&message)?,
                    code::REFRESH_REQUIRED => return Err(self.outdated("it asks for everything to be read")),
                    // A cookie that is none of this server's.
                    2 | 12 | 53 => return Err(self.outdated(&shown(&outcome.text))),
                    _ if limit_reached(&outcome).is_some() => {
                        let reason = limit_reached(&outcome).unwrap_or_default();
                        let reason = format!("{} did not tell all changes: {reason}", self.system.address());
                        self.end = Some(SweepEnd::CutShort { reason });
                    }
                    _ => return Err(self.system.unreadable(&self.layout.base, &outcome)),
                },
            }
        }
        if matches!(self.end, Some(SweepEnd::Complete { .. })) {
            while entries.len() < size {
                let Some(gone) = self.gone.pop_first() else { break };
                entries.push(Entry::Gone(GoneEntry { place: NO_PLACE, uid: uuid_text(gone) }));
            }
        }
        Ok(entries)
    }
}

#[async_trait]
impl Sweep for SyncSweep {
    fn snapshot(&self) -> Option<Snapshot> {
        None
    }

    async fn next(&mut self) -> Result<Step, ConnectorError> {
        let size = self.page_size.get().min(self.system.settings().page_size);
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let filled = self.fill(size).await;
        let entries = filled.inspect_err(|error| self.failed = Some(error.clone()))?;
        match &self.end {
            Some(end) if entries.is_empty() => Ok(Step::End(end.clone())),
            _ => {
                let cursor = Cursor(self.count.to_string());
                Ok(Step::Page(Page { entries, cursor, estimated_total: None }))
            }
        }
    }
}

/// Asks for what has changed since the cookie, and for nothing after that.
fn refresh(cookie: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.nested(tag::SEQUENCE, |inner| {
        inner.integer(tag::ENUMERATED, 1);
        inner.octets(tag::OCTETS, cookie);
    });
    writer.into_octets()
}

fn uuid(octets: &[u8]) -> Result<[u8; 16], Malformed> {
    octets.try_into().map_err(|_| Malformed("an `entryUUID` has not sixteen octets"))
}

/// The cookie to go on with, and whether all who are gone were told.
fn sync_done(message: &Message) -> Result<(Option<Vec<u8>>, bool), Malformed> {
    let Some(value) = message.control(control::SYNC_DONE)? else {
        return Err(Malformed("the end of the changes comes without a cookie"));
    };
    let mut value = Reader::new(value).nested(tag::SEQUENCE)?;
    let cookie = value.optional(tag::OCTETS)?.map(<[u8]>::to_vec);
    let deletes = value.optional(tag::BOOLEAN)?.is_some_and(|flag| flag != [0]);
    Ok((cookie, deletes))
}

fn said(message: &Message) -> Result<Said, Malformed> {
    let mut body = Reader::new(message.body());
    body.optional(0x80)?;
    let Some(value) = body.optional(0x81)? else { return Ok(Said::Nothing) };
    match Reader::new(value).value()? {
        (0x80 | 0xa1, _) => Ok(Said::Nothing),
        (0xa2, _) => Ok(Said::Present),
        (0xa3, set) => {
            let mut set = Reader::new(set);
            set.optional(tag::OCTETS)?;
            let deletes = set.optional(tag::BOOLEAN)?.is_some_and(|flag| flag != [0]);
            if !deletes {
                return Ok(Said::Present);
            }
            let mut uuids = set.nested(tag::SET)?;
            let mut gone = Vec::new();
            while !uuids.is_empty() {
                gone.push(uuid(uuids.expect(tag::OCTETS)?)?);
            }
            Ok(Said::Gone(gone))
        }
        _ => Ok(Said::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(tag: u8, body: &[u8], controls: &[u8]) -> Message {
        let mut writer = Writer::default();
        writer.nested(tag::SEQUENCE, |inner| {
            inner.integer(tag::INTEGER, 1);
            inner.octets(tag, body);
            inner.octets(0xa0, controls);
        });
        Message::parse(writer.into_octets()).unwrap()
    }

    fn set(deletes: bool) -> Message {
        let mut value = Writer::default();
        value.nested(0xa3, |set| {
            set.boolean(tag::BOOLEAN, deletes);
            set.nested(tag::SET, |uuids| uuids.octets(tag::OCTETS, &[7; 16]));
        });
        let mut body = Writer::default();
        body.octets(0x81, &value.into_octets());
        message(0x79, &body.into_octets(), &[])
    }

    #[test]
    fn who_is_gone_is_told_from_who_is_left() {
        assert!(matches!(said(&set(true)), Ok(Said::Gone(gone)) if gone == [[7; 16]]));
        assert!(matches!(said(&set(false)), Ok(Said::Present)));
    }

    proptest! {
        #[test]
        fn reading_what_somebody_made_up_never_panics(body: Vec<u8>, controls: Vec<u8>) {
            let message = message(0x79, &body, &controls);
            let _ = (said(&message), sync_done(&message), uuid(&body));
        }
    }
}
