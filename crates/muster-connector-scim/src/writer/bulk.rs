//! Several writes as one request (RFC 7644 §3.7), where the service takes such. One that fails fails alone.

use muster_connector::{AttributeWrite, ConnectorError, Operation, WriteResult, Written};
use muster_http::{Answer, fault_of, refusal};
use serde_json::{Map, Value as Json, json};

use super::compose::{Changes, Patching, created, patch};
use super::single::Single;
use crate::api::{self, WORDS, is_conflict};
use crate::list::{id_at, id_of};

const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// So many operations one request has at most, and so long it is, in octets, whatever the service admits.
const MOST_OPERATIONS: usize = 100;
const LONGEST: usize = 1024 * 1024;
/// What stands around the operations, in octets.
const FRAME: usize = 256;

/// One operation of a request.
struct Part {
    /// Its place among the operations of the round.
    place: usize,
    method: &'static str,
    path: String,
    body: Json,
}

/// Carries out what can be sent together; what cannot has no outcome afterwards.
pub(super) async fn write(
    single: &Single<'_>,
    operations: &[&Operation],
    outcomes: &mut [Option<WriteResult>],
) {
    let mut parts = Vec::new();
    for (place, operation) in operations.iter().enumerate() {
        match part(single, place, operation) {
            Ok(Some(part)) => parts.push(part),
            Ok(None) => {}
            Err(error) => outcomes[place] = Some(Err(error)),
        }
    }
    for request in requests(single, parts) {
        if request.len() > 1 {
            send(single, &request, operations, outcomes).await;
        }
    }
}

/// `None` where it has to be sent alone.
fn part(single: &Single<'_>, place: usize, operation: &Operation) -> Result<Option<Part>, ConnectorError> {
    let (method, path, data) = match operation {
        // A name that may be several resources' has to be looked for first.
        Operation::Create { .. } if !single.layout.is_name_unique => return Ok(None),
        Operation::Create { attributes, enabled, .. } => {
            ("POST", single.layout.endpoint.clone(), Some(created(single.layout, attributes, *enabled)?))
        }
        Operation::Update { .. } if !single.service.has_patch() => return Ok(None),
        // Whether something is held twice afterwards only the answer to a request of its own shows.
        Operation::Update { writes, .. } if writes.iter().any(|(_, write)| adds(write)) => return Ok(None),
        Operation::Update { uid, writes, enabled, .. } => {
            let patching =
                Patching { layout: single.layout, habits: &single.service.settings.habits, known: None };
            let operations = patching.operations(Changes { writes, enabled: *enabled })?;
            if operations.is_empty() {
                return Ok(None);
            }
            ("PATCH", single.path(uid), Some(patch(operations)))
        }
        Operation::Delete { uid, .. } => ("DELETE", single.path(uid), None),
    };
    let mut body =
        Map::from_iter([("method".to_owned(), method.into()), ("path".to_owned(), path.as_str().into())]);
    if method == "POST" {
        body.insert("bulkId".to_owned(), format!("b{place}").into());
    }
    body.extend(data.map(|data| ("data".to_owned(), data)));
    Ok(Some(Part { place, method, path, body: body.into() }))
}

fn adds(write: &AttributeWrite) -> bool {
    matches!(write, AttributeWrite::Values { add, .. } if !add.is_empty())
}

/// Parts that go together, within what the service admits.
fn requests(single: &Single<'_>, parts: Vec<Part>) -> Vec<Vec<Part>> {
    let offered = &single.service.config.bulk;
    let within = |offered: usize, most: usize| if offered == 0 { most } else { offered.min(most) };
    let most = within(offered.max_operations, MOST_OPERATIONS);
    let longest = within(offered.max_payload_size, LONGEST);
    let mut requests: Vec<Vec<Part>> = Vec::new();
    let mut length = 0;
    for part in parts {
        let more = part.body.to_string().len() + 1;
        match requests.last_mut() {
            Some(request) if request.len() < most && length + more <= longest => {
                request.push(part);
                length += more;
            }
            Some(_) | None => {
                requests.push(vec![part]);
                length = FRAME + more;
            }
        }
    }
    requests
}

async fn send(
    single: &Single<'_>,
    request: &[Part],
    operations: &[&Operation],
    outcomes: &mut [Option<WriteResult>],
) {
    let bodies: Vec<&Json> = request.iter().map(|part| &part.body).collect();
    let body = json!({ "schemas": [BULK_REQUEST], "Operations": bodies });
    let answer = match single.service.api.call(&api::post("/Bulk", &body)).await {
        Ok(answer) => answer,
        Err(error) => {
            for part in request {
                outcomes[part.place] = Some(Err(error.clone()));
            }
            return;
        }
    };
    if !answer.is_success() {
        // It was refused as a whole, so nothing of it was done: each is sent alone.
        return;
    }
    let told = match answer.parsed::<Map<String, Json>>() {
        Ok(told) => told.get("Operations").and_then(Json::as_array).cloned().unwrap_or_default(),
        Err(error) => {
            for part in request {
                outcomes[part.place] = Some(Err(error.clone()));
            }
            return;
        }
    };
    for (number, part) in request.iter().enumerate() {
        let one = find(part, number, request.len(), &told);
        outcomes[part.place] = Some(match one {
            Some(one) => outcome(single, part, operations[part.place], one, &answer).await,
            None => super::untold(),
        });
    }
}

/// What is told of a part: by what it was called, by where it is, or by its place where all are told.
fn find<'a>(part: &Part, number: usize, count: usize, told: &'a [Json]) -> Option<&'a Json> {
    let called = part.body.get("bulkId").and_then(Json::as_str);
    let is_called = |one: &&Json| called.is_some() && text_in(one, "bulkId") == called;
    let is_there = |one: &&Json| {
        called.is_none()
            && text_in(one, "method").is_none_or(|method| method.eq_ignore_ascii_case(part.method))
            && text_in(one, "location").is_some_and(|location| location.ends_with(&part.path))
    };
    let at_place = || {
        let one = told.get(number).filter(|_| told.len() == count)?;
        let is_other = text_in(one, "bulkId").is_some_and(|other| Some(other) != called);
        let is_elsewhere = called.is_none() && text_in(one, "location").is_some();
        (!is_other && !is_elsewhere).then_some(one)
    };
    told.iter().find(is_called).or_else(|| told.iter().find(is_there)).or_else(at_place)
}

fn text_in<'a>(object: &'a Json, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

async fn outcome(
    single: &Single<'_>,
    part: &Part,
    operation: &Operation,
    one: &Json,
    answer: &Answer,
) -> WriteResult {
    let status = match one.get("status") {
        Some(Json::Object(status)) => status.get("code"),
        status => status,
    };
    let status = status.and_then(|status| status.as_u64().or_else(|| status.as_str()?.parse().ok()));
    let Some(status) = status.and_then(|status| u16::try_from(status).ok()) else { return super::untold() };
    let response = one.get("response");
    if (200..300).contains(&status) {
        return match operation {
            Operation::Create { uid, .. } => {
                let key = response.and_then(Json::as_object).and_then(id_of).map(str::to_owned);
                match key.or_else(|| id_at(one.get("location")?.as_str()?)) {
                    Some(key) => Ok(Written { given_uid: Some(key) }),
                    None => single.given(uid, answer).await,
                }
            }
            Operation::Update { .. } | Operation::Delete { .. } => Ok(Written::default()),
        };
    }
    let text = |name: &str| response.and_then(|response| response.get(name)?.as_str());
    let scim_type = text("scimType");
    match (operation, status, scim_type) {
        (Operation::Delete { .. }, 404 | 410, _) => return Ok(Written::default()),
        (Operation::Update { uid, writes, enabled, .. }, 400, Some("noTarget")) => {
            return single.patch_known(uid, Changes { writes, enabled: *enabled }).await;
        }
        _ => {}
    }
    let why = [scim_type, text("detail")].into_iter().flatten().map(|text| answer.shown(text));
    let why = why.collect::<Vec<_>>().join(": ");
    let told = format!("{} {} within bulk answered {status} {why}", part.method, part.path);
    let is_conflict = is_conflict(status, scim_type);
    Err(fault_of(status, None, &told, WORDS.who).unwrap_or_else(|| refusal(status, is_conflict, told)))
}
