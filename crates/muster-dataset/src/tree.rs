//! The elements of a resource as the JSON tree of its document, by the shape that all documents of its kind have.

use std::collections::BTreeMap;

use muster_model::configuration::document::nearest::nearest;
use muster_model::configuration::document::shape::{FieldShape, Form, Shape, TextForm};
use muster_model::configuration::problems::push_segment;
use serde_json::{Map, Number, Value};

use crate::escape::{ESCAPED, unescape};
use crate::limits;
use crate::names::Space;
use crate::problem::Stop;
use crate::scan::{Event, Scan, Tag, shown};

/// What a resource has its id in.
pub(crate) const ID: &str = "id";

/// Where the values of a tree stand, by their JSON pointers.
pub(crate) type Offsets = BTreeMap<String, usize>;

/// Reads one resource.
pub(crate) struct Tree<'s, 'a> {
    scan: &'s mut Scan<'a>,
    /// The pointers met so far, when somebody wants to know.
    places: Option<Offsets>,
    pointer: String,
    elements: usize,
    lacking: usize,
}

impl<'s, 'a> Tree<'s, 'a> {
    /// Reads without noting places.
    pub(crate) fn new(scan: &'s mut Scan<'a>) -> Self {
        Self { scan, places: None, pointer: String::new(), elements: 0, lacking: 0 }
    }

    /// Reads and notes where everything stands.
    pub(crate) fn noting_places(scan: &'s mut Scan<'a>) -> Self {
        Self { places: Some(Offsets::new()), ..Self::new(scan) }
    }

    pub(crate) fn into_offsets(self) -> Offsets {
        self.places.unwrap_or_default()
    }

    /// Reads the resource that a tag begins.
    pub(crate) fn resource(&mut self, shape: &Shape, tag: &Tag<'_>) -> Result<Value, Stop> {
        let mut fields = Map::new();
        self.note(tag.at);
        for attribute in &tag.attributes {
            if attribute.space == Space::Ours && attribute.name == ID {
                self.enter(ID, |tree| tree.note(tag.at));
                fields.insert(ID.to_owned(), attribute.value.clone().into());
            } else {
                self.unknown_attribute(tag, &attribute.name, &[ID])?;
            }
        }
        self.object(shape, fields, tag)
    }

    /// Reads the fields of an object up to its end. Those given stand in its attributes.
    fn object(&mut self, shape: &Shape, given: Map<String, Value>, tag: &Tag<'_>) -> Result<Value, Stop> {
        let mut fields = given;
        let mut is_clean = true;
        loop {
            match self.scan.next()? {
                Event::Open(inner) => self.field(shape, &mut fields, &inner)?,
                Event::Text(text) => {
                    if is_clean && !text.trim_ascii().is_empty() {
                        let hint = "what it says belongs into the elements of its fields".to_owned();
                        let message = format!("`<{}>` has text between its elements", shown(tag.name));
                        self.scan.problem(tag.at, message, Some(hint))?;
                        is_clean = false;
                    }
                }
                Event::Close | Event::End => break,
            }
        }
        self.count_lacking(shape, &fields, tag)?;
        Ok(Value::Object(fields))
    }

    fn field(&mut self, shape: &Shape, fields: &mut Map<String, Value>, tag: &Tag<'_>) -> Result<(), Stop> {
        self.elements += 1;
        if self.elements > limits::RESOURCE_ELEMENTS {
            let message = format!("the resource has more than {} elements", limits::RESOURCE_ELEMENTS);
            return Err(self.scan.spots.end(tag.at, message, ""));
        }
        if !self.is_ours(tag)? {
            return self.skip();
        }
        let Some(field) = shape.fields.iter().find(|field| field.element() == tag.name) else {
            self.unknown_element(shape, tag)?;
            return self.skip();
        };
        if self.pointer.is_empty() && field.name == ID {
            let hint = format!("write it as the attribute of `<{}>`", shape.name);
            self.scan.problem(tag.at, "`<id>` is an attribute, no element", Some(hint))?;
            return self.skip();
        }
        if field.is_list() {
            return self.item(field, fields, tag);
        }
        if fields.contains_key(field.name) {
            let message = format!("`<{}>` stands here once more, and once is the most", field.name);
            self.scan.problem(tag.at, message, None)?;
            return self.skip();
        }
        let value = self.enter(field.name, |tree| tree.value(field, tag))?;
        fields.insert(field.name.to_owned(), value);
        Ok(())
    }

    fn item(
        &mut self,
        field: &FieldShape,
        fields: &mut Map<String, Value>,
        tag: &Tag<'_>,
    ) -> Result<(), Stop> {
        let list = fields.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(list) = list else { return self.skip() };
        let item = self.enter(field.name, |tree| {
            if list.is_empty() {
                tree.note(tag.at);
            }
            if tree.places.is_none() {
                return tree.value(field, tag);
            }
            tree.enter(&list.len().to_string(), |tree| tree.value(field, tag))
        })?;
        list.push(item);
        Ok(())
    }

    /// Reads the value that a tag begins.
    fn value(&mut self, field: &FieldShape, tag: &Tag<'_>) -> Result<Value, Stop> {
        self.note(tag.at);
        let says = self.what_attributes_say(field, tag)?;
        match (says, field.form) {
            (Says::Null, _) => self.nothing(tag),
            (_, Form::Object(shape)) => self.object(shape, Map::new(), tag),
            (Says::Escaped, _) => {
                let text = self.text(tag)?;
                if let Some(text) = unescape(&text) {
                    return Ok(text.into());
                }
                let hint = "write `\\\\` for a backslash and `\\u0001` for a character";
                let message = format!("`<{}>` has a backslash that begins nothing", tag.name);
                self.scan.problem(tag.at, message, Some(hint.to_owned()))?;
                Ok(text.into())
            }
            (Says::Nothing, form) => Ok(typed(self.text(tag)?, form)),
        }
    }

    fn what_attributes_say(&mut self, field: &FieldShape, tag: &Tag<'_>) -> Result<Says, Stop> {
        let mut says = Says::Nothing;
        for attribute in &tag.attributes {
            let yes = matches!(attribute.value.trim_ascii(), "true" | "1");
            let is_text = matches!(field.form, Form::Text(form) if !is_trimmed(form));
            match (&attribute.space, attribute.name.as_str()) {
                (Space::Instance, "nil") if yes => says = Says::Null,
                (Space::Ours, ESCAPED) if is_text && yes => says = Says::Escaped,
                (Space::Instance, "nil") => {}
                (Space::Ours, ESCAPED) if is_text => {}
                (_, name) => self.unknown_attribute(tag, name, &[])?,
            }
        }
        Ok(says)
    }

    /// The text of a value up to its end.
    fn text(&mut self, tag: &Tag<'_>) -> Result<String, Stop> {
        let mut whole = String::new();
        loop {
            match self.scan.next()? {
                Event::Text(text) => whole.push_str(&text),
                Event::Open(inner) => {
                    let message = format!(
                        "`<{}>` stands in `<{}>`, which holds a text alone",
                        shown(inner.name),
                        tag.name
                    );
                    self.scan.problem(inner.at, message, None)?;
                    self.skip()?;
                }
                Event::Close | Event::End => return Ok(whole),
            }
        }
    }

    /// The end of an element that says to be null.
    fn nothing(&mut self, tag: &Tag<'_>) -> Result<Value, Stop> {
        let mut is_empty = true;
        loop {
            match self.scan.next()? {
                Event::Text(text) => is_empty &= text.is_empty(),
                Event::Open(_) => {
                    is_empty = false;
                    self.skip()?;
                }
                Event::Close | Event::End => break,
            }
        }
        if !is_empty {
            let message = format!("`<{}>` says to be null and is not empty", tag.name);
            self.scan.problem(tag.at, message, None)?;
        }
        Ok(Value::Null)
    }

    /// Goes to the end of the element that begins here, whatever it holds.
    fn skip(&mut self) -> Result<(), Stop> {
        skip(self.scan)
    }

    fn is_ours(&mut self, tag: &Tag<'_>) -> Result<bool, Stop> {
        refuse_foreign(self.scan, tag)
    }

    fn unknown_element(&mut self, shape: &Shape, tag: &Tag<'_>) -> Result<(), Stop> {
        let as_list = shape.fields.iter().find(|field| field.is_list() && field.name == tag.name);
        let known = || shape.fields.iter().map(FieldShape::element).filter(|name| *name != ID);
        let hint = match (as_list.and_then(|field| field.each), nearest(tag.name, known())) {
            (Some(each), _) => format!("write one `<{each}>` for each item of the list"),
            (None, Some(meant)) => format!("did you mean `<{meant}>`?"),
            (None, None) => {
                let known: Vec<_> = known().map(|name| format!("`<{name}>`")).collect();
                format!("known are {}", known.join(", "))
            }
        };
        self.scan.problem(tag.at, format!("unknown element `<{}>`", shown(tag.name)), Some(hint))
    }

    fn unknown_attribute(&mut self, tag: &Tag<'_>, name: &str, known: &[&str]) -> Result<(), Stop> {
        let hint = match nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "fields are elements".to_owned(),
        };
        let message = format!("unknown attribute `{}` of `<{}>`", shown(name), shown(tag.name));
        self.scan.problem(tag.at, message, Some(hint))
    }

    /// That something is required is for the model to say; that far too much lacks is not read to the end.
    fn count_lacking(
        &mut self,
        shape: &Shape,
        fields: &Map<String, Value>,
        tag: &Tag<'_>,
    ) -> Result<(), Stop> {
        let required = shape.fields.iter().filter(|field| field.is_required());
        self.lacking += usize::from(required.into_iter().any(|field| !fields.contains_key(field.name)));
        if self.lacking > limits::PROBLEMS {
            let message = format!("more than {} elements lack something required", limits::PROBLEMS);
            return Err(self.scan.spots.end(tag.at, message, ""));
        }
        Ok(())
    }

    /// Notes that what the pointer leads to stands here.
    fn note(&mut self, at: usize) {
        if let Some(places) = &mut self.places {
            places.entry(self.pointer.clone()).or_insert(at);
        }
    }

    fn enter<T>(&mut self, segment: &str, visit: impl FnOnce(&mut Self) -> T) -> T {
        let above = self.pointer.len();
        push_segment(&mut self.pointer, segment);
        let result = visit(self);
        self.pointer.truncate(above);
        result
    }
}

/// What the attributes of a value say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    /// It is null.
    Null,
    /// Its text has backslash sequences.
    Escaped,
}

/// Goes to the end of the element that begins here, whatever it holds.
pub(crate) fn skip(scan: &mut Scan<'_>) -> Result<(), Stop> {
    let mut depth = 1;
    while depth > 0 {
        match scan.next()? {
            Event::Open(_) => depth += 1,
            Event::Close => depth -= 1,
            Event::Text(_) => {}
            Event::End => break,
        }
    }
    Ok(())
}

/// Tells of an element of somebody else; answers whether it is one of ours.
pub(crate) fn refuse_foreign(scan: &mut Scan<'_>, tag: &Tag<'_>) -> Result<bool, Stop> {
    let message = match &tag.space {
        Space::Ours => return Ok(true),
        Space::Instance => format!("`<{}>` is of the namespace of schema instances", shown(tag.name)),
        Space::Foreign(namespace) => {
            format!("`<{}>` is of the foreign namespace `{namespace}`", shown(tag.name))
        }
        Space::Undeclared(prefix) => {
            format!("`<{}>` has the prefix `{prefix}`, which is not declared", shown(tag.name))
        }
    };
    let hint = format!("elements are of `{}`, or of none", crate::names::NAMESPACE);
    scan.problem(tag.at, message, Some(hint))?;
    Ok(false)
}

/// Whether blanks around a text say nothing.
pub(crate) fn is_trimmed(form: TextForm) -> bool {
    match form {
        TextForm::Id | TextForm::Instant | TextForm::Uuid => true,
        TextForm::Any | TextForm::AttributeName | TextForm::Condition | TextForm::Sort => false,
    }
}

/// A text as the JSON value that it means. What means none stays a text, and the model says why.
fn typed(text: String, form: Form) -> Value {
    let trimmed = text.trim_ascii();
    match form {
        Form::Integer { .. } => {
            let number = trimmed.parse::<i64>().map(Number::from);
            match number.or_else(|_| trimmed.parse::<u64>().map(Number::from)) {
                Ok(number) => Value::Number(number),
                Err(_) => text.into(),
            }
        }
        Form::Boolean => match trimmed {
            "true" | "1" => true.into(),
            "false" | "0" => false.into(),
            _ => text.into(),
        },
        Form::Text(form) if !is_trimmed(form) => text.into(),
        Form::Word(_) | Form::Text(_) | Form::Object(_) => trimmed.into(),
    }
}
