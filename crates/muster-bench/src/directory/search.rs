//! The floor of a read of a directory: the search that the connector makes, page by page, and every entry dropped.

use ldap3::Scope;
use ldap3::adapters::PagedResults;
use muster_testkit::servers::slapd::SUFFIX;

use super::{ATTRIBUTES, CLASS, KEY, PAGE, STATE, connected};
use crate::error::Error;

/// Reads all accounts; answers how many.
///
/// # Errors
/// When the server does not tell them all.
pub(crate) fn search(port: u16) -> Result<u64, Error> {
    connected(port, async |mut ldap| {
        let attributes: Vec<&str> = ATTRIBUTES.into_iter().chain([STATE, KEY]).collect();
        let filter = format!("(objectClass={CLASS})");
        let pages = PagedResults::new(PAGE as i32);
        let mut found =
            ldap.streaming_search_with(pages, SUFFIX, Scope::Subtree, &filter, attributes).await?;
        let mut entries = 0;
        while let Some(entry) = found.next().await? {
            std::hint::black_box(entry);
            entries += 1;
        }
        found.finish().await.success()?;
        Ok(entries)
    })
}
