//! `muster demo`: the main job on an example that is inside the program, through the same API, engine and store
//! as everywhere. It makes its own data and touches no other.

mod example;
mod samples;
mod story;
mod tenant;

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use muster::Muster;
use muster::settings::Settings;
use muster_api::principal::{hash_password, new_password};
use muster_api::rights::{Role, Roles};
use muster_model::TenantSettings;
use muster_store::{Principal, StoreError};

use super::serve::{bind, serve};
use super::{Common, QUIET, block_on, by_hand, load_settings};
use crate::client::Client;
use crate::error::{CommandError, Exit};
use crate::print::say;
use crate::signals::Interruptions;
use tenant::{TENANT, Tenant};

/// The user who does everything.
const USER: &str = "admin";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Go on serving afterwards, with everything that the demonstration made, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Keep the data in this directory, instead of one that is removed at the end
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
    /// Address and port of the API; any free one unless --keep goes on serving there
    #[arg(long, value_name = "ADDRESS", requires = "keep")]
    listen: Option<String>,
}

/// What comes after the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    /// It serves what it made, where the settings say, until somebody interrupts it.
    Serve,
    /// It ends.
    End,
}

/// What the demonstration makes for itself.
struct Stage {
    settings: Settings,
    muster: Muster,
    listener: TcpListener,
    url: String,
    password: String,
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    let listen = arguments.listen.iter().map(|listen| ("listen", listen.clone())).collect();
    let settings = load_settings(None, common, listen, QUIET)?;
    // Dropped, and with it the directory, once everything has ended.
    let temporary = match arguments.data_dir {
        Some(_) => None,
        None => Some(temporary_directory()?),
    };
    let given = arguments.data_dir.as_deref();
    let data_dir = given.or(temporary.as_ref().map(tempfile::TempDir::path)).unwrap_or(Path::new("."));
    block_on(async {
        let mut interruptions = Interruptions::catch()?;
        let afterwards = if arguments.keep { Afterwards::Serve } else { Afterwards::End };
        let stage = Stage::set(settings, data_dir, afterwards).await?;
        introduce(arguments, data_dir);
        let tenant = Tenant { client: Client::with_user(&stage.url, USER, &stage.password) };
        let (url, password) = (stage.url.clone(), stage.password.clone());
        let acts = async {
            let told = tokio::task::spawn_blocking(move || story::tell(&tenant));
            tokio::select! {
                told = told => told.map_err(|error| {
                    CommandError::machine("tell the story")(std::io::Error::other(error))
                })??,
                () = interruptions.next() => return Ok(Exit::Failed),
            }
            match afterwards {
                Afterwards::Serve => {
                    invite(&url, &password);
                    interruptions.next().await;
                }
                Afterwards::End => {
                    say("");
                    say("To look around in what it made, over the API: `muster demo --keep`");
                }
            }
            Ok(Exit::Done)
        };
        serve(&stage.muster, &stage.settings, stage.listener, acts).await?
    })
}

impl Stage {
    /// Opens the data, makes the tenant and its admin, and takes an address. No database but its own is
    /// touched, whatever the environment says.
    async fn set(settings: Settings, data_dir: &Path, afterwards: Afterwards) -> Result<Self, CommandError> {
        let settings = Settings { data_dir: data_dir.to_owned(), database_url: String::new(), ..settings };
        let listener = bind(match afterwards {
            Afterwards::Serve => &settings.listen,
            Afterwards::End => "127.0.0.1:0",
        })?;
        let address = listener.local_addr().map_err(CommandError::machine("ask for the own address"))?;
        let muster = by_hand(Muster::open_as_set(&settings).await?);
        let password = new_password();
        make_tenant(&muster, &password).await?;
        Ok(Self { settings, muster, listener, url: format!("http://{address}"), password })
    }
}

async fn make_tenant(muster: &Muster, password: &str) -> Result<(), CommandError> {
    let now = muster.engine.surroundings().now();
    let slug = TENANT.parse().map_err(|error: muster_model::IdError| {
        CommandError::usage(error.to_string(), "choose another tenant")
    })?;
    let store = match muster.store.create_tenant(&slug, now).await {
        Ok(store) => store,
        Err(StoreError::Exists(what)) => {
            let hint = "name an empty directory with --data-dir, or none".to_owned();
            return Err(CommandError::Exists { what, hint });
        }
        Err(error) => return Err(error.into()),
    };
    let password_hash = hash_password(password, &TenantSettings::default())
        .map_err(|error| CommandError::machine("make a user")(std::io::Error::other(error)))?;
    let roles = Roles::from_iter([Role::Admin]).to_string();
    let user = Principal { name: USER.to_owned(), roles, password_hash, created_at: now };
    Ok(store.create_principal(&user).await?)
}

fn temporary_directory() -> Result<tempfile::TempDir, CommandError> {
    tempfile::Builder::new()
        .prefix("muster-demo-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(CommandError::machine("make a temporary directory"))
}

fn introduce(arguments: &Arguments, data_dir: &Path) {
    say("Muster keeps people in step between systems. This is two days of a company of 3,000:");
    say("its HR file goes into the identity repository, and from there into a payroll and a badge system.");
    let fate = match arguments.data_dir {
        Some(_) => "stays there",
        None => "is removed at the end",
    };
    say(format_args!("All data is in {} and {fate}.", data_dir.display()));
    say("");
}

/// How to look around.
fn invite(url: &str, password: &str) {
    say("");
    say(format_args!("Serving on {url} until Ctrl-C. User `{USER}`, password `{password}`. Try:"));
    let sync = format!("{url}/{TENANT}/api/sync");
    say("");
    say("  # the runs so far, newest first");
    say(format_args!("  curl -u {USER}:{password} '{sync}/sync-tasks/~instances'"));
    say("");
    say("  # some of the people");
    say(format_args!("  curl -u {USER}:{password} '{url}/{TENANT}/api/im/IDENTITY?limit=3'"));
    say("");
    say("  # what would be done if HR's file came once more: a simulation, whose id comes back");
    say(format_args!(
        "  curl -u {USER}:{password} --json '{{\"mode\":\"SIMULATE\"}}' '{sync}/sync-tasks/hr-reconciliation/instances'"
    ));
    say("");
}
