//! Passwords and tokens: how they are made, hashed and verified. Keeps nothing.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use muster_model::TenantSettings;
use sha2::{Digest, Sha256};

/// What every token begins with, so that people and scanners know it for one.
const TOKEN_MARK: &str = "muster_";

/// The longest password, in octets; longer ones would only cost time.
pub const LONGEST_PASSWORD: usize = 1024;

/// The longest name of a user or token, in octets.
pub const LONGEST_NAME: usize = 255;

/// What Argon2id costs: 19 MiB, two passes, one thread, as OWASP's Password Storage Cheat Sheet has it in 2026.
const MEMORY_KIBIBYTES: u32 = 19 * 1024;
const PASSES: u32 = 2;
const THREADS: u32 = 1;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It is too short.
    #[error("the password is shorter than {0} characters")]
    TooShort(u32),
    /// It is too long.
    #[error("the password is longer than {LONGEST_PASSWORD} octets")]
    TooLong,
    /// It was not hashed.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// The hash of a password, Argon2id in the PHC form, with a salt of its own. Takes some ten milliseconds of
/// one processor and 19 MiB: call it where blocking is allowed.
///
/// # Errors
/// When the password is shorter than the tenant's settings want, or too long.
pub fn hash_password(password: &str, settings: &TenantSettings) -> Result<String, PasswordError> {
    let shortest = settings.shortest_password;
    if password.chars().count() < usize::try_from(shortest).unwrap_or(usize::MAX) {
        return Err(PasswordError::TooShort(shortest));
    }
    if password.len() > LONGEST_PASSWORD {
        return Err(PasswordError::TooLong);
    }
    let failed = |error: argon2::password_hash::Error| PasswordError::Hash(error.to_string());
    let cost = Params::new(MEMORY_KIBIBYTES, PASSES, THREADS, None);
    let cost = cost.map_err(|error| PasswordError::Hash(error.to_string()))?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
    hasher.hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(failed)
}

/// Whether the password is the one that was hashed. As costly as hashing; a hash of another form never fits.
#[must_use]
pub fn verify_password(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// What is wrong with the name of a user: HTTP Basic has to carry it, and people to read it.
#[must_use]
pub fn user_name_problem(name: &str) -> Option<&'static str> {
    if name.contains(':') { Some("holds a `:`") } else { token_name_problem(name) }
}

/// What is wrong with the name of a token.
#[must_use]
pub fn token_name_problem(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("is empty"),
        "." | ".." => Some("would be no segment of a path"),
        long if long.len() > LONGEST_NAME => Some("is longer than 255 octets"),
        odd if odd.contains(char::is_control) => Some("holds control characters"),
        _ => None,
    }
}

/// What is wrong with when a new token is to expire.
#[must_use]
pub fn expiry_problem(
    expires_at: Option<DateTime<Utc>>,
    settings: &TenantSettings,
    now: DateTime<Utc>,
) -> Option<String> {
    if expires_at.is_some_and(|instant| instant <= now) {
        return Some("is over already".to_owned());
    }
    let days = settings.longest_token_days?;
    let latest = now + TimeDelta::days(days.into());
    match expires_at {
        Some(instant) if instant <= latest => None,
        Some(_) | None => Some(format!("has to be at most {days} days from now")),
    }
}

/// A password of 144 random bits, for a user who brings none.
#[must_use]
pub fn new_password() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 18]>())
}

/// A token of 256 random bits: its text, which is shown once, and its hash, which is kept.
#[must_use]
pub fn new_token() -> (String, Vec<u8>) {
    let text = format!("{TOKEN_MARK}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let hash = hash_token(&text);
    (text, hash)
}

/// The hash that a token is kept under: SHA-256 of its text.
#[must_use]
pub fn hash_token(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_alone() {
        let usual = TenantSettings::default();
        let hash = |password: &str| hash_password(password, &usual);
        let (one, other) = (hash("correct horse").unwrap(), hash("correct horse").unwrap());
        assert_ne!(one, other, "salted");
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert!(verify_password("correct horse", &one));
        assert!(!verify_password("correct hors", &one));
        assert!(!verify_password("correct horse", "correct horse"));
        assert!(matches!(hash("eleven char"), Err(PasswordError::TooShort(12))));
        assert!(matches!(hash("ééééééééééé"), Err(PasswordError::TooShort(12))), "characters, not octets");
        assert!(matches!(hash(&"x".repeat(1025)), Err(PasswordError::TooLong)));
        let longer = TenantSettings { shortest_password: 14, ..usual };
        assert!(matches!(hash_password("correct horse", &longer), Err(PasswordError::TooShort(14))));
    }

    #[test]
    fn names_are_those_that_can_be_carried() {
        for good in ["ann", "Ann Lee", "ann@example.org", "ä/%+", &"x".repeat(255)] {
            assert_eq!(user_name_problem(good), None, "{good}");
        }
        for bad in ["", "a:b", "a\nb", ".", "..", &"x".repeat(256)] {
            assert!(user_name_problem(bad).is_some(), "{bad}");
        }
        assert_eq!(token_name_problem("night: import"), None);
    }

    #[test]
    fn tokens_expire_when_the_tenant_wants_it() {
        let now = DateTime::UNIX_EPOCH;
        let any = TenantSettings::default();
        let ninety = TenantSettings { longest_token_days: Some(90), ..any };
        for (days, settings, fits) in [
            (None, any, true),
            (Some(0), any, false),
            (Some(4000), any, true),
            (None, ninety, false),
            (Some(90), ninety, true),
            (Some(91), ninety, false),
        ] {
            let expires_at = days.map(|days| now + TimeDelta::days(days));
            assert_eq!(expiry_problem(expires_at, &settings, now).is_none(), fits, "{days:?} {settings:?}");
        }
    }

    #[test]
    fn tokens_are_found_by_their_hash() {
        let (text, hash) = new_token();
        assert_eq!(hash, hash_token(&text));
        assert_eq!((hash.len(), text.len()), (32, TOKEN_MARK.len() + 43));
        assert_ne!(text, new_token().0);
        assert_ne!(new_password(), new_password());
    }
}
