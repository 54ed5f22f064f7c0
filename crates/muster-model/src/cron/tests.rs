//! Cron expressions that are taken, and those that are refused, each with its place.

use std::collections::BTreeSet;

use super::{Cron, Days};

fn parse(text: &str) -> Cron {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn set(numbers: impl IntoIterator<Item = u16>) -> BTreeSet<u16> {
    numbers.into_iter().collect()
}

#[test]
fn a_field_admits_lists_ranges_steps_and_names() {
    for (field, expected) in [
        ("*", set(0..=23)),
        ("7", set([7])),
        ("1,5,3", set([1, 3, 5])),
        ("8-11", set(8..=11)),
        ("22-2", set([22, 23, 0, 1, 2])),
        ("*/6", set([0, 6, 12, 18])),
        ("20/2", set([20, 22])),
        ("8-12/3,23", set([8, 11, 23])),
        ("22-3/2", set([22, 0, 2])),
        ("00", set([0])),
    ] {
        assert_eq!(parse(&format!("0 0 {field} * * ?")).hours, expected, "{field}");
    }
    for (field, expected) in [("JAN", set([1])), ("nov-Feb", set([11, 12, 1, 2])), ("JUL,4", set([4, 7]))] {
        assert_eq!(parse(&format!("0 0 0 1 {field} ?")).months, expected, "{field}");
    }
    for (field, expected) in
        [("1", set([1])), ("MON-FRI", set(2..=6)), ("WED,sun", set([1, 4])), ("7", set([7]))]
    {
        assert_eq!(parse(&format!("0 0 0 ? * {field}")).days, Days::OfWeek(expected), "{field}");
    }
    let whole = parse("  5 10/20  2 1,15 * ? 2026-2028 ");
    assert_eq!((whole.seconds, whole.minutes), (set([5]), set([10, 30, 50])));
    assert_eq!((whole.days, whole.years), (Days::OfMonth(set([1, 15])), set(2026..=2028)));
    assert_eq!(parse("0 0 2 * * ?").years, set(1970..=2099));
}

#[test]
fn what_was_written_is_kept() {
    let text = "0 0  2 ? * mon-FRI 2026/2";
    assert_eq!(parse(text).to_string(), text);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, expected) in [
        ("", "has 0 fields, but a cron expression has 6 or 7, seconds first"),
        ("0 2 * * *", "has 5 fields, but a cron expression has 6 or 7, seconds first"),
        ("0 0 0 1 1 ? 2026 x", "has 8 fields, but a cron expression has 6 or 7, seconds first"),
        ("60 0 0 * * ?", "second 60 does not exist, they go from 0 to 59, at position 0"),
        ("0 0 99 * * ?", "hour 99 does not exist, they go from 0 to 23, at position 4"),
        ("0 0 1,24 * * ?", "hour 24 does not exist, they go from 0 to 23, at position 6"),
        ("0 0 0 0 * ?", "day of the month 0 does not exist, they go from 1 to 31, at position 6"),
        ("0 0 0 1 13 ?", "month 13 does not exist, they go from 1 to 12, at position 8"),
        ("0 0 0 ? * 8", "day of the week 8 does not exist, they go from 1 to 7, at position 10"),
        ("0 0 0 * * ? 1969", "year 1969 does not exist, they go from 1970 to 2099, at position 12"),
        ("0 0 0 1 MON ?", "`MON` is no month at position 8"),
        ("0 é x * * ?", "`é` is no minute at position 2"),
        ("0 0 1- * * ?", "the hour is missing at position 6"),
        ("0 0 1,,2 * * ?", "the hour is missing at position 6"),
        ("0 0 1-2-3 * * ?", "`1-2-3` is no range at position 4"),
        ("0 0 +1 * * ?", "`+1` is no hour at position 4"),
        ("0 0 99999 * * ?", "`99999` is no hour at position 4"),
        ("0 0 */0 * * ?", "the step `0` is no whole number from 1 to 24 at position 6"),
        ("0 0 */25 * * ?", "the step `25` is no whole number from 1 to 24 at position 6"),
        ("0 0 1/2/3 * * ?", "has more than one step `/` at position 4"),
        ("0 0 ? * * ?", "`?` cannot stand for the hour; write `*` at position 4"),
        ("0 0 0 * * ? 2028-2026", "`2028-2026` ends before it begins at position 12"),
        ("0 0 0 ? * ?", "is `?` as the day of the month is; one of the two has to name days at position 10"),
        (
            "0 0 0 * * *",
            "finds `*` where `?` is expected, since the day of the month is not `?` at position 10",
        ),
        ("0 0 0 L * ?", "`L` is not possible at position 6"),
        ("0 0 0 15W * ?", "`W` is not possible at position 8"),
        ("0 0 0 1,LW * ?", "`LW` is not possible at position 8"),
        ("0 0 0 ? * 6#3", "`#` is not possible at position 11"),
        ("0 0 0 ? * 6L", "`L` is not possible at position 11"),
        ("0 0 0 L-3 * ?", "`L` is not possible at position 6"),
        ("0 0 0 30 FEB ?", "never fires: there is no such day in any of its months and years"),
        ("0 0 0 31 4,6,9,11 ?", "never fires: there is no such day in any of its months and years"),
        ("0 0 0 29 2 ? 2026,2027", "never fires: there is no such day in any of its months and years"),
    ] {
        let error = text.parse::<Cron>().expect_err(text);
        assert_eq!(error.to_string(), expected, "{text}");
    }
    for text in ["0 0 0 29 2 ?", "0 0 0 30,1 FEB ?", "0 0 0 29 2 ? 2028"] {
        let _ = parse(text);
    }
}
