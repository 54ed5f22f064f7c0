//! Properties parsed into settings that cannot be wrong, all problems at once.

use std::str::FromStr;

use muster_connector::properties::{PropertyDescription, unknown};
use muster_connector::{Capabilities, ChangeFeed, Durable, Properties, PropertyProblem};

use crate::dn::{self, Dn};
use crate::filter::Filter;
use crate::message::Scope;
use crate::properties::{PER_CLASS, PROPERTIES};

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    Tls,
    StartTls,
    None,
}

/// How changes are learnt, as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    Auto,
    SyncRepl,
    ModifyTimestamp,
    None,
}

/// How an account says that it is disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disabling {
    pub(crate) attribute: String,
    pub(crate) disabled: String,
    pub(crate) enabled: Option<String>,
}

/// Whom the connector is at the server. Has no `Debug`: it holds a password.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) dn: String,
    pub(crate) password: String,
}

/// Where entries of a class stand and how new ones are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClassSettings {
    pub(crate) base: Dn,
    pub(crate) scope: Scope,
    pub(crate) filter: Option<Filter>,
    pub(crate) container: Dn,
    pub(crate) rdn_attribute: String,
    pub(crate) object_classes: Vec<String>,
}

/// All settings of a connector. Has no `Debug`: it holds a password.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) ca_certificate: Option<String>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) page_size: usize,
    pub(crate) disabling: Option<Disabling>,
    pub(crate) changes: Changes,
    pub(crate) group_base: Dn,
    pub(crate) group_filter: Option<Filter>,
    pub(crate) placeholder: Option<String>,
    pub(crate) ignore_referrals: bool,
    pub(crate) longest_message: usize,
    pub(crate) most_values: usize,
    pub(crate) writable: bool,
    properties: Properties,
}

/// Reads properties and gathers what is wrong with them.
struct Reading<'a> {
    properties: &'a Properties,
    problems: Vec<PropertyProblem>,
}

impl Reading<'_> {
    fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(PropertyProblem { name: name.to_owned(), message: message.into() });
    }

    fn text(&self, name: &str) -> Option<String> {
        self.properties.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn chosen<T: Copy>(&mut self, name: &str, choices: &[(&str, T)], otherwise: T) -> T {
        let Some(text) = self.text(name) else { return otherwise };
        if let Some((_, chosen)) = choices.iter().find(|(word, _)| *word == text) {
            return *chosen;
        }
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.wrong(name, format!("is none of {}", words.join(", ")));
        otherwise
    }

    fn yes(&mut self, name: &str, otherwise: bool) -> bool {
        self.chosen(name, &[("true", true), ("false", false)], otherwise)
    }

    fn number<T: FromStr + PartialOrd + Copy + std::fmt::Display>(
        &mut self,
        name: &str,
        (least, most): (T, T),
        otherwise: T,
    ) -> T {
        let Some(text) = self.text(name) else { return otherwise };
        match text.parse() {
            Ok(number) if number >= least && number <= most => number,
            _ => {
                self.wrong(name, format!("is no number between {least} and {most}"));
                otherwise
            }
        }
    }

    fn dn(&mut self, name: &str) -> Option<Dn> {
        let text = self.text(name)?;
        match Dn::parse(&text) {
            Ok(dn) => Some(dn),
            Err(error) => {
                self.wrong(name, error.to_string());
                None
            }
        }
    }

    fn filter(&mut self, name: &str) -> Option<Filter> {
        let text = self.text(name)?;
        match Filter::parse(&text) {
            Ok(filter) => Some(filter),
            Err(error) => {
                self.wrong(name, error.to_string());
                None
            }
        }
    }

    /// The name of an attribute or class.
    fn word(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        if !is_word(&text) {
            self.wrong(name, format!("`{text}` cannot be the name of an attribute"));
        }
        Some(text)
    }

    /// A property as it is for a class.
    fn of_class(&self, name: &str, class: &str) -> String {
        let own = self.properties.keys().find(|key| {
            key.split_once('.').is_some_and(|(first, of)| first == name && of.eq_ignore_ascii_case(class))
        });
        own.cloned().unwrap_or_else(|| name.to_owned())
    }

    fn class(&mut self, class: &str) -> ClassSettings {
        let name = |reading: &Self, name| reading.of_class(name, class);
        let base = self.dn(&name(self, "baseDn")).unwrap_or_default();
        let scopes = [("SUB", Scope::Subtree), ("ONE", Scope::OneLevel)];
        let scope = self.chosen(&name(self, "scope"), &scopes, Scope::Subtree);
        let filter = self.filter(&name(self, "filter"));
        let container_name = name(self, "container");
        let container = self.dn(&container_name);
        if let Some(container) = &container
            && !container.is_within(&base)
        {
            self.wrong(&container_name, format!("does not lie below the `baseDn` `{base}`"));
        }
        let container = container.unwrap_or_else(|| base.clone());
        let rdn_attribute = self.word(&name(self, "rdnAttribute"));
        let rdn_attribute = rdn_attribute.unwrap_or_else(|| usual_rdn(class).to_owned());
        let classes_name = name(self, "objectClasses");
        let classes = self.text(&classes_name).unwrap_or_default();
        let object_classes: Vec<String> =
            classes.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        if let Some(wrong) = object_classes.iter().find(|word| !is_word(word)) {
            self.wrong(&classes_name, format!("`{wrong}` cannot be the name of an object class"));
        }
        ClassSettings { base, scope, filter, container, rdn_attribute, object_classes }
    }
}

/// Whether a text can name an attribute or a class.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-.;_".contains(letter))
}

fn usual_rdn(class: &str) -> &'static str {
    match class.to_ascii_lowercase().as_str() {
        "groupofnames" | "groupofuniquenames" | "posixgroup" | "organizationalrole" => "cn",
        "organizationalunit" => "ou",
        _ => "uid",
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Settings {
    /// # Errors
    /// All that is wrong.
    pub(crate) fn parse(properties: &Properties) -> Result<Self, Vec<PropertyProblem>> {
        let mut reading = Reading { properties, problems: unknown_names(properties) };
        let host = reading.text("host").unwrap_or_default();
        if host.is_empty() || host.contains(|letter: char| letter.is_whitespace() || "/@?#".contains(letter))
        {
            reading.wrong("host", "has to be the name or address of a server, without `ldap://`");
        }
        let levels = [("TLS", Security::Tls), ("STARTTLS", Security::StartTls), ("NONE", Security::None)];
        let security = reading.chosen("security", &levels, Security::Tls);
        let port = reading.number("port", (1, u16::MAX), if security == Security::Tls { 636 } else { 389 });
        let credentials = credentials(&mut reading, security, &host);
        let ca_certificate = reading.text("caCertificate");
        if let Some(Err(error)) =
            ca_certificate.as_deref().map(|pem| muster_egress::tls::client_config(Some(pem)))
        {
            reading.wrong("caCertificate", error.to_string());
        }
        if reading.text("baseDn").is_none() {
            reading.wrong("baseDn", "is missing: name the entry below which accounts stand");
        }
        for name in properties.keys() {
            if let Some((_, class)) = name.split_once('.') {
                reading.class(class);
            }
        }
        reading.class("");
        let ways = [
            ("AUTO", Changes::Auto),
            ("SYNCREPL", Changes::SyncRepl),
            ("MODIFY_TIMESTAMP", Changes::ModifyTimestamp),
            ("NONE", Changes::None),
        ];
        let base = reading.dn("baseDn").unwrap_or_default();
        let settings = Self {
            host,
            port,
            security,
            ca_certificate,
            credentials,
            page_size: reading.number("pageSize", (1, 10_000), 1000),
            disabling: disabling(&mut reading),
            changes: reading.chosen("changes", &ways, Changes::Auto),
            group_base: reading.dn("groupBaseDn").unwrap_or(base),
            group_filter: reading.filter("groupFilter"),
            placeholder: reading.dn("placeholderMember").map(|dn| dn.to_string()),
            ignore_referrals: reading.yes("ignoreReferrals", false),
            longest_message: reading.number("maximumEntryBytes", (65_536, 268_435_456), 16_777_216),
            most_values: reading.number("maximumValues", (1, 10_000_000), 200_000),
            writable: reading.yes("writable", true),
            properties: properties.clone(),
        };
        let mut problems = reading.problems;
        problems.sort_by(|one, other| (&one.name, &one.message).cmp(&(&other.name, &other.message)));
        problems.dedup();
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }

    /// The settings for a class.
    pub(crate) fn class(&self, class: &str) -> ClassSettings {
        Reading { properties: &self.properties, problems: Vec::new() }.class(class)
    }

    /// The name of a property as it is given for a class, or for all; `None` where it is not.
    pub(crate) fn property(&self, name: &str, class: &str) -> Option<String> {
        let reading = Reading { properties: &self.properties, problems: Vec::new() };
        Some(reading.of_class(name, class)).filter(|name| reading.text(name).is_some())
    }

    /// The property that names an entry, for messages about searches below it.
    pub(crate) fn property_naming(&self, dn: &str) -> &str {
        let places = ["baseDn", "groupBaseDn", "container"];
        let named = self.properties.iter().find(|(name, text)| {
            places.contains(&name.split('.').next().unwrap_or_default()) && dn::normal(text) == dn::normal(dn)
        });
        named.map_or("baseDn", |(name, _)| name.as_str())
    }

    /// The server in words, as messages have it.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// What wrong settings can do.
    pub(crate) fn incapable() -> Capabilities {
        Capabilities { write: false, enable: false, changes: ChangeFeed::None, ..CAPABLE }
    }

    /// What can be promised at most.
    pub(crate) fn capabilities(&self) -> Capabilities {
        let changes = match self.changes {
            Changes::Auto | Changes::SyncRepl => ChangeFeed::WithDeletes,
            Changes::ModifyTimestamp => ChangeFeed::WithoutDeletes,
            Changes::None => ChangeFeed::None,
        };
        Capabilities { write: self.writable, enable: self.disabling.is_some(), changes, ..CAPABLE }
    }
}

/// What every server can do, if it may be written and says who is enabled.
const CAPABLE: Capabilities = Capabilities {
    write: true,
    enable: true,
    rename: true,
    references_must_exist: false,
    create_is_found: true,
    changes: ChangeFeed::WithDeletes,
    durable: Durable::EachCall,
};

fn unknown_names(properties: &Properties) -> Vec<PropertyProblem> {
    let is_of_a_class = |name: &String| {
        name.split_once('.').is_some_and(|(name, class)| PER_CLASS.contains(&name) && is_word(class))
    };
    let others = properties.iter().filter(|(name, _)| !is_of_a_class(name));
    let others = others.map(|(name, text)| (name.clone(), text.clone())).collect();
    let known: &[PropertyDescription] = PROPERTIES;
    unknown(&others, known)
}

fn credentials(reading: &mut Reading<'_>, security: Security, host: &str) -> Option<Credentials> {
    let dn = reading.dn("bindDn").map(|_| reading.text("bindDn").unwrap_or_default());
    let password = reading.properties.get("bindPassword").filter(|password| !password.is_empty()).cloned();
    let may_be_plain = reading.yes("passwordWithoutTls", false) || is_loopback(host);
    match (&dn, &password) {
        (Some(_), None) => reading.wrong("bindPassword", "is missing: a `bindDn` without it would log in nobody"),
        (None, Some(_)) if reading.text("bindDn").is_none() => {
            reading.wrong("bindDn", "is missing: a `bindPassword` is of no use without it");
        }
        (Some(_), Some(_)) if security == Security::None && !may_be_plain => reading.wrong(
            "security",
            "`NONE` would send the password for all to read: use `TLS` or `STARTTLS`, or set `passwordWithoutTls`",
        ),
        _ => {}
    }
    Some(Credentials { dn: dn?, password: password? })
}

fn disabling(reading: &mut Reading<'_>) -> Option<Disabling> {
    let attribute = reading.word("disabledAttribute");
    let (disabled, enabled) = (reading.text("disabledValue"), reading.text("enabledValue"));
    let Some(attribute) = attribute else {
        for name in ["disabledValue", "enabledValue"] {
            if reading.text(name).is_some() {
                reading.wrong(name, "is of no use without `disabledAttribute`");
            }
        }
        return None;
    };
    let usual = match attribute.eq_ignore_ascii_case("pwdAccountLockedTime") {
        true => "000001010000Z",
        false => "true",
    };
    let disabled = disabled.unwrap_or_else(|| usual.to_owned());
    if enabled.as_ref().is_some_and(|enabled| enabled.eq_ignore_ascii_case(&disabled)) {
        reading.wrong("enabledValue", "is the same as `disabledValue`");
    }
    Some(Disabling { attribute, disabled, enabled })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn wrong_names(pairs: &[(&str, &str)]) -> Vec<String> {
        let problems = Settings::parse(&properties(pairs)).err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.name).collect()
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let sound = [("host", "ldap.example.org"), ("baseDn", "dc=example,dc=org")];
        assert_eq!(wrong_names(&sound), [""; 0]);
        assert_eq!(wrong_names(&[]), ["baseDn", "host"]);
        let with = |more: &[(&'static str, &'static str)]| wrong_names(&[&sound[..], more].concat());
        for (name, text) in [
            ("host", "ldap://x"),
            ("port", "0"),
            ("security", "tls"),
            ("baseDn", "example"),
            ("filter", "(a=b"),
            ("filter.person", "a=b"),
            ("pageSize", "20000"),
            ("scope", "sub"),
            ("container", "dc=elsewhere"),
            ("changes", "DIRSYNC"),
            ("groupFilter", "()"),
            ("placeholderMember", "nobody"),
            ("caCertificate", "none"),
            ("disabledValue", "x"),
            ("bindDn", "cn=a"),
            ("bindPassword", "a"),
            ("ignoreReferrals", "yes"),
            ("hots", "x"),
            ("port.person", "1"),
            ("maximumValues", "0"),
            ("writable", "1"),
            ("objectClasses", "a b"),
            ("rdnAttribute", "a b"),
        ] {
            let expected = match name {
                "bindDn" => "bindPassword",
                "bindPassword" => "bindDn",
                name => name,
            };
            assert_eq!(with(&[(name, text)]), [expected], "{name} = {text}");
        }
    }

    #[test]
    fn a_password_does_not_go_out_plain_unless_somebody_says_so() {
        let check = |host: &'static str, more: &[(&'static str, &'static str)]| {
            let base = [
                ("host", host),
                ("baseDn", "dc=x"),
                ("bindDn", "cn=a"),
                ("bindPassword", "b"),
                ("security", "NONE"),
            ];
            wrong_names(&[&base[..], more].concat())
        };
        assert_eq!(check("ldap.example.org", &[]), ["security"]);
        assert_eq!(check("10.0.0.1", &[]), ["security"]);
        assert_eq!(check("127.0.0.1", &[]), [""; 0]);
        assert_eq!(check("::1", &[]), [""; 0]);
        assert_eq!(check("ldap.example.org", &[("passwordWithoutTls", "true")]), [""; 0]);
    }

    #[test]
    fn a_class_may_have_settings_of_its_own() {
        let given = properties(&[
            ("host", "h"),
            ("baseDn", "dc=x"),
            ("baseDn.groupOfNames", "ou=groups,dc=x"),
            ("filter", "(a=b)"),
            ("filter.GROUPOFNAMES", "(c=d)"),
        ]);
        let Ok(settings) = Settings::parse(&given) else { panic!("sound properties") };
        let (people, groups) = (settings.class("inetOrgPerson"), settings.class("groupOfNames"));
        assert_eq!((people.base.to_string().as_str(), people.rdn_attribute.as_str()), ("dc=x", "uid"));
        assert_eq!(
            (groups.base.to_string().as_str(), groups.rdn_attribute.as_str()),
            ("ou=groups,dc=x", "cn")
        );
        assert_eq!(groups.filter.unwrap().to_string(), "(c=d)");
        assert_eq!(people.filter.unwrap().to_string(), "(a=b)");
    }
}
