//! The document of an override, which stands in the body of a launch, and what it means.

use crate::configuration::document::check::{check_not_empty, parse_at};
use crate::configuration::document::guards::GuardsDocument;
use crate::configuration::document::macros::document;
use crate::configuration::document::value::Parse;
use crate::configuration::problems::Trail;
use crate::run::Override;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 1000;

document! {
    /// Limits for one run in the place of those of its task and application, and who answers for them why.
    OverrideDocument named "Override" {
        /// Why the run may do more than others, for whoever reads the audit log.
        required reason: String = "reason";
        /// The limits of this run; those that are absent stay as they are.
        required guards: GuardsDocument = "guards";
    }
}

impl Parse for OverrideDocument {
    type Domain = Override;

    fn parse(&self, trail: &mut Trail) -> Option<Override> {
        check_not_empty("reason", Some(&self.reason), trail);
        if self.reason.chars().count() > LONGEST_REASON {
            trail.problem_in("reason", format!("has more than {LONGEST_REASON} characters"));
            return None;
        }
        let guards = trail.enter("guards", |trail| {
            let guards = parse_at(&self.guards, trail)?;
            if guards.0.is_empty() {
                trail.problem("names no limit; say which one this run may exceed, and how far");
                return None;
            }
            Some(guards)
        })?;
        (!self.reason.trim().is_empty()).then(|| Override { reason: self.reason.clone(), guards })
    }
}

impl From<&Override> for OverrideDocument {
    fn from(given: &Override) -> Self {
        Self { reason: given.reason.clone(), guards: (&given.guards).into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::configuration::document::check::parse;
    use crate::configuration::document::reader::{Leniency, read};
    use crate::configuration::document::value::FieldValue as _;
    use crate::configuration::guard::Guarded;

    #[test]
    fn an_override_says_why_and_how_far() {
        let body =
            json!({ "reason": "the branch in Ghent closes", "guards": { "disable": { "count": 40 } } });
        let document: OverrideDocument = read(&body, Leniency::Strict).unwrap();
        let given = parse(&document).unwrap();
        assert_eq!(given.guards.limit(Guarded::Disable).and_then(|limit| limit.count), Some(40));
        assert_eq!(OverrideDocument::from(&given).write(), body);
        let places = |body| {
            let problems = read::<OverrideDocument>(&body, Leniency::Strict)
                .and_then(|document| parse(&document))
                .unwrap_err();
            problems.iter().map(|(place, _)| place.to_owned()).collect::<Vec<_>>()
        };
        let forty = json!({ "disable": { "count": 40 } });
        assert_eq!(places(json!({ "reason": "because" })), ["/guards"]);
        assert_eq!(places(json!({ "reason": "because", "guards": {} })), ["/guards"]);
        assert_eq!(places(json!({ "reason": " ", "guards": forty })), ["/reason"]);
        assert_eq!(places(json!({ "reason": "a".repeat(1001), "guards": forty })), ["/reason"]);
        assert_eq!(places(json!({ "reason": "a", "guards": { "disable": {} } })), ["/guards/disable"]);
        assert_eq!(places(json!({ "guards": forty, "force": true })), ["/force", "/reason"]);
    }
}
