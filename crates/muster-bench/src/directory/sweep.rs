//! The job `ldap-read`: all accounts of a directory through the connector, and every entry dropped.

use std::path::PathBuf;
use std::time::Duration;

use muster_connector::{
    ConnectorKind, FileRoots, Host, Properties, Reads, RemoteAttribute, RemoteClass, Step, SweepEnd,
    SweepRequest,
};
use muster_connector_ldap::LdapKind;
use muster_egress::{Egress, Limits};
use muster_testkit::servers::slapd::{ADMIN, PASSWORD, SUFFIX};

use super::{ATTRIBUTES, CLASS, KEY, PAGE, PEOPLE, STATE};
use crate::error::Error;

/// Longer than any call here takes.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// Reads all accounts; answers how many.
///
/// # Errors
/// When the connector does not read them all.
pub(crate) fn sweep(port: u16) -> Result<u64, Error> {
    let runtime = tokio::runtime::Runtime::new().map_err(Error::io("start the runtime"))?;
    runtime.block_on(async {
        let rules = "* 127.0.0.0/8:*".parse().into_iter().collect();
        let kind = LdapKind::new(Egress::new(rules, Limits::default()));
        let connector = kind.open(&properties(port), &host()?).await?;
        let request = SweepRequest {
            class: class(),
            reads: Reads::All,
            page_size: PAGE.into(),
            resume: None,
            last_count: None,
        };
        let mut sweep = connector.sweep(request).await?;
        let mut entries = 0;
        loop {
            match sweep.next().await? {
                Step::Page(page) => entries += std::hint::black_box(page).entries.len() as u64,
                Step::End(SweepEnd::Complete { .. }) => return Ok(entries),
                Step::End(SweepEnd::CutShort { reason }) => return Err(Error::CutShort(reason)),
            }
        }
    })
}

fn host() -> Result<Host, Error> {
    let tenant = "bench".parse().map_err(|_| Error::NoTenant("bench".to_owned()))?;
    let files = FileRoots { own: PathBuf::from("/nonexistent"), further: Vec::new() };
    Ok(Host { call_limit: CALL_LIMIT, ..Host::new(tenant, files) })
}

fn properties(port: u16) -> Properties {
    let port = port.to_string();
    let properties = [
        ("host", "127.0.0.1"),
        ("port", port.as_str()),
        ("security", "NONE"),
        ("bindDn", ADMIN),
        ("bindPassword", PASSWORD),
        ("baseDn", SUFFIX),
        ("container", PEOPLE),
        ("disabledAttribute", STATE),
        ("disabledValue", "inactive"),
    ];
    properties.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

fn class() -> RemoteClass {
    let attribute = |name: &str| RemoteAttribute { name: name.into(), multi_valued: false };
    RemoteClass {
        name_attribute: Some("uid".into()),
        attributes: ATTRIBUTES.into_iter().map(attribute).collect(),
        ..RemoteClass::new(CLASS, KEY)
    }
}
