//! Passwords and tokens: how they are made, hashed and verified. Keeps nothing.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// What every token begins with, so that people and scanners know it for one.
const TOKEN_MARK: &str = "muster_";

/// The longest password, in octets; longer ones would only cost time.
pub const LONGEST_PASSWORD: usize = 1024;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// There is nothing.
    #[error("the password is empty")]
    Empty,
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
/// When the password is empty or too long.
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    if password.is_empty() {
        return Err(PasswordError::Empty);
    }
    if password.len() > LONGEST_PASSWORD {
        return Err(PasswordError::TooLong);
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Whether the password is the one that was hashed. As costly as hashing; a hash of another form never fits.
#[must_use]
pub fn verify_password(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
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
        let (one, other) = (hash_password("correct horse").unwrap(), hash_password("correct horse").unwrap());
        assert_ne!(one, other, "salted");
        assert!(one.starts_with("$argon2id$"), "{one}");
        assert!(verify_password("correct horse", &one));
        assert!(!verify_password("correct hors", &one));
        assert!(!verify_password("correct horse", "correct horse"));
        assert!(matches!(hash_password(""), Err(PasswordError::Empty)));
        assert!(matches!(hash_password(&"x".repeat(1025)), Err(PasswordError::TooLong)));
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
