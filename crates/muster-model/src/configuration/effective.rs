//! The effective configuration: every reaction and every limit that holds, and who says so.

use crate::configuration::application::{Direction, ObjectTypeMapping, Reaction, Reactions, Situation};
use crate::configuration::guard::{Guarded, Guards, Limit};

/// Who says what holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nobody: it is the built-in default.
    Default,
    /// The application's object type.
    Application,
    /// The task.
    Task,
}

/// What is done in one situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReactionCell {
    /// The direction.
    pub direction: Direction,
    /// The situation.
    pub situation: Situation,
    /// What is done.
    pub reaction: Reaction,
    /// Who says so.
    pub origin: Origin,
}

/// The limit on one kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitCell {
    /// What is counted.
    pub guarded: Guarded,
    /// The limit; `None` is no limit.
    pub limit: Option<Limit>,
    /// Who says so.
    pub origin: Origin,
}

/// Every reaction that holds for an object type: each situation of each direction that it serves.
///
/// Outbound `UNASSIGNED` is the reaction for accounts that no profile is known to have granted; where one is
/// known, its `deprovisioning` decides.
#[must_use]
pub fn reactions(object_type: &ObjectTypeMapping) -> Vec<ReactionCell> {
    let mut cells = Vec::new();
    for direction in [Direction::Inbound, Direction::Outbound] {
        if object_type.direction.is_some_and(|served| served != direction) {
            continue;
        }
        for situation in Situation::ALL {
            cells.extend(reaction_cell(&object_type.reactions, direction, situation));
        }
    }
    cells
}

fn reaction_cell(reactions: &Reactions, direction: Direction, situation: Situation) -> Option<ReactionCell> {
    let reaction = reactions.effective(direction, situation)?;
    let is_set = reactions.0.iter().any(|(d, s, _)| (*d, *s) == (direction, situation));
    let origin = if is_set { Origin::Application } else { Origin::Default };
    Some(ReactionCell { direction, situation, reaction, origin })
}

/// Every limit that holds for a run of a task over an object type; without a task, for the object type alone.
#[must_use]
pub fn limits(application: &Guards, task: Option<&Guards>) -> [LimitCell; Guarded::ALL.len()] {
    Guarded::ALL.map(|guarded| limit_cell(guarded, application, task))
}

fn limit_cell(guarded: Guarded, application: &Guards, task: Option<&Guards>) -> LimitCell {
    if let Some(limit) = task.and_then(|task| task.limit(guarded)) {
        return LimitCell { guarded, limit: Some(limit), origin: Origin::Task };
    }
    if let Some(limit) = application.limit(guarded) {
        return LimitCell { guarded, limit: Some(limit), origin: Origin::Application };
    }
    LimitCell { guarded, limit: guarded.default_limit(), origin: Origin::Default }
}
