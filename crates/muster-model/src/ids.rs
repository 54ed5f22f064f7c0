//! Identifiers as types of their own, parsed once at the edge, so that no two can be mistaken for each other.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {rule}")]
pub struct IdError {
    /// The refused text.
    pub text: String,
    /// What it should have been, with its article.
    pub what: &'static str,
    /// The rule it breaks.
    pub rule: &'static str,
}

fn is_configuration_id(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    first && text.len() <= 128 && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn is_tenant_slug(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
    first
        && (2..=63).contains(&text.len())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the identifier.
            ///
            /// # Errors
            /// When the text breaks the rule of this kind of identifier.
            pub fn new(text: &str) -> Result<Self, IdError> {
                if $check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError { text: text.to_owned(), what: $what, rule: $rule })
                }
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// A tenant, as it stands in the first segment of every path.
    TenantSlug,
    "a tenant",
    "2 to 63 characters of a-z, 0-9 and `-`, beginning with a letter",
    is_tenant_slug
);
text_id!(
    /// The caller's own id of a configuration resource, unique per kind and tenant.
    ConfigurationId,
    "a configuration id",
    "1 to 128 characters of A-Z, a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit",
    is_configuration_id
);
text_id!(
    /// The id of an application.
    ApplicationId,
    "an application id",
    "1 to 128 characters of A-Z, a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit",
    is_configuration_id
);
impl ApplicationId {
    /// What a run says in the place of an application where it has none to do with. No application can be called so.
    #[must_use]
    pub fn none() -> Self {
        Self(NO_APPLICATION.into())
    }

    /// Whether there is no application.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.as_str() == NO_APPLICATION
    }

    /// Reads what a run said: an application, or none.
    ///
    /// # Errors
    /// When it is neither.
    pub fn of_run(text: &str) -> Result<Self, IdError> {
        if text == NO_APPLICATION { Ok(Self::none()) } else { Self::new(text) }
    }
}

const NO_APPLICATION: &str = "-";

text_id!(
    /// The id of an object class within its application.
    ObjectClassId,
    "an object class id",
    "1 to 128 characters of A-Z, a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit",
    is_configuration_id
);
text_id!(
    /// The id of a directory, a population of IM objects.
    DirectoryId,
    "a directory id",
    "1 to 128 characters of A-Z, a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit",
    is_configuration_id
);

text_id!(
    /// The name of a secret.
    SecretName,
    "a name of a secret",
    "1 to 128 characters of A-Z, a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit",
    is_configuration_id
);

impl From<ConfigurationId> for ApplicationId {
    fn from(id: ConfigurationId) -> Self {
        Self(id.0)
    }
}

impl From<ApplicationId> for ConfigurationId {
    fn from(id: ApplicationId) -> Self {
        Self(id.0)
    }
}

impl DirectoryId {
    /// The directory of a task that names none.
    #[must_use]
    pub fn main() -> Self {
        Self("main".into())
    }
}

impl Default for DirectoryId {
    fn default() -> Self {
        Self::main()
    }
}

/// An IM object. `UUIDv7`, so that ids made later sort later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub Uuid);

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One execution of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub Uuid);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a shadow within its application: dense from 1, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShadowNo(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_their_rules() {
        for good in ["acme", "a1", "a-b", &"a".repeat(63)] {
            assert!(TenantSlug::new(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "1a", "Acme", "a_b", "~a", "a/b", &"a".repeat(64)] {
            assert!(TenantSlug::new(bad).is_err(), "{bad}");
        }
        for good in ["hr", "HR.v2", "9", "a_b-c", &"x".repeat(128)] {
            assert!(ConfigurationId::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".a", "-a", "~instances", "a b", "a/b", "é", &"x".repeat(129)] {
            assert!(ConfigurationId::new(bad).is_err(), "{bad}");
        }
    }
}
