//! Roles and the rights that they give. Who has which role is no matter of this module.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A right that a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Look at configuration, runs and IM objects.
    View,
    /// Launch and cancel runs; pause and resume schedules; decide disputes, link and unlink accounts.
    Operate,
    /// Write configuration and IM objects; read and write files.
    Configure,
    /// Decide about held plans.
    Approve,
    /// Look at the audit log.
    Audit,
    /// Look after users, tokens, secrets and settings.
    Administer,
}

impl Permission {
    /// What one may do with it, after "the right to".
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Operate => "operate tasks",
            Self::Configure => "configure",
            Self::Approve => "approve plans",
            Self::Audit => "look at the audit log",
            Self::Administer => "administer",
        }
    }
}

/// A role of a user or token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks.
    Viewer,
    /// A viewer who works with tasks.
    Operator,
    /// An operator who configures.
    Configurator,
    /// A viewer who decides about held plans.
    Approver,
    /// Everything.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] =
        [Self::Viewer, Self::Operator, Self::Configurator, Self::Approver, Self::Admin];

    /// The role as it stands on the command line and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Configurator => "configurator",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    /// Whether the role alone gives the right.
    #[must_use]
    pub fn grants(self, permission: Permission) -> bool {
        match self {
            Self::Viewer => permission == Permission::View,
            Self::Operator => matches!(permission, Permission::View | Permission::Operate),
            Self::Configurator => {
                matches!(permission, Permission::View | Permission::Operate | Permission::Configure)
            }
            Self::Approver => matches!(permission, Permission::View | Permission::Approve),
            Self::Admin => true,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role; there are viewer, operator, configurator, approver and admin")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// The roles of one user or token.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roles(BTreeSet<Role>);

impl Roles {
    /// Whether one of them gives the right.
    #[must_use]
    pub fn grant(&self, permission: Permission) -> bool {
        self.0.iter().any(|role| role.grants(permission))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().collect())
    }
}

impl fmt::Display for Roles {
    /// As the store keeps them: words, separated by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|role| role.as_str()).collect();
        f.write_str(&words.join(","))
    }
}

impl FromStr for Roles {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_the_rights_of_those_before_it() {
        use Permission::{Administer, Approve, Audit, Configure, Operate, View};
        for (role, rights) in [
            (Role::Viewer, vec![View]),
            (Role::Operator, vec![View, Operate]),
            (Role::Configurator, vec![View, Operate, Configure]),
            (Role::Approver, vec![View, Approve]),
            (Role::Admin, vec![View, Operate, Configure, Approve, Audit, Administer]),
        ] {
            for permission in [View, Operate, Configure, Approve, Audit, Administer] {
                assert_eq!(role.grants(permission), rights.contains(&permission), "{role} {permission:?}");
            }
        }
    }

    #[test]
    fn roles_are_written_and_read_back() {
        let roles: Roles = "approver, operator".parse().unwrap();
        assert!(roles.grant(Permission::Operate) && roles.grant(Permission::Approve));
        assert!(!roles.grant(Permission::Configure));
        assert_eq!(roles.to_string(), "operator,approver");
        assert_eq!("".parse::<Roles>(), Ok(Roles::default()));
        assert_eq!("owner".parse::<Roles>(), Err(UnknownRole("owner".to_owned())));
    }
}
