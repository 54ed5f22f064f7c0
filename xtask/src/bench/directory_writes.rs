//! What a directory has to be asked to do after the second day of the HR file: worked out from the people themselves, and
//! compared with what the server wrote down.

use std::collections::BTreeMap;

use muster_testkit::people::{Export, Person};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Columns of the HR file, each with the attributes that follow from it.
const COLUMNS: [(usize, &[&str]); 6] = [
    (1, &["givenName=", "cn="]),
    (2, &["sn=", "cn="]),
    (3, &["mail="]),
    (4, &["departmentNumber="]),
    (6, &["title="]),
    (7, &["l="]),
];
const DEPARTMENT: usize = 4;
/// Departments that have a group; everybody is in one more.
const GROUPED: [&str; 2] = ["IT", "RND"];

/// What was written: operations, and values of modifications by attribute and sign.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Written {
    added: u64,
    modified: u64,
    groups: u64,
    others: u64,
    values: BTreeMap<String, u64>,
}

/// The same in short, once it is what it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Operations {
    pub(crate) added: u64,
    pub(crate) modified: u64,
    /// Modifications of groups: as many as there are groups for each batch of operations.
    pub(crate) groups: u64,
    /// Values of all modifications.
    pub(crate) values: u64,
}

impl Written {
    /// Tells whether this is exactly what had to be written. In how many modifications of groups is not told before.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn expect(&self, job: &'static str, expected: &Self) -> Result<Operations, Error> {
        let Self { added, modified, groups, others: _, values } = self;
        if *self != (Self { groups: *groups, values: expected.values.clone(), ..*expected }) {
            return Err(Error::Written {
                job,
                found: format!("{self:?}"),
                expected: format!("{expected:?}"),
            });
        }
        let values = values.values().sum();
        Ok(Operations { added: *added, modified: *modified, groups: *groups, values })
    }

    fn count(&mut self, name: &str) {
        *self.values.entry(name.to_owned()).or_default() += 1;
    }

    /// Somebody comes to the groups of a department, or goes.
    fn count_members(&mut self, sign: &str, groups: usize) {
        (0..groups).for_each(|_| self.count(sign));
    }

    fn leaves(&mut self, person: &Person) {
        self.modified += 1;
        self.count("employeeType=");
        self.count_members("member-", 1 + groups_of(&person.values()));
    }

    fn stays(&mut self, before: &Person, now: &Person) {
        let (before, now) = (before.values(), now.values());
        let changed = COLUMNS.iter().filter(|(column, _)| before[*column] != now[*column]);
        let mut names: Vec<&str> = changed.flat_map(|(_, names)| names.iter().copied()).collect();
        names.sort_unstable();
        names.dedup();
        self.modified += u64::from(!names.is_empty());
        names.into_iter().for_each(|name| self.count(name));
        if before[DEPARTMENT] != now[DEPARTMENT] {
            self.count_members("member-", groups_of(&before));
            self.count_members("member+", groups_of(&now));
        }
    }
}

fn groups_of(values: &[String; 12]) -> usize {
    usize::from(GROUPED.contains(&values[DEPARTMENT].as_str()))
}

/// What has to be written when the first day has been.
pub(crate) fn expected(first: Export, second: Export) -> Written {
    let mut written = Written::default();
    let mut later = second.people().peekable();
    // Both days are in the same order; who is missing on the second has gone, who follows at its end has come.
    for before in first.people() {
        match later.next_if(|now| now.employee_number() == before.employee_number()) {
            Some(now) => written.stays(&before, &now),
            None => written.leaves(&before),
        }
    }
    for joiner in later {
        written.added += 1;
        written.count_members("member+", 1 + groups_of(&joiner.values()));
    }
    written
}

#[cfg(test)]
mod tests {
    use muster_testkit::people::{BadLines, Day, Turnover};

    use super::*;

    fn days() -> (Export, Export) {
        let day = |day| Export { count: 5_000, seed: 1, day, bad_lines: BadLines::None };
        (day(Day::First), day(Day::Second(Turnover::default())))
    }

    #[test]
    fn what_has_to_be_written_follows_from_the_people() {
        let (first, second) = days();
        let written = expected(first, second);
        assert_eq!((written.added, written.others), (second.joiners(), 0));
        assert_eq!(written.values["employeeType="], second.leavers());
        assert!(written.modified > second.leavers(), "{written:?}");
        assert!(written.modified <= second.leavers() + second.changed(), "{written:?}");
        assert!(written.values["member-"] >= second.leavers(), "{written:?}");
        assert_eq!(expected(first, first), Written::default(), "the same day again");
    }

    #[test]
    fn one_value_too_many_is_an_error() {
        let (first, second) = days();
        let due = expected(first, second);
        let mut found = Written { groups: 3, ..expected(first, second) };
        let operations = found.expect("ldap-1pct", &due).unwrap();
        assert_eq!((operations.groups, operations.added), (3, due.added));
        found.count("title=");
        assert!(found.expect("ldap-1pct", &due).is_err());
    }
}
