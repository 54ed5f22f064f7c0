//! `muster application`: shows which applications fail or are in quarantine, and releases them, in this process or on a
//! server.

use clap::Subcommand;
use muster_api::view::ApplicationStatusView;
use muster_engine::ReleaseError;
use muster_model::{ApplicationId, ConfigurationId};
use serde_json::Value;

use super::run::DoorArguments;
use super::{Common, block_on, client_of, tenant_store};
use crate::error::{CommandError, Exit};
use crate::print::{cell, complain, say, table};
use crate::summary::Output;

/// What a line of the table shows, as the API names it, and what stands above it.
const COLUMNS: [(&str, &str); 7] = [
    ("applicationId", "APPLICATION"),
    ("state", "STATE"),
    ("failures", "FAILURES"),
    ("since", "SINCE"),
    ("nextAttempt", "NEXT ATTEMPT"),
    ("reason", "REASON"),
    ("whatToDo", "WHAT TO DO"),
];

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show which applications of a tenant fail or are in quarantine, and what to do
    Status {
        /// The application; all of them where none is named
        id: Option<ConfigurationId>,
        #[command(flatten)]
        door: DoorArguments,
    },
    /// Have the next run try an application that is in quarantine
    Release {
        /// The application
        id: ConfigurationId,
        #[command(flatten)]
        door: DoorArguments,
    },
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    match &arguments.action {
        Action::Status { id, door } => {
            let rows = match &door.server {
                Some(server) => asked(server, door, id.as_ref())?,
                None => looked_up(door, id.as_ref(), common)?,
            };
            match (common.output, id) {
                (Output::Json, Some(_)) => say(rows.into_iter().next().unwrap_or_default()),
                (Output::Json, None) => say(Value::Array(rows)),
                (Output::Text, _) => say(text(&rows)),
            }
        }
        Action::Release { id, door } => {
            match &door.server {
                Some(server) => {
                    let client = client_of(server, "muster application …")?;
                    client.post_nothing(&format!("{}/{id}/~release", applications(door)))?;
                }
                None => release(door, id, common)?,
            }
            complain(format_args!("released application `{id}` of `{}`; the next run tries it", door.tenant));
        }
    }
    Ok(Exit::Done)
}

fn text(rows: &[Value]) -> String {
    let lines = rows.iter().map(|row| COLUMNS.iter().map(|(name, _)| cell(&row[*name])).collect());
    table(&COLUMNS.map(|(_, head)| head), &lines.collect::<Vec<_>>())
}

fn applications(door: &DoorArguments) -> String {
    format!("/{}/api/sync/conf/applications", door.tenant)
}

/// What a server says.
fn asked(
    server: &str,
    door: &DoorArguments,
    id: Option<&ConfigurationId>,
) -> Result<Vec<Value>, CommandError> {
    let client = client_of(server, "muster application …")?;
    let ids = match id {
        Some(id) => vec![id.to_string()],
        None => {
            let all: Vec<Value> = client.get(&applications(door))?;
            all.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
        }
    };
    let status = |id: &String| client.get(&format!("{}/{id}/~status", applications(door)));
    Ok(ids.iter().map(status).collect::<Result<_, _>>()?)
}

/// What the database says.
fn looked_up(
    door: &DoorArguments,
    id: Option<&ConfigurationId>,
    common: &Common,
) -> Result<Vec<Value>, CommandError> {
    let wanted = id.cloned().map(ApplicationId::from);
    let statuses = block_on(async {
        let muster = door.place.open(common).await?;
        let store = tenant_store(&muster, &door.tenant).await?;
        muster.engine.application_statuses(&store).await.map_err(|error| refusal(door, error))
    })?;
    let is_wanted = |id: &ApplicationId| wanted.as_ref().is_none_or(|wanted| wanted == id);
    let statuses = statuses.iter().filter(|status| is_wanted(&status.application));
    let rows: Vec<Value> = statuses
        .map(|status| serde_json::to_value(ApplicationStatusView::from(status)))
        .collect::<Result<_, _>>()?;
    match wanted.filter(|_| rows.is_empty()) {
        Some(wanted) => Err(refusal(door, ReleaseError::NoApplication(wanted))),
        None => Ok(rows),
    }
}

fn release(door: &DoorArguments, id: &ConfigurationId, common: &Common) -> Result<(), CommandError> {
    let application = ApplicationId::from(id.clone());
    block_on(async {
        let muster = door.place.open(common).await?;
        let store = tenant_store(&muster, &door.tenant).await?;
        let released = muster.engine.release_application(&store, &application).await;
        released.map_err(|error| refusal(door, error))
    })
}

fn refusal(door: &DoorArguments, error: ReleaseError) -> CommandError {
    match error {
        ReleaseError::NoApplication(id) => {
            CommandError::Nobody { tenant: door.tenant.clone(), what: format!("application `{id}`") }
        }
        ReleaseError::Store(error) => error.into(),
        ReleaseError::Configuration(_) => CommandError::Application(error),
    }
}
