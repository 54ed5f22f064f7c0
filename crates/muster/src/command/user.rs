//! `muster user`: creates, lists and deletes users of a tenant, and gives them passwords, on the database itself.

use clap::Subcommand;
use muster_api::principal::{hash_password, user_name_problem};
use muster_api::rights::{Role, Roles};
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
    async fn get(&self, store: &TenantStore) -> Result<(Password, String), CommandError> {
        let source = if self.password_stdin { PasswordSource::Input } else { PasswordSource::InputOrMadeUp };
        let password = Password::get(source)?;
        let hash = hash_password(password.as_str(), &store.settings().await?)
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
                let (password, password_hash) = password.get(&store).await?;
                let created_at = muster.engine.surroundings().now();
                let user =
                    Principal { name: name.clone(), roles: role.to_string(), password_hash, created_at };
                create(&store, &user).await?;
                password.tell();
            }
            Action::List { of } => {
                list(&of.store(common).await?.principals().await?, common.output);
            }
            Action::Delete { name, of } => {
                match of.store(common).await?.delete_principal(name, Role::Admin.as_str()).await {
                    Ok(true) => {}
                    Ok(false) => return Err(nobody(&of.tenant, name)),
                    Err(StoreError::Last(_)) => return Err(last_admin(&of.tenant, name)),
                    Err(error) => return Err(error.into()),
                }
                complain(format_args!("deleted user `{name}` of `{}`", of.tenant));
            }
            Action::Password { name, password, of } => {
                let store = of.store(common).await?;
                if store.principal(name).await?.is_none() {
                    return Err(nobody(&of.tenant, name));
                }
                let (password, hash) = password.get(&store).await?;
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

fn check_name(name: &str) -> Result<(), CommandError> {
    match user_name_problem(name) {
        None => Ok(()),
        Some(problem) => {
            let message = format!("{name:?} is no name of a user: it {problem}");
            Err(CommandError::usage(message, "choose another one"))
        }
    }
}

fn last_admin(tenant: &TenantSlug, name: &str) -> CommandError {
    let message =
        format!("user `{name}` is the last admin of `{tenant}`, which would have nobody to manage it");
    CommandError::usage(message, "make another user with --role admin first")
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

fn list(users: &[Principal], output: Output) {
    match output {
        Output::Json => {
            let objects = users.iter().map(|user| {
                let roles: Vec<_> = user.roles.split(',').collect();
                json!({"name": user.name, "roles": roles, "createdAt": instant(user.created_at)})
            });
            say(json!(objects.collect::<Vec<_>>()));
        }
        Output::Text => {
            let row =
                |user: &Principal| vec![user.name.clone(), user.roles.clone(), instant(user.created_at)];
            let rows: Vec<_> = users.iter().map(row).collect();
            say(table(&["USER", "ROLES", "CREATED"], &rows));
        }
    }
}

fn nobody(tenant: &TenantSlug, name: &str) -> CommandError {
    CommandError::Nobody { tenant: tenant.clone(), what: format!("user `{name}`") }
}
