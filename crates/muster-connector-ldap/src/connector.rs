//! The LDAP connector behind the contract.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use muster_connector::{
    Capabilities, ClassPart, ClassProblem, Connector, ConnectorError, ConnectorKind, Entry, FileRoots, Host,
    OfferedClass, Place, Properties, PropertyProblem, RemoteClass, Sweep, SweepRequest, TestStep, TestSteps,
    TestedStep, Writer,
};
use muster_egress::Egress;

use crate::discover::offered;
use crate::filter::Filter;
use crate::groups::Groups;
use crate::layout::{DN, Layout, is_given, value_filter};
use crate::locate::{AT_ONCE, Target};
use crate::message::{Message, Search};
use crate::opening::Opening;
use crate::settings::{Settings, is_word};
use crate::system::{System, control};
use crate::writer::LdapWriter;
use crate::{sweep, test};

/// So many entries are asked for by name side by side.
const SIDE_BY_SIDE: usize = 32;

/// The kind of connector for LDAP servers, `ldap`.
#[derive(Debug, Clone)]
pub struct LdapKind {
    egress: Egress,
}

impl LdapKind {
    /// A kind whose connections go out this way.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self { egress }
    }

    fn opening(&self, properties: &Properties, host: &Host) -> Result<Opening, ConnectorError> {
        let settings = Settings::parse(properties)?;
        Ok(Opening { settings: Arc::new(settings), egress: self.egress.clone(), host: host.clone() })
    }
}

#[async_trait]
impl ConnectorKind for LdapKind {
    fn name(&self) -> &'static str {
        "ldap"
    }

    fn check(&self, properties: &Properties) -> Vec<PropertyProblem> {
        Settings::parse(properties).err().unwrap_or_default()
    }

    fn check_class(&self, properties: &Properties, class: &RemoteClass, _: &FileRoots) -> Vec<ClassProblem> {
        let _ = properties;
        let mut problems = Vec::new();
        let mut wrong =
            |part, message: &str| problems.push(ClassProblem { part, message: message.to_owned() });
        let is_class = |name: &str| is_word(name) && !name.contains(';');
        if !is_class(&class.remote_name) {
            wrong(ClassPart::RemoteName, "has to be the name of an object class, such as `inetOrgPerson`");
        }
        let key = class.uid_attribute.as_str();
        if key.eq_ignore_ascii_case(DN) {
            wrong(
                ClassPart::UidAttribute,
                "`dn` changes when an entry is renamed: use `entryUUID`, or `uid`, and `dn` as the name",
            );
        } else if !is_word(key) {
            wrong(ClassPart::UidAttribute, "has to be the name of an attribute");
        }
        match &class.name_attribute {
            None if is_given(key) => wrong(
                ClassPart::NameAttribute,
                "is missing: the server gives the keys, so accounts are made under a name, such as `uid` or `dn`",
            ),
            Some(name) if !is_word(name.as_str()) => {
                wrong(ClassPart::NameAttribute, "has to be the name of an attribute, or `dn`");
            }
            Some(name) if is_given(name.as_str()) => {
                wrong(ClassPart::NameAttribute, "is given by the server: use `uid` or `dn`");
            }
            Some(_) | None => {}
        }
        if let Some(membership) = &class.membership {
            let words = [&membership.uid_attribute, &membership.member_attribute];
            if !is_class(&membership.remote_name) || !words.iter().all(|name| is_word(name.as_str())) {
                wrong(
                    ClassPart::Membership,
                    "needs the names of an object class, of its key (`cn`, `dn`, `entryUUID`) and of the attribute that lists members",
                );
            }
        }
        problems
    }

    /// Whether a password goes out encrypted says whom it reaches.
    fn is_address(&self, property: &str) -> bool {
        property == "security" || muster_connector::properties::is_address(property)
    }

    fn place(&self, class: &RemoteClass, _: Place) -> String {
        format!("`{}`", class.remote_name)
    }

    /// Wrong properties can do nothing: they cannot be opened.
    fn capabilities(&self, properties: &Properties) -> Capabilities {
        match Settings::parse(properties) {
            Ok(settings) => settings.capabilities(),
            Err(_) => Settings::incapable(),
        }
    }

    fn gives_keys(&self, _: &Properties, class: &RemoteClass) -> bool {
        is_given(class.uid_attribute.as_str())
    }

    async fn open(&self, properties: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
        let opening = self.opening(properties, host)?;
        Ok(Box::new(LdapConnector { system: Arc::new(System::open(opening).await?) }))
    }

    async fn test(
        &self,
        properties: &Properties,
        host: &Host,
        classes: &[RemoteClass],
        steps: &mut TestSteps,
    ) {
        match self.opening(properties, host) {
            Ok(opening) => drop(test::test(opening, classes, steps).await),
            Err(error) => steps.put(TestedStep { step: TestStep::Open, result: Err(error) }),
        }
    }
}

/// A server that was opened.
pub(crate) struct LdapConnector {
    pub(crate) system: Arc<System>,
}

impl LdapConnector {
    fn layout(&self, class: &RemoteClass) -> Layout {
        Layout::new(class, self.system.settings(), &self.system.offered.schema)
    }

    /// What the server can do, for people.
    pub(crate) fn in_words(&self) -> String {
        let offered = &self.system.offered;
        let has =
            |control, yes: &str, no: &str| if offered.has(control) { yes.to_owned() } else { no.to_owned() };
        let words = [
            offered.vendor.clone().unwrap_or_else(|| "a server that does not say its name".to_owned()),
            has(control::PAGED, "paged results", "no paged results: its limit of entries has to admit all"),
            has(control::SYNC_REQUEST, "content synchronization", "no content synchronization"),
            has(
                control::ASSERTION,
                "checks keys together with writes",
                "does not check keys together with writes",
            ),
            has(control::POST_READ, "tells keys of new entries at once", "is asked for keys of new entries"),
            format!("{} structural classes", offered.schema.structural().len()),
        ];
        muster_connector::text::shown(&words.join("; "))
    }

    /// The entries of a class that fulfil something, as accounts.
    async fn matching(&self, layout: &Layout, besides: Filter) -> Result<Vec<Message>, ConnectorError> {
        let filter = Filter::And(vec![besides, layout.filter.clone()]);
        let (base, scope, time_limit) = (&layout.base, layout.scope(), self.system.seconds());
        let search = Search { base, scope, filter: &filter, attributes: &layout.attributes, time_limit };
        Ok(self.system.find(&search).await?.entries)
    }

    /// Messages as entries, with their memberships.
    async fn entries(&self, layout: &Layout, messages: &[Message]) -> Result<Vec<Entry>, ConnectorError> {
        let read = messages.iter().map(|message| self.system.account(message)).collect::<Result<Vec<_>, _>>();
        let read = read.map_err(|error| self.system.garbled("show accounts", error))?;
        let Some(groups) = Groups::of(&self.system, layout) else {
            return Ok(read.iter().map(|entry| layout.read(entry, Vec::new())).collect());
        };
        // Who has nothing that groups could hold is in none.
        let members: Vec<Option<String>> = read.iter().map(|entry| layout.member_value(entry)).collect();
        let mut found = groups.of_each(members.iter().flatten().cloned().collect()).await?.into_iter();
        let entries = read.iter().zip(&members).map(|(entry, member)| {
            let own = member.as_ref().and_then(|_| found.next()).unwrap_or_default();
            layout.read(entry, own)
        });
        Ok(entries.collect())
    }

    async fn by_dn(&self, layout: &Layout, names: &[String]) -> Result<Vec<Message>, ConnectorError> {
        let each = names
            .iter()
            .cloned()
            .map(|name| async move { self.system.entry(&name, &layout.filter, &layout.attributes).await });
        let found: Vec<Option<Message>> = stream::iter(each).buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }
}

#[async_trait]
impl Connector for LdapConnector {
    fn capabilities(&self) -> Capabilities {
        Capabilities { changes: self.system.feed(), ..self.system.settings().capabilities() }
    }

    async fn probe(&self, class: &RemoteClass) -> Result<(), ConnectorError> {
        let schema = &self.system.offered.schema;
        let address = self.system.address();
        let missing = |what: &str, name: &str| ConnectorError::Unusable {
            message: format!(
                "{address} knows no {what} `{name}`: correct the name, or load its schema there"
            ),
        };
        if !schema.structural().is_empty() {
            if schema.class(&class.remote_name).is_none() {
                return Err(missing("object class", &class.remote_name));
            }
            let membership = class.membership.as_ref().map(|membership| membership.attribute.as_str());
            let named = [Some(&class.uid_attribute), class.name_attribute.as_ref()].into_iter().flatten();
            let mut names = class.attributes.iter().map(|attribute| &attribute.name).chain(named);
            let is_unknown = |name: &str| {
                !name.eq_ignore_ascii_case(DN) && Some(name) != membership && schema.attribute(name).is_none()
            };
            if let Some(name) = names.find(|name| is_unknown(name.as_str())) {
                return Err(missing("attribute", name.as_str()));
            }
        }
        let base = self.layout(class).base;
        self.system.is_there(self.system.settings().property_naming(&base), &base).await
    }

    async fn discover(&self, classes: &[RemoteClass]) -> Result<Vec<OfferedClass>, ConnectorError> {
        Ok(offered(&self.system.offered.schema, classes))
    }

    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError> {
        sweep::begin(Arc::clone(&self.system), request).await
    }

    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let layout = self.layout(class);
        let mut found = Vec::new();
        for uids in uids.chunks(AT_ONCE) {
            let keys = Filter::Or(uids.iter().map(|uid| layout.key_filter(uid)).collect());
            found.extend(self.matching(&layout, keys).await?);
        }
        self.entries(&layout, &found).await
    }

    async fn find(&self, class: &RemoteClass, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let layout = self.layout(class);
        let attribute = class.naming_attribute().as_str();
        if attribute.eq_ignore_ascii_case(DN) {
            let found = self.by_dn(&layout, names).await?;
            return self.entries(&layout, &found).await;
        }
        let form = self.system.offered.schema.form(attribute);
        let mut found = Vec::new();
        for names in names.chunks(AT_ONCE) {
            let named = Filter::Or(names.iter().map(|name| value_filter(attribute, form, name)).collect());
            found.extend(self.matching(&layout, named).await?);
        }
        self.entries(&layout, &found).await
    }

    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError> {
        if !self.system.settings().writable {
            let message = format!("`{}` is not to be written: `writable` is `false`", class.remote_name);
            return Err(ConnectorError::Unusable { message });
        }
        let target = Target { system: Arc::clone(&self.system), layout: Arc::new(self.layout(class)) };
        Ok(Box::new(LdapWriter { target }))
    }
}
