//! The end of a run: its counters as they came out, and what the next run wants to know.

use muster_model::run::{Counters, Outcome};
use muster_plan::errand::Read;
use muster_plan::lifecycle::Event;

use crate::error::EngineError;
use crate::worker::{Done, Work};

impl Work {
    pub(crate) async fn finish(&mut self) -> Result<Done, EngineError> {
        let mut counters = Counters::default();
        for bucket in &self.buckets {
            counters.add(&bucket.counters);
        }
        for (planned, came_out, entries) in self.ended_otherwise().await? {
            counters.move_outcome(planned, came_out, entries);
        }
        let any_left_out = self.buckets.iter().any(|bucket| bucket.left_out.is_some());
        if any_left_out {
            self.store.count_left_out(&self.run, &mut counters).await?;
        }
        if self.has_many_changes() {
            self.refresh_statistics().await;
        }
        let complete = self.read() == Read::Whole;
        if complete && self.run.keys.is_none() && self.run.undoes.is_none() {
            self.remember_read().await?;
        }
        let spotless = counters.outcome(Outcome::Failed) == 0 && counters.outcome(Outcome::Stale) == 0;
        let event = Event::Completed { all_well: spotless && complete && !any_left_out };
        let came_through = self.came_through();
        Ok(Done { counters: Some(counters), came_through, ..Done::from(event) })
    }

    /// What makes the database faster is not worth a run.
    pub(crate) async fn refresh_statistics(&self) {
        if let Err(error) = self.store.refresh_statistics().await {
            tracing::warn!(run = %self.run.id, %error, "the database did not look at its tables");
        }
    }

    async fn remember_read(&self) -> Result<(), EngineError> {
        for (index, bucket) in self.buckets.iter().enumerate() {
            if self.reads_changes(index) {
                continue;
            }
            let Some((application, class)) = self.accounts_of(index) else { continue };
            self.store.remember_read(&self.run, &application.id, &class.id, bucket.counters.read).await?;
        }
        Ok(())
    }
}
