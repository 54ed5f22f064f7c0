//! What guards have against a plan, as clients see it.

use muster_plan::guard::Hold;
use serde::Serialize;

/// Why a plan is held. What does not apply is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TripView {
    application_id: Option<String>,
    guard: &'static str,
    of: Option<String>,
    changes: Option<u64>,
    population: Option<u64>,
    count: Option<u64>,
    percent: Option<u8>,
    minimum: Option<u64>,
    window_hours: Option<u32>,
    changes_before: Option<u64>,
    description: String,
    fix: &'static str,
}

impl TripView {
    /// The word for what is looked at besides limits: what the configuration lets a task take away.
    const CONFIGURATION: &str = "configuration";
    /// And for an undo, which is always looked at.
    const UNDO: &str = "undo";

    /// And for a target that shows none of the accounts that are known there.
    const EMPTIED: &str = "emptied";

    /// What has no figures.
    fn bare(guard: &'static str, description: String) -> Self {
        Self {
            application_id: None,
            guard,
            of: None,
            changes: None,
            population: None,
            count: None,
            percent: None,
            minimum: None,
            window_hours: None,
            changes_before: None,
            description,
            fix: "look at the changes; approve the plan if they are meant, otherwise reject it",
        }
    }

    /// The columns of a list as rows.
    pub(crate) const HEAD: [&str; 12] = [
        "applicationId",
        "guard",
        "of",
        "changes",
        "population",
        "count",
        "percent",
        "minimum",
        "windowHours",
        "changesBefore",
        "description",
        "fix",
    ];

    /// One row of such a list.
    pub(crate) fn cells(self) -> Vec<String> {
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        vec![
            self.application_id.unwrap_or_default(),
            self.guard.to_owned(),
            self.of.unwrap_or_default(),
            number(self.changes),
            number(self.population),
            number(self.count),
            number(self.percent.map(u64::from)),
            number(self.minimum),
            number(self.window_hours.map(u64::from)),
            number(self.changes_before),
            self.description,
            self.fix.to_owned(),
        ]
    }
}

impl From<&Hold> for TripView {
    fn from(hold: &Hold) -> Self {
        let description = hold.to_string();
        match hold {
            Hold::Limit { application, trip } => Self {
                application_id: (!application.is_none()).then(|| application.to_string()),
                guard: trip.guarded.as_str(),
                of: trip.of.clone(),
                changes: Some(trip.changes),
                population: Some(trip.population),
                count: trip.limit.count,
                percent: trip.limit.percent,
                minimum: Some(trip.limit.minimum),
                window_hours: trip.window.map(|window| window.hours),
                changes_before: trip.window.map(|window| window.before),
                description,
                fix: "look at the changes; approve the plan if they are meant, otherwise reject it and mend the source",
            },
            Hold::Emptied { application, known } => Self {
                application_id: Some(application.to_string()),
                population: Some(*known),
                fix: "approve the plan if the accounts are really gone, otherwise reject it and mend how the application \
                      is reached",
                ..Self::bare(Self::EMPTIED, description)
            },
            Hold::Widened(_) => Self::bare(Self::CONFIGURATION, description),
            Hold::Undo(_) => Self::bare(Self::UNDO, description),
        }
    }
}
