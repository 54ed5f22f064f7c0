//! What became of each resource, for people and for programs.

use serde_json::Value;

use crate::print::{Number, say};
use crate::summary::Output;

/// The words of reports, and in which order people read them.
const RESULTS: [&str; 4] = ["created", "updated", "deleted", "unchanged"];

/// How much of a value is shown to people, in letters.
const SHOWN: usize = 100;

/// Shows a report as the API has it.
pub(super) fn report(report: &Value, output: Output) {
    match output {
        Output::Json => say(report),
        Output::Text => say(text(report)),
    }
}

/// A line for each resource that changes, its fields below, and a line of counts.
fn text(report: &Value) -> String {
    let mut lines = Vec::new();
    let changing = |resource: &&Value| resource["result"] != "unchanged";
    for resource in report["resources"].as_array().into_iter().flatten().filter(changing) {
        let word = |name: &str| resource[name].as_str().unwrap_or_default();
        lines.push(format!("{:<9}{} {}", word("result"), word("kind"), word("id")));
        for field in resource["fields"].as_array().into_iter().flatten() {
            let (before, after) = (shown(field.get("before")), shown(field.get("after")));
            lines.push(format!("  {}: {before} -> {after}", field["pointer"].as_str().unwrap_or_default()));
        }
    }
    let counts = RESULTS
        .map(|result| format!("{} {result}", Number(report["counts"][result].as_u64().unwrap_or_default())));
    let nothing = if report["dryRun"] == true { "; nothing was written" } else { "" };
    lines.push(format!("{}{nothing}", counts.join(", ")));
    lines.join("\n")
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "absent".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_see_what_changes() {
        let report = json!({
            "dryRun": true,
            "counts": {"created": 1, "updated": 1, "unchanged": 1200, "deleted": 0},
            "resources": [
                {"kind": "Application", "id": "hr", "result": "unchanged", "fields": []},
                {"kind": "Application", "id": "new", "result": "created", "fields": []},
                {"kind": "Application", "id": "ad", "result": "updated", "fields": [
                    {"pointer": "/name", "before": "AD", "after": "x".repeat(200)},
                    {"pointer": "/objectTypes/0", "after": {}},
                ]},
            ],
        });
        let expected = format!(
            "created  Application new\nupdated  Application ad\n  /name: \"AD\" -> \"{}…\n  /objectTypes/0: absent -> {{}}\n\
             1 created, 1 updated, 0 deleted, 1,200 unchanged; nothing was written",
            "x".repeat(99)
        );
        assert_eq!(text(&report), expected);
    }
}
