//! `muster restore`: a backup into an empty data directory. What was backed up by an older program is brought up to date,
//! what is of a newer one is refused.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use muster::{DATABASE, MASTER_KEY, OpenError};
use muster_store::{BackupFile, Location, Store};
use serde_json::json;

use super::{Common, PlaceArguments, QUIET, block_on};
use crate::error::{CommandError, Exit};
use crate::print::{complain, count, say};
use crate::summary::Output;

/// For their owner alone.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// What the database is called until it is whole.
const PARTIAL: &str = ".restoring.db";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The backup
    file: PathBuf,
    #[command(flatten)]
    place: PlaceArguments,
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    let settings = arguments.place.settings(common, Vec::new(), QUIET)?;
    let place = settings.place();
    if place.database_url.is_some() {
        let hint = "restore into a data directory, then `muster copy` it to the PostgreSQL";
        return Err(CommandError::usage("a backup is restored to SQLite only", hint));
    }
    make_empty(&place.data_dir)?;
    let files = block_on(restore(&arguments.file, &place.data_dir))?;
    match common.output {
        Output::Json => say(json!({"dataDir": place.data_dir, "files": files})),
        Output::Text => {
            let files = count(files, "file", "files");
            complain(format_args!("restored the database and {files} to {}", place.data_dir.display()));
        }
    }
    if !place.data_dir.join(MASTER_KEY).exists() {
        complain(format_args!(
            "hint: the backup holds no master key; put yours back as {} before you start a server",
            place.data_dir.join(MASTER_KEY).display()
        ));
    }
    Ok(Exit::Done)
}

/// Makes the directory. A master key that was put back before is the only thing that may be there.
fn make_empty(directory: &Path) -> Result<(), CommandError> {
    let failed = |source| OpenError::DataDir { path: directory.to_owned(), source };
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory).map_err(failed)?;
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name != MASTER_KEY {
            let what = format!("{} in {}", name.to_string_lossy(), directory.display());
            let hint = "name an empty directory, or one that is not there yet, with --data-dir".to_owned();
            return Err(CommandError::Exists { what, hint });
        }
    }
    Ok(())
}

/// Works on a copy under another name, so that what lies under the name of the database is whole.
async fn restore(backup: &Path, directory: &Path) -> Result<u64, CommandError> {
    let partial = directory.join(PARTIAL);
    let outcome = unpack(backup, &partial, directory).await;
    if outcome.is_err() {
        // What cannot be restored leaves nothing behind that looks as if it had been.
        for beside in ["", "-wal", "-shm", "-journal"] {
            let _ = fs::remove_file(directory.join(format!("{PARTIAL}{beside}")));
        }
        let _ = fs::remove_dir_all(directory.join("files"));
    }
    outcome
}

async fn unpack(backup: &Path, partial: &Path, directory: &Path) -> Result<u64, CommandError> {
    let doing = || format!("copy {} to {}", backup.display(), partial.display());
    let mut source =
        fs::File::open(backup).map_err(CommandError::machine(format!("read {}", backup.display())))?;
    let mut copy = new_file(partial).map_err(CommandError::machine(doing()))?;
    io::copy(&mut source, &mut copy).map_err(CommandError::machine(doing()))?;
    drop(copy);
    let backup = BackupFile::open(partial).await?;
    let names = backup.files().await?;
    for name in &names {
        put_file(&backup, name, &directory.join("files")).await?;
    }
    backup.into_database().await?;
    let database = directory.join(DATABASE);
    fs::rename(partial, &database).map_err(CommandError::machine(doing()))?;
    Store::open(&Location::File(database)).await?;
    Ok(names.len() as u64)
}

async fn put_file(backup: &BackupFile, name: &str, top: &Path) -> Result<(), CommandError> {
    let doing = format!("write the file {name:?} of the backup");
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || name.is_empty() {
        let error = io::Error::new(io::ErrorKind::InvalidData, "its path leads elsewhere");
        return Err(CommandError::machine(doing)(error));
    }
    let path = top.join(name);
    let parent = path.parent().unwrap_or(top);
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(parent)
        .map_err(CommandError::machine(&doing))?;
    let mut file = new_file(&path).map_err(CommandError::machine(&doing))?;
    for part in 0.. {
        let Some(octets) = backup.part(name, part).await? else { break };
        file.write_all(&octets).map_err(CommandError::machine(&doing))?;
    }
    file.sync_all().map_err(CommandError::machine(&doing))
}

fn new_file(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)
}
