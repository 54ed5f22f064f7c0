//! `muster token`: creates, lists and deletes tokens of a tenant, on the database itself.

use clap::Subcommand;
use muster_api::principal::new_token;
use muster_api::rights::Roles;
use muster_store::{NewToken, StoreError, TenantStore};

use super::user::{Of, check_roles, list};
use super::{Common, block_on, tenant_store};
use crate::error::{CommandError, Exit};
use crate::print::{complain, say};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Create a token; it is shown this once, alone on standard output
    Create {
        /// What the token is called
        #[arg(long)]
        name: String,
        /// Roles, separated by commas: viewer, operator, configurator, approver, admin
        #[arg(long)]
        role: Roles,
        #[command(flatten)]
        of: Of,
    },
    /// List all tokens of a tenant; not the tokens themselves, which nobody can read any more
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Delete a token; it is refused from then on
    Delete {
        /// What the token is called
        #[arg(long)]
        name: String,
        #[command(flatten)]
        of: Of,
    },
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    block_on(async {
        match &arguments.action {
            Action::Create { name, role, of } => {
                check_roles(role)?;
                let muster = of.place.open(common).await?;
                let store = tenant_store(&muster, &of.tenant).await?;
                let (text, hash) = new_token();
                let now = muster.engine.surroundings().now();
                let token = NewToken { name: name.clone(), roles: role.to_string(), hash, now };
                create(&store, &token).await?;
                say(text);
            }
            Action::List { of } => {
                let tokens = of.store(common).await?.tokens().await?;
                let tokens = tokens.into_iter().map(|token| (token.name, token.roles, token.created_at));
                list("TOKEN", tokens, common.output);
            }
            Action::Delete { name, of } => {
                if !of.store(common).await?.delete_token(name).await? {
                    let what = format!("token `{name}`");
                    return Err(CommandError::Nobody { tenant: of.tenant.clone(), what });
                }
                complain(format_args!("deleted token `{name}` of `{}`", of.tenant));
            }
        }
        Ok(Exit::Done)
    })
}

async fn create(store: &TenantStore, token: &NewToken) -> Result<(), CommandError> {
    if token.name.is_empty() || token.name.contains(char::is_control) {
        let message = format!("{:?} is no name of a token", token.name);
        return Err(CommandError::usage(message, "choose one without control characters"));
    }
    match store.create_token(token).await {
        Ok(()) => Ok(()),
        Err(StoreError::Exists(what)) => {
            let hint = "choose another name, or delete that token first".to_owned();
            Err(CommandError::Exists { what, hint })
        }
        Err(error) => Err(error.into()),
    }
}
