//! The routes of datasets, trials, files, health and the description.

use super::{
    Access, Answer, Content, DatasetOperation, FileOperation, Method, OpenOperation, Parameter, Route,
    TenantOperation,
};
use crate::query::MOST_ROWS;
use crate::rights::Permission;

pub(super) fn routes() -> Vec<Route> {
    let mut routes = datasets();
    routes.push(evaluate());
    routes.extend(files());
    routes.extend(open());
    routes
}

/// A route without query and body, to which the others are added.
pub(super) fn route(method: Method, path: &str, access: Access, (id, summary): (&str, &str)) -> Route {
    Route {
        method,
        path: path.to_owned(),
        access,
        id: id.to_owned(),
        summary: summary.to_owned(),
        group: "Server",
        query: &[],
        body: Content::Nothing,
        answers: Vec::new(),
        refusals: &[],
    }
}

pub(super) fn answer(status: u16, description: &'static str, content: Content) -> Answer {
    Answer { status, description, content }
}

fn evaluate() -> Route {
    let access = Access::Tenant(Permission::Configure, TenantOperation::Evaluate);
    let words = ("evaluate", "Try an expression or a condition on a sample");
    Route {
        group: "Configuration",
        body: Content::Json("Trial"),
        answers: vec![answer(200, "What came of it", Content::Json("Evaluation"))],
        refusals: &[408, 413, 415],
        ..route(Method::Post, "/{tenant}/api/sync/conf/~evaluate", access, words)
    }
}

fn datasets() -> Vec<Route> {
    let dataset = |method, end: &str, (permission, operation), words| {
        let access = Access::Tenant(permission, TenantOperation::Dataset(operation));
        let path = format!("/{{tenant}}/api/sync/conf/dataset/{end}");
        Route { group: "Dataset", ..route(method, &path, access, words) }
    };
    vec![
        Route {
            query: &[Parameter::DryRun, Parameter::Mode, Parameter::Types],
            body: Content::Xml,
            answers: vec![answer(200, "What became of each resource", Content::Json("DatasetReport"))],
            refusals: &[400, 408, 409, 413, 415],
            ..dataset(
                Method::Post,
                "import",
                (Permission::Configure, DatasetOperation::Import),
                ("importDataset", "Write all resources of a dataset, or none if anything is wrong"),
            )
        },
        Route {
            query: &[Parameter::Types],
            answers: vec![answer(200, "The dataset; the same resources are the same octets", Content::Xml)],
            ..dataset(
                Method::Get,
                "export",
                (Permission::View, DatasetOperation::Export),
                ("exportDataset", "Get all resources as a dataset, by kind and id"),
            )
        },
        Route {
            answers: vec![answer(200, "An XML Schema (XSD 1.0)", Content::Xml)],
            ..dataset(
                Method::Get,
                "schema",
                (Permission::View, DatasetOperation::Schema),
                ("getDatasetSchema", "Get the schema of datasets"),
            )
        },
    ]
}

fn files() -> Vec<Route> {
    let file = |method, end: &str, operation, words| {
        let access = Access::Tenant(Permission::Configure, TenantOperation::File(operation));
        let path = format!("/{{tenant}}/api/sync/files/{end}");
        Route { group: "Files", ..route(method, &path, access, words) }
    };
    vec![
        Route {
            query: &[Parameter::LimitOr(MOST_ROWS), Parameter::AfterText],
            answers: vec![answer(200, "The files", Content::JsonList("File"))],
            ..file(Method::Get, "", FileOperation::List, ("listFiles", "List the tenant's files, by path"))
        },
        Route {
            answers: vec![answer(200, "The file", Content::Octets)],
            refusals: &[400],
            ..file(Method::Get, "{path}", FileOperation::Read, ("getFile", "Get a file"))
        },
        Route {
            body: Content::Octets,
            answers: vec![
                answer(201, "The file is new", Content::Nothing),
                answer(204, "The file took the place of another", Content::Nothing),
            ],
            refusals: &[400, 408, 413, 415],
            ..file(
                Method::Put,
                "{path}",
                FileOperation::Write,
                ("putFile", "Put a file in place, once it has arrived whole; directories are made as needed"),
            )
        },
        Route {
            answers: vec![answer(204, "Deleted", Content::Nothing)],
            refusals: &[400],
            ..file(Method::Delete, "{path}", FileOperation::Delete, ("deleteFile", "Delete a file"))
        },
    ]
}

fn open() -> Vec<Route> {
    let open = |path, operation, words| route(Method::Get, path, Access::Everybody(operation), words);
    vec![
        Route {
            answers: vec![answer(200, "It does", Content::Json("Health"))],
            ..open("/health/live", OpenOperation::Live, ("isLive", "Whether the server lives"))
        },
        Route {
            answers: vec![answer(200, "It can", Content::Json("Health"))],
            refusals: &[503],
            ..open(
                "/health/ready",
                OpenOperation::Ready,
                ("isReady", "Whether the server can be worked with: its store answers"),
            )
        },
        Route {
            answers: vec![answer(200, "An OpenAPI 3.1 document", Content::AnyJson)],
            ..open("/api-docs/openapi.json", OpenOperation::Describe, ("describeApi", "This description"))
        },
    ]
}
