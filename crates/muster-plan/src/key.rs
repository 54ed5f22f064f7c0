//! Key hashes: one fixed-size key for every text that something is looked up by.
//!
//! A key hash is 16 octets of blake3 over its name space and the exact text. Everything that belongs to one
//! account sorts as its hash does, the id of the object made from it included, so that applying in that
//! order feeds no index at random.

use muster_model::attribute::parse_date_time;
use muster_model::condition::Literal;
use muster_model::configuration::application::CorrelationRule;
use muster_model::configuration::transformation::Transformation;
use muster_model::{
    ApplicationId, AttributeName, AttributeSource, DirectoryId, ImObject, ObjectClassId, ObjectId,
    ObjectKind, Reference,
};
use uuid::Uuid;

use crate::transform::{TransformationProblem, Transformations};

/// What a text is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(pub [u8; 16]);

/// Where a key stands among all keys: the first eight octets of its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// As a signed number of the same order, for stores that know no other.
    #[must_use]
    pub fn to_i64(self) -> i64 {
        (self.0 ^ (1 << 63)).cast_signed()
    }

    /// The inverse of [`Position::to_i64`].
    #[must_use]
    pub fn from_i64(number: i64) -> Self {
        Self(number.cast_unsigned() ^ (1 << 63))
    }
}

impl KeyHash {
    fn new(namespace: &[&str], text: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in namespace {
            hasher.update(part.as_bytes());
            hasher.update(&[0]);
        }
        hasher.update(text.as_bytes());
        let mut octets = [0; 16];
        octets.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(octets)
    }

    /// The key of an account within its application and object class.
    #[must_use]
    pub fn of_account(application: &ApplicationId, class: &ObjectClassId, uid: &str) -> Self {
        Self::new(&["account", application.as_str(), class.as_str()], uid)
    }

    /// The place of an owner's one account within an application and object class: accounts that claim it share it.
    #[must_use]
    pub fn of_claim(application: &ApplicationId, class: &ObjectClassId, owner: ObjectId) -> Self {
        Self::new(&["claim", application.as_str(), class.as_str()], &owner.to_string())
    }

    /// Where it stands among all keys.
    #[must_use]
    pub fn position(self) -> Position {
        let mut place = [0; 8];
        place.copy_from_slice(&self.0[..8]);
        Position(u64::from_be_bytes(place))
    }

    /// The id of the object that a run makes from the account of this key: a `UUIDv7` of the run's start.
    ///
    /// Deciding again after a crash gives the same id, and ids of one run sort as their accounts do.
    #[must_use]
    pub fn object_id(self, run_started_millis: u64) -> ObjectId {
        // Twelve bits of the hash fit before the variant, 62 after it; their order is kept.
        let head = u128::from_be_bytes(self.0);
        let first = (head >> 116) & 0xfff;
        let rest = (head >> 54) & ((1 << 62) - 1);
        let value =
            (u128::from(run_started_millis) << 80) | (0x7 << 76) | (first << 64) | (0b10 << 62) | rest;
        ObjectId(Uuid::from_u128(value))
    }
}

/// A key that objects of a kind are found by: one or more attributes, normalized.
#[derive(Debug)]
pub struct KeySpec {
    /// The kind of objects.
    pub kind: ObjectKind,
    items: Vec<(AttributeName, Transformations)>,
    name: String,
    case: Case,
}

/// What a key makes of two texts that differ in case alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// The same.
    Folded,
    /// Perhaps two.
    Kept,
}

impl Case {
    /// Trimming looks at no letter; what comes after lower case meets one text only.
    fn of(normalizations: &[Transformation]) -> Self {
        let mut steps = normalizations.iter().skip_while(|step| matches!(step, Transformation::Trim));
        if matches!(steps.next(), Some(Transformation::Lower)) { Self::Folded } else { Self::Kept }
    }
}

impl KeySpec {
    /// The key that a correlation rule looks objects up by.
    ///
    /// # Errors
    /// When a normalization cannot be compiled.
    pub fn of_rule(kind: ObjectKind, rule: &CorrelationRule) -> Result<Self, Vec<TransformationProblem>> {
        let mut items = Vec::new();
        let mut name = kind.as_str().to_owned();
        let mut case = Case::Folded;
        for item in &rule.items {
            if Case::of(&item.normalizations) == Case::Kept {
                case = Case::Kept;
            }
            items.push((item.object_attribute.clone(), Transformations::compile(&item.normalizations)?));
            name.push_str(&format!("|{}{:?}", item.object_attribute, item.normalizations));
        }
        Ok(Self { kind, items, name, case })
    }

    /// The key of one attribute, taken as it is: what references look objects up by where no correlation
    /// rule of that attribute alone exists.
    #[must_use]
    pub fn of_attribute(kind: ObjectKind, attribute: &AttributeName) -> Self {
        let items = vec![(attribute.clone(), Transformations::none())];
        Self { kind, items, name: format!("{kind}|{attribute}[]"), case: Case::Kept }
    }

    /// What tells this key from others, the same for equal keys.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a key of this attribute alone.
    #[must_use]
    pub fn is_of_attribute(&self, attribute: &str) -> bool {
        matches!(self.items.as_slice(), [(name, _)] if name.as_str() == attribute)
    }

    /// The hashes under which an object is found, none when an attribute has no value. An attribute of
    /// several values gives one each; of a composite key the first value of each attribute counts.
    #[must_use]
    pub fn of_object(&self, directory: &DirectoryId, object: &dyn AttributeSource) -> Vec<KeyHash> {
        let names = self.items.iter().map(|(name, _)| name.as_str());
        self.hashes(directory, names, object)
    }

    /// The hash under which every object is found whose attribute is equal to this value as conditions mean it,
    /// and perhaps others. `None` where a key of one attribute cannot promise that: conditions do not regard
    /// case, and compare instants as instants.
    #[must_use]
    pub fn of_equal(&self, directory: &DirectoryId, value: &Literal) -> Option<KeyHash> {
        let [(_, normalize)] = self.items.as_slice() else { return None };
        let text = match value {
            Literal::Integer(number) => number.to_string(),
            Literal::Text(text) => text.clone(),
            Literal::Boolean(_) | Literal::Null => return None,
        };
        let is_one_text = self.case == Case::Folded || !text.bytes().any(|byte| byte.is_ascii_alphabetic());
        let normalized = normalize.normalize(&text);
        let promises = text.is_ascii() && is_one_text && parse_date_time(&text).is_none();
        (promises && !normalized.is_empty()).then(|| self.hash(directory, &normalized))
    }

    /// The hashes under which the owner of an account is looked for; `names` are the account's attributes.
    pub(crate) fn hashes<'a>(
        &self,
        directory: &DirectoryId,
        names: impl Iterator<Item = &'a str>,
        source: &dyn AttributeSource,
    ) -> Vec<KeyHash> {
        let fields: Vec<_> = names.map(|name| source.field(name)).collect();
        if let ([field], [(_, normalize)]) = (fields.as_slice(), self.items.as_slice()) {
            return field
                .values()
                .iter()
                .map(|value| normalize.normalize(&value.to_text()).into_owned())
                .filter(|text| !text.is_empty())
                .map(|text| self.hash(directory, &text))
                .collect();
        }
        let mut joined = String::new();
        for (field, (_, normalize)) in fields.iter().zip(&self.items) {
            let Some(value) = field.first() else { return Vec::new() };
            let text = normalize.normalize(&value.to_text()).into_owned();
            if text.is_empty() {
                return Vec::new();
            }
            joined.push_str(&text);
            joined.push('\u{1f}');
        }
        vec![self.hash(directory, &joined)]
    }

    fn hash(&self, directory: &DirectoryId, text: &str) -> KeyHash {
        KeyHash::new(&["object", directory.as_str(), &self.name], text)
    }
}

/// All keys that the objects of a tenant are found by, as its configuration needs them.
#[derive(Debug, Default)]
pub struct KeySpecs(Vec<KeySpec>);

impl KeySpecs {
    /// Adds a key unless an equal one is there.
    pub fn add(&mut self, spec: KeySpec) {
        if !self.0.iter().any(|known| known.name == spec.name) {
            self.0.push(spec);
        }
    }

    /// Adds the key that references by this attribute need, unless one of it alone is there.
    pub fn add_reference(&mut self, kind: ObjectKind, by: &AttributeName) {
        if self.for_reference(kind, by.as_str()).is_none() {
            self.0.push(KeySpec::of_attribute(kind, by));
        }
    }

    /// The key specs of a kind.
    pub fn of_kind(&self, kind: ObjectKind) -> impl Iterator<Item = &KeySpec> {
        self.0.iter().filter(move |spec| spec.kind == kind)
    }

    /// All key specs.
    #[must_use]
    pub fn all(&self) -> &[KeySpec] {
        &self.0
    }

    fn for_reference(&self, kind: ObjectKind, by: &str) -> Option<&KeySpec> {
        self.of_kind(kind).find(|spec| spec.is_of_attribute(by))
    }

    /// The hash under which the object of a reference is found; `None` where the configuration keeps no
    /// such key (any more).
    #[must_use]
    pub fn of_reference(&self, directory: &DirectoryId, reference: &Reference) -> Option<KeyHash> {
        let spec = self.for_reference(reference.kind, reference.by.as_str())?;
        let (_, normalize) = spec.items.first()?;
        Some(spec.hash(directory, &normalize.normalize(&reference.key)))
    }

    /// Whether the key finds the object as it is now; one that was left behind by rules or values of the past
    /// finds nobody.
    #[must_use]
    pub fn finds(&self, key: &KeyHash, object: &ImObject) -> bool {
        self.of_object(object.kind, &object.directory, &object.attributes).contains(key)
    }

    /// All hashes under which an object is found, sorted, each once.
    #[must_use]
    pub fn of_object(
        &self,
        kind: ObjectKind,
        directory: &DirectoryId,
        object: &dyn AttributeSource,
    ) -> Vec<KeyHash> {
        let mut hashes: Vec<_> =
            self.of_kind(kind).flat_map(|spec| spec.of_object(directory, object)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_model::configuration::application::CorrelationItem;
    use muster_model::configuration::transformation::Transformation;
    use muster_model::{Attributes, Field};

    fn rule() -> CorrelationRule {
        CorrelationRule {
            items: vec![CorrelationItem {
                account_attribute: "no".into(),
                object_attribute: "employeeNumber".into(),
                normalizations: vec![Transformation::Trim, Transformation::Lower],
            }],
        }
    }

    #[test]
    fn object_ids_sort_as_their_accounts_do() {
        let application: ApplicationId = "hr".parse().expect("id");
        let class: ObjectClassId = "person".parse().expect("id");
        let mut keys: Vec<_> =
            (0..1000).map(|n| KeyHash::of_account(&application, &class, &format!("E{n}"))).collect();
        keys.sort_unstable();
        let ids: Vec<_> = keys.iter().map(|key| key.object_id(1_700_000_000_000)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.0.get_version_num() == 7));
        let positions: Vec<_> = keys.iter().map(|key| key.position().to_i64()).collect();
        assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn names_spaces_and_directories_are_kept_apart() {
        let specs = {
            let mut specs = KeySpecs::default();
            specs.add(KeySpec::of_rule(ObjectKind::Identity, &rule()).expect("compiles"));
            specs.add_reference(ObjectKind::Identity, &"employeeNumber".into());
            specs
        };
        assert_eq!(specs.all().len(), 1, "a reference uses the correlation key of its attribute");
        let reference =
            Reference { kind: ObjectKind::Identity, by: "employeeNumber".into(), key: " e1".into() };
        let object: Attributes = [("employeeNumber", Field::text("E1"))].into_iter().collect();
        let main = DirectoryId::main();
        let other: DirectoryId = "other".parse().expect("id");
        let hash = specs.of_reference(&main, &reference).expect("known");
        assert_eq!(specs.of_object(ObjectKind::Identity, &main, &object), vec![hash]);
        assert_ne!(specs.of_object(ObjectKind::Identity, &other, &object), vec![hash]);
    }
}
