//! The routes of the single sync, as clients of User Sync know them.

use super::others::{answer, route};
use super::{Access, Content, Method, Route, TenantOperation};
use crate::rights::Permission;

/// How a single sync is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SingleOperation {
    /// By a body.
    Asked,
    /// By a name in the path, as before User Sync 2.
    Named,
}

pub(super) fn routes() -> Vec<Route> {
    let single = |end: &str, operation, words| {
        let access = Access::Tenant(Permission::Operate, TenantOperation::Single(operation));
        let path = format!("/{{tenant}}/rest/samlsso-admin/1.0/usersync/connector/{{id}}/syncsingle{end}");
        Route {
            group: "User Sync",
            answers: vec![answer(200, "What became of the user", Content::Json("UserResult"))],
            ..route(Method::Post, &path, access, words)
        }
    };
    vec![
        Route {
            body: Content::Json("SingleSync"),
            refusals: &[408, 413, 415, 422],
            ..single("", SingleOperation::Asked, ("syncSingleUser", "Synchronize one user, and wait for it"))
        },
        Route {
            refusals: &[422],
            ..single(
                "/{name}",
                SingleOperation::Named,
                (
                    "syncNamedUser",
                    "Synchronize one user, and wait for it; a body is ignored, whatever its type",
                ),
            )
        },
    ]
}
