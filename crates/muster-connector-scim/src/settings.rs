//! The properties of a SCIM connector as values, all their problems found at once.

mod form;

use muster_connector::properties::Form;
use muster_connector::{Properties, PropertyProblem};

use crate::dialect::{
    Booleans, DIALECTS, Habits, MemberRemoval, OperationNames, Paging, PatchForm, STANDARD, Use,
};
use crate::path::ScimPath;
use crate::properties::PROPERTIES;
use form::{header, path, roots, url};

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

const SHOWN: [(&str, ClientShown); 2] = [("BASIC", ClientShown::Basic), ("BODY", ClientShown::Body)];

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
            base_url: url(&mut form, "baseUrl").unwrap_or_default(),
            credentials: credentials(&mut form),
            roots: roots(&mut form, "caCertificate"),
            is_writable: form.truth("writable").unwrap_or(true),
            habits: habits(&mut form),
            bulk: form.choice("bulk", &[("AUTO", Use::Auto), ("NEVER", Use::Never)]).unwrap_or(Use::Auto),
            filter: form.choice("filter", &USES).unwrap_or(Use::Auto),
            page_size: form.number("pageSize", 1..=1000).unwrap_or_default(),
            enabled: path(&mut form, "enabledAttribute").unwrap_or_else(|| ScimPath::simple("active")),
            memberships: form.choice("memberships", &MEMBERSHIPS).unwrap_or(Memberships::Groups),
            members_a_request: form.number("maximumMembersPerRequest", 1..=100).unwrap_or_default(),
            changes: form.choice("changes", &CHANGES).unwrap_or(Changes::None),
            answer_bytes: form.number("maximumAnswerBytes", 65_536..=268_435_456).unwrap_or_default(),
            most_entries: form.number("maximumEntries", 1..=100_000_000).unwrap_or_default(),
            most_memberships: form.number("maximumMemberships", 1..=100_000_000).unwrap_or_default(),
        };
        form.ends_as(settings)
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

/// Which properties each way to prove who we are has.
const WAYS: [(&str, &[&str], &[&str]); 3] = [
    ("BEARER", &["token"], &[]),
    ("BASIC", &["user", "password"], &[]),
    ("OAUTH2", &["tokenUrl", "clientId", "clientSecret"], &["clientAuthentication", "scope"]),
];

fn credentials(form: &mut Form<'_>) -> Credentials {
    let way = form.choice("authentication", &[("BEARER", 0), ("BASIC", 1), ("OAUTH2", 2)]).unwrap_or(0);
    for (number, (name, required, others)) in WAYS.into_iter().enumerate() {
        for property in required.iter().chain(others) {
            match (number == way, form.given(property).is_some()) {
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
        0 => Credentials::Bearer { token: header(form, "token") },
        1 => Credentials::Basic { user: text(form, "user"), password: text(form, "password") },
        _ => Credentials::OAuth2(Client {
            token_url: form.given("tokenUrl").and_then(|_| url(form, "tokenUrl")).unwrap_or_default(),
            id: text(form, "clientId"),
            secret: text(form, "clientSecret"),
            scope: form.filled("scope"),
            shown: form.choice("clientAuthentication", &SHOWN).unwrap_or(ClientShown::Basic),
        }),
    }
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
