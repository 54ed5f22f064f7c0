//! The properties of a SCIM connector as values, all their problems found at once.

use muster_connector::properties::Form;
use muster_connector::{Properties, PropertyProblem};
use muster_http::{Reach, Way};

use crate::api::WORDS;
use crate::dialect::{
    Booleans, DIALECTS, Habits, MemberRemoval, OperationNames, Paging, PatchForm, STANDARD, Use,
};
use crate::path::ScimPath;
use crate::properties::PROPERTIES;

/// How a service is reached and talked to. Holds secrets, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) reach: Reach,
    pub(crate) is_writable: bool,
    pub(crate) habits: Habits,
    pub(crate) bulk: Use,
    pub(crate) filter: Use,
    pub(crate) page_size: usize,
    pub(crate) enabled: ScimPath,
    pub(crate) memberships: Memberships,
    pub(crate) members_a_request: usize,
    pub(crate) changes: Changes,
    pub(crate) most_entries: u64,
    pub(crate) most_memberships: usize,
}

/// Where memberships are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memberships {
    Groups,
    Accounts,
}

/// By what changes are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    None,
    LastModified,
}

impl Settings {
    /// Parses all properties.
    ///
    /// # Errors
    /// With every problem that there is.
    pub(crate) fn parse(given: &Properties) -> Result<Self, Vec<PropertyProblem>> {
        let mut form = Form::new(given, PROPERTIES);
        let settings = Self {
            reach: Reach::read(&mut form, WORDS, Way::Bearer, &[Way::Basic, Way::OAuth2]),
            is_writable: form.truth("writable").unwrap_or(true),
            habits: habits(&mut form),
            bulk: form.choice("bulk", &[("AUTO", Use::Auto), ("NEVER", Use::Never)]).unwrap_or(Use::Auto),
            filter: form.choice("filter", &USES).unwrap_or(Use::Auto),
            page_size: form.number("pageSize", 1..=1000).unwrap_or_default(),
            enabled: enabled(&mut form).unwrap_or_else(|| ScimPath::simple("active")),
            memberships: form.choice("memberships", &MEMBERSHIPS).unwrap_or(Memberships::Groups),
            members_a_request: form.number("maximumMembersPerRequest", 1..=100).unwrap_or_default(),
            changes: form.choice("changes", &CHANGES).unwrap_or(Changes::None),
            most_entries: form.number("maximumEntries", 1..=100_000_000).unwrap_or_default(),
            most_memberships: form.number("maximumMemberships", 1..=100_000_000).unwrap_or_default(),
        };
        form.ends_as(settings)
    }
}

fn enabled(form: &mut Form<'_>) -> Option<ScimPath> {
    let path = form.filled("enabledAttribute")?.parse();
    path.map_err(|error| form.problem("enabledAttribute", ToString::to_string(&error))).ok()
}

const USES: [(&str, Use); 3] = [("AUTO", Use::Auto), ("ALWAYS", Use::Always), ("NEVER", Use::Never)];

const MEMBERSHIPS: [(&str, Memberships); 2] =
    [("GROUPS", Memberships::Groups), ("ACCOUNTS", Memberships::Accounts)];

const CHANGES: [(&str, Changes); 2] = [("NONE", Changes::None), ("LAST_MODIFIED", Changes::LastModified)];

fn habits(form: &mut Form<'_>) -> Habits {
    let dialect = form.choice("dialect", &DIALECTS).unwrap_or(STANDARD);
    Habits {
        patch: form.choice("patch", &USES).unwrap_or(dialect.patch),
        paging: form
            .choice("paging", &[("AUTO", Paging::Auto), ("INDEX", Paging::Index), ("CURSOR", Paging::Cursor)])
            .unwrap_or(dialect.paging),
        has_or: form.truth("filterWithOr").unwrap_or(dialect.has_or),
        asks_for_attributes: form.truth("askForAttributes").unwrap_or(dialect.asks_for_attributes),
        patch_members: form.choice("patchMembers", &USES).unwrap_or(dialect.patch_members),
        patch_form: form
            .choice("patchForm", &[("PATHS", PatchForm::Paths), ("VALUES", PatchForm::Values)])
            .unwrap_or(dialect.patch_form),
        operation_names: form
            .choice(
                "operationNames",
                &[("LOWER", OperationNames::Lower), ("CAPITALISED", OperationNames::Capitalised)],
            )
            .unwrap_or(dialect.operation_names),
        booleans: form
            .choice("booleans", &[("JSON", Booleans::Json), ("TEXT", Booleans::Text)])
            .unwrap_or(dialect.booleans),
        member_removal: form
            .choice("memberRemoval", &[("FILTER", MemberRemoval::Filter), ("VALUES", MemberRemoval::Values)])
            .unwrap_or(dialect.member_removal),
    }
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
