//! Application profiles: who gets an account and which entitlements.

use crate::condition::Condition;
use crate::ids::{ApplicationId, ConfigurationId, ObjectClassId};
use crate::object::ObjectKind;

/// Says which IM objects get an account in an application, and with which entitlements.
#[derive(Debug, Clone, PartialEq)]
pub struct ApplicationProfile {
    /// The caller's id.
    pub id: ConfigurationId,
    /// What people call it.
    pub name: String,
    /// The application it grants accounts of.
    pub application_id: ApplicationId,
    /// The kind of objects it looks at.
    pub object_kind: ObjectKind,
    /// Who gets an account; `None` is every object of the kind.
    pub object_matching_condition: Option<Condition>,
    /// Which entitlements come with it.
    pub entitlement_assignments: Vec<EntitlementAssignment>,
    /// Of several profiles that match, the highest priority is the one that grants the account.
    pub priority: i32,
    /// What becomes of the account when no profile grants it any more.
    pub deprovisioning: Deprovisioning,
}

/// An entitlement that comes with an account.
#[derive(Debug, Clone, PartialEq)]
pub struct EntitlementAssignment {
    /// The class of the entitlement.
    pub object_class_id: ObjectClassId,
    /// Its key in the application.
    pub entitlement: String,
    /// Who gets it; `None` is everyone whom the profile matches.
    pub condition: Option<Condition>,
}

/// What becomes of an account that nobody grants any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Deprovisioning {
    /// It is disabled.
    #[default]
    Disable,
    /// It is deleted.
    Delete,
    /// It is left, and forgotten.
    Unlink,
    /// It is left as it is.
    Keep,
}
