//! Schemas of what an admin looks after.

use serde_json::{Map, Value, json};

use super::schemas::{described, instant, list, object, object_with, or_null, text, words};
use crate::principal::{LONGEST_NAME, LONGEST_PASSWORD};
use crate::rights::Role;

pub(super) fn schemas() -> Map<String, Value> {
    let name = || json!({"type": "string", "minLength": 1, "maxLength": LONGEST_NAME});
    let user = [("name", name()), ("roles", roles()), ("createdAt", instant())];
    let token = [
        ("name", name()),
        ("roles", roles()),
        ("createdAt", instant()),
        ("expiresAt", described(or_null(instant()), "From when on it is refused; null for never.")),
        ("lastUsedAt", described(or_null(instant()), "To the minute; null where it never was.")),
    ];
    let shown = ("token", described(text(), "What is sent as a Bearer token; shown this once."));
    let expires = described(instant(), "From when on it is refused; left out, never.");
    let schemas = [
        ("User", object(&user)),
        ("NewUser", closed(object(&[("name", name()), ("roles", roles()), ("password", password())]))),
        (
            "UserChange",
            closed(object_with(&[("roles", roles())], &[("name", name()), ("password", password())])),
        ),
        ("Token", object(&token)),
        ("NewToken", closed(object_with(&[("name", name()), ("roles", roles())], &[("expiresAt", expires)]))),
        ("CreatedToken", object(&[&token[..], &[shown]].concat())),
        ("Secret", secret()),
        ("NewSecret", closed(object(&[("value", described(text(), "Never given back."))]))),
        ("TenantSettings", settings()),
    ];
    schemas.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn closed(mut schema: Value) -> Value {
    schema["additionalProperties"] = false.into();
    schema
}

fn roles() -> Value {
    let mut roles = list(words(&Role::ALL.map(Role::as_str)));
    roles["minItems"] = 1.into();
    roles
}

fn password() -> Value {
    let text = json!({"type": "string", "maxLength": LONGEST_PASSWORD});
    described(text, "12 characters at least, or what the tenant's settings say; never given back.")
}

fn secret() -> Value {
    let used_by = "The connector definitions that it was entered for, and that get it while they lead where they \
        led then.";
    object(&[
        ("name", text()),
        ("createdAt", instant()),
        ("updatedAt", instant()),
        ("usedBy", described(list(text()), used_by)),
    ])
}

fn settings() -> Value {
    let number = |minimum: u32, maximum: u32| json!({"type": ["integer", "null"], "minimum": minimum, "maximum": maximum});
    let approval = "Hours until a held plan expires; left out, the server's.";
    let shortest = "The shortest password that a user may be given, in characters; left out, 12.";
    let longest = "Days after which a new token has to expire at the latest; left out, none has to.";
    closed(object_with(
        &[],
        &[
            ("approvalHours", described(number(1, 8760), approval)),
            ("shortestPassword", described(number(12, 128), shortest)),
            ("longestTokenDays", described(number(1, 3650), longest)),
        ],
    ))
}
