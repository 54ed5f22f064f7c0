//! The life of a run: a state machine that says what comes next and does none of it.
//!
//! The engine carries the effects out and reports what came of them; a simulated world is a second
//! interpreter of the same machine.

use muster_model::run::{Mode, OutcomeStatus, Phase, ProgressStatus, Wave};

/// Whether anything may be concluded from what a sweep did not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Absence {
    /// A complete sweep is followed by a look at what it did not meet.
    Concluded,
    /// Never: an import, or a run of single keys.
    Ignored,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunState {
    /// Whether it carries its plan out.
    pub mode: Mode,
    /// Whether absence is concluded.
    pub absence: Absence,
    /// Where it stands.
    pub status: ProgressStatus,
    /// Where it is on its way.
    pub phase: Phase,
    /// How it ended, or will end: a cancelled run that winds down has its outcome already.
    pub outcome: Option<OutcomeStatus>,
}

/// What happened to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A worker took it up, at the start or after a crash.
    Claimed,
    /// Rules are compiled and keys are ready.
    Prepared,
    /// Every sweep has ended, and each was complete.
    SweptCompletely,
    /// Every sweep has ended; those of one application at least were complete, others were not.
    SweptApart,
    /// Every sweep has ended, and of no application all were complete.
    SweptInPart,
    /// What was not met has been staged.
    AbsenceStaged,
    /// The plan is frozen and stays within its limits.
    PassedGuards,
    /// The plan is frozen and exceeds limits.
    TrippedGuards,
    /// The plan is another than the one that was approved beforehand.
    PlanOutdated,
    /// A person approved the plan.
    Approved,
    /// A person rejected the plan, or nobody approved it in time.
    Rejected,
    /// A wave is done.
    WaveApplied,
    /// Everything after applying is done; some entries may have failed.
    Completed {
        /// Whether every entry went well.
        all_well: bool,
    },
    /// A person paused it.
    Paused,
    /// A person lets it go on where it was.
    Resumed,
    /// A person cancelled it.
    Cancelled,
    /// It cannot go on.
    Failed,
}

/// What the interpreter has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Compile the rules and make the keys ready.
    Prepare,
    /// Read, decide and stage, from the checkpoint on.
    Sweep,
    /// Stage what the sweep did not meet, from the checkpoint on.
    StageAbsence,
    /// Freeze the plan and hold it against its limits.
    Check,
    /// Wait for a person.
    Hold,
    /// Carry a wave out, from the checkpoint on.
    Apply(Wave),
    /// Do what comes after.
    Finish,
    /// Let the task be launched again.
    Release,
}

/// An event that the state does not admit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {status:?} in {phase:?} does not admit {event:?}")]
pub struct NotAdmitted {
    /// Where the run stands.
    pub status: ProgressStatus,
    /// Where it is on its way.
    pub phase: Phase,
    /// What was tried.
    pub event: Event,
}

impl RunState {
    /// A run that has just been launched.
    #[must_use]
    pub fn launched(mode: Mode, absence: Absence) -> Self {
        Self { mode, absence, status: ProgressStatus::Pending, phase: Phase::Start, outcome: None }
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        self.status == ProgressStatus::Finished
    }

    fn at(self, phase: Phase) -> Self {
        Self { status: ProgressStatus::Running, phase, ..self }
    }

    fn ended(self, outcome: OutcomeStatus) -> Self {
        Self { status: ProgressStatus::Finished, outcome: Some(outcome), ..self }
    }

    /// What has to be done in this phase, also after a crash.
    fn effect(self) -> Effect {
        match self.phase {
            Phase::Start => Effect::Prepare,
            Phase::Sweep => Effect::Sweep,
            Phase::Absence => Effect::StageAbsence,
            Phase::Check => Effect::Check,
            Phase::Apply(wave) => Effect::Apply(wave),
            Phase::Finish => Effect::Finish,
        }
    }
}

/// The next state and what has to be done in it.
///
/// # Errors
/// When the state does not admit the event; the state stays.
pub fn step(state: RunState, event: Event) -> Result<(RunState, Vec<Effect>), NotAdmitted> {
    let refused = NotAdmitted { status: state.status, phase: state.phase, event };
    let go = |next: RunState| Ok((next, vec![next.effect()]));
    match (state.status, event) {
        (ProgressStatus::Finished, _) => Err(refused),
        (_, Event::Cancelled) => Ok((state.ended(OutcomeStatus::Aborted), vec![Effect::Release])),
        (_, Event::Failed) => Ok((state.ended(OutcomeStatus::Failure), vec![Effect::Release])),
        (ProgressStatus::Pending | ProgressStatus::Running, Event::Claimed) => go(state.at(state.phase)),
        (ProgressStatus::Held, Event::Approved) => go(state.at(Phase::Apply(Wave::Build))),
        (ProgressStatus::Held, Event::Rejected) => {
            Ok((state.ended(OutcomeStatus::Aborted), vec![Effect::Release]))
        }
        (ProgressStatus::Pending | ProgressStatus::Running, Event::Paused) => {
            Ok((RunState { status: ProgressStatus::Paused, ..state }, Vec::new()))
        }
        // Where it was, as soon as a worker takes it up.
        (ProgressStatus::Paused, Event::Resumed) => {
            Ok((RunState { status: ProgressStatus::Pending, ..state }, Vec::new()))
        }
        (ProgressStatus::Running, _) => running(state, event).unwrap_or(Err(refused)),
        (ProgressStatus::Pending | ProgressStatus::Paused | ProgressStatus::Held, _) => Err(refused),
    }
}

type Stepped = Result<(RunState, Vec<Effect>), NotAdmitted>;

fn running(state: RunState, event: Event) -> Option<Stepped> {
    let next = match (state.phase, event) {
        (Phase::Start, Event::Prepared) => state.at(Phase::Sweep),
        // Whether anybody is gone is a matter of each application.
        (Phase::Sweep, Event::SweptCompletely | Event::SweptApart) => match state.absence {
            Absence::Concluded => state.at(Phase::Absence),
            Absence::Ignored => state.at(Phase::Check),
        },
        (Phase::Sweep, Event::SweptInPart) | (Phase::Absence, Event::AbsenceStaged) => state.at(Phase::Check),
        (Phase::Check, Event::PassedGuards | Event::TrippedGuards | Event::PlanOutdated) => {
            return Some(Ok(checked(state, event)));
        }
        (Phase::Apply(wave), Event::WaveApplied) => state.at(wave.next().map_or(Phase::Finish, Phase::Apply)),
        (Phase::Finish, Event::Completed { all_well }) => {
            let outcome = if all_well { OutcomeStatus::Success } else { OutcomeStatus::Partial };
            return Some(Ok((state.ended(outcome), vec![Effect::Release])));
        }
        _ => return None,
    };
    Some(Ok((next, vec![next.effect()])))
}

/// Simulation and real run part here, and nowhere else.
fn checked(state: RunState, event: Event) -> (RunState, Vec<Effect>) {
    match (state.mode, event) {
        (Mode::Simulate, _) => {
            let next = state.at(Phase::Finish);
            (next, vec![next.effect()])
        }
        (Mode::Apply, Event::PassedGuards) => {
            let next = state.at(Phase::Apply(Wave::Build));
            (next, vec![next.effect()])
        }
        (Mode::Apply, Event::PlanOutdated) => (state.ended(OutcomeStatus::Aborted), vec![Effect::Release]),
        (Mode::Apply, _) => {
            (RunState { status: ProgressStatus::Held, ..state }, vec![Effect::Hold, Effect::Release])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(mode: Mode, absence: Absence, events: &[Event]) -> (RunState, Vec<Effect>) {
        let mut state = RunState::launched(mode, absence);
        let mut effects = Vec::new();
        for event in events {
            let (next, more) = step(state, *event).expect("admitted");
            state = next;
            effects.extend(more);
        }
        (state, effects)
    }

    const TO_CHECK: [Event; 4] =
        [Event::Claimed, Event::Prepared, Event::SweptCompletely, Event::AbsenceStaged];

    #[test]
    fn a_calm_run_goes_all_the_way() {
        let mut events = TO_CHECK.to_vec();
        events.extend([
            Event::PassedGuards,
            Event::WaveApplied,
            Event::WaveApplied,
            Event::WaveApplied,
            Event::Completed { all_well: true },
        ]);
        let (state, effects) = walk(Mode::Apply, Absence::Concluded, &events);
        assert_eq!((state.status, state.outcome), (ProgressStatus::Finished, Some(OutcomeStatus::Success)));
        assert_eq!(
            effects,
            [
                Effect::Prepare,
                Effect::Sweep,
                Effect::StageAbsence,
                Effect::Check,
                Effect::Apply(Wave::Build),
                Effect::Apply(Wave::Connect),
                Effect::Apply(Wave::Withdraw),
                Effect::Finish,
                Effect::Release,
            ]
        );
    }

    #[test]
    fn nothing_is_concluded_from_a_sweep_in_part_or_an_import() {
        let (state, _) =
            walk(Mode::Apply, Absence::Concluded, &[Event::Claimed, Event::Prepared, Event::SweptInPart]);
        assert_eq!(state.phase, Phase::Check);
        for swept in [Event::SweptCompletely, Event::SweptApart] {
            let (state, _) = walk(Mode::Apply, Absence::Ignored, &[Event::Claimed, Event::Prepared, swept]);
            assert_eq!(state.phase, Phase::Check);
        }
    }

    #[test]
    fn where_an_application_was_swept_completely_absence_is_looked_at() {
        for swept in [Event::SweptCompletely, Event::SweptApart] {
            let (state, effects) =
                walk(Mode::Apply, Absence::Concluded, &[Event::Claimed, Event::Prepared, swept]);
            assert_eq!((state.phase, effects.last()), (Phase::Absence, Some(&Effect::StageAbsence)));
        }
    }

    #[test]
    fn no_wave_is_reached_but_through_the_guards_or_a_person() {
        let mut events = TO_CHECK.to_vec();
        events.push(Event::TrippedGuards);
        let (held, effects) = walk(Mode::Apply, Absence::Concluded, &events);
        assert_eq!(held.status, ProgressStatus::Held);
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Apply(_))));
        for event in [Event::PassedGuards, Event::WaveApplied, Event::Claimed, Event::Prepared] {
            assert!(step(held, event).is_err(), "{event:?}");
        }
        let (approved, effects) = step(held, Event::Approved).expect("admitted");
        assert_eq!(effects, [Effect::Apply(Wave::Build)]);
        assert_eq!(approved.status, ProgressStatus::Running);
        let (rejected, _) = step(held, Event::Rejected).expect("admitted");
        assert_eq!(rejected.outcome, Some(OutcomeStatus::Aborted));
    }

    #[test]
    fn an_outdated_plan_ends_the_run_and_holds_nobody_up() {
        let mut events = TO_CHECK.to_vec();
        events.push(Event::PlanOutdated);
        let (state, effects) = walk(Mode::Apply, Absence::Concluded, &events);
        assert_eq!((state.status, state.outcome), (ProgressStatus::Finished, Some(OutcomeStatus::Aborted)));
        assert_eq!(effects.last(), Some(&Effect::Release));
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Apply(_) | Effect::Hold)));
    }

    #[test]
    fn a_simulation_never_applies() {
        for verdict in [Event::PassedGuards, Event::TrippedGuards] {
            let mut events = TO_CHECK.to_vec();
            events.extend([verdict, Event::Completed { all_well: true }]);
            let (state, effects) = walk(Mode::Simulate, Absence::Concluded, &events);
            assert_eq!(state.outcome, Some(OutcomeStatus::Success));
            assert!(!effects.iter().any(|effect| matches!(effect, Effect::Apply(_))));
        }
    }

    #[test]
    fn a_claim_after_a_crash_takes_up_the_phase_it_is_in() {
        let (state, _) = walk(Mode::Apply, Absence::Concluded, &TO_CHECK);
        let (again, effects) = step(state, Event::Claimed).expect("admitted");
        assert_eq!((again, effects), (state, vec![Effect::Check]));
    }

    const EVENTS: [Event; 18] = [
        Event::Claimed,
        Event::Prepared,
        Event::SweptCompletely,
        Event::SweptApart,
        Event::SweptInPart,
        Event::AbsenceStaged,
        Event::PassedGuards,
        Event::TrippedGuards,
        Event::PlanOutdated,
        Event::Approved,
        Event::Rejected,
        Event::WaveApplied,
        Event::Completed { all_well: true },
        Event::Completed { all_well: false },
        Event::Paused,
        Event::Resumed,
        Event::Cancelled,
        Event::Failed,
    ];

    /// Every state that a run which has not ended can be written down in.
    fn live() -> impl Iterator<Item = RunState> {
        let statuses = ProgressStatus::ALL.into_iter().filter(|status| *status != ProgressStatus::Finished);
        let with = |status, mode, absence| {
            Phase::ALL.map(|phase| RunState { mode, absence, status, phase, outcome: None })
        };
        let modes = [Mode::Apply, Mode::Simulate].into_iter();
        modes.flat_map(move |mode| {
            let statuses = statuses.clone();
            [Absence::Concluded, Absence::Ignored]
                .into_iter()
                .flat_map(move |absence| statuses.clone().flat_map(move |status| with(status, mode, absence)))
        })
    }

    #[test]
    fn a_run_is_paused_wherever_it_is_and_goes_on_there() {
        for state in live() {
            let paused = step(state, Event::Paused);
            match state.status {
                ProgressStatus::Pending | ProgressStatus::Running => {
                    let (paused, effects) = paused.expect("admitted");
                    assert_eq!(paused, RunState { status: ProgressStatus::Paused, ..state });
                    assert_eq!(effects, []);
                    let (resumed, effects) = step(paused, Event::Resumed).expect("admitted");
                    assert_eq!(resumed, RunState { status: ProgressStatus::Pending, ..state });
                    assert_eq!(effects, []);
                    assert_eq!(step(resumed, Event::Claimed), step(state, Event::Claimed), "{state:?}");
                }
                ProgressStatus::Paused | ProgressStatus::Held | ProgressStatus::Finished => {
                    assert!(paused.is_err(), "{state:?}");
                }
            }
            let resumed = step(state, Event::Resumed);
            assert_eq!(resumed.is_ok(), state.status == ProgressStatus::Paused, "{state:?}");
        }
    }

    #[test]
    fn a_paused_run_is_resumed_or_ended_and_nothing_else() {
        for state in live().filter(|state| state.status == ProgressStatus::Paused) {
            for event in EVENTS {
                let outcome = step(state, event).ok().map(|(next, _)| next.outcome);
                let expected = match event {
                    Event::Resumed => Some(None),
                    Event::Cancelled => Some(Some(OutcomeStatus::Aborted)),
                    Event::Failed => Some(Some(OutcomeStatus::Failure)),
                    Event::Claimed
                    | Event::Prepared
                    | Event::SweptCompletely
                    | Event::SweptApart
                    | Event::SweptInPart
                    | Event::AbsenceStaged
                    | Event::PassedGuards
                    | Event::TrippedGuards
                    | Event::PlanOutdated
                    | Event::Approved
                    | Event::Rejected
                    | Event::WaveApplied
                    | Event::Completed { .. }
                    | Event::Paused => None,
                };
                assert_eq!(outcome, expected, "{event:?} in {:?}", state.phase);
            }
        }
    }

    #[test]
    fn an_ended_run_admits_nothing() {
        let (ended, _) = walk(Mode::Apply, Absence::Concluded, &[Event::Claimed, Event::Cancelled]);
        assert_eq!(ended.outcome, Some(OutcomeStatus::Aborted));
        for event in EVENTS {
            assert!(step(ended, event).is_err(), "{event:?}");
        }
    }
}
