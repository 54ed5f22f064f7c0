//! Sealing: AES-256-GCM with a random nonce, bound to the place that the sealed octets stand at, and the key that
//! all others are wrapped with. Knows no secret by its name and decides nothing.
//!
//! Invariant: what was sealed for one place opens at no other, so rows cannot be exchanged.

use std::fmt;

use aes_gcm::aead::{Aead, Generate, Nonce, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use sea_orm::QueryResult;
use zeroize::Zeroizing;

use crate::database::{Database, Transaction, Urgency};
use crate::error::StoreError;
use crate::row::get;

const KEY_OCTETS: usize = 32;
/// The nonce stands before the sealed octets.
const NONCE_OCTETS: usize = 12;

/// What every database is asked to open at start.
const PROOF: &[u8] = b"muster";
const PROOF_PLACE: [&str; 1] = ["master key"];
const PROOF_QUERY: &str = "SELECT sealed FROM master_key WHERE no = 1";

/// A key of 256 bits, wiped when it is dropped.
pub(crate) struct Key(Zeroizing<[u8; KEY_OCTETS]>);

/// The key that the keys of all tenants are wrapped with. It comes from outside the database, and is never shown.
pub struct MasterKey(Key);

impl Key {
    pub(crate) fn generate() -> Self {
        Self(Zeroizing::new(Generate::generate()))
    }

    fn of(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(|octets| Self(Zeroizing::new(octets)))
    }

    /// Seals octets for a place.
    pub(crate) fn seal(&self, octets: &[u8], place: &[&str]) -> Result<Vec<u8>, StoreError> {
        let nonce = Nonce::<Aes256Gcm>::generate();
        let aad = &encode(place);
        let sealed = self.cipher().encrypt(&nonce, Payload { msg: octets, aad });
        let sealed = sealed.map_err(|_| StoreError::Unsealable { what: place.join(" ") })?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for a place.
    ///
    /// # Errors
    /// When it was sealed with another key, for another place, or has been changed.
    pub(crate) fn open(&self, sealed: &[u8], place: &[&str]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let opened = sealed.split_at_checked(NONCE_OCTETS).and_then(|(nonce, sealed)| {
            let nonce = Nonce::<Aes256Gcm>::try_from(nonce).ok()?;
            self.cipher().decrypt(&nonce, Payload { msg: sealed, aad: &encode(place) }).ok()
        });
        opened.map(Zeroizing::new).ok_or_else(|| StoreError::Unsealable { what: place.join(" ") })
    }

    /// Opens a key that another one wraps.
    pub(crate) fn open_key(&self, wrapped: &[u8], place: &[&str]) -> Result<Self, StoreError> {
        let octets = self.open(wrapped, place)?;
        Self::of(&octets).ok_or_else(|| StoreError::unreadable("key", "it has another length"))
    }

    /// Wraps another key.
    pub(crate) fn wrap(&self, key: &Self, place: &[&str]) -> Result<Vec<u8>, StoreError> {
        self.seal(key.0.as_slice(), place)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.0).into())
    }
}

impl MasterKey {
    /// A new one, from the machine's chance.
    #[must_use]
    pub fn generate() -> Self {
        Self(Key::generate())
    }

    /// The one of these octets, if they are 32.
    #[must_use]
    pub fn of(octets: &[u8]) -> Option<Self> {
        Key::of(octets).map(Self)
    }

    /// Its octets, for whoever keeps it.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.0.as_slice()
    }

    pub(crate) fn key(&self) -> &Key {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// A place as octets: each part with its length, so that no two places are the same.
fn encode(place: &[&str]) -> Vec<u8> {
    let mut octets = Vec::new();
    for part in place {
        octets.extend_from_slice(&(part.len() as u64).to_be_bytes());
        octets.extend_from_slice(part.as_bytes());
    }
    octets
}

/// Whether anything has been sealed that only one key opens.
pub(crate) async fn is_sealed(database: &Database) -> Result<bool, StoreError> {
    let row = database.query_one("SELECT 1 FROM data_key LIMIT 1", Vec::new()).await?;
    Ok(row.is_some())
}

/// Makes a key the one of a database in which nothing is sealed; refuses another one where something is.
pub(crate) async fn prove(database: &Database, key: &MasterKey) -> Result<(), StoreError> {
    let known = database.query_one(PROOF_QUERY, Vec::new()).await?;
    if known.map(|row| is_proof(&row, key)).transpose()? == Some(true) {
        return Ok(());
    }
    let tx = database.begin(Urgency::Short).await?;
    let sql = "INSERT INTO master_key (no, sealed) VALUES (1, ?) ON CONFLICT (no) DO UPDATE \
               SET sealed = excluded.sealed WHERE NOT EXISTS (SELECT 1 FROM data_key)";
    tx.execute(sql, vec![key.key().seal(PROOF, &PROOF_PLACE)?.into()]).await?;
    admit(&tx, key).await?;
    tx.commit().await
}

/// Refuses a key that is not the one of the database. Whoever would make another one that waits for the end of the
/// transaction.
pub(crate) async fn admit(tx: &Transaction, key: &MasterKey) -> Result<(), StoreError> {
    tx.execute("UPDATE master_key SET no = no WHERE no = 1", Vec::new()).await?;
    let known = tx.query_one(PROOF_QUERY, Vec::new()).await?;
    match known.map(|row| is_proof(&row, key)).transpose()? {
        Some(true) => Ok(()),
        Some(false) | None => Err(StoreError::OtherMasterKey),
    }
}

fn is_proof(row: &QueryResult, key: &MasterKey) -> Result<bool, StoreError> {
    Ok(key.key().open(&get::<Vec<u8>>(row, 0)?, &PROOF_PLACE).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_at_its_place_alone() {
        let key = Key::generate();
        let sealed = key.seal(b"value", &["acme", "hr", "1"]).unwrap();
        assert_eq!(key.open(&sealed, &["acme", "hr", "1"]).unwrap().as_slice(), b"value");
        assert_ne!(sealed, key.seal(b"value", &["acme", "hr", "1"]).unwrap(), "no nonce comes twice");
        assert!(!sealed.windows(5).any(|five| five == b"value"));
        for place in [&["acme", "hr", "2"][..], &["beta", "hr", "1"], &["acme", "hr"], &["acmeh", "r", "1"]] {
            assert!(key.open(&sealed, place).is_err(), "{place:?}");
        }
        assert!(Key::generate().open(&sealed, &["acme", "hr", "1"]).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(&changed, &["acme", "hr", "1"]).is_err(), "octet {at}");
        }
        assert!(key.open(&sealed[..11], &["acme", "hr", "1"]).is_err());
    }

    #[test]
    fn a_wrapped_key_opens_what_it_sealed() {
        let (master, key) = (MasterKey::generate(), Key::generate());
        let wrapped = master.key().wrap(&key, &["acme"]).unwrap();
        let again = MasterKey::of(master.expose()).unwrap().key().open_key(&wrapped, &["acme"]).unwrap();
        let sealed = key.seal(b"value", &[]).unwrap();
        assert_eq!(again.open(&sealed, &[]).unwrap().as_slice(), b"value");
        assert!(MasterKey::of(&[0; 31]).is_none() && MasterKey::of(&[0; 33]).is_none());
        assert_eq!(format!("{master:?}"), "MasterKey");
    }
}
