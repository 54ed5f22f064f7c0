//! `muster dataset`: checks a configuration as XML, compares it with a server's, imports and exports it.
//!
//! What is wrong with a file is told as `file:line:column: message`, as compilers do.

mod show;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use muster_api::view::DatasetReportView;
use muster_dataset::{
    Dataset, DatasetProblem, Documents, Fate, ImportMode, difference, keep_unique_ids, limits,
};
use muster_model::TenantSlug;
use muster_model::configuration::document::nearest::nearest;
use muster_model::configuration::{Configuration, ConfigurationKind, Problems};
use serde_json::{Value, json};

use super::{Common, client_of};
use crate::client::{Client, ClientError};
use crate::error::{CommandError, Exit};
use crate::print::{complain, count, say};
use crate::summary::Output;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Check a file without a server: its form, its resources, and what they have against each other
    Validate {
        #[command(flatten)]
        file: FileArgument,
        /// Check each resource by itself only; what it refers to may be on the server
        #[arg(long)]
        partial: bool,
    },
    /// Compare a file with a server's configuration; ends with 0 when they are equal, 3 when they differ
    Diff {
        #[command(flatten)]
        file: FileArgument,
        /// Whether resources that the file lacks count as deleted (replace) or are left out (merge)
        #[arg(long, value_enum, default_value = "replace")]
        mode: Mode,
        #[command(flatten)]
        door: DoorArguments,
    },
    /// Write all resources of a file to a server, or none if anything is wrong
    Import {
        #[command(flatten)]
        file: FileArgument,
        /// Say what would be done, and write nothing
        #[arg(long)]
        dry_run: bool,
        /// Whether resources that the file lacks stay (merge) or are deleted (replace)
        #[arg(long, value_enum, default_value = "merge")]
        mode: Mode,
        #[command(flatten)]
        door: DoorArguments,
    },
    /// Write a server's configuration to standard output, or to a file
    Export {
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        door: DoorArguments,
    },
}

#[derive(clap::Args)]
struct FileArgument {
    /// The dataset; - is standard input
    file: PathBuf,
}

#[derive(clap::Args)]
struct DoorArguments {
    /// The server; the token comes from MUSTER_TOKEN
    #[arg(long, value_name = "URL")]
    server: String,
    /// The tenant
    #[arg(long)]
    tenant: TenantSlug,
    /// Only resources of these kinds, as in Application,ConnectorDefinition
    #[arg(long, value_delimiter = ',', value_parser = kind, value_name = "KINDS")]
    types: Vec<ConfigurationKind>,
}

/// What becomes of resources that the file lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Merge,
    Replace,
}

impl From<Mode> for ImportMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Merge => Self::Merge,
            Mode::Replace => Self::Replace,
        }
    }
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    match &arguments.action {
        Action::Validate { file, partial } => {
            let checks = if *partial { Checks::Each } else { Checks::Whole };
            validate(file, checks, common.output)
        }
        Action::Diff { file, mode, door } => diff(file, (*mode).into(), door, common.output),
        Action::Import { file, dry_run, mode, door } => {
            let query =
                format!("?dryRun={dry_run}&mode={}{}", ImportMode::from(*mode).as_str(), door.types("&"));
            import(file, &query, door, common.output)
        }
        Action::Export { out, door } => export(out.as_deref(), door),
    }
}

/// What is checked of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checks {
    /// Each resource by itself.
    Each,
    /// Also what they have against each other.
    Whole,
}

fn validate(file: &FileArgument, checks: Checks, output: Output) -> Result<Exit, CommandError> {
    let dataset = Dataset::read(file.read()?);
    let further = match checks {
        Checks::Each => Problems::new(),
        // Of what is broken nobody knows what it means, but what it refers to is known.
        Checks::Whole if !dataset.is_sound() => dataset.dangling(&Configuration::default()),
        Checks::Whole => {
            let resources = dataset.entries().iter().filter_map(|entry| entry.sound());
            muster::check(&resources.map(|(_, resource)| resource.clone()).collect())
        }
    };
    let problems = dataset.problems(&further);
    if output == Output::Json {
        say(
            json!({"file": file.shown(), "resources": dataset.entries().len(), "problems": listed(&problems)}),
        );
    }
    if !problems.is_empty() {
        return Err(CommandError::Dataset { file: file.shown(), problems });
    }
    if output == Output::Text {
        let resources = count(dataset.entries().len() as u64, "resource", "resources");
        say(format_args!("{}: {resources}, in order", file.shown()));
    }
    Ok(Exit::Done)
}

fn listed(problems: &[DatasetProblem]) -> Vec<Value> {
    let one = |problem: &DatasetProblem| {
        json!({
            "line": problem.line,
            "column": problem.column,
            "message": problem.message,
            "hint": problem.hint,
        })
    };
    problems.iter().map(one).collect()
}

fn diff(
    file: &FileArgument,
    mode: ImportMode,
    door: &DoorArguments,
    output: Output,
) -> Result<Exit, CommandError> {
    let mut after = documents(file.shown(), file.read()?)?;
    after.retain(|(kind, _), _| door.types.is_empty() || door.types.contains(kind));
    let exported = door.client("diff")?.get_text(&door.path(&format!("export{}", door.types("?"))))?;
    let before = documents(format!("the configuration of {}", door.tenant), exported.into_bytes())?;
    keep_unique_ids(&before, &mut after);
    let found = difference(&before, &after, mode);
    let differs = found.iter().any(|found| found.fate != Fate::Unchanged);
    let report = DatasetReportView::new(found, mode, door.kinds()).of_nothing_written();
    show::report(&serde_json::to_value(report)?, output);
    Ok(if differs { Exit::Partial } else { Exit::Done })
}

/// The documents of a dataset that is in order.
fn documents(name: String, octets: Vec<u8>) -> Result<Documents, CommandError> {
    let dataset = Dataset::read(octets);
    let problems = dataset.problems(&Problems::new());
    if problems.is_empty() {
        Ok(dataset.documents())
    } else {
        Err(CommandError::Dataset { file: name, problems })
    }
}

fn import(
    file: &FileArgument,
    query: &str,
    door: &DoorArguments,
    output: Output,
) -> Result<Exit, CommandError> {
    let octets = file.read()?;
    let answer = door.client("import")?.post_xml(&door.path(&format!("import{query}")), &octets);
    let report = answer.map_err(|error| with_lines(file.shown(), error))?;
    show::report(&serde_json::from_str(&report)?, output);
    Ok(Exit::Done)
}

/// A refusal whose places are lines of the file, as the file's; what it says of other resources is told before.
fn with_lines(file: String, error: ClientError) -> CommandError {
    let ClientError::Refused { status, description, properties, fix } = error else { return error.into() };
    let mut problems = Vec::new();
    let mut elsewhere = BTreeMap::new();
    for (place, said) in properties {
        let numbers = place.split_once(':').map(|(line, column)| (line.parse(), column.parse()));
        match numbers {
            Some((Ok(line), Ok(column))) => {
                problems.push(DatasetProblem { line, column, message: said, hint: None });
            }
            Some(_) | None => {
                elsewhere.insert(place, said);
            }
        }
    }
    if problems.is_empty() {
        return ClientError::Refused { status, description, properties: elsewhere, fix }.into();
    }
    problems.sort();
    for (place, said) in elsewhere {
        complain(format_args!("{place}: {said}"));
    }
    CommandError::Dataset { file, problems }
}

fn export(out: Option<&Path>, door: &DoorArguments) -> Result<Exit, CommandError> {
    let text = door.client("export")?.get_text(&door.path(&format!("export{}", door.types("?"))))?;
    match out {
        Some(path) => {
            fs::write(path, text).map_err(CommandError::machine(format!("write {}", path.display())))?
        }
        None => io::stdout()
            .write_all(text.as_bytes())
            .map_err(CommandError::machine("write to standard output"))?,
    }
    Ok(Exit::Done)
}

impl FileArgument {
    /// Reads so much that one sees whether it is too much.
    fn read(&self) -> Result<Vec<u8>, CommandError> {
        let doing = || format!("read {}", self.shown());
        let from: Box<dyn Read> = if self.file.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(&self.file).map_err(CommandError::machine(doing()))?)
        };
        let mut octets = Vec::new();
        let read = from.take(limits::OCTETS as u64 + 1).read_to_end(&mut octets);
        read.map(|_| octets).map_err(CommandError::machine(doing()))
    }

    fn shown(&self) -> String {
        if self.file.as_os_str() == "-" {
            "standard input".to_owned()
        } else {
            self.file.display().to_string()
        }
    }
}

impl DoorArguments {
    fn client(&self, command: &str) -> Result<Client, CommandError> {
        client_of(&self.server, &format!("muster dataset {command} …"))
    }

    fn path(&self, end: &str) -> String {
        format!("/{}/api/sync/conf/dataset/{end}", self.tenant)
    }

    /// The kinds that are meant: those named, or all.
    fn kinds(&self) -> Vec<ConfigurationKind> {
        if self.types.is_empty() { ConfigurationKind::ALL.into() } else { self.types.clone() }
    }

    /// The query parameter that names the kinds, after what comes before it; nothing for all.
    fn types(&self, before: &str) -> String {
        if self.types.is_empty() {
            return String::new();
        }
        let names: Vec<_> = self.types.iter().map(|kind| kind.element_name()).collect();
        format!("{before}types={}", names.join(","))
    }
}

fn kind(name: &str) -> Result<ConfigurationKind, String> {
    let known = ConfigurationKind::ALL.map(ConfigurationKind::element_name);
    let kind = ConfigurationKind::ALL.into_iter().find(|kind| kind.element_name() == name);
    kind.ok_or_else(|| match nearest(name, known) {
        Some(meant) => format!("is no kind of configuration; did you mean {meant}?"),
        None => format!("is no kind of configuration; there are {}", known.join(", ")),
    })
}
