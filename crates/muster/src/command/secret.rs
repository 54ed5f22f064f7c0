//! `muster secret`: lists, puts and deletes secrets of a tenant, on the database itself. No value is ever shown.

use std::io::{self, IsTerminal, Read};

use clap::Subcommand;
use muster_engine::{LONGEST_SECRET, SecretError};
use muster_model::SecretName;
use muster_store::{Put, SecretRecord};
use secrecy::{SecretString, zeroize::Zeroizing};
use serde_json::json;

use super::user::Of;
use super::{Common, block_on, tenant_store};
use crate::error::{CommandError, Exit};
use crate::print::{complain, instant, say, table};
use crate::summary::Output;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List all secrets of a tenant: names and dates, never values
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Keep a secret; its value comes from standard input, without the line break at its end
    Put {
        /// What configurations call it, as in ${secret:NAME}
        name: SecretName,
        #[command(flatten)]
        of: Of,
    },
    /// Delete a secret that no configuration refers to
    Delete {
        /// The secret
        name: SecretName,
        #[command(flatten)]
        of: Of,
    },
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    block_on(async {
        match &arguments.action {
            Action::List { of } => list(&of.store(common).await?.secrets().await?, common.output),
            Action::Put { name, of } => {
                let muster = of.place.open(common).await?;
                let store = tenant_store(&muster, &of.tenant).await?;
                let value = read_value()?;
                let (put, kept) = muster.engine.put_secret(&store, name, &value).await?;
                let done = match put {
                    Put::Created => "created",
                    Put::Replaced => "replaced",
                };
                complain(format_args!("{done} secret `{name}` of `{}`{}", of.tenant, whose(&kept)));
            }
            Action::Delete { name, of } => {
                let muster = of.place.open(common).await?;
                let store = tenant_store(&muster, &of.tenant).await?;
                match muster.engine.delete_secret(&store, name).await {
                    Err(SecretError::Lacking(name)) => {
                        let what = format!("secret `{name}`");
                        return Err(CommandError::Nobody { tenant: of.tenant.clone(), what });
                    }
                    deleted => deleted?,
                }
                complain(format_args!("deleted secret `{name}` of `{}`", of.tenant));
            }
        }
        Ok(Exit::Done)
    })
}

/// The connector definitions that get a secret.
fn whose(secret: &SecretRecord) -> String {
    let names: Vec<_> = secret.definitions.iter().map(|id| format!("`{id}`")).collect();
    if names.is_empty() { String::new() } else { format!(", for {}", names.join(", ")) }
}

/// All of standard input but one line break at its end.
fn read_value() -> Result<SecretString, CommandError> {
    if io::stdin().is_terminal() {
        complain("reading the value from standard input, up to its end (Ctrl-D)");
    }
    let mut text = Zeroizing::new(String::new());
    // One more than there may be, and a line break of two, so that what is too long is seen to be.
    let most = LONGEST_SECRET as u64 + 3;
    io::stdin()
        .take(most)
        .read_to_string(&mut text)
        .map_err(CommandError::machine("read the value from standard input"))?;
    let value = text.strip_suffix('\n').unwrap_or(&text);
    Ok(value.strip_suffix('\r').unwrap_or(value).into())
}

fn list(secrets: &[SecretRecord], output: Output) {
    match output {
        Output::Json => {
            let objects: Vec<_> = secrets
                .iter()
                .map(|secret| {
                    json!({
                        "name": secret.name.as_str(),
                        "createdAt": instant(secret.created_at),
                        "updatedAt": instant(secret.updated_at),
                        "usedBy": secret.definitions.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
                    })
                })
                .collect();
            say(json!(objects));
        }
        Output::Text => {
            let rows: Vec<_> = secrets
                .iter()
                .map(|secret| {
                    let names: Vec<_> = secret.definitions.iter().map(|id| id.as_str()).collect();
                    let (created, updated) = (instant(secret.created_at), instant(secret.updated_at));
                    vec![secret.name.to_string(), created, updated, names.join(",")]
                })
                .collect();
            say(table(&["SECRET", "CREATED", "UPDATED", "USED BY"], &rows));
        }
    }
}
