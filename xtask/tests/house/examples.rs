//! The examples: people are as the generator makes them, the configuration is one that a tenant could save.

use std::collections::BTreeSet;
use std::fs;

use chrono::DateTime;
use muster_connector::ConnectorKind;
use muster_connector_csv::CsvKind;
use muster_model::configuration::application::Strategy;
use muster_model::configuration::connector_definition::ConnectorDefinition;
use muster_model::configuration::{Configuration, ConfigurationKind, Document, Leniency};
use muster_model::{Attributes, Field};
use muster_plan::expression::Expression;
use muster_testkit::people::{BadLines, COLUMNS, Day, Export, Share, Turnover, write_csv};
use serde_json::Value;

use crate::{files, top};

fn share(percent: f64) -> Share {
    Share::from_percent(percent).unwrap()
}

fn export(day: Day) -> Export {
    Export { count: 3_000, seed: 1, day, bad_lines: BadLines::Some }
}

fn second_day() -> Day {
    Day::Second(Turnover { joiners: share(0.8), changed: share(2.0), leavers: share(1.0) })
}

/// All resources of the example. Panics at the first that cannot be read.
fn configuration() -> Configuration {
    let read = |kind: ConfigurationKind| {
        let folder = top().join("examples/conf").join(kind.path_segment());
        let paths = if folder.exists() { files(&folder, "json") } else { Vec::new() };
        paths.into_iter().map(move |path| {
            let value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let document = Document::read(kind, &value, Leniency::Strict)
                .unwrap_or_else(|problems| panic!("{}: {problems:?}", path.display()));
            assert_eq!(
                Some(document.id().as_str()),
                path.file_stem().unwrap().to_str(),
                "{}",
                path.display()
            );
            document.parse().unwrap_or_else(|problems| panic!("{}: {problems:?}", path.display()))
        })
    };
    ConfigurationKind::ALL.into_iter().flat_map(read).collect()
}

/// The attributes of everybody in the export, as a connector would read them.
fn accounts() -> impl Iterator<Item = Attributes> {
    export(Day::First).people().map(|person| {
        let fields =
            person.values().map(|value| if value.is_empty() { Field::Absent } else { Field::text(value) });
        COLUMNS.into_iter().zip(fields).collect()
    })
}

fn rules_of(configuration: &Configuration) -> Vec<(String, String)> {
    let object_types = configuration.applications().flat_map(|application| &application.object_types);
    let mappings = object_types.flat_map(|object_type| &object_type.attribute_mappings);
    let rules = mappings.filter_map(|mapping| match &mapping.strategy {
        Strategy::Custom { rule } => Some((mapping.attribute.to_string(), rule.clone())),
        Strategy::Simple { .. } => None,
    });
    rules.collect()
}

/// The commands that make them stand in `examples/README.md`.
#[test]
fn people_are_as_the_generator_makes_them() {
    for (name, day) in [("day1.csv", Day::First), ("day2.csv", second_day())] {
        let mut generated = Vec::new();
        write_csv(&export(day), &mut generated).unwrap();
        let stored = fs::read(top().join("examples/hr").join(name)).unwrap();
        assert!(stored == generated, "{name} is not what its arguments make");
    }
}

#[test]
fn the_documented_numbers_hold() {
    let second = export(second_day());
    assert_eq!((second.joiners(), second.changed(), second.leavers()), (24, 60, 30));
    let readme = fs::read_to_string(top().join("examples/README.md")).unwrap();
    assert!(readme.contains("24 people are new, 60 have changed, 30 are gone"));
}

#[test]
fn the_configuration_is_free_of_problems() {
    let configuration = configuration();
    assert_eq!(configuration.iter().count(), files(&top().join("examples/conf"), "json").len());
    assert!(configuration.iter().count() >= 10);
    let problems = configuration.check();
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn the_connector_takes_the_properties() {
    let configuration = configuration();
    assert_eq!(configuration.connector_definitions().count(), 3);
    for definition in configuration.connector_definitions() {
        let ConnectorDefinition { id, connector_type, properties, .. } = definition;
        assert_eq!(connector_type, CsvKind.name(), "{id}");
        let given =
            properties.iter().map(|property| (property.name.clone(), property.value.clone())).collect();
        assert_eq!(CsvKind.check(&given), [], "{id}");
    }
}

#[test]
fn expressions_have_a_value_for_everybody() {
    let rules = rules_of(&configuration());
    assert_eq!(rules.len(), 5);
    for (attribute, rule) in rules {
        let expression = Expression::compile(&rule).unwrap_or_else(|error| panic!("{attribute}: {error}"));
        let mut values = BTreeSet::new();
        for account in accounts() {
            let value = expression.evaluate(&account, DateTime::UNIX_EPOCH).unwrap();
            values.insert(value.first().unwrap().to_text().into_owned());
        }
        match attribute.as_str() {
            "userName" => assert_eq!(values.len(), 3_000, "user names are unique"),
            "badgeId" => assert_eq!(values.len(), 3_000, "keys of badges are unique"),
            "employment" => assert_eq!(Vec::from_iter(values), ["FIXED_TERM", "ON_LEAVE", "PERMANENT"]),
            _ => assert!(values.iter().all(|value| !value.trim().is_empty()), "{attribute}"),
        }
    }
}
