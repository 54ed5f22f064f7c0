//! `cargo xtask fuzz`: libFuzzer on the readers of hostile input, with the stable compiler.
//!
//! What `cargo fuzz` does besides needs an unstable one for its sanitizers. Ours are Rust's own checks, overflow
//! included: no reader has unsafe code of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::program::{Interruptions, cargo, expect_success, run_until_interrupted};

/// Counts every branch and tells libFuzzer what was compared with what.
const OBSERVED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";
/// Where programs, new inputs and findings lie.
const BUILT: &str = "target/fuzz";
/// Seconds after which an input is a finding.
const PATIENCE: u32 = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Targets, as they are called in fuzz/corpus; all when none is named
    targets: Vec<String>,
    /// How long each of them is looked at
    #[arg(long, default_value_t = 180)]
    seconds: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let known = targets()?;
    if let Some(name) = arguments.targets.iter().find(|name| !known.contains(name)) {
        return Err(Error::UnknownTarget { name: name.clone(), known: known.join(", ") });
    }
    let chosen = if arguments.targets.is_empty() { known } else { arguments.targets.clone() };
    let interruptions = Interruptions::catch()?;
    let driver = build(&interruptions)?;
    for name in chosen {
        let mut call = look(&driver, &name, arguments.seconds)?;
        match run_until_interrupted(&mut call, &interruptions) {
            Err(Error::Failed { .. }) => return Err(Error::Finding { name }),
            ended => ended?,
        }
    }
    Ok(())
}

/// The names of all targets: each has a corpus.
fn targets() -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir("fuzz/corpus").map_err(Error::io("list fuzz/corpus"))? {
        let entry = entry.map_err(Error::io("list fuzz/corpus"))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Builds the driver, observed, and says where it lies.
fn build(interruptions: &Interruptions) -> Result<PathBuf, Error> {
    let host = host()?;
    let mut build = cargo();
    build.args(["build", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", BUILT, "--target", &host]);
    run_until_interrupted(build.env("RUSTFLAGS", OBSERVED), interruptions)?;
    Ok(Path::new(BUILT).join(host).join("debug/muster-fuzz-driver"))
}

/// The machine as the compiler calls it. Named as the target it keeps build scripts from being observed as well.
fn host() -> Result<String, Error> {
    let mut compiler = Command::new("rustc");
    let output = compiler.arg("-vV").stderr(Stdio::inherit()).output().map_err(Error::io("ask rustc"))?;
    expect_success(&compiler, output.status)?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Error::io("read what rustc told")(std::io::Error::other(told)))
}

/// A call of the driver. New inputs are kept beside the corpus, not in it.
fn look(driver: &Path, name: &str, seconds: u32) -> Result<Command, Error> {
    let (met, found) = (format!("{BUILT}/corpus/{name}"), format!("{BUILT}/found"));
    for directory in [&met, &found] {
        fs::create_dir_all(directory).map_err(Error::io(format!("make {directory}")))?;
    }
    let mut call = Command::new(driver);
    call.env("MUSTER_FUZZ_TARGET", name).args([met, format!("fuzz/corpus/{name}")]).args([
        format!("-dict=fuzz/dictionaries/{name}.dict"),
        format!("-max_total_time={seconds}"),
        format!("-timeout={PATIENCE}"),
        format!("-artifact_prefix={found}/{name}-"),
        "-rss_limit_mb=2048".to_owned(),
        "-verbosity=0".to_owned(),
        "-print_final_stats=1".to_owned(),
    ]);
    Ok(call)
}
