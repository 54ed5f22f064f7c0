//! The instruments of `cargo xtask bench`: the floors, each the plainest program that does the same input and
//! output as a job with none of our logic, and what is set up and watched around a job.
//!
//! One call does one thing in a process of its own and prints one JSON object. Never part of a server.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, io};

use clap::{Parser, Subcommand};
use serde::Serialize;

mod configuration;
mod csv_read;
mod dataset;
mod directory;
mod error;
mod expression;
mod fires;
mod insert;
mod phases;
mod requests;
mod singles;
mod usage;
mod watch;

use error::Error;
use requests::Load;
use usage::measure;
use watch::Database;

#[derive(Parser)]
#[command(name = "muster-bench", about = "The instruments of `cargo xtask bench`")]
struct Arguments {
    #[command(subcommand)]
    instrument: Instrument,
}

#[derive(Subcommand)]
enum Instrument {
    /// Makes the tenant and its configuration from the files of the example
    Prepare {
        /// Where the resources lie, one file each, by kind
        #[arg(long)]
        conf: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Makes so many tenants with so many scheduled tasks each
    PrepareSchedules {
        /// Where the resources lie, one file each, by kind
        #[arg(long)]
        conf: PathBuf,
        #[arg(long)]
        tenants: u32,
        #[arg(long)]
        tasks: u32,
        #[command(flatten)]
        place: Place,
    },
    /// Adds the directory at a port to the tenant, from the files of its example
    PrepareDirectory {
        /// Where the resources lie, one file each, by kind
        #[arg(long)]
        conf: PathBuf,
        #[arg(long)]
        port: u16,
        #[command(flatten)]
        place: Place,
    },
    /// Waits until a server has computed all schedules
    AwaitSchedules {
        #[command(flatten)]
        place: Place,
    },
    /// Makes all tasks of a tenant due and tells how late they fired, with the token in `MUSTER_TOKEN`
    Fire {
        /// The address of the tenant's API
        api: String,
    },
    /// Writes a dataset of so many resources
    Dataset {
        file: PathBuf,
        #[arg(long)]
        resources: usize,
    },
    /// Floor: reads a CSV file and takes a digest of each record
    ReadCsv { file: PathBuf },
    /// Floor: reads a CSV file and inserts the rows of as many created entries, in the order of the file
    Insert {
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Floor: adds an account for everybody in a CSV file to the directory at a port
    AddAccounts {
        file: PathBuf,
        #[arg(long)]
        port: u16,
    },
    /// Floor: reads all accounts of the directory at a port and drops them
    SearchAccounts {
        #[arg(long)]
        port: u16,
    },
    /// Reads the same through the connector and drops them
    SweepAccounts {
        #[arg(long)]
        port: u16,
    },
    /// Counts what stands in the log of the directory at a port
    CountWritten {
        #[arg(long)]
        port: u16,
    },
    /// Evaluates an expression so many times
    Evaluate { times: u64 },
    /// Reads and writes applications of a tenant at a set rate until its own input ends, with the token in
    /// `MUSTER_TOKEN`
    Requests {
        /// The address of the applications
        applications: String,
        /// The one of which each connection makes its own
        model: String,
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
        connections: u32,
        /// Of all connections together
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        requests_per_second: u32,
    },
    /// Synchronizes people of the HR file one by one, who stand in a directory, with the token in `MUSTER_TOKEN`
    Singles {
        /// The address of the tenant
        tenant: String,
        /// The HR file
        file: PathBuf,
        /// Who ask side by side
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
        callers: u8,
    },
    /// Watches until its own input ends, and tells how long the newest run applied
    WatchApplying {
        #[command(flatten)]
        place: Place,
    },
    /// Watches a first load until its own input ends, and tells how fast the first and the last entries went
    Watch {
        /// How many entries the load has
        #[arg(long)]
        entries: u64,
        /// How many of them are the first, and the last
        #[arg(long)]
        part: u64,
        #[command(flatten)]
        place: Place,
    },
}

/// Where the data lie, named as for `muster`.
#[derive(clap::Args)]
struct Place {
    /// The data directory
    #[arg(long)]
    data_dir: PathBuf,
    /// A PostgreSQL database instead of the SQLite file
    #[arg(long)]
    database_url: Option<String>,
}

impl Place {
    fn database(self) -> Database {
        match self.database_url {
            Some(url) => Database::Postgres(url),
            None => Database::Sqlite(self.data_dir.join("muster.db")),
        }
    }
}

/// What an instrument did and what that cost.
#[derive(Debug, Serialize)]
struct Figures {
    entries: u64,
    seconds: f64,
    cpu_seconds: f64,
    peak_rss_mib: f64,
}

fn main() -> ExitCode {
    match run(Arguments::parse().instrument) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.print();
            ExitCode::FAILURE
        }
    }
}

fn run(instrument: Instrument) -> Result<(), Error> {
    match instrument {
        Instrument::Prepare { conf, place } => configuration::prepare(&conf, &place.database()),
        Instrument::PrepareSchedules { conf, tenants, tasks, place } => {
            configuration::prepare_schedules(&conf, &place.database(), (tenants, tasks))
        }
        Instrument::PrepareDirectory { conf, port, place } => {
            configuration::prepare_directory(&conf, &place.database(), port)
        }
        Instrument::AwaitSchedules { place } => configuration::await_schedules(&place.database()),
        Instrument::Fire { api } => print(&fires::fire(&api, &token())?),
        Instrument::Dataset { file, resources } => dataset::write(&file, resources),
        Instrument::ReadCsv { file } => print_figures(|| Ok(csv_read::read_csv(&file)?.entries)),
        Instrument::Insert { file, place } => {
            let database = place.database();
            insert::make_schema(&database)?;
            print_figures(|| insert::insert(&file, &database))
        }
        Instrument::AddAccounts { file, port } => {
            let accounts = directory::accounts(&file)?;
            print_figures(|| directory::add(accounts, port))
        }
        Instrument::SearchAccounts { port } => print_figures(|| directory::search(port)),
        Instrument::SweepAccounts { port } => print_figures(|| directory::sweep(port)),
        Instrument::CountWritten { port } => print(&directory::written(port)?),
        Instrument::Evaluate { times } => {
            let people = expression::people();
            print_figures(|| expression::evaluate(&people, times))
        }
        Instrument::Requests { applications, model, connections, requests_per_second } => {
            let load = Load { applications, model, token: token(), connections, requests_per_second };
            print(&requests::ask(load, &watch::end_of(io::stdin()))?)
        }
        Instrument::Singles { tenant, file, callers } => {
            let users = directory::accounts(&file)?.iter().map(|one| one.user_name().to_owned()).collect();
            let load = singles::Load { tenant, token: token(), callers: callers.into(), users };
            print(&singles::ask(load)?)
        }
        Instrument::WatchApplying { place } => {
            print(&phases::watch_applying(&place.database(), io::stdin())?)
        }
        Instrument::Watch { entries, part, place } => {
            let samples = watch::watch(&place.database(), io::stdin())?;
            print(&watch::pace(&samples, entries, part))
        }
    }
}

fn token() -> String {
    env::var("MUSTER_TOKEN").unwrap_or_default()
}

fn print_figures(work: impl FnOnce() -> Result<u64, Error>) -> Result<(), Error> {
    let (entries, usage) = measure(work).map_err(Error::io("measure"))?;
    print(&Figures {
        entries: entries?,
        seconds: usage.seconds,
        cpu_seconds: usage.cpu_seconds,
        peak_rss_mib: usage.peak_rss_mib,
    })
}

fn print(value: &impl Serialize) -> Result<(), Error> {
    let line = serde_json::to_string(value).map_err(|error| Error::io("write figures")(error.into()))?;
    println!("{line}");
    Ok(())
}
