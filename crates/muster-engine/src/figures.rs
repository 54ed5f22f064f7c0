//! What the process counts for whoever watches it: runs, entries, actions, runs that wait, by tenant. Figures of runs
//! are counted when these end, from what is stored, so they are the run's own.
//!
//! Written through the facade `metrics`; who collects them, and whether anybody does, is not known here.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use muster_model::TenantSlug;
use muster_model::run::{Mode, Outcome, TaskKind};
use muster_store::RunRecord;

pub(crate) const CALL: &str = "muster_connector_call_seconds";
const RUNS: &str = "muster_runs_ended_total";
const ENTRIES: &str = "muster_entries_total";
const ACTIONS: &str = "muster_actions_total";
const WAITING: &str = "muster_runs_waiting";
const STALLED: &str = "muster_runs_stalled";
const QUARANTINED: &str = "muster_applications_quarantined_total";

/// So many tenants have figures of their own in a process; a figure costs memory for each, there and where it is kept.
const MOST_TENANTS: usize = 100;
/// All further tenants together. No slug, so that it is nobody's name.
const OTHERS: &str = "~other";

/// The figures of a process.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    tenants: Mutex<HashSet<TenantSlug>>,
    waiting: Mutex<BTreeMap<String, u64>>,
    stalled: Mutex<BTreeMap<String, u64>>,
}

/// Says what the figures of the engine mean, to whoever collects them.
pub fn describe_figures() {
    describe_counter!(RUNS, Unit::Count, "Runs that have ended, by tenant, kind of task, mode and outcome");
    describe_counter!(
        ENTRIES,
        Unit::Count,
        "Entries that runs have read or found lacking, by tenant and kind of task"
    );
    describe_counter!(
        ACTIONS,
        Unit::Count,
        "What became of entries in runs that were to apply their plans, by tenant, kind of task and outcome"
    );
    describe_gauge!(WAITING, Unit::Count, "Runs that wait for a worker, by tenant");
    describe_gauge!(
        STALLED,
        Unit::Count,
        "Runs that work and have stored no checkpoint for too long, in whichever process, by tenant"
    );
    describe_counter!(QUARANTINED, Unit::Count, "Applications that have come into quarantine, by tenant");
    describe_histogram!(
        CALL,
        Unit::Seconds,
        "Calls to remote systems, by tenant, connector type, call and result; a call reads a page or writes a batch"
    );
}

impl Figures {
    /// What the figures of a tenant are named by.
    pub(crate) fn tenant(&self, slug: &TenantSlug) -> String {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if tenants.len() < MOST_TENANTS && !tenants.contains(slug) {
            tenants.insert(slug.clone());
        }
        if tenants.contains(slug) { slug.to_string() } else { OTHERS.to_owned() }
    }

    /// Counts a run that has ended.
    pub(crate) fn run_ended(&self, tenant: &TenantSlug, run: &RunRecord) {
        let tenant = self.tenant(tenant);
        let task_kind = match run.task_kind {
            TaskKind::Synchronization => "synchronization",
            TaskKind::Provisioning => "provisioning",
        };
        let outcome = run.state.outcome.map_or("NONE", |outcome| outcome.as_str());
        let labels = [("tenant", tenant), ("task_kind", task_kind.to_owned())];
        let with = |further: &[(&'static str, &'static str)]| {
            let further = further.iter().map(|(name, value)| (*name, (*value).to_owned()));
            labels.iter().cloned().chain(further).collect::<Vec<_>>()
        };
        counter!(RUNS, &with(&[("mode", run.state.mode.as_str()), ("outcome", outcome)])).increment(1);
        counter!(ENTRIES, &labels).increment(run.counters.entries());
        if run.state.mode == Mode::Apply {
            for outcome in Outcome::ALL {
                let labels = with(&[("outcome", outcome.as_str())]);
                counter!(ACTIONS, &labels).increment(run.counters.outcome(outcome));
            }
        }
    }

    /// Notes whose runs wait for a worker, once for each run.
    pub(crate) fn waiting<'a>(&self, tenants: impl Iterator<Item = &'a TenantSlug>) {
        self.runs_now(WAITING, &self.waiting, tenants);
    }

    /// Notes whose runs have stalled, once for each run.
    pub(crate) fn stalled<'a>(&self, tenants: impl Iterator<Item = &'a TenantSlug>) {
        self.runs_now(STALLED, &self.stalled, tenants);
    }

    /// Counts an application that has come into quarantine.
    pub(crate) fn quarantined(&self, tenant: &TenantSlug) {
        counter!(QUARANTINED, "tenant" => self.tenant(tenant)).increment(1);
    }

    fn runs_now<'a>(
        &self,
        name: &'static str,
        before: &Mutex<BTreeMap<String, u64>>,
        tenants: impl Iterator<Item = &'a TenantSlug>,
    ) {
        let mut now = BTreeMap::new();
        for slug in tenants {
            *now.entry(self.tenant(slug)).or_insert(0) += 1;
        }
        let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
        for tenant in before.keys().filter(|tenant| !now.contains_key(*tenant)) {
            gauge!(name, "tenant" => tenant.clone()).set(0.0);
        }
        for (tenant, runs) in &now {
            #[expect(clippy::cast_precision_loss, reason = "nobody has so many runs")]
            gauge!(name, "tenant" => tenant.clone()).set(*runs as f64);
        }
        *before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_beyond_the_most_share_a_name() {
        let figures = Figures::default();
        let slug = |number| TenantSlug::new(&format!("tenant-{number}")).unwrap();
        for number in 0..MOST_TENANTS {
            assert_eq!(figures.tenant(&slug(number)), slug(number).to_string());
        }
        assert_eq!(figures.tenant(&slug(MOST_TENANTS)), OTHERS);
        assert_eq!(figures.tenant(&slug(0)), "tenant-0", "who has a name keeps it");
        assert!(TenantSlug::new(OTHERS).is_err());
    }
}
