//! What a run did, as the difference of two pictures of its world.

use expect_test::Expect;
use muster_model::run::{Counters, Outcome};
use muster_store::RunRecord;
use muster_testkit::world::World;

/// Compares what a run did with what is expected: its changes and counters, then the lines of the world's
/// picture that are no longer there and those that are new.
pub(crate) async fn check(world: &World, before: &str, run: &RunRecord, expected: &Expect) {
    expected.assert_eq(&done(world, before, run).await);
}

pub(crate) async fn done(world: &World, before: &str, run: &RunRecord) -> String {
    let after = world.picture().await;
    let mut lines = vec![format!("{}: {}", status(run), counted(&run.counters))];
    lines.extend(world.changes(run).await.into_iter().map(|change| format!("* {change}")));
    lines.extend(world.problems(run).await.into_iter().map(|problem| format!("! {problem}")));
    lines.extend(
        before.lines().filter(|line| !after.lines().any(|l| l == *line)).map(|line| format!("- {line}")),
    );
    lines.extend(
        after.lines().filter(|line| !before.lines().any(|l| l == *line)).map(|line| format!("+ {line}")),
    );
    without_ids(&lines.join("\n"))
}

fn status(run: &RunRecord) -> String {
    let outcome = run.state.outcome.map_or(run.state.status.as_str(), |outcome| outcome.as_str());
    run.failure.as_ref().map_or(outcome.to_owned(), |failure| format!("{outcome} ({failure})"))
}

/// The outcomes that were counted at all.
pub(crate) fn counted(counters: &Counters) -> String {
    let counted = Outcome::ALL.into_iter().filter(|outcome| counters.outcome(*outcome) > 0);
    let counted: Vec<String> =
        counted.map(|outcome| format!("{} {outcome}", counters.outcome(outcome))).collect();
    format!("{} read, {} lacking, {}", counters.read, counters.lacking, counted.join(", "))
}

/// Ids of objects are hashes that say nothing to a reader.
pub(crate) fn without_ids(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let id = word.get(..36).is_some_and(|head| head.bytes().filter(|byte| *byte == b'-').count() == 4);
        if id { format!("…{}", &word[36..]) } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}
