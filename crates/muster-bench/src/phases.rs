//! Watches the phases of the newest run from outside: how long it applied.

use std::io::Read;

use muster_model::run::Phase;
use serde::Serialize;

use crate::error::Error;
use crate::watch::{Database, Look, Query, looks};

/// The number of the newest run, and the place of its phase in [`Phase::ALL`]. There are a few runs.
const NEWEST: Query = Query {
    sqlite: "SELECT coalesce(max(seq), 0), coalesce((SELECT phase FROM run ORDER BY seq DESC LIMIT 1), 0) FROM run",
    postgres: "SELECT coalesce(max(seq), 0), coalesce((SELECT phase FROM run ORDER BY seq DESC LIMIT 1), 0) FROM run",
};

/// How long the newest run applied.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Applying {
    /// `None` where it was not seen.
    apply_seconds: Option<f64>,
}

/// Looks until the input ends.
///
/// # Errors
/// When the database cannot be read.
pub(crate) fn watch_applying(
    database: &Database,
    input: impl Read + Send + 'static,
) -> Result<Applying, Error> {
    Ok(applying(&looks(database, NEWEST, input)?))
}

fn applying(looks: &[Look]) -> Applying {
    let newest = looks.last().map(|look| look.numbers.0);
    let of_newest = || looks.iter().filter(|look| Some(look.numbers.0) == newest);
    let begins = of_newest().find(|look| is_applying(look)).map(|look| look.seconds);
    let ends = of_newest().rfind(|look| is_applying(look)).map(|look| look.seconds);
    Applying { apply_seconds: begins.zip(ends).map(|(begins, ends)| ends - begins) }
}

fn is_applying(look: &Look) -> bool {
    let phase = usize::try_from(look.numbers.1).ok().and_then(|place| Phase::ALL.get(place));
    matches!(phase, Some(Phase::Apply(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(phases: &[(u64, Phase)]) -> Option<f64> {
        let place = |phase| Phase::ALL.iter().position(|known| *known == phase).unwrap() as u64;
        let at = |(second, (run, phase)): (usize, &(u64, Phase))| Look {
            seconds: second as f64,
            numbers: (*run, place(*phase)),
        };
        applying(&phases.iter().enumerate().map(at).collect::<Vec<_>>()).apply_seconds
    }

    #[test]
    fn all_waves_of_the_newest_run_count() {
        use muster_model::run::Wave;
        let (build, connect) = (Phase::Apply(Wave::Build), Phase::Apply(Wave::Connect));
        let before = [(1, build), (1, build), (1, Phase::Finish)];
        let looks =
            [(2, Phase::Sweep), (2, build), (2, build), (2, connect), (2, connect), (2, Phase::Finish)];
        assert_eq!(seconds(&[&before[..], &looks].concat()), Some(3.0));
        assert_eq!(seconds(&[&before[..], &looks[..1]].concat()), None, "the newest has not come so far");
        assert_eq!(seconds(&[]), None);
    }

    #[test]
    fn a_database_without_runs_is_watched() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("muster.db");
        crate::insert::make_schema(&Database::Sqlite(file.clone())).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let watched = std::thread::spawn(move || watch_applying(&Database::Sqlite(file), reader));
        drop(writer);
        assert_eq!(watched.join().unwrap().unwrap(), Applying { apply_seconds: None });
    }
}
