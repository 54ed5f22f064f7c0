//! Profiles: who is to have an account of an application, and with which entitlements.

use muster_model::condition::Condition;
use muster_model::configuration::profile::ApplicationProfile;
use muster_model::{AttributeName, ConfigurationId, ImObject};

use super::Outbound;
use crate::digest::{Canonical, Digest};

/// The profiles of an application, the highest priority first, with what follows from all of them.
#[derive(Debug)]
pub struct Profiles {
    pub(super) list: Vec<ApplicationProfile>,
    pub(super) reads: Vec<AttributeName>,
    /// Entitlements that profiles speak of. Others are none of our business, unless an account was once granted them.
    pub(super) managed: Vec<String>,
    pub(super) digest: Digest,
}

impl Profiles {
    /// Orders profiles by priority, and those of the same by their ids.
    #[must_use]
    pub fn new(mut list: Vec<ApplicationProfile>) -> Self {
        list.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.id.cmp(&b.id)));
        let conditions = list.iter().flat_map(|profile| {
            let assigned = profile.entitlement_assignments.iter().filter_map(|a| a.condition.as_ref());
            profile.object_matching_condition.iter().chain(assigned)
        });
        let mut reads: Vec<AttributeName> = conditions.flat_map(Condition::attributes).cloned().collect();
        reads.sort_unstable();
        reads.dedup();
        let assignments = list.iter().flat_map(|profile| &profile.entitlement_assignments);
        let mut managed: Vec<String> = assignments.map(|assignment| assignment.entitlement.clone()).collect();
        managed.sort_unstable();
        managed.dedup();
        let mut canonical = Canonical::new(b"profiles");
        // The `Debug` form spells every field out, so no part of a profile can be forgotten here.
        canonical.text(&format!("{list:?}"));
        Self { reads, managed, digest: canonical.digest(), list }
    }

    pub(super) fn get(&self, id: &ConfigurationId) -> Option<&ApplicationProfile> {
        self.list.iter().find(|profile| profile.id == *id)
    }
}

/// What profiles grant an owner.
pub(super) struct Grant<'a> {
    pub(super) profile: &'a ApplicationProfile,
    pub(super) entitlements: Vec<String>,
}

impl Outbound {
    pub(super) fn grant(&self, owner: &ImObject) -> Option<Grant<'_>> {
        let granting: Vec<&ApplicationProfile> = self
            .profiles
            .list
            .iter()
            .filter(|profile| profile.object_kind == owner.kind)
            .filter(|profile| profile.object_matching_condition.as_ref().is_none_or(|c| c.holds(owner)))
            .collect();
        let profile = granting.first()?;
        let mut entitlements: Vec<String> = granting
            .iter()
            .flat_map(|profile| &profile.entitlement_assignments)
            .filter(|assignment| assignment.condition.as_ref().is_none_or(|c| c.holds(owner)))
            .map(|assignment| assignment.entitlement.clone())
            .collect();
        entitlements.sort_unstable();
        entitlements.dedup();
        Some(Grant { profile, entitlements })
    }
}
