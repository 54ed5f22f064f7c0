//! A class as the database has it: which table, which columns, and which tables beside it.

use std::sync::Arc;

use muster_connector::{RemoteClass, RemoteMembership};
use muster_model::AttributeName;
use muster_model::record::Names;

use crate::catalogue::{self, Column, Relation, unusable};
use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::link::Link;
use crate::settings::{KeysGivenBy, Settings, SeveralRule};

/// A class whose every name was found in the catalogue.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) dialect: Dialect,
    /// The class as messages name it.
    pub(crate) shown: String,
    pub(crate) relation: Relation,
    pub(crate) key: Column,
    /// The column that accounts are made under; the key where they get that from us.
    pub(crate) naming: Column,
    pub(crate) gives_keys: bool,
    pub(crate) names: Arc<Names>,
    /// Where each attribute stands, in the order of the names.
    pub(crate) places: Vec<Place>,
    /// Attributes that stand in single columns.
    pub(crate) columns: Vec<Column>,
    /// Attributes that stand in tables of their own.
    pub(crate) several: Vec<Several>,
    pub(crate) enabled: Option<Column>,
    pub(crate) change: Option<Column>,
    pub(crate) deleted: Option<Column>,
}

/// Where an attribute stands: in one of the columns, or in one of the tables beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Column(usize),
    Several(usize),
}

/// A table with one row a value.
#[derive(Debug, Clone)]
pub(crate) struct Several {
    pub(crate) table: Relation,
    /// Holds the key of the account.
    pub(crate) owner: Column,
    pub(crate) value: Column,
}

impl Layout {
    /// Finds a class in the catalogue.
    pub(crate) async fn of(link: &mut Link, settings: &Settings, class: &RemoteClass) -> Result<Self, Fault> {
        let relation = catalogue::named(link, settings, &class.remote_name).await?;
        let find = |name: &str| lookup(&relation, name);
        let key = find(class.uid_attribute.as_str())?;
        let gives_keys = settings.gives_keys(class);
        let naming = match (&class.name_attribute, gives_keys) {
            (Some(name), true) => find(name.as_str())?,
            (_, _) => key.clone(),
        };
        let optional = |name: Option<&String>| name.and_then(|name| relation.column(name)).cloned();
        let change = optional(settings.change.as_ref().map(|rule| &rule.column));
        let deleted = optional(settings.change.as_ref().and_then(|rule| rule.deleted.as_ref()));
        let mut layout = Self {
            dialect: link.dialect(),
            shown: class.remote_name.clone(),
            key,
            naming,
            gives_keys,
            names: Names::new(Vec::new()),
            places: Vec::new(),
            columns: Vec::new(),
            several: Vec::new(),
            enabled: optional(settings.enabled.as_ref().map(|rule| &rule.column)),
            // Without the column of changes nobody could tell when a row was marked.
            deleted: deleted.filter(|_| change.is_some()),
            change,
            relation,
        };
        layout.place_attributes(link, settings, class).await?;
        Ok(layout)
    }

    async fn place_attributes(
        &mut self,
        link: &mut Link,
        settings: &Settings,
        class: &RemoteClass,
    ) -> Result<(), Fault> {
        let mut wanted = wanted(settings, class, self);
        let membership = class.membership.as_ref();
        if let Some(membership) = membership
            && !wanted.contains(&membership.attribute)
        {
            wanted.push(membership.attribute.clone());
        }
        for name in &wanted {
            let place = match membership.filter(|membership| membership.attribute == *name) {
                Some(membership) => Some(joined(settings, membership)?),
                None => settings.several_of(&class.remote_name, name.as_str()).cloned(),
            };
            self.places.push(match place {
                Some(rule) => {
                    self.several.push(several(link, settings, &rule).await?);
                    Place::Several(self.several.len() - 1)
                }
                None => {
                    self.columns.push(lookup(&self.relation, name.as_str())?);
                    Place::Column(self.columns.len() - 1)
                }
            });
        }
        let listed = class.attributes.iter().filter(|known| known.multi_valued);
        for attribute in listed {
            let place = wanted.iter().position(|name| *name == attribute.name);
            if matches!(place.map(|place| self.places[place]), Some(Place::Column(_))) {
                return Err(unusable(format!(
                    "`{}` has several values, and a column holds one; say where they stand with a property \
                     `multiValues.{}.{}`",
                    attribute.name, class.remote_name, attribute.name
                )));
            }
        }
        self.names = Names::new(wanted);
        Ok(())
    }

    /// Where an attribute stands.
    pub(crate) fn place(&self, name: &str) -> Option<Place> {
        self.names.position(name).map(|position| self.places[position])
    }

    /// Why accounts of this class cannot be written; `None` where they can.
    pub(crate) fn obstacle(&self) -> Option<String> {
        let shown = &self.shown;
        if !self.relation.is_table() {
            return Some(format!(
                "`{shown}` is a view or a query, which is only read; name its table to write"
            ));
        }
        for column in [&self.key, &self.naming] {
            // A condition of an index that goes with marked rows is taken to leave these out.
            let is_unique =
                !column.unique.is_empty() || self.deleted.is_some() && !column.partly_unique.is_empty();
            if !is_unique {
                return Some(format!(
                    "no unique constraint or index covers `{}` of `{shown}` alone, so that an account whose creation \
                     is answered by nobody might be made twice; add one, or set `writable` to `false`",
                    column.name
                ));
            }
        }
        if self.gives_keys && self.key.is_given_again {
            let advice = match self.dialect {
                Dialect::Sqlite => "declare it `AUTOINCREMENT`",
                Dialect::Postgres => "have its sequence not `CYCLE`",
            };
            return Some(format!(
                "the database gives keys in `{}` of `{shown}` again when their rows are gone, so that one could become \
                 somebody else's; {advice}, or set `keysGivenBy` to `CALLER`",
                self.key.name
            ));
        }
        let rights = self.relation.rights;
        let lacks = [("INSERT", rights.insert), ("UPDATE", rights.update), ("DELETE", rights.delete)];
        let lacks: Vec<&str> = lacks.into_iter().filter(|(_, has)| !has).map(|(name, _)| name).collect();
        match (lacks.as_slice(), &self.deleted) {
            ([], _) | (["DELETE"], Some(_)) => None,
            (lacks, _) => Some(format!(
                "the role may not {} on `{shown}`; grant it, or set `writable` to `false`",
                lacks.join(", ")
            )),
        }
    }

    /// What tells these rows from those of another table, read by other rules.
    pub(crate) fn fingerprint(&self, settings: &Settings, identity: &str) -> String {
        let names: Vec<&str> = self.names.as_slice().iter().map(AttributeName::as_str).collect();
        let said = format!(
            "{:?} {:?} {:?} {} {} {} {names:?}",
            settings.system,
            self.relation.source,
            self.change,
            self.relation.identity,
            identity,
            self.key.name
        );
        blake3::hash(said.as_bytes()).to_hex()[..32].to_owned()
    }
}

impl Settings {
    /// Whether accounts of a class get their keys from the database.
    pub(crate) fn gives_keys(&self, class: &RemoteClass) -> bool {
        self.keys == KeysGivenBy::Database && class.name_attribute.is_some()
    }
}

/// The attributes to read: those that the class lists, or all that there are but what is said in another way.
fn wanted(settings: &Settings, class: &RemoteClass, layout: &Layout) -> Vec<AttributeName> {
    if !class.attributes.is_empty() {
        return class.attributes.iter().map(|attribute| attribute.name.clone()).collect();
    }
    let aside = [&layout.enabled, &layout.change, &layout.deleted];
    let is_aside =
        |name: &str| aside.iter().any(|column| column.as_ref().is_some_and(|column| column.name == name));
    let columns = layout.relation.columns.iter().map(|column| column.name.as_str());
    let beside = settings.several.iter().filter(|rule| rule.class == class.remote_name);
    let beside: Vec<&str> = beside.map(|rule| rule.attribute.as_str()).collect();
    let columns = columns.filter(|name| !is_aside(name) && !beside.contains(name));
    columns.chain(beside.iter().copied()).map(AttributeName::from).collect()
}

/// The table that holds who is a member: that of the members of an entitlement, seen from the account.
fn joined(settings: &Settings, membership: &RemoteMembership) -> Result<SeveralRule, Fault> {
    let (class, attribute) = (&membership.remote_name, membership.member_attribute.as_str());
    let Some(rule) = settings.several_of(class, attribute) else {
        return Err(unusable(format!(
            "nothing says where the members of `{class}` stand; give a property `multiValues.{class}.{attribute}` \
             with `table(columnOfTheEntitlement, columnOfTheAccount)`"
        )));
    };
    Ok(SeveralRule { owner: rule.value.clone(), value: rule.owner.clone(), ..rule.clone() })
}

async fn several(link: &mut Link, settings: &Settings, rule: &SeveralRule) -> Result<Several, Fault> {
    let table = catalogue::table(link, settings, &rule.table).await?;
    let (owner, value) = (lookup(&table, &rule.owner)?, lookup(&table, &rule.value)?);
    Ok(Several { table, owner, value })
}

fn lookup(relation: &Relation, name: &str) -> Result<Column, Fault> {
    relation.column(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = relation.columns.iter().map(|column| column.name.as_str()).take(20).collect();
        unusable(format!(
            "there is no column `{}`; there are {}",
            muster_connector::text::shown(name),
            muster_connector::text::shown(&known.join(", "))
        ))
    })
}
