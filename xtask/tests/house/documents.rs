//! The documents: every link to a file of the project leads somewhere, every word of the glossary stands there once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::{expect_none, files, top};

/// The targets of inline links, without what stands in code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code_block = !in_code_block;
            continue;
        }
        if in_code_block {
            continue;
        }
        // Every second part of the line is code.
        for prose in line.split('`').step_by(2) {
            let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            found.extend(targets.map(str::to_owned));
        }
    }
    found
}

fn leads_nowhere(document: &Path, link: &str) -> bool {
    let elsewhere = ["http://", "https://", "mailto:", "#"].iter().any(|start| link.starts_with(start));
    let file = link.split('#').next().unwrap_or_default();
    !elsewhere && !document.parent().unwrap().join(file).exists()
}

#[test]
fn links_lead_somewhere() {
    let documents = files(&top(), "md");
    assert!(documents.iter().any(|path| path.ends_with("ARCHITECTURE.md")), "no documents found");
    let mut dead = Vec::new();
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        let lost = links(&text).into_iter().filter(|link| leads_nowhere(&document, link));
        dead.extend(lost.map(|link| format!("{}: {link}", document.display())));
    }
    expect_none(&dead, "links to files of the project");
}

#[test]
fn every_decision_has_a_number_of_its_own() {
    let mut wrong = Vec::new();
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let decisions = files(&top().join("docs/adr"), "md");
    assert!(decisions.len() > 10, "no decisions found");
    for path in decisions {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let number = name.split('-').next().unwrap_or_default().to_owned();
        let heading = format!("# {}. ", number.trim_start_matches('0'));
        if !fs::read_to_string(&path).unwrap().starts_with(&heading) {
            wrong.push(format!("{name}: does not begin with `{heading}`"));
        }
        if let Some(other) = known.insert(number, name.clone()) {
            wrong.push(format!("{name}: has the number of {other}"));
        }
    }
    expect_none(&wrong, "numbers of decisions");
}

#[test]
fn every_word_of_the_glossary_stands_there_once() {
    let glossary = fs::read_to_string(top().join("docs/glossary.md")).unwrap();
    let heads = glossary.lines().filter_map(|line| line.strip_prefix("**")?.split_once("** — "));
    let mut known = BTreeMap::new();
    for word in heads.flat_map(|(head, _)| head.split(", ")) {
        *known.entry(word.to_lowercase()).or_insert(0) += 1;
    }
    assert!(known.len() > 50, "no words found");
    let twice: Vec<_> = known.into_iter().filter(|(_, times)| *times > 1).map(|(word, _)| word).collect();
    expect_none(&twice, "words of the glossary, each once");
}

#[test]
fn links_are_found_outside_of_code() {
    let text = "See [a](a.md) and [b](b.md#part), not `[c](c.md)`.\n```\n[d](d.md)\n```\n[e](https://e)";
    assert_eq!(links(text), ["a.md", "b.md#part", "https://e"]);
    assert!(leads_nowhere(&top().join("README.md"), "no-such-file.md"));
    assert!(!leads_nowhere(&top().join("README.md"), "Cargo.toml#workspace"));
}
