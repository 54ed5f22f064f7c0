//! What a system offers: classes and attributes that were found there.

use muster_model::AttributeName;

/// A class of objects that a system has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedClass {
    /// Its name there, as [`RemoteClass::remote_name`](crate::RemoteClass::remote_name) is written.
    pub remote_name: String,
    /// What it is for, if the system says so.
    pub description: Option<String>,
    /// Its attributes, by name.
    pub attributes: Vec<OfferedAttribute>,
}

/// An attribute that a class has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedAttribute {
    /// Its name.
    pub name: AttributeName,
    /// What it holds, in the system's own word: `string`, `integer`, `timestamp with time zone`, `1.3.6.1.4.1.1466…`.
    pub remote_type: Option<String>,
    /// Whether it holds several values.
    pub multi_valued: bool,
    /// Whether an account has to have it.
    pub required: bool,
    /// Whether it can be written.
    pub writable: bool,
    /// Whether its value is found once in the system, so that it can be the key.
    pub unique: bool,
}

impl OfferedAttribute {
    /// An attribute for texts that can be written and of which nothing else is known.
    #[must_use]
    pub fn new(name: impl Into<AttributeName>) -> Self {
        let name = name.into();
        Self { name, remote_type: None, multi_valued: false, required: false, writable: true, unique: false }
    }
}
