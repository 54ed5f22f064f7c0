//! `muster serve`: the API, and workers that carry runs out. Stops at page borders; runs go on after the next start.

use std::net::TcpListener;
use std::sync::Arc;

use muster::Muster;
use muster::settings::Settings;
use muster_api::{ApiState, serve_until};
use tokio::sync::Notify;

use super::{Common, PlaceArguments, block_on};
use crate::error::{CommandError, Exit};
use crate::print::complain;
use crate::signals::Interruptions;

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
    let settings = arguments.place.settings(common, listen, "info")?;
    let listener = bind(&settings.listen)?;
    block_on(async {
        let muster = Muster::open_as_set(&settings).await?;
        let address = listener.local_addr().map_err(CommandError::machine("ask for the own address"))?;
        tracing::info!("listening on http://{address}");
        if muster.store.tenants().await?.is_empty() {
            complain("hint: there is no tenant yet; `muster tenant create SLUG` makes one, also while this runs");
        }
        serve(&muster, &settings, listener).await
    })
}

/// A listener at an address.
///
/// # Errors
/// When the address is wrong or taken.
pub(super) fn bind(address: &str) -> Result<TcpListener, CommandError> {
    TcpListener::bind(address).map_err(CommandError::machine(format!("listen on {address}")))
}

/// Serves and works until the process is asked to end; a second request ends it at once.
pub(super) async fn serve(
    muster: &Muster,
    settings: &Settings,
    listener: TcpListener,
) -> Result<Exit, CommandError> {
    let mut interruptions = Interruptions::catch()?;
    let workers = muster.engine.start();
    let state = ApiState::new(muster.engine.clone(), settings.api_settings());
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let mut server = tokio::spawn(serve_until(listener, state, async move { stopped.notified().await }));
    let ended = tokio::select! {
        ended = &mut server => Some(ended),
        () = interruptions.next() => None,
    };
    tracing::info!("stopping; runs stop at their next page and go on after the next start");
    stop.notify_one();
    let wind_down = async {
        workers.shut_down().await;
        match ended {
            Some(ended) => ended,
            None => server.await,
        }
    };
    let ended = tokio::select! {
        ended = wind_down => ended,
        () = interruptions.next() => return Ok(Exit::Failed),
    };
    match ended {
        Ok(Ok(())) => Ok(Exit::Done),
        Ok(Err(error)) => Err(CommandError::machine("serve")(error)),
        Err(error) => Err(CommandError::machine("serve")(std::io::Error::other(error))),
    }
}
