//! Drafts: what a caller sent, read into a document and its domain type, not yet checked against the rest.

use muster_model::ConfigurationId;
use muster_model::configuration::{ConfigurationKind, Document, Leniency, Problems, Resource};
use serde_json::Value;
use uuid::Uuid;

/// A resource that is to be saved.
#[derive(Debug)]
pub(crate) struct Draft {
    /// What it means.
    pub(crate) resource: Resource,
    /// Its document, as it is kept.
    pub(crate) body: String,
}

/// What the id of a draft has to be.
pub(crate) enum Named<'a> {
    /// The caller's choice.
    Freely,
    /// That of the resource in whose place it is put; it may be left out.
    AsBefore(&'a Resource),
}

impl Draft {
    /// Reads a draft. `new_id` makes the unique id of a task that has none.
    pub(crate) fn of(
        kind: ConfigurationKind,
        mut body: Value,
        named: Named<'_>,
        new_id: impl FnOnce() -> Uuid,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        if let Named::AsBefore(old) = &named {
            let id = old.id();
            keep(&mut body, ("id", id.as_str()), |given| given == id.as_str(), &mut problems);
        }
        if kind == ConfigurationKind::SynchronizationTaskDefinition {
            match named {
                Named::AsBefore(Resource::SynchronizationTaskDefinition(old)) if old.unique_id.is_some() => {
                    let unique_id = old.unique_id.unwrap_or_default();
                    let fits = |given: &str| Uuid::parse_str(given) == Ok(unique_id);
                    keep(&mut body, ("uniqueId", &unique_id.to_string()), fits, &mut problems);
                }
                Named::AsBefore(_) | Named::Freely => give(&mut body, "uniqueId", &new_id().to_string()),
            }
        }
        let read = read(kind, &body);
        match read {
            Ok((document, resource)) if problems.is_empty() => {
                Ok(Self { resource, body: document.to_value().to_string() })
            }
            Ok(_) => Err(problems),
            Err(others) => {
                problems.merge(others);
                Err(problems)
            }
        }
    }

    pub(crate) fn id(&self) -> ConfigurationId {
        self.resource.id()
    }
}

/// Reads a document of a kind and what it means.
pub(crate) fn read(kind: ConfigurationKind, body: &Value) -> Result<(Document, Resource), Problems> {
    let document = Document::read(kind, body, Leniency::Strict)?;
    let resource = document.parse()?;
    Ok((document, resource))
}

/// Puts a text where there is none.
fn give(body: &mut Value, field: &str, text: &str) {
    if let Value::Object(fields) = body
        && fields.get(field).is_none_or(Value::is_null)
    {
        fields.insert(field.to_owned(), text.into());
    }
}

/// Puts a text where there is none, and refuses one that does not fit.
fn keep(body: &mut Value, (field, text): (&str, &str), fits: impl Fn(&str) -> bool, problems: &mut Problems) {
    give(body, field, text);
    let given = body.get(field).and_then(Value::as_str);
    if let Some(given) = given.filter(|given| !fits(given)) {
        problems.add(format!("/{field}"), format!("is `{given}`, but stays `{text}`; leave it out"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KIND: ConfigurationKind = ConfigurationKind::SynchronizationTaskDefinition;

    fn task() -> Value {
        json!({
            "id": "hr", "name": "HR", "taskType": "IMPORT", "applicationId": "hr", "objectClassId": "person",
        })
    }

    fn with(field: &str, value: &str) -> Value {
        let mut task = task();
        task[field] = value.into();
        task
    }

    #[test]
    fn a_unique_id_is_made_once_and_kept() {
        let made = Uuid::from_u128(0xab << 64);
        let first = Draft::of(KIND, task(), Named::Freely, || made).unwrap();
        assert!(first.body.contains(&made.to_string()), "{}", first.body);
        let again = |body| Draft::of(KIND, body, Named::AsBefore(&first.resource), || Uuid::from_u128(2));
        for body in [task(), with("uniqueId", &made.to_string().to_uppercase())] {
            assert_eq!(again(body).unwrap().body, first.body);
        }
        assert!(again(with("uniqueId", &Uuid::from_u128(3).to_string())).is_err());
        let given = Uuid::from_u128(4);
        let own = Draft::of(KIND, with("uniqueId", &given.to_string()), Named::Freely, || made).unwrap();
        assert!(own.body.contains(&given.to_string()));
    }

    #[test]
    fn the_id_of_a_resource_stays() {
        let old = Draft::of(KIND, task(), Named::Freely, Uuid::nil).unwrap().resource;
        let again = |body| Draft::of(KIND, body, Named::AsBefore(&old), Uuid::nil);
        let mut without = task();
        without.as_object_mut().unwrap().remove("id");
        assert_eq!(again(without).unwrap().id().as_str(), "hr");
        for other in ["HR", "hr2"] {
            let Err(problems) = again(with("id", other)) else { panic!("{other} is accepted") };
            assert!(problems.iter().any(|(place, _)| place == "/id"));
        }
        assert!(again(json!([])).is_err());
    }
}
