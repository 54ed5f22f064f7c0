//! Resources as entries: each attribute by its path, who is enabled, and the key.

use muster_connector::{Account, BadEntry, Entry, Place};
use muster_http::NO_PLACE;
use muster_model::{Field, Record, Value};
use serde_json::{Map, Value as Json};

use crate::class::Layout;
use crate::list::{Item, id_of};
use crate::membership::Held;
use crate::path::{Unfit, same};

/// Reads resources of a class.
pub(crate) struct EntryReader<'a> {
    pub(crate) layout: &'a Layout,
    /// Who is a member of what, where groups say so.
    pub(crate) held: Option<&'a Held>,
    /// Where the resources come from, for messages.
    pub(crate) address: &'a str,
}

impl EntryReader<'_> {
    /// One resource of a list as an entry; its number there is for messages.
    pub(crate) fn entry(&self, item: &Item, number: u64) -> Entry {
        let shown = format!("{}{}", self.address, self.layout.endpoint);
        let keyless = |problem: &str| {
            let message = format!("{shown} number {number}: {problem}");
            Entry::Bad(BadEntry { place: Place(number), uid: None, message })
        };
        let resource = match item {
            Ok(resource) => resource,
            Err(problem) => return keyless(&format!("what is listed there is no resource: {problem}")),
        };
        let Some(uid) = id_of(resource) else {
            return keyless("the resource has no `id`, or none that can be a key");
        };
        match self.account(resource, uid) {
            Ok(account) => Entry::Account(account),
            Err(unfit) => Entry::Bad(BadEntry {
                place: NO_PLACE,
                uid: Some(uid.to_owned()),
                message: format!("{shown}/{uid}: {unfit}"),
            }),
        }
    }

    fn account(&self, resource: &Map<String, Json>, uid: &str) -> Result<Account, Unfit> {
        let mut fields = Vec::with_capacity(self.layout.attributes.len() + 1);
        for attribute in &self.layout.attributes {
            fields.push(attribute.path.get(resource, attribute.is_multi_valued)?);
        }
        if self.layout.membership.is_some() {
            let groups = match self.held {
                Some(held) => held.of(uid),
                None => own_groups(resource),
            };
            fields.push(Field::Many(groups.into_iter().map(Value::String).collect()));
        }
        let enabled = match &self.layout.enabled {
            None => None,
            // A service that says nothing of it has nobody disabled.
            Some(path) => Some(match path.get(resource, false)?.first() {
                Some(Value::Boolean(truth)) => *truth,
                Some(value) => !same(&value.to_text(), "false"),
                None => true,
            }),
        };
        let record = Record { names: self.layout.names.clone(), fields };
        Ok(Account { place: NO_PLACE, uid: uid.to_owned(), enabled, record })
    }
}

/// The groups that an account itself says to be a direct member of (RFC 7643 §4.1.2).
fn own_groups(resource: &Map<String, Json>) -> Vec<String> {
    let groups = resource.get("groups").and_then(Json::as_array);
    let is_direct =
        |group: &&Json| group.get("type").and_then(Json::as_str).is_none_or(|kind| same(kind, "direct"));
    let direct = groups.into_iter().flatten().filter(is_direct);
    direct.filter_map(|group| group.get("value")?.as_str().map(str::to_owned)).collect()
}
