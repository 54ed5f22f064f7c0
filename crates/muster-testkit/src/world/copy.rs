//! Copies of worlds: what a long story came to, again and again, without telling it again.

use std::sync::Arc;

use super::World;

/// The tables that hold what a tenant's runs have come to, and their columns besides the tenant. The runs
/// themselves stay behind.
const TABLES: [(&str, &str); 10] = [
    ("configuration", "kind, id, version, body"),
    ("configuration_history", "kind, id, version, at, actor_kind, actor, action, body"),
    ("directory", "id, name"),
    ("object", "id, kind, directory, type, disabled, version, attributes, provenance"),
    ("history", "id, version, run, at, action, disabled, before"),
    ("population", "application, class, last_read"),
    ("shadow_number", "application, next"),
    (
        "shadow",
        "application, no, class, uid_key, uid, owner, state, version, disabled, digest, account_digest, due_at, \
         profile, snapshot",
    ),
    ("key", "hash, object"),
    ("key_spec", "directory, name"),
];

impl World {
    /// Another tenant with the same data, with systems that hold the same, at the same instant.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn copy(&self) -> Self {
        let mut copy = Self::open(self.database()).await;
        copy.settings = self.settings.clone();
        copy.clock = Arc::new(self.clock.copy());
        for (name, system) in &self.systems {
            copy.set_system(name, system.copy());
        }
        let (here, there) = (self.of_tenant(), copy.of_tenant());
        let number = there.trim_start_matches("tenant = ");
        for (table, columns) in TABLES {
            let sql = format!(
                "INSERT INTO {table} (tenant, {columns}) SELECT {number}, {columns} FROM {table} WHERE {here} \
                 ON CONFLICT DO NOTHING"
            );
            self.database().execute(&sql).await;
        }
        copy
    }
}
