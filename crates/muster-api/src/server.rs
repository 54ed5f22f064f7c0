//! The server: every route of the table at its path, and an answer for all that is no route.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::http::Method as HttpMethod;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpRequest, HttpServer, Resource};

use crate::call::{answer, refuse};
use crate::error::ApiError;
use crate::routes::{Method, Route, routes};
use crate::state::ApiState;

/// How long a connection may take to send the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection without a request stays open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Connections of one thread at a time.
const CONNECTIONS: usize = 10_000;

/// Puts every route of the table at its path.
pub fn configure(state: ApiState) -> impl Fn(&mut ServiceConfig) + Clone {
    move |config| {
        for (path, methods) in by_path() {
            config.service(resource(&state, path, methods));
        }
        let state = state.clone();
        config.default_service(web::to(move |request: HttpRequest| {
            let answer = refuse(&ApiError::NoRoute, &state, &request);
            async move { answer }
        }));
    }
}

/// Serves until `stop` comes, then lets requests under way come to their end. Signals are the caller's.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve_until(
    listener: TcpListener,
    state: ApiState,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let mut server = server(listener, state.clone())?;
    let handle = server.handle();
    tokio::select! {
        ended = &mut server => return ended,
        () = stop => state.close(),
    }
    let (ended, ()) = tokio::join!(server, handle.stop(true));
    ended
}

fn server(listener: TcpListener, state: ApiState) -> std::io::Result<actix_web::dev::Server> {
    let settings = state.settings().clone();
    let routes = configure(state);
    let server = HttpServer::new(move || App::new().configure(routes.clone()))
        .workers(settings.threads.max(1))
        .client_request_timeout(HEAD_PATIENCE)
        .keep_alive(KEEP_ALIVE)
        .max_connections(CONNECTIONS)
        .shutdown_timeout(settings.farewell.as_secs())
        .disable_signals();
    let server = match &settings.certificate {
        Some(certificate) => {
            let config = certificate.server_config().map_err(std::io::Error::other)?;
            server.listen_rustls_0_23(listener, config)?
        }
        None => server.listen(listener)?,
    };
    Ok(server.run())
}

/// The routes of each path. Segments that are said come before those that vary: `~export` is no id.
fn by_path() -> impl Iterator<Item = (&'static str, Vec<&'static Route>)> {
    let mut paths: BTreeMap<_, (&str, Vec<_>)> = BTreeMap::new();
    for route in routes() {
        let place = route.path.replace('{', "\u{7f}");
        paths.entry(place).or_insert_with(|| (&route.path, Vec::new())).1.push(route);
    }
    paths.into_values()
}

fn resource(state: &ApiState, path: &str, routes: Vec<&'static Route>) -> Resource {
    let mut allowed = Vec::new();
    let mut resource = web::resource(patterns(path));
    for route in routes {
        for method in methods(route.method) {
            allowed.push(method.as_str().to_owned());
            let state = state.clone();
            resource =
                resource.route(web::method(method).to(move |request: HttpRequest, payload: web::Payload| {
                    answer(route, state.clone(), request, payload)
                }));
        }
    }
    let (state, allowed) = (state.clone(), allowed.join(", "));
    resource.default_service(web::to(move |request: HttpRequest| {
        let answer = refuse(&ApiError::MethodNotAllowed(allowed.clone()), &state, &request);
        async move { answer }
    }))
}

/// The methods of HTTP that a route answers: HEAD is a GET whose body is kept back.
fn methods(method: Method) -> Vec<HttpMethod> {
    match method {
        Method::Get => vec![HttpMethod::GET, HttpMethod::HEAD],
        Method::Post | Method::Put | Method::Patch | Method::Delete => vec![method.into()],
    }
}

/// The path as the router wants it: collections answer with and without a slash at the end, and a file's path
/// goes on to the end.
fn patterns(path: &str) -> Vec<String> {
    match path.strip_suffix("{path}") {
        Some(above) => vec![format!("{above}{{path:.+}}")],
        None if ["{id}", "{instance}", "{name}", "{version}"].iter().any(|end| path.ends_with(end)) => {
            vec![path.to_owned()]
        }
        None if !path.contains('{') => vec![path.to_owned()],
        None => {
            let path = path.trim_end_matches('/');
            vec![path.to_owned(), format!("{path}/")]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_comes_before_what_varies() {
        let paths: Vec<_> = by_path().map(|(path, _)| path).collect();
        let place = |end: &str| paths.iter().position(|path| path.ends_with(end)).unwrap();
        for end in ["/usersync/connector/~export", "/usersync/connector/~import"] {
            assert!(place(end) < place("/usersync/connector/{id}"), "{end}");
        }
    }

    #[test]
    fn collections_and_actions_answer_with_and_without_a_slash() {
        for (path, expected) in [
            (
                "/{tenant}/api/sync/conf/applications",
                vec!["/{tenant}/api/sync/conf/applications", "/{tenant}/api/sync/conf/applications/"],
            ),
            ("/{tenant}/api/sync/conf/applications/{id}", vec!["/{tenant}/api/sync/conf/applications/{id}"]),
            (
                "/{tenant}/api/sync/conf/applications/{id}/~history",
                vec![
                    "/{tenant}/api/sync/conf/applications/{id}/~history",
                    "/{tenant}/api/sync/conf/applications/{id}/~history/",
                ],
            ),
            (
                "/{tenant}/api/sync/conf/applications/{id}/~history/{version}",
                vec!["/{tenant}/api/sync/conf/applications/{id}/~history/{version}"],
            ),
            ("/{tenant}/api/sync/files/{path}", vec!["/{tenant}/api/sync/files/{path:.+}"]),
            ("/{tenant}/api/sync/files/", vec!["/{tenant}/api/sync/files", "/{tenant}/api/sync/files/"]),
            ("/{tenant}/api/im/{kind}", vec!["/{tenant}/api/im/{kind}", "/{tenant}/api/im/{kind}/"]),
            ("/health/live", vec!["/health/live"]),
        ] {
            assert_eq!(patterns(path), expected, "{path}");
        }
    }
}
