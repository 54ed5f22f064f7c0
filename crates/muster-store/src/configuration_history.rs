//! The history of configuration: every version of every resource, who wrote it and when.
//!
//! Invariant: a version is written in the transaction of the write that it tells of, and never changed. Versions
//! of an id go on after its resource was deleted, so no two documents ever have the same one.

use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::{QueryResult, Value};

use crate::configuration::ResourceWrite;
use crate::database::Transaction;
use crate::error::StoreError;
use crate::row::{get, get_case, instant, number};
use crate::rows::{Bulk, Kind};
use crate::tenant::TenantStore;

/// How somebody who writes configuration is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// A local user, by name and password.
    User,
    /// A token.
    Token,
    /// The command line, on the database itself.
    CommandLine,
    /// Muster itself: what was there before history began.
    Muster,
}

impl ActorKind {
    /// All kinds, in the order of their stored numbers.
    pub const ALL: [Self; 4] = [Self::User, Self::Token, Self::CommandLine, Self::Muster];

    /// The kind in capital letters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Token => "TOKEN",
            Self::CommandLine => "COMMAND_LINE",
            Self::Muster => "MUSTER",
        }
    }
}

/// Who writes configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// How the actor is known.
    pub kind: ActorKind,
    /// The name of the user or token; of the command line, the command.
    pub name: String,
}

impl Actor {
    /// An actor of that kind and name.
    #[must_use]
    pub fn new(kind: ActorKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ActorKind::User | ActorKind::Muster => f.write_str(&self.name),
            ActorKind::Token => write!(f, "token {}", self.name),
            ActorKind::CommandLine => write!(f, "command {}", self.name),
        }
    }
}

/// What a write did to a resource, with the document as it is afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// There was none of that id.
    Created(String),
    /// It got another document.
    Updated(String),
    /// It is no more.
    Deleted,
    /// It got the document of an earlier version, whether it was still there or not.
    Restored(String),
}

impl Written {
    /// All words of [`action`](Self::action), in the order of their stored numbers.
    pub const ACTIONS: [&str; 4] = ["CREATED", "UPDATED", "DELETED", "RESTORED"];

    /// The document; a deletion leaves none.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        match self {
            Self::Created(body) | Self::Updated(body) | Self::Restored(body) => Some(body),
            Self::Deleted => None,
        }
    }

    /// What was done, in capital letters.
    #[must_use]
    pub fn action(&self) -> &'static str {
        Self::ACTIONS[self.number()]
    }

    fn number(&self) -> usize {
        match self {
            Self::Created(_) => 0,
            Self::Updated(_) => 1,
            Self::Deleted => 2,
            Self::Restored(_) => 3,
        }
    }

    fn read(action: i64, body: Option<String>) -> Result<Self, StoreError> {
        match (action, body) {
            (0, Some(body)) => Ok(Self::Created(body)),
            (1, Some(body)) => Ok(Self::Updated(body)),
            (2, None) => Ok(Self::Deleted),
            (3, Some(body)) => Ok(Self::Restored(body)),
            (action, _) => Err(StoreError::unreadable("version of configuration", action)),
        }
    }
}

/// One version of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceVersion {
    /// Its number; those of one id count on, also where the resource was deleted in between.
    pub version: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// By whom.
    pub actor: Actor,
    /// What was done.
    pub written: Written,
}

const COLUMNS: &str = "version, at, actor_kind, actor, action, body";

/// Where versions are added.
const HISTORY: Bulk = Bulk {
    table: "configuration_history",
    columns: &[
        ("tenant", Kind::Integer),
        ("kind", Kind::Integer),
        ("id", Kind::Text),
        ("version", Kind::Integer),
        ("at", Kind::Integer),
        ("actor_kind", Kind::Integer),
        ("actor", Kind::Text),
        ("action", Kind::Integer),
        ("body", Kind::Text),
    ],
    suffix: "",
};

impl TenantStore {
    /// The versions of a resource, newest first, those before one of them, at most so many. None where there never
    /// was such a resource.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn resource_history(
        &self,
        (kind, id): (u8, &str),
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ResourceVersion>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM configuration_history WHERE tenant = ? AND kind = ? AND id = ? \
             AND version < ? ORDER BY version DESC LIMIT ?"
        );
        let values: Vec<Value> = vec![
            self.tenant.into(),
            i64::from(kind).into(),
            id.into(),
            before.unwrap_or(i64::MAX).into(),
            i64::from(limit).into(),
        ];
        self.database.query(&sql, values).await?.iter().map(version).collect()
    }

    /// One version of a resource.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn resource_version(
        &self,
        (kind, id): (u8, &str),
        number: i64,
    ) -> Result<Option<ResourceVersion>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM configuration_history WHERE tenant = ? AND kind = ? AND id = ? AND version = ?"
        );
        let values: Vec<Value> = vec![self.tenant.into(), i64::from(kind).into(), id.into(), number.into()];
        self.database.query_one(&sql, values).await?.map(|row| version(&row)).transpose()
    }

    /// Adds the version that each write makes.
    pub(crate) async fn add_versions(
        &self,
        tx: &Transaction,
        (actor, now): (&Actor, DateTime<Utc>),
        writes: &[(i64, &ResourceWrite)],
    ) -> Result<(), StoreError> {
        let row = |(version, write): &(i64, &ResourceWrite)| -> Vec<Value> {
            vec![
                self.tenant.into(),
                i64::from(write.kind).into(),
                write.id.as_str().into(),
                (*version).into(),
                now.timestamp_millis().into(),
                (actor.kind as i64).into(),
                actor.name.as_str().into(),
                (write.written.number() as i64).into(),
                write.written.body().map(str::to_owned).into(),
            ]
        };
        HISTORY.insert(tx, writes.iter().map(row).collect()).await?;
        Ok(())
    }
}

fn version(row: &QueryResult) -> Result<ResourceVersion, StoreError> {
    Ok(ResourceVersion {
        version: number(row, 0)?,
        at: instant(number(row, 1)?)?,
        actor: Actor { kind: get_case(row, 2, &ActorKind::ALL, "kind of actor")?, name: get(row, 3)? },
        written: Written::read(number(row, 4)?, get(row, 5)?)?,
    })
}
