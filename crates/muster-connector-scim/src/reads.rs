//! Reads of single accounts, by key and by name.

use std::collections::HashSet;
use std::sync::Arc;

use muster_connector::{ConnectorError, Entry};
use muster_http::{encoded, side_by_side};
use muster_model::condition::fold_case;
use serde_json::{Map, Value as Json};

use crate::api;
use crate::class::Layout;
use crate::entry::EntryReader;
use crate::list::{Got, Item, List, Wanted, id_of};
use crate::membership::Held;
use crate::path::quoted;
use crate::provider::Provider;
use crate::settings::Memberships;

/// So many names one filter asks for at most, and so long it is, in octets.
const NAMES_A_FILTER: usize = 20;
const LONGEST_FILTER: usize = 2000;

/// Reads accounts of one class.
pub(crate) struct Reader<'a> {
    pub(crate) service: &'a Arc<Provider>,
    pub(crate) layout: &'a Layout,
}

impl Reader<'_> {
    /// What is read of each account.
    pub(crate) fn asked(&self) -> String {
        let memberships = self.layout.membership.as_ref().map(|_| self.service.settings.memberships);
        match memberships {
            Some(Memberships::Accounts) => self.layout.asked(&["groups"]),
            Some(Memberships::Groups) | None => self.layout.asked(&[]),
        }
    }

    /// The list of all accounts, or of those that a filter selects.
    pub(crate) fn wanted(&self, filter: Option<String>) -> Wanted {
        Wanted { endpoint: self.layout.endpoint.clone(), filter, attributes: self.asked() }
    }

    /// Who is a member of what, where groups say so.
    pub(crate) async fn held(&self) -> Result<Option<Held>, ConnectorError> {
        match (&self.layout.membership, self.service.settings.memberships) {
            (Some(membership), Memberships::Groups) => Ok(Some(Held::read(self.service, membership).await?)),
            (Some(_), Memberships::Accounts) | (None, _) => Ok(None),
        }
    }

    /// Accounts by their keys; those that are not there are left out.
    pub(crate) async fn by_keys(&self, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let mut seen = HashSet::new();
        let uids: Vec<&String> = uids.iter().filter(|uid| !uid.is_empty() && seen.insert(*uid)).collect();
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let found = side_by_side(&uids, |uid| self.resource(uid)).await;
        let found: Vec<Item> = found.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
        self.entries(&found).await
    }

    /// One resource, as far as it is read; `None` where it is not there.
    async fn resource(&self, uid: &str) -> Result<Option<Item>, ConnectorError> {
        let mut path = format!("{}/{}", self.layout.endpoint, encoded(uid));
        if self.service.settings.habits.asks_for_attributes {
            path.push_str(&format!("?attributes={}", encoded(&self.asked())));
        }
        let answer = self.service.api.call(&api::get(path)).await?;
        match answer.is_success() {
            true => {
                let resource = answer.parsed::<Map<String, Json>>()?;
                match resource.get("id").and_then(Json::as_str) == Some(uid) {
                    true => Ok(Some(Ok(resource))),
                    false => Err(answer.garbage("it is another resource than was asked for")),
                }
            }
            false if answer.is_missing() => Ok(None),
            false => Err(answer.refused()),
        }
    }

    async fn entries(&self, found: &[Item]) -> Result<Vec<Entry>, ConnectorError> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let held = self.held().await?;
        let address = self.service.api.address();
        let reader = EntryReader { layout: self.layout, held: held.as_ref(), address };
        Ok((1..).zip(found).map(|(number, item)| reader.entry(item, number)).collect())
    }

    /// Accounts by their names; those that are not there are left out.
    pub(crate) async fn by_names(&self, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let found = self.resources_by_names(names).await?;
        let found: Vec<Item> = found.into_iter().map(Ok).collect();
        self.entries(&found).await
    }

    /// The same as resources.
    pub(crate) async fn resources_by_names(
        &self,
        names: &[String],
    ) -> Result<Vec<Map<String, Json>>, ConnectorError> {
        let wanted: HashSet<String> = names.iter().map(|name| fold_case(name).into_owned()).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        if !self.service.has_filter() {
            return self.among(self.wanted(None), &wanted).await;
        }
        let most = if self.service.settings.habits.has_or { NAMES_A_FILTER } else { 1 };
        let filters = filters(&self.layout.naming.path.to_string(), names, most);
        let found = side_by_side(filters, |filter| self.among(self.wanted(Some(filter)), &wanted)).await;
        let found: Result<Vec<_>, _> = found.into_iter().collect();
        match found {
            Ok(found) => {
                // One that does not filter gives the same to each question.
                let mut seen = HashSet::new();
                let all = found.into_iter().flatten();
                Ok(all.filter(|one| id_of(one).is_none_or(|id| seen.insert(id.to_owned()))).collect())
            }
            // It does not filter by this attribute, or not like this.
            Err(ConnectorError::Rejected { .. }) => self.among(self.wanted(None), &wanted).await,
            Err(error) => Err(error),
        }
    }

    /// Those of the names that somebody has, in folded case.
    pub(crate) async fn names_taken(&self, names: &[String]) -> Result<HashSet<String>, ConnectorError> {
        let found = self.resources_by_names(names).await?;
        Ok(found.iter().filter_map(|resource| self.name_of(resource)).collect())
    }

    /// The name of a resource, in folded case.
    fn name_of(&self, resource: &Map<String, Json>) -> Option<String> {
        let name = self.layout.naming.path.get(resource, false).unwrap_or_default();
        name.first().map(|name| fold_case(&name.to_text()).into_owned())
    }

    /// Those of a list that have one of the names. Whether the service has really filtered is not relied upon.
    async fn among(
        &self,
        list: Wanted,
        names: &HashSet<String>,
    ) -> Result<Vec<Map<String, Json>>, ConnectorError> {
        let place = format!("{}{}", self.service.api.address(), list.endpoint);
        let mut list = List::new(Arc::clone(self.service), list);
        let mut found = Vec::new();
        // Not every name is one resource's: as many resources as names may leave somebody out.
        let mut met = HashSet::new();
        loop {
            match list.next(self.service.settings.page_size).await? {
                Got::Items(items) => found.extend(items.into_iter().flatten().filter(|resource| {
                    let name = self.name_of(resource).filter(|name| names.contains(name));
                    name.map(|name| met.insert(name)).is_some()
                })),
                Got::End(Ok(())) => return Ok(found),
                Got::End(Err(_)) if met.len() == names.len() => return Ok(found),
                Got::End(Err(reason)) => {
                    let message = format!(
                        "{place}: who is not in the list may be there, since it is not whole: {reason}"
                    );
                    return Err(ConnectorError::Transient { message, retry_after: None });
                }
            }
        }
    }
}

/// Filters that select all names, each for some of them.
fn filters(path: &str, names: &[String], most: usize) -> Vec<String> {
    let mut filters: Vec<String> = Vec::new();
    let mut count = 0;
    for name in names {
        let one = format!("{path} eq {}", quoted(name));
        match filters.last_mut() {
            Some(last) if count < most && last.len() + one.len() < LONGEST_FILTER => {
                last.push_str(" or ");
                last.push_str(&one);
                count += 1;
            }
            Some(_) | None => {
                filters.push(one);
                count = 1;
            }
        }
    }
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_asked_for_some_at_a_time() {
        let names = |count: usize| (0..count).map(|number| format!("u{number}")).collect::<Vec<_>>();
        assert_eq!(filters("userName", &names(2), 20), ["userName eq \"u0\" or userName eq \"u1\""]);
        assert_eq!(filters("userName", &names(2), 1), ["userName eq \"u0\"", "userName eq \"u1\""]);
        assert_eq!(filters("userName", &names(45), 20).len(), 3);
        let hostile = ["a\" or id pr or userName eq \"\\".to_owned()];
        assert_eq!(
            filters("userName", &hostile, 20),
            ["userName eq \"a\\\" or id pr or userName eq \\\"\\\\\""]
        );
        let long: Vec<String> = (0..3).map(|_| "x".repeat(1500)).collect();
        assert_eq!(filters("userName", &long, 20).len(), 3);
        assert_eq!(filters("userName", &[], 20), Vec::<String>::new());
    }
}
