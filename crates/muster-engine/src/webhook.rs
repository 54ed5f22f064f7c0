//! Webhooks: somebody outside is told of the end of a run, signed, until it says that it has heard.

use hmac::{Hmac, KeyInit as _, Mac as _};
use muster_egress::Post;
use muster_model::configuration::application::Situation;
use muster_model::configuration::post_processing::Webhook;
use muster_model::run::{Outcome, TaskKind};
use muster_model::secret;
use muster_model::text::{hex, instant};
use muster_store::{RunRecord, StoreError};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::Engine;
use crate::errands::{Came, Errand};
use crate::error::with_causes;

/// What the receiver answers who does not want to be told ever again.
const GONE: u16 = 410;

impl Engine {
    /// Tells a receiver. What it is told, and under which id, is the same each time; the signature is of the instant.
    pub(crate) async fn tell(&self, errand: &Errand<'_>, webhook: &Webhook) -> Result<Came, StoreError> {
        let body = message(errand).to_string().into_bytes();
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("Muster-Delivery", errand.record.id.to_string()),
        ];
        if let Some(secret) = &webhook.secret {
            let key = match self.key(errand, secret).await? {
                Ok(key) => key,
                Err(came) => return Ok(came),
            };
            let key = key.expose_secret().as_bytes();
            headers.push(("Muster-Signature", signature(key, self.surroundings.now().timestamp(), &body)));
        }
        let post = Post { url: webhook.url.clone(), headers, body };
        Ok(match self.settings.egress.post(errand.store.slug(), post).await {
            Ok(answer) => came_of(answer.status),
            Err(error) if error.may_pass() => Came::Again(with_causes(&error)),
            Err(error) => Came::Failed(with_causes(&error)),
        })
    }

    /// The value of the secret that signs, or why there is none. It signs here and goes nowhere, so it is bound to no
    /// address.
    async fn key(
        &self,
        errand: &Errand<'_>,
        reference: &str,
    ) -> Result<Result<SecretString, Came>, StoreError> {
        let unsigned = |why: &str| format!("{why}, so the message could not be signed, and was not sent");
        let Some(name) = secret::whole(reference) else {
            return Ok(Err(Came::Failed(unsigned(&format!("`{reference}` names no secret")))));
        };
        let names = std::slice::from_ref(&name);
        match errand.store.open_secrets(names, &errand.post_processing.id).await {
            Ok(mut opened) => Ok(match opened.remove(&name) {
                Some(secret) => Ok(secret.value),
                None => Err(Came::Failed(unsigned(&format!("there is no secret `{name}`")))),
            }),
            // Another process may have the key.
            Err(error @ StoreError::NoMasterKey) => Ok(Err(Came::Again(unsigned(&with_causes(&error))))),
            Err(error @ StoreError::Unsealable { .. }) => {
                Ok(Err(Came::Failed(unsigned(&with_causes(&error)))))
            }
            Err(error) => Err(error),
        }
    }
}

/// What an answer means. Redirects are not followed: who is told is who the configuration names.
fn came_of(status: u16) -> Came {
    let said = format!("the receiver answered {status}");
    match status {
        200..300 => Came::Done { message: Some(said), path: None },
        GONE => Came::Failed(format!("{said}: it does not want to be told any more")),
        300..400 => {
            Came::Again(format!("{said}, a redirect, which is not followed; name its target instead"))
        }
        _ => Came::Again(said),
    }
}

/// What is told: which run ended how, what it counted, and when.
fn message(errand: &Errand<'_>) -> Value {
    let run = errand.run;
    let task = match run.task_kind {
        TaskKind::Synchronization => "synchronizationTaskId",
        TaskKind::Provisioning => "provisioningTaskId",
    };
    json!({
        "delivery": errand.record.id.to_string(),
        "tenant": errand.store.slug().as_str(),
        "instanceId": run.id.to_string(),
        task: run.task.as_str(),
        "outcomeStatus": run.state.outcome.map(|outcome| outcome.as_str()),
        "startDate": instant(run.started_at),
        "endDate": run.ended_at.map(instant),
        "counters": counters(run),
    })
}

fn counters(run: &RunRecord) -> Value {
    let counted = &run.counters;
    let actions: Map<_, _> = Outcome::ALL
        .into_iter()
        .map(|outcome| (outcome.as_str().to_owned(), counted.outcome(outcome).into()))
        .collect();
    let situations: Map<_, _> = Situation::ALL
        .into_iter()
        .map(|situation| (situation.as_str().to_owned(), counted.situation(situation).into()))
        .collect();
    json!({ "read": counted.read, "lacking": counted.lacking, "actions": actions, "situations": situations })
}

/// `t=…,v1=…`: the instant in seconds, and the HMAC-SHA256 of it, a point and the body.
fn signature(key: &[u8], seconds: i64, body: &[u8]) -> String {
    // A key of any length is one.
    let code = Hmac::<Sha256>::new_from_slice(key).map(|mut mac| {
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        hex(&mac.finalize().into_bytes())
    });
    format!("t={seconds},v1={}", code.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_others_compute() {
        // printf '1793520000.{"a":1}' | openssl dgst -sha256 -hmac 'a key'
        let expected = "t=1793520000,v1=010881179381ea336b55de6e45478ab5d117045528db054bdc580e131e0570e0";
        assert_eq!(signature(b"a key", 1_793_520_000, b"{\"a\":1}"), expected);
    }

    #[test]
    fn an_answer_ends_it_or_not() {
        for (status, expected) in [(200, "done"), (204, "done"), (299, "done"), (410, "failed")] {
            let found = match came_of(status) {
                Came::Done { .. } => "done",
                Came::Failed(_) => "failed",
                Came::Again(_) => "again",
            };
            assert_eq!(found, expected, "{status}");
        }
        for status in [100, 301, 308, 400, 404, 429, 500, 503] {
            assert!(matches!(came_of(status), Came::Again(_)), "{status}");
        }
    }
}
