//! Reads of single things, by key and by name.

use std::collections::HashSet;
use std::sync::Arc;

use muster_connector::{ConnectorError, Entry};
use muster_http::{Caller, side_by_side};
use muster_model::condition::fold_case;
use serde_json::Value as Json;

use crate::class::Layout;
use crate::description::Style;
use crate::entry::EntryReader;
use crate::list::{List, Piece, key_of};
use crate::membership::Held;
use crate::template::{Values, text_of};

/// Reads things of one class.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) api: &'a Arc<Caller>,
    pub(crate) layout: &'a Layout,
    /// The most items that a list may hold.
    pub(crate) most: u64,
}

/// A thing as it is, and its version.
pub(crate) struct Found {
    /// The thing itself.
    pub(crate) item: Json,
    /// Its strong entity tag: a weak one cannot be asked for (RFC 9110 §13.1.1).
    pub(crate) version: Option<String>,
}

/// Placeholders for one value.
pub(crate) fn values_of(name: &str, value: &str) -> Values {
    [(name.to_owned(), Json::from(value))].into()
}

impl Reader<'_> {
    /// Who is a member of what, where entitlements say so.
    pub(crate) async fn held(&self) -> Result<Option<Arc<Held>>, ConnectorError> {
        match &self.layout.membership {
            Some(membership) if membership.own.is_none() => {
                Ok(Some(Arc::new(Held::read(self.api, membership, self.most).await?)))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Things by their keys; those that are not there are left out.
    pub(crate) async fn by_keys(&self, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let items = self.items(uids).await?;
        self.entries(&items).await
    }

    /// Things by their names; those that are not there are left out.
    pub(crate) async fn by_names(&self, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let items = self.named(names).await?;
        self.entries(&items).await
    }

    async fn entries(&self, items: &[Json]) -> Result<Vec<Entry>, ConnectorError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let held = self.held().await?;
        let reader = EntryReader { layout: self.layout, held: held.as_ref(), address: self.api.address() };
        Ok((1..).zip(items).map(|(number, item)| reader.entry(item, number)).collect())
    }

    async fn items(&self, uids: &[String]) -> Result<Vec<Json>, ConnectorError> {
        let mut seen = HashSet::new();
        let uids: Vec<&String> = uids.iter().filter(|uid| !uid.is_empty() && seen.insert(*uid)).collect();
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        if self.layout.class.read.is_none() {
            let list = List::all(self.api, &self.layout.class, self.most);
            let is_wanted =
                |item: &Json| key_of(item, &self.layout.class.key).is_some_and(|key| seen.contains(&key));
            return self.among(list, uids.len(), is_wanted).await;
        }
        let found = side_by_side(uids, |uid| self.one(uid)).await;
        let found: Result<Vec<_>, _> = found.into_iter().filter_map(Result::transpose).collect();
        Ok(found?.into_iter().map(|found| found.item).collect())
    }

    /// One thing as it is now; `None` where it is not there.
    pub(crate) async fn one(&self, uid: &str) -> Result<Option<Found>, ConnectorError> {
        let class = &self.layout.class;
        let Some(read) = &class.read else {
            let uids = [uid.to_owned()];
            let items = Box::pin(self.items(&uids)).await?;
            return Ok(items.into_iter().next().map(|item| Found { item, version: None }));
        };
        let answer = self.api.call(&read.call(&values_of("key", uid))?).await?;
        if answer.is_missing() {
            return Ok(None);
        }
        if !answer.is_success() {
            return Err(answer.refused());
        }
        let mut body = answer.parsed::<Json>()?;
        let item = class.item.take(&mut body).filter(Json::is_object);
        let Some(item) = item else {
            return Err(answer.garbage(&format!("there is no object at `{}`", class.item)));
        };
        if key_of(&item, &class.key).as_deref() != Some(uid) {
            return Err(answer.garbage("it is another thing than was asked for"));
        }
        let version = answer.response.header("etag").filter(|tag| tag.starts_with('"')).map(str::to_owned);
        Ok(Some(Found { item, version }))
    }

    /// Things that have one of the names. Whether the API has really looked for them is not relied upon.
    pub(crate) async fn named(&self, names: &[String]) -> Result<Vec<Json>, ConnectorError> {
        let wanted: HashSet<String> = names.iter().map(|name| fold_case(name).into_owned()).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let class = &self.layout.class;
        if class.find.is_some() {
            let names = names.iter().filter(|name| !name.is_empty());
            let found = side_by_side(names, |name| self.found(name)).await;
            let found: Result<Vec<_>, _> = found.into_iter().collect();
            let mut seen = HashSet::new();
            let is_first = |item: &Json| seen.insert(key_of(item, &class.key));
            return Ok(found?.into_iter().flatten().filter(is_first).collect());
        }
        let is_key = self.layout.naming.source.pointer == class.key;
        if is_key && class.read.is_some() {
            return self.items(names).await;
        }
        let list = List::all(self.api, class, self.most);
        self.among(list, usize::MAX, |item| self.name_of(item).is_some_and(|name| wanted.contains(&name)))
            .await
    }

    fn name_of(&self, item: &Json) -> Option<String> {
        let held = self.layout.naming.source.pointer.get(item).and_then(text_of)?;
        Some(fold_case(&held).into_owned())
    }

    /// Those that a search for a name gives, and that have it.
    async fn found(&self, name: &str) -> Result<Vec<Json>, ConnectorError> {
        let Some(find) = &self.layout.class.find else { return Ok(Vec::new()) };
        let is_whole = find.paging.style == Style::None;
        let list = List::new(self.api, find.clone(), values_of("name", name), self.most).searching();
        let folded = fold_case(name);
        let mut others = 0;
        let found = self.among(list, usize::MAX, |item| {
            let is_it = self.name_of(item).as_deref() == Some(&*folded);
            others += usize::from(!is_it);
            is_it
        });
        let found = found.await?;
        match found.is_empty() && others > 0 && is_whole {
            // An API that does not know the parameter gives everybody, page by page: who is not on the first is not gone.
            true => Err(ConnectorError::Unusable {
                message: format!(
                    "{}: `find` of `{}` gives others than were asked for, so nobody can be found by it: correct it, or give \
                     it `paging` if it is a search",
                    self.api.address(),
                    self.layout.name
                ),
            }),
            false => Ok(found),
        }
    }

    /// Those of a list that are wanted, so many at most.
    async fn among(
        &self,
        mut list: List,
        most: usize,
        mut is_wanted: impl FnMut(&Json) -> bool,
    ) -> Result<Vec<Json>, ConnectorError> {
        let mut found = Vec::new();
        loop {
            match list.next(usize::MAX).await? {
                Piece::Page(page) => found.extend(page.items.into_iter().filter(|item| is_wanted(item))),
                Piece::End(Ok(())) => return Ok(found),
                Piece::End(Err(_)) if found.len() >= most => return Ok(found),
                Piece::End(Err(reason)) => {
                    let message = format!(
                        "{}: who is not in the list of `{}` may be there, since it is not whole: {reason}",
                        self.api.address(),
                        self.layout.name
                    );
                    return Err(ConnectorError::Transient { message, retry_after: None });
                }
            }
        }
    }
}
