//! The routes of applications as runs find them.

use super::others::{answer, route};
use super::{Access, Content, Method, Route, TenantOperation};
use crate::rights::Permission;

/// What is done with an application as runs find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationOperation {
    /// How it goes with it.
    Status,
    /// The next run tries it.
    Release,
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
    ]
}
