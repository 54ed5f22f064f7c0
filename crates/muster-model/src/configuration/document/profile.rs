//! The document of application profiles, and what it means.

use crate::condition::Condition;
use crate::configuration::document::check::parse_list;
use crate::configuration::document::macros::document;
use crate::configuration::document::value::{Parse, unless_default};
use crate::configuration::problems::Trail;
use crate::configuration::profile::{ApplicationProfile, Deprovisioning, EntitlementAssignment};
use crate::ids::{ApplicationId, ConfigurationId, ObjectClassId};
use crate::object::ObjectKind;

document! {
    /// Says which IM objects get an account in an application, and with which entitlements.
    ApplicationProfileDocument named "ApplicationProfile" {
        /// The caller's own id.
        required id: ConfigurationId = "id";
        /// What people call it.
        required name: String = "name";
        /// The application it grants accounts of.
        required application_id: ApplicationId = "applicationId";
        /// The kind of objects it looks at.
        required object_kind: ObjectKind = "objectKind";
        /// Who gets an account; absent, every object of the kind.
        optional object_matching_condition: Condition = "objectMatchingCondition";
        /// Which entitlements come with it.
        list entitlement_assignments: EntitlementAssignmentDocument = "entitlementAssignments"
            each "entitlementAssignment";
        /// Of several profiles that match, the highest priority is the one that grants the account.
        defaulted priority: i32 = "priority";
        /// What becomes of the account when no profile grants it any more.
        defaulted deprovisioning: Deprovisioning = "deprovisioning";
    }
}

document! {
    /// An entitlement that comes with an account.
    EntitlementAssignmentDocument named "EntitlementAssignment" {
        /// The class of the entitlement, one with `membership`.
        required object_class_id: ObjectClassId = "objectClassId";
        /// Its key in the application.
        required entitlement: String = "entitlement";
        /// Who gets it; absent, everyone whom the profile matches.
        optional condition: Condition = "condition";
    }
}

impl Parse for ApplicationProfileDocument {
    type Domain = ApplicationProfile;

    fn parse(&self, trail: &mut Trail) -> Option<ApplicationProfile> {
        Some(ApplicationProfile {
            id: self.id.clone(),
            name: self.name.clone(),
            application_id: self.application_id.clone(),
            object_kind: self.object_kind,
            object_matching_condition: self.object_matching_condition.clone(),
            entitlement_assignments: parse_list(
                "entitlementAssignments",
                &self.entitlement_assignments,
                trail,
            )?,
            priority: self.priority.unwrap_or_default(),
            deprovisioning: self.deprovisioning.unwrap_or_default(),
        })
    }
}

impl From<&ApplicationProfile> for ApplicationProfileDocument {
    fn from(profile: &ApplicationProfile) -> Self {
        Self {
            id: profile.id.clone(),
            name: profile.name.clone(),
            application_id: profile.application_id.clone(),
            object_kind: profile.object_kind,
            object_matching_condition: profile.object_matching_condition.clone(),
            entitlement_assignments: profile.entitlement_assignments.iter().map(Into::into).collect(),
            priority: unless_default(profile.priority),
            deprovisioning: unless_default(profile.deprovisioning),
        }
    }
}

impl Parse for EntitlementAssignmentDocument {
    type Domain = EntitlementAssignment;

    fn parse(&self, _: &mut Trail) -> Option<EntitlementAssignment> {
        Some(EntitlementAssignment {
            object_class_id: self.object_class_id.clone(),
            entitlement: self.entitlement.clone(),
            condition: self.condition.clone(),
        })
    }
}

impl From<&EntitlementAssignment> for EntitlementAssignmentDocument {
    fn from(assignment: &EntitlementAssignment) -> Self {
        Self {
            object_class_id: assignment.object_class_id.clone(),
            entitlement: assignment.entitlement.clone(),
            condition: assignment.condition.clone(),
        }
    }
}
