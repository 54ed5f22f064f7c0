//! Accounts as they are now: read from their applications one by one, for people who look at them. Decides nothing,
//! and what one application does not say is no failure of the others.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use muster_connector::{Connector, ConnectorError, Entry};
use muster_model::configuration::Configuration;
use muster_model::configuration::application::Application;
use muster_model::{ApplicationId, Attributes, ObjectClassId};
use muster_store::{AccountRecord, TenantStore};

use crate::Engine;
use crate::configuration::object_class;
use crate::remote::remote_class;

/// Applications that are asked at the same time.
const AT_ONCE: usize = 4;
/// How long an application is waited for where its connector definition sets no limit.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an application is waited for at most, whatever its connector definition sets.
const MOST_PATIENCE: Duration = Duration::from_secs(30);

/// An account as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveAccount {
    /// It exists.
    Found {
        /// Whether it is enabled; `None` where the system has no such notion.
        enabled: Option<bool>,
        /// What it holds.
        attributes: Attributes,
    },
    /// It does not exist.
    NotFound,
    /// That could not be found out.
    Unknown {
        /// Why not, and what to do.
        reason: String,
    },
}

/// The accounts of one application, by class, each with its place in the answer.
type ByClass<'a> = BTreeMap<&'a ObjectClassId, Vec<(usize, &'a str)>>;

impl Engine {
    /// Reads accounts from their applications, several applications side by side, each within its time. Answers one
    /// for each, in their order.
    pub async fn read_live(
        &self,
        store: &TenantStore,
        configuration: &Configuration,
        accounts: &[AccountRecord],
    ) -> Vec<LiveAccount> {
        let mut by_application: BTreeMap<&ApplicationId, ByClass<'_>> = BTreeMap::new();
        for (place, account) in accounts.iter().enumerate() {
            let classes = by_application.entry(&account.application).or_default();
            classes.entry(&account.class).or_default().push((place, &account.uid));
        }
        let mut answers: Vec<LiveAccount> = accounts.iter().map(|_| LiveAccount::NotFound).collect();
        let asked = by_application
            .iter()
            .map(|(application, classes)| self.read_application(store, configuration, application, classes));
        let mut read = stream::iter(asked).buffer_unordered(AT_ONCE);
        while let Some(found) = read.next().await {
            for (place, answer) in found {
                answers[place] = answer;
            }
        }
        answers
    }

    async fn read_application(
        &self,
        store: &TenantStore,
        configuration: &Configuration,
        id: &ApplicationId,
        classes: &ByClass<'_>,
    ) -> Vec<(usize, LiveAccount)> {
        let Some(application) = configuration.application(id) else {
            return unknown(classes, &format!("there is no application `{id}` any more"));
        };
        let patience = patience(configuration, application);
        let read = async {
            let connector = self.open_connector(store, configuration, application).await?;
            let mut answers = Vec::new();
            for (class, accounts) in classes {
                answers.extend(read_class(&*connector, application, class, accounts).await?);
            }
            Ok::<_, ConnectorError>(answers)
        };
        match tokio::time::timeout(patience, read).await {
            Ok(Ok(answers)) => answers,
            Ok(Err(error)) => unknown(classes, &error.to_string()),
            Err(_) => {
                let waited = patience.as_millis();
                unknown(classes, &format!("application `{id}` did not answer within {waited} ms"))
            }
        }
    }
}

fn patience(configuration: &Configuration, application: &Application) -> Duration {
    let definition = configuration.connector_definition(&application.connector_definition_id);
    let limit = definition.and_then(|definition| definition.limits.operation_timeout_millis);
    limit.map_or(PATIENCE, |millis| Duration::from_millis(millis.into())).min(MOST_PATIENCE)
}

async fn read_class(
    connector: &dyn Connector,
    application: &Application,
    class: &ObjectClassId,
    accounts: &[(usize, &str)],
) -> Result<Vec<(usize, LiveAccount)>, ConnectorError> {
    let Ok(class) = object_class(application, class) else {
        let reason = format!("application `{}` has no object class `{class}` any more", application.id);
        return Ok(accounts.iter().map(|(place, _)| (*place, unknown_for(&reason))).collect());
    };
    let uids: Vec<String> = accounts.iter().map(|(_, uid)| (*uid).to_owned()).collect();
    let entries = connector.read(&remote_class(application, class), &uids).await?;
    Ok(accounts.iter().map(|(place, uid)| (*place, among(&entries, uid))).collect())
}

/// The account of a key among those that were read. A bad entry without a key may be the one.
fn among(entries: &[Entry], uid: &str) -> LiveAccount {
    let found = entries.iter().find_map(|entry| match entry {
        Entry::Account(account) if account.uid == uid => {
            Some(LiveAccount::Found { enabled: account.enabled, attributes: account.record.to_attributes() })
        }
        Entry::Bad(bad) if bad.uid.as_deref().is_none_or(|known| known == uid) => {
            Some(unknown_for(&bad.message))
        }
        Entry::Account(_) | Entry::Bad(_) | Entry::Gone(_) => None,
    });
    found.unwrap_or(LiveAccount::NotFound)
}

fn unknown_for(reason: &str) -> LiveAccount {
    LiveAccount::Unknown { reason: reason.to_owned() }
}

fn unknown(classes: &ByClass<'_>, reason: &str) -> Vec<(usize, LiveAccount)> {
    classes.values().flatten().map(|(place, _)| (*place, unknown_for(reason))).collect()
}

#[cfg(test)]
mod tests {
    use muster_connector::{Account, BadEntry, Place};
    use muster_model::{Field, Record};

    use super::*;

    #[test]
    fn an_account_is_told_from_others_and_from_what_cannot_be_read() {
        let account = |uid: &str| {
            let record = Record::from_pairs([("no", Field::text(uid)), ("mail", Field::Absent)]);
            Entry::Account(Account { place: Place(1), uid: uid.to_owned(), enabled: None, record })
        };
        let bad = |uid: Option<&str>| {
            let uid = uid.map(str::to_owned);
            Entry::Bad(BadEntry { place: Place(2), uid, message: "line 2 is broken".to_owned() })
        };
        let found = |uid: &str| LiveAccount::Found {
            enabled: None,
            attributes: [("no", Field::text(uid))].into_iter().collect(),
        };
        for (entries, expected) in [
            (vec![], LiveAccount::NotFound),
            (vec![account("2")], LiveAccount::NotFound),
            (vec![account("2"), account("1")], found("1")),
            (vec![bad(Some("2"))], LiveAccount::NotFound),
            (vec![bad(Some("1"))], unknown_for("line 2 is broken")),
            (vec![bad(None)], unknown_for("line 2 is broken")),
        ] {
            assert_eq!(among(&entries, "1"), expected, "{entries:?}");
        }
    }
}
