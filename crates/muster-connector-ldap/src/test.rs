//! The test of a connection: the way to it step by step, and what properties name at the server.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_connector::text::shown;
use muster_connector::{ConnectorError, RemoteClass, TestStep, TestSteps, test_classes};

use crate::connector::LdapConnector;
use crate::filter::Filter;
use crate::message::{Scope, Search, code};
use crate::opening::Opening;
use crate::settings::Security;
use crate::system::System;

/// What a property names at the server.
enum Named {
    Entry(String),
    /// What entries below another one fulfil.
    Filter(String, Filter),
    Attribute(String),
}

/// Goes all the way, up to the first step that fails. Every property and class is looked at.
pub(crate) async fn test(opening: Opening, classes: &[RemoteClass], steps: &mut TestSteps) -> Option<()> {
    let address = opening.settings.address();
    let dialled = async { Ok((opening.dial().await?, format!("{address} answers"))) };
    let stream = steps.make(TestStep::Address, dialled).await?;
    let secured = match opening.settings.security {
        Security::Tls | Security::StartTls => "the certificate is in order",
        Security::None => "the connection is not encrypted, as `security` says",
    };
    let secure = async { Ok((opening.secure(stream).await?, secured.to_owned())) };
    let link = steps.make(TestStep::Tls, secure).await?;
    let logged_in = match &opening.settings.credentials {
        Some(credentials) => format!("`{}` is let in", credentials.dn),
        None => "nobody is logged in: there is no `bindDn`".to_owned(),
    };
    let log_in = async { Ok((opening.log_in(&link).await?, logged_in)) };
    steps.make(TestStep::Credentials, log_in).await?;
    drop(link);
    let open = async {
        let connector = LdapConnector { system: Arc::new(System::open(opening).await?) };
        let found = connector.in_words();
        Ok((connector, found))
    };
    let connector = steps.make(TestStep::Capabilities, open).await?;
    for (property, named) in connector.system.named(classes) {
        let found = connector.system.look_at(&property, &named);
        let found = async { found.await.map(|found| ((), found)) };
        steps.make(TestStep::Property(property.clone()), found).await;
    }
    test_classes(&connector, classes, steps).await;
    Some(())
}

impl System {
    /// What the properties of these classes name, `baseDn` apart, which is looked at with each class.
    fn named(&self, classes: &[RemoteClass]) -> BTreeMap<String, Named> {
        let settings = self.settings();
        let names = classes.iter().map(|class| class.remote_name.as_str());
        let names: Vec<&str> = if classes.is_empty() { vec![""] } else { names.collect() };
        let mut named = BTreeMap::new();
        let mut put = |property: Option<String>, what: Option<Named>| named.extend(property.zip(what));
        for class in names {
            let own = settings.class(class);
            let property = |name| settings.property(name, class);
            put(property("container"), Some(Named::Entry(own.container.to_string())));
            put(property("filter"), own.filter.map(|filter| Named::Filter(own.base.to_string(), filter)));
        }
        let property = |name| settings.property(name, "");
        let (group_base, group_filter) = (settings.group_base.to_string(), settings.group_filter.clone());
        put(property("groupBaseDn"), Some(Named::Entry(group_base.clone())));
        put(property("groupFilter"), group_filter.map(|filter| Named::Filter(group_base, filter)));
        put(property("placeholderMember"), settings.placeholder.clone().map(Named::Entry));
        let disabling = settings.disabling.clone();
        put(property("disabledAttribute"), disabling.map(|disabling| Named::Attribute(disabling.attribute)));
        named
    }

    async fn look_at(&self, property: &str, named: &Named) -> Result<String, ConnectorError> {
        match named {
            Named::Entry(dn) => {
                self.is_there(property, dn).await?;
                Ok(format!("`{dn}` is there"))
            }
            Named::Filter(base, filter) => {
                filter.attributes().try_for_each(|name| self.is_known(property, name))?;
                // One entry is enough for the server to say whether it takes the filter.
                let (scope, attributes, time_limit) = (Scope::Base, &["1.1".to_owned()], self.seconds());
                self.find(&Search { base, scope, filter, attributes, time_limit }).await?;
                Ok("it is taken".to_owned())
            }
            Named::Attribute(name) => self.is_known(property, name).map(|()| format!("`{name}` is known")),
        }
    }

    /// Whether an entry is there and may be seen.
    pub(crate) async fn is_there(&self, property: &str, dn: &str) -> Result<(), ConnectorError> {
        let (filter, attributes) = (&Filter::present("objectClass"), &["1.1".to_owned()]);
        let (scope, time_limit) = (Scope::Base, self.seconds());
        let found = self.gather(&Search { base: dn, scope, filter, attributes, time_limit }, &[]).await?;
        match found.outcome.code {
            code::SUCCESS if !found.entries.is_empty() => Ok(()),
            code::SUCCESS => Err(ConnectorError::Unusable {
                message: format!(
                    "{} does not show `{dn}`: give the `bindDn` the right to read it",
                    self.address()
                ),
            }),
            _ => Err(crate::fault::unreadable(&self.address(), (property, dn), &found.outcome)),
        }
    }

    /// Whether the server knows an attribute. One that shows no schema is not asked, and numbers are not looked up.
    fn is_known(&self, property: &str, name: &str) -> Result<(), ConnectorError> {
        let schema = &self.offered.schema;
        let is_number = name.starts_with(|letter: char| letter.is_ascii_digit());
        if schema.structural().is_empty() || is_number || schema.attribute(name).is_some() {
            return Ok(());
        }
        let message = format!(
            "{} knows no attribute `{}`: correct `{property}`, or load its schema there",
            self.address(),
            shown(name)
        );
        Err(ConnectorError::Unusable { message })
    }
}
