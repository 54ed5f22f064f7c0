//! `muster copy`: from the SQLite of a data directory to an empty PostgreSQL, with counts and digests compared.

use std::path::PathBuf;

use muster::DATABASE;
use muster_store::{StoreError, copy};
use serde_json::json;

use super::{Common, PlaceArguments, QUIET, block_on};
use crate::error::{CommandError, Exit};
use crate::print::{Number, complain, say, table};
use crate::summary::Output;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The data directory with the SQLite database
    #[arg(long, value_name = "DIRECTORY")]
    from: PathBuf,
    /// The PostgreSQL, postgres://user:password@host/database; it must be empty
    #[arg(long, value_name = "URL")]
    to: String,
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    PlaceArguments::none().settings(common, Vec::new(), QUIET)?;
    let database = arguments.from.join(DATABASE);
    if !database.exists() {
        let message = format!("there is no database in {}", arguments.from.display());
        return Err(CommandError::usage(message, "name the directory of the data with --from"));
    }
    let copied = match block_on(async { Ok(copy(&database, &arguments.to).await) })? {
        Err(StoreError::Exists(what)) => {
            let hint = "name an empty database with --to; `createdb` makes one".to_owned();
            return Err(CommandError::Exists { what, hint });
        }
        copied => copied?,
    };
    let rows = copied.iter().map(|table| (table.name.clone(), table.rows, format!("{:032x}", table.digest)));
    match common.output {
        Output::Json => {
            let tables: Vec<_> = rows
                .map(|(name, rows, digest)| json!({"table": name, "rows": rows, "digest": digest}))
                .collect();
            say(json!(tables));
        }
        Output::Text => {
            let rows: Vec<_> =
                rows.map(|(name, rows, digest)| vec![name, Number(rows).to_string(), digest]).collect();
            say(table(&["TABLE", "ROWS", "DIGEST"], &rows));
        }
    }
    complain(format_args!(
        "hint: start the servers with --database-url, --data-dir {} for the tenants' files, and the same master key; \
         nobody may write to the old database any more",
        arguments.from.display()
    ));
    Ok(Exit::Done)
}
