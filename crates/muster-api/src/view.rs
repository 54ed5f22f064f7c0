//! What clients see: the JSON of every answer but configuration, which is its own document.
//!
//! Views are types of their own, with every field written out; no domain type is serialized.

mod account;
mod administration;
mod application;
mod audit;
mod change;
mod connection;
mod connector;
mod dataset;
mod dispute;
mod error;
mod failure;
mod file;
mod history;
mod object;
mod origin;
mod parked;
mod progress;
mod read;
mod resource;
mod schedule;
mod sync;
mod trip;
pub(crate) mod value;

use muster_model::text::{hex, instant};

pub(crate) use account::Enabled;
pub use account::{AccountView, LiveView};
pub use administration::{NewTokenView, SecretView, SettingsView, TokenView, UserView};
pub use application::ApplicationStatusView;
pub use audit::{ActorView, AuditEntryView, AuditVerificationView};
pub use change::{AttributeView, ChangeStanding, ChangeView, MappingView, MembershipView};
pub(crate) use connection::STEPS;
pub use connection::{ApplicationSchemaView, ConnectionTestView};
pub use connector::ConnectorView;
pub use dataset::DatasetReportView;
pub(crate) use dispute::DISPUTE_COLUMNS;
pub use dispute::{CandidateView, DecisionView, DisputeView, WhyView};
pub(crate) use error::CLASS;
pub use error::ErrorView;
pub use failure::{CauseView, FailureView};
pub use file::FileView;
pub use history::{ObjectHistoryView, ReplacedAttributeView, ReplacedView};
pub use object::ObjectView;
pub use origin::ValueOriginView;
pub(crate) use origin::WrittenBy;
pub use parked::ParkedView;
pub use progress::{CountersView, ErrandView, ProgressView};
pub(crate) use read::read_field;
pub use resource::{FieldDifferenceView, ResourceVersionView};
pub use schedule::{FireView, SchedulingView};
pub(crate) use sync::SyncCircumstances;
pub use sync::{SyncStatusView, UserResultView};
pub use trip::TripView;
