//! Carrying a plan out at a target: staged changes become operations, and what became of them is stored.

use std::collections::HashMap;

use muster_connector::{
    AttributeWrite, Connector, ConnectorError, Durable, Entry, Operation, RemoteClass, Writer,
};
use muster_model::error::ErrorCode;
use muster_model::run::{Outcome, Wave};
use muster_model::{AttributeName, Field, Value};
use muster_plan::change::Action;
use muster_store::{Batch, ChangeRow, Makes, ProblemRow, ProblemStep, Slot};

use crate::apply_inbound::{Exceptions, cursor_of};
use crate::configuration::remote_class;
use crate::error::EngineError;
use crate::outbound::OutboundRun;
use crate::worker::Work;

/// The first step of applying; see the inbound half.
const FIRST_WAVE: u32 = 3;

/// A batch whose operations have been answered.
struct Answered {
    slots: Vec<Slot>,
    problems: Vec<ProblemRow>,
}

impl Work {
    pub(crate) async fn carry_out_wave(
        &mut self,
        index: usize,
        task: &OutboundRun,
        wave: Wave,
        exceptions: &Exceptions,
    ) -> Result<(), EngineError> {
        let step = FIRST_WAVE + 2 * wave as u32;
        if self.buckets[index].step == step {
            let mut slots = Vec::new();
            for part in 0..self.parts(index) {
                slots.extend(self.slots(index, wave, part).await?);
            }
            slots.retain(|slot| !matches!(exceptions.get(&slot.change), Some(Some(_))));
            if !slots.is_empty() {
                self.write_changes(index, task, &slots).await?;
            }
        }
        let bucket = &mut self.buckets[index];
        (bucket.step, bucket.cursor) = (step + 1, None);
        Ok(self.store.checkpoint(&self.run, bucket).await?)
    }

    async fn write_changes(
        &mut self,
        index: usize,
        task: &OutboundRun,
        slots: &[Slot],
    ) -> Result<(), EngineError> {
        let class = &task.classes[index];
        let failed = Self::connector_error(&class.application.id);
        let configuration = &self.configuration.resources;
        let opened = self.engine.open_connector(&self.store, configuration, &class.application).await;
        let connector = opened.map_err(&failed)?;
        let remote = remote_class(&class.class);
        let mut writer = None;
        let mut answered = Vec::new();
        for batch in slots.chunks(self.engine.settings.batch_size) {
            self.may_go_on()?;
            let batch = self.write_batch((&*connector, &remote), &mut writer, batch, &failed).await?;
            match connector.capabilities().durable {
                Durable::EachCall => self.store_answers(index, task, batch).await?,
                Durable::AtClose => answered.push(batch),
            }
        }
        if let Some(writer) = writer {
            // A session that counts at its end must not end for a worker that has lost the run.
            self.store.checkpoint(&self.run, &self.buckets[index]).await?;
            writer.close().await.map_err(&failed)?;
        }
        for batch in answered {
            self.store_answers(index, task, batch).await?;
        }
        Ok(())
    }

    async fn write_batch(
        &self,
        (connector, remote): (&dyn Connector, &RemoteClass),
        writer: &mut Option<Box<dyn Writer>>,
        slots: &[Slot],
        failed: &impl Fn(ConnectorError) -> EngineError,
    ) -> Result<Answered, EngineError> {
        let numbers: Vec<u32> = slots.iter().map(|slot| slot.change).collect();
        let stale = self.store.stale(&self.run, &numbers).await?;
        let live: Vec<u32> = numbers.iter().copied().filter(|number| !stale.contains(number)).collect();
        let mut rows: HashMap<u32, ChangeRow> =
            self.store.changes_of(&self.run, &live).await?.into_iter().map(|row| (row.number, row)).collect();
        let mut problems: Vec<ProblemRow> = stale.iter().map(|number| stale_problem(*number)).collect();
        let mut asked: Vec<ChangeRow> = Vec::new();
        let mut operations = Vec::new();
        for number in &live {
            let Some(row) = rows.remove(number) else { continue };
            if let Some(operation) = operation_of(&row) {
                operations.push(operation);
                asked.push(row);
            }
        }
        if !operations.is_empty() {
            if writer.is_none() {
                *writer = Some(connector.writer(remote).await.map_err(failed)?);
            }
            let Some(writer) = writer.as_mut() else { return Err(EngineError::Lost) };
            let outcomes = writer.write(operations).await;
            for (row, outcome) in asked.iter().zip(outcomes) {
                if let Err(error) = outcome
                    && !self.is_done_already(connector, remote, row, &error).await
                {
                    problems.push(refused(row, &error));
                }
            }
        }
        Ok(Answered { slots: slots.to_vec(), problems })
    }

    /// Whether a create that was refused since the account exists was ours, before a crash: the account is
    /// read back and compared.
    async fn is_done_already(
        &self,
        connector: &dyn Connector,
        remote: &RemoteClass,
        row: &ChangeRow,
        error: &ConnectorError,
    ) -> bool {
        if row.action != Action::Create || !matches!(error, ConnectorError::Conflict { .. }) {
            return false;
        }
        let read = connector.read(remote, std::slice::from_ref(&row.uid)).await.unwrap_or_default();
        read.iter().any(|entry| match entry {
            Entry::Account(account) if account.uid == row.uid => row
                .result
                .iter()
                .all(|(name, wanted)| texts(account.record.get(name.as_str())) == texts(wanted)),
            Entry::Account(_) | Entry::Bad(_) => false,
        })
    }

    async fn store_answers(
        &mut self,
        index: usize,
        task: &OutboundRun,
        answered: Answered,
    ) -> Result<(), EngineError> {
        let mut batch = Batch::default();
        for slot in &answered.slots {
            if answered.problems.iter().any(|problem| problem.change == Some(slot.change)) {
                continue;
            }
            match slot.makes {
                Makes::Shadow | Makes::ShadowAndObject => batch.creates.push(slot.change),
                Makes::Nothing => batch.others.push(slot.change),
            }
        }
        let bucket = &mut self.buckets[index];
        bucket.cursor = answered.slots.last().map(|slot| cursor_of(*slot));
        let now = self.engine.surroundings.now();
        let target = &task.classes[index].target;
        Ok(self.store.apply_outbound(&self.run, bucket, target, &batch, &answered.problems, now).await?)
    }
}

/// What a change asks of the target; `None` when it only has to be remembered.
fn operation_of(row: &ChangeRow) -> Option<Operation> {
    let uid = row.uid.clone();
    match row.action {
        Action::Create => Some(Operation::Create {
            uid,
            attributes: row.result.iter().map(|(name, field)| (name.clone(), field.clone())).collect(),
            enabled: row.state < 2,
        }),
        Action::Link | Action::Update | Action::Disable => {
            let mut writes: Vec<(AttributeName, AttributeWrite)> = row
                .result
                .iter()
                .map(|(name, field)| (name.clone(), AttributeWrite::Replace(field.clone())))
                .collect();
            writes.extend(row.memberships.iter().map(|membership| {
                let values =
                    |texts: &[String]| texts.iter().map(|text| Value::String(text.clone())).collect();
                let write = AttributeWrite::Values {
                    add: values(&membership.add),
                    remove: values(&membership.remove),
                };
                (membership.attribute.clone(), write)
            }));
            let enabled = match row.state {
                0 => None,
                state => Some(state == 1),
            };
            let nothing = writes.is_empty() && enabled.is_none();
            (!nothing).then_some(Operation::Update { uid, writes, enabled })
        }
        Action::Delete => Some(Operation::Delete { uid }),
        Action::Refresh | Action::Unlink | Action::MarkGone => None,
    }
}

fn texts(field: &Field) -> Vec<String> {
    let mut texts: Vec<String> = field
        .values()
        .iter()
        .map(|value| value.to_text().into_owned())
        .filter(|text| !text.is_empty())
        .collect();
    texts.sort_unstable();
    texts
}

fn refused(row: &ChangeRow, error: &ConnectorError) -> ProblemRow {
    ProblemRow {
        change: Some(row.number),
        outcome: Some(Outcome::Failed),
        step: ProblemStep::Apply,
        code: ErrorCode::ChangeRefused,
        uid: Some(row.uid.clone()),
        place: row.place,
        message: error.to_string(),
    }
}

fn stale_problem(number: u32) -> ProblemRow {
    ProblemRow {
        change: Some(number),
        outcome: Some(Outcome::Stale),
        step: ProblemStep::Apply,
        code: ErrorCode::ChangeStale,
        uid: None,
        place: None,
        message: "owner or account moved on after the plan was made; the next run picks it up".to_owned(),
    }
}
