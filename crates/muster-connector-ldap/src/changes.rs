//! What tells changes, and the tokens that say since when. A token is bound to what was asked for: with other settings it
//! is outdated.

use chrono::{DateTime, TimeDelta, Utc};
use muster_connector::{ChangeFeed, ChangeToken, ConnectorError, Snapshot};
use muster_model::attribute::{decode_base64, encode_base64};

use crate::dn::Dn;
use crate::filter::Filter;
use crate::layout::{Layout, parse_time, time_text};
use crate::message::{Control, Message, Scope, Search, code};
use crate::settings::Changes;
use crate::system::{System, control};

/// The attribute that says when an entry changed last.
pub(crate) const MODIFIED: &str = "modifyTimestamp";
/// A change may be seen by others a little after the instant that it is stamped with.
const OVERLAP: TimeDelta = TimeDelta::seconds(10);
/// For the newest change the last day is looked at first, and then all of the time.
const RECENT: TimeDelta = TimeDelta::days(1);
/// So many changed entries are looked at to find the newest.
const LOOKED_AT: u8 = 100;

/// How changes are learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    SyncRepl,
    Modified,
}

impl Method {
    fn word(self) -> &'static str {
        match self {
            Self::SyncRepl => "syncrepl",
            Self::Modified => "modified",
        }
    }
}

/// Where a feed of changes takes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Since {
    Cookie(Vec<u8>),
    Instant(DateTime<Utc>),
}

impl System {
    fn has_sync(&self) -> bool {
        self.offered.has(control::SYNC_REQUEST)
    }

    /// What can be promised, as the server says.
    pub(crate) fn feed(&self) -> ChangeFeed {
        match self.settings().changes {
            Changes::None => ChangeFeed::None,
            Changes::ModifyTimestamp => ChangeFeed::WithoutDeletes,
            Changes::Auto | Changes::SyncRepl if self.has_sync() => ChangeFeed::WithDeletes,
            Changes::Auto => ChangeFeed::WithoutDeletes,
            Changes::SyncRepl => ChangeFeed::None,
        }
    }

    /// How changes of a class are learnt; `None` where only a read of all accounts tells. Memberships that groups hold
    /// change without the accounts, and RFC 4533 tells who is gone by `entryUUID` alone.
    pub(crate) fn method(&self, layout: &Layout) -> Option<Method> {
        if layout.class.membership.is_some() {
            return None;
        }
        match self.feed() {
            ChangeFeed::None => None,
            ChangeFeed::WithoutDeletes => Some(Method::Modified),
            ChangeFeed::WithDeletes => {
                layout.key.eq_ignore_ascii_case("entryUUID").then_some(Method::SyncRepl)
            }
        }
    }

    /// What the server calls the state of the part of it that holds the base; `None` where it does not say.
    pub(crate) async fn state(&self, layout: &Layout) -> Result<Option<Vec<String>>, ConnectorError> {
        let base = &layout.settings.base;
        let contexts = self.offered.contexts.iter().filter_map(|context| Dn::parse(context).ok());
        // Of contexts within each other the inner one holds the base.
        let context = contexts.filter(|context| base.is_within(context)).max_by_key(|it| it.normal().len());
        let Some(context) = context.map(|context| context.to_string()) else { return Ok(None) };
        let attributes = ["contextCSN".to_owned()];
        let Some(found) = self.entry(&context, &Filter::present("objectClass"), &attributes).await? else {
            return Ok(None);
        };
        let found = self.raw(&found).map_err(|error| self.garbled("tell its state", error))?;
        let mut states = found.texts("contextCSN");
        states.sort_unstable();
        Ok((!states.is_empty()).then_some(states))
    }

    /// A token for what changes after this call, to be made before the first entry is read.
    ///
    /// For RFC 4533 it is the state of the server in the form of OpenLDAP's cookies: what changes after the state was
    /// asked for has a later one, so a sweep that begins now may meet it, and the token tells it again.
    pub(crate) fn sync_token(&self, layout: &Layout, states: &[String]) -> ChangeToken {
        let cookie = format!("rid=000,csn={}", states.join(";"));
        token(layout, &Since::Cookie(cookie.into_bytes()))
    }

    /// The newest stamp that some entry of the class has now: what changes later has none that is older. Of many entries
    /// some are looked at, which is as sound and asks for a little more the next time.
    pub(crate) async fn newest(&self, layout: &Layout) -> Result<Option<DateTime<Utc>>, ConnectorError> {
        let recent = Filter::at_least(MODIFIED, &time_text(Utc::now() - RECENT));
        let found = self.stamps(layout, Some(recent)).await?;
        if found.is_some() { Ok(found) } else { self.stamps(layout, None).await }
    }

    async fn stamps(
        &self,
        layout: &Layout,
        besides: Option<Filter>,
    ) -> Result<Option<DateTime<Utc>>, ConnectorError> {
        let filter = Filter::all(std::iter::once(layout.filter.clone()).chain(besides).collect());
        let attributes = [MODIFIED.to_owned()];
        let (base, scope, time_limit) = (&layout.base, layout.scope(), self.seconds());
        let search = Search { base, scope, filter: &filter, attributes: &attributes, time_limit };
        // A page of this size, and none after it.
        let page = vec![0x30, 5, 2, 1, LOOKED_AT, 4, 0];
        let page = Control { oid: control::PAGED, critical: false, value: Some(page) };
        let controls = if self.offered.has(control::PAGED) { vec![page] } else { Vec::new() };
        let found = self.gather(&search, &controls).await?;
        match found.outcome.code {
            code::SUCCESS | code::SIZE_LIMIT | code::TIME_LIMIT | code::ADMIN_LIMIT => {
                Ok(found.entries.iter().filter_map(|entry| self.stamp(entry)).max())
            }
            _ => Err(self.unreadable(&layout.base, &found.outcome)),
        }
    }

    /// When an entry changed last.
    pub(crate) fn stamp(&self, entry: &Message) -> Option<DateTime<Utc>> {
        self.raw(entry).ok()?.texts(MODIFIED).iter().find_map(|text| parse_time(text))
    }
}

/// A token for what is stamped with an instant or later. An instant that has not come is none of a sound clock.
pub(crate) fn stamp_token(layout: &Layout, newest: Option<DateTime<Utc>>) -> ChangeToken {
    let newest = newest.unwrap_or_default().min(Utc::now());
    token(layout, &Since::Instant(newest - OVERLAP))
}

/// What a token is bound to.
fn bound_to(layout: &Layout) -> String {
    let scope = match layout.scope() {
        Scope::Base => "base",
        Scope::OneLevel => "one",
        Scope::Subtree => "sub",
    };
    let text = format!("{}\n{scope}\n{}", layout.settings.base.normal(), layout.filter);
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

pub(crate) fn token(layout: &Layout, since: &Since) -> ChangeToken {
    let (method, text) = match since {
        Since::Cookie(cookie) => (Method::SyncRepl, encode_base64(cookie)),
        Since::Instant(instant) => (Method::Modified, time_text(*instant)),
    };
    ChangeToken(format!("{}:{}:{text}", method.word(), bound_to(layout)))
}

/// What a token says, if it is one for these settings.
pub(crate) fn since(
    layout: &Layout,
    method: Option<Method>,
    token: &ChangeToken,
) -> Result<Since, ConnectorError> {
    let outdated = |problem: &str| {
        let message =
            format!("changes of `{}` cannot be told from there: {problem}", layout.class.remote_name);
        ConnectorError::Outdated { message }
    };
    let mut parts = token.0.splitn(3, ':');
    let (Some(word), Some(bound), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(outdated("the token is none of this connector"));
    };
    if bound != bound_to(layout) {
        return Err(outdated("base, scope or filter have changed"));
    }
    let parsed = match method {
        Some(method) if method.word() != word => None,
        Some(Method::SyncRepl) => decode_base64(text).map(Since::Cookie),
        Some(Method::Modified) => parse_time(text).map(Since::Instant),
        None => None,
    };
    parsed.ok_or_else(|| outdated("changes are learnt in another way now"))
}

/// The state of a server as a snapshot.
pub(crate) fn snapshot(states: Option<&Vec<String>>) -> Option<Snapshot> {
    states.map(|states| Snapshot(states.join(";")))
}

/// What a class of accounts is read with, where changes are learnt by stamps.
pub(crate) fn with_stamps(mut attributes: Vec<String>) -> Vec<String> {
    if !attributes.iter().any(|known| known.eq_ignore_ascii_case(MODIFIED)) {
        attributes.push(MODIFIED.to_owned());
    }
    attributes
}
