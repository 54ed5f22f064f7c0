//! Faults that nobody can make up for, planted to see that the laws notice.

use std::collections::BTreeMap;

use async_trait::async_trait;
use muster_connector::{ConnectorError, Snapshot, Step, Sweep, SweepEnd};
use serde_json::json;

use super::template::{Life, configuration};
use crate::world::{TestDatabase, World};

/// A fault that the engine cannot make up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// The target makes two accounts of one create.
    CreatesTwice,
    /// Both tenants read the same people.
    MixedTenants,
    /// Nobody is asked whether a plan goes too far.
    NoGuards,
    /// Who has lost a run is not refused.
    NoFence,
    /// Who reads the first page of a source is told that it was all.
    HalfIsAll,
    /// What came of the first due time is forgotten.
    ForgottenFire,
    /// What is to be done after runs is forgotten.
    ForgottenErrands,
    /// A run goes on while it is paused.
    PausedGoesOn,
}

/// Runs as those see them who have lost them, so that nobody is refused.
#[derive(Debug, Default)]
pub(super) struct Fences {
    /// Of each run its epoch, as the last one who claimed it knows it.
    real: BTreeMap<String, i64>,
    /// Of each run and worker the epoch that it knows.
    known: BTreeMap<(String, String), i64>,
}

impl Fences {
    /// Lets a worker go on with every run that it ever had.
    pub(super) async fn lift(&mut self, database: &TestDatabase, owner: &str) {
        let sql =
            "SELECT seq || ' ' || epoch || ' ' || owner FROM run WHERE status = 1 AND owner IS NOT NULL";
        for line in database.texts(sql).await {
            let mut words = line.split(' ').map(str::to_owned);
            let (Some(seq), Some(epoch), Some(has)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let epoch: i64 = epoch.parse().expect("a number");
            let real = self.real.entry(seq.clone()).or_default();
            if epoch > *real {
                *real = epoch;
                self.known.insert((seq.clone(), has), epoch);
            }
            let known = self.known.get(&(seq.clone(), owner.to_owned())).copied().unwrap_or(*real);
            if known != epoch {
                database.execute(&format!("UPDATE run SET epoch = {known} WHERE seq = {seq}")).await;
                let by = known - epoch;
                database.execute(&format!("UPDATE bucket SET fence = fence + {by} WHERE run = {seq}")).await;
            }
        }
    }
}

/// Takes the limits away that the laws count by.
pub(super) async fn lift_guards(world: &World, tenant: usize) {
    for (kind, mut document) in configuration(tenant, Life::Disturbed) {
        if document.get("guards").is_some() {
            document["guards"] = json!({});
            world.save(kind, document).await;
        }
    }
}

/// Makes it look as if no run had ever had narrower limits: who lifts them would have to look at what that takes away.
pub(super) async fn forget_guards(database: &TestDatabase) {
    database.execute("UPDATE run SET mode = 1").await;
}

/// Forgets what was to be kept.
pub(super) async fn forget(database: &TestDatabase, planted: Option<Planted>) {
    let sql = match planted {
        Some(Planted::ForgottenFire) => {
            "DELETE FROM fire WHERE due_at = (SELECT max(f.due_at) FROM fire f WHERE f.tenant = fire.tenant)"
        }
        Some(Planted::ForgottenErrands) => "DELETE FROM outbox",
        Some(Planted::PausedGoesOn) => {
            "UPDATE bucket SET page = page + 1 WHERE run IN (SELECT seq FROM run WHERE status = 2)"
        }
        Some(
            Planted::CreatesTwice
            | Planted::MixedTenants
            | Planted::NoGuards
            | Planted::NoFence
            | Planted::HalfIsAll,
        )
        | None => return,
    };
    database.execute(sql).await;
}

/// A sweep that ends after its first page, and says that this was all.
pub(super) struct Half {
    pub(super) inner: Box<dyn Sweep>,
    pub(super) pages: u32,
}

#[async_trait]
impl Sweep for Half {
    fn snapshot(&self) -> Option<Snapshot> {
        self.inner.snapshot()
    }

    async fn next(&mut self) -> Result<Step, ConnectorError> {
        self.pages += 1;
        if self.pages > 1 {
            Ok(Step::End(SweepEnd::Complete { token: None }))
        } else {
            self.inner.next().await
        }
    }
}
