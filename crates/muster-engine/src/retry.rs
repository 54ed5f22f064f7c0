//! Failed entries of a run, tried again: a run of exactly their keys.

use muster_model::run::Mode;
use muster_store::{FailedKeys, Failures, RunRecord, StoreError, TenantStore};

use crate::Engine;
use crate::launch::{Launch, LaunchError};

/// The most keys of one retry.
pub const MOST_RETRIED: u32 = 10_000;

/// A retry that was launched.
#[derive(Debug, Clone)]
pub struct Retried {
    /// The run.
    pub run: RunRecord,
    /// How many of the failed entries are not among those it looks at, since they cannot be asked for by a key.
    pub left_out: u64,
}

/// Why failed entries are not tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// No entry of the run failed that is meant.
    #[error("no entry of the run that is meant has failed")]
    Nothing,
    /// None of them can be asked for.
    #[error("none of the {0} entries that are meant can be asked for by a key")]
    NoKey(u64),
    /// Entries that were named are none that failed.
    #[error("these are no failed entries of the run: {}", listed(.0))]
    Unknown(Vec<i64>),
    /// Entries that were named cannot be asked for.
    #[error("these entries cannot be asked for by a key: {}", listed(.0))]
    Keyless(Vec<i64>),
    /// They are too many for one run of single keys.
    #[error("more than {MOST_RETRIED} keys are meant, which is the most that are tried again at a time")]
    TooMany,
    /// The run was not launched.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Engine {
    /// Launches a run of the keys of failed entries, of the same task by what is configured now, and offers it to the
    /// workers.
    ///
    /// # Errors
    /// When there are none, or too many; when entries that were named have not failed or have no key; as
    /// [`Engine::launch`].
    pub async fn retry(
        &self,
        store: &TenantStore,
        failed: &RunRecord,
        which: &Failures,
    ) -> Result<Retried, RetryError> {
        let (launch, left_out) = self.to_retry(store, failed, which).await?;
        Ok(Retried { run: self.launch(store, launch).await?, left_out })
    }

    /// The same without offering it: the caller works on it.
    ///
    /// # Errors
    /// As [`Engine::retry`].
    pub async fn admit_retry(
        &self,
        store: &TenantStore,
        failed: &RunRecord,
        which: &Failures,
    ) -> Result<Retried, RetryError> {
        let (launch, left_out) = self.to_retry(store, failed, which).await?;
        Ok(Retried { run: self.admit(store, launch).await?, left_out })
    }

    async fn to_retry(
        &self,
        store: &TenantStore,
        failed: &RunRecord,
        which: &Failures,
    ) -> Result<(Launch, u64), RetryError> {
        if let Failures::Entries(entries) = which {
            all_can_be_asked_for(store, failed, entries).await?;
        }
        let FailedKeys { keys, without } = store.failed_keys(failed, which, MOST_RETRIED + 1).await?;
        match (keys.len(), without) {
            (0, 0) => return Err(RetryError::Nothing),
            (found, _) if found > MOST_RETRIED as usize => return Err(RetryError::TooMany),
            (_, _) => {}
        }
        // Also what cannot be asked for by a key is tried again, by the next run over all accounts.
        store.release_failed(failed, which, self.surroundings.now()).await?;
        if keys.is_empty() {
            return Err(RetryError::NoKey(without));
        }
        let launch =
            Launch { keys: Some(keys), ..Launch::of(failed.task_kind, failed.task.clone(), Mode::Apply) };
        Ok((launch, without))
    }
}

/// Who names entries means all of them.
async fn all_can_be_asked_for(
    store: &TenantStore,
    failed: &RunRecord,
    entries: &[i64],
) -> Result<(), RetryError> {
    if entries.len() > MOST_RETRIED as usize {
        return Err(RetryError::TooMany);
    }
    let which = Failures::Entries(entries.to_vec());
    let found = store.failures(failed, &which, (i64::MIN, MOST_RETRIED)).await?;
    let is_found = |entry: &&i64| found.binary_search_by_key(*entry, |failure| failure.entry).is_ok();
    let unknown: Vec<i64> = entries.iter().filter(|entry| !is_found(entry)).copied().collect();
    if !unknown.is_empty() {
        return Err(RetryError::Unknown(unknown));
    }
    let keyless: Vec<i64> =
        found.iter().filter(|failure| !failure.retriable).map(|failure| failure.entry).collect();
    if keyless.is_empty() { Ok(()) } else { Err(RetryError::Keyless(keyless)) }
}

/// Numbers for people; of many the first.
fn listed(entries: &[i64]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<String> = entries.iter().take(SHOWN).map(i64::to_string).collect();
    let more = if entries.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
