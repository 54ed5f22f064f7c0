//! Records: attributes by position, for sweeps where thousands of entries share their names.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::attribute::{AttributeName, AttributeSource, Attributes, Field};

/// The attribute names that all records of a sweep share, each once.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    names: Vec<AttributeName>,
    positions: HashMap<AttributeName, usize, RandomState>,
}

impl Names {
    /// Names in the order of the fields; of a repeated name the first position counts.
    #[must_use]
    pub fn new(names: Vec<AttributeName>) -> Arc<Self> {
        let mut positions = HashMap::with_capacity_and_hasher(names.len(), RandomState::default());
        for (position, name) in names.iter().enumerate() {
            positions.entry(name.clone()).or_insert(position);
        }
        Arc::new(Self { names, positions })
    }

    /// The names in the order of the fields.
    #[must_use]
    pub fn as_slice(&self) -> &[AttributeName] {
        &self.names
    }

    /// Where the field of that name stands.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }
}

/// The attributes of one entry. Fields stand in the order of the names; missing ones at the end are absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The names, shared by all records of a sweep.
    pub names: Arc<Names>,
    /// One field a name.
    pub fields: Vec<Field>,
}

impl Record {
    /// What the attribute holds; absent for an unknown name.
    #[must_use]
    pub fn get(&self, name: &str) -> &Field {
        const ABSENT: &Field = &Field::Absent;
        self.names.position(name).and_then(|position| self.fields.get(position)).unwrap_or(ABSENT)
    }

    /// A record with names of its own, for single reads and tests.
    #[must_use]
    pub fn from_pairs<N: Into<AttributeName>>(pairs: impl IntoIterator<Item = (N, Field)>) -> Self {
        let (names, fields) = pairs.into_iter().map(|(name, field)| (name.into(), field)).unzip();
        Self { names: Names::new(names), fields }
    }

    /// The same as attributes that share nothing with others. Of a name that comes twice the first field counts.
    #[must_use]
    pub fn to_attributes(&self) -> Attributes {
        let names = self.names.as_slice().iter();
        names.map(|name| (name.clone(), self.get(name.as_str()).clone())).collect()
    }
}

impl AttributeSource for Record {
    fn field(&self, name: &str) -> Cow<'_, Field> {
        Cow::Borrowed(self.get(name))
    }
}
