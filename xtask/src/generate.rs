//! `cargo xtask gen`: files made from a seed, the same bytes every time.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;

use clap::{Args, Subcommand};
use muster_testkit::people::{BadLines, Day, Export, Share, Turnover, write_csv};

use crate::error::Error;
use crate::program::{cargo, expect_success};

#[derive(Debug, Subcommand)]
pub(crate) enum Arguments {
    /// An HR export as CSV, the key in the first column
    People(People),
    /// docs/reference/openapi.json, from the routes of the API
    Openapi,
    /// docs/reference/dataset.xsd, from the shapes of configuration
    Schema,
    /// examples/dataset.xml and examples/directory/dataset.xml, from the documents in `conf` beside each
    Dataset,
}

#[derive(Debug, Args)]
pub(crate) struct People {
    /// People on the first day
    #[arg(long, default_value_t = 10_000)]
    count: u64,
    /// What everything is derived from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first day, or the second after some have come, changed and gone
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    day: u8,
    /// The file to write
    #[arg(long)]
    out: PathBuf,
    /// Percent who are new on the second day
    #[arg(long, default_value = "0.4", value_parser = share)]
    joiners: Share,
    /// Percent of whom a fact differs on the second day
    #[arg(long, default_value = "0.4", value_parser = share)]
    changed: Share,
    /// Percent who are gone on the second day
    #[arg(long, default_value = "0.2", value_parser = share)]
    leavers: Share,
    /// Add some lines that cannot be read, and some keys twice
    #[arg(long)]
    bad: bool,
}

impl People {
    fn export(&self) -> Export {
        let turnover = Turnover { joiners: self.joiners, changed: self.changed, leavers: self.leavers };
        Export {
            count: self.count,
            seed: self.seed,
            day: if self.day == 1 { Day::First } else { Day::Second(turnover) },
            bad_lines: if self.bad { BadLines::Some } else { BadLines::None },
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let people = match arguments {
        Arguments::People(people) => people,
        Arguments::Openapi => return generate("muster-api", &["openapi"], "docs/reference/openapi.json"),
        Arguments::Schema => {
            return generate("muster-dataset", &["print", "schema"], "docs/reference/dataset.xsd");
        }
        Arguments::Dataset => {
            for example in ["examples", "examples/directory"] {
                let print = ["print", "dataset", &format!("{example}/conf")];
                generate("muster-dataset", &print, &format!("{example}/dataset.xml"))?;
            }
            return Ok(());
        }
    };
    let action = format!("write {}", people.out.display());
    let out = File::create(&people.out).map_err(Error::io(&action))?;
    let written = write_csv(&people.export(), out).map_err(Error::io(&action))?;
    println!("{}: {} people, {} bad lines", people.out.display(), written.people, written.bad);
    Ok(())
}

fn share(text: &str) -> Result<Share, String> {
    let percent: f64 = text.parse().map_err(|_| "a number, in percent".to_owned())?;
    Share::from_percent(percent).ok_or_else(|| "0 to 100, in percent".to_owned())
}

/// Writes what an example of a package prints. It is another program, so that this one stays quick to build.
fn generate(package: &str, example: &[&str], path: &str) -> Result<(), Error> {
    let action = format!("print {path}");
    let mut print = cargo();
    print.args(["run", "--quiet", "--package", package, "--example"]);
    print.args(&example[..1]).arg("--").args(&example[1..]);
    let printed = print.stderr(Stdio::inherit()).output().map_err(Error::io(&action))?;
    expect_success(&print, printed.status)?;
    fs::write(path, printed.stdout).map_err(Error::io(format!("write {path}")))
}
