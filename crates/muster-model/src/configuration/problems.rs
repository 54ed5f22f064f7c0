//! Problems: everything that is wrong with a configuration, at once, each with its place.

use std::collections::BTreeMap;
use std::fmt;

/// Everything that is wrong, by JSON pointer (RFC 6901). The empty pointer is the whole document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(BTreeMap<String, Vec<String>>);

impl Problems {
    /// No problem.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one problem; the same one twice counts once.
    pub fn add(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        let messages = self.0.entry(pointer.into()).or_default();
        let message = message.into();
        if !messages.contains(&message) {
            messages.push(message);
        }
    }

    /// Adds all problems of another.
    pub fn merge(&mut self, other: Self) {
        for (pointer, messages) in other.0 {
            for message in messages {
                self.add(pointer.clone(), message);
            }
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every place with what is wrong there, in the order of the pointers.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(pointer, messages)| (pointer.as_str(), messages.as_slice()))
    }

    /// The same problems with a pointer put before every pointer.
    #[must_use]
    pub fn placed_under(self, parent: &str) -> Self {
        Self(self.0.into_iter().map(|(pointer, messages)| (format!("{parent}{pointer}"), messages)).collect())
    }

    /// The problems that another does not have at the same place.
    #[must_use]
    pub fn without(&self, known: &Self) -> Self {
        let mut left = Self::new();
        for (pointer, messages) in &self.0 {
            let there = known.0.get(pointer);
            for message in
                messages.iter().filter(|message| there.is_none_or(|there| !there.contains(message)))
            {
                left.add(pointer.clone(), message.clone());
            }
        }
        left
    }

    /// The problems at or below a pointer, with pointers that begin there.
    #[must_use]
    pub fn below(&self, parent: &str) -> Self {
        let inside = |pointer: &str| {
            let rest = pointer.strip_prefix(parent)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
        };
        Self(self.0.iter().filter_map(|(at, messages)| Some((inside(at)?, messages.clone()))).collect())
    }
}

impl fmt::Display for Problems {
    /// One line a problem: the pointer, then what is wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (pointer, messages) in &self.0 {
            for message in messages {
                if !std::mem::take(&mut first) {
                    f.write_str("\n")?;
                }
                let place = if pointer.is_empty() { "document" } else { pointer };
                write!(f, "{place}: {message}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Adds one segment to a JSON pointer, escaped as RFC 6901 asks for.
pub fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    for letter in segment.chars() {
        match letter {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// Where one is in a document, and what has been found wrong on the way.
#[derive(Debug, Default)]
pub struct Trail {
    pointer: String,
    problems: Problems,
}

impl Trail {
    /// A trail that begins at a pointer, with the problems known so far.
    #[must_use]
    pub fn new(pointer: String, problems: Problems) -> Self {
        Self { pointer, problems }
    }

    /// Where one is.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What has been found wrong.
    #[must_use]
    pub fn into_problems(self) -> Problems {
        self.problems
    }

    /// Something is wrong here.
    pub fn problem(&mut self, message: impl Into<String>) {
        self.problems.add(self.pointer.clone(), message);
    }

    /// Something is wrong with a field of what stands here.
    pub fn problem_in(&mut self, field: &str, message: impl Into<String>) {
        self.enter(field, |trail| trail.problem(message));
    }

    /// Goes one step down for as long as `visit` takes.
    pub fn enter<R>(&mut self, segment: &str, visit: impl FnOnce(&mut Self) -> R) -> R {
        let above = self.descend(segment);
        let result = visit(self);
        self.ascend(above);
        result
    }

    /// Goes one step down; what it answers leads back up.
    pub(crate) fn descend(&mut self, segment: &str) -> Above {
        let above = Above(self.pointer.len());
        push_segment(&mut self.pointer, segment);
        above
    }

    /// Goes back to where [`descend`](Self::descend) was called.
    pub(crate) fn ascend(&mut self, above: Above) {
        self.pointer.truncate(above.0);
    }

    /// Says of every item of a list that repeats the key of an earlier one.
    pub fn refuse_repeated<K: Ord + fmt::Display>(&mut self, list: &str, keys: impl IntoIterator<Item = K>) {
        let mut seen = BTreeMap::new();
        for (index, key) in keys.into_iter().enumerate() {
            match seen.get(&key) {
                Some(first) => {
                    let message = format!("repeats `{key}`, which stands at position {first} already");
                    self.enter(list, |trail| trail.problem_in(&index.to_string(), message));
                }
                None => {
                    seen.insert(key, index);
                }
            }
        }
    }
}

/// Where a step down began.
#[derive(Debug)]
pub(crate) struct Above(usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_keep_their_place() {
        let mut trail = Trail::default();
        trail.enter("a/b", |trail| trail.problem_in("0", "is wrong"));
        trail.refuse_repeated("names", ["x", "y", "x"]);
        let problems = trail.into_problems();
        assert_eq!(
            problems.to_string(),
            "/a~1b/0: is wrong\n/names/2: repeats `x`, which stands at position 0 already"
        );
        let placed = problems.placed_under("/applications/hr");
        assert_eq!(placed.below("/applications/h").iter().count(), 0);
        assert_eq!(placed.below("/applications/hr/a~1b").to_string(), "/0: is wrong");
    }

    #[test]
    fn what_was_known_is_left_out_at_its_place_only() {
        let problems = |list: &[(&str, &str)]| {
            list.iter().fold(Problems::new(), |mut problems, (pointer, message)| {
                problems.add(*pointer, *message);
                problems
            })
        };
        let found = problems(&[("/a", "is old"), ("/a", "is new"), ("/b", "is old")]);
        let left = found.without(&problems(&[("/a", "is old"), ("/c", "is old")]));
        assert_eq!(left, problems(&[("/a", "is new"), ("/b", "is old")]));
    }

    #[test]
    fn the_same_problem_counts_once() {
        let mut problems = Problems::new();
        problems.add("", "is wrong");
        problems.add("", "is wrong");
        assert_eq!(problems.to_string(), "document: is wrong");
    }
}
