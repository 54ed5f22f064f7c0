//! Resources that were parsed lately: whoever changes one of a thousand need not read the others once more.
//!
//! What a document means depends on its text alone, so nothing here ever goes out of date, and none knows a tenant.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use muster_model::configuration::Resource;
use muster_plan::digest;
use muster_store::Hash;

use crate::configuration::{ConfigurationError, parse, unreadable};

/// So many octets of documents are remembered; then it begins anew.
const OCTETS: usize = 16 * 1024 * 1024;

/// Parsed resources by the hash of kind and document.
static PARSED: Mutex<Parsed> = Mutex::new(Parsed { octets: 0, by_hash: BTreeMap::new() });

struct Parsed {
    octets: usize,
    by_hash: BTreeMap<Hash, Arc<Resource>>,
}

impl Parsed {
    fn put(&mut self, hash: Hash, octets: usize, resource: &Arc<Resource>) {
        if self.octets + octets > OCTETS {
            *self = Self { octets: 0, by_hash: BTreeMap::new() };
        }
        if self.by_hash.insert(hash, Arc::clone(resource)).is_none() {
            self.octets += octets;
        }
    }
}

/// Reads the document of a resource, by the number of its kind.
pub(crate) fn read(kind: u8, body: &str) -> Result<Arc<Resource>, ConfigurationError> {
    let hash = digest::hash(format!("{kind},{body}").as_bytes());
    let parsed = || PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = parsed().by_hash.get(&hash) {
        return Ok(Arc::clone(known));
    }
    let document = serde_json::from_str(body).map_err(|error| unreadable(error.to_string()))?;
    let resource = Arc::new(parse(kind, &document)?);
    parsed().put(hash, body.len(), &resource);
    Ok(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_once_and_another_anew() {
        let document = |name: &str| format!(r#"{{"id":"csv","name":"{name}","type":"csv"}}"#);
        let [first, again, other] = ["Once", "Once", "Other"].map(|name| read(0, &document(name)).unwrap());
        assert!(Arc::ptr_eq(&first, &again) && !Arc::ptr_eq(&first, &other));
        assert_ne!(first, other);
        for bad in ["", "{", r#"{"id":"csv"}"#] {
            assert!(read(0, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let resource = read(0, r#"{"id":"csv","name":"CSV","type":"csv"}"#).unwrap();
        let mut parsed = Parsed { octets: 0, by_hash: BTreeMap::new() };
        for number in 0..10 {
            parsed.put([number; 16], OCTETS / 4, &resource);
        }
        assert_eq!((parsed.by_hash.len(), parsed.octets), (2, 2 * (OCTETS / 4)));
    }
}
