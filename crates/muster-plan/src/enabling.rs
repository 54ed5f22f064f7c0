//! Who may enable what is disabled: only what disabled it for that reason, or a person.

use muster_model::DisabledReason;

/// What would have an IM object enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enabler {
    /// An account of the application is back, of which it had lost one, or another is there in its place.
    AccountBack,
    /// An account of an application that never had one of the object.
    NewAccount,
    /// A mapping to `enabled` that says true.
    Mapping,
}

/// Whether it is enabled.
#[must_use]
pub fn enables(enabler: Enabler, reason: DisabledReason) -> bool {
    match (enabler, reason) {
        (Enabler::AccountBack, DisabledReason::Missing) | (Enabler::Mapping, DisabledReason::Mapped) => true,
        // Somebody who has left is not taken back since a system that never knew them has an address.
        (Enabler::NewAccount, _)
        | (
            Enabler::AccountBack,
            DisabledReason::Mapped
            | DisabledReason::Inactive
            | DisabledReason::ByHand
            | DisabledReason::NotEntitled,
        )
        | (
            Enabler::Mapping,
            DisabledReason::Missing
            | DisabledReason::Inactive
            | DisabledReason::ByHand
            | DisabledReason::NotEntitled,
        ) => false,
    }
}

/// Why an account is enabled again that was disabled for a reason, or that somebody else has disabled.
pub(crate) fn of_account(disabled_for: Option<DisabledReason>) -> &'static str {
    match disabled_for {
        None => "somebody else has disabled it",
        Some(DisabledReason::NotEntitled) => "it is granted again",
        Some(
            DisabledReason::Missing
            | DisabledReason::Mapped
            | DisabledReason::Inactive
            | DisabledReason::ByHand,
        ) => "its owner is enabled again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table_of_reasons_and_of_what_would_enable() {
        use DisabledReason::{ByHand, Inactive, Mapped, Missing, NotEntitled};
        for (reason, back, new, mapping) in [
            (Missing, true, false, false),
            (Mapped, false, false, true),
            (Inactive, false, false, false),
            (ByHand, false, false, false),
            (NotEntitled, false, false, false),
        ] {
            let found = [Enabler::AccountBack, Enabler::NewAccount, Enabler::Mapping]
                .map(|enabler| enables(enabler, reason));
            assert_eq!(found, [back, new, mapping], "{reason:?}");
        }
        assert_eq!(DisabledReason::ALL.len(), 5);
    }
}
