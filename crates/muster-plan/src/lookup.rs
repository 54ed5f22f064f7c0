//! Whether a condition can be answered by keys: then a search looks at the few objects that they find, not at all.
//! What they find is still held against the condition.

use muster_model::condition::{Condition, Literal, Node, Test};
use muster_model::{AttributeName, DirectoryId, ImObject, ObjectKind};

use crate::key::{KeyHash, KeySpec, KeySpecs};

/// A directory, and the names of the keys that all its objects can be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// The directory.
    pub directory: DirectoryId,
    /// The names of the keys.
    pub keys: Vec<String>,
}

/// Where and by what a search may look.
#[derive(Debug, Clone, Copy)]
pub struct Index<'a> {
    /// The keys that the configuration needs.
    pub specs: &'a KeySpecs,
    /// The kind of objects that are looked for.
    pub kind: ObjectKind,
    /// The directories that are looked into.
    pub directories: &'a [Indexed],
}

/// Whether keys could answer the condition at all, whatever they are: it asks for the value of an attribute.
#[must_use]
pub fn asks_for_a_value(condition: &Condition) -> bool {
    fn asks(node: &Node) -> bool {
        match node {
            Node::And(parts) => parts.iter().any(asks),
            Node::Or(parts) => parts.iter().all(asks),
            Node::Not(_) => false,
            Node::Test { attribute, test } => asked(attribute, test).is_some(),
        }
    }
    asks(condition.root())
}

/// The value of an attribute that a test asks for.
fn asked<'a>(attribute: &AttributeName, test: &'a Test) -> Option<&'a Literal> {
    let Test::Equal(value) = test else { return None };
    (!ImObject::OWN_FACTS.contains(&attribute.as_str())).then_some(value)
}

/// The keys under which all objects are found that the condition holds for, and perhaps others. `None` where
/// only reading all objects tells.
#[must_use]
pub fn keys_of(condition: &Condition, index: Index<'_>) -> Option<Vec<KeyHash>> {
    let mut keys = keys_of_node(condition.root(), index)?;
    keys.sort_unstable();
    keys.dedup();
    Some(keys)
}

fn keys_of_node(node: &Node, index: Index<'_>) -> Option<Vec<KeyHash>> {
    match node {
        Node::And(parts) => parts.iter().find_map(|part| keys_of_node(part, index)),
        Node::Or(parts) => {
            let keys: Option<Vec<_>> = parts.iter().map(|part| keys_of_node(part, index)).collect();
            keys.map(|keys| keys.concat())
        }
        Node::Not(_) => None,
        Node::Test { attribute, test } => keys_of_test(attribute, test, index),
    }
}

fn keys_of_test(attribute: &AttributeName, test: &Test, index: Index<'_>) -> Option<Vec<KeyHash>> {
    let value = asked(attribute, test)?;
    let specs = || index.specs.of_kind(index.kind).filter(|spec| spec.is_of_attribute(attribute.as_str()));
    let in_directory = |indexed: &Indexed| {
        let is_kept = |spec: &&KeySpec| indexed.keys.iter().any(|name| name == spec.name());
        specs().filter(is_kept).find_map(|spec| spec.of_equal(&indexed.directory, value))
    };
    index.directories.iter().map(in_directory).collect()
}

#[cfg(test)]
mod tests {
    use muster_model::condition::fold_case;
    use muster_model::configuration::application::{CorrelationItem, CorrelationRule};
    use muster_model::configuration::transformation::Transformation::{
        self, Lower, StripDomain, Trim, Upper,
    };
    use muster_model::{AttributeSource as _, Attributes, Field, Value};
    use proptest::prelude::*;

    use super::*;

    fn spec(attribute: &str, normalizations: &[Transformation]) -> KeySpec {
        let item = CorrelationItem {
            account_attribute: "a".into(),
            object_attribute: attribute.into(),
            normalizations: normalizations.to_vec(),
        };
        KeySpec::of_rule(ObjectKind::Identity, &CorrelationRule { items: vec![item] }).expect("compiles")
    }

    fn specs() -> KeySpecs {
        let mut specs = KeySpecs::default();
        specs.add(spec("mail", &[Trim, Lower]));
        specs.add(spec("no", &[]));
        specs
    }

    /// How many keys answer the condition in a directory that keeps all keys; `None` where they cannot.
    fn count(condition: &str, directories: usize) -> Option<usize> {
        let specs = specs();
        let keys: Vec<String> = specs.all().iter().map(|spec| spec.name().to_owned()).collect();
        let directories: Vec<_> = (0..directories)
            .map(|number| Indexed {
                directory: format!("d{number}").parse().expect("an id"),
                keys: keys.clone(),
            })
            .collect();
        let index = Index { specs: &specs, kind: ObjectKind::Identity, directories: &directories };
        keys_of(&condition.parse().expect("a condition"), index).map(|keys| keys.len())
    }

    #[test]
    fn keys_answer_what_they_can() {
        for (condition, expected) in [
            (r#"mail eq "A@example.org""#, Some(1)),
            (r#"mail eq "a@example.org" and name pr"#, Some(1)),
            (r#"name pr and (mail eq "a" or no eq "1")"#, Some(2)),
            ("no eq 7", Some(1)),
            (r#"no eq "10-7""#, Some(1)),
            // A key that keeps case finds one spelling only.
            (r#"no eq "E7""#, None),
            (r#"mail eq "ä""#, None),
            (r#"mail eq "2026-01-01""#, None),
            (r#"mail eq "" "#, None),
            ("mail eq null", None),
            (r#"mail ne "a""#, None),
            (r#"not (mail eq "a")"#, None),
            (r#"mail eq "a" or name pr"#, None),
            (r#"name eq "a""#, None),
            (r#"id eq "1""#, None),
        ] {
            assert_eq!(count(condition, 1), expected, "{condition}");
            let asks = asks_for_a_value(&condition.parse().expect("a condition"));
            assert!(asks || expected.is_none(), "{condition}");
        }
        assert_eq!(count("no eq 7", 3), Some(3));
    }

    #[test]
    fn a_directory_that_does_not_keep_the_key_is_read() {
        let specs = specs();
        let directories = [Indexed { directory: DirectoryId::main(), keys: vec!["another".to_owned()] }];
        let index = Index { specs: &specs, kind: ObjectKind::Identity, directories: &directories };
        assert_eq!(keys_of(&"no eq 7".parse().expect("a condition"), index), None);
    }

    proptest! {
        #[test]
        fn what_is_equal_is_found(
            text in "[a-cA-CkK\u{212a}0-2 @\u{130}\u{3a3}\u{3c2}-]{0,4}",
            held in "[a-cA-CkK\u{212a}0-2 @\u{130}\u{3a3}\u{3c2}-]{0,4}",
            normalizations in prop::sample::subsequence(vec![Trim, Lower, Upper, StripDomain], 0..4),
            same in any::<bool>(),
        ) {
            let held = if same { text.to_lowercase() } else { held };
            let spec = spec("x", &normalizations);
            let directory = DirectoryId::main();
            let object: Attributes = [("x", Field::One(Value::String(held)))].into_iter().collect();
            let literal = Literal::Text(text.clone());
            if let Some(key) = spec.of_equal(&directory, &literal)
                && fold_case(&object.field("x").values()[0].to_text()) == fold_case(&text)
            {
                prop_assert_eq!(spec.of_object(&directory, &object), vec![key]);
            }
        }
    }
}
