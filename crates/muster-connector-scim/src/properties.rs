//! The properties of a SCIM connector as they are documented. Their checks stand in `settings`.

use muster_connector::properties::{PropertyDescription, property};

/// Every property that a SCIM connector knows.
pub const PROPERTIES: &[PropertyDescription] = &[
    property(
        "baseUrl",
        None,
        "Where the service is, as `https://scim.example.com/v2`, without `/Users` and without a query. Required.",
    ),
    property("authentication", Some("BEARER"), "How we prove who we are: `BEARER`, `BASIC` or `OAUTH2`."),
    property("token", None, "With `BEARER`: the token. A secret."),
    property("user", None, "With `BASIC`: the user name."),
    property("password", None, "With `BASIC`: the password. A secret."),
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
    property(
        "caCertificate",
        None,
        "Certificates in PEM that are trusted besides those of the web, for the service and for where tokens are given.",
    ),
    property("writable", Some("true"), "Whether accounts may be written: `true` or `false`."),
    property(
        "dialect",
        Some("STANDARD"),
        "What the service was made for: `STANDARD`, `ENTRA` (what Microsoft Entra ID sends), `OKTA` (what Okta sends), `AWS` (IAM Identity Center) or `REPLACING` (no PATCH at all). Each habit of it can be set by a property of its own.",
    ),
    property(
        "patch",
        None,
        "Whether accounts are changed by PATCH: `AUTO`, as the service says, `ALWAYS` or `NEVER`, then they are read and replaced. As the dialect has it.",
    ),
    property("patchMembers", None, "The same for the members of groups. As the dialect has it."),
    property(
        "patchForm",
        None,
        "`PATHS`, one operation an attribute with its path, or `VALUES`, one operation without a path. As the dialect has it.",
    ),
    property("operationNames", None, "`LOWER` (`add`) or `CAPITALISED` (`Add`). As the dialect has it."),
    property(
        "booleans",
        None,
        "What a PATCH calls true: `JSON` (`true`) or `TEXT` (`\"True\"`). As the dialect has it.",
    ),
    property(
        "memberRemoval",
        None,
        "How a PATCH removes members: `FILTER` (`members[value eq \"7\"]`) or `VALUES` (`members` with a list). As the dialect has it.",
    ),
    property(
        "bulk",
        Some("AUTO"),
        "Whether several writes are sent as one request: `AUTO`, as the service says, or `NEVER`.",
    ),
    property(
        "filter",
        Some("AUTO"),
        "Whether accounts are looked for by filters: `AUTO`, as the service says, `ALWAYS` or `NEVER`, then all are listed.",
    ),
    property(
        "filterWithOr",
        None,
        "Whether one filter may ask for several names with `or`: `true` or `false`. As the dialect has it.",
    ),
    property(
        "askForAttributes",
        None,
        "Whether the service is asked for only what is read, by the parameter `attributes`: `true` or `false`. As the dialect has it.",
    ),
    property(
        "paging",
        None,
        "How lists are read: `INDEX` (RFC 7644 §3.4.2.4), `CURSOR` (RFC 9865), or `AUTO`, by cursor where the service offers it. As the dialect has it.",
    ),
    property("pageSize", Some("100"), "The most resources that are asked for at once, 1 to 1000."),
    property("enabledAttribute", Some("active"), "The attribute that says whether an account is enabled."),
    property(
        "memberships",
        Some("GROUPS"),
        "Where memberships are read: `GROUPS`, from the members of all groups, or `ACCOUNTS`, from the attribute `groups` of accounts, where the service really gives it.",
    ),
    property(
        "maximumMembersPerRequest",
        Some("100"),
        "The most members that one request adds or removes, 1 to 100.",
    ),
    property(
        "changes",
        Some("NONE"),
        "Whether changes can be told: `NONE`, or `LAST_MODIFIED`, by `meta.lastModified`; who is gone is not told.",
    ),
    property("maximumAnswerBytes", Some("16777216"), "The longest answer in octets, 65536 to 268435456."),
    property(
        "maximumEntries",
        Some("5000000"),
        "The most resources that a list may hold, 1 to 100000000; a longer one is cut short.",
    ),
    property(
        "maximumMemberships",
        Some("10000000"),
        "The most memberships that are read from groups, 1 to 100000000; where there are more, none are. Each takes 16 octets of memory.",
    ),
];
