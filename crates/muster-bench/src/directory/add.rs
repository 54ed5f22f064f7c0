//! The floor of a first load of a directory: as many accounts of the same shape, added by a client that has so many
//! requests under way on one connection as the connector, and knows nothing.

use std::collections::HashSet;
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{ATTRIBUTES, CLASS, PEOPLE, connected};
use crate::error::Error;

/// Requests under way at once.
const SIDE_BY_SIDE: usize = 64;

/// An account to be added.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    dn: String,
    attributes: Vec<(String, HashSet<String>)>,
}

impl Account {
    /// What its user is called.
    pub(crate) fn user_name(&self) -> &str {
        self.dn.trim_start_matches("uid=").split(',').next().unwrap_or_default()
    }
}

/// The accounts of the people in a file, of whom the file says the same as what the example would write.
///
/// # Errors
/// When the file cannot be read to its end.
pub(crate) fn accounts(file: &Path) -> Result<Vec<Account>, Error> {
    let mut lines = csv::Reader::from_path(file)?;
    let mut accounts = Vec::new();
    for record in lines.records() {
        accounts.push(account(&record?));
    }
    Ok(accounts)
}

fn account(record: &csv::StringRecord) -> Account {
    let column = |at: usize| record.get(at).unwrap_or_default();
    let (number, given, surname, mail) = (column(0), column(1), column(2), column(3).to_lowercase());
    // `given.surname.number@`, in letters that every system takes.
    let mut parts = mail.split(['.', '@']);
    let initial = parts.next().and_then(|given| given.get(..1)).unwrap_or_default();
    let uid = format!("{initial}{}{}", parts.next().unwrap_or_default(), number.get(1..).unwrap_or_default());
    let dn = format!("uid={uid},{PEOPLE}");
    let name = format!("{given} {surname}");
    let values = [&uid, &name, given, surname, &mail, number, column(4), column(6), column(7)];
    let named = ATTRIBUTES.into_iter().zip(values);
    let attributes = named.map(|(name, value)| (name.to_owned(), HashSet::from([value.to_owned()])));
    let classes = ["top", "person", "organizationalPerson", CLASS].map(str::to_owned);
    let classes = ("objectClass".to_owned(), HashSet::from(classes));
    Account { dn, attributes: std::iter::once(classes).chain(attributes).collect() }
}

/// Adds them all; answers how many.
///
/// # Errors
/// When the server refuses one.
pub(crate) fn add(accounts: Vec<Account>, port: u16) -> Result<u64, Error> {
    let count = accounts.len() as u64;
    connected(port, async |ldap| {
        let each = accounts.into_iter().map(|account| {
            let mut ldap = ldap.clone();
            async move { ldap.add(&account.dn, account.attributes).await?.success() }
        });
        stream::iter(each).buffer_unordered(SIDE_BY_SIDE).try_for_each(async |_| Ok(())).await?;
        Ok(count)
    })
}
