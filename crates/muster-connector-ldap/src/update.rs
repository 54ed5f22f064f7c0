//! Changes to entries that are there: their names, their values, their state, and their end. Exactly what is asked for is
//! sent.

use muster_connector::{AttributeWrite, ConnectorError};
use muster_model::{AttributeName, Field};

use crate::dn::{self, Dn, normal_value};
use crate::layout::{DN, is_given};
use crate::locate::{Located, Standing, Target};
use crate::message::{Modification, Outcome, Request, code};
use crate::schema::Form;

/// What is to become of an account, memberships apart.
pub(crate) struct Change<'a> {
    pub(crate) uid: &'a str,
    pub(crate) writes: Vec<&'a (AttributeName, AttributeWrite)>,
    pub(crate) enabled: Option<bool>,
}

/// What is sent for it.
struct Steps {
    name: Option<Dn>,
    modifications: Vec<Modification>,
}

/// Why a step was not taken.
enum Halt {
    /// The entry is not there, or another one is.
    Stale,
    Fault(ConnectorError),
}

impl From<ConnectorError> for Halt {
    fn from(error: ConnectorError) -> Self {
        Self::Fault(error)
    }
}

impl Target {
    /// Changes an account, and says where it stands then. If it is not where it was thought to be, it is looked for by
    /// its key, once.
    pub(crate) async fn update(
        &self,
        standing: &mut Standing,
        change: &Change<'_>,
    ) -> Result<Located, ConnectorError> {
        let mut is_fresh = false;
        loop {
            let located = match &*standing {
                Standing::At(located) => located.clone(),
                Standing::Candidate(dn) => Located { dn: dn.clone(), uid: None },
                Standing::Nowhere => return Err(self.nobody(change.uid)),
                Standing::Several => return Err(self.several(change.uid)),
            };
            let is_proven = matches!(standing, Standing::At(_));
            let steps = self.steps(&located, change)?;
            let is_nothing = steps.name.is_none() && steps.modifications.is_empty();
            // Nothing to send proves nothing.
            let taken = match is_nothing && !is_proven {
                true => Err(Halt::Stale),
                false => self.take(&located, change.uid, steps).await,
            };
            match taken {
                Ok(located) => {
                    *standing = Standing::At(located.clone());
                    return Ok(located);
                }
                Err(Halt::Stale) if !is_fresh => {
                    is_fresh = true;
                    *standing = self.locate_one(change.uid).await?;
                }
                Err(Halt::Stale) => return Err(self.nobody(change.uid)),
                Err(Halt::Fault(error)) => return Err(error),
            }
        }
    }

    /// Deletes an account. One that is gone is fine.
    pub(crate) async fn delete(&self, standing: &mut Standing, uid: &str) -> Result<(), ConnectorError> {
        let mut is_fresh = false;
        loop {
            let dn = match &*standing {
                Standing::At(located) => located.dn.to_string(),
                Standing::Candidate(dn) => dn.to_string(),
                Standing::Nowhere => return Ok(()),
                Standing::Several => return Err(self.several(uid)),
            };
            let doing = format!("delete `{dn}`");
            let request = self.proven(Request::delete(&dn), uid);
            let (_, outcome) = self.system.order(&doing, &request).await?;
            match outcome.code {
                code::SUCCESS => {
                    *standing = Standing::Nowhere;
                    return Ok(());
                }
                code::NO_SUCH_OBJECT | code::ASSERTION_FAILED if is_fresh => return Ok(()),
                code::NO_SUCH_OBJECT | code::ASSERTION_FAILED => {
                    is_fresh = true;
                    *standing = self.locate_one(uid).await?;
                }
                _ => return Err(self.system.refused(&doing, &outcome)),
            }
        }
    }

    fn steps(&self, located: &Located, change: &Change<'_>) -> Result<Steps, ConnectorError> {
        let mut name = located.dn.clone();
        for (attribute, write) in &change.writes {
            if attribute.as_str().eq_ignore_ascii_case(DN) {
                name = self.new_name(write)?;
            }
        }
        let mut modifications = Vec::new();
        for (attribute, write) in &change.writes {
            let attribute = attribute.as_str();
            if attribute.eq_ignore_ascii_case(DN) {
                continue;
            }
            if is_given(attribute) {
                return Err(
                    self.rejected(format_args!("`{attribute}` is given by the server and cannot be written"))
                );
            }
            let part = name.rdn().and_then(|rdn| rdn.value_of(attribute)).map(str::to_owned);
            match (part, write) {
                (Some(part), AttributeWrite::Replace(field)) => {
                    let is_renamed = self.rename_by(&mut name, (attribute, &part), field)?;
                    // The server puts the one value of a new name in the place of the old.
                    let is_done = is_renamed || name.normal() != located.dn.normal();
                    if !is_done || field.values().len() > 1 {
                        modifications.push(self.replaced(attribute, field)?);
                    }
                }
                (None, AttributeWrite::Replace(field)) => {
                    modifications.push(self.replaced(attribute, field)?)
                }
                (_, AttributeWrite::Values { add, remove }) => {
                    let written = self.written_name(attribute);
                    let removed = self.octets(attribute, &Field::Many(remove.clone()))?;
                    let added = self.octets(attribute, &Field::Many(add.clone()))?;
                    let of = |values: Vec<Vec<u8>>, make: fn(String, Vec<Vec<u8>>) -> Modification| {
                        (!values.is_empty()).then(|| make(written.clone(), values))
                    };
                    modifications.extend(of(removed, Modification::Delete));
                    modifications.extend(of(added, Modification::Add));
                }
            }
        }
        modifications.extend(self.state(change.enabled));
        let is_other = name != located.dn;
        Ok(Steps { name: is_other.then_some(name), modifications })
    }

    fn new_name(&self, write: &AttributeWrite) -> Result<Dn, ConnectorError> {
        let text = match write {
            AttributeWrite::Replace(field) => field.first().map(|value| value.to_text().into_owned()),
            AttributeWrite::Values { .. } => None,
        };
        let text = text
            .ok_or_else(|| self.rejected(format_args!("`{DN}` has one value, which can only be replaced")))?;
        let dn = Dn::parse(&text).map_err(|error| self.rejected(error))?;
        let base = &self.layout.settings.base;
        match dn.is_within(base) && dn.rdn().is_some() {
            true => Ok(dn),
            false => Err(self.rejected(format_args!("`{dn}` does not lie below `{base}`"))),
        }
    }

    /// Gives the name another value for one of its attributes, if the field does not have the one it has.
    fn rename_by(
        &self,
        name: &mut Dn,
        (attribute, part): (&str, &str),
        field: &Field,
    ) -> Result<bool, ConnectorError> {
        let texts: Vec<_> = field.values().iter().map(|value| value.to_text()).collect();
        if texts.iter().any(|text| text == part) {
            return Ok(false);
        }
        let Some(first) = texts.first().filter(|text| !text.is_empty()) else {
            return Err(self
                .rejected(format_args!("`{attribute}` is what `{name}` is named by and cannot be cleared")));
        };
        if let Some(rdn) = name.rdn() {
            *name = name.parent().child(rdn.with(attribute, first));
        }
        Ok(true)
    }

    fn replaced(&self, attribute: &str, field: &Field) -> Result<Modification, ConnectorError> {
        Ok(Modification::Replace(self.written_name(attribute), self.octets(attribute, field)?))
    }

    fn state(&self, enabled: Option<bool>) -> Option<Modification> {
        let (disabling, enabled) = (self.layout.disabling.as_ref()?, enabled?);
        let value = if enabled { disabling.enabled.as_ref() } else { Some(&disabling.disabled) };
        let values = value.into_iter().map(|value| value.clone().into_bytes()).collect();
        Some(Modification::Replace(disabling.attribute.clone(), values))
    }

    /// The name first: whether it is free is not known before.
    async fn take(&self, located: &Located, uid: &str, steps: Steps) -> Result<Located, Halt> {
        let mut located = located.clone();
        if let Some(name) = steps.name {
            let parent = name.parent();
            let moved = (parent.normal() != located.dn.parent().normal()).then(|| parent.to_string());
            let rdn = name.rdn().map(ToString::to_string).unwrap_or_default();
            let doing = format!("rename `{}` to `{name}`", located.dn);
            let request = Request::rename(&located.dn.to_string(), &rdn, moved.as_deref());
            let (_, outcome) = self.system.order_naming(&doing, &self.proven(request, uid), &rdn).await?;
            self.went(&doing, &outcome)?;
            if let Some(uid) = name.rdn().and_then(|rdn| rdn.value_of("uid")) {
                located.uid = Some(uid.to_owned());
            }
            located.dn = name;
        }
        for modification in &steps.modifications {
            if let Modification::Replace(name, values) = modification
                && name.eq_ignore_ascii_case("uid")
            {
                located.uid = values.first().map(|value| String::from_utf8_lossy(value).into_owned());
            }
        }
        if !steps.modifications.is_empty() {
            self.modify(&located.dn.to_string(), uid, steps.modifications).await?;
        }
        Ok(located)
    }

    fn went(&self, doing: &str, outcome: &Outcome) -> Result<(), Halt> {
        match outcome.code {
            code::SUCCESS => Ok(()),
            code::NO_SUCH_OBJECT | code::ASSERTION_FAILED => Err(Halt::Stale),
            _ => Err(Halt::Fault(self.system.refused(doing, outcome))),
        }
    }

    async fn modify(&self, dn: &str, uid: &str, modifications: Vec<Modification>) -> Result<(), Halt> {
        let doing = format!("change `{dn}`");
        let request = |modifications: &[Modification]| self.proven(Request::modify(dn, modifications), uid);
        let (_, outcome) = self.system.order(&doing, &request(&modifications)).await?;
        if !matches!(outcome.code, code::NO_SUCH_ATTRIBUTE | code::VALUE_EXISTS) {
            return self.went(&doing, &outcome);
        }
        // Something to add is there already, or something to remove is not: that is fine, and only the rest is sent.
        let needed = self.needed(dn, uid, modifications).await?;
        if needed.is_empty() {
            return Ok(());
        }
        let (_, outcome) = self.system.order(&doing, &request(&needed)).await?;
        self.went(&doing, &outcome)
    }

    async fn needed(
        &self,
        dn: &str,
        uid: &str,
        modifications: Vec<Modification>,
    ) -> Result<Vec<Modification>, Halt> {
        let names: Vec<String> = modifications
            .iter()
            .filter_map(|modification| match modification {
                Modification::Add(name, _) | Modification::Delete(name, _) => Some(name.clone()),
                Modification::Replace(..) => None,
            })
            .collect();
        let found = self.system.entry(dn, &self.layout.key_filter(uid), &names).await?.ok_or(Halt::Stale)?;
        let found = self.system.raw(&found);
        let found = found.map_err(|error| self.system.garbled("show an entry", error))?;
        let held = |name: &str| -> Vec<Vec<u8>> {
            let bare = name.strip_suffix(";binary").unwrap_or(name);
            found.values(bare).iter().map(|value| self.comparable_value(name, value)).collect()
        };
        let part = |name: String, values: Vec<Vec<u8>>, is_held: bool| {
            let held = held(&name);
            let is_needed = |value: &Vec<u8>| held.contains(&self.comparable_value(&name, value)) == is_held;
            let values: Vec<_> = values.into_iter().filter(is_needed).collect();
            (!values.is_empty()).then_some((name, values))
        };
        let needed = modifications.into_iter().filter_map(|modification| match modification {
            Modification::Add(name, values) => {
                part(name, values, false).map(|(name, values)| Modification::Add(name, values))
            }
            Modification::Delete(name, values) => {
                part(name, values, true).map(|(name, values)| Modification::Delete(name, values))
            }
            replace @ Modification::Replace(..) => Some(replace),
        });
        Ok(needed.collect())
    }

    /// A value as the server compares it.
    fn comparable_value(&self, name: &str, value: &[u8]) -> Vec<u8> {
        let Ok(text) = str::from_utf8(value) else { return value.to_vec() };
        let schema = &self.system.offered.schema;
        match schema.form(name) {
            Form::Name => dn::normal(text).into_bytes(),
            Form::Text if schema.ignores_case(name) => normal_value(text).into_bytes(),
            Form::Text | Form::Octets | Form::Transferred | Form::Boolean | Form::Time | Form::Guid => {
                value.to_vec()
            }
        }
    }
}
