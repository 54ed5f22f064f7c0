//! `muster doctor`: looks at settings, files, database and applications, and says what to do. Changes nothing.

use std::fmt::Display;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use chrono::TimeDelta;
use muster::settings::Settings;
use muster::{Machine, Muster, OpenError};
use muster_connector::ConnectorError;
use muster_engine::Surroundings as _;
use muster_store::{Examination, Location, TenantStore};
use serde_json::json;

use super::{Common, PlaceArguments, block_on};
use crate::error::{CommandError, Exit, NAME_KEY};
use crate::print::{instant, say};
use crate::summary::Output;

/// What a check finds is told here; the log would only say it twice.
const LEVEL: &str = "off";

/// How far clocks may be apart before leases end at the wrong time.
const APART: TimeDelta = TimeDelta::seconds(5);

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: PlaceArguments,
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    /// It works, but somebody should know.
    Warning,
    /// It does not work.
    Problem,
}

/// One check.
struct Check {
    of: String,
    status: Status,
    message: String,
    hint: Option<String>,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

fn ok(of: impl Display, message: impl Display) -> Check {
    Check { of: of.to_string(), status: Status::Ok, message: message.to_string(), hint: None }
}

fn warning(of: impl Display, message: impl Display, hint: impl Display) -> Check {
    Check { status: Status::Warning, hint: Some(hint.to_string()), ..ok(of, message) }
}

fn problem(of: impl Display, message: impl Display, hint: impl Display) -> Check {
    Check { status: Status::Problem, ..warning(of, message, hint) }
}

/// What keeps a check from being made.
fn failed(of: impl Display, error: impl Into<CommandError>) -> Check {
    let error = error.into();
    let hint = error.hint().unwrap_or_else(|| "remove the cause, then ask again".to_owned());
    problem(of, error.told(), hint)
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    let checks = match arguments.place.settings(common, Vec::new(), LEVEL) {
        Ok(settings) => block_on(async { Ok(examine(&settings).await) })?,
        Err(error) => vec![failed("settings", error)],
    };
    for check in &checks {
        tell(check, common.output);
    }
    let is_problem = |check: &Check| check.status == Status::Problem;
    Ok(if checks.iter().any(is_problem) { Exit::Failed } else { Exit::Done })
}

/// One line a check, for programs one object a line.
fn tell(check: &Check, output: Output) {
    let Check { of, status, message, hint } = check;
    match output {
        Output::Json => {
            say(json!({"check": of, "status": status.as_str(), "message": message, "hint": hint}));
        }
        Output::Text => {
            let hint = hint.as_ref().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
            say(format_args!("{:<8} {of}: {message}{hint}", status.as_str()));
        }
    }
}

async fn examine(settings: &Settings) -> Vec<Check> {
    let place = settings.place();
    let mut checks = vec![ok("settings", "they can be used")];
    checks.extend(certificate(settings));
    checks.push(data_directory(&place.data_dir));
    let location = place.location();
    if let Location::File(file) = &location
        && !file.exists()
    {
        let hint = "nothing, if nobody has started a server yet: the first start makes it";
        checks.push(warning("database", format_args!("there is none at {}", file.display()), hint));
        return checks;
    }
    match Examination::of(&location).await {
        Err(error) => checks.push(failed("database", error)),
        Ok(examination) => {
            checks.extend(database(&examination));
            // Opening it would change the schema.
            if examination.schema == examination.known {
                checks.extend(applications(settings).await);
            }
        }
    }
    checks
}

fn certificate(settings: &Settings) -> Option<Check> {
    match super::serve::certificate(settings) {
        Ok(None) => None,
        Ok(Some(_)) => Some(ok("certificate", "it fits its key")),
        Err(error) => Some(failed("certificate", error)),
    }
}

fn data_directory(path: &Path) -> Check {
    const OF: &str = "data directory";
    let shown = path.display();
    let Ok(metadata) = fs::metadata(path) else {
        let hint = "nothing, if nobody has started a server yet; else name it with --data-dir";
        return warning(OF, format_args!("there is none at {shown}"), hint);
    };
    if !metadata.is_dir() {
        return problem(OF, format_args!("{shown} is no directory"), "name another with --data-dir");
    }
    if let Err(error) = tempfile::tempfile_in(path) {
        let hint = format!("let user {} write there", Machine::new().user());
        return problem(OF, format_args!("{shown} cannot be written: {error}"), hint);
    }
    if metadata.permissions().mode() & muster::OTHERS != 0 {
        let hint = format!("`chmod 700 {shown}` keeps them out");
        return warning(OF, format_args!("all users of this machine may look into {shown}"), hint);
    }
    ok(OF, format_args!("{shown} can be written, and others keep out"))
}

fn database(examination: &Examination) -> Vec<Check> {
    let Examination { schema, known, damage, write, clock, newest_run } = examination;
    let schema_check = match schema.cmp(known) {
        std::cmp::Ordering::Equal => ok("database", format_args!("its schema is that of version {known}")),
        std::cmp::Ordering::Less => warning(
            "database",
            format_args!("its schema is that of version {schema}, this program needs {known}"),
            "back it up; the next start brings it up to date",
        ),
        std::cmp::Ordering::Greater => problem(
            "database",
            format_args!("its schema is that of version {schema}, this program knows up to {known}"),
            "use a newer program",
        ),
    };
    let integrity = match damage {
        None => ok("integrity", "the database finds no damage"),
        Some(said) => {
            problem("integrity", format_args!("the database is damaged: {said}"), "restore a backup")
        }
    };
    let written = match write {
        Ok(()) => ok("write", "the database can be written"),
        Err(error) => {
            let hint = error.cause().map_or("look who else uses the database", |cause| cause.fix());
            problem("write", format_args!("the database cannot be written: {error}"), hint)
        }
    };
    vec![schema_check, integrity, written, clocks(*clock, *newest_run)]
}

fn clocks(
    of_database: Option<chrono::DateTime<chrono::Utc>>,
    newest_run: Option<chrono::DateTime<chrono::Utc>>,
) -> Check {
    let now = Machine::new().now();
    let hint = "let this machine keep its clock by NTP";
    if let Some(theirs) = of_database.filter(|theirs| (*theirs - now).abs() > APART) {
        let theirs = instant(theirs);
        return problem(
            "clock",
            format_args!("it is {} here and {theirs} at the database", instant(now)),
            hint,
        );
    }
    if let Some(newest) = newest_run.filter(|newest| *newest - now > APART) {
        let newest = instant(newest);
        return problem(
            "clock",
            format_args!("it is {}, but a run was launched at {newest}", instant(now)),
            hint,
        );
    }
    ok("clock", format_args!("it is {}", instant(now)))
}

async fn applications(settings: &Settings) -> Vec<Check> {
    let muster = match Muster::look(settings).await {
        Ok(muster) => muster,
        Err(error @ OpenError::Key(_)) => return vec![failed("master key", error)],
        Err(error) => return vec![failed("database", error)],
    };
    let mut checks = vec![master_key(&muster, settings)];
    checks.extend(tenants(&muster).await);
    checks
}

fn master_key(muster: &Muster, settings: &Settings) -> Check {
    const OF: &str = "master key";
    if muster.store.has_master_key() {
        return ok(OF, "it is that of the database");
    }
    if settings.place().database_url.is_some() {
        return problem(OF, "there is none, so no server starts", NAME_KEY);
    }
    warning(OF, "there is none", "nothing: the first start makes it; keep a copy of it elsewhere then")
}

async fn tenants(muster: &Muster) -> Vec<Check> {
    let tenants = match muster.store.tenants().await {
        Ok(tenants) => tenants,
        Err(error) => return vec![failed("tenants", error)],
    };
    if tenants.is_empty() {
        let hint = "`muster tenant create SLUG` makes one";
        return vec![warning("tenants", "there is no tenant", hint)];
    }
    let mut checks = Vec::new();
    for tenant in tenants {
        match muster.store.tenant(&tenant.slug).await {
            Ok(Some(store)) => checks.extend(applications_of(muster, &store).await),
            Ok(None) => {}
            Err(error) => checks.push(failed(format_args!("tenant {}", tenant.slug), error)),
        }
    }
    checks
}

async fn applications_of(muster: &Muster, store: &TenantStore) -> Vec<Check> {
    let slug = store.slug();
    let probes = match muster.engine.probe_applications(store).await {
        Ok(probes) => probes,
        Err(error) => {
            let hint = "compare with `muster dataset export`";
            return vec![problem(format_args!("tenant {slug}"), error, hint)];
        }
    };
    let checked = probes.into_iter().map(|probe| {
        let of = format!("tenant {slug}, application {}, class {}", probe.application, probe.class);
        match probe.result {
            Ok(()) => ok(of, "it can be read"),
            // A file that provisioning makes is not there before.
            Err(error @ ConnectorError::Missing { .. }) => {
                warning(of, error, "nothing, if it is still to come; else deliver it")
            }
            Err(error) => problem(of, error, "correct the connector definition, or the remote system"),
        }
    });
    checked.collect()
}
