//! What outbound mappings take of the objects that an owner refers to: their ids, and the keys of their accounts
//! in the application that is written. The objects themselves are looked up by the caller.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use muster_model::configuration::application::{
    AttributeMapping, Direction, Reaction, Situation, Strategy, Taken,
};
use muster_model::error::ErrorCode;
use muster_model::{
    AttributeName, AttributeSource, Attributes, ConfigurationId, Field, ImObject, ObjectId, Reference, Value,
};

use super::Outbound;
use crate::convert::to_text;
use crate::decision::Problem;
use crate::key::KeyHash;
use crate::mapping::{Mapped, MappingInput, map};
use crate::rules::Rules;
use crate::situation::{self, Entitlement, Past};

/// Parts an attribute from what is taken of the objects it refers to, where rules name both as one source. No
/// system has names with such a character.
const SEPARATOR: char = '\u{1f}';

/// What one mapping takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Takes {
    /// The attribute that it writes.
    pub(crate) attribute: AttributeName,
    /// The reference that it reads.
    pub(crate) source: AttributeName,
    /// What it takes.
    pub(crate) what: Taken,
    /// What the rules read it as.
    pub(crate) name: AttributeName,
}

impl Takes {
    /// `None` for a mapping that takes its source as it is.
    pub(crate) fn of(declared: &AttributeMapping, direction: Direction) -> Option<Self> {
        let Strategy::Simple { source, .. } = &declared.strategy else { return None };
        if declared.direction != direction || declared.take == Taken::Key {
            return None;
        }
        let name = AttributeName::from(format!("{source}{SEPARATOR}{}", declared.take.as_str()));
        Some(Self {
            attribute: declared.attribute.clone(),
            source: source.clone(),
            what: declared.take,
            name,
        })
    }
}

/// What a reference leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// To no object that exists.
    Nobody,
    /// To several objects, so nobody knows whom.
    Several,
    /// To this object.
    One(Referred),
}

/// An object that is referred to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referred {
    /// The object.
    pub object: ObjectId,
    /// Its account in the application that is written: the one it has and keeps, or the one it is about to get.
    pub account: Option<ReferredAccount>,
}

/// The account of an object that is referred to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferredAccount {
    /// What the remote system calls it: its name where the system gives keys itself, else its key.
    pub uid: String,
    /// The key by which it is found here.
    pub key: KeyHash,
}

/// What an owner's references come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TakenValues {
    /// By the names that the rules read them as.
    fields: Attributes,
    /// The accounts whose keys were taken.
    accounts: Vec<ReferredAccount>,
    /// References of which nothing could be taken, in words.
    open: Vec<String>,
}

impl TakenValues {
    /// Whether something could not be taken yet. Then nothing is promised, so that the next run asks again.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// What people should know, if something is open.
    pub(super) fn problem(&self) -> Option<Problem> {
        let message = format!("{}; the reference stays pending", self.open.join("; "));
        self.is_open().then_some(Problem { code: ErrorCode::ReferenceOpen, message })
    }

    /// The keys of the accounts that these fields name.
    pub(super) fn named_by<'a>(&self, fields: impl Iterator<Item = &'a Field>) -> Vec<KeyHash> {
        let values = fields.flat_map(Field::values).map(Value::to_text);
        let mut keys: Vec<KeyHash> = values
            .filter_map(|uid| self.accounts.iter().find(|account| account.uid == uid))
            .map(|account| account.key)
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// An owner together with what its references come to: what outbound mappings read.
#[derive(Clone, Copy)]
pub struct Referring<'a> {
    /// The owner.
    pub owner: &'a ImObject,
    /// What its references come to.
    pub taken: &'a TakenValues,
}

impl AttributeSource for Referring<'_> {
    fn field(&self, name: &str) -> Cow<'_, Field> {
        match self.taken.fields.get(name) {
            Field::Absent => self.owner.field(name),
            field @ (Field::Null | Field::One(_) | Field::Many(_)) => Cow::Borrowed(field),
        }
    }
}

impl Outbound {
    /// Whether any mapping takes something of the objects that owners refer to.
    #[must_use]
    pub fn takes_any(&self) -> bool {
        self.rules.iter().any(|rules| !rules.takes.is_empty())
    }

    /// The attributes of accounts that hold keys of other accounts.
    pub fn naming_attributes(&self) -> impl Iterator<Item = &AttributeName> {
        let takes = self.rules.iter().flat_map(|rules| &rules.takes);
        takes.filter(|takes| takes.what == Taken::RemoteName).map(|takes| &takes.attribute)
    }

    /// The references of an owner that have to be looked up before anything is decided about it.
    #[must_use]
    pub fn references_of(&self, owner: &ImObject) -> Vec<Reference> {
        let takes = self.rules_for(owner).into_iter().flat_map(|rules| &rules.takes);
        let fields = takes.map(|takes| owner.field(takes.source.as_str()));
        let mut references: Vec<Reference> = fields
            .flat_map(|field| {
                field.values().iter().filter_map(Value::as_reference).cloned().collect::<Vec<_>>()
            })
            .collect();
        references.sort_unstable();
        references.dedup();
        references
    }

    /// What the references of an owner come to, once it is known what each of them means.
    #[must_use]
    pub fn take(&self, owner: &ImObject, meant: &dyn Fn(&Reference) -> Meant) -> TakenValues {
        let mut taken = TakenValues::default();
        for takes in self.rules_for(owner).into_iter().flat_map(|rules| &rules.takes) {
            let field = owner.field(takes.source.as_str());
            let values = || field.values().iter();
            let texts: Vec<Value> =
                values().filter_map(|value| self.take_one(&mut taken, takes, value, meant)).collect();
            let empty = texts.is_empty() && values().next().is_some();
            let field = match &*field {
                _ if empty => Field::Absent,
                Field::One(_) => texts.into_iter().next().map_or(Field::Absent, Field::One),
                Field::Many(_) => Field::Many(texts),
                Field::Absent | Field::Null => field.into_owned(),
            };
            taken.fields.set(takes.name.clone(), field);
        }
        taken
    }

    fn take_one(
        &self,
        taken: &mut TakenValues,
        takes: &Takes,
        value: &Value,
        meant: &dyn Fn(&Reference) -> Meant,
    ) -> Option<Value> {
        let (source, key) = (&takes.source, value.to_text());
        let meant = value.as_reference().map_or(Meant::Nobody, meant);
        let open = match (meant, takes.what) {
            (Meant::One(referred), Taken::Id) => return Some(Value::String(referred.object.to_string())),
            (Meant::One(Referred { account: Some(account), .. }), Taken::RemoteName) => {
                let uid = account.uid.clone();
                taken.accounts.push(account);
                return Some(Value::String(uid));
            }
            (Meant::One(Referred { account: None, .. }), Taken::RemoteName) => {
                format!("`{source}` refers to `{key}`, who has no account to name in `{}`", self.application)
            }
            // What is taken as it is takes nothing of an object.
            (Meant::One(_), Taken::Key) => return Some(Value::String(key.into_owned())),
            (Meant::Nobody, _) => format!("`{source}` refers to `{key}`, which is no object yet"),
            (Meant::Several, _) => {
                format!("`{source}` refers to `{key}`, which several objects are found by")
            }
        };
        taken.open.push(open);
        None
    }

    /// The account that an object without one gets in this run, as far as its owner can tell: the key that its
    /// rules make. `None` when it gets none.
    #[must_use]
    pub fn account_to_make(
        &self,
        owner: &ImObject,
        past: Past,
        now: DateTime<Utc>,
    ) -> Option<ReferredAccount> {
        if !self.scope.holds(owner) {
            return None;
        }
        self.grant(owner)?;
        let rules = self.rules_for(owner)?;
        let situation = situation::outbound_owner(past, Entitlement::Granted)?;
        if rules.reaction(situation) != Reaction::Create {
            return None;
        }
        let input = MappingInput { source: owner, snapshot: None, target: None, provenance: None, now };
        let Ok(Mapped::Writes(writes)) = map(rules, &input) else { return None };
        let key = writes.into_iter().find(|(name, _)| name == self.made_under())?.1;
        let uid = to_text(key).first().map(|value| value.to_text().into_owned())?;
        (!uid.is_empty()).then(|| ReferredAccount { key: self.account_key(&uid), uid })
    }

    /// Whether the account of an object that others refer to stays. What is about to be deleted or unlinked is no
    /// longer named by anybody.
    #[must_use]
    pub fn keeps_account(&self, owner: &ImObject, granted_by: Option<&ConfigurationId>) -> bool {
        let stays = |reaction: Reaction| !matches!(reaction, Reaction::Delete | Reaction::Unlink);
        let Some(rules) = self.rules_for(owner).filter(|_| self.scope.holds(owner)) else { return true };
        match self.grant(owner) {
            Some(_) => stays(rules.reaction(Situation::Linked)),
            None => rules.is_protected(owner) || stays(self.reaction_to_withdrawal(Some(rules), granted_by)),
        }
    }

    /// The keys of the accounts of this class that an account names by what it holds.
    pub(super) fn named_by(&self, account: &dyn AttributeSource) -> Vec<KeyHash> {
        let mut keys: Vec<KeyHash> = Vec::new();
        for attribute in self.naming_attributes() {
            let field = account.field(attribute.as_str());
            keys.extend(field.values().iter().map(|value| self.account_key(&value.to_text())));
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// The fields of attributes that hold keys of accounts, out of what is written.
pub(super) fn naming_fields<'a>(rules: &'a Rules, result: &'a Attributes) -> impl Iterator<Item = &'a Field> {
    let naming = rules.takes.iter().filter(|takes| takes.what == Taken::RemoteName);
    naming.map(|takes| result.get(takes.attribute.as_str()))
}
