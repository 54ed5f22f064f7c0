//! Cleaning up: what becomes of the users of a directory who have not been seen for long. No application has to do
//! with it.

use chrono::{DateTime, TimeDelta, Utc};
use muster_model::attribute::parse_date_time;
use muster_model::condition::Condition;
use muster_model::configuration::application::{Reaction, Situation};
use muster_model::configuration::task::{Cleanup, CleanupAction};
use muster_model::error::ErrorCode;
use muster_model::text::instant;
use muster_model::{AttributeName, DirectoryId, DisabledReason, ImObject, ObjectKind, Value};

use crate::change::{Action, Change, ObjectBase, StateChange, Subject};
use crate::decision::Decision;
use crate::inbound::{Anonymizing, all_cleared, bare_change, update_of};
use crate::key::KeySpecs;
use crate::undo::{Undoing, replaced};

/// The attribute of users that says when they were seen last.
pub const LAST_AUTHENTICATED: &str = "lastAuthenticated";

/// What a clean-up decides by.
#[derive(Debug)]
pub struct CleaningUp {
    /// The population.
    pub directory: DirectoryId,
    /// Whom it looks for, and what is done to them.
    pub task: Cleanup,
    /// The attributes that hold the groups of users.
    pub groups: Vec<AttributeName>,
    /// Users of these are administrators, and left alone.
    pub protected: Vec<Condition>,
    /// What anonymizing takes away, whichever source gave it.
    pub anonymizing: Anonymizing,
    /// The keys that users are found by.
    pub keys: KeySpecs,
}

/// What comes of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// What people know the user by.
    pub name: String,
    /// What is done.
    pub decision: Decision,
    /// Why the user is skipped, where the run's messages say so.
    pub message: Option<String>,
}

/// When a user was seen.
enum Seen {
    At(DateTime<Utc>),
    Never,
    /// The attribute holds something else.
    Unreadable(String),
}

impl CleaningUp {
    /// The kind of objects that are users.
    pub const KIND: ObjectKind = ObjectKind::Identity;

    /// What undoing needs to know.
    #[must_use]
    pub fn undoing(&self) -> Undoing<'_> {
        Undoing { kind: Self::KIND, directory: &self.directory, keys: &self.keys, subject: Subject::Object }
    }

    /// Decides about a user at an instant.
    #[must_use]
    pub fn decide(&self, user: &ImObject, now: DateTime<Utc>) -> Cleaned {
        let name = self.name_of(user);
        let (decision, message) = self.decide_named(user, &name, now);
        Cleaned { name, decision, message }
    }

    fn decide_named(&self, user: &ImObject, name: &str, now: DateTime<Utc>) -> (Decision, Option<String>) {
        // These messages are the contract of User Sync, to the letter.
        let skipped = |message: String| (Decision::let_be(), Some(message));
        if !self.is_of_groups(user) {
            return (Decision::filtered(), None);
        }
        if self.protected.iter().any(|condition| condition.holds(user)) {
            return skipped(format!("Skipping admin or sysadmin <{name}>"));
        }
        let why = match last_seen(user) {
            Seen::Unreadable(text) => {
                let message =
                    format!("`{LAST_AUTHENTICATED}` of user `{name}` is `{text}`, which is no date-time");
                return (Decision::failed(None, ErrorCode::EntryUnreadable, message), None);
            }
            Seen::Never if !self.task.include_never_seen => {
                return skipped(format!(
                    "User <{name}> has no lastAuthenticated timestamp and cleanup users without timestamp is \
                     disabled. Therefore the user will not be cleaned up."
                ));
            }
            Seen::Never => "never authenticated".to_owned(),
            Seen::At(seen) if self.is_recent(seen, now) => return (Decision::let_be(), None),
            Seen::At(seen) => format!("last authenticated {}", instant(seen)),
        };
        let change = self.change(user, name);
        let decided = change.map(|change| Change { why: Some(why), ..change });
        (decided.map_or_else(Decision::let_be, Decision::change), None)
    }

    /// Without a number of days all users are inactive that were ever seen: the groups say whom it looks for.
    fn is_recent(&self, seen: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let days = self.task.inactive_days.map(|days| TimeDelta::days(days.into()));
        days.is_some_and(|days| now - seen < days)
    }

    fn is_of_groups(&self, user: &ImObject) -> bool {
        let wanted = &self.task.groups;
        let held = |name: &AttributeName| {
            let groups = user.attributes.get(name.as_str()).values();
            groups.iter().any(|group| wanted.iter().any(|wanted| *wanted == group.to_text()))
        };
        wanted.is_empty() || self.groups.iter().any(held)
    }

    fn name_of(&self, user: &ImObject) -> String {
        let named =
            self.anonymizing.names().iter().find_map(|name| user.attributes.get(name.as_str()).first());
        named.map_or_else(|| user.id.to_string(), |name| name.to_text().into_owned())
    }

    /// What is done to somebody who is not in use; `None` where it has been done.
    fn change(&self, user: &ImObject, name: &str) -> Option<Change> {
        let (action, reaction) = match self.task.action {
            CleanupAction::Disable if user.disabled.is_none() => (Action::Disable, Reaction::Disable),
            CleanupAction::Anonymize if !self.anonymizing.has_anonymized(user) || user.disabled.is_none() => {
                (Action::Disable, Reaction::Anonymize)
            }
            CleanupAction::Delete => (Action::Delete, Reaction::Delete),
            CleanupAction::Disable | CleanupAction::Anonymize | CleanupAction::Keep => return None,
        };
        // Whoever is not seen any more is missing, though no account is.
        let mut change = bare_change(action, Situation::Missing, reaction, name);
        change.subject = Subject::Object;
        change.object = Some(ObjectBase { id: user.id, version: user.version });
        change.replaced = Some(replaced(None, user));
        if action == Action::Delete {
            change.keys_removed = self.keys.of_object(user.kind, &user.directory, &user.attributes);
            change.differences = all_cleared(&user.attributes);
            return Some(change);
        }
        if reaction == Reaction::Anonymize {
            let writes = self.anonymizing.writes(user, |_| true);
            let update = update_of(user, writes, (&self.keys, None));
            change.references = self.undoing().references(update.result.iter().map(|(_, field)| field));
            update.put_into(&mut change);
        }
        if user.disabled.is_none() {
            change.state = StateChange::Disable(DisabledReason::Inactive);
        }
        Some(change)
    }
}

fn last_seen(user: &ImObject) -> Seen {
    match user.attributes.get(LAST_AUTHENTICATED).first().map(Value::to_text) {
        None => Seen::Never,
        Some(text) => parse_date_time(&text).map_or_else(|| Seen::Unreadable(text.into_owned()), Seen::At),
    }
}
