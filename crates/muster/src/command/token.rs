//! `muster token`: creates, lists and deletes tokens of a tenant, on the database itself.

use chrono::{DateTime, TimeDelta, Utc};
use clap::Subcommand;
use muster_api::principal::{expiry_problem, new_token, token_name_problem};
use muster_api::rights::Roles;
use muster_model::attribute::parse_date_time;
use muster_store::{NewToken, StoreError, TenantStore, Token};
use serde_json::json;

use super::user::{Of, check_roles};
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
    /// Create a token; it is shown this once, alone on standard output
    Create {
        /// What the token is called
        #[arg(long)]
        name: String,
        /// Roles, separated by commas: viewer, operator, configurator, approver, admin
        #[arg(long)]
        role: Roles,
        /// When it is refused from: an instant such as 2027-03-31T00:00:00Z, or so many days from now such as 90d
        #[arg(long, value_name = "WHEN", value_parser = parse_expiry)]
        expires: Option<Expiry>,
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
            Action::Create { name, role, expires, of } => {
                check_roles(role)?;
                let muster = of.place.open(common).await?;
                let store = tenant_store(&muster, &of.tenant).await?;
                let (text, hash) = new_token();
                let now = muster.engine.surroundings().now();
                let expires_at = expires.map(|expiry| expiry.from(now));
                if let Some(problem) = expiry_problem(expires_at, &store.settings().await?, now) {
                    let message = format!("when the token expires {problem}");
                    return Err(CommandError::usage(message, "say another time, as in --expires 90d"));
                }
                let token = NewToken { name: name.clone(), roles: role.to_string(), hash, expires_at, now };
                create(&store, &token).await?;
                say(text);
            }
            Action::List { of } => {
                list(&of.store(common).await?.tokens().await?, common.output);
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

/// When a token expires, as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expiry {
    At(DateTime<Utc>),
    InDays(u32),
}

impl Expiry {
    fn from(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(instant) => instant,
            Self::InDays(days) => now + TimeDelta::days(days.into()),
        }
    }
}

fn parse_expiry(text: &str) -> Result<Expiry, &'static str> {
    let days =
        text.strip_suffix('d').and_then(|days| days.parse().ok()).filter(|days| (1..=36_500).contains(days));
    match (days, parse_date_time(text)) {
        (Some(days), _) => Ok(Expiry::InDays(days)),
        (None, Some(instant)) => Ok(Expiry::At(instant)),
        (None, None) => Err("neither an instant of RFC 3339 nor 1d to 36500d"),
    }
}

async fn create(store: &TenantStore, token: &NewToken) -> Result<(), CommandError> {
    if let Some(problem) = token_name_problem(&token.name) {
        let message = format!("{:?} is no name of a token: it {problem}", token.name);
        return Err(CommandError::usage(message, "choose another one"));
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

fn list(tokens: &[Token], output: Output) {
    match output {
        Output::Json => {
            let objects = tokens.iter().map(|token| {
                let roles: Vec<_> = token.roles.split(',').collect();
                json!({
                    "name": token.name,
                    "roles": roles,
                    "createdAt": instant(token.created_at),
                    "expiresAt": token.expires_at.map(instant),
                    "lastUsedAt": token.last_used_at.map(instant),
                })
            });
            say(json!(objects.collect::<Vec<_>>()));
        }
        Output::Text => {
            let rows = tokens.iter().map(|token| {
                let perhaps = |at: Option<DateTime<Utc>>| at.map_or_else(|| "-".to_owned(), instant);
                let (expires, used) = (perhaps(token.expires_at), perhaps(token.last_used_at));
                vec![token.name.clone(), token.roles.clone(), instant(token.created_at), expires, used]
            });
            let rows: Vec<_> = rows.collect();
            say(table(&["TOKEN", "ROLES", "CREATED", "EXPIRES", "LAST USED"], &rows));
        }
    }
}
