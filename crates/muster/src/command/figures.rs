//! The figures of a server, collected in its process and shown on a port of their own.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use muster::settings::Settings;

use super::serve::bind;
use crate::error::CommandError;

/// What has been measured is put together so often; until then it takes up memory.
const PUT_TOGETHER_EVERY: Duration = Duration::from_secs(5);

/// The bounds within which durations are counted, in seconds: from a read of our own to a slow remote system.
const SECONDS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// What is collected, and where it is shown.
pub(super) struct Figures {
    listener: TcpListener,
    handle: PrometheusHandle,
}

impl Figures {
    /// Begins to collect, where the settings say that figures are shown.
    ///
    /// # Errors
    /// When the address is wrong or taken, or somebody collects already.
    pub(super) fn of(settings: &Settings) -> Result<Option<Self>, CommandError> {
        if settings.metrics.listen.is_empty() {
            return Ok(None);
        }
        let listener = bind(&settings.metrics.listen)?;
        let address = listener.local_addr().map_err(CommandError::machine("ask for the own address"))?;
        let handle = collect().map_err(CommandError::machine("collect figures"))?;
        tracing::info!("figures on http://{address}/metrics");
        Ok(Some(Self { listener, handle }))
    }

    /// Serves what is collected until `stop` comes.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub(super) async fn serve(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let Self { listener, handle } = self;
        let shown = handle.clone();
        let put_together = async {
            loop {
                tokio::time::sleep(PUT_TOGETHER_EVERY).await;
                handle.run_upkeep();
            }
        };
        tokio::select! {
            ended = muster_api::serve_figures(listener, move || shown.render(), stop) => ended,
            () = put_together => Ok(()),
        }
    }
}

fn collect() -> io::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .map_err(io::Error::other)?;
    let handle = builder.install_recorder().map_err(io::Error::other)?;
    muster_engine::describe_figures();
    muster_api::describe_figures();
    Ok(handle)
}
