//! `muster serve`: the API, and workers that carry runs out. Stops at page borders; runs go on after the next start.

use std::future::Future;
use std::io;
use std::net::TcpListener;

use muster::Muster;
use muster::settings::Settings;
use muster_api::{ApiSettings, ApiState, Certificate, serve_until};
use tokio::sync::oneshot;

use super::figures::Figures;
use super::{Common, PlaceArguments, block_on, tell_of_key};
use crate::error::{CommandError, Exit};
use crate::print::complain;
use crate::signals::{Hangups, Interruptions};

/// What is logged unless the settings say: what happens, but not how the web server is made of threads.
const LEVEL: &str = "info,actix_server=warn";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Address and port of the API [default: 127.0.0.1:8086]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The certificate of the API, PEM; a hangup signal has it read anew
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    #[command(flatten)]
    place: PlaceArguments,
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    let Arguments { listen, tls_cert, tls_key, place } = arguments;
    let flags = [("listen", listen), ("tls-cert", tls_cert), ("tls-key", tls_key)];
    let flags = flags.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
    let settings = place.settings(common, flags, LEVEL)?;
    let place = settings.place();
    if place.database_url.is_some() && place.master_key_file.is_none() {
        return Err(CommandError::NoMasterKey);
    }
    let certificate = certificate(&settings)?;
    let listener = bind(&settings.listen)?;
    block_on(async {
        let muster = Muster::open_as_set(&settings).await?;
        tell_of_key(&muster);
        let mut interruptions = Interruptions::catch()?;
        let address = listener.local_addr().map_err(CommandError::machine("ask for the own address"))?;
        let data = settings.data_dir.display();
        let scheme = if certificate.is_some() { "https" } else { "http" };
        tracing::info!("listening on {scheme}://{address}, data in {data}");
        if muster.store.tenants().await?.is_empty() {
            complain(
                "hint: there is no tenant yet; `muster tenant create SLUG` makes one, also while this runs",
            );
        }
        let told = async {
            interruptions.next().await;
            tracing::info!("stopping; runs stop at their next page and go on after the next start");
            // Whoever asks twice does not want to wait.
            tokio::spawn(async move {
                interruptions.next().await;
                std::process::exit(1);
            });
        };
        let api = ApiSettings { certificate: certificate.clone(), ..settings.api_settings() };
        // Before anything is there to be counted.
        let figures = Figures::of(&settings)?;
        let until = async {
            tokio::select! {
                () = told => Ok(()),
                failed = renew(certificate) => failed,
                failed = show(figures) => failed,
            }
        };
        serve(&muster, api, listener, until).await??;
        Ok(Exit::Done)
    })
}

/// The certificate that the settings name, if they name one.
pub(super) fn certificate(settings: &Settings) -> Result<Option<Certificate>, CommandError> {
    if settings.tls_cert.as_os_str().is_empty() {
        return Ok(None);
    }
    Ok(Some(Certificate::read(&settings.tls_cert, &settings.tls_key)?))
}

/// Reads the certificate anew whenever a signal asks for it. Does not end by itself.
async fn renew(certificate: Option<Certificate>) -> Result<(), CommandError> {
    let Some(certificate) = certificate else { return std::future::pending().await };
    let mut hangups = Hangups::catch()?;
    loop {
        hangups.next().await;
        match certificate.read_anew() {
            Ok(()) => tracing::info!("read the certificate anew"),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the certificate that was read before stays");
            }
        }
    }
}

/// Shows figures, where the settings say. Does not end by itself.
async fn show(figures: Option<Figures>) -> Result<(), CommandError> {
    match figures {
        Some(figures) => {
            figures.serve(std::future::pending()).await.map_err(CommandError::machine("show figures"))
        }
        None => std::future::pending().await,
    }
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
    api: ApiSettings,
    listener: TcpListener,
    until: impl Future<Output = T>,
) -> Result<T, CommandError> {
    let workers = muster.engine.start();
    let state = ApiState::new(muster.engine.clone(), api);
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
