//! The properties of a REST connector as they are documented. Their checks stand in `settings`.

use muster_connector::properties::{PropertyDescription, property};

/// Every property that a REST connector knows.
pub const PROPERTIES: &[PropertyDescription] = &[
    property(
        "baseUrl",
        None,
        "Where the API is, as `https://api.example.com/v1`, without a query. The paths of the description follow it. Required.",
    ),
    property("description", None, "What the API looks like, as JSON. Required."),
    property(
        "authentication",
        Some("NONE"),
        "How we prove who we are: `NONE`, `BASIC`, `BEARER`, `OAUTH2` (client credentials) or `HEADER` (a header of its own).",
    ),
    property("user", None, "With `BASIC`: the user name."),
    property("password", None, "With `BASIC`: the password. A secret."),
    property("token", None, "With `BEARER`: the token. A secret."),
    property(
        "tokenUrl",
        None,
        "With `OAUTH2`: where tokens are given, by client credentials (RFC 6749 §4.4).",
    ),
    property("clientId", None, "With `OAUTH2`: the client."),
    property("clientSecret", None, "With `OAUTH2`: its secret. A secret."),
    property(
        "clientAuthentication",
        Some("BASIC"),
        "With `OAUTH2`: where client and secret stand when a token is asked for: `BASIC`, in a header, or `BODY`.",
    ),
    property("scope", None, "With `OAUTH2`: the scopes to ask for, separated by blanks."),
    property("headerName", None, "With `HEADER`: the name of the header, as `X-Api-Key`."),
    property("headerValue", None, "With `HEADER`: its value. A secret."),
    property(
        "caCertificate",
        None,
        "Certificates in PEM that are trusted besides those of the web, for the API and for where tokens are given.",
    ),
    property("writable", Some("true"), "Whether accounts may be written: `true` or `false`."),
    property("maximumAnswerBytes", Some("16777216"), "The longest answer in octets, 65536 to 268435456."),
    property(
        "maximumEntries",
        Some("5000000"),
        "The most items that a list may hold, 1 to 100000000; a longer one is cut short.",
    ),
];
