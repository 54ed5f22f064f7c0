//! `muster serve`: the API, and workers that carry runs out. Stops at page borders; runs go on after the next start.

use std::future::Future;
use std::io;
use std::net::TcpListener;

use muster::Muster;
use muster::settings::Settings;
use muster_api::{ApiState, serve_until};
use tokio::sync::oneshot;

use super::{Common, PlaceArguments, block_on, tell_of_key};
use crate::error::{CommandError, Exit};
use crate::print::complain;
use crate::signals::Interruptions;

/// What is logged unless the settings say: what happens, but not how the web server is made of threads.
const LEVEL: &str = "info,actix_server=warn";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Address and port of the API [default: 127.0.0.1:8086]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    #[command(flatten)]
    place: PlaceArguments,
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    let listen = arguments.listen.iter().map(|listen| ("listen", listen.clone())).collect();
    let settings = arguments.place.settings(common, listen, LEVEL)?;
    let place = settings.place();
    if place.database_url.is_some() && place.master_key_file.is_none() {
        return Err(CommandError::NoMasterKey);
    }
    let listener = bind(&settings.listen)?;
    block_on(async {
        let muster = Muster::open_as_set(&settings).await?;
        tell_of_key(&muster);
        let mut interruptions = Interruptions::catch()?;
        let address = listener.local_addr().map_err(CommandError::machine("ask for the own address"))?;
        let data = settings.data_dir.display();
        tracing::info!("listening on http://{address}, data in {data}");
        if muster.store.tenants().await?.is_empty() {
            complain(
                "hint: there is no tenant yet; `muster tenant create SLUG` makes one, also while this runs",
            );
        }
        let told = async move {
            interruptions.next().await;
            tracing::info!("stopping; runs stop at their next page and go on after the next start");
            // Whoever asks twice does not want to wait.
            tokio::spawn(async move {
                interruptions.next().await;
                std::process::exit(1);
            });
        };
        serve(&muster, &settings, listener, told).await?;
        Ok(Exit::Done)
    })
}

/// A listener at an address.
///
/// # Errors
/// When the address is wrong or taken.
pub(super) fn bind(address: &str) -> Result<TcpListener, CommandError> {
    TcpListener::bind(address).map_err(|source| CommandError::Listen { address: address.to_owned(), source })
}

/// Serves and works until something has ended, and answers what came of that.
///
/// # Errors
/// When the server ends by itself.
pub(super) async fn serve<T>(
    muster: &Muster,
    settings: &Settings,
    listener: TcpListener,
    until: impl Future<Output = T>,
) -> Result<T, CommandError> {
    let workers = muster.engine.start();
    let state = ApiState::new(muster.engine.clone(), settings.api_settings());
    let (stop, stopped) = oneshot::channel();
    let stopped = async move {
        // An error means that nobody is left who could tell; that is the end as well.
        let _: Result<(), _> = stopped.await;
    };
    let mut server = tokio::spawn(serve_until(listener, state, stopped));
    let came = tokio::select! {
        ended = &mut server => Err(by_itself(ended)),
        came = until => Ok(came),
    };
    let _ = stop.send(());
    workers.shut_down().await;
    if came.is_ok() {
        server.await.map_err(io::Error::other).flatten().map_err(CommandError::machine("serve"))?;
    }
    came
}

fn by_itself(ended: Result<io::Result<()>, tokio::task::JoinError>) -> CommandError {
    let ended = ended.map_err(io::Error::other).flatten();
    let error = ended.err().unwrap_or_else(|| io::Error::other("the server ended by itself"));
    CommandError::machine("serve")(error)
}
