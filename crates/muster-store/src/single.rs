//! Runs that somebody waits for: made and claimed in one transaction, since who makes one works on it at once.

use chrono::{DateTime, Utc};
use muster_model::ApplicationId;
use muster_model::run::OwnerBy;
use serde_json::json;

use crate::configuration::ConfigurationVersion;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::launch::{LAUNCH_TRIES, launched};
use crate::lists::Met;
use crate::run::{NewRun, RunRecord};
use crate::stage::Bucket;
use crate::tenant::TenantStore;

/// Who works on a run, and until when nobody else does.
#[derive(Debug, Clone, Copy)]
pub struct Claiming<'a> {
    /// The worker.
    pub owner: &'a str,
    /// The end of its lease.
    pub lease_until: DateTime<Utc>,
    /// The application of the one bucket.
    pub application: &'a ApplicationId,
}

impl TenantStore {
    /// Launches a run of single accounts and claims it, with its bucket.
    ///
    /// # Errors
    /// [`StoreError::ConfigurationMoved`] when the configuration is no longer the one that the run was made from.
    pub async fn launch_claimed(
        &self,
        made_from: ConfigurationVersion,
        run: &NewRun,
        claiming: Claiming<'_>,
    ) -> Result<(RunRecord, Vec<Bucket>), StoreError> {
        let mut tries = 0;
        loop {
            match self.try_launch_claimed(made_from, run, claiming).await {
                // Two launches at once want the same number: the later takes the next.
                Err(error) if error.is_unique_violation() && tries < LAUNCH_TRIES => tries += 1,
                answer => return answer,
            }
        }
    }

    async fn try_launch_claimed(
        &self,
        made_from: ConfigurationVersion,
        run: &NewRun,
        claiming: Claiming<'_>,
    ) -> Result<(RunRecord, Vec<Bucket>), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        if !self.keep_version(&tx, made_from).await? {
            return Err(StoreError::ConfigurationMoved);
        }
        let claimed = self.insert_claimed(&tx, run, claiming).await?;
        self.append(&tx, launched(run, None)).await?;
        let applications = std::slice::from_ref(claiming.application);
        let buckets = self.make_buckets(&tx, &claimed, applications).await?;
        tx.commit().await?;
        Ok((claimed, buckets))
    }

    /// Has runs over all accounts that are under way leave alone what this one has read just now. Where none is, nothing is
    /// written.
    pub(crate) async fn note_read(
        &self,
        tx: &Transaction,
        bucket: &Bucket,
        met: &Met,
    ) -> Result<(), StoreError> {
        for shadow in met.all() {
            // By the index of the runs that have not ended.
            let sql = "UPDATE shadow SET read_by = (SELECT max(n.no) FROM run n WHERE n.tenant = shadow.tenant), version = version + 1 \
                WHERE tenant = ? AND application = ? AND no = ? AND EXISTS (SELECT 1 FROM run r \
                WHERE r.tenant + 0 = ? AND r.status >= 0 AND r.status < 4 AND r.task_kind = 0 AND r.keys IS NULL)";
            let values = vec![
                self.tenant.into(),
                bucket.application.as_str().into(),
                i64::from(shadow).into(),
                self.tenant.into(),
            ];
            tx.execute(sql, values).await?;
        }
        Ok(())
    }
}

/// The keys of a run, and how it finds whose they are, as one text: a list where that is by the keys.
pub(crate) fn encode_keys(keys: &[String], owner_by: OwnerBy) -> String {
    match owner_by {
        OwnerBy::Key => json!(keys),
        OwnerBy::UserName => json!({ "byUserName": keys }),
    }
    .to_string()
}

/// What [`encode_keys`] wrote.
pub(crate) fn decode_keys(text: &str) -> Result<(Vec<String>, OwnerBy), StoreError> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Keys {
        Keys(Vec<String>),
        #[serde(rename_all = "camelCase")]
        Names {
            by_user_name: Vec<String>,
        },
    }
    match serde_json::from_str(text).map_err(|error| StoreError::unreadable("list of keys", error))? {
        Keys::Keys(keys) => Ok((keys, OwnerBy::Key)),
        Keys::Names { by_user_name } => Ok((by_user_name, OwnerBy::UserName)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back_with_how_owners_are_found() {
        let keys = vec!["1".to_owned(), "a \"b\"".to_owned()];
        for owner_by in [OwnerBy::Key, OwnerBy::UserName] {
            assert_eq!(decode_keys(&encode_keys(&keys, owner_by)).unwrap(), (keys.clone(), owner_by));
        }
        assert_eq!(encode_keys(&keys, OwnerBy::Key), r#"["1","a \"b\""]"#);
        assert!(decode_keys("{}").is_err());
    }
}
