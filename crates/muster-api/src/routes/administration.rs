//! The routes of what an admin looks after: users, tokens, secrets, settings.

use super::{Access, AdministrationOperation, Answer, Content, Method, Route, TenantOperation};
use crate::rights::Permission;

struct Row {
    method: Method,
    path: &'static str,
    operation: AdministrationOperation,
    id: &'static str,
    summary: &'static str,
    body: Content,
    answers: &'static [Answer],
    refusals: &'static [u16],
}

/// What a request with a body may be refused with.
const BODY: &[u16] = &[408, 413, 415];
const BODY_AND_STATE: &[u16] = &[408, 409, 413, 415];
const GONE: Answer = Answer { status: 204, description: "Deleted", content: Content::Nothing };

const fn answer(status: u16, description: &'static str, content: Content) -> Answer {
    Answer { status, description, content }
}

const fn row(
    method: Method,
    path: &'static str,
    operation: AdministrationOperation,
    (id, summary): (&'static str, &'static str),
) -> Row {
    Row { method, path, operation, id, summary, body: Content::Nothing, answers: &[], refusals: &[] }
}

const USERS: [Row; 4] = [
    Row {
        answers: &[answer(200, "The users", Content::JsonList("User"))],
        ..row(
            Method::Get,
            "users",
            AdministrationOperation::ListUsers,
            ("listUsers", "List the tenant's users, by name"),
        )
    },
    Row {
        body: Content::Json("NewUser"),
        answers: &[answer(201, "Created", Content::Json("User"))],
        refusals: BODY_AND_STATE,
        ..row(
            Method::Post,
            "users",
            AdministrationOperation::CreateUser,
            ("createUser", "Create a user; the password is never given back"),
        )
    },
    Row {
        body: Content::Json("UserChange"),
        answers: &[answer(200, "The user as it is now", Content::Json("User"))],
        refusals: BODY_AND_STATE,
        ..row(
            Method::Put,
            "users/{name}",
            AdministrationOperation::ChangeUser,
            ("changeUser", "Give a user other roles, and another password where one is given; acts at once"),
        )
    },
    Row {
        answers: &[GONE],
        refusals: &[409],
        ..row(
            Method::Delete,
            "users/{name}",
            AdministrationOperation::DeleteUser,
            ("deleteUser", "Delete a user, unless it is the last admin; acts at once"),
        )
    },
];

const TOKENS: [Row; 3] = [
    Row {
        answers: &[answer(200, "The tokens", Content::JsonList("Token"))],
        ..row(
            Method::Get,
            "tokens",
            AdministrationOperation::ListTokens,
            ("listTokens", "List the tenant's tokens, by name; not what they are shown as"),
        )
    },
    Row {
        body: Content::Json("NewToken"),
        answers: &[answer(201, "Created; `token` is shown this once", Content::Json("CreatedToken"))],
        refusals: BODY_AND_STATE,
        ..row(Method::Post, "tokens", AdministrationOperation::CreateToken, ("createToken", "Create a token"))
    },
    Row {
        answers: &[GONE],
        ..row(
            Method::Delete,
            "tokens/{name}",
            AdministrationOperation::DeleteToken,
            ("deleteToken", "Delete a token; it is refused from then on"),
        )
    },
];

const SECRETS: [Row; 3] = [
    Row {
        answers: &[answer(200, "The secrets", Content::JsonList("Secret"))],
        ..row(
            Method::Get,
            "sync/secrets",
            AdministrationOperation::ListSecrets,
            ("listSecrets", "List the tenant's secrets, by name; never their values"),
        )
    },
    Row {
        body: Content::TextOrJson("NewSecret"),
        answers: &[
            answer(201, "The secret is new", Content::Json("Secret")),
            answer(200, "It took the place of another value", Content::Json("Secret")),
        ],
        refusals: BODY_AND_STATE,
        ..row(
            Method::Put,
            "sync/secrets/{name}",
            AdministrationOperation::PutSecret,
            (
                "putSecret",
                "Keep a secret for the connector definitions that refer to it, and for where they lead now",
            ),
        )
    },
    Row {
        answers: &[GONE],
        refusals: &[409],
        ..row(
            Method::Delete,
            "sync/secrets/{name}",
            AdministrationOperation::DeleteSecret,
            ("deleteSecret", "Delete a secret, unless the configuration refers to it"),
        )
    },
];

const SETTINGS: [Row; 2] = [
    Row {
        answers: &[answer(200, "The settings as they hold", Content::Json("TenantSettings"))],
        ..row(
            Method::Get,
            "settings",
            AdministrationOperation::ReadSettings,
            ("getSettings", "Get the tenant's settings"),
        )
    },
    Row {
        body: Content::Json("TenantSettings"),
        answers: &[answer(200, "The settings as they hold now", Content::Json("TenantSettings"))],
        refusals: BODY,
        ..row(
            Method::Put,
            "settings",
            AdministrationOperation::ReplaceSettings,
            (
                "updateSettings",
                "Put others in the place of the tenant's settings; what is left out is the server's",
            ),
        )
    },
];

pub(super) fn routes() -> impl Iterator<Item = Route> {
    let groups = [
        ("Users", USERS.into_iter().collect::<Vec<_>>()),
        ("Tokens", TOKENS.into_iter().collect()),
        ("Secrets", SECRETS.into_iter().collect()),
        ("Settings", SETTINGS.into_iter().collect()),
    ];
    groups.into_iter().flat_map(|(group, rows)| {
        rows.into_iter().map(move |row| Route {
            method: row.method,
            path: format!("/{{tenant}}/api/{}", row.path),
            access: Access::Tenant(Permission::Administer, TenantOperation::Administration(row.operation)),
            id: row.id.to_owned(),
            summary: row.summary.to_owned(),
            group,
            query: &[],
            body: row.body,
            answers: row.answers.to_vec(),
            refusals: row.refusals,
        })
    })
}
