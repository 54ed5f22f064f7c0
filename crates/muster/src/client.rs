//! A client of the API: for `run --server` and `dataset`, and for the demonstration, which sees what every client sees.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

/// How long a request may take; launching compiles a configuration, a file of the demonstration is small.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the import of a dataset may take: thousands of resources are checked, and it is written whole.
const IMPORT_PATIENCE: Duration = Duration::from_secs(600);
/// The largest answer that is read, in octets.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Who talks to a server, and as whom. Blocking; cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    agent: Agent,
    server: String,
    authorization: String,
}

/// Why a server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// It does not answer.
    #[error("the server {server} does not answer")]
    Unreachable {
        server: String,
        #[source]
        source: Box<ureq::Error>,
    },
    /// It refused.
    #[error("{description}")]
    Refused { status: u16, description: String, properties: BTreeMap<String, String>, fix: String },
    /// It answered what no Muster would.
    #[error("{path} answered {status} with something that cannot be read; is a Muster there?")]
    Unreadable { path: String, status: u16 },
}

/// The one body of errors, as far as it is shown.
#[derive(Deserialize)]
struct Refusal {
    description: String,
    #[serde(default)]
    properties: BTreeMap<String, String>,
    #[serde(default)]
    fix: String,
}

impl ClientError {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } => Some(
                "look whether `muster serve` runs there, and whether the address has http:// or https://"
                    .to_owned(),
            ),
            Self::Refused { status: 401 | 404, fix, .. } => {
                Some(format!("{fix}; the token comes from MUSTER_TOKEN"))
            }
            Self::Refused { fix, .. } => Some(fix.clone()).filter(|fix| !fix.is_empty()),
            Self::Unreadable { .. } => None,
        }
    }
}

impl Client {
    /// A client with a token.
    pub(crate) fn with_token(server: &str, token: &str) -> Self {
        Self::new(server, format!("Bearer {token}"))
    }

    /// A client with a user's name and password.
    pub(crate) fn with_user(server: &str, name: &str, password: &str) -> Self {
        Self::new(server, format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
    }

    fn new(server: &str, authorization: String) -> Self {
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        Self { agent: config.into(), server: server.trim_end_matches('/').to_owned(), authorization }
    }

    /// The JSON of a path.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.read_json(path, &self.get_text(path)?)
    }

    /// The text of a path.
    pub(crate) fn get_text(&self, path: &str) -> Result<String, ClientError> {
        let request = self.agent.get(self.at(path)).header("authorization", &self.authorization);
        self.read(path, request.call())
    }

    /// A page of a list of changes, and the number after which its `Link` says that more may follow.
    pub(crate) fn get_page<T: DeserializeOwned>(&self, path: &str) -> Result<(T, Option<u32>), ClientError> {
        let request = self.agent.get(self.at(path)).header("authorization", &self.authorization);
        let answer = request.call();
        let link = answer.as_ref().ok().and_then(|answer| answer.headers().get("link"));
        let next = link.and_then(|link| following(link.to_str().ok()?));
        Ok((self.read_json(path, &self.read(path, answer)?)?, next))
    }

    /// Copies what a path answers, however large, as it comes.
    pub(crate) fn copy(&self, path: &str, to: &mut dyn Write) -> Result<(), ClientError> {
        let request = self.agent.get(self.at(path)).header("authorization", &self.authorization);
        let answer =
            request.config().timeout_global(None).timeout_recv_response(Some(PATIENCE)).build().call();
        let unreachable = |source| ClientError::Unreachable {
            server: self.server.clone(),
            source: Box::new(ureq::Error::Io(source)),
        };
        match answer {
            Ok(mut answer) if answer.status().is_success() => {
                match io::copy(&mut answer.body_mut().as_reader(), to) {
                    // Whoever reads what is copied has enough of it: `… | head`.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                    copied => copied.map_err(unreachable).map(|_| ()),
                }
            }
            answer => self.read(path, answer).map(|_| ()),
        }
    }

    /// Sends JSON; answers the text that comes back.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<String, ClientError> {
        let request = self.agent.post(self.at(path)).header("authorization", &self.authorization);
        self.read(path, request.send_json(body))
    }

    /// Sends JSON; answers the text that comes back, and what a header of the answer says.
    pub(crate) fn post_noting(
        &self,
        path: &str,
        body: &Value,
        header: &str,
    ) -> Result<(String, Option<String>), ClientError> {
        let request = self.agent.post(self.at(path)).header("authorization", &self.authorization);
        let answer = request.send_json(body);
        let said = answer.as_ref().ok().and_then(|answer| answer.headers().get(header));
        let said = said.and_then(|said| said.to_str().ok()).map(str::to_owned);
        Ok((self.read(path, answer)?, said))
    }

    /// Sends JSON; answers the JSON that comes back.
    pub(crate) fn post_for<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, ClientError> {
        self.read_json(path, &self.post(path, body)?)
    }

    /// Sends nothing.
    pub(crate) fn post_nothing(&self, path: &str) -> Result<String, ClientError> {
        let request = self.agent.post(self.at(path)).header("authorization", &self.authorization);
        self.read(path, request.send_empty())
    }

    /// Sends XML; answers the text that comes back.
    pub(crate) fn post_xml(&self, path: &str, octets: &[u8]) -> Result<String, ClientError> {
        let request = self.agent.post(self.at(path)).header("authorization", &self.authorization);
        let request = request.config().timeout_global(Some(IMPORT_PATIENCE)).build();
        self.read(path, request.content_type("application/xml").send(octets))
    }

    /// Puts a file in place.
    pub(crate) fn put(&self, path: &str, octets: &[u8]) -> Result<String, ClientError> {
        let request = self.agent.put(self.at(path)).header("authorization", &self.authorization);
        self.read(path, request.content_type("application/octet-stream").send(octets))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn read(&self, path: &str, answer: Result<Response<Body>, ureq::Error>) -> Result<String, ClientError> {
        let unreachable =
            |source| ClientError::Unreachable { server: self.server.clone(), source: Box::new(source) };
        let mut answer = answer.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.body_mut().with_config().limit(LARGEST).read_to_string().map_err(unreachable)?;
        if status.is_success() {
            return Ok(text);
        }
        let status = status.as_u16();
        match serde_json::from_str(&text) {
            Ok(Refusal { description, properties, fix }) => {
                Err(ClientError::Refused { status, description, properties, fix })
            }
            Err(_) => Err(ClientError::Unreadable { path: self.at(path), status }),
        }
    }

    fn read_json<T: DeserializeOwned>(&self, path: &str, text: &str) -> Result<T, ClientError> {
        serde_json::from_str(text).map_err(|_| ClientError::Unreadable { path: self.at(path), status: 200 })
    }
}

/// The number in `<?…&after=7>; rel="next"`.
fn following(link: &str) -> Option<u32> {
    let (query, _) = link.strip_prefix("<?")?.split_once(">; rel=\"next\"")?;
    query.split('&').find_map(|pair| pair.strip_prefix("after="))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_where_to_look_on() {
        for (link, expected) in [
            ("<?action=CREATE&after=7>; rel=\"next\"", Some(7)),
            ("<?after=7>; rel=\"prev\"", None),
            ("<?limit=7>; rel=\"next\"", None),
        ] {
            assert_eq!(following(link), expected, "{link}");
        }
    }
}
