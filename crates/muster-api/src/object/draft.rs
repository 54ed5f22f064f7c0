//! What a caller wants an object to be like: read from JSON, each attribute of the type that the mappings give it.
//! All problems are told at once.

use std::collections::BTreeMap;

use muster_model::configuration::attribute_type::AttributeType;
use muster_model::configuration::problems::push_segment;
use muster_model::{AttributeName, Attributes, DirectoryId, DisabledReason, Field, ImObject, ObjectKind};
use muster_plan::by_hand::Wanted;
use serde_json::Value;

use crate::error::ApiError;
use crate::fields::{Fields, Form};
use crate::view::read_field;

/// The longest name of an attribute and the longest object type, in characters.
const LONGEST_NAME: usize = 128;

/// An object, as clients know it.
const FORM: Form = Form {
    such_as: Some(r#"{"attributes": {}}"#),
    fields: &[
        "id",
        "kind",
        "directoryId",
        "objectType",
        "enabled",
        "disabledReason",
        "version",
        "attributes",
    ],
    known: "known are `id`, `kind`, `directoryId`, `objectType`, `enabled`, `disabledReason`, `version`, `attributes`",
};

/// What is known before a draft is read.
pub(super) struct Before<'a> {
    /// The kind of the object.
    pub(super) kind: ObjectKind,
    /// What mappings say of its attributes.
    pub(super) types: BTreeMap<&'a AttributeName, AttributeType>,
    /// The object as it is; `None` for a new one.
    pub(super) object: Option<&'a ImObject>,
}

/// What an object is to be like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    /// The population that it is to belong to.
    pub(super) directory: DirectoryId,
    /// All else.
    pub(super) wanted: Wanted,
}

/// Reads a draft. What only says again what the object is may be left out, but not the attributes.
pub(super) fn read(body: &Value, before: &Before<'_>) -> Result<Draft, ApiError> {
    let fields = Fields::of(body, &FORM).map_err(ApiError::Invalid)?;
    let mut reader = Reader { fields, before };
    reader.check_identity();
    let directory = reader.directory();
    let object_type = reader.object_type();
    let disabled = reader.disabled();
    let attributes = reader.attributes();
    let version = reader.refuse_old_version();
    reader.fields.finish().map_err(ApiError::Invalid)?;
    version?;
    Ok(Draft { directory, wanted: Wanted { object_type, disabled, attributes } })
}

struct Reader<'a> {
    fields: Fields<'a>,
    before: &'a Before<'a>,
}

impl Reader<'_> {
    /// Id and kind are what they are in the path.
    fn check_identity(&mut self) {
        let kind = Value::from(self.before.kind.as_str());
        if self.fields.field("kind").is_some_and(|given| *given != kind) {
            self.fields.problem("kind", format!("stays `{}`; leave it out", self.before.kind));
        }
        let id = self.before.object.map(|object| Value::from(object.id.to_string()));
        match (self.fields.field("id"), id) {
            (Some(_), None) => self.fields.problem("id", "is given by Muster; leave it out"),
            (Some(given), Some(id)) if *given != id => {
                self.fields.problem("id", format!("stays {id}; leave it out"));
            }
            (Some(_) | None, _) => {}
        }
        match (self.fields.field("version"), self.before.object) {
            (Some(_), None) => self.fields.problem("version", "is given by Muster; leave it out"),
            (Some(given), Some(_)) if !given.is_u64() => {
                self.fields.problem("version", "is no version; leave it out");
            }
            (Some(_) | None, _) => {}
        }
    }

    /// Who names a version means the object as it was then.
    fn refuse_old_version(&self) -> Result<(), ApiError> {
        let (Some(given), Some(object)) = (self.fields.field("version"), self.before.object) else {
            return Ok(());
        };
        if given.as_u64() == Some(object.version.into()) {
            return Ok(());
        }
        let description = format!("the object has version {} now, not {given}", object.version);
        Err(ApiError::conflict(
            description,
            "get the object as it is now and change that, or leave out `version`",
        ))
    }

    fn directory(&mut self) -> DirectoryId {
        let known = self.before.object.map(|object| &object.directory);
        let Some(given) = self.fields.field("directoryId") else { return known.cloned().unwrap_or_default() };
        match (given.as_str().map(DirectoryId::new), known) {
            (Some(Ok(given)), None) => given,
            (Some(Ok(given)), Some(known)) if given == *known => given,
            (_, Some(known)) => {
                self.fields.problem("directoryId", format!("stays `{known}`; leave it out"));
                known.clone()
            }
            (Some(Err(error)), None) => {
                self.fields.problem("directoryId", error.to_string());
                DirectoryId::main()
            }
            (None, None) => {
                self.fields.problem("directoryId", "is no text");
                DirectoryId::main()
            }
        }
    }

    fn object_type(&mut self) -> Option<String> {
        let given = self.fields.field("objectType")?;
        let text = given.as_str().filter(|text| is_name(text));
        if text.is_none() {
            self.fields.problem("objectType", format!("is no text of 1 to {LONGEST_NAME} characters"));
        }
        text.map(str::to_owned)
    }

    /// `enabled` says; the reason says why not. A reason that the object has already may stand there all the same,
    /// so that who enables it needs not remove it.
    fn disabled(&mut self) -> Option<DisabledReason> {
        let known = self.before.object.and_then(|object| object.disabled);
        let enabled = match self.fields.field("enabled") {
            None => Some(true),
            Some(given) => given.as_bool(),
        };
        let reason = self
            .fields
            .field("disabledReason")
            .map(|given| given.as_str().and_then(|text| text.parse().ok()))
            .map(|reason| reason.filter(|reason| DisabledReason::OF_OBJECTS.contains(reason)));
        if enabled.is_none() {
            self.fields.problem("enabled", "is neither true nor false");
        }
        match (enabled.unwrap_or(true), reason) {
            (_, Some(None)) => {
                let words =
                    DisabledReason::OF_OBJECTS.map(|reason| format!("`{}`", reason.as_str())).join(", ");
                self.fields.problem("disabledReason", format!("is none of {words}"));
                None
            }
            (true, Some(Some(reason))) if known != Some(reason) => {
                self.fields.problem("disabledReason", "is given, but `enabled` is not false");
                None
            }
            (true, _) => None,
            (false, Some(given @ Some(_))) => given,
            (false, None) => Some(known.unwrap_or(DisabledReason::ByHand)),
        }
    }

    fn attributes(&mut self) -> Attributes {
        let Some(Value::Object(given)) = self.fields.field("attributes") else {
            self.fields.problem("attributes", "is required: an object, empty for no attributes");
            return Attributes::new();
        };
        let mut attributes = Attributes::new();
        for (name, value) in given {
            let mut pointer = "/attributes".to_owned();
            push_segment(&mut pointer, name);
            let name = AttributeName::from(name.as_str());
            let held = self.before.object.map(|object| object.attributes.get(name.as_str()));
            // What a mapping has named is named already.
            if held.is_none_or(Field::is_absent)
                && let Some(message) = refusal_of_name(name.as_str())
            {
                self.fields.problems().add(pointer, message);
                continue;
            }
            match read_field(value, self.before.types.get(&name), held) {
                Ok(field) => attributes.set(name, field),
                Err(problems) => self.fields.problems().merge(problems.placed_under(&pointer)),
            }
        }
        attributes
    }
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control)
}

fn refusal_of_name(name: &str) -> Option<String> {
    if ImObject::OWN_FACTS.contains(&name) {
        return Some(
            "is no attribute: conditions and mappings read a fact of the object by this name".to_owned(),
        );
    }
    (!is_name(name)).then(|| {
        format!(
            "is no name of an attribute: 1 to {LONGEST_NAME} characters, none of them a control character"
        )
    })
}
