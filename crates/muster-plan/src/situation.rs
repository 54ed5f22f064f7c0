//! Situations: what is found when account and owner are put side by side. The whole table, for both directions.

use muster_model::configuration::application::Situation;

/// What is known of the owner of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// A shadow links the account to an object that exists.
    Linked,
    /// Nothing links it, and one object fits.
    FitsOne,
    /// Nothing links it, and the object that fits is linked to another live account of its class.
    FitsLinked,
    /// Nothing links it, and several objects fit.
    FitsSeveral,
    /// Nothing links it, and no object fits.
    FitsNone,
    /// A shadow links it to an object that exists no longer.
    OwnerDeleted,
}

/// Whether the owner is to have the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entitlement {
    /// A profile grants it.
    Granted,
    /// No profile does.
    NotGranted,
}

/// The situation of an account of a source.
#[must_use]
pub fn inbound(ownership: Ownership) -> Situation {
    match ownership {
        Ownership::Linked => Situation::Linked,
        Ownership::FitsOne => Situation::Unlinked,
        // Two accounts of one class would write the same object in turn.
        Ownership::FitsLinked | Ownership::FitsSeveral => Situation::Disputed,
        Ownership::FitsNone | Ownership::OwnerDeleted => Situation::Unmatched,
    }
}

/// The situation of an account that was read from a target.
#[must_use]
pub fn outbound_account(ownership: Ownership, entitlement: Entitlement) -> Situation {
    match (ownership, entitlement) {
        (Ownership::Linked, Entitlement::Granted) => Situation::Linked,
        (Ownership::Linked, Entitlement::NotGranted) | (Ownership::OwnerDeleted, _) => Situation::Unassigned,
        (Ownership::FitsOne, Entitlement::Granted) => Situation::Unlinked,
        (Ownership::FitsLinked | Ownership::FitsSeveral, _) => Situation::Disputed,
        // An account that was never granted belongs to nobody, whomever it looks like.
        (Ownership::FitsOne, Entitlement::NotGranted) | (Ownership::FitsNone, _) => Situation::Unmatched,
    }
}

/// Whether an owner without an account in the target had one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// It had one, which is gone.
    HadAccount,
    /// It never had one.
    NeverHadAccount,
}

/// The situation of an owner without an account in the target; `None` when that is as it should be.
#[must_use]
pub fn outbound_owner(past: Past, entitlement: Entitlement) -> Option<Situation> {
    match (past, entitlement) {
        (Past::HadAccount, Entitlement::Granted) => Some(Situation::Missing),
        (Past::NeverHadAccount, Entitlement::Granted) => Some(Situation::Absent),
        (_, Entitlement::NotGranted) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_inbound_table() {
        for (ownership, expected) in [
            (Ownership::Linked, Situation::Linked),
            (Ownership::FitsOne, Situation::Unlinked),
            (Ownership::FitsLinked, Situation::Disputed),
            (Ownership::FitsSeveral, Situation::Disputed),
            (Ownership::FitsNone, Situation::Unmatched),
            (Ownership::OwnerDeleted, Situation::Unmatched),
        ] {
            assert_eq!(inbound(ownership), expected, "{ownership:?}");
        }
    }

    #[test]
    fn the_whole_outbound_table() {
        use Entitlement::{Granted, NotGranted};
        for (ownership, entitlement, expected) in [
            (Ownership::Linked, Granted, Situation::Linked),
            (Ownership::Linked, NotGranted, Situation::Unassigned),
            (Ownership::FitsOne, Granted, Situation::Unlinked),
            (Ownership::FitsOne, NotGranted, Situation::Unmatched),
            (Ownership::FitsLinked, Granted, Situation::Disputed),
            (Ownership::FitsLinked, NotGranted, Situation::Disputed),
            (Ownership::FitsSeveral, Granted, Situation::Disputed),
            (Ownership::FitsSeveral, NotGranted, Situation::Disputed),
            (Ownership::FitsNone, Granted, Situation::Unmatched),
            (Ownership::FitsNone, NotGranted, Situation::Unmatched),
            (Ownership::OwnerDeleted, Granted, Situation::Unassigned),
            (Ownership::OwnerDeleted, NotGranted, Situation::Unassigned),
        ] {
            assert_eq!(outbound_account(ownership, entitlement), expected, "{ownership:?} {entitlement:?}");
        }
        for (past, entitlement, expected) in [
            (Past::HadAccount, Granted, Some(Situation::Missing)),
            (Past::NeverHadAccount, Granted, Some(Situation::Absent)),
            (Past::HadAccount, NotGranted, None),
            (Past::NeverHadAccount, NotGranted, None),
        ] {
            assert_eq!(outbound_owner(past, entitlement), expected, "{past:?} {entitlement:?}");
        }
    }
}
