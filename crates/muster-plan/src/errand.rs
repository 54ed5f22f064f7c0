//! Post-processing, decided: which errands a run has, when one is tried again, what files are called and how cells
//! stand in them.

use chrono::{DateTime, TimeDelta, Utc};
use muster_model::configuration::post_processing::{FileArchiving, LaunchOutcome, PostProcessing};
use muster_model::errand::ErrandKind;
use muster_model::run::OutcomeStatus;

/// Until the first try again, and the longest time between two.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(30);
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);

/// How far a run has read its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// To its end.
    Whole,
    /// Not so far, or nobody knows.
    InPart,
}

/// What is to be done after a run, in that order: each kind with the place of the launch or webhook in its list.
///
/// The input file goes away only after a run that read all of it and acted on it; otherwise it is still wanted.
#[must_use]
pub fn errands(
    post_processing: &PostProcessing,
    archiving: Option<&FileArchiving>,
    outcome: OutcomeStatus,
    read: Read,
) -> Vec<(ErrandKind, usize)> {
    let mut errands = Vec::new();
    if post_processing.error_publication.is_some() {
        errands.push((ErrandKind::ErrorReport, 0));
    }
    if post_processing.report_publication.is_some() {
        errands.push((ErrandKind::SummaryReport, 0));
    }
    let acted = matches!(outcome, OutcomeStatus::Success | OutcomeStatus::Partial);
    if archiving.is_some() && acted && read == Read::Whole {
        errands.push((ErrandKind::Archive, 0));
    }
    let next = post_processing.launch.iter().enumerate();
    let next = next.filter(|(_, next)| next.outcomes.iter().any(|asked| is(*asked, outcome)));
    errands.extend(next.map(|(item, _)| (ErrandKind::Launch, item)));
    errands.extend((0..post_processing.webhooks.len()).map(|item| (ErrandKind::Webhook, item)));
    errands
}

fn is(asked: LaunchOutcome, outcome: OutcomeStatus) -> bool {
    match asked {
        LaunchOutcome::Success => outcome == OutcomeStatus::Success,
        LaunchOutcome::Partial => outcome == OutcomeStatus::Partial,
        LaunchOutcome::Failure => outcome == OutcomeStatus::Failure,
    }
}

/// When something that went wrong is tried again: 30 s after the first try, then twice as long each time, an hour at
/// most. Of each wait chance takes up to a half, so that what went wrong together is not tried together. `None` when
/// that would be after the end.
#[must_use]
pub fn again_at(now: DateTime<Utc>, tries: u32, chance: u32, end: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let doubled = FIRST_WAIT.checked_mul(1 << tries.saturating_sub(1).min(10)).unwrap_or(LONGEST_WAIT);
    let half = doubled.min(LONGEST_WAIT).num_milliseconds() / 2;
    let share = half * i64::from(chance) / i64::from(u32::MAX);
    let again = now.checked_add_signed(TimeDelta::milliseconds(half + share))?;
    (again <= end).then_some(again)
}

/// The path of a file that a run leaves, from what the configuration says of it.
#[must_use]
pub fn path(template: &str, original_filename: &str, ended: DateTime<Utc>) -> String {
    let timestamp = ended.format("%Y%m%dT%H%M%S%3fZ").to_string();
    // In one pass: what a file is called is no template.
    let mut path = String::new();
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        path.push_str(before);
        let known = [("{original_filename}", original_filename), ("{timestamp}", &timestamp)];
        match known.into_iter().find(|(name, _)| from.starts_with(name)) {
            Some((name, value)) => {
                path.push_str(value);
                rest = &from[name.len()..];
            }
            None => {
                path.push('{');
                rest = &from[1..];
            }
        }
    }
    path.push_str(rest);
    path
}

/// A cell that no spreadsheet takes for a formula.
#[must_use]
pub fn cell(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use muster_model::ConfigurationId;
    use muster_model::configuration::post_processing::{NextTask, Publication, ReportColumn, Webhook};

    use super::*;

    fn id(text: &str) -> ConfigurationId {
        ConfigurationId::new(text).unwrap()
    }

    fn post_processing() -> PostProcessing {
        let publication =
            || Some(Publication { columns: vec![ReportColumn::ShadowId], relative_file_path: None });
        let next = |task, outcomes: &[LaunchOutcome]| NextTask {
            task_definition_id: id(task),
            outcomes: outcomes.to_vec(),
        };
        PostProcessing {
            id: id("after"),
            error_publication: publication(),
            report_publication: publication(),
            launch: vec![
                next("a", &[LaunchOutcome::Success, LaunchOutcome::Partial]),
                next("b", &[LaunchOutcome::Failure]),
            ],
            webhooks: vec![Webhook { url: "https://a.org/".to_owned(), secret: None }],
        }
    }

    #[test]
    fn errands_follow_from_how_the_run_ended() {
        use ErrandKind::{Archive, ErrorReport, Launch, SummaryReport, Webhook};
        use OutcomeStatus::{Aborted, Failure, Partial, Success};
        let reports = [(ErrorReport, 0), (SummaryReport, 0)];
        let archiving = FileArchiving { relative_directory_path: "archive".to_owned() };
        for (outcome, read, between) in [
            (Success, Read::Whole, &[(Archive, 0), (Launch, 0)][..]),
            (Partial, Read::Whole, &[(Archive, 0), (Launch, 0)]),
            (Partial, Read::InPart, &[(Launch, 0)]),
            (Failure, Read::Whole, &[(Launch, 1)]),
            (Aborted, Read::Whole, &[]),
        ] {
            let expected = [&reports[..], between, &[(Webhook, 0)]].concat();
            let found = errands(&post_processing(), Some(&archiving), outcome, read);
            assert_eq!(found, expected, "{outcome:?} {read:?}");
        }
        let nothing = PostProcessing {
            error_publication: None,
            report_publication: None,
            launch: Vec::new(),
            webhooks: Vec::new(),
            ..post_processing()
        };
        assert_eq!(errands(&nothing, None, Success, Read::Whole), []);
    }

    #[test]
    fn waits_grow_to_an_hour_and_have_an_end() {
        let now = DateTime::UNIX_EPOCH;
        let never = DateTime::<Utc>::MAX_UTC;
        let seconds = |tries, chance| (again_at(now, tries, chance, never).unwrap() - now).num_seconds();
        for (tries, least, most) in
            [(0, 15, 30), (1, 15, 30), (2, 30, 60), (5, 240, 480), (8, 1800, 3600), (u32::MAX, 1800, 3600)]
        {
            assert_eq!((seconds(tries, 0), seconds(tries, u32::MAX)), (least, most), "{tries}");
        }
        let end = now + TimeDelta::seconds(30);
        assert_eq!(again_at(now, 1, u32::MAX, end), Some(end));
        assert_eq!(again_at(now, 2, u32::MAX, end), None);
    }

    #[test]
    fn paths_are_filled_in_once() {
        let ended = DateTime::from_timestamp_millis(1_793_520_000_007).unwrap();
        for (template, original, expected) in [
            ("{original_filename}-errors-{timestamp}", "hr.csv", "hr.csv-errors-20261101T080000007Z"),
            ("out/{timestamp}/{x}{", "hr.csv", "out/20261101T080000007Z/{x}{"),
            ("{original_filename}", "{timestamp}", "{timestamp}"),
            ("plain", "hr.csv", "plain"),
        ] {
            assert_eq!(path(template, original, ended), expected);
        }
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        for text in ["", "a=1", "1-2", "'=1", " =1"] {
            assert_eq!(cell(text), text);
        }
    }
}
