//! Digests: a promise that deciding again would change nothing.
//!
//! A digest covers the attributes that the rules read, in one canonical form, and the fingerprint of the
//! rules, which covers their lookup tables and [`RULES_VERSION`].

use muster_model::{AttributeSource, Field, Value};

/// Raised whenever the same rules would decide differently than before.
pub const RULES_VERSION: u32 = 2;

/// Sixteen octets of a blake3 hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 16]);

/// The first sixteen octets of the blake3 hash.
#[must_use]
pub fn hash(octets: &[u8]) -> [u8; 16] {
    let mut head = [0; 16];
    head.copy_from_slice(&blake3::hash(octets).as_bytes()[..16]);
    head
}

/// The same of octets that come bit by bit.
#[derive(Debug, Default)]
pub struct Hashing(blake3::Hasher);

impl Hashing {
    /// Adds octets.
    pub fn add(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The hash of all that was added.
    #[must_use]
    pub fn finish(&self) -> [u8; 16] {
        let mut head = [0; 16];
        head.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        head
    }
}

/// Writes values in canonical form into a hash: equal input gives equal octets, and no two inputs share them,
/// since every text is preceded by its length and every field by its kind.
pub struct Canonical {
    octets: Vec<u8>,
}

impl Canonical {
    /// Begins with the fingerprint of the rules.
    #[must_use]
    pub fn new(fingerprint: &[u8]) -> Self {
        let mut canonical = Self { octets: Vec::with_capacity(512) };
        canonical.octets(fingerprint);
        canonical
    }

    /// Forgets all but the first `length` octets, so that one buffer serves many entries.
    pub fn truncate(&mut self, length: usize) {
        self.octets.truncate(length);
    }

    /// How many octets have been written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.octets.len()
    }

    /// Whether nothing has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Adds octets with their length.
    pub fn octets(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(&(octets.len() as u64).to_le_bytes());
        self.octets.extend_from_slice(octets);
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) {
        self.octets(text.as_bytes());
    }

    /// Adds a single octet.
    pub fn tag(&mut self, tag: u8) {
        self.octets.push(tag);
    }

    /// Adds a field.
    pub fn field(&mut self, field: &Field) {
        match field {
            Field::Absent => self.tag(0),
            Field::Null => self.tag(1),
            Field::One(value) => {
                self.tag(2);
                self.value(value);
            }
            Field::Many(values) => {
                self.tag(3);
                self.octets.extend_from_slice(&(values.len() as u64).to_le_bytes());
                for value in values {
                    self.value(value);
                }
            }
        }
    }

    /// Adds the named fields of a source, in the order of the names.
    pub fn fields<'a>(&mut self, source: &dyn AttributeSource, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            self.field(&source.field(name));
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.tag(0);
                self.text(text);
            }
            Value::Integer(number) => {
                self.tag(1);
                self.octets.extend_from_slice(&number.to_le_bytes());
            }
            Value::Boolean(boolean) => {
                self.tag(2);
                self.tag(u8::from(*boolean));
            }
            Value::DateTime(instant) => {
                self.tag(3);
                self.octets.extend_from_slice(&instant.timestamp_micros().to_le_bytes());
            }
            Value::Binary(octets) => {
                self.tag(4);
                self.octets(octets);
            }
            Value::Reference(reference) => {
                self.tag(5);
                self.text(reference.kind.as_str());
                self.text(reference.by.as_str());
                self.text(&reference.key);
            }
        }
    }

    /// The digest of what was written.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(hash(&self.octets))
    }

    /// All 32 octets of the hash of what was written, for what somebody may want to forge.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.octets).as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_model::Attributes;
    use proptest::prelude::*;

    fn any_field() -> impl Strategy<Value = Field> {
        let value = prop_oneof![
            "[a-c]{0,2}".prop_map(Value::String),
            (0..3i64).prop_map(Value::Integer),
            any::<bool>().prop_map(Value::Boolean),
        ];
        prop_oneof![
            Just(Field::Absent),
            Just(Field::Null),
            value.clone().prop_map(Field::One),
            proptest::collection::vec(value, 0..3).prop_map(Field::Many),
        ]
    }

    fn digest_of(fields: &[Field]) -> Digest {
        let mut canonical = Canonical::new(b"rules");
        fields.iter().for_each(|field| canonical.field(field));
        canonical.digest()
    }

    proptest! {
        #[test]
        fn digests_are_equal_exactly_when_the_fields_are(
            a in proptest::collection::vec(any_field(), 3),
            b in proptest::collection::vec(any_field(), 3),
        ) {
            prop_assert_eq!(a == b, digest_of(&a) == digest_of(&b));
        }
    }

    #[test]
    fn names_are_read_in_their_order() {
        let source: Attributes = [("a", Field::text("1")), ("b", Field::text("2"))].into_iter().collect();
        let mut one = Canonical::new(b"");
        one.fields(&source, ["a", "b"]);
        let mut other = Canonical::new(b"");
        other.fields(&source, ["b", "a"]);
        assert_ne!(one.digest(), other.digest());
    }
}
