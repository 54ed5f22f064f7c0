//! Whether a list that comes in pages is what it says to be: that it ends, that no page comes again, that as many came as
//! were promised. Knows nothing of what stands in it but keys.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// So many pages without an entry may follow each other.
const MOST_EMPTY: u32 = 8;

/// Watches over a list.
#[derive(Debug)]
pub struct Guard {
    /// How many entries the first page promised.
    promised: Option<u64>,
    delivered: u64,
    /// More are not looked at.
    most: u64,
    hasher: RandomState,
    /// Keys as hashes: two that fall together look like one that came twice, which is told, and concludes nothing.
    keys: HashSet<u64>,
    /// Entries whose key is not known.
    keyless: u64,
    last_page: Option<Vec<u64>>,
    largest: usize,
    pages: u64,
    empty: u32,
    doubt: Option<String>,
}

/// What is to be done after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// More is promised.
    Page,
    /// All that was promised has come, and nothing shows that there is no more.
    Confirm,
    /// The list is over, or is not to be read on.
    End,
    /// The list is over, and the page is to be left out: it has only what has come already.
    Over,
}

impl Guard {
    /// Watches over a list of which no more than `most` entries are looked at.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self {
            promised: None,
            delivered: 0,
            most,
            hasher: RandomState::new(),
            keys: HashSet::new(),
            keyless: 0,
            last_page: None,
            largest: 0,
            pages: 0,
            empty: 0,
            doubt: None,
        }
    }

    /// How many entries there will be, as far as was said.
    #[must_use]
    pub fn promised(&self) -> Option<u64> {
        self.promised
    }

    /// How many entries have come.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Looks at a page: how many entries the list has as it says now, their keys, and how many were asked for.
    pub fn page(&mut self, total: Option<u64>, keys: &[Option<&str>], asked: usize) -> Next {
        if self.pages == 0 {
            self.promised = total;
        } else if let (Some(promised), Some(total)) = (self.promised, total)
            && promised != total
        {
            self.doubt(format!(
                "it said to have {promised} entries, and later {total}: it changed while it was read"
            ));
        }
        self.pages += 1;
        if keys.is_empty() {
            self.empty += 1;
            if self.empty > MOST_EMPTY {
                self.doubt(format!("more than {MOST_EMPTY} pages without an entry followed each other"));
            }
            return Next::End;
        }
        self.empty = 0;
        let hashes: Vec<u64> = keys.iter().map(|key| self.hasher.hash_one(key)).collect();
        if self.promised == Some(self.delivered) && hashes.iter().all(|key| self.keys.contains(key)) {
            // The service does not heed where a page is to begin. All that it promised has come.
            return Next::Over;
        }
        let is_repeated = self.last_page.as_ref() == Some(&hashes) && keys.iter().all(Option::is_some);
        if is_repeated {
            self.doubt("the same page came twice".to_owned());
            return Next::Over;
        }
        for (key, hash) in keys.iter().zip(&hashes) {
            match key {
                None => self.keyless += 1,
                Some(_) if !self.keys.insert(*hash) => {
                    self.doubt("an entry came twice, so others may have been left out".to_owned());
                }
                Some(_) => {}
            }
        }
        self.last_page = Some(hashes);
        self.delivered += keys.len() as u64;
        self.largest = self.largest.max(keys.len());
        self.go_on(keys.len(), asked)
    }

    fn go_on(&mut self, count: usize, asked: usize) -> Next {
        if self.delivered > self.most {
            self.doubt(format!("it holds more than {} entries", self.most));
            return Next::End;
        }
        let Some(promised) = self.promised else { return Next::Page };
        match self.delivered.cmp(&promised) {
            std::cmp::Ordering::Less => Next::Page,
            std::cmp::Ordering::Greater => {
                self.doubt(format!("it said to have {promised} entries, and gave {}", self.delivered));
                Next::End
            }
            // A page that is not full is the last one; of a full one nobody can tell.
            std::cmp::Ordering::Equal if count == asked || self.pages > 1 && count == self.largest => {
                Next::Confirm
            }
            std::cmp::Ordering::Equal => Next::End,
        }
    }

    /// Notes what makes the list doubtful; the first counts.
    pub fn doubt(&mut self, reason: String) {
        self.doubt.get_or_insert(reason);
    }

    /// Whether anything was noted that makes the list doubtful.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.doubt.is_some()
    }

    /// Whether all came that was promised; else what is wrong.
    pub fn ending(&self) -> Result<(), String> {
        if let Some(doubt) = &self.doubt {
            return Err(doubt.clone());
        }
        match self.promised {
            Some(promised) if promised != self.delivered => {
                Err(format!("it said to have {promised} entries, and gave {}", self.delivered))
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of pages, asked for by three: totals with keys, and what the guard says at the end.
    fn check(pages: &[(Option<u64>, &[&str])], nexts: &[Next], ending: Result<(), &str>) {
        let mut guard = Guard::new(6);
        let found: Vec<Next> = pages
            .iter()
            .map(|(total, keys)| {
                guard.page(*total, &keys.iter().map(|key| Some(*key)).collect::<Vec<_>>(), 3)
            })
            .collect();
        assert_eq!(found, nexts, "{pages:?}");
        match (guard.ending(), ending) {
            (Ok(()), Ok(())) => {}
            (Err(told), Err(expected)) => assert!(told.contains(expected), "{told}"),
            (told, expected) => panic!("{pages:?}: {told:?}, and not {expected:?}"),
        }
    }

    #[test]
    fn lists_that_keep_their_promise_are_complete() {
        use Next::{Confirm, End, Over, Page};
        check(&[(Some(0), &[])], &[End], Ok(()));
        check(&[(Some(2), &["a", "b"])], &[End], Ok(()));
        check(&[(Some(4), &["a", "b", "c"]), (Some(4), &["d"])], &[Page, End], Ok(()));
        check(&[(Some(3), &["a", "b", "c"]), (Some(3), &[])], &[Confirm, End], Ok(()));
        check(
            &[(Some(4), &["a", "b"]), (Some(4), &["c", "d"]), (Some(4), &[])],
            &[Page, Confirm, End],
            Ok(()),
        );
        check(&[(None, &["a"]), (None, &[])], &[Page, End], Ok(()));
        // Services that do not heed what page is asked for.
        check(&[(Some(4), &["a", "b", "c", "d"])], &[End], Ok(()));
        check(&[(Some(3), &["a", "b", "c"]), (Some(3), &["a", "b", "c"])], &[Confirm, Over], Ok(()));
    }

    #[test]
    fn lists_that_break_it_are_doubtful() {
        use Next::{Confirm, End, Over, Page};
        check(&[(Some(2), &[])], &[End], Err("2 entries, and gave 0"));
        check(&[(Some(5), &["a", "b", "c"]), (Some(5), &[])], &[Page, End], Err("5 entries, and gave 3"));
        check(&[(Some(1), &["a", "b"])], &[End], Err("1 entries, and gave 2"));
        check(&[(Some(3), &["a", "b", "c"]), (Some(3), &["d"])], &[Confirm, End], Err("and gave 4"));
        check(&[(Some(9), &["a", "b"]), (Some(9), &["a", "b"])], &[Page, Over], Err("same page"));
        check(&[(Some(4), &["a", "b"]), (Some(4), &["b", "c"])], &[Page, Confirm], Err("came twice"));
        check(&[(Some(4), &["a", "b"]), (Some(3), &["c"])], &[Page, Page], Err("later 3"));
        check(
            &[(Some(99), &["a", "b", "c", "d"]), (Some(99), &["e", "f", "g"])],
            &[Page, End],
            Err("more than 6"),
        );
    }
}
