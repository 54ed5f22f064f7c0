//! Parking: what a target has refused before is not asked of it again before that can come to something else, so that
//! the others go on.

use std::time::Duration;

use chrono::{DateTime, Utc};
use muster_connector::{AttributeWrite, ConnectorError, Operation};
use muster_model::error::ErrorCode;
use muster_model::failure::FailureClass;
use muster_model::run::{Outcome, Wave};
use muster_model::text::instant;
use muster_plan::digest::{Canonical, Digest};
use muster_plan::failure::cause;
use muster_plan::key::KeyHash;
use muster_plan::parking::{Again, DueTo};
use muster_store::{ChangeRow, Hash, Parked, ProblemRow, ProblemStep, Release, StoreError, TenantStore};

use crate::Engine;
use crate::error::EngineError;
use crate::worker::{Task, Work};

/// A change of which something is asked of the target.
pub(crate) struct Ask {
    pub(crate) row: ChangeRow,
    pub(crate) key: KeyHash,
    fingerprint: Digest,
    /// What a refusal of it would be due to, unless the target says otherwise.
    due_to: DueTo,
    /// What is known of it when the target has refused something for the account before.
    pub(crate) parked: Option<Parked>,
}

impl Ask {
    /// What a change asks in a wave of a run by these rules.
    pub(crate) fn new(row: ChangeRow, key: KeyHash, asked: (&Hash, Wave, &Operation)) -> Self {
        let (rules, wave, operation) = asked;
        let due_to = match operation {
            // Memberships alone stand and fall with the groups.
            Operation::Update { writes, enabled: None, .. } if writes.len() == row.memberships.len() => {
                DueTo::Others
            }
            Operation::Create { .. } | Operation::Update { .. } | Operation::Delete { .. } => DueTo::Asked,
        };
        Self { row, key, fingerprint: fingerprint(rules, wave, operation), due_to, parked: None }
    }

    /// Why nothing is asked now, if the very same was refused before and there is no point yet in asking again.
    pub(crate) fn left_alone(&self, now: DateTime<Utc>) -> Option<ProblemRow> {
        let parked = self.parked.as_ref().filter(|parked| parked.fingerprint == self.fingerprint)?;
        let next = match parked.retry_at {
            Some(at) if at <= now => return None,
            Some(at) => format!("the next try is after {}", instant(at)),
            None => {
                "it is tried again when the account or the configuration changes, or somebody releases it"
                    .to_owned()
            }
        };
        let times = match parked.attempts {
            1 => "once".to_owned(),
            many => format!("{many} times"),
        };
        let last = instant(parked.last_at);
        let message = format!(
            "parked, not tried in this run: tried {times}, and refused at {last} with \"{}\"; {next}",
            parked.message
        );
        Some(problem(&self.row, ErrorCode::ChangeParked, (parked.failure, message)))
    }

    /// The account as it is parked after this refusal; `None` where others would be refused as well.
    pub(crate) fn refused(&self, refusal: &Refusal, now: DateTime<Utc>) -> Option<Parked> {
        let same = self.parked.as_ref().filter(|parked| parked.fingerprint == self.fingerprint);
        let attempts = same.map_or(0, |parked| parked.attempts).saturating_add(1);
        let due_to = refusal.due_to.unwrap_or(self.due_to);
        let retry_at = match Again::after((refusal.class, due_to), attempts, (refusal.wait, now)) {
            Again::AtOnce => return None,
            Again::At(at) => Some(at),
            Again::WhenReleased => None,
        };
        Some(Parked {
            key: self.key,
            uid: self.row.uid.clone(),
            fingerprint: self.fingerprint,
            failure: refusal.class,
            attempts,
            cause: cause(ErrorCode::ChangeRefused, Some(&self.row.uid), &refusal.message),
            message: refusal.message.clone(),
            first_at: same.map_or(now, |parked| parked.first_at),
            last_at: now,
            retry_at,
        })
    }
}

/// Why a target did not do what it was asked.
pub(crate) struct Refusal {
    class: FailureClass,
    message: String,
    /// How long it asks to wait.
    wait: Option<Duration>,
    /// What it is due to, where the target says so.
    due_to: Option<DueTo>,
}

impl Refusal {
    pub(crate) fn of(error: &ConnectorError) -> Self {
        let due_to = matches!(error, ConnectorError::Conflict { .. }).then_some(DueTo::Others);
        Self { class: error.class(), message: error.to_string(), wait: error.retry_after(), due_to }
    }

    /// Whether it did is not known, since the account could not be read for this reason.
    pub(crate) fn unread(error: &ConnectorError, unread: &str) -> Self {
        let message = format!("{error}; it could not be read, the next run decides: {unread}");
        Self { class: FailureClass::Transient, message, wait: None, due_to: None }
    }

    /// Whether the same may be answered otherwise when it is asked again.
    pub(crate) fn may_pass(&self) -> bool {
        self.class == FailureClass::Transient
    }

    pub(crate) fn problem(&self, row: &ChangeRow) -> ProblemRow {
        problem(row, ErrorCode::ChangeRefused, (self.class, self.message.clone()))
    }
}

fn problem(row: &ChangeRow, code: ErrorCode, (class, message): (FailureClass, String)) -> ProblemRow {
    ProblemRow {
        change: Some(row.number),
        outcome: Some(Outcome::Failed),
        step: ProblemStep::Apply,
        code,
        uid: Some(row.uid.clone()),
        place: row.place,
        message,
        class: Some(class),
    }
}

impl Engine {
    /// Releases parked accounts: the next run asks for them. Answers how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_parked(&self, store: &TenantStore, which: Release<'_>) -> Result<u64, StoreError> {
        store.release_parked(which, self.surroundings.now()).await
    }
}

impl Work {
    /// Forgets parked accounts for which a run over all of them has nothing to ask any more.
    pub(crate) async fn drop_parked(&self, index: usize) -> Result<(), EngineError> {
        let Task::Outbound(task) = &self.task else { return Ok(()) };
        let (application, class) = task.account_class(index);
        let bucket = &self.buckets[index];
        let is_complete = bucket.sweep_end.as_deref() == Some("") && bucket.counters.unidentified == 0;
        // Where an application is left out, not all that there was to ask has been asked.
        let is_whole = is_complete && bucket.left_out.is_none() && self.run.keys.is_none();
        if is_whole && self.store.any_parked(&application.id).await? {
            self.store.forget_parked(&self.run, &application.id, &class.id).await?;
        }
        Ok(())
    }
}

/// What tells what is asked, by these rules, from everything else that could be.
fn fingerprint(rules: &Hash, wave: Wave, operation: &Operation) -> Digest {
    let mut asked = Canonical::new(rules);
    asked.tag(wave as u8);
    match operation {
        Operation::Create { attributes, enabled, .. } => {
            asked.tag(0);
            asked.tag(u8::from(*enabled));
            for (name, field) in attributes {
                asked.text(name.as_str());
                asked.field(field);
            }
        }
        Operation::Update { writes, enabled, .. } => {
            asked.tag(1);
            asked.tag(enabled.map_or(2, u8::from));
            for (name, write) in writes {
                asked.text(name.as_str());
                match write {
                    AttributeWrite::Replace(field) => asked.field(field),
                    AttributeWrite::Values { add, remove } => {
                        asked.field(&muster_model::Field::Many(add.clone()));
                        asked.field(&muster_model::Field::Many(remove.clone()));
                    }
                }
            }
        }
        Operation::Delete { .. } => asked.tag(2),
    }
    asked.digest()
}
