//! Classes of objects in a remote system, as an application names them.

use muster_model::AttributeName;

/// The class of objects to read or write, as the application names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteClass {
    /// The name of the class in the remote system; for a file its path.
    pub remote_name: String,
    /// The attribute that holds the unique key.
    pub uid_attribute: AttributeName,
    /// The attribute that holds the name; `None` where that is the key. Where the system gives keys itself, an account
    /// is made under its name, and can be found by it.
    pub name_attribute: Option<AttributeName>,
    /// The attributes to read and write; empty means all that the system offers.
    pub attributes: Vec<RemoteAttribute>,
    /// The entitlements of its accounts, where these and not the accounts hold who is a member.
    pub membership: Option<RemoteMembership>,
}

impl RemoteClass {
    /// A class whose accounts hold all that the system offers, known by nothing but their keys.
    #[must_use]
    pub fn new(remote_name: impl Into<String>, uid_attribute: impl Into<AttributeName>) -> Self {
        Self {
            remote_name: remote_name.into(),
            uid_attribute: uid_attribute.into(),
            name_attribute: None,
            attributes: Vec::new(),
            membership: None,
        }
    }

    /// The attribute by whose value an account is made and found before anybody has been told its key.
    #[must_use]
    pub fn naming_attribute(&self) -> &AttributeName {
        self.name_attribute.as_ref().unwrap_or(&self.uid_attribute)
    }
}

/// One attribute of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteAttribute {
    /// Its name in the remote system.
    pub name: AttributeName,
    /// Whether it holds several values.
    pub multi_valued: bool,
}

/// Entitlements that hold who is a member. The connector shows them as a multi-valued attribute of the accounts that
/// holds the keys of their entitlements, and carries what is added and removed there to the entitlements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteMembership {
    /// The attribute that the accounts seem to have.
    pub attribute: AttributeName,
    /// The name of the class of entitlements in the remote system.
    pub remote_name: String,
    /// The attribute of an entitlement that holds its key.
    pub uid_attribute: AttributeName,
    /// The attribute of an entitlement that lists its members.
    pub member_attribute: AttributeName,
}
