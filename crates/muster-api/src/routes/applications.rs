//! The routes of applications as runs find them.

use super::others::{answer, route};
use super::{Access, Content, Method, Route, TenantOperation};
use crate::rights::Permission;

/// What is done with an application as runs find it, and with its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationOperation {
    /// How it goes with it.
    Status,
    /// The next run tries it.
    Release,
    /// What it offers.
    Schema,
    /// Whether its connector reaches it.
    TestConnection,
}

pub(super) fn routes() -> Vec<Route> {
    let application = |method, end: &str, (permission, operation), words| {
        let access = Access::Tenant(permission, TenantOperation::Application(operation));
        let path = format!("/{{tenant}}/api/sync/conf/applications/{{id}}/{end}");
        Route { group: "Configuration", ..route(method, &path, access, words) }
    };
    vec![
        Route {
            answers: vec![answer(200, "How it goes with it", Content::Json("ApplicationStatus"))],
            ..application(
                Method::Get,
                "~status",
                (Permission::View, ApplicationOperation::Status),
                (
                    "getApplicationStatus",
                    "Get whether runs fail at an application, and when it is tried again",
                ),
            )
        },
        Route {
            answers: vec![answer(204, "The next run tries it", Content::Nothing)],
            refusals: &[409],
            ..application(
                Method::Post,
                "~release",
                (Permission::Operate, ApplicationOperation::Release),
                ("releaseApplication", "Have the next run try an application that is in quarantine"),
            )
        },
        Route {
            answers: vec![answer(200, "What it offers", Content::Json("ApplicationSchema"))],
            refusals: &[409],
            ..application(
                Method::Get,
                "~schema",
                (Permission::Configure, ApplicationOperation::Schema),
                ("getApplicationSchema", "Get the classes and attributes that an application offers"),
            )
        },
        Route {
            group: "Configuration",
            answers: vec![answer(200, "What came of each step", Content::Json("ConnectionTest"))],
            ..route(
                Method::Post,
                "/{tenant}/api/sync/conf/connector-definitions/{id}/~test",
                Access::Tenant(
                    Permission::Configure,
                    TenantOperation::Application(ApplicationOperation::TestConnection),
                ),
                (
                    "testConnection",
                    "Test whether a remote system can be reached, lets us in and has what is asked for",
                ),
            )
        },
    ]
}
