//! Applications: what a remote system holds, and how its accounts and the IM objects become each other.

use crate::attribute::{AttributeName, ValueType};
use crate::condition::Condition;
use crate::configuration::groups::GroupRules;
use crate::configuration::guard::Guards;
use crate::configuration::transformation::Transformation;
use crate::ids::{ApplicationId, ConfigurationId, ObjectClassId};
use crate::object::ObjectKind;

/// A remote system as Muster sees it: what it holds and how that maps to IM objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Application {
    /// The caller's id.
    pub id: ApplicationId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The connector definition that reaches it.
    pub connector_definition_id: ConfigurationId,
    /// The classes of objects it holds.
    pub object_classes: Vec<ObjectClass>,
    /// One sub-configuration per kind and type of IM object.
    pub object_types: Vec<ObjectTypeMapping>,
}

/// A class of objects in a remote system.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectClass {
    /// Its id within the application.
    pub id: ObjectClassId,
    /// Its name in the remote system; for a file, the path.
    pub remote_name: String,
    /// The attribute that holds the unique key.
    pub uid_attribute: AttributeName,
    /// The attribute that people know the object by; the key when absent.
    pub name_attribute: Option<AttributeName>,
    /// The attributes that are read and written; empty means all that the system offers.
    pub attributes: Vec<RemoteAttribute>,
    /// For a class of entitlements: where membership is held.
    pub membership: Option<Membership>,
}

/// An attribute of an object class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteAttribute {
    /// Its name in the remote system.
    pub name: AttributeName,
    /// Whether it holds several values.
    pub multi_valued: bool,
}

/// Where membership in an entitlement is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// By the account, which lists its entitlements, or by the entitlement, which lists its members.
    pub held_by: MembershipHolder,
    /// The attribute that lists them.
    pub attribute: AttributeName,
}

/// Who holds a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipHolder {
    /// The account lists its entitlements.
    Account,
    /// The entitlement lists its members.
    Entitlement,
}

/// Which way data flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the application into the identity repository.
    Inbound,
    /// From the identity repository into the application.
    Outbound,
}

/// How accounts of one class and IM objects of one kind and type become each other.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectTypeMapping {
    /// The kind of IM objects.
    pub object_kind: ObjectKind,
    /// Their type; `None` makes this the default for the kind.
    pub object_type: Option<String>,
    /// The class of accounts.
    pub object_class_id: ObjectClassId,
    /// The direction it serves; `None` serves both.
    pub direction: Option<Direction>,
    /// How an owner is found for an account that is not linked: in this order, the first that finds any decides.
    pub correlation: Vec<CorrelationRule>,
    /// How attributes become each other.
    pub attribute_mappings: Vec<AttributeMapping>,
    /// What to do in which situation, where it differs from the defaults.
    pub reactions: Reactions,
    /// Limits on what one run may change, where they differ from the defaults.
    pub guards: Guards,
    /// Objects that are never disabled, deleted or linked automatically.
    pub protected: Option<Condition>,
    /// What becomes of an account under a new key whose object has lost its account, or loses it in the same run.
    pub recreated: Recreated,
    /// What holds for the groups of objects.
    pub groups: Option<GroupRules>,
}

/// What becomes of an account that somebody has made anew in the source, under another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recreated {
    /// It is linked to the object that the lost account belonged to.
    #[default]
    Relink,
    /// It is left for somebody to decide.
    Report,
}

impl ObjectTypeMapping {
    /// The attribute of objects that a SIMPLE mapping copies an attribute of accounts into.
    #[must_use]
    pub fn copy_of(&self, source: &AttributeName) -> Option<&AttributeName> {
        let mut inbound =
            self.attribute_mappings.iter().filter(|mapping| mapping.direction == Direction::Inbound);
        let copies = |mapping: &&AttributeMapping| match &mapping.strategy {
            Strategy::Simple { source: copied, .. } => copied == source,
            Strategy::Custom { .. } => false,
        };
        inbound.find(copies).map(|mapping| &mapping.attribute)
    }

    /// The attribute that people know objects by, where it is another than the key of their accounts.
    #[must_use]
    pub fn name_of_objects(&self, class: &ObjectClass) -> Option<&AttributeName> {
        let name = class.name_attribute.as_ref().filter(|name| **name != class.uid_attribute);
        name.and_then(|name| self.copy_of(name))
    }
}

/// One way to find the owner of an account: every item has to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrelationRule {
    /// What has to be equal; never empty.
    pub items: Vec<CorrelationItem>,
}

/// One pair of attributes that has to be equal.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrelationItem {
    /// The attribute of the account.
    pub account_attribute: AttributeName,
    /// The attribute of the IM object.
    pub object_attribute: AttributeName,
    /// What is done to both before they are compared.
    pub normalizations: Vec<Transformation>,
}

/// How one attribute gets its value. Inbound the attribute is the IM object's and the source the account's,
/// outbound the other way round.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeMapping {
    /// The attribute that is written.
    pub attribute: AttributeName,
    /// Which way it works.
    pub direction: Direction,
    /// How the value is found.
    pub strategy: Strategy,
    /// Outbound and SIMPLE: what is taken of the objects that the source refers to.
    pub take: Taken,
    /// When it is written.
    pub strength: Strength,
    /// The type of the values.
    pub value_type: ValueType,
    /// Whether the attribute holds several values.
    pub multi_valued: bool,
    /// For type reference: what is referred to.
    pub reference: Option<ReferenceTarget>,
    /// Of two applications that map one attribute the higher wins.
    pub authority: i32,
    /// What happens when no transformation applies.
    pub on_no_match: OnNoMatch,
}

/// How a mapping finds its value.
#[derive(Debug, Clone, PartialEq)]
pub enum Strategy {
    /// Copy the source and apply the transformations in their order.
    Simple {
        /// The attribute to read.
        source: AttributeName,
        /// Built-in transformations, in order.
        transformations: Vec<Transformation>,
    },
    /// One expression.
    Custom {
        /// The expression's text.
        rule: String,
    },
}

/// What a mapping takes of an object that its source refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Taken {
    /// The key, as the reference says it; also the value of an attribute that is no reference.
    #[default]
    Key,
    /// The object's id.
    Id,
    /// The key of the object's account in the application that is written.
    RemoteName,
}

impl Taken {
    /// The word as it stands in JSON, XML and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "KEY",
            Self::Id => "ID",
            Self::RemoteName => "REMOTE_NAME",
        }
    }
}

/// When a mapped value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Strength {
    /// Enforced at every decision.
    #[default]
    Strong,
    /// Written when the source value has changed since the last run.
    Normal,
    /// Written only into an absent target.
    Weak,
}

/// What a reference points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceTarget {
    /// The kind of object.
    pub object_kind: ObjectKind,
    /// The attribute that the value is matched with.
    pub by_attribute: AttributeName,
}

/// What happens to a value that no transformation applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum OnNoMatch {
    /// The untransformed value is taken.
    #[default]
    Raw,
    /// The target is left as it is.
    Keep,
    /// The target is cleared.
    Clear,
    /// The entry is filtered.
    Filter,
}

/// What was found for an account or an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Situation {
    /// Account and owner are linked, and both exist.
    Linked,
    /// Both exist and fit, but are not linked.
    Unlinked,
    /// An account without an owner.
    Unmatched,
    /// Several owners fit an account.
    Disputed,
    /// The account is gone.
    Missing,
    /// Outbound: the owner is entitled and has no account.
    Absent,
    /// Outbound: the owner is no longer entitled, or deleted.
    Unassigned,
}

impl Situation {
    /// All situations, in the order in which they are stored and shown.
    pub const ALL: [Self; 7] = [
        Self::Linked,
        Self::Unlinked,
        Self::Unmatched,
        Self::Disputed,
        Self::Missing,
        Self::Absent,
        Self::Unassigned,
    ];

    /// The situation as it stands in JSON, XML and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "LINKED",
            Self::Unlinked => "UNLINKED",
            Self::Unmatched => "UNMATCHED",
            Self::Disputed => "DISPUTED",
            Self::Missing => "MISSING",
            Self::Absent => "ABSENT",
            Self::Unassigned => "UNASSIGNED",
        }
    }
}

/// What is done about a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reaction {
    /// Bring the attributes up to date.
    Synchronize,
    /// Link account and owner, then bring the attributes up to date.
    Link,
    /// Make what is lacking.
    Create,
    /// Forget that the two belong together.
    Unlink,
    /// Disable the object, or outbound the account.
    Disable,
    /// Delete the object, or outbound the account.
    Delete,
    /// Do nothing and count it.
    Ignore,
    /// Do nothing and report it.
    Report,
    /// Disable the object and take away what the source said of it, its name included.
    Anonymize,
}

impl Reaction {
    /// All reactions, in the order in which they are stored and shown.
    pub const ALL: [Self; 9] = [
        Self::Synchronize,
        Self::Link,
        Self::Create,
        Self::Unlink,
        Self::Disable,
        Self::Delete,
        Self::Ignore,
        Self::Report,
        Self::Anonymize,
    ];

    /// The reaction as it stands in JSON, XML and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synchronize => "SYNCHRONIZE",
            Self::Link => "LINK",
            Self::Create => "CREATE",
            Self::Unlink => "UNLINK",
            Self::Disable => "DISABLE",
            Self::Delete => "DELETE",
            Self::Ignore => "IGNORE",
            Self::Report => "REPORT",
            Self::Anonymize => "ANONYMIZE",
        }
    }
}

/// Reactions that a configuration sets; a situation that is not named keeps its default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reactions(pub Vec<(Direction, Situation, Reaction)>);

impl Reactions {
    /// The default of contract §2.4; `None` for a situation that the direction does not know.
    /// Invariant: no default deletes.
    #[must_use]
    pub fn default_for(direction: Direction, situation: Situation) -> Option<Reaction> {
        let reaction = match (direction, situation) {
            (_, Situation::Linked) => Reaction::Synchronize,
            (_, Situation::Unlinked) => Reaction::Link,
            (Direction::Inbound, Situation::Unmatched)
            | (Direction::Outbound, Situation::Absent | Situation::Missing) => Reaction::Create,
            (Direction::Outbound, Situation::Unassigned) => Reaction::Disable,
            (_, Situation::Disputed)
            | (Direction::Inbound, Situation::Missing)
            | (Direction::Outbound, Situation::Unmatched) => Reaction::Report,
            (Direction::Inbound, Situation::Absent | Situation::Unassigned) => return None,
        };
        Some(reaction)
    }

    /// The reactions that make sense in a situation; every other one is refused when it is saved.
    #[must_use]
    pub fn admitted(direction: Direction, situation: Situation) -> &'static [Reaction] {
        use Reaction::{Anonymize, Create, Delete, Disable, Ignore, Link, Report, Synchronize, Unlink};
        match (direction, situation) {
            (_, Situation::Linked) => &[Synchronize, Unlink, Ignore, Report],
            (_, Situation::Unlinked) => &[Link, Ignore, Report],
            (Direction::Inbound, Situation::Unmatched) => &[Create, Ignore, Report],
            (Direction::Outbound, Situation::Unmatched) => &[Disable, Delete, Ignore, Report],
            (_, Situation::Disputed) => &[Ignore, Report],
            (Direction::Inbound, Situation::Missing) => &[Disable, Delete, Anonymize, Unlink, Ignore, Report],
            (Direction::Outbound, Situation::Missing) => &[Create, Unlink, Ignore, Report],
            (Direction::Outbound, Situation::Absent) => &[Create, Ignore, Report],
            (Direction::Outbound, Situation::Unassigned) => &[Disable, Delete, Unlink, Ignore, Report],
            (Direction::Inbound, Situation::Absent | Situation::Unassigned) => &[],
        }
    }

    /// The reaction that holds: the configured one, else the default. `None` for a situation that the
    /// direction does not know.
    #[must_use]
    pub fn effective(&self, direction: Direction, situation: Situation) -> Option<Reaction> {
        let default = Self::default_for(direction, situation)?;
        let set = self.0.iter().find(|(d, s, _)| (*d, *s) == (direction, situation));
        Some(set.map_or(default, |(_, _, reaction)| *reaction))
    }
}
