//! How many members groups have, as far as it is remembered. Never writes.

use std::collections::BTreeMap;

use muster_model::ApplicationId;
use sea_orm::Value;

use crate::TenantStore;
use crate::error::StoreError;
use crate::page::decode_granted;
use crate::row::{get, number};

impl TenantStore {
    /// How many live accounts of a class were granted each entitlement by the last decision about them.
    ///
    /// The database counts the accounts with the same lists, of which there are few, since profiles grant them.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn granted_members(
        &self,
        application: &ApplicationId,
        class: &str,
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let sql = "SELECT granted, count(*) FROM shadow WHERE tenant = ? AND application = ? AND class = ? \
            AND state = 0 AND granted IS NOT NULL GROUP BY granted";
        let values = vec![Value::from(self.tenant), Value::from(application.as_str()), Value::from(class)];
        let mut members = BTreeMap::new();
        for row in &self.database.query(sql, values).await? {
            for entitlement in decode_granted(&get::<String>(row, 0)?)? {
                *members.entry(entitlement).or_default() += number(row, 1)?.unsigned_abs();
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Urgency;
    use crate::query_plans::{on_each_database, tenant};

    #[test]
    fn members_are_counted_by_name_whatever_else_lists_hold() {
        let shadows = [
            ("ad", "account", 0, Some(r#"["all","vpn"]"#)),
            ("ad", "account", 0, Some(r#"["all","vpn"]"#)),
            ("ad", "account", 0, Some(r#"["all"][]["vpn","x \"vpn\""]"#)),
            ("ad", "account", 0, Some(r#"["vpn"]["vpn"]"#)),
            ("ad", "account", 0, Some(r#"["vpn-admins","a\"vpn",","]"#)),
            ("ad", "account", 0, Some("")),
            ("ad", "account", 0, None),
            ("ad", "account", 1, Some(r#"["vpn"]"#)),
            ("ad", "machine", 0, Some(r#"["vpn"]"#)),
            ("hr", "account", 0, Some(r#"["vpn"]"#)),
        ];
        on_each_database(async |store| {
            let tenant = tenant(&store).await;
            let tx = tenant.database.begin(Urgency::Short).await.unwrap();
            for (no, (application, class, state, granted)) in (1_i64..).zip(shadows) {
                let sql = "INSERT INTO shadow \
                    (tenant, application, no, class, uid_key, uid, state, version, snapshot, granted) \
                    VALUES (?, ?, ?, ?, ?, 'x', ?, 1, '{}', ?)";
                let key = no.to_be_bytes().repeat(2);
                let values = vec![
                    tenant.tenant.into(),
                    application.into(),
                    no.into(),
                    class.into(),
                    key.into(),
                    i64::from(state).into(),
                    granted.map(str::to_owned).into(),
                ];
                tx.execute(sql, values).await.unwrap();
            }
            tx.commit().await.unwrap();
            let members =
                tenant.granted_members(&ApplicationId::new("ad").unwrap(), "account").await.unwrap();
            let counted: Vec<_> = members.iter().map(|(group, count)| (group.as_str(), *count)).collect();
            let odd = [(",", 1), ("a\"vpn", 1), ("all", 3), ("vpn", 4), ("vpn-admins", 1), ("x \"vpn\"", 1)];
            assert_eq!(counted, odd);
        });
    }
}
