//! Writes: what is to become of accounts, and sessions that carry it out.

use async_trait::async_trait;
use muster_model::{AttributeName, Field, Value};

use crate::ConnectorError;

/// How one attribute is to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeWrite {
    /// Put this in the place of what is there; [`Field::Absent`] and [`Field::Null`] clear.
    Replace(Field),
    /// Add and remove single values of a multi-valued attribute; what is there already or gone already is fine.
    Values {
        /// Values to add.
        add: Vec<Value>,
        /// Values to remove.
        remove: Vec<Value>,
    },
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Make an account. Fails with [`ConnectorError::Conflict`] when the key exists.
    Create {
        /// Its key; where the system gives keys itself, its name.
        uid: String,
        /// What it holds, the attribute of the key or name included.
        attributes: Vec<(AttributeName, Field)>,
        /// Whether it is enabled.
        enabled: bool,
    },
    /// Change an account. Fails with [`ConnectorError::Missing`] when there is none. Replacing the value of the name
    /// attribute gives it another name.
    Update {
        /// Its key.
        uid: String,
        /// The name that it had when it was last brought up to date, if that is known and not its key. It may have
        /// another by now, and others may still know it by that one.
        name: Option<String>,
        /// What changes.
        writes: Vec<(AttributeName, AttributeWrite)>,
        /// The new state, when it changes.
        enabled: Option<bool>,
    },
    /// Delete an account. One that is gone already is fine.
    Delete {
        /// Its key.
        uid: String,
        /// The name that it had, as in an update.
        name: Option<String>,
    },
}

impl Operation {
    /// The same of an account that had this name.
    #[must_use]
    pub fn known_as(mut self, known: Option<String>) -> Self {
        match &mut self {
            Self::Update { name, .. } | Self::Delete { name, .. } => *name = known,
            Self::Create { .. } => {}
        }
        self
    }

    /// The key of the account it concerns.
    #[must_use]
    pub fn uid(&self) -> &str {
        match self {
            Self::Create { uid, .. } | Self::Update { uid, .. } | Self::Delete { uid, .. } => uid,
        }
    }
}

/// A write that was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The key that the system has given to an account that was made; `None` where it has the one that it was made with.
    pub given_uid: Option<String>,
}

/// What became of a write.
pub type WriteResult = Result<Written, ConnectorError>;

/// A session of writes to one class.
#[async_trait]
pub trait Writer: Send {
    /// Carries out the operations in their order and answers one outcome for each, in the same order.
    ///
    /// With [`Durable::AtClose`] an outcome is a promise that `close` keeps or breaks for all.
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<WriteResult>;

    /// Ends the session; with [`Durable::AtClose`] everything takes effect here, at once or not at all.
    ///
    /// # Errors
    /// When the writes could not be made durable; then none of an `AtClose` session took effect.
    async fn close(self: Box<Self>) -> Result<(), ConnectorError>;
}
