//! The chain of the audit log: the canonical form of an audit entry, its hash, and whether a log is whole.
//!
//! Invariant: the hash of an entry covers every field of it and the hash of the entry before, so that no entry
//! can be changed, removed, inserted or moved without every later hash being another. What a chain cannot tell by
//! itself is that its end was cut off or written anew; whoever has noted a [`Head`] elsewhere can.

use std::fmt;
use std::str::FromStr;

use muster_model::TenantSlug;
use muster_model::audit::AuditEntry;
use muster_model::text::{hex, read_hex};

use crate::digest::Canonical;

/// What every hash begins with. Another form of entries gets another one.
const FORM: &[u8] = b"muster audit 1";

/// The hash of an entry and of all before it: 32 octets of blake3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainHash(pub [u8; 32]);

/// Where a chain ends: its last entry's number and hash. Noted elsewhere it vouches for everything before. As text
/// `12:` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry; 0 before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: ChainHash,
}

impl Head {
    /// Where the chain of a tenant begins: another place for each, so that none can stand in for another's.
    #[must_use]
    pub fn beginning(tenant: &TenantSlug) -> Self {
        let mut canonical = Canonical::new(FORM);
        canonical.text(tenant.as_str());
        Self { seq: 0, hash: ChainHash(canonical.hash()) }
    }

    /// The head once this entry stands behind it.
    #[must_use]
    pub fn followed_by(&self, entry: &AuditEntry) -> Self {
        let mut canonical = Canonical::new(FORM);
        canonical.octets(&self.hash.0);
        write(&mut canonical, entry);
        Self { seq: entry.seq, hash: ChainHash(canonical.hash()) }
    }
}

/// The canonical form: every field in a fixed order, every text behind its length, so that no two entries share one.
fn write(canonical: &mut Canonical, entry: &AuditEntry) {
    let AuditEntry { seq, at, actor, origin, act, subject, run, outcome, details } = entry;
    canonical.octets(&seq.to_le_bytes());
    canonical.octets(&at.timestamp_millis().to_le_bytes());
    for text in [
        actor.kind.as_str(),
        &actor.name,
        origin,
        act.as_str(),
        subject.kind.as_str(),
        &subject.id,
        // An outcome is never empty, so that this is what none looks like.
        outcome.map_or("", |outcome| outcome.as_str()),
    ] {
        canonical.text(text);
    }
    canonical.octets(run.as_ref().map_or(&[][..], |run| run.0.as_bytes()));
    canonical.octets(&(details.len() as u64).to_le_bytes());
    for (name, value) in details {
        canonical.text(name);
        canonical.text(value);
    }
}

/// What was found where the next entry should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// An entry with the hash that is kept beside it.
    Entry(Box<AuditEntry>, ChainHash),
    /// Something that is no entry.
    Unreadable {
        /// The number under which it is kept.
        seq: u64,
        /// What is wrong with it.
        detail: String,
    },
}

/// The first place at which a log is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The number of the entry that is wrong or missing.
    pub seq: u64,
    /// What is wrong.
    pub why: Flaw,
}

/// What is wrong at a place of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The next one has a greater number.
    #[error("the entry is missing; the next one is {0}")]
    Missing(u64),
    /// Something stands before where the log begins, or stands there twice.
    #[error("no entry belongs there, but one stands there")]
    Foreign,
    /// What stands there cannot be read.
    #[error("the entry cannot be read: {0}")]
    Unreadable(String),
    /// The hash does not follow from the entry and the one before.
    #[error(
        "the entry is not the one that was written here: its hash does not follow from it and the one before"
    )]
    Changed,
    /// The log's own head says that there are more.
    #[error("the entry is missing at the end: the head is {0}")]
    CutOff(u64),
    /// The log's own head says that there are fewer, or names another hash.
    #[error("the entry is not the one that the head names")]
    BeyondHead,
    /// The head that was noted elsewhere is of a longer log.
    #[error("the entry is missing at the end: the head that was noted is {0}")]
    ShorterThanNoted(u64),
    /// The head that was noted elsewhere has another hash: the log was written anew since.
    #[error("the entry is not the one whose hash was noted: it, or one before it, was written anew")]
    OtherThanNoted,
}

/// A log that is looked through, entry by entry from the first. Holds two heads, however long the log is.
#[derive(Debug, Clone)]
pub struct Verification {
    head: Head,
    noted: Option<Head>,
}

impl Verification {
    /// Begins with the log of a tenant. `noted` is a head of it that was noted elsewhere.
    #[must_use]
    pub fn begin(tenant: &TenantSlug, noted: Option<Head>) -> Self {
        let head = Head::beginning(tenant);
        Self { head, noted: noted.filter(|noted| *noted != head) }
    }

    /// How far the log is whole.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Looks at what stands next.
    ///
    /// # Errors
    /// The place, when the log is broken there.
    pub fn next(&mut self, found: &Found) -> Result<(), Broken> {
        let expected = self.head.seq + 1;
        let seq = match found {
            Found::Entry(entry, _) => entry.seq,
            Found::Unreadable { seq, .. } => *seq,
        };
        if seq < expected {
            return Err(Broken { seq, why: Flaw::Foreign });
        }
        if seq > expected {
            return Err(Broken { seq: expected, why: Flaw::Missing(seq) });
        }
        let (entry, hash) = match found {
            Found::Entry(entry, hash) => (entry, hash),
            Found::Unreadable { detail, .. } => {
                return Err(Broken { seq, why: Flaw::Unreadable(detail.clone()) });
            }
        };
        let head = self.head.followed_by(entry);
        if head.hash != *hash {
            return Err(Broken { seq, why: Flaw::Changed });
        }
        if self.noted.is_some_and(|noted| noted.seq == seq && noted.hash != head.hash) {
            return Err(Broken { seq, why: Flaw::OtherThanNoted });
        }
        self.head = head;
        Ok(())
    }

    /// Compares the end with the head that the log itself keeps, and with the one that was noted.
    ///
    /// # Errors
    /// The place, when the log is broken there.
    pub fn end(&self, kept: &Head) -> Result<(), Broken> {
        let Head { seq, .. } = self.head;
        if kept.seq > seq {
            return Err(Broken { seq: seq + 1, why: Flaw::CutOff(kept.seq) });
        }
        if kept.seq < seq || kept.hash != self.head.hash {
            return Err(Broken { seq: seq.min(kept.seq + 1).max(1), why: Flaw::BeyondHead });
        }
        match self.noted {
            // Noted of an empty log, but not of this tenant's.
            Some(Head { seq: 0, .. }) => Err(Broken { seq: 1, why: Flaw::OtherThanNoted }),
            Some(noted) if noted.seq > seq => {
                Err(Broken { seq: seq + 1, why: Flaw::ShorterThanNoted(noted.seq) })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// A text that is no head of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a head is the number of an audit entry, `:`, and the 64 hexadecimal digits of its hash")]
pub struct NoHead;

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for Head {
    type Err = NoHead;
    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (seq, digits) = text.split_once(':').ok_or(NoHead)?;
        let is_number = seq.bytes().all(|digit| digit.is_ascii_digit());
        let hash = read_hex(digits).filter(|_| is_number).ok_or(NoHead)?;
        Ok(Self { seq: seq.parse().map_err(|_| NoHead)?, hash: ChainHash(hash) })
    }
}

#[cfg(test)]
mod tests;
