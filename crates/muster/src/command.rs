//! The commands, one file each, and what they have in common: arguments, settings, the runtime.

mod application;
mod audit;
mod backup;
mod copy;
mod dataset;
mod demo;
mod doctor;
mod figures;
mod restore;
mod run;
mod secret;
mod serve;
mod tenant;
mod token;
mod user;

use std::future::Future;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use muster::settings::{Settings, Sources, unknown_variables};
use muster::{Machine, Muster};
use muster_engine::Surroundings as _;
use muster_model::TenantSlug;
use muster_model::audit::{Actor, ActorKind};
use muster_store::{Acting, TenantStore};

use crate::client::Client;
use crate::error::{CommandError, Exit};
use crate::logging;
use crate::print::complain;
use crate::summary::Output;

/// What is logged unless the settings say: that something went wrong, and what is wrong with how Muster is set up.
const QUIET: &str = "error,muster::command=warn,muster::data=warn";

/// How far runs stand back behind requests, on the scale of the scheduler.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Keeps people in step between systems: reads them from an HR file, provisions their accounts.
#[derive(Parser)]
#[command(name = "muster", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: CommonArguments,
}

/// What results are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[value(alias = "table")]
    Text,
    /// For programs
    Json,
    /// For spreadsheets: `run changes` and `run failures` alone
    Csv,
}

/// What commands have in common, as it is given.
#[derive(Args)]
struct CommonArguments {
    /// Write results for people or for programs
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    output: Format,
    /// Write the log, on standard error, for people (text) or programs (json); MUSTER_LOG says how much
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Output")]
    log_format: Option<String>,
}

/// What commands have in common.
struct Common {
    output: Output,
    /// The same, with what most commands do not know.
    format: Format,
    log_format: Option<String>,
}

impl Common {
    fn of(given: CommonArguments, command: &Command) -> Result<Self, CommandError> {
        let output = match given.output {
            Format::Text => Output::Text,
            Format::Json => Output::Json,
            Format::Csv if command.knows_csv() => Output::Text,
            Format::Csv => {
                return Err(CommandError::usage(
                    "this command writes no CSV",
                    "use --output text or json; `muster run changes` writes CSV",
                ));
            }
        };
        Ok(Self { output, format: given.output, log_format: given.log_format })
    }
}

#[derive(Subcommand)]
enum Command {
    /// Show what Muster does, on an example of its own
    Demo(demo::Arguments),
    /// Serve the API and work on runs
    Serve(serve::Arguments),
    /// Create, list and delete tenants
    Tenant(tenant::Arguments),
    /// Create, list and delete a tenant's users
    User(user::Arguments),
    /// Create, list and delete a tenant's tokens
    Token(token::Arguments),
    /// Put, list and delete a tenant's secrets
    Secret(secret::Arguments),
    /// Run a task, or decide about its plan
    Run(run::Arguments),
    /// Look at applications that fail, and release those in quarantine
    Application(application::Arguments),
    /// Check a configuration as XML, compare it with a server's, import and export it
    Dataset(dataset::Arguments),
    /// Look at a tenant's audit log, verify or export it
    Audit(audit::Arguments),
    /// Copy the database and the tenants' files into one file, also while a server runs
    Backup(backup::Arguments),
    /// Put a backup into an empty data directory
    Restore(restore::Arguments),
    /// Copy the SQLite database of a data directory into an empty PostgreSQL
    Copy(copy::Arguments),
    /// Check settings, database, files and applications; say what to do
    Doctor(doctor::Arguments),
}

/// Which data a command works on.
#[derive(Args)]
pub(crate) struct PlaceArguments {
    /// A file of settings
    #[arg(long, env = "MUSTER_CONFIG", value_name = "FILE", help_heading = "Data")]
    config: Option<PathBuf>,
    /// The directory of the data: SQLite and the tenants' files [default: ./data]
    #[arg(long, value_name = "DIRECTORY", help_heading = "Data")]
    data_dir: Option<String>,
    /// A PostgreSQL instead of SQLite, postgres://user:password@host/database
    #[arg(long, value_name = "URL", help_heading = "Data")]
    database_url: Option<String>,
    /// The file of the master key, for secrets [default: master.key in the directory of the data]
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    master_key_file: Option<String>,
}

/// Does what the command line says.
///
/// # Errors
/// When it cannot be done.
pub(crate) fn run() -> Result<Exit, CommandError> {
    let Arguments { command, common } = Arguments::parse();
    let common = Common::of(common, &command)?;
    match command {
        Command::Demo(arguments) => demo::run(&arguments, &common),
        Command::Serve(arguments) => serve::run(&arguments, &common),
        Command::Tenant(arguments) => tenant::run(&arguments, &common),
        Command::User(arguments) => user::run(&arguments, &common),
        Command::Token(arguments) => token::run(&arguments, &common),
        Command::Secret(arguments) => secret::run(&arguments, &common),
        Command::Run(arguments) => run::run(&arguments, &common),
        Command::Application(arguments) => application::run(&arguments, &common),
        Command::Dataset(arguments) => dataset::run(&arguments, &common),
        Command::Audit(arguments) => audit::run(&arguments, &common),
        Command::Backup(arguments) => backup::run(&arguments, &common),
        Command::Restore(arguments) => restore::run(&arguments, &common),
        Command::Copy(arguments) => copy::run(&arguments, &common),
        Command::Doctor(arguments) => doctor::run(&arguments, &common),
    }
}

impl Command {
    fn knows_csv(&self) -> bool {
        matches!(self, Self::Run(arguments) if arguments.knows_csv())
    }
}

impl PlaceArguments {
    /// None, for a command that is told in other words what it works on.
    fn none() -> Self {
        Self { config: None, data_dir: None, database_url: None, master_key_file: None }
    }

    /// The settings that hold, with further flags of the command; begins to log.
    fn settings(
        &self,
        common: &Common,
        further: Vec<(&'static str, String)>,
        level: &str,
    ) -> Result<Settings, CommandError> {
        let own = [
            ("data-dir", &self.data_dir),
            ("database-url", &self.database_url),
            ("master-key-file", &self.master_key_file),
        ];
        let mut flags = further;
        flags.extend(own.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
        load_settings(self.config.as_ref(), common, flags, level)
    }

    /// The data, for a command that works on it and ends.
    async fn open(&self, common: &Common) -> Result<Muster, CommandError> {
        let settings = self.settings(common, Vec::new(), QUIET)?;
        let muster = Muster::open_as_set(&settings).await?;
        tell_of_key(&muster);
        Ok(by_hand(muster))
    }

    /// The flags as they were given, so that another command can be told with the same ones. What comes
    /// from the environment is there next time as well.
    fn as_given(&self) -> String {
        let config = self.config.as_ref().map(|path| path.display().to_string());
        let given = [
            ("config", config.filter(|path| std::env::var("MUSTER_CONFIG").as_deref() != Ok(path.as_str()))),
            ("data-dir", self.data_dir.clone()),
            // It may hold a password.
            ("database-url", self.database_url.as_ref().map(|_| "…".to_owned())),
            ("master-key-file", self.master_key_file.clone()),
        ];
        given.into_iter().filter_map(|(name, value)| Some(format!(" --{name} {}", quoted(&value?)))).collect()
    }
}

/// What the command does is the doing of whoever called it.
fn by_hand(muster: Muster) -> Muster {
    let machine = Machine::new();
    let actor = Actor::new(ActorKind::CommandLine, machine.user());
    muster.acting(Acting { actor, origin: machine.process(), at: Some(machine.now()) })
}

fn load_settings(
    config: Option<&PathBuf>,
    common: &Common,
    mut flags: Vec<(&'static str, String)>,
    level: &str,
) -> Result<Settings, CommandError> {
    flags.extend(common.log_format.iter().map(|format| ("log-format", format.clone())));
    let environment = |name: &str| std::env::var(name).ok();
    let settings =
        Settings::load(&Sources { file: config.map(PathBuf::as_path), environment: &environment, flags })?;
    logging::start(&settings, level)?;
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    for name in unknown_variables(names) {
        tracing::warn!(
            "{name} is no setting, so its value changes nothing; config/muster.toml lists them all"
        );
    }
    Ok(settings)
}

/// Says that there is a new master key, and what that means.
fn tell_of_key(muster: &Muster) {
    if let Some(path) = &muster.made_key {
        complain(format_args!(
            "made the master key {}; keep a copy elsewhere, without it no secret can be read any more",
            path.display()
        ));
    }
}

/// Does something that waits, on as many threads as there are processors.
fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    runtime()?.block_on(work)
}

fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.max(2))
        .on_thread_start(stand_back)
        .enable_all()
        .build()
        .map_err(CommandError::machine("start the runtime"))
}

/// Runs work on the threads of the runtime; requests are answered on others, which come first where both want a
/// processor. That a thread alone can be told so is Linux's.
fn stand_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "runs keep the priority of the process");
    }
}

/// A client of a server, with the token of the environment.
fn client_of(server: &str, command: &str) -> Result<Client, CommandError> {
    let token = std::env::var("MUSTER_TOKEN").unwrap_or_default();
    if token.is_empty() {
        let hint =
            format!("`muster token create` makes one; give it in the environment: MUSTER_TOKEN=… {command}");
        return Err(CommandError::usage("there is no token for the server", hint));
    }
    Ok(Client::with_token(server, &token))
}

async fn tenant_store(muster: &Muster, slug: &TenantSlug) -> Result<TenantStore, CommandError> {
    muster.store.tenant(slug).await?.ok_or_else(|| CommandError::NoTenant(slug.clone()))
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@%+=,…".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, expected) in
            [("./data", "./data"), ("my data", "'my data'"), ("it's", r"'it'\''s'"), ("", "''")]
        {
            assert_eq!(quoted(word), expected);
        }
    }
}
