//! The routes of syncs and of directories, as clients of User Sync know them.

use super::others::{answer, route};
use super::{Access, Content, Method, Parameter, Route, TenantOperation};
use crate::rights::Permission;

/// What is done with syncs, and with the directories that they fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncOperation {
    /// A sync of all users of a connector.
    Start,
    /// The last of those.
    Last,
    /// One.
    Show,
    /// What became of its users.
    Results,
    /// One directory less, with all users in it.
    DeleteDirectory,
}

pub(super) fn routes() -> Vec<Route> {
    let sync = |(method, end): (Method, &str), (permission, operation), words| {
        let access = Access::Tenant(permission, TenantOperation::Sync(operation));
        let path = format!("/{{tenant}}/rest/samlsso-admin/1.0/{end}");
        Route { group: "User Sync", ..route(method, &path, access, words) }
    };
    let status = |description| vec![answer(200, description, Content::Json("SyncStatus"))];
    vec![
        Route {
            query: &[Parameter::Local],
            answers: status("The sync, which a worker takes up soon"),
            ..sync(
                (Method::Post, "usersync/connector/{id}/sync"),
                (Permission::Operate, SyncOperation::Start),
                ("startSync", "Synchronize all users of a connector; a body is ignored, whatever its type"),
            )
        },
        Route {
            answers: status("How far it is, or how it ended"),
            ..sync(
                (Method::Get, "usersync/connector/{id}/syncstatus"),
                (Permission::View, SyncOperation::Last),
                ("getLastSyncStatus", "Get the status of the last sync of all users of a connector"),
            )
        },
        Route {
            answers: status("How far it is, or how it ended"),
            ..sync(
                (Method::Get, "usersync/syncstatus/{sync}"),
                (Permission::View, SyncOperation::Show),
                ("getSyncStatus", "Get the status of a sync"),
            )
        },
        Route {
            query: &[Parameter::Count],
            answers: vec![answer(
                200,
                "What became of each user: first of those that changed, last of those that did not",
                Content::JsonList("UserResult"),
            )],
            ..sync(
                (Method::Get, "usersync/syncstatus/{sync}/results"),
                (Permission::View, SyncOperation::Results),
                ("listSyncResults", "List what became of the users of a sync"),
            )
        },
        Route {
            answers: vec![answer(204, "It is gone, with all users in it", Content::Nothing)],
            ..sync(
                (Method::Delete, "directory/{directory}"),
                (Permission::Administer, SyncOperation::DeleteDirectory),
                ("deleteDirectory", "Delete a directory with all users in it, without a warning"),
            )
        },
    ]
}
