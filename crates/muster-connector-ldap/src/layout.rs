//! What of an entry is read for a class, and how: from attributes to fields, by the schema's forms. Talks to nobody.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use muster_connector::text::shown;
use muster_connector::{Account, BadEntry, Entry, Place, RemoteClass};
use muster_model::attribute::{decode_base64, encode_base64, parse_date_time};
use muster_model::record::Names;
use muster_model::{AttributeName, Field, Record, Value};

use crate::dn::Dn;
use crate::filter::Filter;
use crate::message::{RawEntry, Scope};
use crate::schema::{Form, Schema};
use crate::settings::{ClassSettings, Disabling, Settings};

/// The name of the attribute that is the name of the entry.
pub(crate) const DN: &str = "dn";
/// Entries have no place that people could look at but their names, which messages hold.
pub(crate) const NO_PLACE: Place = Place(0);

/// Whether an attribute is a key that the server gives.
pub(crate) fn is_given(attribute: &str) -> bool {
    ["entryUUID", "nsUniqueId", "objectGUID"].iter().any(|given| given.eq_ignore_ascii_case(attribute))
}

/// Where a field comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Attribute(Form),
    Dn,
    Membership,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    multi_valued: bool,
    source: Source,
}

/// How members are named in groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberBy {
    /// By the names of their entries.
    Dn,
    /// By their `uid`, as `memberUid` does.
    Uid,
}

/// How entries of a class are found and read.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) class: RemoteClass,
    pub(crate) settings: ClassSettings,
    pub(crate) disabling: Option<Disabling>,
    pub(crate) key: String,
    key_form: Form,
    /// What is asked for.
    pub(crate) attributes: Vec<String>,
    /// What entries of the class fulfil.
    pub(crate) filter: Filter,
    pub(crate) base: String,
    names: Arc<Names>,
    columns: Vec<Column>,
    by_name: HashMap<String, usize>,
    membership: Option<usize>,
    pub(crate) member_by: MemberBy,
    /// What new entries are.
    pub(crate) object_classes: Vec<Vec<u8>>,
    /// What new entries may not lack, where it holds the members of a group.
    pub(crate) required_members: Option<String>,
}

impl Layout {
    pub(crate) fn new(class: &RemoteClass, settings: &Settings, schema: &Schema) -> Self {
        let own = settings.class(&class.remote_name);
        let names = names_of(class, schema);
        let membership_name = class.membership.as_ref().map(|membership| membership.attribute.as_str());
        let column = |(name, multi_valued): &(AttributeName, bool)| {
            let source = match name.as_str() {
                name if Some(name) == membership_name => Source::Membership,
                name if name.eq_ignore_ascii_case(DN) => Source::Dn,
                name => Source::Attribute(schema.form(name)),
            };
            Column { multi_valued: *multi_valued, source }
        };
        let columns: Vec<Column> = names.iter().map(column).collect();
        let of_attributes = names.iter().zip(&columns).enumerate();
        let of_attributes =
            of_attributes.filter(|(_, (_, column))| matches!(column.source, Source::Attribute(_)));
        let of_attributes = of_attributes.map(|(at, ((name, _), _))| (name.as_str().to_owned(), at));
        let mut attributes: Vec<String> = of_attributes.clone().map(|(name, _)| name).collect();
        let by_name = of_attributes.map(|(name, at)| (bare(&name).to_ascii_lowercase(), at)).collect();
        let member_by = class.membership.as_ref().map_or(MemberBy::Dn, |membership| {
            match membership.member_attribute.as_str().eq_ignore_ascii_case("memberUid") {
                true => MemberBy::Uid,
                false => MemberBy::Dn,
            }
        });
        let disabling = settings.disabling.clone();
        let mut besides: Vec<&str> = disabling.iter().map(|disabling| disabling.attribute.as_str()).collect();
        if member_by == MemberBy::Uid {
            besides.push("uid");
        }
        for name in besides {
            if !attributes.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                attributes.push(name.to_owned());
            }
        }
        // A server that is asked for nothing gives everything.
        let class_filter = Filter::equal("objectClass", &class.remote_name);
        let filter = Filter::all(std::iter::once(class_filter).chain(own.filter.clone()).collect());
        Self {
            class: class.clone(),
            key: class.uid_attribute.as_str().to_owned(),
            key_form: schema.form(class.uid_attribute.as_str()),
            base: own.base.to_string(),
            object_classes: object_classes(class, &own, schema),
            required_members: required_members(class, schema),
            settings: own,
            disabling,
            attributes,
            filter,
            membership: columns.iter().position(|column| column.source == Source::Membership),
            names: Names::new(names.into_iter().map(|(name, _)| name).collect()),
            columns,
            by_name,
            member_by,
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        self.settings.scope
    }

    /// What finds the account with this key.
    pub(crate) fn key_filter(&self, uid: &str) -> Filter {
        value_filter(&self.key, self.key_form, uid)
    }

    /// The key of an entry, or why there is none.
    pub(crate) fn key_of(&self, entry: &RawEntry<'_>) -> Result<String, String> {
        let read = |value: &[u8]| read_value(self.key_form, value).filter(|key| !key.is_empty());
        match entry.values(&self.key) {
            [] => Err(format!("it has no `{}`, or none that the `bindDn` may read", self.key)),
            [value] => read(value).ok_or_else(|| format!("its `{}` is no text", self.key)),
            values => {
                // Of several the one that is part of the name.
                let dn = Dn::parse(&entry.dn_text()).unwrap_or_default();
                let named = dn.rdn().and_then(|rdn| rdn.value_of(&self.key)).map(str::to_owned);
                let found =
                    named.filter(|named| values.iter().any(|value| read(value).as_ref() == Some(named)));
                found.ok_or_else(|| format!("it has several values for `{}`, its key", self.key))
            }
        }
    }

    /// What a group holds of an entry that is its member, in the server's spelling.
    pub(crate) fn member_value(&self, entry: &RawEntry<'_>) -> Option<String> {
        match self.member_by {
            MemberBy::Dn => str::from_utf8(entry.dn).ok().map(str::to_owned),
            MemberBy::Uid => entry.texts("uid").into_iter().next(),
        }
    }

    /// An entry as the contract has it. `entitlements` are those of the account, where the class has some.
    pub(crate) fn read(&self, entry: &RawEntry<'_>, entitlements: Vec<String>) -> Entry {
        let uid = self.key_of(entry);
        let bad = |uid: Option<String>, problem: String| {
            let message = format!("the entry `{}` cannot be read: {problem}", shown(&entry.dn_text()));
            Entry::Bad(BadEntry { place: NO_PLACE, uid, message })
        };
        let uid = match uid {
            Ok(uid) => uid,
            Err(problem) => return bad(None, problem),
        };
        if let Some(name) = entry.overflowing {
            let problem = format!("its `{}` has more values than `maximumValues` admits", shown(name));
            return bad(Some(uid), problem);
        }
        match self.fields(entry, entitlements) {
            Ok(fields) => Entry::Account(Account {
                place: NO_PLACE,
                uid,
                enabled: self.disabling.as_ref().map(|disabling| !is_disabled(disabling, entry)),
                record: Record { names: Arc::clone(&self.names), fields },
            }),
            Err(problem) => bad(Some(uid), problem),
        }
    }

    fn fields(&self, entry: &RawEntry<'_>, entitlements: Vec<String>) -> Result<Vec<Field>, String> {
        let mut fields = vec![Field::Absent; self.columns.len()];
        for (name, values) in &entry.attributes {
            let position =
                self.by_name.get(*name).or_else(|| self.by_name.get(&bare(name).to_ascii_lowercase()));
            let Some(&position) = position else { continue };
            let column = self.columns[position];
            let Source::Attribute(form) = column.source else { continue };
            if !values.is_empty() {
                fields[position] = self.field(entry, (name, column.multi_valued, form), values)?;
            }
        }
        for (column, field) in self.columns.iter().zip(&mut fields) {
            match column.source {
                Source::Dn => *field = Field::text(dn_of(entry)?),
                Source::Attribute(_) | Source::Membership => {}
            }
        }
        if let Some(position) = self.membership {
            fields[position] = Field::Many(entitlements.into_iter().map(Value::String).collect());
        }
        Ok(fields)
    }

    fn field(
        &self,
        entry: &RawEntry<'_>,
        (name, multi_valued, form): (&str, bool, Form),
        values: &[&[u8]],
    ) -> Result<Field, String> {
        let read = |value: &&[u8]| {
            let read =
                read_value(form, value).ok_or_else(|| format!("a value of `{name}` is no text in UTF-8"));
            read.map(Value::String)
        };
        if multi_valued {
            return Ok(Field::Many(values.iter().map(read).collect::<Result<_, _>>()?));
        }
        let mut values = values.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if values.len() > 1 {
            // Of several the one that the entry is named by: it is the one that a rename writes.
            let dn = Dn::parse(&entry.dn_text()).unwrap_or_default();
            let named = dn.rdn().and_then(|rdn| rdn.value_of(bare(name))).map(Value::from);
            if let Some(at) = named.and_then(|named| values.iter().position(|value| *value == named)) {
                values.swap(0, at);
            }
        }
        Ok(values.into_iter().next().map_or(Field::Absent, Field::One))
    }
}

fn dn_of(entry: &RawEntry<'_>) -> Result<String, String> {
    str::from_utf8(entry.dn).map(str::to_owned).map_err(|_| "its name is no text in UTF-8".to_owned())
}

/// What entries have by name and whether it is several; all that the schema has for a class that lists nothing.
fn names_of(class: &RemoteClass, schema: &Schema) -> Vec<(AttributeName, bool)> {
    let listed = class.attributes.iter().map(|attribute| (attribute.name.clone(), attribute.multi_valued));
    let mut names: Vec<(AttributeName, bool)> = listed.collect();
    if names.is_empty() {
        let is_several = |name: &str| schema.attribute(name).is_none_or(|attribute| !attribute.single);
        let offered = schema.attributes_of(&class.remote_name).into_iter();
        names = offered.map(|(name, _)| (AttributeName::from(name.as_str()), is_several(&name))).collect();
    }
    let besides = [Some(&class.uid_attribute), class.name_attribute.as_ref()];
    let membership = class.membership.as_ref().map(|membership| &membership.attribute);
    for name in besides.into_iter().flatten() {
        if !names.iter().any(|(known, _)| known == name) {
            names.push((name.clone(), false));
        }
    }
    if let Some(name) = membership
        && !names.iter().any(|(known, _)| known == name)
    {
        names.push((name.clone(), true));
    }
    names
}

/// The attribute that holds the members of a group, where entries of the class may not lack it.
fn required_members(class: &RemoteClass, schema: &Schema) -> Option<String> {
    let holds_members =
        |name: &str| ["member", "uniqueMember"].iter().any(|known| known.eq_ignore_ascii_case(name));
    let required = schema.attributes_of(&class.remote_name).into_iter().filter(|(_, required)| *required);
    required.map(|(name, _)| name).find(|name| holds_members(name))
}

/// The class of the accounts, those above it and those that the settings name.
fn object_classes(class: &RemoteClass, settings: &ClassSettings, schema: &Schema) -> Vec<Vec<u8>> {
    let class = &class.remote_name;
    let mut names = vec![class.clone()];
    for name in std::iter::once(class).chain(&settings.object_classes) {
        let line = schema.line(name);
        let line = line.iter().map(|above| above.name.clone()).chain(std::iter::once(name.clone()));
        for name in line {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                names.push(name);
            }
        }
    }
    names.into_iter().map(String::into_bytes).collect()
}

/// The name of an attribute without options.
fn bare(name: &str) -> &str {
    name.strip_suffix(";binary").unwrap_or(name)
}

pub(crate) fn is_disabled(disabling: &Disabling, entry: &RawEntry<'_>) -> bool {
    entry.texts(&disabling.attribute).iter().any(|value| value.eq_ignore_ascii_case(&disabling.disabled))
}

/// What finds the entries with this value.
pub(crate) fn value_filter(attribute: &str, form: Form, value: &str) -> Filter {
    Filter::equal(
        attribute,
        written_value(form, &Value::from(value)).unwrap_or_else(|_| value.as_bytes().to_vec()),
    )
}

/// A value as text, in the form of `Value::to_text`; `None` when it is none.
fn read_value(form: Form, value: &[u8]) -> Option<String> {
    let text = || str::from_utf8(value).ok().filter(|text| !text.contains('\0'));
    match form {
        Form::Octets | Form::Transferred => Some(encode_base64(value)),
        Form::Guid => <[u8; 16]>::try_from(value).ok().map(guid_text),
        Form::Boolean => text().map(|text| text.to_ascii_lowercase()),
        Form::Time => text().map(|text| match parse_time(text) {
            Some(instant) => instant.to_rfc3339_opts(SecondsFormat::Millis, true),
            None => text.to_owned(),
        }),
        Form::Text | Form::Name => text().map(str::to_owned),
    }
}

/// A value as the server wants it; `Err` says why it cannot be written.
pub(crate) fn written_value(form: Form, value: &Value) -> Result<Vec<u8>, String> {
    let text = value.to_text();
    match form {
        Form::Octets | Form::Transferred => match value {
            Value::Binary(octets) => Ok(octets.clone()),
            Value::String(_)
            | Value::Integer(_)
            | Value::Boolean(_)
            | Value::DateTime(_)
            | Value::Reference(_) => decode_base64(&text)
                .ok_or_else(|| "its values are octets, and a value is no base64".to_owned()),
        },
        Form::Guid => guid_octets(&text).ok_or_else(|| "a value is not in the form of a GUID".to_owned()),
        Form::Boolean => Ok(text.to_ascii_uppercase().into_bytes()),
        Form::Time => Ok(match parse_date_time(&text) {
            Some(instant) => time_text(instant).into_bytes(),
            None => text.into_owned().into_bytes(),
        }),
        Form::Text | Form::Name => Ok(text.into_owned().into_bytes()),
    }
}

/// An instant as generalized time (RFC 4517 §3.3.13), without parts of a second where there are none.
pub(crate) fn time_text(instant: DateTime<Utc>) -> String {
    match instant.timestamp_subsec_millis() {
        0 => instant.format("%Y%m%d%H%M%SZ").to_string(),
        _ => instant.format("%Y%m%d%H%M%S%.3fZ").to_string(),
    }
}

/// The instant of a generalized time in UTC.
pub(crate) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let local =
        text.strip_suffix('Z').filter(|local| local.bytes().take(14).all(|digit| digit.is_ascii_digit()))?;
    NaiveDateTime::parse_from_str(local, "%Y%m%d%H%M%S%.f").ok().map(|local| local.and_utc())
}

/// The usual spelling of a GUID, whose first three parts have their octets the other way round.
fn guid_text(octets: [u8; 16]) -> String {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    uuid_text(ORDER.map(|at| octets[at]))
}

fn guid_octets(text: &str) -> Option<Vec<u8>> {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let digits: Vec<u8> = text.bytes().filter(|digit| *digit != b'-').collect();
    if digits.len() != 32 {
        return None;
    }
    let digit = |at: usize| char::from(digits[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let octets =
        (0..16).map(|at| Some(digit(2 * at)? << 4 | digit(2 * at + 1)?)).collect::<Option<Vec<u8>>>()?;
    Some(ORDER.iter().map(|at| octets[*at]).collect())
}

/// Sixteen octets with dashes, as `entryUUID` is spelt.
pub(crate) fn uuid_text(octets: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, octet) in octets.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{octet:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_written_in_their_form() {
        for (form, there, here) in [
            (Form::Text, &b"Ada"[..], "Ada"),
            (Form::Octets, &[0xff, 0xd8], "/9g="),
            (Form::Boolean, b"TRUE", "true"),
            (Form::Time, b"20261122072348Z", "2026-11-22T07:23:48.000Z"),
            (Form::Time, b"20261122072348.250Z", "2026-11-22T07:23:48.250Z"),
            (Form::Time, b"202611220723Z", "202611220723Z"),
            (
                Form::Guid,
                b"\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff",
                "00112233-4455-6677-8899-aabbccddeeff",
            ),
        ] {
            assert_eq!(read_value(form, there).as_deref(), Some(here));
            assert_eq!(written_value(form, &Value::from(here)).unwrap(), there, "{here}");
        }
        assert_eq!(read_value(Form::Text, &[0xff]), None);
        assert_eq!(read_value(Form::Guid, b"short"), None);
        assert!(written_value(Form::Octets, &Value::from("no base64!")).is_err());
        assert_eq!(written_value(Form::Octets, &Value::Binary(vec![1])).unwrap(), [1]);
    }
}
