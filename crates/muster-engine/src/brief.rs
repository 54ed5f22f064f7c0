//! Brief runs: about one account, and over before anybody looks at them. Somebody may wait for one, so it is begun with
//! what is known already, and of its steps only those are stored that nobody could find out again.

use std::sync::Arc;

use muster_store::Bucket;

use crate::configuration::LoadedConfiguration;
use crate::prepare::InboundTask;
use crate::sweep_keys::ReadBefore;
use crate::worker::Done;

/// What a worker begins with.
pub(crate) enum Basis {
    /// What is stored.
    Stored,
    /// What it knows already of a run that was claimed as it was launched.
    Known(Box<Known>),
}

/// What is known of a run that was claimed as it was launched.
pub(crate) struct Known {
    pub(crate) configuration: Arc<LoadedConfiguration>,
    pub(crate) task: InboundTask,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) read: ReadBefore,
}

impl Done {
    /// Whether nothing is to be stored but that it is done.
    pub(crate) fn says_no_more(&self) -> bool {
        let Self { plan_hash, holds, counters, problems, came_through, event: _ } = self;
        let says_nothing_of_plan = plan_hash.is_none() && holds.is_empty() && counters.is_none();
        says_nothing_of_plan && problems.is_empty() && came_through.is_empty()
    }
}
