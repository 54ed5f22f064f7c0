//! Problems of a dataset: what is wrong, where, and what was perhaps meant.

use std::fmt;

use crate::limits;

/// Something that is wrong with a dataset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DatasetProblem {
    /// The line, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
    /// What to do, or what was perhaps meant.
    pub hint: Option<String>,
}

impl DatasetProblem {
    /// What is wrong and what to do, in one line.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}; {hint}", self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for DatasetProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.text())
    }
}

/// A problem whose place is an offset. Lines are counted once, for all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) at: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Spot {
    /// A problem of the model with an element. What was perhaps meant stands at the end of its message.
    pub(crate) fn of_model(at: usize, name: &str, message: &str) -> Self {
        let (message, meant) = match message.split_once("; did you mean ") {
            Some((message, meant)) => (message, Some(format!("did you mean {meant}"))),
            None => (message, None),
        };
        Self { at, message: format!("{name}: {message}"), hint: meant }
    }
}

/// Reading goes no further; why is among the problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop;

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Spots(Vec<Spot>);

impl Spots {
    /// Adds a problem. Past the most that are told there is nothing more to find.
    pub(crate) fn add(&mut self, spot: Spot) -> Result<(), Stop> {
        if self.0.len() < limits::PROBLEMS {
            self.0.push(spot);
            return Ok(());
        }
        if let Some(last) = self.0.last_mut() {
            last.hint =
                Some(format!("there are more than {} problems; these are the first", limits::PROBLEMS));
        }
        Err(Stop)
    }

    /// Adds the problem that ends the reading.
    pub(crate) fn end(&mut self, at: usize, message: impl Into<String>, hint: &str) -> Stop {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        match self.add(Spot { at, message: message.into(), hint }) {
            Ok(()) | Err(Stop) => Stop,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn into_vec(self) -> Vec<Spot> {
        self.0
    }
}

/// Gives problems their lines and columns, in their order.
pub(crate) fn placed(text: &str, mut spots: Vec<Spot>) -> Vec<DatasetProblem> {
    spots.sort();
    spots.dedup();
    spots.truncate(limits::PROBLEMS);
    let mut counter = Counter { text: text.as_bytes(), at: 0, line: 1, column: 1 };
    let place = |Spot { at, message, hint }| {
        counter.advance(at);
        DatasetProblem { line: counter.line, column: counter.column, message, hint }
    };
    spots.into_iter().map(place).collect()
}

/// Counts lines and characters. Goes through the text once, however many places are asked for.
struct Counter<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
    column: usize,
}

impl Counter<'_> {
    fn advance(&mut self, to: usize) {
        let passed = &self.text[self.at..to.clamp(self.at, self.text.len())];
        let within_line = match memchr::memrchr(b'\n', passed) {
            Some(last) => {
                self.line += memchr::memchr_iter(b'\n', passed).count();
                self.column = 1;
                &passed[last + 1..]
            }
            None => passed,
        };
        // Every character has one octet that does not continue another.
        self.column += within_line.iter().filter(|octet| (**octet as i8) >= -0x40).count();
        self.at += passed.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(at: usize) -> Spot {
        Spot { at, message: "is wrong".to_owned(), hint: None }
    }

    #[test]
    fn places_are_lines_and_characters() {
        let text = "ab\ncéd\n\nx";
        let places = |at: &[usize]| {
            let spots = at.iter().map(|at| spot(*at)).collect();
            placed(text, spots).into_iter().map(|problem| (problem.line, problem.column)).collect::<Vec<_>>()
        };
        assert_eq!(places(&[9, 0, 6, 3, 2, 8]), [(1, 1), (1, 3), (2, 1), (2, 3), (3, 1), (4, 1)]);
        assert_eq!(places(&[100]), [(4, 2)]);
    }

    #[test]
    fn what_the_model_means_is_a_hint() {
        let spot = Spot::of_model(0, "`<a>`", "is none of `A`; did you mean `B`?");
        assert_eq!(
            (spot.message.as_str(), spot.hint.as_deref()),
            ("`<a>`: is none of `A`", Some("did you mean `B`?"))
        );
        let problem = placed("", vec![spot]).remove(0);
        assert_eq!(problem.to_string(), "1:1: `<a>`: is none of `A`; did you mean `B`?");
    }

    #[test]
    fn beyond_the_most_nothing_more_is_looked_for() {
        let mut spots = Spots::default();
        let added = (0..2 * limits::PROBLEMS).take_while(|at| spots.add(spot(*at)).is_ok()).count();
        assert_eq!(added, limits::PROBLEMS);
        let last = spots.into_vec().pop().unwrap();
        assert!(last.hint.unwrap().contains("more than 1000 problems"));
    }
}
