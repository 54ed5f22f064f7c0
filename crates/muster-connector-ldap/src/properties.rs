//! The properties of an LDAP connector as they are documented. Their checks stand in `settings`.

use muster_connector::properties::{PropertyDescription, property};

/// Properties that may be given for one object class alone, as `baseDn.groupOfNames`.
pub(crate) const PER_CLASS: [&str; 6] =
    ["baseDn", "scope", "filter", "container", "rdnAttribute", "objectClasses"];

/// Every property that an LDAP connector knows. `baseDn`, `scope`, `filter`, `container`, `rdnAttribute` and
/// `objectClasses` may also be given for one object class alone, with a point and its name behind them.
pub const PROPERTIES: &[PropertyDescription] = &[
    property("host", None, "The name or address of the server, as its certificate has it. Required."),
    property("port", None, "The port, 1 to 65535; 636 with `security` `TLS`, otherwise 389."),
    property(
        "security",
        Some("TLS"),
        "How the connection is encrypted: `TLS` from its first octet, `STARTTLS` before anything is said, or `NONE`. The certificate is always verified.",
    ),
    property(
        "passwordWithoutTls",
        Some("false"),
        "Whether `bindPassword` may go over a connection that is not encrypted, to another machine: `true` or `false`.",
    ),
    property(
        "caCertificate",
        None,
        "Certificates of authorities that vouch for the server besides those of the web, in PEM.",
    ),
    property("bindDn", None, "The name of the entry to log in as. Without it nobody is logged in."),
    property("bindPassword", None, "Its password, best as `${secret:name}`. Required with `bindDn`."),
    property("baseDn", None, "The entry below which accounts and groups are looked for. Required."),
    property("scope", Some("SUB"), "`SUB` looks anywhere below `baseDn`, `ONE` right below it."),
    property(
        "filter",
        None,
        "What entries have to fulfil besides being of the object class, as RFC 4515 has it: `(!(employeeType=test))`.",
    ),
    property("pageSize", Some("1000"), "Entries that are asked for at once at most, 1 to 10000."),
    property("container", None, "The entry below which new entries are made; `baseDn` when not given."),
    property(
        "rdnAttribute",
        None,
        "The attribute that names new entries below the container; `cn` for groups, `ou` for organizational units, otherwise `uid`.",
    ),
    property(
        "objectClasses",
        None,
        "Object classes that new entries get besides their own and those above it, separated by commas.",
    ),
    property(
        "disabledAttribute",
        None,
        "The attribute that says that an account is disabled, such as `pwdAccountLockedTime` or `nsAccountLock`. Without it accounts cannot be enabled or disabled.",
    ),
    property(
        "disabledValue",
        None,
        "What that attribute holds for disabled accounts, upper and lower case alike; `000001010000Z` for `pwdAccountLockedTime`, otherwise `true`.",
    ),
    property(
        "enabledValue",
        None,
        "What that attribute holds for enabled accounts; without it those do not have the attribute.",
    ),
    property(
        "changes",
        Some("AUTO"),
        "How changes since the last time are learnt: `SYNCREPL` (RFC 4533, deletions included; needs `entryUUID` as key), `MODIFY_TIMESTAMP` (without deletions), `NONE`, or `AUTO`: `SYNCREPL` where the server has it, otherwise `MODIFY_TIMESTAMP`.",
    ),
    property("groupBaseDn", None, "The entry below which groups are looked for; `baseDn` when not given."),
    property("groupFilter", None, "What groups have to fulfil besides being of their object class."),
    property(
        "placeholderMember",
        None,
        "The name of an entry that keeps a group that may not be empty from being so. It is added where the last member goes, and to new groups without members.",
    ),
    property(
        "ignoreReferrals",
        Some("false"),
        "Whether a sweep counts as complete although the server says that further entries are held elsewhere: `true` or `false`. Referrals are never followed.",
    ),
    property(
        "maximumEntryBytes",
        Some("16777216"),
        "The longest message of the server in bytes, 65536 to 268435456; an entry comes in one.",
    ),
    property("maximumValues", Some("200000"), "The most values of an attribute, 1 to 10000000."),
    property("writable", Some("true"), "Whether entries may be written: `true` or `false`."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_property_stands_in_the_guide() {
        let guide = include_str!("../../../docs/guide/ldap.md");
        for property in PROPERTIES {
            assert!(guide.contains(&format!("`{}`", property.name)), "{}", property.name);
        }
        for name in PER_CLASS {
            assert!(PROPERTIES.iter().any(|property| property.name == name), "{name}");
        }
    }
}
