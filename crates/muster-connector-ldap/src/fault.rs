//! What went wrong, in the types of the contract and in words that say what to do. Never shows a secret: what servers
//! say is cut short, and requests are not shown.

use muster_connector::ConnectorError;
use muster_connector::text::shown;
use muster_egress::EgressError;

use crate::link::LinkError;
use crate::message::{Outcome, code};

pub(crate) fn transient(message: String) -> ConnectorError {
    ConnectorError::Transient { message, retry_after: None }
}

/// A call that never got anywhere.
pub(crate) fn unreachable(address: &str, error: &EgressError) -> ConnectorError {
    let message = format!("cannot connect to {address}: {}", error.of_who_was_called());
    if error.needs_change() { ConnectorError::Unusable { message } } else { transient(message) }
}

/// A connection that was lost.
pub(crate) fn lost(address: &str, doing: &str, error: &LinkError) -> ConnectorError {
    let message = format!("{address} {}, asked to {doing}", shown(&error.to_string()));
    match error {
        LinkError::Closed(_) | LinkError::TimedOut | LinkError::Garbled(_) => transient(message),
    }
}

/// What is said of a result, with the server's own words.
fn said(outcome: &Outcome) -> String {
    let meaning = meaning(outcome.code);
    match outcome.text.is_empty() {
        true => format!("{meaning} ({})", outcome.code),
        false => format!("{meaning} ({}: {})", outcome.code, shown(&outcome.text)),
    }
}

/// An operation that the server refused. What concerns one entry alone is rejected, what concerns everything makes the
/// system unusable.
pub(crate) fn refused(address: &str, doing: &str, outcome: &Outcome) -> ConnectorError {
    let told = format!("{address} refused to {doing}: {}", said(outcome));
    match outcome.code {
        code::REFERRAL => {
            let there = shown(&outcome.referrals.join(", "));
            let message = format!(
                "{address} refused to {doing} and sends to {there}, which is not followed: set `host` to the server \
                 that holds the entries, or `baseDn` to what this one holds"
            );
            ConnectorError::Unusable { message }
        }
        code::ENTRY_EXISTS => ConnectorError::Conflict { message: told },
        code::NO_SUCH_OBJECT | code::ASSERTION_FAILED => ConnectorError::Missing { message: told },
        // Busy, unavailable, other (a full disk, say), canceled and too late, and limits of time.
        51 | 52 | code::OTHER | code::TIME_LIMIT | code::ADMIN_LIMIT | 118..=121 => transient(told),
        7 | 8 | 13 | 48 | 49 => ConnectorError::Unusable {
            message: format!("{told}; look at `bindDn`, `bindPassword` and `security`"),
        },
        12 | 2 => ConnectorError::Unusable { message: told },
        50 => ConnectorError::Rejected { message: format!("{told}; give the `bindDn` the right to") },
        _ => ConnectorError::Rejected { message: told },
    }
}

/// An entry whose name is likely more than the server has room for.
pub(crate) fn too_long(address: &str, octets: usize, outcome: &Outcome) -> ConnectorError {
    let message = format!(
        "{address} refused a name of {octets} octets, which is likely longer than it has room for: {}",
        said(outcome)
    );
    ConnectorError::Rejected { message }
}

/// A search that could not be carried out below what a property names: what it is refused for concerns everything.
pub(crate) fn unreadable(address: &str, (property, base): (&str, &str), outcome: &Outcome) -> ConnectorError {
    let told = format!("{address} cannot be searched below `{base}`: {}", said(outcome));
    let advice = match outcome.code {
        code::NO_SUCH_OBJECT => {
            format!("set `{property}` to an entry that is there and that the `bindDn` may see")
        }
        50 => "give the `bindDn` the right to search and to read there".to_owned(),
        code::SIZE_LIMIT => {
            "raise the limit of entries that the server sets for the `bindDn`, or set `pageSize` lower"
                .to_owned()
        }
        34 => format!("correct `{property}`"),
        _ => match refused(address, "search", outcome) {
            ConnectorError::Rejected { .. }
            | ConnectorError::Missing { .. }
            | ConnectorError::Conflict { .. } => {
                format!("look at `{property}`, the filter and the rights of the `bindDn`")
            }
            error @ (ConnectorError::Transient { .. }
            | ConnectorError::Outdated { .. }
            | ConnectorError::Unusable { .. }) => return error,
        },
    };
    ConnectorError::Unusable { message: format!("{told}; {advice}") }
}

/// Whether a search ended early because of a limit, and what to do about it.
pub(crate) fn limit_reached(outcome: &Outcome) -> Option<&'static str> {
    match outcome.code {
        code::SIZE_LIMIT => Some(
            "its limit of entries was reached: raise that limit for the `bindDn` (`limits … size` in OpenLDAP, \
                  `nsSizeLimit` in 389 Directory Server)",
        ),
        code::TIME_LIMIT => Some(
            "its limit of time was reached: raise that limit for the `bindDn`, or have what `filter` asks for indexed",
        ),
        code::ADMIN_LIMIT => Some(
            "a limit of its administrator was reached: raise it for the `bindDn` (`nsLookThroughLimit` in 389 \
                  Directory Server)",
        ),
        _ => None,
    }
}

/// What the numbers of RFC 4511 mean, in words.
fn meaning(code: i64) -> &'static str {
    match code {
        1 => "the operation came at the wrong time",
        2 => "what was said is no LDAP to it",
        3 => "its limit of time was reached",
        4 => "its limit of entries was reached",
        7 => "it does not know this way to log in",
        8 => "it wants a stronger way to log in",
        10 => "the entry is held elsewhere",
        11 => "a limit of its administrator was reached",
        12 => "it lacks something that was asked for",
        13 => "it wants an encrypted connection",
        16 => "there is no such attribute or value",
        17 => "it does not know the attribute",
        19 => "a rule for the values does not hold",
        20 => "the value is there already",
        21 => "the value is not in the form of its attribute",
        32 => "there is no such entry",
        34 => "the name is none",
        48 => "it does not let one log in that way",
        49 => "the credentials are wrong",
        50 => "the rights do not suffice",
        51 => "it is busy",
        52 => "it is not available",
        53 => "it is not willing to",
        64 => "the name does not fit the class",
        65 => "the attributes do not fit the class",
        66 => "entries stand below it",
        67 => "the value is part of the name",
        68 => "the entry is there already",
        69 => "the class of an entry cannot change",
        71 => "it lies on several servers",
        80 => "something went wrong there",
        122 => "the entry is another by now",
        _ => "it answered with a code that says no more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_typed_by_what_is_done_about_them() {
        let outcome =
            |code| Outcome { code, text: "why\n".to_owned() + &"x".repeat(500), referrals: Vec::new() };
        for (code, wanted) in [
            (51, "Transient"),
            (80, "Transient"),
            (68, "Conflict"),
            (32, "Missing"),
            (65, "Rejected"),
            (50, "Rejected"),
            (49, "Unusable"),
            (10, "Unusable"),
        ] {
            let error = refused("ldap.example.org:636", "change an entry", &outcome(code));
            assert!(format!("{error:?}").starts_with(wanted), "{code}: {error:?}");
            let text = error.to_string();
            assert!(
                text.len() < 500 && !text.contains('\n') && text.contains("ldap.example.org:636"),
                "{text}"
            );
        }
        for code in [32, 50, 21] {
            let error = unreadable("ldap.example.org:636", ("groupBaseDn", "dc=x"), &outcome(code));
            assert!(matches!(error, ConnectorError::Unusable { .. }), "{code}: {error:?}");
        }
        assert!(matches!(unreadable("a", ("baseDn", "b"), &outcome(52)), ConnectorError::Transient { .. }));
    }
}
