//! What only the whole plan of a bucket shows: keys read twice, creates that would be one object, references to
//! nobody. Noted in batches, so that whoever takes the run up after a crash goes on behind the last.

use std::collections::HashMap;

use muster_model::AttributeName;
use muster_model::configuration::application::Situation;
use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_store::{ChangeRow, ProblemRow, ProblemStep};
use tokio::sync::OnceCell;

use crate::error::EngineError;
use crate::worker::{Task, Work};

/// Changes whose findings are noted, or whose rows are looked at, at a time.
pub(crate) const ROWS_AT_ONCE: usize = 1000;

/// Something about one change, in the order in which findings are noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Finding {
    /// It makes the account that another has made before.
    Repeated { change: u32, first: u32 },
    /// It withdraws an account that another makes.
    Adopted { change: u32 },
    /// It may make what another makes.
    Disputed { change: u32 },
    /// It refers to nobody.
    Open { change: u32 },
    /// It names an account that will not be there.
    Unmade { change: u32 },
    /// It takes the place of an account that is still there, or may be, or that others take as well.
    Rivalled { change: u32 },
    /// It gets a name that another gives up only for one that comes from it in turn.
    Exchanged { change: u32, first: u32 },
    /// It gets the name of an account that another deletes, later in the run.
    Awaited { change: u32, first: u32 },
}

impl Finding {
    /// The change it is about.
    pub(crate) fn change(self) -> u32 {
        match self {
            Self::Repeated { change, .. }
            | Self::Adopted { change }
            | Self::Disputed { change }
            | Self::Open { change }
            | Self::Unmade { change }
            | Self::Rivalled { change }
            | Self::Exchanged { change, .. }
            | Self::Awaited { change, .. } => change,
        }
    }

    /// The other change that it is about.
    fn first(self) -> Option<u32> {
        match self {
            Self::Repeated { first, .. } | Self::Exchanged { first, .. } | Self::Awaited { first, .. } => {
                Some(first)
            }
            Self::Adopted { .. }
            | Self::Disputed { .. }
            | Self::Open { .. }
            | Self::Unmade { .. }
            | Self::Rivalled { .. } => None,
        }
    }

    /// Where it stands among all findings of a bucket, as its cursor says it.
    fn place(self) -> (u8, u32) {
        let sort = match self {
            Self::Repeated { .. } => 0,
            Self::Adopted { .. } => 1,
            Self::Disputed { .. } => 2,
            Self::Open { .. } => 3,
            Self::Unmade { .. } => 4,
            Self::Rivalled { .. } => 5,
            Self::Exchanged { .. } => 6,
            Self::Awaited { .. } => 7,
        };
        (sort, self.change())
    }

    fn cursor(self) -> String {
        let (sort, change) = self.place();
        format!("found {sort} {change}")
    }

    /// The place up to which findings have been noted, if a cursor says one.
    fn noted(cursor: Option<&str>) -> Option<(u8, u32)> {
        let (sort, change) = cursor?.strip_prefix("found ")?.split_once(' ')?;
        Some((sort.parse().ok()?, change.parse().ok()?))
    }

    /// Whether the account stays that its change withdraws.
    fn stays(self) -> bool {
        matches!(self, Self::Adopted { .. })
    }

    /// Whether it is a warning alone: the change is carried out, though not all of it.
    fn is_warning(self) -> bool {
        match self {
            Self::Open { .. } | Self::Unmade { .. } => true,
            Self::Repeated { .. }
            | Self::Adopted { .. }
            | Self::Disputed { .. }
            | Self::Rivalled { .. }
            | Self::Exchanged { .. }
            | Self::Awaited { .. } => false,
        }
    }
}

impl Work {
    /// Changes by their numbers.
    pub(crate) async fn rows(&self, changes: &[u32]) -> Result<HashMap<u32, ChangeRow>, EngineError> {
        let rows = self.store.changes_of(&self.run, changes).await?;
        Ok(rows.into_iter().map(|row| (row.number, row)).collect())
    }

    /// Notes findings batch by batch, those that have not been noted yet, and says with the last that the bucket
    /// has come to this step and cursor. Whoever takes the run up in between finds the same again and goes on.
    pub(crate) async fn note_findings(
        &mut self,
        index: usize,
        findings: &[Finding],
        (step, cursor): (u32, Option<&str>),
    ) -> Result<(), EngineError> {
        let noted = Finding::noted(self.buckets[index].cursor.as_deref());
        let left = findings.partition_point(|finding| Some(finding.place()) <= noted);
        let mut batches = findings[left..].chunks(ROWS_AT_ONCE).peekable();
        loop {
            let batch = batches.next().unwrap_or_default();
            let rows = self.rows_of(batch).await?;
            let problems = self.problems(index, batch, &rows).await?;
            let is_last = batches.peek().is_none();
            let bucket = &mut self.buckets[index];
            // What stays is no withdrawal that a limit counts.
            for row in batch
                .iter()
                .filter(|finding| finding.stays())
                .filter_map(|finding| rows.get(&finding.change()))
            {
                bucket.tally.leave_out(row.action, &row.memberships);
            }
            for _ in batch.iter().filter(|finding| matches!(finding, Finding::Rivalled { .. })) {
                bucket.counters.move_situation(Situation::Unlinked, Situation::Disputed);
            }
            bucket.counters.open_references +=
                batch.iter().filter(|finding| finding.is_warning()).count() as u64;
            match batch.last().filter(|_| !is_last) {
                Some(last) => bucket.cursor = Some(last.cursor()),
                None => (bucket.step, bucket.cursor) = (step, cursor.map(str::to_owned)),
            }
            // That nothing was found is found again at any time.
            if !(findings.is_empty() && self.run.is_brief()) {
                let (bucket, now) = (&self.buckets[index], self.engine.surroundings.now());
                self.store.checkpoint_noting(&self.run, bucket, &problems, now).await?;
                self.exceptions = OnceCell::new();
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// All changes that findings are about.
    async fn rows_of(&self, findings: &[Finding]) -> Result<HashMap<u32, ChangeRow>, EngineError> {
        let all = findings.iter().flat_map(|finding| [Some(finding.change()), finding.first()]);
        let all: Vec<u32> = all.flatten().collect();
        if all.is_empty() { Ok(HashMap::new()) } else { self.rows(&all).await }
    }

    /// What is told of findings.
    async fn problems(
        &self,
        index: usize,
        findings: &[Finding],
        rows: &HashMap<u32, ChangeRow>,
    ) -> Result<Vec<ProblemRow>, EngineError> {
        let row = |change: u32| {
            let missing = || EngineError::Broken(format!("change {change} of the plan is missing"));
            rows.get(&change).ok_or_else(missing)
        };
        let rivalled = findings.iter().filter(|finding| matches!(finding, Finding::Rivalled { .. }));
        let rivalled: Vec<&ChangeRow> = rivalled.filter_map(|finding| rows.get(&finding.change())).collect();
        let before = self.predecessors(index, &rivalled).await?;
        let told = |finding: &Finding| {
            let first = finding.first().map(row).transpose()?;
            let row = row(finding.change())?;
            let before = row.shadow.and_then(|shadow| before.get(&shadow)).map(String::as_str);
            Ok(self.told(index, *finding, (row, first, before)))
        };
        findings.iter().map(told).collect()
    }

    fn told(
        &self,
        index: usize,
        finding: Finding,
        (row, first, before): (&ChangeRow, Option<&ChangeRow>, Option<&str>),
    ) -> ProblemRow {
        let uid = &row.uid;
        let (outcome, code, message) = match finding {
            Finding::Repeated { .. } => {
                let message =
                    first.map(|first| self.repeated_in_words(index, row, first)).unwrap_or_default();
                (Some(Outcome::Failed), ErrorCode::EntryRepeated, message)
            }
            Finding::Adopted { .. } => {
                let message =
                    format!("account `{uid}` belonged to nobody; it stays for the owner it is made for");
                (Some(Outcome::Reported), ErrorCode::Disputed, message)
            }
            Finding::Disputed { .. } => {
                let message =
                    format!("account `{uid}` shares a correlation key with another change of this run");
                (Some(Outcome::Reported), ErrorCode::Disputed, message)
            }
            Finding::Open { .. } => {
                let message = "it refers to an object that does not exist yet; the reference stays pending";
                (None, ErrorCode::ReferenceOpen, message.to_owned())
            }
            Finding::Unmade { .. } => {
                let message = "it refers to an account that does not exist and is not made by this run; the \
                               reference stays pending";
                (None, ErrorCode::ReferenceOpen, message.to_owned())
            }
            Finding::Rivalled { .. } => {
                let object = row.object.map(|id| id.to_string()).unwrap_or_default();
                let before = before.unwrap_or_default();
                let message =
                    format!("account `{uid}` fits object {object}, which belongs to account `{before}`");
                (Some(Outcome::Reported), ErrorCode::Disputed, message)
            }
            Finding::Exchanged { .. } => {
                let name = self.name_in_words(index, row);
                let (other, has) =
                    first.map(|first| (first.uid.as_str(), self.name_before(index, row))).unwrap_or_default();
                let message = format!(
                    "accounts `{uid}` and `{other}` are to exchange names: `{uid}`, called `{has}`, is to be called \
                     `{name}`, as `{other}` is. A name has to be free before it is given again: give one of them \
                     another name there by hand, and launch the task again"
                );
                (Some(Outcome::Failed), ErrorCode::ChangeRefused, message)
            }
            Finding::Awaited { .. } => {
                let name = self.name_in_words(index, row);
                let other = first.map(|first| first.uid.as_str()).unwrap_or_default();
                let message = format!(
                    "the name `{name}` is that of account `{other}`, which this run deletes; the next run gives it again"
                );
                (Some(Outcome::Failed), ErrorCode::ChangeRefused, message)
            }
        };
        ProblemRow {
            change: Some(row.number),
            outcome,
            step: ProblemStep::Check,
            code,
            uid: Some(uid.clone()),
            place: row.place,
            message,
            class: None,
        }
    }

    fn repeated_in_words(&self, index: usize, row: &ChangeRow, first: &ChangeRow) -> String {
        match (row.place, first.place) {
            (Some(place), Some(before)) if row.uid == first.uid => format!(
                "key `{}` at {} was read before, at {}; the first counts, remove the other",
                row.uid,
                self.place(index, place),
                self.place(index, before)
            ),
            (Some(_) | None, _) => {
                let object = |row: &ChangeRow| row.object.map(|id| id.to_string()).unwrap_or_default();
                let (first, second) = (object(first), object(row));
                let (what, given) = match self.name_attribute(index) {
                    Some(_) => ("name", self.name_in_words(index, row)),
                    None => ("key", row.uid.clone()),
                };
                format!("objects {first} and {second} both give the {what} `{given}`; make it unique")
            }
        }
    }

    /// The attribute that holds the names of accounts, where the target gives them keys.
    fn name_attribute(&self, index: usize) -> Option<&AttributeName> {
        match &self.task {
            Task::Inbound(_) | Task::Cleanup(_) => None,
            Task::Outbound(task) => task.classes[index].decisions.abilities.name.as_ref(),
        }
    }

    /// The name that an account gets.
    fn name_in_words(&self, index: usize, row: &ChangeRow) -> String {
        let name = self.name_attribute(index).and_then(|name| row.result.get(name.as_str()).first());
        name.map_or_else(|| row.uid.clone(), |name| name.to_text().into_owned())
    }

    /// The name that an account has, if the change gives it another one.
    fn name_before(&self, index: usize, row: &ChangeRow) -> String {
        let name = self.name_attribute(index);
        let before = row.before.iter().find(|(changed, _)| Some(changed) == name);
        before
            .and_then(|(_, field)| field.first())
            .map(|name| name.to_text().into_owned())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_noted_in_one_order_and_taken_up_behind_the_last() {
        let findings = [
            Finding::Repeated { change: 9, first: 1 },
            Finding::Adopted { change: 2 },
            Finding::Disputed { change: 1 },
            Finding::Disputed { change: 3 },
            Finding::Open { change: 1 },
            Finding::Unmade { change: 1 },
            Finding::Rivalled { change: 4 },
            Finding::Exchanged { change: 1, first: 2 },
            Finding::Awaited { change: 1, first: 2 },
        ];
        assert!(findings.is_sorted() && findings.map(Finding::place).is_sorted());
        for finding in findings {
            assert_eq!(Finding::noted(Some(&finding.cursor())), Some(finding.place()));
        }
        for cursor in [None, Some("77"), Some("names"), Some("found 1"), Some("found x 1")] {
            assert_eq!(Finding::noted(cursor), None, "{cursor:?}");
        }
    }
}
