//! Disputes: accounts about which runs do not decide by themselves, and how a decision that somebody made about one is
//! followed. Who decided it, and where that is kept, is no matter of this module.

use muster_model::configuration::application::Situation;
use muster_model::run::Outcome;
use muster_model::{AttributeSource, Attributes, Field, ImObject, ObjectId, Value};

use crate::decision::Decision;
use crate::digest::{Canonical, Digest};
use crate::rules::{Correlation, Rules};

/// The situations that disputes are in.
pub const SITUATIONS: [Situation; 4] =
    [Situation::Disputed, Situation::Unlinked, Situation::Unmatched, Situation::Unassigned];

/// Candidates that a dispute names.
pub const MOST_CANDIDATES: usize = 20;

/// Characters of a value that a dispute shows.
const LONGEST_VALUE: usize = 200;

/// What somebody decided about an account, with the object as it is now.
#[derive(Debug, Clone, PartialEq)]
pub enum Decided {
    /// It belongs to this object.
    Link(Box<ImObject>),
    /// It is somebody new, whomever it fits.
    New,
    /// It is left alone.
    Ignore,
}

/// Why an account waits for somebody to decide about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispute {
    /// What was found.
    pub situation: Situation,
    /// The objects that it belongs to or may belong to, at most [`MOST_CANDIDATES`].
    pub candidates: Vec<ObjectId>,
    /// The number of the correlation rule that found them, from 1.
    pub rule: Option<u32>,
    /// What that rule read of the account.
    pub compared: Attributes,
    /// All that in words.
    pub message: String,
}

impl Dispute {
    /// The same for the same dispute: a run that finds it again writes nothing.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        let mut canonical = Canonical::new(b"dispute");
        canonical.text(self.situation.as_str());
        canonical.text(&self.message);
        canonical.text(&format!("{:?}", self.rule));
        for candidate in &self.candidates {
            canonical.octets(candidate.0.as_bytes());
        }
        let names = self.compared.iter().map(|(name, _)| name.as_str());
        canonical.fields(&self.compared, names);
        canonical.digest()
    }
}

/// What a decision leaves for somebody to decide, if it does.
pub(crate) fn left(
    decision: &Decision,
    objects: impl Iterator<Item = ObjectId>,
    found: Option<(u32, &Correlation)>,
    account: &dyn AttributeSource,
) -> Option<Dispute> {
    let (Some(situation), Some(message)) = (decision.situation, &decision.left) else { return None };
    SITUATIONS.contains(&situation).then(|| Dispute {
        situation,
        candidates: objects.take(MOST_CANDIDATES).collect(),
        rule: found.map(|(rule, _)| rule + 1),
        compared: found.map(|(_, rule)| shown(&rule.compared(account))).unwrap_or_default(),
        message: message.clone(),
    })
}

/// An account that somebody decided to leave alone, whatever would be done to it otherwise.
pub(crate) fn ignored(otherwise: Decision) -> Decision {
    match (otherwise.situation, otherwise.outcome) {
        (None | Some(Situation::Linked | Situation::Missing | Situation::Absent), _)
        | (_, Outcome::Failed | Outcome::Filtered) => otherwise,
        (Some(_), _) => {
            let left = otherwise.left.unwrap_or_else(|| "it is left alone, as somebody decided".to_owned());
            let situation = otherwise.situation;
            Decision { situation, outcome: Outcome::Ignored, change: None, problem: None, left: Some(left) }
        }
    }
}

/// Why an account is not linked to an object that somebody named; nothing where it may be.
#[must_use]
pub fn objection(rules: &Rules, object: &ImObject, rival: Option<&str>) -> Option<String> {
    let id = object.id;
    if object.kind != rules.object_kind {
        return Some(format!("object {id} is of kind {}, not {}", object.kind, rules.object_kind));
    }
    if let Some(wanted) =
        rules.object_type.as_ref().filter(|wanted| object.object_type.as_ref() != Some(*wanted))
    {
        let found = object.object_type.as_deref().unwrap_or_default();
        return Some(format!("object {id} is of type `{found}`, not `{wanted}`"));
    }
    if rules.is_protected(object) {
        return Some(format!("object {id} is protected"));
    }
    rival.map(|rival| format!("object {id} belongs to account `{rival}`"))
}

/// Values as people see them: short, and without octets.
fn shown(compared: &Attributes) -> Attributes {
    let short = |value: &Value| Value::String(value.to_text().chars().take(LONGEST_VALUE).collect());
    let fields = compared.iter().map(|(name, field)| {
        let values: Vec<Value> = field.values().iter().take(MOST_CANDIDATES).map(short).collect();
        (name.clone(), if values.is_empty() { Field::Absent } else { Field::Many(values) })
    });
    fields.collect()
}
