//! In which order operations are carried out: those for one key one after the other, a name is taken only after it has
//! been given up, and all others side by side. Does nothing itself.

use std::collections::HashMap;

use muster_model::Value;
use muster_model::condition::fold_case;

use crate::{AttributeWrite, Operation};

/// Rounds of places of operations. Within a round no operation concerns another.
#[must_use]
pub fn rounds(operations: &[Operation], naming: &str) -> Vec<Vec<usize>> {
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    let mut of_key: HashMap<&str, usize> = HashMap::new();
    let mut freed = Freed::default();
    for (place, operation) in operations.iter().enumerate() {
        let after_key = of_key.get(operation.uid()).map_or(0, |round| round + 1);
        let taken = taken(operation, naming);
        let after_name = taken.as_deref().map_or(0, |name| freed.after(name));
        let round = after_key.max(after_name);
        of_key.insert(operation.uid(), round);
        freed.note(operation, taken.is_some(), round);
        if rounds.len() <= round {
            rounds.resize_with(round + 1, Vec::new);
        }
        rounds[round].push(place);
    }
    rounds
}

/// The name that an operation takes, if any.
fn taken(operation: &Operation, naming: &str) -> Option<String> {
    match operation {
        Operation::Create { uid, .. } => Some(fold_case(uid).into_owned()),
        Operation::Update { writes, .. } => {
            writes.iter().find(|(name, _)| name.as_str() == naming).map(|(_, write)| match write {
                AttributeWrite::Replace(field) => field
                    .first()
                    .map(Value::to_text)
                    .map(|name| fold_case(&name).into_owned())
                    .unwrap_or_default(),
                AttributeWrite::Values { .. } => String::new(),
            })
        }
        Operation::Delete { .. } => None,
    }
}

/// The names that operations give up, each with the last round in which that happens.
#[derive(Default)]
struct Freed {
    /// Of accounts whose name is not known: it may be any.
    any: Option<usize>,
    by_name: HashMap<String, usize>,
}

impl Freed {
    fn after(&self, name: &str) -> usize {
        self.any.max(self.by_name.get(name).copied()).map_or(0, |round| round + 1)
    }

    fn note(&mut self, operation: &Operation, takes: bool, round: usize) {
        let name = match operation {
            Operation::Create { .. } => return,
            Operation::Update { .. } if !takes => return,
            Operation::Update { name, .. } | Operation::Delete { name, .. } => name,
        };
        let last = match name {
            None => self.any.get_or_insert(round),
            Some(name) => self.by_name.entry(fold_case(name).into_owned()).or_insert(round),
        };
        *last = round.max(*last);
    }
}

#[cfg(test)]
mod tests {
    use muster_model::Field;

    use super::*;

    fn create(name: &str) -> Operation {
        Operation::Create { uid: name.to_owned(), attributes: Vec::new(), enabled: true }
    }

    fn update(uid: &str, to: Option<&str>, from: Option<&str>) -> Operation {
        let write = |to: &str| ("userName".into(), AttributeWrite::Replace(Field::text(to)));
        Operation::Update {
            uid: uid.to_owned(),
            name: from.map(str::to_owned),
            writes: to.map(write).into_iter().collect(),
            enabled: None,
        }
    }

    fn delete(uid: &str, name: Option<&str>) -> Operation {
        Operation::Delete { uid: uid.to_owned(), name: name.map(str::to_owned) }
    }

    #[test]
    fn what_concerns_another_waits_for_it() {
        for (operations, expected) in [
            (vec![], vec![]),
            (vec![create("a"), create("b"), update("1", None, None)], vec![vec![0, 1, 2]]),
            (
                vec![update("1", None, None), update("1", None, None), delete("1", None)],
                vec![vec![0], vec![1], vec![2]],
            ),
            (vec![delete("1", None), create("a"), create("b")], vec![vec![0], vec![1, 2]]),
            (vec![delete("1", Some("A")), create("a"), create("b")], vec![vec![0, 2], vec![1]]),
            (vec![create("a"), delete("1", None)], vec![vec![0, 1]]),
            (vec![create("a"), create("a")], vec![vec![0], vec![1]]),
            (vec![update("1", Some("b"), Some("a")), create("a")], vec![vec![0], vec![1]]),
            (vec![update("1", Some("b"), Some("a")), create("c")], vec![vec![0, 1]]),
            (vec![update("1", Some("b"), None), update("2", Some("c"), None)], vec![vec![0], vec![1]]),
            (vec![delete("1", None), update("2", None, None)], vec![vec![0, 1]]),
        ] {
            assert_eq!(rounds(&operations, "userName"), expected, "{operations:?}");
        }
    }
}
