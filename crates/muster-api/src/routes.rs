//! The one table of routes: method, path, right, operation. The server, the OpenAPI description and the test
//! of rights are made from it, so that none can know a route that the others do not.

mod administration;
mod applications;
mod audit;
mod configuration;
mod connectors;
mod disputes;
mod objects;
mod others;
mod parked;
mod single;
mod syncs;
mod tasks;

use std::sync::LazyLock;

use actix_web::http::Method as HttpMethod;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::TaskKind;

pub use self::applications::ApplicationOperation;
pub use self::audit::AuditOperation;
pub use self::connectors::ConnectorOperation;
pub use self::disputes::{AccountOperation, DisputeOperation};
pub use self::parked::ParkedOperation;
pub use self::single::SingleOperation;
pub use self::syncs::SyncOperation;
pub use crate::query::Parameter;
use crate::rights::Permission;

/// The methods that routes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Look.
    Get,
    /// Make, or do.
    Post,
    /// Put in the place of.
    Put,
    /// Change in part.
    Patch,
    /// Remove.
    Delete,
}

impl Method {
    /// The method as HTTP writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl From<Method> for HttpMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Patch => Self::PATCH,
            Method::Delete => Self::DELETE,
        }
    }
}

/// Who may call a route, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, without credentials: nothing of any tenant is shown.
    Everybody(OpenOperation),
    /// Users and tokens of the tenant that have the right.
    Tenant(Permission, TenantOperation),
}

/// What needs no tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenOperation {
    /// Whether the process lives.
    Live,
    /// Whether it can be worked with.
    Ready,
    /// The description of the API.
    Describe,
}

/// What is done for a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantOperation {
    /// With resources of a kind of configuration.
    Configuration(ConfigurationOperation, ConfigurationKind),
    /// An expression or a condition, tried on a sample.
    Evaluate,
    /// With all resources at once, as XML.
    Dataset(DatasetOperation),
    /// With tasks and their runs.
    Task(TaskOperation, TaskKind),
    /// With files.
    File(FileOperation),
    /// With IM objects.
    Object(ObjectOperation),
    /// With the audit log.
    Audit(AuditOperation),
    /// With what an admin looks after.
    Administration(AdministrationOperation),
    /// With the accounts of an IM object.
    Accounts,
    /// With the owner of an account.
    Account(AccountOperation),
    /// With accounts about which runs do not decide by themselves.
    Dispute(DisputeOperation),
    /// With applications as runs find them.
    Application(ApplicationOperation),
    /// With accounts that their applications refuse.
    Parked(ParkedOperation),
    /// With connectors, as User Sync has them.
    Connector(ConnectorOperation),
    /// With syncs, as User Sync has them.
    Sync(SyncOperation),
    /// With one user, as User Sync has it.
    Single(SingleOperation),
}

/// What is done with configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigurationOperation {
    /// All of a kind.
    List,
    /// A new one.
    Create,
    /// One.
    Read,
    /// Another in its place.
    Replace,
    /// The same, changed in part.
    Patch,
    /// One less.
    Delete,
    /// Its versions.
    History,
    /// One of its versions.
    Version,
    /// One of its versions once more.
    Restore,
}

impl ConfigurationOperation {
    /// Whether it answers the entity tag of the resource in `ETag`.
    pub(crate) fn answers_tag(self) -> bool {
        self == Self::Create || self.heeds_preconditions() && self != Self::Delete
    }

    /// Whether it heeds `If-Match` and `If-None-Match`.
    pub(crate) fn heeds_preconditions(self) -> bool {
        match self {
            Self::Read | Self::Replace | Self::Patch | Self::Delete | Self::Restore => true,
            Self::List | Self::Create | Self::History | Self::Version => false,
        }
    }
}

/// What is done with resources at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetOperation {
    /// They are written.
    Import,
    /// They are read.
    Export,
    /// What a dataset looks like.
    Schema,
}

/// What is done with tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskOperation {
    /// A run of a task.
    Launch,
    /// The runs of a task.
    History,
    /// The runs of all tasks.
    Instances,
    /// One run.
    Show,
    /// The same, whenever it has changed.
    Events,
    /// Its plan, and what became of it.
    Changes,
    /// What guards have against its plan.
    Trips,
    /// Its entries that failed.
    Failures,
    /// These once more.
    Retry,
    /// A run that undoes it.
    Undo,
    /// Its end.
    Cancel,
    /// It stands still.
    Pause,
    /// It goes on.
    Resume,
    /// Its plan is to be carried out.
    Approve,
    /// Its plan is not.
    Reject,
    /// The schedule of a task stands still.
    PauseSchedule,
    /// It goes on.
    ResumeSchedule,
    /// How it stands.
    Scheduling,
}

/// What is done with files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOperation {
    /// All of the tenant.
    List,
    /// One.
    Read,
    /// One put in place.
    Write,
    /// One less.
    Delete,
}

/// What is done with IM objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectOperation {
    /// All of a kind that a condition holds for.
    Search,
    /// A new one.
    Create,
    /// One.
    Read,
    /// Other values in the place of its values.
    Replace,
    /// The same, changed in part.
    Patch,
    /// One less.
    Delete,
    /// What its versions replaced.
    History,
    /// Where its values come from.
    Why,
}

impl ObjectOperation {
    fn answers_tag(self) -> bool {
        match self {
            Self::Create | Self::Read | Self::Replace | Self::Patch => true,
            Self::Search | Self::Delete | Self::History | Self::Why => false,
        }
    }

    fn heeds_preconditions(self) -> bool {
        match self {
            Self::Read | Self::Replace | Self::Patch | Self::Delete => true,
            Self::Search | Self::Create | Self::History | Self::Why => false,
        }
    }
}

/// What is done with what an admin looks after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdministrationOperation {
    /// All users.
    ListUsers,
    /// A new user.
    CreateUser,
    /// Other roles for a user, or another password.
    ChangeUser,
    /// One user less.
    DeleteUser,
    /// All tokens.
    ListTokens,
    /// A new token.
    CreateToken,
    /// One token less.
    DeleteToken,
    /// All secrets, without their values.
    ListSecrets,
    /// A secret, in the place of one of its name.
    PutSecret,
    /// One secret less.
    DeleteSecret,
    /// The tenant's settings.
    ReadSettings,
    /// Others in their place.
    ReplaceSettings,
}

/// What a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Nothing,
    /// JSON of this schema.
    Json(&'static str),
    /// JSON of this schema, or nothing.
    JsonOrNothing(&'static str),
    /// A JSON array of this schema.
    JsonList(&'static str),
    /// A JSON array of one of these schemas, or the same as CSV.
    JsonListOrCsv(&'static [&'static str]),
    /// A patch of JSON of this schema, in either form.
    Patch(&'static str),
    /// JSON of a form that is described elsewhere.
    AnyJson,
    /// A text, or JSON of this schema.
    TextOrJson(&'static str),
    /// A text.
    Text,
    /// XML.
    Xml,
    /// Server-sent events.
    Events,
    /// A file.
    Octets,
}

/// An answer of a request that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// What it means.
    pub description: &'static str,
    /// What it holds.
    pub content: Content,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path; `{name}` is a segment that varies, `{path}` at the end all that follows.
    pub path: String,
    /// Who may call it, and what it does.
    pub access: Access,
    /// Its name for programs.
    pub id: String,
    /// What it does, in a few words.
    pub summary: String,
    /// What it stands with in the description.
    pub group: &'static str,
    /// The query parameters that it knows.
    pub query: &'static [Parameter],
    /// What it takes.
    pub body: Content,
    /// How it answers when all went well.
    pub answers: Vec<Answer>,
    /// The statuses with which it refuses, besides those that all routes of tenants share.
    pub refusals: &'static [u16],
}

impl Route {
    /// The right that it asks for; `None` where everybody may.
    #[must_use]
    pub fn permission(&self) -> Option<Permission> {
        match self.access {
            Access::Everybody(_) => None,
            Access::Tenant(permission, _) => Some(permission),
        }
    }

    /// Whether somebody else can come before it again and again, which is told with 409.
    pub(crate) fn may_be_outrun(&self) -> bool {
        let Access::Tenant(_, operation) = self.access else { return false };
        let is_tried_on_a_sample = operation == TenantOperation::Evaluate;
        let is_repeatable = match operation {
            TenantOperation::Task(operation, kind) => tasks::is_repeatable(kind, operation),
            TenantOperation::Parked(_) | TenantOperation::Single(_) => true,
            TenantOperation::Configuration(..)
            | TenantOperation::Evaluate
            | TenantOperation::Dataset(_)
            | TenantOperation::File(_)
            | TenantOperation::Object(_)
            | TenantOperation::Audit(_)
            | TenantOperation::Administration(_)
            | TenantOperation::Accounts
            | TenantOperation::Account(_)
            | TenantOperation::Application(_)
            | TenantOperation::Connector(_)
            | TenantOperation::Sync(_)
            | TenantOperation::Dispute(_) => false,
        };
        self.method != Method::Get && !is_tried_on_a_sample && !is_repeatable
    }

    /// Whether it answers the entity tag of what it is about in `ETag`.
    pub(crate) fn answers_tag(&self) -> bool {
        match self.access {
            Access::Tenant(_, TenantOperation::Configuration(operation, _)) => operation.answers_tag(),
            Access::Tenant(_, TenantOperation::Object(operation)) => operation.answers_tag(),
            Access::Tenant(_, TenantOperation::Connector(operation)) => operation.is_about_one(),
            Access::Tenant(
                _,
                TenantOperation::Evaluate
                | TenantOperation::Dataset(_)
                | TenantOperation::Task(..)
                | TenantOperation::File(_)
                | TenantOperation::Accounts
                | TenantOperation::Account(_)
                | TenantOperation::Dispute(_)
                | TenantOperation::Application(_)
                | TenantOperation::Parked(_)
                | TenantOperation::Sync(_)
                | TenantOperation::Single(_)
                | TenantOperation::Administration(_)
                | TenantOperation::Audit(_),
            )
            | Access::Everybody(_) => false,
        }
    }

    /// Whether it heeds `If-Match` and `If-None-Match`.
    pub(crate) fn heeds_preconditions(&self) -> bool {
        match self.access {
            Access::Tenant(_, TenantOperation::Configuration(operation, _)) => {
                operation.heeds_preconditions()
            }
            Access::Tenant(_, TenantOperation::Object(operation)) => operation.heeds_preconditions(),
            Access::Tenant(_, TenantOperation::Connector(operation)) => operation.is_about_one(),
            Access::Tenant(
                _,
                TenantOperation::Evaluate
                | TenantOperation::Dataset(_)
                | TenantOperation::Task(..)
                | TenantOperation::File(_)
                | TenantOperation::Accounts
                | TenantOperation::Account(_)
                | TenantOperation::Dispute(_)
                | TenantOperation::Application(_)
                | TenantOperation::Parked(_)
                | TenantOperation::Sync(_)
                | TenantOperation::Single(_)
                | TenantOperation::Administration(_)
                | TenantOperation::Audit(_),
            )
            | Access::Everybody(_) => false,
        }
    }
}

/// The table.
pub fn routes() -> &'static [Route] {
    static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
        let kinds = ConfigurationKind::ALL.into_iter().flat_map(configuration::routes_of);
        let tasks = TaskKind::ALL.into_iter().flat_map(tasks::routes_of);
        let rest = others::routes().into_iter().chain(administration::routes()).chain(audit::routes());
        let user_sync = connectors::routes().into_iter().chain(syncs::routes()).chain(single::routes());
        let rest = user_sync.chain(rest);
        let known = kinds.chain(applications::routes()).chain(tasks);
        known.chain(objects::routes()).chain(disputes::routes()).chain(parked::routes()).chain(rest).collect()
    });
    &ROUTES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_one_of_its_kind() {
        let ids: BTreeSet<_> = routes().iter().map(|route| &route.id).collect();
        let places: BTreeSet<_> = routes().iter().map(|route| (route.method, &route.path)).collect();
        assert_eq!((ids.len(), places.len()), (routes().len(), routes().len()));
    }

    #[test]
    fn a_route_asks_for_a_right_where_a_tenant_is_in_its_path() {
        for route in routes() {
            assert_eq!(route.path.starts_with("/{tenant}/"), route.permission().is_some(), "{}", route.path);
        }
    }
}
