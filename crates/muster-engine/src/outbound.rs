//! Outbound (being written)
use chrono::{DateTime, Utc};
use muster_connector::Entry;
use muster_model::configuration::Configuration;
use muster_model::configuration::application::{Application, ObjectClass};
use muster_model::configuration::guard::Guards;
use muster_model::configuration::task::ErrorPolicy;
use muster_model::run::Wave;
use muster_model::{ApplicationId, ConfigurationId};
use muster_plan::key::KeySpecs;
use muster_store::{RunRecord, TenantStore};
use crate::apply_inbound::Exceptions;
use crate::configuration::ConfigurationError;
use crate::error::EngineError;
use crate::sweep::Decided;
use crate::worker::Work;
pub(crate) struct OutboundTask {}
pub(crate) struct OutboundRun { pub(crate) keys: KeySpecs, pub(crate) task_guards: Guards, pub(crate) error_policy: ErrorPolicy }
impl OutboundTask {
    pub(crate) fn compile(_c: &Configuration, id: &ConfigurationId) -> Result<Self, ConfigurationError> { Err(ConfigurationError::Lacking(id.to_string())) }
    pub(crate) fn of_run(self, _run: &RunRecord) -> OutboundRun { OutboundRun { keys: KeySpecs::default(), task_guards: Guards::default(), error_policy: ErrorPolicy::default() } }
}
impl OutboundRun {
    pub(crate) fn applications(&self) -> Vec<ApplicationId> { vec![] }
    pub(crate) fn account_class(&self, _i: usize) -> (&Application, &ObjectClass) { panic!() }
    pub(crate) fn reads_accounts(&self) -> bool { true }
    pub(crate) fn application_guards(&self, _i: usize) -> &Guards { panic!() }
    pub(crate) async fn decide_page(&self, _s: &TenantStore, _r: &RunRecord, _e: Vec<Entry>, _x: (u32, u32, DateTime<Utc>)) -> Result<Decided, EngineError> { Err(EngineError::Lost) }
}
impl Work {
    pub(crate) async fn stage_owners(&mut self, _i: usize, _t: &OutboundRun) -> Result<(), EngineError> { Ok(()) }
    pub(crate) async fn carry_out_wave(&mut self, _i: usize, _t: &OutboundRun, _w: Wave, _e: &Exceptions) -> Result<(), EngineError> { Ok(()) }
}
