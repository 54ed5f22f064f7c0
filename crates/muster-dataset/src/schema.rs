//! The XML Schema (XSD 1.0) of datasets, from the same shapes that read and write them.
//!
//! It asks for the fields in the order in which they are written, since it has no other way to say how often each
//! may stand. The reader takes them in any order.

use std::fmt::Write as _;

use muster_model::configuration::document::shape::{FieldShape, Form, Shape, TextForm};
use muster_model::configuration::{ConfigurationKind, Document};

use crate::escape::ESCAPED;
use crate::names::NAMESPACE;
use crate::read::ROOT;
use crate::tree::ID;

const UUID: &str = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";

/// The schema.
#[must_use]
pub fn schema() -> String {
    let mut writer = Writer { out: String::new(), depth: 0 };
    writer.line("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    writer.block(
        &format!(
            "xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns=\"{NAMESPACE}\" \
             targetNamespace=\"{NAMESPACE}\" elementFormDefault=\"qualified\""
        ),
        |writer| {
            writer.root();
            let kinds = ConfigurationKind::ALL.map(Document::shape);
            for shape in reached(&kinds) {
                writer.complex_type(shape, kinds.iter().any(|kind| kind.name == shape.name));
            }
            writer.texts();
        },
    );
    writer.out
}

/// All shapes that these lead to, each once, in the order in which they are met.
fn reached(first: &[&'static Shape]) -> Vec<&'static Shape> {
    let mut found: Vec<&'static Shape> = first.to_vec();
    let mut next = 0;
    while let Some(shape) = found.get(next) {
        for field in shape.fields {
            if let Form::Object(inner) = field.form
                && !found.iter().any(|known| known.name == inner.name)
            {
                found.push(inner);
            }
        }
        next += 1;
    }
    found
}

struct Writer {
    out: String,
    depth: usize,
}

impl Writer {
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.out, "{:1$}{line}", "", 2 * self.depth);
    }

    /// An element with what is written inside.
    fn block(&mut self, tag: &str, inside: impl FnOnce(&mut Self)) {
        self.line(&format!("<{tag}>"));
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        let name = tag.split(' ').next().unwrap_or_default();
        self.line(&format!("</{name}>"));
    }

    fn documentation(&mut self, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.line(&format!("<xs:annotation><xs:documentation>{text}</xs:documentation></xs:annotation>"));
    }

    fn root(&mut self) {
        self.block(&format!("xs:element name=\"{ROOT}\""), |writer| {
            writer.documentation("Resources of a configuration. Ids are unique within their kind.");
            writer.block("xs:complexType", |writer| {
                writer.block("xs:choice minOccurs=\"0\" maxOccurs=\"unbounded\"", |writer| {
                    for kind in ConfigurationKind::ALL {
                        writer.line(&format!("<xs:element name=\"{kind}\" type=\"{kind}\"/>"));
                    }
                });
            });
            for kind in ConfigurationKind::ALL {
                writer.line(&format!(
                    "<xs:unique xmlns:d=\"{NAMESPACE}\" name=\"{kind}Id\"><xs:selector xpath=\"d:{kind}\"/>\
                     <xs:field xpath=\"@{ID}\"/></xs:unique>"
                ));
            }
        });
    }

    /// The type of a shape. Of a resource the id is an attribute.
    fn complex_type(&mut self, shape: &Shape, is_resource: bool) {
        self.block(&format!("xs:complexType name=\"{}\"", shape.name), |writer| {
            writer.documentation(shape.doc);
            writer.block("xs:sequence", |writer| {
                let fields = shape.fields.iter().filter(|field| !(is_resource && field.name == ID));
                fields.for_each(|field| writer.element(field));
            });
            if is_resource {
                writer.block(&format!("xs:attribute name=\"{ID}\" use=\"required\""), |writer| {
                    writer.simple_type("xs:token", &pattern(TextForm::Id.pattern().unwrap_or_default()));
                });
            }
        });
    }

    fn element(&mut self, field: &FieldShape) {
        let mut tag = format!("xs:element name=\"{}\"", field.element());
        if !field.is_required() {
            tag.push_str(" minOccurs=\"0\"");
        }
        if field.is_list() {
            tag.push_str(" maxOccurs=\"unbounded\"");
        } else if !field.is_required() {
            tag.push_str(" nillable=\"true\"");
        }
        let mut doc = field.doc.to_owned();
        if let Some(default) = field.default {
            let said = default();
            let said = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
            let _ = match said.is_empty() {
                true => write!(doc, " Empty by default."),
                false => write!(doc, " {said} by default."),
            };
        }
        match type_of(field) {
            Type::Named(name) => {
                self.block(&format!("{tag} type=\"{name}\""), |writer| writer.documentation(&doc));
            }
            Type::Restricted { base, facets } => self.block(&tag, |writer| {
                writer.documentation(&doc);
                writer.simple_type(base, &facets);
            }),
        }
    }

    fn simple_type(&mut self, base: &str, facets: &[String]) {
        self.block("xs:simpleType", |writer| {
            writer.block(&format!("xs:restriction base=\"{base}\""), |writer| {
                facets.iter().for_each(|facet| writer.line(facet));
            });
        });
    }

    /// Texts, which may have backslash sequences.
    fn texts(&mut self) {
        self.block("xs:complexType name=\"Text\"", |writer| {
            writer.documentation(
                "A text, taken as it stands, blanks and line ends included. With escaped=\"true\" it has backslash \
                 sequences: \\u0001 for a control character, which XML cannot hold, and \\\\ for a backslash.",
            );
            writer.block("xs:simpleContent", |writer| {
                writer.block("xs:extension base=\"xs:string\"", |writer| {
                    writer.line(&format!("<xs:attribute name=\"{ESCAPED}\" type=\"xs:boolean\"/>"));
                });
            });
        });
        self.block("xs:complexType name=\"RequiredText\"", |writer| {
            writer.documentation("A text that is not empty.");
            writer.block("xs:simpleContent", |writer| {
                writer.block("xs:restriction base=\"Text\"", |writer| {
                    writer.line("<xs:minLength value=\"1\"/>");
                });
            });
        });
    }
}

/// The type of an element.
enum Type {
    Named(&'static str),
    Restricted { base: &'static str, facets: Vec<String> },
}

fn type_of(field: &FieldShape) -> Type {
    match field.form {
        Form::Object(shape) => Type::Named(shape.name),
        Form::Boolean => Type::Named("xs:boolean"),
        Form::Word(words) => {
            let facets = words.iter().map(|word| format!("<xs:enumeration value=\"{word}\"/>")).collect();
            Type::Restricted { base: "xs:token", facets }
        }
        Form::Integer { .. } => {
            let (minimum, maximum) = field.bounds().unwrap_or((i64::MIN, u64::MAX));
            let facets = vec![
                format!("<xs:minInclusive value=\"{minimum}\"/>"),
                format!("<xs:maxInclusive value=\"{maximum}\"/>"),
            ];
            Type::Restricted { base: "xs:integer", facets }
        }
        Form::Text(TextForm::Instant) => Type::Named("xs:dateTime"),
        Form::Text(TextForm::Uuid) => Type::Restricted { base: "xs:token", facets: pattern(UUID) },
        Form::Text(TextForm::Id) => {
            Type::Restricted { base: "xs:token", facets: pattern(TextForm::Id.pattern().unwrap_or_default()) }
        }
        // A text with backslash sequences fits no pattern.
        Form::Text(_) if field.is_required() || field.is_list() => Type::Named("RequiredText"),
        Form::Text(_) => Type::Named("Text"),
    }
}

fn pattern(text: &str) -> Vec<String> {
    vec![format!("<xs:pattern value=\"{text}\"/>")]
}
