//! Sweeps of the system in memory: of all that it holds, or of what has changed.

use std::collections::VecDeque;
use std::ops::Bound::{Excluded, Unbounded};

use async_trait::async_trait;

use super::{MemorySystem, View};
use crate::{
    ChangeFeed, ChangeToken, ConnectorError, Cursor, Entry, GoneEntry, Page, Place, Reads, Snapshot, Step,
    Sweep, SweepEnd, SweepRequest,
};

pub(super) struct MemorySweep {
    system: MemorySystem,
    request: SweepRequest,
    view: View,
    /// How many changes there had been when it began.
    began_at: usize,
    read: u64,
    last: Option<String>,
    /// The keys that have changed and are still to be read, where changes are.
    changed: Option<VecDeque<String>>,
}

impl MemorySweep {
    pub(super) fn begin(system: MemorySystem, request: SweepRequest) -> Result<Self, ConnectorError> {
        let (read, last) = match &request.resume {
            None => (0, None),
            Some(cursor) => parse_cursor(cursor)?,
        };
        let began_at = system.lock().log.len();
        let changed = match &request.reads {
            Reads::All => None,
            Reads::Changes { since } => Some(system.changed_since(since, &request.class.remote_name)?),
        };
        let view = system.view(&request.class);
        let mut sweep = Self { system, request, view, began_at, read: 0, last, changed };
        if let Some(changed) = &mut sweep.changed {
            changed.drain(..changed.len().min(usize::try_from(read).unwrap_or(usize::MAX)));
        }
        sweep.read = read;
        Ok(sweep)
    }

    fn end(&self) -> Step {
        let token = match self.system.capabilities.changes {
            ChangeFeed::None => None,
            ChangeFeed::WithoutDeletes | ChangeFeed::WithDeletes => {
                Some(ChangeToken(self.began_at.to_string()))
            }
        };
        Step::End(SweepEnd::Complete { token })
    }

    fn next_changes(&mut self) -> Step {
        let class = self.request.class.remote_name.clone();
        let state = self.system.lock();
        let Some(changed) = &mut self.changed else { return self.end() };
        let mut entries = Vec::new();
        while let Some(uid) =
            (entries.len() < self.request.page_size.get()).then(|| changed.pop_front()).flatten()
        {
            self.read += 1;
            let held = state.classes.get(&class).and_then(|class| class.get(&uid));
            match held {
                Some(held) => entries.push(self.view.entry(self.read, &uid, held)),
                None if self.system.capabilities.changes == ChangeFeed::WithDeletes => {
                    entries.push(Entry::Gone(GoneEntry { place: Place(self.read), uid }));
                }
                None => {}
            }
        }
        if entries.is_empty() {
            return self.end();
        }
        let cursor = Cursor(format!("{}:", self.read));
        Step::Page(Page { entries, cursor, estimated_total: None })
    }

    fn next_of_all(&mut self) -> Step {
        let state = self.system.lock();
        let Some(class) = state.classes.get(&self.request.class.remote_name) else { return self.end() };
        let after = self.last.as_ref().map_or(Unbounded, Excluded);
        let mut entries = Vec::new();
        let mut last = None;
        for (uid, held) in class.range::<String, _>((after, Unbounded)).take(self.request.page_size.get()) {
            self.read += 1;
            entries.push(self.view.entry(self.read, uid, held));
            last = Some(uid.clone());
        }
        let Some(last) = last else { return self.end() };
        let cursor = Cursor(format!("{}:{last}", self.read));
        self.last = Some(last);
        Step::Page(Page { entries, cursor, estimated_total: Some(class.len() as u64) })
    }
}

impl MemorySystem {
    /// The keys of a class that have changed since a token was given, each once.
    fn changed_since(&self, since: &ChangeToken, class: &str) -> Result<VecDeque<String>, ConnectorError> {
        let state = self.lock();
        let outdated =
            |why: &str| ConnectorError::Outdated { message: format!("the token `{}` {why}", since.0) };
        let since: usize = since.0.parse().map_err(|_| outdated("is none of this system"))?;
        if since < state.forgotten {
            return Err(outdated("is older than what is still told"));
        }
        let mut changed = VecDeque::new();
        for (_, uid) in state.log.iter().skip(since).filter(|(of, _)| of == class) {
            if !changed.contains(uid) {
                changed.push_back(uid.clone());
            }
        }
        Ok(changed)
    }
}

#[async_trait]
impl Sweep for MemorySweep {
    fn snapshot(&self) -> Option<Snapshot> {
        Some(Snapshot(self.began_at.to_string()))
    }

    async fn next(&mut self) -> Result<Step, ConnectorError> {
        Ok(match self.changed {
            Some(_) => self.next_changes(),
            None => self.next_of_all(),
        })
    }
}

fn parse_cursor(cursor: &Cursor) -> Result<(u64, Option<String>), ConnectorError> {
    let parts =
        cursor.0.split_once(':').and_then(|(read, last)| Some((read.parse().ok()?, Some(last.to_owned()))));
    parts.ok_or_else(|| ConnectorError::Unusable {
        message: format!("`{}` is no place of a sweep; start the sweep over", cursor.0),
    })
}
