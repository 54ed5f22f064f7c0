//! The properties of a SCIM connector as values, all their problems found at once.

mod form;

use muster_connector::{Properties, PropertyProblem, properties};

use crate::dialect::{
    Booleans, DIALECTS, Habits, MemberRemoval, OperationNames, Paging, PatchForm, STANDARD, Use,
};
use crate::path::ScimPath;
use crate::properties::PROPERTIES;
use form::Form;

/// How a service is reached and talked to. Holds secrets, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Without a `/` at its end.
    pub(crate) base_url: String,
    pub(crate) credentials: Credentials,
    pub(crate) roots: Option<String>,
    pub(crate) is_writable: bool,
    pub(crate) habits: Habits,
    pub(crate) bulk: Use,
    pub(crate) filter: Use,
    pub(crate) page_size: usize,
    pub(crate) enabled: ScimPath,
    pub(crate) memberships: Memberships,
    pub(crate) members_a_request: usize,
    pub(crate) changes: Changes,
    pub(crate) answer_bytes: u64,
    pub(crate) most_entries: u64,
    pub(crate) most_memberships: usize,
}

/// By what we prove who we are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    Bearer { token: String },
    Basic { user: String, password: String },
    OAuth2(Client),
}

/// A client that gets tokens for itself (RFC 6749 §4.4).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) token_url: String,
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) scope: Option<String>,
    pub(crate) shown: ClientShown,
}

/// Where client and secret stand when a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientShown {
    Basic,
    Body,
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
        let mut form = Form { given, problems: properties::unknown(given, PROPERTIES) };
        let settings = Self {
            base_url: form.url("baseUrl").unwrap_or_default(),
            credentials: credentials(&mut form),
            roots: form.roots("caCertificate"),
            is_writable: form.choice("writable", &TRUTHS, true),
            habits: habits(&mut form),
            bulk: form.choice("bulk", &[("AUTO", Use::Auto), ("NEVER", Use::Never)], Use::Auto),
            filter: form.choice("filter", &USES, Use::Auto),
            page_size: form.number("pageSize", 1..=1000),
            enabled: form.path("enabledAttribute").unwrap_or_else(|| ScimPath::simple("active")),
            memberships: form.choice(
                "memberships",
                &[("GROUPS", Memberships::Groups), ("ACCOUNTS", Memberships::Accounts)],
                Memberships::Groups,
            ),
            members_a_request: form.number("maximumMembersPerRequest", 1..=100),
            changes: form.choice(
                "changes",
                &[("NONE", Changes::None), ("LAST_MODIFIED", Changes::LastModified)],
                Changes::None,
            ),
            answer_bytes: form.number("maximumAnswerBytes", 65_536..=268_435_456) as u64,
            most_entries: form.number("maximumEntries", 1..=100_000_000) as u64,
            most_memberships: form.number("maximumMemberships", 1..=100_000_000),
        };
        match form.problems.is_empty() {
            true => Ok(settings),
            false => Err(form.problems),
        }
    }

    /// All that must not be shown.
    pub(crate) fn secrets(&self) -> Vec<String> {
        match &self.credentials {
            Credentials::Bearer { token } => vec![token.clone()],
            Credentials::Basic { password, .. } => vec![password.clone()],
            Credentials::OAuth2(client) => vec![client.secret.clone()],
        }
    }
}

const USES: [(&str, Use); 3] = [("AUTO", Use::Auto), ("ALWAYS", Use::Always), ("NEVER", Use::Never)];

const TRUTHS: [(&str, bool); 2] = [("true", true), ("false", false)];

fn habits(form: &mut Form<'_>) -> Habits {
    let dialect = form.choice("dialect", &DIALECTS, STANDARD);
    Habits {
        patch: form.choice("patch", &USES, dialect.patch),
        paging: form.choice(
            "paging",
            &[("AUTO", Paging::Auto), ("INDEX", Paging::Index), ("CURSOR", Paging::Cursor)],
            dialect.paging,
        ),
        has_or: form.choice("filterWithOr", &TRUTHS, dialect.has_or),
        asks_for_attributes: form.choice("askForAttributes", &TRUTHS, dialect.asks_for_attributes),
        patch_members: form.choice("patchMembers", &USES, dialect.patch_members),
        patch_form: form.choice(
            "patchForm",
            &[("PATHS", PatchForm::Paths), ("VALUES", PatchForm::Values)],
            dialect.patch_form,
        ),
        operation_names: form.choice(
            "operationNames",
            &[("LOWER", OperationNames::Lower), ("CAPITALISED", OperationNames::Capitalised)],
            dialect.operation_names,
        ),
        booleans: form.choice(
            "booleans",
            &[("JSON", Booleans::Json), ("TEXT", Booleans::Text)],
            dialect.booleans,
        ),
        member_removal: form.choice(
            "memberRemoval",
            &[("FILTER", MemberRemoval::Filter), ("VALUES", MemberRemoval::Values)],
            dialect.member_removal,
        ),
    }
}

/// Which properties each way to prove who we are has.
const WAYS: [(&str, &[&str], &[&str]); 3] = [
    ("BEARER", &["token"], &[]),
    ("BASIC", &["user", "password"], &[]),
    ("OAUTH2", &["tokenUrl", "clientId", "clientSecret"], &["clientAuthentication", "scope"]),
];

fn credentials(form: &mut Form<'_>) -> Credentials {
    let way = form.choice("authentication", &[("BEARER", 0), ("BASIC", 1), ("OAUTH2", 2)], 0);
    for (number, (name, required, others)) in WAYS.into_iter().enumerate() {
        for property in required.iter().chain(others) {
            match (number == way, form.given.contains_key(*property)) {
                (false, true) => form.problem(
                    property,
                    format!("it means nothing without `authentication` `{name}`; leave it out"),
                ),
                (true, false) if required.contains(property) => {
                    form.problem(property, format!("it is required with `authentication` `{name}`"));
                }
                _ => {}
            }
        }
    }
    let text = |form: &mut Form<'_>, name: &str| form.filled(name).unwrap_or_default();
    match way {
        0 => Credentials::Bearer { token: form.header("token") },
        1 => Credentials::Basic { user: text(form, "user"), password: text(form, "password") },
        _ => Credentials::OAuth2(Client {
            token_url: form
                .given
                .contains_key("tokenUrl")
                .then(|| form.url("tokenUrl"))
                .flatten()
                .unwrap_or_default(),
            id: text(form, "clientId"),
            secret: text(form, "clientSecret"),
            scope: form.filled("scope"),
            shown: form.choice(
                "clientAuthentication",
                &[("BASIC", ClientShown::Basic), ("BODY", ClientShown::Body)],
                ClientShown::Basic,
            ),
        }),
    }
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
