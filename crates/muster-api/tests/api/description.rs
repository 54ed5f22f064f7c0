//! The OpenAPI description: whole, and true to what is answered.

use std::collections::BTreeSet;

use muster_api::openapi;
use muster_api::routes::{Method, routes};
use muster_testkit::server::Staff;
use serde_json::{Value, json};

use crate::tasks::wait_for_end;
use crate::world::{configured, put_people};

/// The schema that a reference leads to, or the schema itself.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect(reference),
        None => schema,
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What of a value does not fit its schema: types, words, and fields that are missing or unknown.
fn misfits(document: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let schema = resolve(document, schema);
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if let Some(schemas) = schema["anyOf"].as_array() {
        let misfits_of = |one: &Value| {
            let mut found = Vec::new();
            misfits(document, one, value, place, &mut found);
            found
        };
        let each: Vec<_> = schemas.iter().map(misfits_of).collect();
        if !each.iter().any(Vec::is_empty) {
            found.extend(each.into_iter().flatten());
        }
        return;
    }
    let Some(kinds) = schema.get("type") else { return };
    let kinds = kinds.as_array().cloned().unwrap_or_else(|| vec![kinds.clone()]);
    if !kinds.contains(&kind.into()) {
        found.push(format!("{place} is {kind}, not {kinds:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        found.push(format!("{place} is {value}"));
    }
    if let Some(fields) = value.as_object() {
        let Some(known) = schema["properties"].as_object() else { return };
        for name in fields.keys().filter(|name| !known.contains_key(*name)) {
            found.push(format!("{place}/{name} is not described"));
        }
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for name in required.iter().filter(|name| !fields.contains_key(name.as_str().unwrap())) {
            found.push(format!("{place}/{name} is missing"));
        }
        for (name, field) in fields.iter().filter(|(name, _)| known.contains_key(*name)) {
            misfits(document, &known[name], field, &format!("{place}/{name}"), found);
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        misfits(document, &schema["items"], item, &format!("{place}/{index}"), found);
    }
}

#[test]
fn the_description_is_served_and_whole() {
    let (server, _) = configured(Staff::Absent);
    let document = server.anybody().get("/api-docs/openapi.json").expect(200).json();
    assert_eq!(document, openapi());
    assert_eq!(document["openapi"], "3.1.0");
    let described: usize =
        document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
    assert_eq!(described, routes().len());
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[test]
fn whoever_writes_may_be_outrun_and_is_told_so() {
    let document = openapi();
    let mut silent = Vec::new();
    for route in routes().iter().filter(|route| route.method != Method::Get) {
        let method = route.method.as_str().to_lowercase();
        if document["paths"][&route.path][&method]["responses"].get("409").is_none() {
            silent.push(route.id.as_str());
        }
    }
    silent.sort_unstable();
    // The one writes nothing, the others may be repeated as often as one likes.
    assert_eq!(
        silent,
        [
            "cancelProvisioningTaskInstance",
            "evaluate",
            "releaseParkedAccounts",
            "syncNamedUser",
            "syncSingleUser"
        ]
    );
}

/// What of a schema breaks the rules that OpenAPI 3.1 (JSON Schema 2020-12) has for the keywords we use.
fn malformed(schema: &Value, place: &str, found: &mut Vec<String>) {
    const TYPES: [&str; 6] = ["null", "boolean", "integer", "string", "array", "object"];
    let Some(keywords) = schema.as_object() else {
        if !schema.is_boolean() {
            found.push(format!("{place} is {schema}"));
        }
        return;
    };
    for (keyword, value) in keywords {
        let at = format!("{place}/{keyword}");
        let known_type = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
        let unique = |items: &[Value]| items.iter().enumerate().all(|(i, item)| !items[..i].contains(item));
        let fits = match keyword.as_str() {
            "type" => match value.as_array() {
                Some(types) => !types.is_empty() && unique(types) && types.iter().all(known_type),
                None => known_type(value),
            },
            "enum" => value.as_array().is_some_and(|words| !words.is_empty() && unique(words)),
            "required" => value.as_array().is_some_and(|names| {
                unique(names)
                    && names.iter().all(|name| schema["properties"].get(name.as_str().unwrap()).is_some())
            }),
            "properties" => {
                let fields = value.as_object();
                for (name, field) in fields.into_iter().flatten() {
                    malformed(field, &format!("{at}/{name}"), found);
                }
                fields.is_some()
            }
            "anyOf" => {
                let schemas = value.as_array();
                for (index, one) in schemas.into_iter().flatten().enumerate() {
                    malformed(one, &format!("{at}/{index}"), found);
                }
                schemas.is_some_and(|schemas| !schemas.is_empty())
            }
            "items" | "additionalProperties" => {
                malformed(value, &at, found);
                true
            }
            "minimum" | "maximum" => value.is_number(),
            "minItems" | "maxItems" | "minLength" | "maxLength" => value.is_u64(),
            "pattern" | "format" | "description" | "$ref" => value.is_string(),
            "default" | "const" => true,
            _ => false,
        };
        if !fits {
            found.push(format!("{at} is {value}"));
        }
    }
}

/// Has every schema of a document looked at, with its place.
fn schemas(value: &Value, place: &str, visit: &mut impl FnMut(&Value, &str)) {
    for (name, field) in value.as_object().into_iter().flatten() {
        let at = format!("{place}/{name}");
        match name.as_str() {
            "schema" => visit(field, &at),
            "schemas" => {
                field.as_object().unwrap().iter().for_each(|(name, one)| visit(one, &format!("{at}/{name}")))
            }
            _ => schemas(field, &at, visit),
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        schemas(item, &format!("{place}/{index}"), visit);
    }
}

#[test]
fn every_schema_is_one() {
    let (mut found, mut count) = (Vec::new(), 0);
    schemas(&openapi(), "", &mut |schema, place| {
        malformed(schema, place, &mut found);
        count += 1;
    });
    assert_eq!(found, [""; 0]);
    assert!(count > 100, "{count}");
    malformed(&json!({"type": ["string", "null"], "enum": null}), "", &mut found);
    assert_eq!(found, ["/enum is null"]);
}

#[test]
fn lists_say_how_much_they_answer() {
    let document = openapi();
    for (path, default) in [
        ("/{tenant}/api/sync/sync-tasks/~instances", json!(1000)),
        ("/{tenant}/api/sync/sync-tasks/{definition}/instances/{instance}/changes", json!(100)),
        ("/{tenant}/api/im/{kind}", json!(100)),
        ("/{tenant}/api/sync/audit", json!(100)),
        ("/{tenant}/api/sync/conf/applications/{id}/~history", json!(20)),
        ("/{tenant}/api/sync/conf/applications", Value::Null),
    ] {
        let parameters = &document["paths"][path]["get"]["parameters"];
        let limit = parameters.as_array().unwrap().iter().find(|one| one["name"] == "limit").unwrap();
        assert_eq!(limit["schema"].get("default").cloned().unwrap_or_default(), default, "{path}");
    }
}

#[test]
fn every_operation_says_what_it_takes_and_answers() {
    let document = openapi();
    for route in routes() {
        let operation = &document["paths"][&route.path][route.method.as_str().to_lowercase()];
        let name = format!("{} {}", route.method.as_str(), route.path);
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        let in_path =
            operation["parameters"].as_array().unwrap().iter().filter(|one| one["in"] == "path").count();
        assert_eq!(in_path, route.path.matches('{').count(), "{name}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{name}");
        let shared =
            if route.permission().is_some() { vec!["401", "403", "404", "500"] } else { vec!["400"] };
        assert!(shared.iter().all(|status| responses.contains_key(*status)), "{name}");
    }
}

#[test]
fn what_is_answered_fits_its_description() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    server.system().put_bad("people", "3", Some("3".to_owned()));
    let task = "/acme/api/sync/sync-tasks/hr-import/instances";
    let id = admin.post_nothing(task).expect(200).text().to_owned();
    wait_for_end(&admin, &format!("{task}/{id}"));
    let _ = admin.send("PUT", "/acme/api/sync/files/hr.csv", &[], b"x").expect(201);
    let user = json!({"name": "ann", "roles": ["viewer"], "password": "correct horse"});
    let _ = admin.post("/acme/api/users", &user).expect(201);
    let _ = admin.put("/acme/api/sync/secrets/hr", &json!({"value": "s3cret"})).expect(201);
    let person = admin.get("/acme/api/im/IDENTITY").json()[0].clone();
    let person = person["id"].as_str().unwrap();
    let object = format!("/acme/api/im/IDENTITY/{person}");
    let disabled =
        json!({"enabled": false, "objectType": "guest", "attributes": {"name": "Anna", "tags": []}});
    let _ = admin.put(&object, &disabled).expect(200);
    let document = openapi();
    let list = |name: &str| json!({"type": "array", "items": one(name)});
    fn one(name: &str) -> Value {
        json!({"$ref": format!("#/components/schemas/{name}")})
    }
    for (path, schema) in [
        (format!("{task}/{id}?option=expandErrorDetails:true"), one("TaskProgress")),
        (task.to_owned(), list("TaskProgress")),
        (format!("{task}/{id}/changes"), list("Change")),
        ("/acme/api/im/IDENTITY".to_owned(), list("ImObject")),
        (object.clone(), one("ImObject")),
        (format!("{object}/~history"), list("ObjectHistory")),
        (format!("{object}/~why"), list("ValueOrigin")),
        (format!("/acme/api/sync/accounts/identity/{person}?fetchLiveStatus=true"), list("Account")),
        ("/acme/api/sync/files/".to_owned(), list("File")),
        ("/acme/api/sync/audit".to_owned(), list("AuditEntry")),
        ("/acme/api/sync/audit/~verify".to_owned(), one("AuditVerification")),
        (format!("/acme/api/sync/audit/~verify?head=1:{}", "0".repeat(64)), one("AuditVerification")),
        ("/acme/api/users".to_owned(), list("User")),
        ("/acme/api/tokens".to_owned(), list("Token")),
        ("/acme/api/sync/secrets".to_owned(), list("Secret")),
        ("/acme/api/settings".to_owned(), one("TenantSettings")),
        ("/health/ready".to_owned(), one("Health")),
        ("/acme/api/sync/conf/applications".to_owned(), list("Application")),
        ("/acme/api/sync/conf/connector-definitions/memory".to_owned(), one("ConnectorDefinition")),
        ("/acme/api/sync/conf/sync-task-definitions".to_owned(), list("SynchronizationTaskDefinition")),
        ("/acme/api/sync/conf/applications/hr/~history".to_owned(), list("ResourceVersion")),
        ("/acme/api/sync/conf/applications/hr/~history/1".to_owned(), one("Application")),
        ("/nothing".to_owned(), one("Error")),
    ] {
        let answer = admin.get(&path).json();
        assert_ne!(answer, json!([]), "{path}");
        let mut found = Vec::new();
        misfits(&document, &schema, &answer, "", &mut found);
        assert_eq!(found, [""; 0], "{path}: {answer}");
    }
}
