//! What stands where a create was refused since the account exists: the one that was to be made, or another.

use std::collections::HashMap;

use muster_connector::{Account, ConnectorError, Entry, WriteResult};
use muster_model::Value;
use muster_plan::change::Action;
use muster_plan::convert::comparable_texts;
use muster_store::ChangeRow;

use crate::apply_outbound::Way;
use crate::parking::Ask;

/// An account that stands where one was to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is the one that was to be made.
    Whole,
    /// It is, but is not all that it is to be yet; the next run finishes it.
    Unfinished,
    /// It is another one, or none was looked for.
    Other,
    /// Nobody knows, since it could not be read, for this reason.
    Unread(String),
}

/// Whether a create was refused since the account exists.
pub(crate) fn is_there(row: &ChangeRow, error: &ConnectorError) -> bool {
    row.action == Action::Create && matches!(error, ConnectorError::Conflict { .. })
}

impl Way<'_> {
    /// The accounts that stand where creates of a batch were to make some, all read at once.
    pub(crate) async fn read_back(
        &mut self,
        asks: &[Ask],
        outcomes: &[WriteResult],
    ) -> Result<HashMap<String, Account>, ConnectorError> {
        let outcomes =
            asks.iter().zip(outcomes).filter_map(|(ask, outcome)| Some((ask, outcome.as_ref().err()?)));
        let there = outcomes.filter(|(ask, error)| is_there(&ask.row, error));
        let made_with: Vec<String> = there.map(|(ask, _)| ask.row.uid.clone()).collect();
        if made_with.is_empty() {
            return Ok(HashMap::new());
        }
        let name = self.of.task.classes[self.of.index].decisions.abilities.name.as_ref();
        let read = match name {
            None => self.connector.read(&self.remote, &made_with).await?,
            Some(_) => self.connector.find(&self.remote, &made_with).await?,
        };
        let accounts = read.into_iter().filter_map(|entry| match entry {
            Entry::Account(account) => {
                let named = name.map(|name| account.record.get(name.as_str()).first().map(Value::to_text));
                let made_with =
                    named.map_or_else(|| Some(account.uid.clone()), |name| Some(name?.into_owned()));
                Some((made_with?, account))
            }
            Entry::Bad(_) | Entry::Gone(_) => None,
        });
        Ok(accounts.collect())
    }

    /// What became of a create that was refused since the account exists. It was ours, before a crash or in a run
    /// that was cancelled, when the account that is read back holds what it was to hold.
    pub(crate) fn found(
        &self,
        (row, error): (&ChangeRow, &ConnectorError),
        read: &Result<HashMap<String, Account>, ConnectorError>,
    ) -> Found {
        if !is_there(row, error) {
            return Found::Other;
        }
        let account = match read {
            Ok(accounts) => accounts.get(&row.uid),
            Err(error) => return Found::Unread(error.to_string()),
        };
        let Some(account) = account else { return Found::Other };
        let decisions = &self.of.task.classes[self.of.index].decisions;
        let is_adopted = self.adopted.contains(&decisions.account_key(&row.uid).position());
        // As it was asked for; see `operation_of`.
        let differs = account.enabled.is_some_and(|enabled| enabled != (row.state < 2));
        let mut found = if differs { Found::Unfinished } else { Found::Whole };
        for (name, wanted) in &row.result {
            let held = comparable_texts(account.record.get(name.as_str()));
            if held == comparable_texts(wanted) {
                continue;
            }
            let lacks_names = held.is_empty() && decisions.naming_attributes().any(|naming| naming == name);
            // Where entitlements hold their members the account is made first, and they may not have got it yet.
            let wanted = comparable_texts(wanted);
            let lacks_entitlements = decisions.abilities.membership.as_ref() == Some(name)
                && held.iter().all(|one| wanted.contains(one));
            if !lacks_names && !lacks_entitlements && !is_adopted {
                return Found::Other;
            }
            found = Found::Unfinished;
        }
        found
    }
}
