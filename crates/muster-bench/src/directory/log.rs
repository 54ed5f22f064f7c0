//! What a server wrote down of what it was asked to do, counted.

use std::collections::BTreeMap;

use ldap3::adapters::PagedResults;
use ldap3::{Scope, SearchEntry};
use muster_testkit::servers::slapd::LOG;
use serde::Serialize;

use super::{PAGE, PEOPLE, connected};
use crate::error::Error;

/// What the server notes of every change by itself.
const OF_THE_SERVER: [&str; 3] = ["entryCSN", "modifiersName", "modifyTimestamp"];

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Written {
    /// Accounts that were added.
    added: u64,
    /// Changes to accounts.
    modified: u64,
    /// Changes to groups.
    groups: u64,
    /// Whatever else, searches too where they are written down.
    others: u64,
    /// Of all changes the values: an attribute, and `=` where they were replaced, `+` added, `-` taken away.
    values: BTreeMap<String, u64>,
}

impl Written {
    fn count(&mut self, kind: &str, dn: &str, modifications: &[String]) {
        let is_account = dn.to_lowercase().ends_with(&format!(",{PEOPLE}"));
        match (kind, is_account) {
            ("add", true) => self.added += 1,
            ("modify", is_account) => {
                if is_account {
                    self.modified += 1;
                } else {
                    self.groups += 1;
                }
                let named = modifications.iter().filter_map(|line| named(line));
                named.for_each(|name| *self.values.entry(name).or_default() += 1);
            }
            _ => self.others += 1,
        }
    }
}

/// `title=` of `title:= Scientist`; nothing of what the server notes.
fn named(modification: &str) -> Option<String> {
    let (attribute, what) = modification.split_once(':')?;
    let is_ours = !OF_THE_SERVER.contains(&attribute);
    is_ours.then(|| format!("{attribute}{}", what.get(..1).unwrap_or_default()))
}

/// Counts all that stands in the log.
///
/// # Errors
/// When the server does not tell.
pub(crate) fn written(port: u16) -> Result<Written, Error> {
    connected(port, async |mut ldap| {
        let attributes = ["reqType", "reqDN", "reqMod"];
        let filter = "(objectClass=auditObject)";
        let pages = PagedResults::new(PAGE as i32);
        let mut found = ldap.streaming_search_with(pages, LOG, Scope::Subtree, filter, attributes).await?;
        let mut written = Written::default();
        while let Some(entry) = found.next().await? {
            let mut entry = SearchEntry::construct(entry);
            let mut texts = |name: &str| entry.attrs.remove(name).unwrap_or_default();
            let (kind, dn) = (texts("reqType"), texts("reqDN"));
            let first = |texts: &[String]| texts.first().cloned().unwrap_or_default();
            written.count(&first(&kind), &first(&dn), &texts("reqMod"));
        }
        found.finish().await.success()?;
        Ok(written)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_from_what_the_server_notes() {
        let mut written = Written::default();
        let account = "uid=ada1,ou=people,dc=example,dc=org";
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        written.count("add", account, &lines(&["uid:+ ada1", "title:+ Scientist"]));
        written.count(
            "modify",
            account,
            &lines(&["title:= Head", "entryCSN:= 20261122", "modifyTimestamp:= 1"]),
        );
        let group = "cn=it,ou=groups,dc=example,dc=org";
        written.count(
            "modify",
            group,
            &lines(&["member:+ uid=ada1", "member:+ uid=bo2", "member:- uid=cy3"]),
        );
        written.count("delete", account, &[]);
        written.count("search", "dc=example,dc=org", &[]);
        let values = [("title=", 1), ("member+", 2), ("member-", 1)];
        let values = values.map(|(name, count)| (name.to_owned(), count)).into();
        assert_eq!(written, Written { added: 1, modified: 1, groups: 1, others: 2, values });
    }
}
