//! The routes of the seven kinds of configuration, alike for all of them.

use muster_model::configuration::ConfigurationKind;

use super::{Access, Answer, ConfigurationOperation, Content, Method, Parameter, Route, TenantOperation};
use crate::rights::Permission;

/// What the routes of a kind differ in.
struct Row {
    method: Method,
    end: &'static str,
    permission: Permission,
    operation: ConfigurationOperation,
    verb: &'static str,
    summary: &'static str,
    query: &'static [Parameter],
    refusals: &'static [u16],
}

const LIST: &[Parameter] = &[Parameter::Limit, Parameter::AfterText, Parameter::Search];

const ROWS: [Row; 6] = [
    Row {
        method: Method::Get,
        end: "",
        permission: Permission::View,
        operation: ConfigurationOperation::List,
        verb: "list",
        summary: "List all resources of the kind, by id",
        query: LIST,
        refusals: &[],
    },
    Row {
        method: Method::Post,
        end: "",
        permission: Permission::Configure,
        operation: ConfigurationOperation::Create,
        verb: "create",
        summary: "Create a resource",
        query: &[],
        refusals: &[400, 408, 409, 413, 415],
    },
    Row {
        method: Method::Get,
        end: "/{id}",
        permission: Permission::View,
        operation: ConfigurationOperation::Read,
        verb: "get",
        summary: "Get the resource of that id",
        query: &[],
        refusals: &[412],
    },
    Row {
        method: Method::Put,
        end: "/{id}",
        permission: Permission::Configure,
        operation: ConfigurationOperation::Replace,
        verb: "update",
        summary: "Put another document in the place of the resource's; runs under way go on with the old one",
        query: &[],
        refusals: &[400, 408, 409, 412, 413, 415],
    },
    Row {
        method: Method::Patch,
        end: "/{id}",
        permission: Permission::Configure,
        operation: ConfigurationOperation::Patch,
        verb: "patch",
        summary: "Change the resource in part; what comes of it is checked as a whole",
        query: &[],
        refusals: &[400, 408, 409, 412, 413, 415],
    },
    Row {
        method: Method::Delete,
        end: "/{id}",
        permission: Permission::Configure,
        operation: ConfigurationOperation::Delete,
        verb: "delete",
        summary: "Delete the resource, unless others refer to it or a run uses it",
        query: &[],
        refusals: &[409, 412],
    },
];

pub(super) fn routes_of(kind: ConfigurationKind) -> impl Iterator<Item = Route> {
    ROWS.into_iter().map(move |row| Route {
        method: row.method,
        path: format!("/{{tenant}}/api/sync/conf/{}{}", kind.path_segment(), row.end),
        access: Access::Tenant(row.permission, TenantOperation::Configuration(row.operation, kind)),
        id: format!("{}{}", row.verb, kind.element_name()),
        summary: row.summary.to_owned(),
        group: "Configuration",
        query: row.query,
        body: match row.operation {
            ConfigurationOperation::Create | ConfigurationOperation::Replace => {
                Content::Json(kind.element_name())
            }
            ConfigurationOperation::Patch => Content::Patch(kind.element_name()),
            ConfigurationOperation::List | ConfigurationOperation::Read | ConfigurationOperation::Delete => {
                Content::Nothing
            }
        },
        answers: answers(row.operation, kind.element_name()),
        refusals: row.refusals,
    })
}

fn answers(operation: ConfigurationOperation, name: &'static str) -> Vec<Answer> {
    let (status, description, content) = match operation {
        ConfigurationOperation::List => (200, "The resources", Content::JsonList(name)),
        ConfigurationOperation::Create => (201, "Created; `Location` says where", Content::Json(name)),
        ConfigurationOperation::Read => (200, "The resource", Content::Json(name)),
        ConfigurationOperation::Replace | ConfigurationOperation::Patch => {
            (200, "The resource as it is now", Content::Json(name))
        }
        ConfigurationOperation::Delete => (204, "Deleted", Content::Nothing),
    };
    let mut answers = vec![Answer { status, description, content }];
    if operation == ConfigurationOperation::Read {
        let description = "It is the one that `If-None-Match` names";
        answers.push(Answer { status: 304, description, content: Content::Nothing });
    }
    answers
}
