//! `muster user`: creates, lists and deletes users of a tenant, and gives them passwords, on the database itself.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use muster_api::principal::hash_password;
use muster_api::rights::Roles;
use muster_model::TenantSlug;
use muster_store::{Principal, StoreError, TenantStore};
use serde_json::json;

use super::{Common, PlaceArguments, block_on, tenant_store};
use crate::error::{CommandError, Exit};
use crate::print::{complain, instant, say, table};
use crate::secret::{Password, PasswordSource};
use crate::summary::Output;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Create a user; the password comes from standard input, or is made up and shown once
    Create {
        /// The user's name
        name: String,
        /// Roles, separated by commas: viewer, operator, configurator, approver, admin
        #[arg(long)]
        role: Roles,
        #[command(flatten)]
        password: PasswordArguments,
        #[command(flatten)]
        of: Of,
    },
    /// List all users of a tenant
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Delete a user
    Delete {
        /// The user's name
        name: String,
        #[command(flatten)]
        of: Of,
    },
    /// Give a user another password, from standard input, or made up and shown once
    Password {
        /// The user's name
        name: String,
        #[command(flatten)]
        password: PasswordArguments,
        #[command(flatten)]
        of: Of,
    },
}

/// Whose users.
#[derive(clap::Args)]
pub(super) struct Of {
    /// The tenant
    #[arg(long)]
    pub(super) tenant: TenantSlug,
    #[command(flatten)]
    pub(super) place: PlaceArguments,
}

#[derive(clap::Args)]
struct PasswordArguments {
    /// Read the password from standard input, also from a terminal
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordArguments {
    fn get(&self) -> Result<(Password, String), CommandError> {
        let source = if self.password_stdin { PasswordSource::Input } else { PasswordSource::InputOrMadeUp };
        let password = Password::get(source)?;
        let hash = hash_password(password.as_str())
            .map_err(|error| CommandError::usage(error.to_string(), "choose another password"))?;
        Ok((password, hash))
    }
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    block_on(async {
        match &arguments.action {
            Action::Create { name, role, password, of } => {
                check_name(name)?;
                check_roles(role)?;
                let muster = of.place.open(common).await?;
                let store = tenant_store(&muster, &of.tenant).await?;
                let (password, password_hash) = password.get()?;
                let created_at = muster.engine.surroundings().now();
                let user =
                    Principal { name: name.clone(), roles: role.to_string(), password_hash, created_at };
                create(&store, &user).await?;
                password.tell();
            }
            Action::List { of } => {
                let users = of.store(common).await?.principals().await?;
                let users = users.into_iter().map(|user| (user.name, user.roles, user.created_at));
                list("USER", users, common.output);
            }
            Action::Delete { name, of } => {
                if !of.store(common).await?.delete_principal(name).await? {
                    return Err(nobody(&of.tenant, name));
                }
                complain(format_args!("deleted user `{name}` of `{}`", of.tenant));
            }
            Action::Password { name, password, of } => {
                let store = of.store(common).await?;
                if store.principal(name).await?.is_none() {
                    return Err(nobody(&of.tenant, name));
                }
                let (password, hash) = password.get()?;
                if !store.set_password_hash(name, &hash).await? {
                    return Err(nobody(&of.tenant, name));
                }
                complain(format_args!("user `{name}` of `{}` has another password", of.tenant));
                password.tell();
            }
        }
        Ok(Exit::Done)
    })
}

impl Of {
    pub(super) async fn store(&self, common: &Common) -> Result<TenantStore, CommandError> {
        tenant_store(&self.place.open(common).await?, &self.tenant).await
    }
}

/// Refuses roles that are none at all.
pub(super) fn check_roles(roles: &Roles) -> Result<(), CommandError> {
    if *roles == Roles::default() {
        return Err(CommandError::usage("no role is named", "name one, as in --role viewer"));
    }
    Ok(())
}

/// Refuses names that HTTP Basic could not carry, or nobody could read.
fn check_name(name: &str) -> Result<(), CommandError> {
    let refused = name.is_empty() || name.len() > 255 || name.contains(|c: char| c == ':' || c.is_control());
    if refused {
        let hint = "a name has 1 to 255 octets, without `:` and control characters";
        return Err(CommandError::usage(format!("{name:?} is no name of a user"), hint));
    }
    Ok(())
}

async fn create(store: &TenantStore, user: &Principal) -> Result<(), CommandError> {
    match store.create_principal(user).await {
        Ok(()) => {}
        Err(StoreError::Exists(what)) => {
            let hint = format!("`muster user password --tenant {} NAME` gives it another one", store.slug());
            return Err(CommandError::Exists { what, hint });
        }
        Err(error) => return Err(error.into()),
    }
    complain(format_args!("created user `{}` of `{}`: {}", user.name, store.slug(), user.roles));
    Ok(())
}

/// Shows who may do what in a tenant, users or tokens as `head` says: names, roles and when they were made.
pub(super) fn list(
    head: &str,
    holders: impl Iterator<Item = (String, String, DateTime<Utc>)>,
    output: Output,
) {
    match output {
        Output::Json => {
            let objects = holders.map(|(name, roles, made)| {
                let roles: Vec<_> = roles.split(',').collect();
                json!({"name": name, "roles": roles, "createdAt": instant(made)})
            });
            say(json!(objects.collect::<Vec<_>>()));
        }
        Output::Text => {
            let rows: Vec<_> = holders.map(|(name, roles, made)| vec![name, roles, instant(made)]).collect();
            say(table(&[head, "ROLES", "CREATED"], &rows));
        }
    }
}

fn nobody(tenant: &TenantSlug, name: &str) -> CommandError {
    CommandError::Nobody { tenant: tenant.clone(), what: format!("user `{name}`") }
}
