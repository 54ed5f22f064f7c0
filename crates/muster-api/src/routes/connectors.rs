//! The routes of connectors, as clients of User Sync know them.

use super::others::{answer, route};
use super::{Access, Content, Method, Route, TenantOperation};
use crate::rights::Permission;

/// What is done with connectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectorOperation {
    /// All of them.
    List,
    /// One.
    Read,
    /// Another configuration for one.
    Replace,
    /// The same, changed in part.
    Patch,
    /// They are read from a file.
    Import,
    /// They are written to a file.
    Export,
}

impl ConnectorOperation {
    /// Whether it is about one connector: its entity tag is answered, and preconditions are heeded.
    pub(super) fn is_about_one(self) -> bool {
        match self {
            Self::Read | Self::Replace | Self::Patch => true,
            Self::List | Self::Import | Self::Export => false,
        }
    }
}

pub(super) fn routes() -> Vec<Route> {
    let mut routes = all();
    routes.extend(one());
    routes
}

fn connector(method: Method, end: &str, operation: ConnectorOperation, words: (&str, &str)) -> Route {
    let permission = if method == Method::Get { Permission::View } else { Permission::Configure };
    let access = Access::Tenant(permission, TenantOperation::Connector(operation));
    let path = format!("/{{tenant}}/rest/samlsso-admin/1.0/usersync/connector{end}");
    Route { group: "User Sync", ..route(method, &path, access, words) }
}

fn all() -> Vec<Route> {
    vec![
        Route {
            answers: vec![answer(
                200,
                "The connectors, by the ids of their tasks",
                Content::JsonList("Connector"),
            )],
            ..connector(
                Method::Get,
                "",
                ConnectorOperation::List,
                ("listConnectors", "List all connectors with their settings"),
            )
        },
        Route {
            body: Content::JsonList("PortableConnector"),
            answers: vec![answer(
                200,
                "The imported connectors as they are now",
                Content::JsonList("Connector"),
            )],
            refusals: &[400, 408, 409, 413, 415],
            ..connector(
                Method::Post,
                "/~import",
                ConnectorOperation::Import,
                (
                    "importConnectors",
                    "Write all connectors of a file, matched by unique id, or none if anything is wrong",
                ),
            )
        },
        Route {
            answers: vec![answer(
                200,
                "The connectors, without their directories",
                Content::JsonList("PortableConnector"),
            )],
            ..connector(
                Method::Get,
                "/~export",
                ConnectorOperation::Export,
                ("exportConnectors", "Get all connectors as a file that can be imported"),
            )
        },
    ]
}

fn one() -> Vec<Route> {
    let now = || vec![answer(200, "The connector as it is now", Content::Json("Connector"))];
    vec![
        Route {
            answers: vec![
                answer(200, "The connector", Content::Json("Connector")),
                answer(304, "It is the one that `If-None-Match` names", Content::Nothing),
            ],
            refusals: &[412],
            ..connector(
                Method::Get,
                "/{id}",
                ConnectorOperation::Read,
                ("getConnector", "Get a connector; what of it can be edited is its `configuration`"),
            )
        },
        Route {
            body: Content::Json("ConnectorConfiguration"),
            answers: now(),
            refusals: &[400, 408, 409, 412, 413, 415],
            ..connector(
                Method::Put,
                "/{id}",
                ConnectorOperation::Replace,
                ("saveConnector", "Save a connector: put another configuration in the place of its own"),
            )
        },
        Route {
            body: Content::Patch("ConnectorConfiguration"),
            answers: now(),
            refusals: &[400, 408, 409, 412, 413, 415],
            ..connector(
                Method::Patch,
                "/{id}",
                ConnectorOperation::Patch,
                ("patchConnector", "Change a connector in part; paths are relative to its `configuration`"),
            )
        },
    ]
}
