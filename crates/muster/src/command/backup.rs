//! `muster backup`: the SQLite database and the tenants' files in one file, taken while others work on them. Never the
//! master key: who finds a backup must not find what opens it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use muster::DATABASE;
use muster_store::BackupFile;
use serde_json::json;

use super::{Common, PlaceArguments, QUIET, block_on};
use crate::error::{CommandError, Exit};
use crate::print::{complain, count, say};
use crate::summary::Output;

/// Octets of a file that are in memory at a time.
const PART: usize = 1024 * 1024;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where the backup goes; there must be nothing yet
    file: PathBuf,
    #[command(flatten)]
    place: PlaceArguments,
}

/// What was written.
#[derive(Default)]
struct Written {
    files: u64,
    octets: u64,
    left_out: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    let settings = arguments.place.settings(common, Vec::new(), QUIET)?;
    let place = settings.place();
    if place.database_url.is_some() {
        let hint =
            "`pg_dump` backs PostgreSQL up; copy the directory `files` of the data directory beside it";
        return Err(CommandError::usage("only SQLite is backed up by Muster", hint));
    }
    let database = place.data_dir.join(DATABASE);
    if !database.exists() {
        let message = format!("there is no database in {}", place.data_dir.display());
        return Err(CommandError::usage(message, "name the directory of the data with --data-dir"));
    }
    let written = block_on(write(&database, &place.data_dir.join("files"), &arguments.file))?;
    for path in &written.left_out {
        complain(format_args!("left out {}, which is neither a file nor a directory", path.display()));
    }
    match common.output {
        Output::Json => {
            say(json!({"file": arguments.file, "files": written.files, "octetsOfFiles": written.octets}));
        }
        Output::Text => {
            let files = count(written.files, "file", "files");
            complain(format_args!("wrote the database and {files} to {}", arguments.file.display()));
        }
    }
    complain(
        "hint: the master key is not in it; keep a copy of that elsewhere, or no secret can be read again",
    );
    Ok(Exit::Done)
}

/// Writes beside the place first, so that a backup that is there is whole.
async fn write(database: &Path, files: &Path, file: &Path) -> Result<Written, CommandError> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let doing = || format!("write {}", file.display());
    // It holds people and password hashes: nobody but its owner reads it.
    let partial = tempfile::Builder::new().prefix(".muster-backup-").tempfile_in(directory);
    let partial = partial.map_err(CommandError::machine(doing()))?.into_temp_path();
    let backup = BackupFile::make(database, &partial).await?;
    let mut written = Written::default();
    add(&backup, files, &mut written).await?;
    backup.close().await?;
    File::open(&partial).and_then(|file| file.sync_all()).map_err(CommandError::machine(doing()))?;
    partial.persist_noclobber(file).map_err(|error| CommandError::machine(doing())(error.error))?;
    Ok(written)
}

/// Adds all files below a directory. Links are not followed, since they may lead anywhere.
async fn add(backup: &BackupFile, top: &Path, written: &mut Written) -> Result<(), CommandError> {
    let mut directories = vec![top.to_owned()];
    while let Some(directory) = directories.pop() {
        let doing = format!("read {}", directory.display());
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(CommandError::machine(&doing))?,
        };
        for entry in entries {
            let entry = entry.map_err(CommandError::machine(&doing))?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(CommandError::machine(&doing))?);
            match path.strip_prefix(top).ok().and_then(Path::to_str) {
                _ if kind.is_dir() => directories.push(path),
                Some(name) if kind.is_file() => add_file(backup, (&path, name), written).await?,
                _ => written.left_out.push(path),
            }
        }
    }
    Ok(())
}

async fn add_file(
    backup: &BackupFile,
    (path, name): (&Path, &str),
    written: &mut Written,
) -> Result<(), CommandError> {
    let doing = || format!("read {}", path.display());
    let mut file = match File::open(path) {
        // It was there a moment ago; somebody has deleted it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.map_err(CommandError::machine(doing()))?,
    };
    for part in 0.. {
        let mut octets = Vec::new();
        let read = (&mut file).take(PART as u64).read_to_end(&mut octets);
        let read = read.map_err(CommandError::machine(doing()))?;
        if read == 0 && part > 0 {
            break;
        }
        written.octets += read as u64;
        backup.add_part(name, part, octets).await?;
    }
    written.files += 1;
    Ok(())
}
