//! What shapes promise to those who generate descriptions from them.

use std::collections::BTreeMap;

use crate::configuration::document::Document;
use crate::configuration::document::shape::{FieldShape, Form, Presence, Shape, TextForm};
use crate::configuration::kind::ConfigurationKind;

fn visit(shape: &'static Shape, found: &mut BTreeMap<&'static str, &'static Shape>) {
    found.insert(shape.name, shape);
    for field in shape.fields {
        if let Form::Object(nested) = field.form {
            visit(nested, found);
        }
    }
}

fn all_shapes() -> Vec<&'static Shape> {
    let mut found = BTreeMap::new();
    for kind in ConfigurationKind::ALL {
        visit(Document::shape(kind), &mut found);
    }
    found.into_values().collect()
}

#[test]
fn the_shape_of_a_kind_has_its_name() {
    for kind in ConfigurationKind::ALL {
        assert_eq!(Document::shape(kind).name, kind.element_name());
    }
}

#[test]
fn element_names_are_unique_within_a_shape() {
    for shape in all_shapes() {
        let elements: Vec<_> = shape.fields.iter().map(FieldShape::element).collect();
        let unique: std::collections::BTreeSet<_> = elements.iter().collect();
        assert_eq!(unique.len(), elements.len(), "{}", shape.name);
    }
}

#[test]
fn fields_are_described_and_lists_name_their_items() {
    for shape in all_shapes() {
        assert!(!shape.doc.is_empty(), "{}", shape.name);
        for field in shape.fields {
            let name = format!("{}.{}", shape.name, field.name);
            assert!(field.doc.ends_with('.') && !field.doc.starts_with(' '), "{name}: {}", field.doc);
            assert_eq!(field.is_list(), field.each.is_some(), "{name}");
            assert_eq!(field.presence == Presence::Defaulted, field.default.is_some(), "{name}");
        }
    }
}

#[test]
fn a_shape_says_all_that_a_description_needs() {
    let task = Document::shape(ConfigurationKind::SynchronizationTaskDefinition);
    let sweep = task.field("sweep").expect("tasks sweep");
    assert!(matches!(sweep.form, Form::Word(["FULL", "CHANGES"])));
    assert_eq!(sweep.default.map(|default| default()), Some("FULL".into()));
    let days = task.field("inactiveDays").expect("clean-ups count days");
    assert_eq!(days.bounds(), Some((1, 36_500)));
    let groups = task.field("groups").expect("clean-ups have groups");
    assert_eq!((groups.each, groups.is_required()), (Some("group"), false));
    let id = task.field("id").expect("tasks have ids");
    assert!(id.is_required() && matches!(id.form, Form::Text(TextForm::Id)));
}
