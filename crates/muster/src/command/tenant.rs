//! `muster tenant`: creates, lists and deletes tenants, on the database itself.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Subcommand;
use muster::Muster;
use muster_model::{ObjectKind, TenantSlug};
use muster_store::StoreError;
use serde_json::json;

use super::{Common, PlaceArguments, block_on, tenant_store};
use crate::error::{CommandError, Exit};
use crate::print::{complain, count, instant, say, table};
use crate::summary::Output;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Create a tenant
    Create {
        /// Its name in every path: a-z, 0-9 and `-`, beginning with a letter
        slug: TenantSlug,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// List all tenants
    List {
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Delete a tenant with all its data and files
    Delete {
        /// The tenant
        slug: TenantSlug,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        place: PlaceArguments,
    },
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    block_on(async {
        match &arguments.action {
            Action::Create { slug, place } => create(&place.open(common).await?, slug).await?,
            Action::List { place } => list(&place.open(common).await?, common.output).await?,
            Action::Delete { slug, yes, place } => {
                let muster = place.open(common).await?;
                let content = content(&muster, slug).await?;
                if !yes {
                    confirm(slug, &content)?;
                }
                delete(&muster, slug).await?;
                complain(format_args!("deleted tenant `{slug}`: {content}"));
            }
        }
        Ok(Exit::Done)
    })
}

async fn create(muster: &Muster, slug: &TenantSlug) -> Result<(), CommandError> {
    match muster.store.create_tenant(slug, muster.engine.surroundings().now()).await {
        Ok(_) => {}
        Err(StoreError::Exists(what)) => {
            let hint = "choose another name, or use the tenant that there is".to_owned();
            return Err(CommandError::Exists { what, hint });
        }
        Err(error) => return Err(error.into()),
    }
    complain(format_args!("created tenant `{slug}`"));
    complain(format_args!(
        "hint: `muster user create --tenant {slug} --role admin NAME` makes its first user"
    ));
    Ok(())
}

async fn list(muster: &Muster, output: Output) -> Result<(), CommandError> {
    let tenants = muster.store.tenants().await?;
    let rows = tenants.iter().map(|tenant| (tenant.slug.to_string(), instant(tenant.created_at)));
    match output {
        Output::Json => {
            let objects: Vec<_> =
                rows.map(|(slug, created)| json!({"slug": slug, "createdAt": created})).collect();
            say(json!(objects));
        }
        Output::Text => {
            let rows: Vec<_> = rows.map(|(slug, created)| vec![slug, created]).collect();
            say(table(&["TENANT", "CREATED"], &rows));
        }
    }
    Ok(())
}

/// What goes with a tenant, in words.
async fn content(muster: &Muster, slug: &TenantSlug) -> Result<String, CommandError> {
    let store = tenant_store(muster, slug).await?;
    let identities = store.count_objects(ObjectKind::Identity).await?;
    let resources = store.resources().await?.len() as u64;
    let runs = store.live_runs().await?.len() as u64;
    let mut content = vec![
        count(identities, "identity", "identities"),
        count(resources, "configuration resource", "configuration resources"),
    ];
    if runs > 0 {
        content.push(format!("{} not ended", count(runs, "run that has", "runs that have")));
    }
    Ok(format!("{}, all history, the audit log and files", content.join(", ")))
}

/// Has the slug typed, so that the wrong tenant is not deleted by a slip.
fn confirm(slug: &TenantSlug, content: &str) -> Result<(), CommandError> {
    if !io::stdin().is_terminal() {
        let message = format!("tenant `{slug}` is deleted only when somebody confirms it");
        return Err(CommandError::usage(message, "say --yes, or call it on a terminal"));
    }
    complain(format_args!("This deletes tenant `{slug}`: {content}. There is no way back."));
    let _ = write!(io::stderr(), "Type `{slug}` to go on: ");
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed).map_err(CommandError::machine("read the answer"))?;
    if typed.trim() == slug.as_str() {
        return Ok(());
    }
    Err(CommandError::usage("nothing was deleted", "the name has to be typed exactly"))
}

async fn delete(muster: &Muster, slug: &TenantSlug) -> Result<(), CommandError> {
    if !muster.store.delete_tenant(slug).await? {
        return Err(CommandError::NoTenant(slug.clone()));
    }
    // A later tenant of the same name must not find these.
    let files = muster.engine.settings().tenant_files(slug);
    match std::fs::remove_dir_all(&files) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let doing = format!("delete the tenant's files in {}; its data is deleted", files.display());
            Err(CommandError::machine(doing)(error))
        }
        _ => Ok(()),
    }
}
