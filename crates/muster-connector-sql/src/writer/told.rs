//! What is told of each operation of a batch in which some were refused.

use std::mem::{Discriminant, discriminant};

use muster_connector::text::shown;
use muster_connector::{ConnectorError, WriteResult, Written};

use super::act::Act;
use crate::dialect::Dialect;
use crate::fault::{Concerns, Fault, Sort};
use crate::layout::Layout;

/// The outcomes of a batch.
pub(super) struct Told {
    pub(super) outcomes: Vec<WriteResult>,
    /// Operations that were refused by something of which nobody knows yet whether it concerns all.
    unclear: Vec<usize>,
}

impl Told {
    /// All are done, as long as nothing else is said.
    pub(super) fn of(acts: &[Act]) -> Self {
        Self { outcomes: acts.iter().map(|_| Ok(Written::default())).collect(), unclear: Vec::new() }
    }

    pub(super) fn refuse(&mut self, layout: &Layout, acts: &[Act], (place, fault): (usize, &Fault)) {
        self.outcomes[place] = Err(refused(layout, &acts[place], fault));
        if fault.concerns == Concerns::Unclear {
            self.unclear.push(place);
        }
    }

    /// What was refused while others of its kind went through is about itself alone. Where none did, it may be anything
    /// that the database needs for each of them: a sequence, or a table that a trigger writes.
    pub(super) fn settled(self, acts: &[Act]) -> Vec<WriteResult> {
        let Self { mut outcomes, unclear } = self;
        let done = acts.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
        let done: Vec<Discriminant<Act>> = done.map(|(act, _)| discriminant(act)).collect();
        for place in unclear {
            if done.contains(&discriminant(&acts[place]))
                && let Err(ConnectorError::Unusable { message }) = &outcomes[place]
            {
                outcomes[place] = Err(ConnectorError::Rejected { message: message.clone() });
            }
        }
        outcomes
    }
}

/// The error of one operation.
pub(super) fn refused(layout: &Layout, act: &Act, fault: &Fault) -> ConnectorError {
    let message = format!("`{}` of `{}`: {}", shown(act.called()), layout.shown, fault.message);
    match (fault.sort, fault.concerns) {
        (Sort::Unique, _) if is_identity(layout, fault) => ConnectorError::Conflict { message },
        (Sort::Unique | Sort::Rejected, _) | (Sort::Unusable, Concerns::One) => {
            ConnectorError::Rejected { message }
        }
        (Sort::Transient, _) => ConnectorError::Transient { message, retry_after: None },
        (Sort::Unusable, Concerns::All | Concerns::Unclear) => ConnectorError::Unusable { message },
    }
}

/// Whether it is the key or the name that somebody else has.
fn is_identity(layout: &Layout, fault: &Fault) -> bool {
    let Some(constraint) = &fault.constraint else { return false };
    [&layout.key, &layout.naming].iter().any(|column| {
        let mut indexes = column.unique.iter().chain(&column.partly_unique);
        let named_by_columns = constraint.rsplit_once('.').is_some_and(|(_, name)| name == column.name);
        indexes.any(|index| index == constraint) || (layout.dialect == Dialect::Sqlite && named_by_columns)
    })
}
