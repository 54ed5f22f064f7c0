//! IM objects: what the identity repository holds.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::attribute::{AttributeName, AttributeSource, Attributes, Field, Value};
use crate::ids::{ApplicationId, DirectoryId, ObjectId};

/// The kinds of IM objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A person.
    Identity,
    /// A department, a company, a site.
    Organization,
    /// A thing that people are given.
    Resource,
    /// A role.
    Role,
    /// Where a role is offered.
    RolePublication,
}

impl ObjectKind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Identity, Self::Organization, Self::Resource, Self::Role, Self::RolePublication];

    /// The kind as it stands in JSON, XML, paths and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "IDENTITY",
            Self::Organization => "ORGANIZATION",
            Self::Resource => "RESOURCE",
            Self::Role => "ROLE",
            Self::RolePublication => "ROLE_PUBLICATION",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ObjectKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// Whether an IM object is in use, and why it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DisabledReason {
    /// Its account is gone from the source.
    Missing,
    /// A mapping of the source says so.
    Mapped,
    /// It has not been used for long.
    Inactive,
    /// A person did it.
    ByHand,
    /// Nobody grants it any more: of accounts alone.
    NotEntitled,
}

impl DisabledReason {
    /// All reasons.
    pub const ALL: [Self; 5] = [Self::Missing, Self::Mapped, Self::Inactive, Self::ByHand, Self::NotEntitled];

    /// The reasons that IM objects have.
    pub const OF_OBJECTS: [Self; 4] = [Self::Missing, Self::Mapped, Self::Inactive, Self::ByHand];

    /// The reason as it stands in JSON, XML and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "MISSING",
            Self::Mapped => "MAPPED",
            Self::Inactive => "INACTIVE",
            Self::ByHand => "BY_HAND",
            Self::NotEntitled => "NOT_ENTITLED",
        }
    }
}

impl FromStr for DisabledReason {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(())
    }
}

/// A person, organization, resource or role of the identity repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImObject {
    /// Its id, never changed.
    pub id: ObjectId,
    /// Its kind.
    pub kind: ObjectKind,
    /// The population it belongs to.
    pub directory: DirectoryId,
    /// Its type within the kind (`employee`, `contractor`), if it has one.
    pub object_type: Option<String>,
    /// `None` while it is in use, else why not.
    pub disabled: Option<DisabledReason>,
    /// Counts its changes from 1.
    pub version: u32,
    /// Its attributes.
    pub attributes: Attributes,
    /// Where its values come from.
    pub provenance: Provenance,
}

impl ImObject {
    /// What conditions and mappings read of an object besides its attributes: its own facts. They hide an attribute
    /// of such a name.
    pub const OWN_FACTS: [&str; 6] = ["id", "kind", "type", "directory", "enabled", "disabledReason"];
}

/// Where the values of an object come from: the application and the run that wrote them last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The application.
    pub application: ApplicationId,
    /// The number of the run within the tenant.
    pub run: i64,
}

/// The origin of every attribute of an object, kept small: most come from where the object comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// The origin of every attribute that is not listed; `None` for an object made by hand.
    pub object: Option<Origin>,
    /// Attributes of another origin.
    pub attributes: BTreeMap<AttributeName, Origin>,
}

impl Provenance {
    /// The origin of an attribute.
    #[must_use]
    pub fn of(&self, attribute: &str) -> Option<&Origin> {
        self.attributes.get(attribute).or(self.object.as_ref())
    }
}

impl AttributeSource for ImObject {
    /// Besides the attributes, the object's [own facts](ImObject::OWN_FACTS), which win over an attribute of
    /// that name.
    fn field(&self, name: &str) -> Cow<'_, Field> {
        let own = match name {
            "id" => Field::text(self.id.to_string()),
            "kind" => Field::text(self.kind.as_str()),
            "type" => self.object_type.as_ref().map_or(Field::Absent, Field::text),
            "directory" => Field::text(self.directory.as_str()),
            "enabled" => Field::One(Value::Boolean(self.disabled.is_none())),
            "disabledReason" => self.disabled.map_or(Field::Absent, |reason| Field::text(reason.as_str())),
            _ => return Cow::Borrowed(self.attributes.get(name)),
        };
        Cow::Owned(own)
    }
}
