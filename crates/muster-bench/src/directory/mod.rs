//! The instruments of the jobs that provision a directory: what a bare client adds and reads there, what the connector
//! reads, and what the server wrote down. All talk to a server of OpenLDAP at a port of this machine.

mod add;
mod log;
mod search;
mod sweep;

use ldap3::{Ldap, LdapConnAsync};
use muster_testkit::servers::slapd::{ADMIN, PASSWORD};

use crate::error::Error;

pub(crate) use add::{accounts, add};
pub(crate) use log::written;
pub(crate) use search::search;
pub(crate) use sweep::sweep;

/// Where accounts are added.
const PEOPLE: &str = "ou=people,dc=example,dc=org";
/// Their class.
const CLASS: &str = "inetOrgPerson";
/// What the application of the example maps, in its order.
const ATTRIBUTES: [&str; 9] =
    ["uid", "cn", "givenName", "sn", "mail", "employeeNumber", "departmentNumber", "title", "l"];
/// The key that the server gives.
const KEY: &str = "entryUUID";
/// What says that an account is disabled.
const STATE: &str = "employeeType";
/// Entries a page of a search.
const PAGE: usize = 1000;

/// Does something on a connection of the administrator.
///
/// The client, and nothing beside it, works on one thread: the other processor is the server's.
fn connected<T>(port: u16, work: impl AsyncFnOnce(Ldap) -> Result<T, Error>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::io("start the runtime"))?.block_on(async {
        let (connection, mut ldap) = LdapConnAsync::new(&format!("ldap://127.0.0.1:{port}")).await?;
        ldap3::drive!(connection);
        ldap.simple_bind(ADMIN, PASSWORD).await?.success()?;
        let done = work(ldap.clone()).await?;
        ldap.unbind().await?;
        Ok(done)
    })
}

#[cfg(test)]
mod tests {
    use muster_testkit::people::{BadLines, Day, Export, write_csv};
    use muster_testkit::servers::slapd::{Slapd, SlapdSettings};

    use super::*;

    #[test]
    fn what_is_added_is_found_read_and_written_down() {
        let settings = SlapdSettings { log: true, log_reads: true, ..SlapdSettings::default() };
        let top = "dn: ou=people,dc=example,dc=org\nobjectClass: organizationalUnit\nou: people\n\n";
        let slapd = Slapd::start(&settings, top);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("people.csv");
        let export = Export { count: 1_200, seed: 1, day: Day::First, bad_lines: BadLines::None };
        write_csv(&export, std::fs::File::create(&file).unwrap()).unwrap();

        assert_eq!(add(accounts(&file).unwrap(), slapd.port()).unwrap(), 1_200);
        let before = written(slapd.port()).unwrap();
        assert_eq!(serde_json::to_value(&before).unwrap()["added"], 1_200);
        assert_eq!(serde_json::to_value(&before).unwrap()["others"], 0, "nobody has asked yet");
        assert_eq!(search(slapd.port()).unwrap(), 1_200);
        assert_eq!(sweep(slapd.port()).unwrap(), 1_200);
        let after = written(slapd.port()).unwrap();
        let searches = serde_json::to_value(&after).unwrap()["others"].as_u64().unwrap();
        assert!(searches >= 4, "two pages for each of two readers: {searches}");
    }
}
