//! The document of guards, which tasks and applications share, and what it means.

use crate::configuration::document::check::parse_optional;
use crate::configuration::document::macros::document;
use crate::configuration::document::value::{Parse, Word};
use crate::configuration::guard::{Guarded, Guards, Limit};
use crate::configuration::problems::Trail;

document! {
    /// Limits on what one run may change; what is absent keeps the limit of the level above it: a task that
    /// of its application, an application the built-in one.
    GuardsDocument named "Guards" {
        /// Objects or accounts made.
        optional create: LimitDocument = "create";
        /// Objects or accounts with changed attributes.
        optional update: LimitDocument = "update";
        /// Objects or accounts disabled.
        optional disable: LimitDocument = "disable";
        /// Objects or accounts deleted.
        optional delete: LimitDocument = "delete";
        /// Links removed.
        optional unlink: LimitDocument = "unlink";
        /// Memberships removed.
        optional membership_removal: LimitDocument = "membershipRemoval";
        /// Members that one group loses, of its own members.
        optional members_lost: LimitDocument = "membersLost";
        /// Objects in which one attribute is cleared.
        optional clearing: LimitDocument = "clearing";
    }
}

document! {
    /// A limit: it trips when the changes exceed `count`, or exceed both `minimum` and `percent` of the known
    /// population. It has a `count`, a `percent` or both.
    LimitDocument named "Limit" {
        /// The most changes, whatever the population.
        optional count: u64 = "count";
        /// The most changes in percent of the known population.
        optional percent: u32 = "percent" in 0..=100;
        /// Up to this many changes the percentage is not looked at.
        defaulted minimum: u64 = "minimum";
        /// Over so many hours the changes of the task's runs are counted together, too; 0 is each run alone, and what
        /// is absent 24 for `disable`, `delete`, `unlink` and `membershipRemoval`, 0 for the others.
        optional window_hours: u32 = "windowHours" in 0..=720;
    }
}

impl GuardsDocument {
    fn limit(&self, guarded: Guarded) -> Option<&LimitDocument> {
        let limit = match guarded {
            Guarded::Create => &self.create,
            Guarded::Update => &self.update,
            Guarded::Disable => &self.disable,
            Guarded::Delete => &self.delete,
            Guarded::Unlink => &self.unlink,
            Guarded::MembershipRemoval => &self.membership_removal,
            Guarded::MembersLost => &self.members_lost,
            Guarded::Clearing => &self.clearing,
        };
        limit.as_ref()
    }

    /// The document of guards; none when they set nothing.
    #[must_use]
    pub fn of(guards: &Guards) -> Option<Self> {
        (!guards.0.is_empty()).then(|| guards.into())
    }
}

impl From<&Guards> for GuardsDocument {
    fn from(guards: &Guards) -> Self {
        let limit = |guarded| guards.limit(guarded).as_ref().map(Into::into);
        Self {
            create: limit(Guarded::Create),
            update: limit(Guarded::Update),
            disable: limit(Guarded::Disable),
            delete: limit(Guarded::Delete),
            unlink: limit(Guarded::Unlink),
            membership_removal: limit(Guarded::MembershipRemoval),
            members_lost: limit(Guarded::MembersLost),
            clearing: limit(Guarded::Clearing),
        }
    }
}

impl Parse for GuardsDocument {
    type Domain = Guards;

    fn parse(&self, trail: &mut Trail) -> Option<Guards> {
        let mut limits = Vec::new();
        for guarded in Guarded::ALL {
            let limit = parse_optional(guarded.word(), self.limit(guarded), trail);
            limits.push(limit.map(|limit| limit.map(|limit| (guarded, limit))));
        }
        let limits: Option<Vec<_>> = limits.into_iter().collect();
        Some(Guards(limits?.into_iter().flatten().collect()))
    }
}

impl Parse for LimitDocument {
    type Domain = Limit;

    fn parse(&self, trail: &mut Trail) -> Option<Limit> {
        if self.count.is_none() && self.percent.is_none() {
            trail.problem("has neither `count` nor `percent`");
            return None;
        }
        let percent = self.percent.map(u8::try_from).transpose().ok();
        Some(Limit {
            count: self.count,
            percent: percent?,
            minimum: self.minimum.unwrap_or_default(),
            window_hours: self.window_hours,
        })
    }
}

impl From<&Limit> for LimitDocument {
    fn from(limit: &Limit) -> Self {
        Self {
            count: limit.count,
            percent: limit.percent.map(u32::from),
            minimum: (limit.minimum != 0).then_some(limit.minimum),
            window_hours: limit.window_hours,
        }
    }
}
