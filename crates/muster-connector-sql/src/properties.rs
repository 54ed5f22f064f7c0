//! The properties of a SQL connector as they are documented. Their checks stand in `settings`.

use muster_connector::properties::{PropertyDescription, property};

/// What the names of properties begin with that give a query.
pub(crate) const QUERY: &str = "query.";
/// What the names of properties begin with that say where an attribute keeps its values.
pub(crate) const MULTI_VALUES: &str = "multiValues.";

/// Every property that a SQL connector knows.
pub const PROPERTIES: &[PropertyDescription] = &[
    property("database", None, "Which database it is: `postgres` or `sqlite`. Required."),
    property("host", None, "PostgreSQL: the name or address of the server. Required there."),
    property("port", Some("5432"), "PostgreSQL: the port, 1 to 65535."),
    property("databaseName", None, "PostgreSQL: the name of the database. Required there."),
    property("user", None, "PostgreSQL: the role that logs in. Required there."),
    property("password", None, "PostgreSQL: its password; best a `${secret:…}`."),
    property(
        "tls",
        Some("VERIFY_FULL"),
        "PostgreSQL: `VERIFY_FULL` encrypts and makes sure that the server is the one that `host` names; `DISABLE` does neither, for servers on the same machine.",
    ),
    property(
        "caCertificate",
        None,
        "PostgreSQL: certificates in PEM whose holders may vouch for the server, besides the public ones.",
    ),
    property(
        "schema",
        Some("public"),
        "PostgreSQL: the schema of tables and views that are named without one.",
    ),
    property(
        "file",
        None,
        "SQLite: the path of the file, relative to the tenant's directory. Required there.",
    ),
    property(
        "writable",
        Some("true"),
        "Whether accounts may be written: `true` or `false`. With `false` every connection is read only.",
    ),
    property(
        "keysGivenBy",
        Some("CALLER"),
        "Who makes the keys of new accounts: `CALLER`, or `DATABASE` where the key is an identity, a serial or has a default. Counts for classes with a name attribute.",
    ),
    property(
        "enabledColumn",
        None,
        "The column that says whether an account is enabled. Without it, or in a class that lacks it, accounts cannot be enabled or disabled.",
    ),
    property(
        "enabledValue",
        Some("true"),
        "What that column holds for enabled accounts, upper and lower case alike.",
    ),
    property(
        "disabledValue",
        Some("false"),
        "What that column holds for disabled accounts, upper and lower case alike.",
    ),
    property(
        "changeColumn",
        None,
        "The column that the database raises whenever a row is made or changed: a number or a timestamp. With it changes can be read; a class that lacks it is read whole.",
    ),
    property(
        "deletedColumn",
        None,
        "The column that marks rows as deleted: a truth, a number other than 0, or a timestamp. Accounts are then deleted by marking them, and who is gone is told with the changes. Needs `changeColumn`.",
    ),
    property(
        "changeOverlap",
        Some("60"),
        "PostgreSQL: how much is read again before the last change that was seen, for transactions that end late: seconds of a timestamp, or that much of a number; 0 to 86400.",
    ),
    property(
        "maximumValueBytes",
        Some("1048576"),
        "The largest value in bytes of UTF-8, 1 to 16777216; a row with a larger one is a bad entry.",
    ),
    property(
        "query.<name>",
        None,
        "A SELECT whose rows are the accounts of the class with that remote name. One statement without `;`, never written.",
    ),
    property(
        "multiValues.<class>.<attribute>",
        None,
        "Where an attribute of the class with that remote name keeps its values: `table(ownerColumn, valueColumn)`, one row a value; `ownerColumn` holds the key of the account. The member attribute of a class of entitlements is given in the same way.",
    ),
];
