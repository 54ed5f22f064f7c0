//! The document of object classes, and what it means.

use crate::attribute::AttributeName;
use crate::configuration::application::{Membership, MembershipHolder, ObjectClass, RemoteAttribute};
use crate::configuration::document::check::{parse_list, parse_optional};
use crate::configuration::document::macros::document;
use crate::configuration::document::value::Parse;
use crate::configuration::problems::Trail;
use crate::ids::ObjectClassId;

document! {
    /// A class of objects in a remote system.
    ObjectClassDocument named "ObjectClass" {
        /// Its id within the application.
        required id: ObjectClassId = "id";
        /// Its name in the remote system; for a file, the path below the tenant's directory.
        required remote_name: String = "remoteName";
        /// The attribute that holds the unique key, best one that never changes.
        required uid_attribute: AttributeName = "uidAttribute";
        /// The attribute that people know the object by; absent, the key. Where the system gives keys itself, accounts
        /// are made under it, and it is required.
        optional name_attribute: AttributeName = "nameAttribute";
        /// The attributes that are read and written; absent, all that the system offers.
        narrowing attributes: RemoteAttributeDocument = "attributes" each "attribute";
        /// For a class of entitlements: where membership is held.
        optional membership: MembershipDocument = "membership";
    }
}

document! {
    /// An attribute of an object class.
    RemoteAttributeDocument named "RemoteAttribute" {
        /// Its name in the remote system.
        required name: AttributeName = "name";
        /// Whether it holds several values.
        defaulted multi_valued: bool = "multiValued";
    }
}

document! {
    /// Where membership in an entitlement is held.
    MembershipDocument named "Membership" {
        /// By the account, which lists its entitlements, or by the entitlement, which lists its members.
        required held_by: MembershipHolder = "heldBy";
        /// The attribute that lists them.
        required attribute: AttributeName = "attribute";
    }
}

impl Parse for ObjectClassDocument {
    type Domain = ObjectClass;

    fn parse(&self, trail: &mut Trail) -> Option<ObjectClass> {
        trail.refuse_repeated("attributes", self.attributes.iter().map(|attribute| &attribute.name));
        let attributes = parse_list("attributes", &self.attributes, trail);
        let membership = parse_optional("membership", self.membership.as_ref(), trail);
        Some(ObjectClass {
            id: self.id.clone(),
            remote_name: self.remote_name.clone(),
            uid_attribute: self.uid_attribute.clone(),
            name_attribute: self.name_attribute.clone(),
            attributes: attributes?,
            membership: membership?,
        })
    }
}

impl From<&ObjectClass> for ObjectClassDocument {
    fn from(class: &ObjectClass) -> Self {
        Self {
            id: class.id.clone(),
            remote_name: class.remote_name.clone(),
            uid_attribute: class.uid_attribute.clone(),
            name_attribute: class.name_attribute.clone(),
            attributes: class.attributes.iter().map(Into::into).collect(),
            membership: class.membership.as_ref().map(Into::into),
        }
    }
}

impl Parse for RemoteAttributeDocument {
    type Domain = RemoteAttribute;

    fn parse(&self, _: &mut Trail) -> Option<RemoteAttribute> {
        Some(RemoteAttribute { name: self.name.clone(), multi_valued: self.multi_valued.unwrap_or_default() })
    }
}

impl From<&RemoteAttribute> for RemoteAttributeDocument {
    fn from(attribute: &RemoteAttribute) -> Self {
        Self { name: attribute.name.clone(), multi_valued: attribute.multi_valued.then_some(true) }
    }
}

impl Parse for MembershipDocument {
    type Domain = Membership;

    fn parse(&self, _: &mut Trail) -> Option<Membership> {
        Some(Membership { held_by: self.held_by, attribute: self.attribute.clone() })
    }
}

impl From<&Membership> for MembershipDocument {
    fn from(membership: &Membership) -> Self {
        Self { held_by: membership.held_by, attribute: membership.attribute.clone() }
    }
}
