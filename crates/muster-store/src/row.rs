//! Reading columns by place, and the numbers under which enumerations are stored.

use chrono::{DateTime, Utc};
use muster_model::configuration::application::Situation;
use muster_model::configuration::guard::Guarded;
use muster_model::run::{Counters, Outcome, Phase};
use muster_model::{ApplicationId, DisabledReason, ObjectKind, Origin, Provenance};
use muster_plan::guard::Tally;
use sea_orm::{QueryResult, TryGetable};

use crate::error::StoreError;

/// Reads the column at this place.
pub(crate) fn get<T: TryGetable>(row: &QueryResult, place: usize) -> Result<T, StoreError> {
    row.try_get_by_index(place).map_err(|error| StoreError::unreadable("column", error))
}

/// A message as both databases can hold it: it may quote a value with U+0000, of which PostgreSQL has no text.
pub(crate) fn message(text: &str) -> String {
    text.replace('\u{0}', "\u{fffd}")
}

/// Reads a small number that stands for a case of an enumeration.
pub(crate) fn case<T: Copy>(all: &[T], stored: i64, what: &'static str) -> Result<T, StoreError> {
    usize::try_from(stored)
        .ok()
        .and_then(|index| all.get(index))
        .copied()
        .ok_or_else(|| StoreError::unreadable(what, stored))
}

/// Reads a small number column that stands for a case of an enumeration.
pub(crate) fn get_case<T: Copy>(
    row: &QueryResult,
    place: usize,
    all: &[T],
    what: &'static str,
) -> Result<T, StoreError> {
    case(all, number(row, place)?, what)
}

/// Reads a number.
pub(crate) fn number(row: &QueryResult, place: usize) -> Result<i64, StoreError> {
    get(row, place)
}

/// Reads a number that may be null.
pub(crate) fn optional_number(row: &QueryResult, place: usize) -> Result<Option<i64>, StoreError> {
    get(row, place)
}

/// Reads a number of 32 bits without a sign.
pub(crate) fn unsigned(number: i64, what: &'static str) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::unreadable(what, number))
}

/// Reads an instant of milliseconds since 1970.
pub(crate) fn instant(millis: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| StoreError::unreadable("instant", millis))
}

/// The place of a phase in [`Phase::ALL`].
pub(crate) fn phase_number(phase: Phase) -> i64 {
    Phase::ALL.iter().position(|known| *known == phase).and_then(|at| i64::try_from(at).ok()).unwrap_or(0)
}

/// Reads "why disabled".
pub(crate) fn disabled(number: Option<i64>) -> Result<Option<DisabledReason>, StoreError> {
    number.map(|number| case(&DisabledReason::ALL, number, "reason")).transpose()
}

/// Reads a kind of object.
pub(crate) fn object_kind(number: i64) -> Result<ObjectKind, StoreError> {
    case(&ObjectKind::ALL, number, "kind of object")
}

/// Provenance as `hr@12;email=ad@3`: the object's origin, then those of single attributes.
pub(crate) fn encode_provenance(provenance: &Provenance) -> String {
    let mut out = String::new();
    if let Some(origin) = &provenance.object {
        out.push_str(&format!("{}@{}", origin.application, origin.run));
    }
    for (attribute, origin) in &provenance.attributes {
        out.push_str(&format!(";{attribute}={}@{}", origin.application, origin.run));
    }
    out
}

/// Reads what [`encode_provenance`] wrote.
pub(crate) fn decode_provenance(text: &str) -> Result<Provenance, StoreError> {
    let mut parts = text.split(';');
    let object = parts.next().filter(|part| !part.is_empty()).map(origin).transpose()?;
    let mut provenance = Provenance { object, attributes: [].into() };
    for part in parts {
        let (attribute, of) =
            part.rsplit_once('=').ok_or_else(|| StoreError::unreadable("provenance", text))?;
        provenance.attributes.insert(attribute.into(), origin(of)?);
    }
    Ok(provenance)
}

fn origin(text: &str) -> Result<Origin, StoreError> {
    let (application, run) =
        text.rsplit_once('@').ok_or_else(|| StoreError::unreadable("provenance", text))?;
    let run = run.parse().map_err(|_| StoreError::unreadable("provenance", text))?;
    Ok(Origin { application: ApplicationId::new(application)?, run })
}

/// Counters as numbers in a fixed order.
pub(crate) fn encode_counters(counters: &Counters) -> String {
    let mut numbers = vec![counters.read, counters.lacking, counters.open_references, counters.unidentified];
    numbers.extend(Outcome::ALL.map(|outcome| counters.outcome(outcome)));
    numbers.extend(Situation::ALL.map(|situation| counters.situation(situation)));
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

/// Reads what [`encode_counters`] wrote; nothing is all zero.
pub(crate) fn decode_counters(text: &str) -> Result<Counters, StoreError> {
    let mut counters = Counters::default();
    if text.is_empty() {
        return Ok(counters);
    }
    let numbers: Vec<u64> = text
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| StoreError::unreadable("set of counters", text))?;
    let expected = 4 + Outcome::ALL.len() + Situation::ALL.len();
    if numbers.len() != expected {
        return Err(StoreError::unreadable("set of counters", text));
    }
    [counters.read, counters.lacking, counters.open_references, counters.unidentified] =
        [numbers[0], numbers[1], numbers[2], numbers[3]];
    for (outcome, count) in Outcome::ALL.into_iter().zip(&numbers[4..]) {
        counters.add_outcome(outcome, *count);
    }
    for (situation, count) in Situation::ALL.into_iter().zip(&numbers[4 + Outcome::ALL.len()..]) {
        counters.add_situation(situation, *count);
    }
    Ok(counters)
}

/// A tally as JSON rows of limit, attribute or group, count.
pub(crate) fn encode_tally(tally: &Tally) -> String {
    let rows: Vec<_> =
        tally.rows().into_iter().map(|(guarded, of, count)| (guarded as u8, of, count)).collect();
    serde_json::to_string(&rows).unwrap_or_default()
}

/// What a stored tally that counts something of a limit is LIKE. No name of an attribute holds it: within a text a
/// quote stands behind a backslash.
pub(crate) fn counted_in_tally(guarded: Guarded) -> String {
    format!("%[{},\"\",%", guarded as u8)
}

/// Reads what [`encode_tally`] wrote; nothing is all zero.
pub(crate) fn decode_tally(text: &str) -> Result<Tally, StoreError> {
    if text.is_empty() {
        return Ok(Tally::default());
    }
    let rows: Vec<(i64, String, u64)> =
        serde_json::from_str(text).map_err(|error| StoreError::unreadable("tally", error))?;
    let rows = rows.into_iter().map(|(guarded, of, count)| {
        case(&Guarded::ALL, guarded, "limit").map(|guarded| (guarded, of, count))
    });
    Ok(Tally::from_rows(rows.collect::<Result<Vec<_>, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_tallies_and_provenance_are_read_back() {
        let mut counters = Counters::default();
        (counters.read, counters.lacking, counters.open_references, counters.unidentified) = (7, 1, 2, 3);
        counters.count(Outcome::Created, Some(Situation::Unmatched));
        counters.count(Outcome::Stale, None);
        assert_eq!(decode_counters(&encode_counters(&counters)).expect("reads"), counters);

        let tally =
            Tally::from_rows([(Guarded::Delete, String::new(), 4), (Guarded::Clearing, "mail".into(), 2)]);
        assert_eq!(decode_tally(&encode_tally(&tally)).expect("reads"), tally);
        for guarded in Guarded::ALL {
            let pattern = counted_in_tally(guarded);
            let is_counted = encode_tally(&tally).contains(pattern.trim_matches('%'));
            assert_eq!(is_counted, guarded == Guarded::Delete, "{guarded:?}");
        }
        let named = Tally::from_rows([(Guarded::Clearing, "[2,\"\",1]".into(), 1)]);
        assert!(!encode_tally(&named).contains(counted_in_tally(Guarded::Disable).trim_matches('%')));

        let origin = |name: &str, run| Origin { application: name.parse().expect("id"), run };
        for object in [None, Some(origin("hr", 12))] {
            let provenance = Provenance { object, attributes: [("a=b".into(), origin("ad", 3))].into() };
            assert_eq!(decode_provenance(&encode_provenance(&provenance)).expect("reads"), provenance);
        }
    }
}
