//! Reports: what a run came to, as CSV files in the tenant's directory, written page by page and put in place whole.

use csv::{Terminator, WriterBuilder};
use muster_model::ObjectKind;
use muster_model::configuration::Configuration;
use muster_model::configuration::application::Situation;
use muster_model::configuration::post_processing::{Publication, ReportColumn};
use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_model::text::instant;
use muster_plan::cleanup::CleaningUp;
use muster_plan::errand::{cell, path};
use muster_store::{ReportRow, RunRecord, StoreError};

use crate::Engine;
use crate::errands::{Came, Errand};
use crate::placing::{self, Placing};
use crate::prepare::{CompiledTask, compile};

/// Rows that are held at a time.
const PAGE: u32 = 1000;

/// What a report is called where nothing is said.
const ERRORS: &str = "{original_filename}-errors-{timestamp}";
const SUMMARY: &str = "{original_filename}-summary-{timestamp}";

impl Engine {
    /// Writes what was noted about the run and its entries, a row each: what its progress shows as `errorDetails`.
    pub(crate) async fn report_errors(
        &self,
        errand: &Errand<'_>,
        publication: &Publication,
    ) -> Result<Came, StoreError> {
        let mut report = match self.begin_report(errand, publication, ERRORS).await {
            Ok(report) => report,
            Err(why) => return Ok(Came::Failed(why)),
        };
        let classes = classes(errand.configuration, errand.run);
        let columns = &publication.columns;
        let head = columns.iter().map(|column| column.as_str().to_owned()).collect();
        let failure = errand.run.failure.as_deref().map(|failure| failed(columns, failure));
        let mut rows: Vec<Vec<String>> = [Some(head), failure].into_iter().flatten().collect();
        let mut after = None;
        loop {
            let page = errand.store.report_rows(errand.run, after, PAGE).await?;
            rows.extend(page.iter().map(|row| cells(columns, row, &classes)));
            report = match write(report, std::mem::take(&mut rows)).await {
                Ok(report) => report,
                Err(why) => return Ok(Came::Failed(why)),
            };
            let Some(last) = page.last() else { break };
            after = Some(last.no);
        }
        Ok(report.put().await.map_or_else(Came::Failed, Came::left))
    }

    /// Writes what the run came to: how and when it ended, and what it counted.
    pub(crate) async fn report_summary(
        &self,
        errand: &Errand<'_>,
        publication: &Publication,
    ) -> Result<Came, StoreError> {
        let written = async {
            let report = self.begin_report(errand, publication, SUMMARY).await?;
            write(report, summary(errand.run)).await?.put().await
        };
        Ok(written.await.map_or_else(Came::Failed, Came::left))
    }

    async fn begin_report(
        &self,
        errand: &Errand<'_>,
        publication: &Publication,
        usual: &str,
    ) -> Result<Placing, String> {
        let input = self.input_file(errand.configuration, errand.run);
        let template = publication.relative_file_path.as_deref().unwrap_or(usual);
        let path = path(template, &errand.original_filename(input.as_deref()), errand.ended());
        let files = self.settings.file_roots(errand.store.slug());
        if input.is_some_and(|input| placing::is_same(&files, &input, &path)) {
            return Err(format!("`{path}` is the file that the run read; give the report another name"));
        }
        Placing::begin(files.own, path).await
    }
}

/// A class of accounts in a report, and the kind of their owners.
type Class = (String, ObjectKind);

/// The classes of a run by the numbers of its buckets.
fn classes(configuration: &Configuration, run: &RunRecord) -> Vec<Class> {
    match compile(configuration, &run.task_kind, &run.task) {
        Ok(CompiledTask::Cleanup(_)) => vec![(String::new(), CleaningUp::KIND)],
        Ok(CompiledTask::Inbound(task)) => vec![(task.class.id.to_string(), task.rules.object_kind)],
        Ok(CompiledTask::Outbound(task)) => {
            task.classes().iter().map(|class| (class.class.id.to_string(), class.target.kind)).collect()
        }
        Err(_) => Vec::new(),
    }
}

fn cells(columns: &[ReportColumn], row: &ReportRow, classes: &[Class]) -> Vec<String> {
    // What is about the run is about no class.
    let class = classes.get(row.bucket as usize).filter(|_| row.uid.is_some());
    let kind = || class.map_or("", |(_, kind)| kind.as_str()).to_owned();
    let of = |column: &ReportColumn| match column {
        ReportColumn::ShadowObjectId => row.shadow.map(|no| no.to_string()).unwrap_or_default(),
        ReportColumn::ShadowKind => kind(),
        ReportColumn::ShadowId => row.uid.clone().unwrap_or_default(),
        ReportColumn::ShadowObjectClass => class.map(|(class, _)| class.clone()).unwrap_or_default(),
        ReportColumn::IdmObjectId => row.object.map(|object| object.to_string()).unwrap_or_default(),
        ReportColumn::IdmObjectKind => row.object.map(|_| kind()).unwrap_or_default(),
        ReportColumn::ErrorStep => row.step.as_str().to_owned(),
        ReportColumn::ErrorCode => row.code.clone(),
        ReportColumn::ErrorLabel => label(&row.code).to_owned(),
        ReportColumn::ErrorDescription => row.message.clone(),
    };
    columns.iter().map(of).collect()
}

/// The row of a run that failed itself.
fn failed(columns: &[ReportColumn], failure: &str) -> Vec<String> {
    let code = ErrorCode::RunFailed;
    let of = |column: &ReportColumn| match column {
        ReportColumn::ErrorCode => code.id().to_owned(),
        ReportColumn::ErrorLabel => code.label().to_owned(),
        ReportColumn::ErrorDescription => failure.to_owned(),
        ReportColumn::ShadowObjectId
        | ReportColumn::ShadowKind
        | ReportColumn::ShadowId
        | ReportColumn::ShadowObjectClass
        | ReportColumn::IdmObjectId
        | ReportColumn::IdmObjectKind
        | ReportColumn::ErrorStep => String::new(),
    };
    columns.iter().map(of).collect()
}

fn label(code: &str) -> &'static str {
    ErrorCode::ALL.into_iter().find(|known| known.id() == code).unwrap_or(ErrorCode::Internal).label()
}

fn summary(run: &RunRecord) -> Vec<Vec<String>> {
    let counters = &run.counters;
    let outcome = run.state.outcome.map_or("", |outcome| outcome.as_str());
    let mut rows = vec![
        ("MEASURE".to_owned(), "VALUE".to_owned()),
        ("instanceId".to_owned(), run.id.to_string()),
        ("taskId".to_owned(), run.task.to_string()),
        ("outcomeStatus".to_owned(), outcome.to_owned()),
        ("startDate".to_owned(), instant(run.started_at)),
        ("endDate".to_owned(), run.ended_at.map(instant).unwrap_or_default()),
        ("failure".to_owned(), run.failure.clone().unwrap_or_default()),
        ("read".to_owned(), counters.read.to_string()),
        ("lacking".to_owned(), counters.lacking.to_string()),
    ];
    rows.extend(
        Outcome::ALL
            .map(|outcome| (format!("actions.{}", outcome.as_str()), counters.outcome(outcome).to_string())),
    );
    rows.extend(Situation::ALL.map(|situation| {
        (format!("situations.{}", situation.as_str()), counters.situation(situation).to_string())
    }));
    rows.push(("openReferences".to_owned(), counters.open_references.to_string()));
    rows.push(("unidentified".to_owned(), counters.unidentified.to_string()));
    rows.into_iter().map(|(measure, value)| vec![measure, value]).collect()
}

async fn write(report: Placing, rows: Vec<Vec<String>>) -> Result<Placing, String> {
    report.write(csv_octets(&rows).map_err(|error| error.to_string())?).await
}

/// Rows as RFC 4180 has them. No cell is a formula.
///
/// # Errors
/// When rows have not all the same number of cells.
pub fn csv_octets(rows: &[Vec<String>]) -> csv::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(&mut octets);
    for row in rows {
        writer.write_record(row.iter().map(|text| cell(text)))?;
    }
    writer.flush()?;
    drop(writer);
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formulas() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let rows = [row(&["A", "B"]), row(&["=1+1", "a,\"b\"\nc"]), row(&["", "-5,0"])];
        let expected = "A,B\r\n'=1+1,\"a,\"\"b\"\"\nc\"\r\n,\"'-5,0\"\r\n";
        assert_eq!(String::from_utf8(csv_octets(&rows).unwrap()).unwrap(), expected);
    }
}
