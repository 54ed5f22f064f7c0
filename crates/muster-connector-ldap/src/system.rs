//! A server that answers: one connection that is shared and made again when it is lost, and what the server can do.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use muster_connector::ConnectorError;
use muster_connector::text::shown;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::ber::Malformed;
use crate::fault::{lost, refused, too_long, unreadable};
use crate::filter::Filter;
use crate::link::{Answers, Link, LinkError};
use crate::message::{Control, Message, Outcome, RawEntry, Request, Scope, Search, answer, code};
use crate::opening::Opening;
use crate::schema::Schema;
use crate::settings::Settings;

/// Controls by their numbers.
pub(crate) mod control {
    pub(crate) const PAGED: &str = "1.2.840.113556.1.4.319";
    pub(crate) const ASSERTION: &str = "1.3.6.1.1.12";
    pub(crate) const POST_READ: &str = "1.3.6.1.1.13.2";
    pub(crate) const SYNC_REQUEST: &str = "1.3.6.1.4.1.4203.1.9.1.1";
    pub(crate) const SYNC_STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
    pub(crate) const SYNC_DONE: &str = "1.3.6.1.4.1.4203.1.9.1.3";
}

/// A search whose answer is gathered has no more entries than this.
const MOST_GATHERED: usize = 20_000;
/// The index of names of OpenLDAP has no room for a relative name of some more octets than this. All that it says then is
/// that something went wrong.
const LONG_NAME: usize = 240;
/// More referrals than this are not remembered.
pub(crate) const MOST_REFERENCES: usize = 20;

/// What a server says about itself.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    controls: HashSet<String>,
    pub(crate) vendor: Option<String>,
    pub(crate) contexts: Vec<String>,
    pub(crate) schema: Schema,
}

impl Offered {
    pub(crate) fn has(&self, control: &str) -> bool {
        self.controls.contains(control)
    }
}

/// A server with what is known of it.
pub(crate) struct System {
    pub(crate) opening: Opening,
    pub(crate) offered: Offered,
    shared: Mutex<Option<Arc<Link>>>,
    /// One at a time makes the shared connection.
    connecting: Semaphore,
}

/// Everything that was answered to a search.
pub(crate) struct Gathered {
    pub(crate) entries: Vec<Message>,
    pub(crate) references: Vec<String>,
    pub(crate) outcome: Outcome,
}

impl System {
    /// Connects, and asks the server what it can do.
    pub(crate) async fn open(opening: Opening) -> Result<Self, ConnectorError> {
        let mut system = Self {
            opening,
            offered: Offered::default(),
            shared: Mutex::new(None),
            connecting: Semaphore::new(1),
        };
        system.offered = system.learn().await?;
        Ok(system)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.opening.settings
    }

    pub(crate) fn address(&self) -> String {
        self.settings().address()
    }

    fn kept(&self) -> Option<Arc<Link>> {
        let kept = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone().filter(|link| link.ended().is_none())
    }

    /// The shared connection, made again if it was lost.
    async fn link(&self) -> Result<Arc<Link>, ConnectorError> {
        if let Some(link) = self.kept() {
            return Ok(link);
        }
        let _alone = self.connecting.acquire().await;
        if let Some(link) = self.kept() {
            return Ok(link);
        }
        let link = self.opening.connect().await?;
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&link));
        Ok(link)
    }

    /// A connection of one's own.
    pub(crate) async fn connect(&self) -> Result<Arc<Link>, ConnectorError> {
        self.opening.host.pace.call(|| self.opening.connect()).await
    }

    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.opening.host.call_limit
    }

    pub(crate) fn lost(&self, doing: &str, error: &LinkError) -> ConnectorError {
        lost(&self.address(), doing, error)
    }

    pub(crate) fn refused(&self, doing: &str, outcome: &Outcome) -> ConnectorError {
        refused(&self.address(), doing, outcome)
    }

    pub(crate) fn unreadable(&self, base: &str, outcome: &Outcome) -> ConnectorError {
        unreadable(&self.address(), (self.settings().property_naming(base), base), outcome)
    }

    /// The fault of an operation that may go well later.
    pub(crate) fn may_pass(&self, doing: &str, outcome: &Outcome) -> Option<ConnectorError> {
        let error = (outcome.code != code::SUCCESS).then(|| self.refused(doing, outcome))?;
        matches!(error, ConnectorError::Transient { .. }).then_some(error)
    }

    pub(crate) fn garbled(&self, doing: &str, error: Malformed) -> ConnectorError {
        self.lost(doing, &error.into())
    }

    /// Has something written. A lost answer is told as lost: whether it was written nobody knows.
    pub(crate) async fn order(
        &self,
        doing: &str,
        request: &Request,
    ) -> Result<(Message, Outcome), ConnectorError> {
        self.order_naming(doing, request, "").await
    }

    /// The same where an entry is given this relative name.
    pub(crate) async fn order_naming(
        &self,
        doing: &str,
        request: &Request,
        name: &str,
    ) -> Result<(Message, Outcome), ConnectorError> {
        let make = || async {
            let link = self.link().await?;
            let answer = link.call(request, self.deadline()).await;
            let answer = answer.map_err(|error| self.lost(doing, &error))?;
            let outcome = answer.outcome().map_err(|error| self.garbled(doing, error))?;
            if outcome.code == code::OTHER && name.len() > LONG_NAME {
                return Err(too_long(&self.address(), name.len(), &outcome));
            }
            self.may_pass(doing, &outcome).map_or(Ok((answer, outcome)), Err)
        };
        self.opening.host.pace.call(make).await
    }

    /// Searches for what is few, and once more if the connection is lost meanwhile.
    pub(crate) async fn gather(
        &self,
        search: &Search<'_>,
        controls: &[Control],
    ) -> Result<Gathered, ConnectorError> {
        let request = controls.iter().cloned().fold(Request::search(search), Request::with);
        let doing = "search";
        let make = || async {
            let until = self.deadline();
            let gathered = match gather(&self.link().await?, &request, until).await {
                Err(LinkError::Closed(_)) => gather(&self.link().await?, &request, until).await,
                gathered => gathered,
            };
            let gathered = gathered.map_err(|error| self.lost(doing, &error))?;
            self.may_pass(doing, &gathered.outcome).map_or(Ok(gathered), Err)
        };
        self.opening.host.pace.call(make).await
    }

    /// The same where what is not met is not there: anything but the whole answer is a fault.
    pub(crate) async fn find(&self, search: &Search<'_>) -> Result<Gathered, ConnectorError> {
        let gathered = self.gather(search, &[]).await?;
        match (gathered.outcome.code, gathered.references.first()) {
            (code::SUCCESS, Some(there)) if !self.settings().ignore_referrals => {
                let message = format!(
                    "{} says that what is searched for may be held at {}, which is not followed: make an application \
                     for that server, narrow `baseDn`, or set `ignoreReferrals`",
                    self.address(),
                    shown(there)
                );
                Err(ConnectorError::Unusable { message })
            }
            (code::SUCCESS, _) => Ok(gathered),
            _ => Err(self.unreadable(search.base, &gathered.outcome)),
        }
    }

    /// One entry by its name; `None` when it is not there or not to be seen.
    pub(crate) async fn entry(
        &self,
        dn: &str,
        filter: &Filter,
        attributes: &[String],
    ) -> Result<Option<Message>, ConnectorError> {
        let search = Search { base: dn, scope: Scope::Base, filter, attributes, time_limit: self.seconds() };
        let gathered = self.gather(&search, &[]).await?;
        match gathered.outcome.code {
            code::SUCCESS => Ok(gathered.entries.into_iter().next()),
            // No such entry, and a name that cannot be one.
            code::NO_SUCH_OBJECT | 34 => Ok(None),
            _ => Err(self.unreadable(dn, &gathered.outcome)),
        }
    }

    /// How long the server may search, in seconds.
    pub(crate) fn seconds(&self) -> u32 {
        u32::try_from(self.opening.host.call_limit.as_secs()).unwrap_or(u32::MAX).max(1)
    }

    /// An entry that came, whole.
    pub(crate) fn raw<'a>(&self, message: &'a Message) -> Result<RawEntry<'a>, Malformed> {
        let entry = self.account(message)?;
        match entry.overflowing {
            Some(_) => Err(Malformed("an attribute has more values than `maximumValues` admits")),
            None => Ok(entry),
        }
    }

    /// The same for accounts, of which one with too many values is one bad entry.
    pub(crate) fn account<'a>(&self, message: &'a Message) -> Result<RawEntry<'a>, Malformed> {
        RawEntry::parse(message.body(), self.settings().most_values)
    }

    async fn learn(&self) -> Result<Offered, ConnectorError> {
        let everything = Filter::present("objectClass");
        let names = [
            "supportedControl",
            "vendorName",
            "vendorVersion",
            "namingContexts",
            "subschemaSubentry",
            "objectClass",
        ];
        let Some(root) = self.entry("", &everything, &names.map(str::to_owned)).await? else {
            let message =
                format!("{} shows nothing of itself: let the `bindDn` read the root DSE", self.address());
            return Err(ConnectorError::Unusable { message });
        };
        let root = self.raw(&root).map_err(|error| self.garbled("say what it can do", error))?;
        let vendor = match root.texts("objectClass").iter().any(|class| class == "OpenLDAProotDSE") {
            true => Some("OpenLDAP".to_owned()),
            false => root.texts("vendorVersion").into_iter().chain(root.texts("vendorName")).next(),
        };
        let subschema = root.texts("subschemaSubentry").into_iter().next();
        Ok(Offered {
            controls: root.texts("supportedControl").into_iter().collect(),
            vendor,
            contexts: root.texts("namingContexts"),
            schema: self.schema(subschema.as_deref().unwrap_or("cn=Subschema")).await?,
        })
    }

    async fn schema(&self, dn: &str) -> Result<Schema, ConnectorError> {
        let names = ["attributeTypes", "objectClasses"].map(str::to_owned);
        let Some(found) = self.entry(dn, &Filter::equal("objectClass", "subschema"), &names).await? else {
            return Ok(Schema::default());
        };
        // Each definition is a value, and the message has its limit.
        let found = RawEntry::parse(found.body(), usize::MAX);
        let found = found.map_err(|error| self.garbled("show its schema", error))?;
        Ok(Schema::parse(&found.texts("attributeTypes"), &found.texts("objectClasses")))
    }
}

async fn gather(link: &Arc<Link>, request: &Request, until: Instant) -> Result<Gathered, LinkError> {
    let mut answers = link.send(request)?;
    let (mut entries, mut references) = (Vec::new(), Vec::new());
    loop {
        match next_of(&mut answers, until).await? {
            Next::Entry(entry) if entries.len() < MOST_GATHERED => entries.push(entry),
            Next::Entry(_) => return Err(Malformed("more entries came than were asked for").into()),
            Next::References(found) => {
                references.extend(found);
                references.truncate(MOST_REFERENCES);
            }
            Next::Other(_) => {}
            Next::Done(_, outcome) => return Ok(Gathered { entries, references, outcome }),
        }
    }
}

/// A message of a search.
pub(crate) enum Next {
    Entry(Message),
    References(Vec<String>),
    Other(Message),
    Done(Message, Outcome),
}

/// The next message of a search.
pub(crate) async fn next_of(answers: &mut Answers, until: Instant) -> Result<Next, LinkError> {
    let message = answers.next(until).await?;
    match message.tag {
        answer::ENTRY => Ok(Next::Entry(message)),
        answer::REFERENCE => Ok(Next::References(message.references()?)),
        answer::INTERMEDIATE => Ok(Next::Other(message)),
        answer::SEARCH_DONE => {
            answers.end();
            let outcome = message.outcome()?;
            Ok(Next::Done(message, outcome))
        }
        _ => Err(Malformed("an answer does not belong to a search").into()),
    }
}
