//! Values that every other crate speaks in: identifiers, attributes, identities, shadows,
//! configuration and the states of a run.
//!
//! Floor 0 of the house: no input or output, no clock, no chance, no async.

pub mod attribute;
pub mod audit;
pub mod condition;
pub mod configuration;
pub mod cron;
pub mod difference;
pub mod dispute;
pub mod errand;
pub mod error;
pub mod failure;
pub mod ids;
pub mod object;
pub mod record;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod settings;
pub mod shadow;
pub mod text;
pub mod user_sync;

pub use attribute::{AttributeName, AttributeSource, Attributes, Field, Reference, Value, ValueType};
pub use ids::{
    ApplicationId, ConfigurationId, DirectoryId, IdError, ObjectClassId, ObjectId, RunId, SecretName,
    ShadowNo, TenantSlug,
};
pub use object::{DisabledReason, ImObject, ObjectKind, Origin, Provenance};
pub use record::{Names, Record};
pub use settings::TenantSettings;
