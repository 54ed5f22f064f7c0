//! `muster run parked` and `muster run release`: accounts that applications refuse to have as they are asked.

use muster_api::view::ParkedView;
use muster_model::ApplicationId;
use muster_model::text::{hex, read_hex};
use muster_plan::key::KeyHash;
use muster_store::{ParkedFilter, Release};
use serde_json::json;

use super::failures::print;
use super::{Common, DoorArguments, block_on, own, remote};
use crate::error::{CommandError, Exit};
use crate::print::{complain, count, say};
use crate::summary::Output;

/// The most rows of an answer.
const MOST: i64 = 1000;

#[derive(clap::Args)]
pub(super) struct ListArguments {
    /// Only accounts of this application
    #[arg(long, value_name = "ID")]
    application: Option<ApplicationId>,
    /// At most so many rows
    #[arg(long, default_value_t = 100, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=MOST))]
    limit: u32,
    /// Only accounts after this one: the last of the page before
    #[arg(long, value_name = "ID", value_parser = key)]
    after: Option<Key>,
    #[command(flatten)]
    door: DoorArguments,
}

#[derive(clap::Args)]
#[group(id = "which", required = true, multiple = false, args = ["ids", "application", "all"])]
pub(super) struct ReleaseArguments {
    /// Accounts, by their ids, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "IDS", value_parser = key)]
    ids: Vec<Key>,
    /// All parked accounts of this application
    #[arg(long, value_name = "ID")]
    application: Option<ApplicationId>,
    /// All parked accounts
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    door: DoorArguments,
}

/// The id of a parked account.
#[derive(Debug, Clone, Copy)]
struct Key(KeyHash);

fn key(text: &str) -> Result<Key, String> {
    read_hex(text).map(|hash| Key(KeyHash(hash))).ok_or_else(|| "an id has 32 hexadecimal digits".to_owned())
}

pub(super) fn list(arguments: &ListArguments, common: &Common) -> Result<Exit, CommandError> {
    let door = &arguments.door;
    let (after, limit) = (arguments.after.map(|key| key.0), arguments.limit);
    let application = arguments.application.as_ref();
    let rows = block_on(async {
        match &door.server {
            Some(server) => {
                let of = application.map(|id| format!("&applicationId={id}")).unwrap_or_default();
                let behind = after.map(|key| format!("&after={}", hex(&key.0))).unwrap_or_default();
                let query = format!("?limit={limit}{of}{behind}");
                remote::Server::new(server, door)?.parked(&query).await
            }
            None => {
                let filter = ParkedFilter { after, limit, application };
                own::Process::open(door, common).await?.parked(&filter).await
            }
        }
    })?;
    match common.output {
        Output::Json => say(serde_json::Value::from(rows)),
        Output::Text => print(&ParkedView::HEAD, &rows, common.format)?,
    }
    Ok(Exit::Done)
}

pub(super) fn release(arguments: &ReleaseArguments, common: &Common) -> Result<Exit, CommandError> {
    let door = &arguments.door;
    let ids: Vec<KeyHash> = arguments.ids.iter().map(|key| key.0).collect();
    let (which, body) = match &arguments.application {
        Some(application) => {
            (Release::OfApplication(application), json!({"applicationId": application.as_str()}))
        }
        None if arguments.all => (Release::All, json!({"all": true})),
        None => {
            let texts: Vec<String> = ids.iter().map(|key| hex(&key.0)).collect();
            (Release::These(&ids), json!({ "ids": texts }))
        }
    };
    let released = block_on(async {
        match &door.server {
            Some(server) => remote::Server::new(server, door)?.release(body).await,
            None => own::Process::open(door, common).await?.release(which).await,
        }
    })?;
    complain(format_args!("released {}; the next run asks for them", count(released, "account", "accounts")));
    Ok(Exit::Done)
}
