//! The properties of a REST connector as values, all their problems found at once.

use std::sync::Arc;

use muster_connector::properties::Form;
use muster_connector::{Properties, PropertyProblem};
use muster_http::{Reach, Way};

use crate::api::WORDS;
use crate::description::Description;
use crate::properties::PROPERTIES;

/// How an API is reached, and what it looks like. Holds secrets, so it is never shown.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) reach: Reach,
    pub(crate) is_writable: bool,
    pub(crate) most_entries: u64,
    pub(crate) description: Arc<Description>,
}

/// How else than by nothing we may prove who we are.
const OTHER_WAYS: [Way; 4] = [Way::Basic, Way::Bearer, Way::OAuth2, Way::Header];

impl Settings {
    /// Parses all properties, and what the description says.
    ///
    /// # Errors
    /// With every problem that there is.
    pub(crate) fn parse(given: &Properties) -> Result<Self, Vec<PropertyProblem>> {
        let mut form = Form::new(given, PROPERTIES);
        let settings = Self {
            reach: Reach::read(&mut form, WORDS, Way::None, &OTHER_WAYS),
            is_writable: form.truth("writable").unwrap_or(true),
            most_entries: form.number("maximumEntries", 1..=100_000_000).unwrap_or_default(),
            description: Arc::new(described(&mut form)),
        };
        form.ends_as(settings)
    }
}

/// What an API looks like; each problem with its place.
fn described(form: &mut Form<'_>) -> Description {
    let name = "description";
    let Some(text) = form.filled(name) else {
        if form.given(name).is_none() {
            form.problem(name, "it is required; describe the API as JSON");
        }
        return Description::default();
    };
    let (description, problems) = Description::parse(&text);
    for problem in problems {
        form.problem(name, problem);
    }
    description
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
