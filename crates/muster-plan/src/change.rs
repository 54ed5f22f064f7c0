//! Changes: what a plan consists of. A change is a value; nobody decides it again.

use chrono::{DateTime, Utc};
use muster_model::configuration::application::{Reaction, Situation};
use muster_model::difference::AttributeChange;
use muster_model::run::{Outcome, Wave};
use muster_model::shadow::ShadowState;
use muster_model::{
    AttributeName, Attributes, ConfigurationId, DisabledReason, ObjectId, Provenance, ShadowNo,
};

use crate::digest::Digest;
use crate::key::KeyHash;

/// What a change does. Inbound it is done to the IM object, outbound to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Makes it, and the shadow that links the two.
    Create,
    /// Links the two, and brings attributes up to date.
    Link,
    /// Brings attributes up to date.
    Update,
    /// Changes nothing but what is remembered of the account.
    Refresh,
    /// Disables it.
    Disable,
    /// Deletes it.
    Delete,
    /// Forgets that the two belong together.
    Unlink,
    /// Remembers that the account is gone, and leaves the object: another source still has it.
    MarkGone,
}

impl Action {
    /// All actions, in the order in which they are stored.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Link,
        Self::Update,
        Self::Refresh,
        Self::Disable,
        Self::Delete,
        Self::Unlink,
        Self::MarkGone,
    ];

    /// The action as it stands in JSON and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Link => "LINK",
            Self::Update => "UPDATE",
            Self::Refresh => "REFRESH",
            Self::Disable => "DISABLE",
            Self::Delete => "DELETE",
            Self::Unlink => "UNLINK",
            Self::MarkGone => "MARK_GONE",
        }
    }

    /// The wave in which it is carried out.
    #[must_use]
    pub fn wave(self) -> Wave {
        match self {
            Self::Create | Self::Link | Self::Update | Self::Refresh => Wave::Build,
            Self::Disable | Self::Delete | Self::Unlink | Self::MarkGone => Wave::Withdraw,
        }
    }

    /// Whether anything but what is remembered of the account comes of it.
    #[must_use]
    pub fn touches(self) -> bool {
        match self {
            Self::Create | Self::Link | Self::Update | Self::Disable | Self::Delete | Self::Unlink => true,
            Self::Refresh | Self::MarkGone => false,
        }
    }

    /// What its entry is counted as.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Create => Outcome::Created,
            Self::Link | Self::Update => Outcome::Updated,
            Self::Refresh => Outcome::Unchanged,
            Self::Disable => Outcome::Disabled,
            Self::Delete => Outcome::Deleted,
            Self::Unlink => Outcome::Unlinked,
            Self::MarkGone => Outcome::Ignored,
        }
    }
}

/// What happens to the "enabled" of the object, or outbound of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateChange {
    /// It stays.
    Keep,
    /// It is enabled.
    Enable,
    /// It is disabled, for this reason.
    Disable(DisabledReason),
}

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An account, with the object that it belongs to.
    Account,
    /// An object alone, whatever accounts it has.
    Object,
}

/// Memberships that an account gains and loses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipChange {
    /// The attribute that holds them.
    pub attribute: AttributeName,
    /// Entitlements gained, sorted.
    pub add: Vec<String>,
    /// Entitlements lost, sorted.
    pub remove: Vec<String>,
}

/// The object that a change is about, and the version it was decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectBase {
    /// The object.
    pub id: ObjectId,
    /// Its version then; 0 for one that the change makes.
    pub version: u32,
}

/// The shadow that a change is about, and the version it was decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShadowBase {
    /// The shadow.
    pub no: ShadowNo,
    /// Its version then.
    pub version: u32,
}

/// What a change of something that existed replaces besides attributes, for whoever undoes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replaced {
    /// What was remembered of the account; `None` where there was no shadow.
    pub snapshot: Option<Attributes>,
    /// Whether the account existed, as far as was known; `None` where there was no shadow.
    pub state: Option<ShadowState>,
    /// Where the values of the object came from.
    pub provenance: Option<Provenance>,
    /// Why the object was disabled; `None` where it was enabled.
    pub disabled: Option<DisabledReason>,
    /// The type of the object.
    pub object_type: Option<String>,
}

/// One change of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it does.
    pub action: Action,
    /// What was found.
    pub situation: Situation,
    /// What the configuration says to do then.
    pub reaction: Reaction,
    /// What it is about.
    pub subject: Subject,
    /// The account's key; what people know the object by where no account is concerned.
    pub uid: String,
    /// Where the account stood in its source.
    pub place: Option<u64>,
    /// The shadow it was decided on; `None` when the change makes one.
    pub shadow: Option<ShadowBase>,
    /// The object it was decided on.
    pub object: Option<ObjectBase>,
    /// Attributes that differ. Empty for a create: there everything in `result` is new.
    pub differences: Vec<AttributeChange>,
    /// Inbound all attributes of the object afterwards, outbound those that are written to the account.
    pub result: Attributes,
    /// Inbound, where the object's values come from afterwards.
    pub provenance: Option<Provenance>,
    /// What happens to "enabled".
    pub state: StateChange,
    /// Outbound, memberships gained and lost.
    pub memberships: Vec<MembershipChange>,
    /// Outbound, the profile that grants the account.
    pub profile: Option<ConfigurationId>,
    /// Outbound, the entitlements that the account is granted, sorted; `None` leaves what is remembered.
    pub granted: Option<Vec<String>>,
    /// What the shadow remembers of the account afterwards.
    pub snapshot: Attributes,
    /// The promise stored with the shadow; `None` promises nothing.
    pub digest: Option<Digest>,
    /// Outbound, the digest of the account as it is afterwards.
    pub account_digest: Option<Digest>,
    /// Outbound, what that promise is made under, where the version of the owner and this are all that it rests on.
    pub terms: Option<Digest>,
    /// The next instant at which the answer can change by itself.
    pub due_at: Option<DateTime<Utc>>,
    /// Keys that the object is found by afterwards and was not before; outbound that of the name that the account gets,
    /// where the target gives keys.
    pub keys_added: Vec<KeyHash>,
    /// Keys that the object was found by and is no longer; outbound that of the name that the account gives up.
    pub keys_removed: Vec<KeyHash>,
    /// Keys of the objects that the result refers to.
    pub references: Vec<KeyHash>,
    /// For a create or link: the keys by which an owner was looked for. Two of one plan that share one are disputed.
    pub correlation: Vec<KeyHash>,
    /// The key of the account whose shadow it takes over, should a complete sweep not meet that account. CHECK leaves the
    /// change out otherwise.
    pub succeeds: Option<String>,
    /// Why, in a few words, where situation and reaction do not say it all.
    pub why: Option<String>,
    /// Inbound, what it replaces; nothing for a create.
    pub replaced: Option<Box<Replaced>>,
}
