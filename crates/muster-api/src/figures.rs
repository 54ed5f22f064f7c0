//! Figures for whoever watches the process: requests as they are answered, and the page that shows all figures, on a
//! port of its own, for no tenant.

use std::future::Future;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};
use metrics::{Unit, describe_histogram, histogram};

use crate::routes::Route;

const REQUEST: &str = "muster_http_request_seconds";
/// The text form that Prometheus reads.
const FORM: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Says what the figures of the API mean, to whoever collects them.
pub fn describe_figures() {
    describe_histogram!(REQUEST, Unit::Seconds, "Requests until their answers began, by route and status");
}

pub(crate) fn request_answered(route: &Route, status: StatusCode, took: Duration) {
    let labels = [("route", route.id.clone()), ("status", status.as_str().to_owned())];
    histogram!(REQUEST, &labels).record(took);
}

/// Serves the figures at `/metrics`, and nothing else, until `stop` comes.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve_figures(
    listener: TcpListener,
    figures: impl Fn() -> String + Clone + Send + 'static,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let app = move || {
        let figures = figures.clone();
        let show = move || {
            let text = figures();
            async move { HttpResponse::Ok().insert_header(("content-type", FORM)).body(text) }
        };
        App::new().route("/metrics", web::get().to(show))
    };
    let mut server =
        HttpServer::new(app).workers(1).shutdown_timeout(1).disable_signals().listen(listener)?.run();
    let handle = server.handle();
    tokio::select! {
        ended = &mut server => return ended,
        () = stop => {}
    }
    let (ended, ()) = tokio::join!(server, handle.stop(true));
    ended
}
