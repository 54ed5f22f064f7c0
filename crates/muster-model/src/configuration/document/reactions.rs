//! The document of reactions, and what it means.

use crate::configuration::application::{Direction, Reaction, Reactions, Situation};
use crate::configuration::document::macros::document;
use crate::configuration::document::value::{Parse, Word};
use crate::configuration::problems::Trail;

document! {
    /// What to do in which situation, where it differs from the default. An object type with a `direction`
    /// has the situations here; one that serves both directions has them in `inbound` and `outbound`.
    ReactionsDocument named "Reactions" {
        /// Account and owner are linked, and both exist.
        optional linked: Reaction = "LINKED";
        /// Both exist and fit, but are not linked.
        optional unlinked: Reaction = "UNLINKED";
        /// An account without an owner.
        optional unmatched: Reaction = "UNMATCHED";
        /// Several owners fit an account.
        optional disputed: Reaction = "DISPUTED";
        /// The account is gone.
        optional missing: Reaction = "MISSING";
        /// Outbound: the owner is entitled and has no account.
        optional absent: Reaction = "ABSENT";
        /// Outbound: the owner is no longer entitled, or deleted.
        optional unassigned: Reaction = "UNASSIGNED";
        /// The inbound reactions of an object type that serves both directions.
        optional inbound: DirectedReactionsDocument = "inbound";
        /// The outbound reactions of an object type that serves both directions.
        optional outbound: DirectedReactionsDocument = "outbound";
    }
}

document! {
    /// What to do in which situation, in one direction.
    DirectedReactionsDocument named "DirectedReactions" {
        /// Account and owner are linked, and both exist.
        optional linked: Reaction = "LINKED";
        /// Both exist and fit, but are not linked.
        optional unlinked: Reaction = "UNLINKED";
        /// An account without an owner.
        optional unmatched: Reaction = "UNMATCHED";
        /// Several owners fit an account.
        optional disputed: Reaction = "DISPUTED";
        /// The account is gone.
        optional missing: Reaction = "MISSING";
        /// Outbound: the owner is entitled and has no account.
        optional absent: Reaction = "ABSENT";
        /// Outbound: the owner is no longer entitled, or deleted.
        optional unassigned: Reaction = "UNASSIGNED";
    }
}

impl DirectedReactionsDocument {
    fn reaction(&self, situation: Situation) -> Option<Reaction> {
        match situation {
            Situation::Linked => self.linked,
            Situation::Unlinked => self.unlinked,
            Situation::Unmatched => self.unmatched,
            Situation::Disputed => self.disputed,
            Situation::Missing => self.missing,
            Situation::Absent => self.absent,
            Situation::Unassigned => self.unassigned,
        }
    }

    fn of(direction: Direction, reactions: &Reactions) -> Self {
        let set = |situation| {
            let mut cells = reactions.0.iter();
            cells.find(|(d, s, _)| (*d, *s) == (direction, situation)).map(|(_, _, reaction)| *reaction)
        };
        Self {
            linked: set(Situation::Linked),
            unlinked: set(Situation::Unlinked),
            unmatched: set(Situation::Unmatched),
            disputed: set(Situation::Disputed),
            missing: set(Situation::Missing),
            absent: set(Situation::Absent),
            unassigned: set(Situation::Unassigned),
        }
    }

    /// The reactions in the order of their situations; tells of those that the direction does not admit.
    fn cells(&self, direction: Direction, trail: &mut Trail) -> Vec<(Direction, Situation, Reaction)> {
        let mut cells = Vec::new();
        for situation in Situation::ALL {
            let Some(reaction) = self.reaction(situation) else { continue };
            let admitted = Reactions::admitted(direction, situation);
            if admitted.is_empty() {
                let message = format!("is no situation of {}", direction.word());
                trail.problem_in(situation.word(), message);
            } else if !admitted.contains(&reaction) {
                let words: Vec<_> =
                    admitted.iter().map(|reaction| format!("`{}`", reaction.word())).collect();
                let message = format!("is `{}`, but admits {} only", reaction.word(), words.join(", "));
                trail.problem_in(situation.word(), message);
            }
            cells.push((direction, situation, reaction));
        }
        cells
    }
}

impl Parse for DirectedReactionsDocument {
    type Domain = ();

    // What is admitted depends on the direction, which stands above; see `ReactionsDocument`.
    fn parse(&self, _: &mut Trail) -> Option<()> {
        Some(())
    }
}

impl ReactionsDocument {
    fn flat(&self) -> DirectedReactionsDocument {
        DirectedReactionsDocument {
            linked: self.linked,
            unlinked: self.unlinked,
            unmatched: self.unmatched,
            disputed: self.disputed,
            missing: self.missing,
            absent: self.absent,
            unassigned: self.unassigned,
        }
    }

    /// The reactions of an object type that serves a direction, or both when there is none.
    pub(super) fn reactions(&self, direction: Option<Direction>, trail: &mut Trail) -> Reactions {
        let nested = [
            (Direction::Inbound, "inbound", &self.inbound),
            (Direction::Outbound, "outbound", &self.outbound),
        ];
        let mut cells = Vec::new();
        match direction {
            Some(direction) => {
                cells.extend(self.flat().cells(direction, trail));
                for (_, name, _) in nested.iter().filter(|(_, _, directed)| directed.is_some()) {
                    let message = "is for object types without `direction`; write the situations themselves";
                    trail.problem_in(name, message);
                }
            }
            None => {
                let flat = self.flat();
                for situation in Situation::ALL.into_iter().filter(|s| flat.reaction(*s).is_some()) {
                    let message = "belongs into `inbound` or `outbound`, as the object type serves both";
                    trail.problem_in(situation.word(), message);
                }
            }
        }
        for (served, name, directed) in nested {
            if let Some(directed) = directed {
                cells.extend(trail.enter(name, |trail| directed.cells(served, trail)));
            }
        }
        Reactions(cells)
    }

    /// The document of reactions; none when they set nothing.
    pub(super) fn of(direction: Option<Direction>, reactions: &Reactions) -> Option<Self> {
        let nothing = DirectedReactionsDocument::of(Direction::Inbound, &Reactions::default());
        let directed = |direction| DirectedReactionsDocument::of(direction, reactions);
        let flat = direction.map_or_else(|| nothing.clone(), directed);
        let nested = |served| {
            let document = directed(served);
            (direction.is_none() && document != nothing).then_some(document)
        };
        (!reactions.0.is_empty()).then(|| Self {
            linked: flat.linked,
            unlinked: flat.unlinked,
            unmatched: flat.unmatched,
            disputed: flat.disputed,
            missing: flat.missing,
            absent: flat.absent,
            unassigned: flat.unassigned,
            inbound: nested(Direction::Inbound),
            outbound: nested(Direction::Outbound),
        })
    }
}

impl Parse for ReactionsDocument {
    type Domain = ();

    // What is admitted depends on the direction, which stands above: `reactions` looks at it.
    fn parse(&self, _: &mut Trail) -> Option<()> {
        Some(())
    }
}
