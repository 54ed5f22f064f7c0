//! The progress of a run as server-sent events: at once, then whenever it has changed, then its end.
//!
//! Nothing is kept for anybody: an event is known by what it says, so any process can go on where another left a
//! listener. However many listen to a run in a process, it is looked at once for all.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::http::{Method, header};
use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, Stream};
use muster_model::run::{ProgressStatus, TaskKind};
use muster_model::text::hex;
use muster_model::{RunId, TenantSlug};
use muster_store::{RunRecord, StoreError, TenantStore};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::instance;
use crate::access::admit;
use crate::call::Call;
use crate::error::ApiError;
use crate::rights::Permission;
use crate::view::ProgressView;

/// A run is looked at so often at the most; so often at the most a listener hears of it.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// So soon a listener hears nothing any more who has lost the right to listen.
const ADMIT_EVERY: Duration = Duration::from_secs(1);
/// Begins every stream: after how many milliseconds a listener whose connection broke comes back.
const COME_BACK: &str = "retry: 2000\n\n";
/// Keeps connections and those on their way from taking silence for the end.
const HEARTBEAT: &str = ": heartbeat\n\n";

/// The runs that somebody listens to.
#[derive(Debug, Default)]
pub(crate) struct Sights(Mutex<HashMap<(TenantSlug, RunId), Weak<Sight>>>);

/// The last look at a run, shared by all who listen to it.
#[derive(Debug)]
struct Sight {
    run: RunId,
    seen: AsyncMutex<Option<Seen>>,
}

/// What a look showed, and when; `None` for a run that is gone.
#[derive(Debug, Clone)]
struct Seen(Instant, Option<Arc<RunRecord>>);

impl Sights {
    fn of(&self, tenant: &TenantSlug, run: RunId) -> Arc<Sight> {
        let mut sights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.clone(), run);
        if let Some(sight) = sights.get(&key).and_then(Weak::upgrade) {
            return sight;
        }
        sights.retain(|_, sight| sight.strong_count() > 0);
        let sight = Arc::new(Sight { run, seen: AsyncMutex::default() });
        sights.insert(key, Arc::downgrade(&sight));
        sight
    }
}

impl Sight {
    /// The run as it is at an instant, or was a little before it.
    async fn look(&self, store: &TenantStore, now: Instant) -> Result<Option<Arc<RunRecord>>, StoreError> {
        let mut seen = self.seen.lock().await;
        if let Some(Seen(at, run)) = &*seen
            && now.saturating_duration_since(*at) < LOOK_EVERY
        {
            return Ok(run.clone());
        }
        let run = store.run(self.run).await?.map(Arc::new);
        *seen = Some(Seen(now, run.clone()));
        Ok(run)
    }
}

/// One listener.
struct Listener {
    call: Call,
    sight: Arc<Sight>,
    /// The event that the listener heard last.
    heard: String,
    looks: Interval,
    admissions: Interval,
    heartbeats: Interval,
    closing: watch::Receiver<bool>,
    has_ended: bool,
}

pub(super) async fn events(kind: TaskKind, call: Call) -> Result<HttpResponse, ApiError> {
    let run = instance(kind, &call).await?;
    let heard = call.request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let heard = heard.unwrap_or_default().to_owned();
    if run.state.is_terminal() && heard == id_of(&run, None) {
        // To those who listen by the rules of the web this says that there is nothing to come back for.
        return Ok(HttpResponse::NoContent().finish());
    }
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CONTENT_TYPE, "text/event-stream"));
    // Proxies that collect an answer before they pass it on are asked not to.
    answer.insert_header(("X-Accel-Buffering", "no"));
    if call.request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let listener = Listener {
        sight: call.state.sights().of(call.store.slug(), run.id),
        heard,
        looks: every(LOOK_EVERY),
        admissions: every(ADMIT_EVERY),
        heartbeats: every(call.settings().heartbeat),
        closing: call.state.closing(),
        has_ended: false,
        call,
    };
    Ok(answer.streaming(listener.stream()))
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period.max(Duration::from_millis(1)));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

impl Listener {
    fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        let next = |state: Option<Self>| async move {
            let mut listener = state?;
            let text = listener.next().await?;
            Some((Ok(Bytes::from(text)), (!listener.has_ended).then_some(listener)))
        };
        let begin = stream::once(async { Ok(Bytes::from_static(COME_BACK.as_bytes())) });
        futures_util::StreamExt::chain(begin, stream::unfold(Some(self), next))
    }

    /// What the listener hears next; `None` when that is nothing any more.
    async fn next(&mut self) -> Option<String> {
        loop {
            tokio::select! {
                biased;
                () = closed(&mut self.closing) => return None,
                _ = self.admissions.tick() => if !self.is_admitted().await { return None },
                _ = self.looks.tick() => match self.look().await {
                    Ok(Some(run)) => if let Some(text) = self.news(&run).await { return Some(text) },
                    Ok(None) => return None,
                    Err(error) => {
                        tracing::warn!(run = %self.sight.run, %error, "cannot look at a run for its listeners");
                        return None;
                    }
                },
                _ = self.heartbeats.tick() => return Some(HEARTBEAT.to_owned()),
            }
        }
    }

    /// Whether the listener may still listen. A store that does not answer takes nobody's right away; who is refused
    /// since others guess passwords has to come back, lest guessing keeps a right that was taken away.
    async fn is_admitted(&self) -> bool {
        let admitted = admit(&self.call.state, &self.call.request, Permission::View).await;
        let Err(refusal) = admitted else { return true };
        let is_no = matches!(refusal, ApiError::NoCredentials | ApiError::Stranger | ApiError::Forbidden(_));
        !is_no && !matches!(refusal, ApiError::TooMany { .. })
    }

    async fn look(&self) -> Result<Option<Arc<RunRecord>>, StoreError> {
        self.sight.look(&self.call.store, Instant::now()).await
    }

    async fn news(&mut self, run: &RunRecord) -> Option<String> {
        let stalled = self.call.engine().stalled_since(run);
        let id = id_of(run, stalled);
        if self.heard == id {
            return None;
        }
        (self.heard, self.has_ended) = (id, run.state.is_terminal());
        self.heartbeats.reset();
        let name = if self.has_ended { "end" } else { "progress" };
        let view = ProgressView::new(run, self.call.engine().surroundings().now(), None);
        let view = view.with_stalled(stalled);
        // Who cannot be told until when a plan may be approved is told all else.
        let hours = match run.state.status {
            ProgressStatus::Held => self.call.engine().approval_hours(&self.call.store).await.ok(),
            ProgressStatus::Pending
            | ProgressStatus::Running
            | ProgressStatus::Paused
            | ProgressStatus::Finished => None,
        };
        let view = if let Some(hours) = hours { view.held_for(run, hours) } else { view };
        let data = serde_json::to_string(&view).unwrap_or_default();
        Some(format!("event: {name}\nid: {}\ndata: {data}\n\n", self.heard))
    }
}

/// What an event about the run is called as it is now: the same for the same progress, whoever says so and when.
fn id_of(run: &RunRecord, stalled_since: Option<DateTime<Utc>>) -> String {
    let view = ProgressView::new(run, run.started_at, None).with_stalled(stalled_since);
    let text = serde_json::to_string(&view).unwrap_or_default();
    hex(&blake3::hash(text.as_bytes()).as_bytes()[..8])
}

/// Waits until the server is about to end.
async fn closed(closing: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could tell; that is the end as well.
    let _ = closing.wait_for(|closing| *closing).await;
}

#[cfg(test)]
mod tests {
    use muster_store::{Location, Store};
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn however_many_listen_a_run_is_looked_at_once_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&Location::File(directory.path().join("muster.db"))).await.unwrap();
        let tenant = store.create_tenant(&TenantSlug::new("acme").unwrap(), Utc::now()).await.unwrap();
        let (sights, run) = (Sights::default(), RunId(Uuid::now_v7()));
        let listeners: Vec<_> = (0..50).map(|_| sights.of(tenant.slug(), run)).collect();
        let (before, begin) = (store.statements(), Instant::now());
        for round in 1..=3 {
            let now = begin + LOOK_EVERY * round;
            for (sight, late) in listeners.iter().zip(0..) {
                let seen = sight.look(&tenant, now + Duration::from_millis(late)).await.unwrap();
                assert!(seen.is_none(), "there is no such run");
            }
        }
        assert_eq!(store.statements() - before, 3);
        let other = sights.of(tenant.slug(), RunId(Uuid::now_v7()));
        drop((listeners, other));
        let _last = sights.of(tenant.slug(), run);
        assert_eq!(sights.0.lock().unwrap().len(), 1, "what nobody listens to is forgotten");
    }
}
