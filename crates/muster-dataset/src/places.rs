//! Places: where what a JSON pointer leads to stands in the text, and what its element is called.
//!
//! A resource is read again for that, and only when something is wrong with it: to remember every place of a
//! dataset would cost more than the dataset.

use std::ops::Range;

use muster_model::configuration::document::shape::{Form, Shape};
use muster_model::configuration::{ConfigurationKind, Document};

use crate::names::Scopes;
use crate::problem::Spot;
use crate::scan::{Event, Scan};
use crate::tree::{ID, Offsets, Tree};

/// Where everything in one resource stands.
#[derive(Debug)]
pub(crate) struct Places {
    offsets: Offsets,
    start: usize,
}

impl Places {
    /// Those of the resource in a part of a text.
    pub(crate) fn of(text: &str, scopes: &Scopes, kind: ConfigurationKind, part: Range<usize>) -> Self {
        let start = part.start;
        let mut scan = Scan::new(text, part, scopes.clone());
        let Ok(Event::Open(tag)) = scan.next() else { return Self { offsets: Offsets::new(), start } };
        let mut tree = Tree::noting_places(&mut scan);
        // What was wrong when it was read first is known already.
        let _ = tree.resource(Document::shape(kind), &tag);
        Self { offsets: tree.into_offsets(), start }
    }

    /// A problem at a pointer, or at the nearest thing around it that there is.
    pub(crate) fn spot(&self, kind: ConfigurationKind, pointer: &str, message: &str) -> Spot {
        let mut around = Some(pointer);
        let known = std::iter::from_fn(|| {
            let here = around?;
            around = here.rfind('/').map(|end| &here[..end]);
            Some(here)
        });
        let at = known.into_iter().find_map(|pointer| self.offsets.get(pointer)).copied();
        Spot::of_model(at.unwrap_or(self.start), &name(Document::shape(kind), pointer), message)
    }
}

/// The element that a pointer means, as it is written.
fn name(shape: &Shape, pointer: &str) -> String {
    if pointer.strip_prefix('/') == Some(ID) {
        return format!("`{ID}`");
    }
    let (mut name, mut fields) = (shape.name, shape.fields);
    for segment in pointer.split('/').skip(1) {
        if let Some(field) = fields.iter().find(|field| field.name == segment) {
            name = field.element();
            fields = match field.form {
                Form::Object(inner) => inner.fields,
                Form::Text(_) | Form::Integer { .. } | Form::Boolean | Form::Word(_) => &[],
            };
        }
    }
    format!("`<{name}>`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_called_as_they_are_written() {
        for (pointer, expected) in [
            ("", "`<Application>`"),
            ("/id", "`id`"),
            ("/objectClasses", "`<objectClass>`"),
            ("/objectClasses/3", "`<objectClass>`"),
            ("/objectClasses/3/id", "`<id>`"),
            ("/objectTypes/0/attributeMappings/1/transformations/0/table/7/from", "`<from>`"),
        ] {
            assert_eq!(name(Document::shape(ConfigurationKind::Application), pointer), expected, "{pointer}");
        }
    }
}
