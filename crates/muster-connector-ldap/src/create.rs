//! New entries: what they are called, what they hold, and which key they have got.

use std::collections::{HashMap, HashSet};

use muster_connector::{ConnectorError, WriteResult, Written};
use muster_model::{AttributeName, Field};
use tokio::sync::OnceCell;

use crate::ber::{Malformed, Reader, Writer, tag};
use crate::dn::{Dn, Rdn, normal_value};
use crate::filter::Filter;
use crate::layout::{DN, is_given, value_filter, written_value};
use crate::locate::{AT_ONCE, Located, Target};
use crate::message::{Control, Message, RawEntry, Request, Scope, Search, answer, code};
use crate::schema::Form;
use crate::system::control;

/// An account to be made.
pub(crate) struct New<'a> {
    pub(crate) uid: &'a str,
    pub(crate) attributes: &'a [(AttributeName, Field)],
    pub(crate) enabled: bool,
}

/// What is sent for it.
struct Draft {
    dn: Dn,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
    is_named: bool,
}

impl Draft {
    fn add(&mut self, name: &str, values: Vec<Vec<u8>>) {
        if values.is_empty() {
            return;
        }
        let known = self.attributes.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name));
        match known {
            Some((_, held)) => {
                let new: Vec<_> = values.into_iter().filter(|value| !held.contains(value)).collect();
                held.extend(new);
            }
            None => self.attributes.push((name.to_owned(), values)),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

/// Names that were found, or why they could not be looked for.
type Found = OnceCell<Result<HashSet<String>, ConnectorError>>;

/// Which names accounts have already, as they are compared. Asked for in parts, each when its first account is made, so
/// that one part is looked for while accounts of another are written.
pub(crate) struct Taken<'o> {
    parts: Vec<(Vec<&'o str>, Found)>,
    part_of: HashMap<&'o str, usize>,
}

impl<'o> Taken<'o> {
    pub(crate) fn new(names: &[&'o str]) -> Self {
        let parts: Vec<_> = names.chunks(AT_ONCE).map(|names| (names.to_vec(), OnceCell::new())).collect();
        let part_of =
            parts.iter().enumerate().flat_map(|(at, (names, _))| names.iter().map(move |it| (*it, at)));
        Self { part_of: part_of.collect(), parts }
    }

    /// Whether an account has the name.
    pub(crate) async fn has(&self, target: &Target, name: &str) -> Result<bool, ConnectorError> {
        let Some((names, found)) = self.part_of.get(name).and_then(|at| self.parts.get(*at)) else {
            return Ok(false);
        };
        match found.get_or_init(|| target.taken(names)).await {
            Ok(taken) => Ok(taken.contains(&normal_value(name))),
            Err(error) => Err(error.clone()),
        }
    }
}

impl Target {
    /// Which of these names accounts have already. Where the name makes the name of the entry and all of them stand in one
    /// place, the server finds out by itself.
    async fn taken(&self, names: &[&str]) -> Result<HashSet<String>, ConnectorError> {
        let attribute = self.layout.class.naming_attribute().as_str();
        let own = &self.layout.settings;
        let is_one_place = own.scope == Scope::OneLevel && own.container.normal() == own.base.normal();
        if attribute.eq_ignore_ascii_case(DN)
            || is_given(attribute)
            || attribute.eq_ignore_ascii_case(&own.rdn_attribute) && is_one_place
        {
            return Ok(HashSet::new());
        }
        Ok(self.named_so(attribute, names).await?.into_iter().collect())
    }

    async fn named_so(&self, attribute: &str, names: &[&str]) -> Result<Vec<String>, ConnectorError> {
        let form = self.system.offered.schema.form(attribute);
        let names = Filter::Or(names.iter().map(|name| value_filter(attribute, form, name)).collect());
        let filter = Filter::And(vec![names, self.layout.filter.clone()]);
        let attributes = [attribute.to_owned()];
        let (base, scope, time_limit) = (&self.layout.base, self.layout.scope(), self.system.seconds());
        let search = Search { base, scope, filter: &filter, attributes: &attributes, time_limit };
        let mut found = Vec::new();
        for message in &self.system.find(&search).await?.entries {
            let entry = self.system.raw(message);
            let entry = entry.map_err(|error| self.system.garbled("find accounts", error))?;
            found.extend(entry.texts(attribute).iter().map(|name| normal_value(name)));
        }
        Ok(found)
    }

    /// Makes an account.
    pub(crate) async fn create(&self, new: &New<'_>) -> Result<(Located, WriteResult), ConnectorError> {
        let draft = self.draft(new)?;
        let dn = draft.dn.to_string();
        let gives_keys = is_given(&self.layout.key);
        let mut request = Request::add(&dn, &draft.attributes);
        if gives_keys && self.system.offered.has(control::POST_READ) {
            let mut value = Writer::default();
            value.nested(tag::SEQUENCE, |names| names.text(&self.layout.key));
            let value = Some(value.into_octets());
            request = request.with(Control { oid: control::POST_READ, critical: false, value });
        }
        let doing = format!("add `{dn}`");
        let rdn = draft.dn.rdn().map(ToString::to_string).unwrap_or_default();
        let (message, outcome) = self.system.order_naming(&doing, &request, &rdn).await?;
        match outcome.code {
            code::SUCCESS => {}
            code::NO_SUCH_OBJECT if !draft.is_named => {
                let message = format!(
                    "{} has no entry `{}` to add accounts below; make it, or set `container`",
                    self.system.address(),
                    self.layout.settings.container
                );
                return Err(ConnectorError::Unusable { message });
            }
            code::NO_SUCH_OBJECT => {
                return Err(self.rejected(format_args!("there is no entry to add `{dn}` below")));
            }
            _ => return Err(self.system.refused(&doing, &outcome)),
        }
        let located = Located { dn: draft.dn, uid: None };
        let given_uid = if gives_keys { Some(self.given(&message, &dn).await?) } else { None };
        Ok((located, Ok(Written { given_uid })))
    }

    /// The key that the server has given: it came with the answer, or the entry is asked.
    async fn given(&self, message: &Message, dn: &str) -> Result<String, ConnectorError> {
        let garbled = |error| self.system.garbled("tell the key of a new entry", error);
        if let Some(value) = message.control(control::POST_READ).map_err(garbled)? {
            let key = self.read_after(value).map_err(garbled)?;
            if let Some(key) = key {
                return Ok(key);
            }
        }
        let attributes = [self.layout.key.clone()];
        let found = self.system.entry(dn, &Filter::present("objectClass"), &attributes).await?;
        let found = found.as_ref().and_then(|found| self.system.raw(found).ok());
        found.and_then(|found| self.layout.key_of(&found).ok()).ok_or_else(|| {
            let (address, key) = (self.system.address(), &self.layout.key);
            let message = format!("`{dn}` was added at {address}, but its `{key}` is not to be read: give the `bindDn` the right to");
            ConnectorError::Unusable { message }
        })
    }

    fn read_after(&self, value: &[u8]) -> Result<Option<String>, Malformed> {
        let body = Reader::new(value).expect(answer::ENTRY)?;
        let entry = RawEntry::parse(body, self.system.settings().most_values)?;
        Ok(self.layout.key_of(&entry).ok())
    }

    fn draft(&self, new: &New<'_>) -> Result<Draft, ConnectorError> {
        let mut draft = self.named(new)?;
        let membership =
            self.layout.class.membership.as_ref().map(|membership| membership.attribute.as_str());
        draft.add("objectClass", self.layout.object_classes.clone());
        for (name, field) in new.attributes {
            let name = name.as_str();
            if !name.eq_ignore_ascii_case(DN) && Some(name) != membership && !is_given(name) {
                draft.add(&self.written_name(name), self.octets(name, field)?);
            }
        }
        let parts = draft.dn.rdn().map(|rdn| rdn.0.clone()).unwrap_or_default();
        for part in parts {
            let value = part.value.clone().into_bytes();
            let is_held = draft.attributes.iter().any(|(name, values)| {
                let is_same = |held: &Vec<u8>| {
                    str::from_utf8(held).is_ok_and(|held| normal_value(held) == normal_value(&part.value))
                };
                name.eq_ignore_ascii_case(&part.attribute) && values.iter().any(is_same)
            });
            if !is_held {
                draft.add(&part.attribute, vec![value]);
            }
        }
        if let Some(disabling) = &self.layout.disabling {
            let state = if new.enabled { disabling.enabled.as_ref() } else { Some(&disabling.disabled) };
            draft.attributes.retain(|(name, _)| !name.eq_ignore_ascii_case(&disabling.attribute));
            draft.add(
                &disabling.attribute,
                state.into_iter().map(|state| state.clone().into_bytes()).collect(),
            );
        }
        self.not_empty(&mut draft);
        Ok(draft)
    }

    /// A group that may not be empty gets the placeholder for a member.
    fn not_empty(&self, draft: &mut Draft) {
        if let (Some(placeholder), Some(members)) =
            (&self.system.settings().placeholder, &self.layout.required_members)
            && !draft.has(members)
        {
            draft.add(members, vec![placeholder.clone().into_bytes()]);
        }
    }

    fn named(&self, new: &New<'_>) -> Result<Draft, ConnectorError> {
        let own = &self.layout.settings;
        let value = |wanted: &str| {
            let found = new.attributes.iter().find(|(name, _)| name.as_str().eq_ignore_ascii_case(wanted));
            let text = found.and_then(|(_, field)| field.first()).map(|value| value.to_text().into_owned());
            text.filter(|text| !text.is_empty())
        };
        let attributes = Vec::new();
        let naming = self.layout.class.naming_attribute().as_str();
        let named = value(DN).or_else(|| naming.eq_ignore_ascii_case(DN).then(|| new.uid.to_owned()));
        if let Some(text) = named {
            let dn = Dn::parse(&text).map_err(|error| self.rejected(error))?;
            if !dn.is_within(&own.base) || dn.rdn().is_none() {
                return Err(self.rejected(format_args!("`{dn}` does not lie below `{}`", own.base)));
            }
            return Ok(Draft { dn, attributes, is_named: true });
        }
        let named_by_key = || naming.eq_ignore_ascii_case(&own.rdn_attribute).then(|| new.uid.to_owned());
        let Some(value) = value(&own.rdn_attribute).or_else(named_by_key) else {
            return Err(self.rejected(format_args!(
                "`{}` has no value for `{}`, which new entries are named by: map it, or `{DN}`, or set `rdnAttribute`",
                new.uid, own.rdn_attribute
            )));
        };
        let dn = own.container.child(Rdn::new(&own.rdn_attribute, &value));
        Ok(Draft { dn, attributes, is_named: false })
    }

    /// The values of a field as the server wants them. An empty text is no value there.
    pub(crate) fn octets(&self, name: &str, field: &Field) -> Result<Vec<Vec<u8>>, ConnectorError> {
        let form = self.system.offered.schema.form(name);
        let mut written: Vec<Vec<u8>> = Vec::with_capacity(field.values().len());
        for value in field.values() {
            let octets = written_value(form, value);
            let octets = octets
                .map_err(|problem| self.rejected(format_args!("`{name}` cannot be written: {problem}")))?;
            if !octets.is_empty() && !written.contains(&octets) {
                written.push(octets);
            }
        }
        Ok(written)
    }

    /// The name of an attribute as it is written.
    pub(crate) fn written_name(&self, name: &str) -> String {
        match self.system.offered.schema.form(name) {
            Form::Transferred if !name.ends_with(";binary") => format!("{name};binary"),
            Form::Transferred
            | Form::Text
            | Form::Octets
            | Form::Boolean
            | Form::Time
            | Form::Name
            | Form::Guid => name.to_owned(),
        }
    }
}
