//! Changes by another hand: what people, other programs and later versions do to a tenant's data, sent past the
//! store. Whoever changes an object takes back the promises of its shadows.

use muster_model::{ApplicationId, ObjectClassId, ObjectId, RunId};

use super::World;

impl World {
    /// Puts another text in the place of one in an object's attributes.
    pub async fn overwrite(&self, id: ObjectId, text: &str, with: &str) {
        let set =
            format!("attributes = replace(attributes, '\"{text}\"', '\"{with}\"'), version = version + 1");
        self.update_object(id, &set).await;
    }

    /// Disables an object for good.
    pub async fn disable_by_hand(&self, id: ObjectId) {
        self.update_object(id, "disabled = 3, version = version + 1").await;
    }

    /// Enables an object, whyever it is disabled.
    pub async fn enable_by_hand(&self, id: ObjectId) {
        self.update_object(id, "disabled = NULL, version = version + 1").await;
    }

    /// Deletes an object without its shadows.
    pub async fn delete_by_hand(&self, id: ObjectId) {
        let condition = self.of_tenant();
        let id = self.literal(id);
        self.database().execute(&format!("DELETE FROM object WHERE {condition} AND id = {id}")).await;
        self.forget_digests().await;
    }

    /// Takes back every promise that nothing has to be decided.
    pub async fn forget_digests(&self) {
        let condition = self.of_tenant();
        let sql = format!("UPDATE shadow SET digest = NULL, account_digest = NULL WHERE {condition}");
        self.database().execute(&sql).await;
    }

    /// Whether the shadow of an account holds a promise that nothing has to be decided.
    pub async fn has_promise(&self, uid: &str) -> bool {
        let condition = self.of_tenant();
        let sql =
            format!("UPDATE shadow SET uid = uid WHERE {condition} AND uid = '{uid}' AND digest IS NOT NULL");
        self.database().execute(&sql).await > 0
    }

    /// Forgets which profiles granted accounts.
    pub async fn forget_profiles(&self) {
        let condition = self.of_tenant();
        self.database().execute(&format!("UPDATE shadow SET profile = NULL WHERE {condition}")).await;
    }

    /// How many pages a run has stored.
    pub async fn pages_of(&self, run: RunId) -> usize {
        let condition = self.of_tenant();
        let id = self.literal(ObjectId(run.0));
        let sql = format!(
            "SELECT 1 FROM met WHERE {condition} AND run = (SELECT seq FROM run WHERE {condition} AND id = {id})"
        );
        self.database().query(&sql).await.len()
    }

    /// How many accounts the last complete sweep of a class read.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn last_read(&self, application: &str, class: &str) -> Option<u64> {
        let application = ApplicationId::new(application).unwrap_or_else(|error| panic!("{error}"));
        let class = ObjectClassId::new(class).unwrap_or_else(|error| panic!("{error}"));
        self.store().last_read(&application, &class).await.expect("the database")
    }

    async fn update_object(&self, id: ObjectId, set: &str) {
        let condition = self.of_tenant();
        let id = self.literal(id);
        let changed = self
            .database()
            .execute(&format!("UPDATE object SET {set} WHERE {condition} AND id = {id}"))
            .await;
        assert_eq!(changed, 1, "no object {id}");
        let sql = format!(
            "UPDATE shadow SET digest = NULL, account_digest = NULL WHERE {condition} AND owner = {id}"
        );
        self.database().execute(&sql).await;
    }

    fn literal(&self, id: ObjectId) -> String {
        if self.database().is_postgres() { format!("'{id}'::uuid") } else { format!("X'{}'", id.0.simple()) }
    }

    /// The condition on rows of this tenant.
    pub(crate) fn of_tenant(&self) -> String {
        format!("tenant = (SELECT id FROM tenant WHERE slug = '{}')", self.store().slug())
    }

    /// How many rows of a table are the tenant's.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn count_rows(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table} WHERE {}", self.of_tenant());
        let rows = self.database().query(&sql).await;
        rows[0].try_get_by_index(0).expect("a number")
    }
}
