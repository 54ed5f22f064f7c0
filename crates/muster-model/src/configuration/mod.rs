//! The seven kinds of configuration: what tenants write, parsed into types that cannot be wrong.
//!
//! A configuration is written as a [`document`], which parses into a domain type; [`resource::Resource`] is
//! one of these, [`set::Configuration`] all of a tenant. Nothing here reads or writes anything.

pub mod application;
pub mod attribute_type;
pub mod connector_definition;
pub mod difference;
pub mod document;
pub mod effective;
pub mod groups;
pub mod guard;
pub mod kind;
pub mod post_processing;
pub mod problems;
pub mod profile;
pub mod resource;
pub mod set;
mod set_check;
pub mod task;
pub mod transformation;

pub use document::Document;
pub use document::reader::Leniency;
pub use kind::ConfigurationKind;
pub use problems::Problems;
pub use resource::{ConfigurationReference, Resource, SecretReference};
pub use set::Configuration;
