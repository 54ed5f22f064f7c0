//! The description of the API, made from the table of routes and the shapes of documents.

mod administration;
mod applications;
mod connections;
mod connectors;
mod disputes;
mod failures;
mod objects;
mod parked;
mod schemas;
mod shapes;
mod syncs;

use std::sync::LazyLock;

use actix_web::HttpResponse;
use muster_model::configuration::document::overriding::OverrideDocument;
use muster_model::configuration::document::value::DocumentShape as _;
use muster_model::configuration::{ConfigurationKind, Document};
use serde_json::{Map, Value, json};

use crate::patch::{JSON_PATCH, MERGE_PATCH};
use crate::routes::{Access, Answer, Content, Method, Route, routes};

/// What every route of a tenant may refuse with.
const SHARED_REFUSALS: [u16; 7] = [400, 401, 403, 404, 429, 500, 503];

/// The OpenAPI 3.1 document.
#[must_use]
pub fn openapi() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes() {
        let path = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation(route);
    }
    let mut schemas = schemas::schemas();
    schemas.extend(administration::schemas());
    schemas.extend(failures::schemas());
    schemas.extend(parked::schemas());
    schemas.extend(syncs::schemas());
    for kind in ConfigurationKind::ALL {
        shapes::add(Document::shape(kind), &mut schemas);
    }
    shapes::add(&OverrideDocument::SHAPE, &mut schemas);
    connectors::add(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Muster",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Synchronizes identities between an identity repository and applications. \
                Collections answer with and without a slash at the end. Every refusal has one body, `Error`; \
                it lists all that is wrong at once. Who has no credentials of the tenant in the path gets the \
                same 404, whether there is such a tenant or not.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"basic": []}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "A user of the tenant."},
                "token": {"type": "http", "scheme": "bearer", "description": "A token of the tenant."},
            },
        },
    })
}

pub(crate) fn describe() -> HttpResponse {
    static TEXT: LazyLock<String> = LazyLock::new(|| openapi().to_string());
    HttpResponse::Ok().content_type("application/json").body(TEXT.as_str())
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "tags": [route.group],
        "parameters": parameters(route),
        "responses": responses(route),
    });
    match route.permission() {
        None => operation["security"] = json!([]),
        Some(permission) => {
            operation["description"] = format!("Needs the right to {}.", permission.as_str()).into();
        }
    }
    if let Some(body) = request_body(route.body) {
        operation["requestBody"] = body;
    }
    operation
}

fn parameters(route: &Route) -> Value {
    let segments = route.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let in_path = segments.map(|name| {
        let (description, schema) = schemas::segment(route, name);
        json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
    });
    let in_query = route.query.iter().map(|parameter| {
        json!({
            "name": parameter.name(),
            "in": "query",
            "required": false,
            "description": parameter.description(),
            "schema": parameter.schema(),
        })
    });
    in_path.chain(in_query).chain(preconditions(route)).chain(last_event(route)).collect()
}

fn last_event(route: &Route) -> Option<Value> {
    let events = route.answers.iter().any(|answer| answer.content == Content::Events);
    events.then(|| {
        json!({
            "name": "Last-Event-ID",
            "in": "header",
            "required": false,
            "description": "The id of the event that was heard last; it is not said again.",
            "schema": {"type": "string"},
        })
    })
}

fn preconditions(route: &Route) -> Vec<Value> {
    if !route.heeds_preconditions() {
        return Vec::new();
    }
    let header = |name: &str, description: &str| {
        json!({
            "name": name,
            "in": "header",
            "required": false,
            "description": description,
            "schema": {"type": "string"},
        })
    };
    let unknown = if route.method == Method::Get {
        "Entity tags that are known, or `*`: answers 304 without a body where the resource has one of them."
    } else {
        "Entity tags, or `*`: nothing is done where the resource has one of them."
    };
    let expected =
        "Entity tags, or `*`: nothing is done unless the resource has one of them, as its `ETag` said.";
    vec![header("If-Match", expected), header("If-None-Match", unknown)]
}

fn request_body(body: Content) -> Option<Value> {
    let required = !matches!(body, Content::JsonOrNothing(_));
    let mut content = content(body)?;
    if body == Content::Xml {
        content["text/xml"] = content["application/xml"].clone();
    }
    Some(json!({"required": required, "content": content}))
}

fn responses(route: &Route) -> Value {
    let mut responses = Map::new();
    for answer in &route.answers {
        responses.insert(answer.status.to_string(), response(route, answer));
    }
    for status in refusals(route) {
        let mut refusal = json!({
            "description": refusal(status),
            "content": {"application/json": {"schema": reference("Error")}},
        });
        let header = |description: &str| json!({"description": description, "schema": {"type": "string"}});
        match status {
            401 => refusal["headers"] = json!({"WWW-Authenticate": header("How one shows who one is.")}),
            429 | 503 => refusal["headers"] = json!({"Retry-After": header("Seconds to wait.")}),
            _ => {}
        }
        responses.insert(status.to_string(), refusal);
    }
    Value::Object(responses)
}

/// All statuses that the route refuses with, in their order.
fn refusals(route: &Route) -> Vec<u16> {
    let mut statuses = route.refusals.to_vec();
    if route.may_be_outrun() {
        statuses.push(409);
    }
    match route.access {
        Access::Tenant(..) => statuses.extend(SHARED_REFUSALS),
        Access::Everybody(_) => statuses.push(400),
    }
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn response(route: &Route, answer: &Answer) -> Value {
    let mut response = json!({"description": answer.description});
    if let Some(content) = content(answer.content) {
        response["content"] = content;
    }
    let mut headers = Map::new();
    let mut header = |name: &str, description: &str| {
        let header = json!({"description": description, "schema": {"type": "string"}});
        headers.insert(name.to_owned(), header);
    };
    if answer.status == 201 && !matches!(route.body, Content::Octets | Content::TextOrJson(_)) {
        header("Location", "The path of what was created.");
    }
    if matches!(answer.content, Content::JsonListOrCsv(_)) {
        header(
            "Link",
            "Where there may be more: `<?…&after=…>; rel=\"next\"`. A page may be short, or empty, and have it.",
        );
    }
    if route.answers_tag() {
        header("ETag", "The entity tag of the resource as it is now; another one after every change.");
    }
    if !headers.is_empty() {
        response["headers"] = headers.into();
    }
    response
}

fn content(content: Content) -> Option<Value> {
    match content {
        Content::Nothing => None,
        Content::Json(name) | Content::JsonOrNothing(name) => {
            Some(json!({"application/json": {"schema": reference(name)}}))
        }
        Content::JsonList(name) => {
            Some(json!({"application/json": {"schema": {"type": "array", "items": reference(name)}}}))
        }
        Content::JsonListOrCsv(names) => {
            let items = names.iter().map(|name| reference(name)).collect::<Vec<_>>();
            Some(json!({
                "application/json": {"schema": {"type": "array", "items": {"anyOf": items}}},
                "text/csv": {"schema": {"type": "string"}},
            }))
        }
        Content::Patch(name) => {
            let description =
                format!("The fields of `{name}` that change, with their new values; null removes one.");
            Some(json!({
                MERGE_PATCH: {"schema": {"type": "object", "description": description}},
                JSON_PATCH: {"schema": reference("JsonPatch")},
            }))
        }
        Content::AnyJson => Some(json!({"application/json": {"schema": {"type": "object"}}})),
        Content::TextOrJson(name) => Some(json!({
            "text/plain": {"schema": {"type": "string"}},
            "application/json": {"schema": reference(name)},
        })),
        Content::Text => Some(json!({"text/plain": {"schema": {"type": "string"}}})),
        Content::Xml => Some(json!({"application/xml": {"schema": {"type": "string"}}})),
        Content::Events => Some(json!({"text/event-stream": {"schema": {"type": "string"}}})),
        Content::Octets => Some(json!({"application/octet-stream": {}})),
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn refusal(status: u16) -> &'static str {
    match status {
        400 => "The request breaks rules, or its body is no JSON; `properties` lists all problems",
        401 => "There are no credentials",
        403 => "A right is missing",
        404 => "There is no such thing, or the credentials are not of the tenant",
        408 => "The body did not arrive in time",
        409 => "The state of things forbids it now; `fix` says what to do",
        412 => "The resource is not the one that `If-Match` or `If-None-Match` asks for",
        413 => "The body is too large",
        415 => "The body is of another type",
        429 => "The tenant asks too often, or too many logins have failed",
        503 => "The server cannot answer now",
        _ => "The server failed; its log says why under `logTrackingId`",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_reference_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/openapi.json");
        let stored = std::fs::read_to_string(path).expect("docs/reference/openapi.json can be read");
        let now = format!("{:#}\n", super::openapi());
        assert!(
            stored == now,
            "docs/reference/openapi.json is old; write it anew with `cargo xtask gen openapi`"
        );
    }
}
