//! Transformations as tables, and their laws.

use muster_model::Attributes;
use proptest::prelude::*;

use super::*;

fn replace(pattern: &str, replacement: &str) -> Transformation {
    Transformation::RegexReplace { pattern: pattern.to_owned(), replacement: replacement.to_owned() }
}

fn split(separator: &str) -> Transformation {
    Transformation::Split { separator: separator.to_owned() }
}

fn join(separator: &str) -> Transformation {
    Transformation::Join { separator: separator.to_owned() }
}

fn lookup(table: &[(&str, &str)]) -> Transformation {
    let table = table.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    Transformation::Lookup { table }
}

fn date(from: Option<&str>, to: Option<&str>) -> Transformation {
    Transformation::DateFormat { from: from.map(str::to_owned), to: to.map(str::to_owned) }
}

fn first_of(attributes: &[&str]) -> Transformation {
    Transformation::FirstOf { attributes: attributes.iter().map(|name| (*name).to_owned()).collect() }
}

fn list(texts: &[&str]) -> Field {
    Field::Many(texts.iter().map(|text| Value::from(*text)).collect())
}

fn source() -> Attributes {
    [("mail", list(&["a@example.org", "b@example.org"])), ("null", Field::Null), ("empty", Field::text(""))]
        .into_iter()
        .collect()
}

fn compile(steps: &[Transformation]) -> Transformations {
    Transformations::compile(steps).unwrap_or_else(|problems| panic!("{steps:?}: {problems:?}"))
}

/// `None` is "no match".
#[track_caller]
fn check(steps: &[Transformation], input: Field, expected: Option<Field>) {
    let expected = expected.map_or(Transformed::NoMatch(input.clone()), Transformed::Value);
    assert_eq!(compile(steps).apply(input, &source()), expected, "{steps:?}");
}

#[track_caller]
fn check_text(step: Transformation, input: &str, expected: Option<&str>) {
    let transformations = compile(std::slice::from_ref(&step));
    assert_eq!(transformations.normalize(input), expected.unwrap_or(input), "{step:?}");
    check(&[step], Field::text(input), expected.map(Field::text));
}

#[test]
fn texts_are_transformed() {
    use Transformation::{Lower, Slug, StripDomain, Transliterate, Trim, Upper};
    check_text(Trim, "\u{a0} Ada \n", Some("Ada"));
    check_text(Lower, "ÄRZTE", Some("ärzte"));
    check_text(Upper, "straße", Some("STRASSE"));
    check_text(StripDomain, "ada@example.org", Some("ada"));
    check_text(StripDomain, "ACME\\ada", Some("ada"));
    check_text(StripDomain, "ACME\\eu\\ada@example.org@x", Some("ada"));
    check_text(StripDomain, "ada", Some("ada"));
    check_text(Transliterate, "Müller-Łuczak Иван", Some("Muller-Luczak Ivan"));
    check_text(Slug, "  Žofie & Søn, Ltd. ", Some("zofie-son-ltd"));
    check_text(Slug, "!?", Some(""));
}

#[test]
fn regular_expressions_replace_every_match() {
    check_text(replace("[^0-9]", ""), "+49 30 1", Some("49301"));
    check_text(replace("(?<last>\\w+), (\\w+)", "$2 ${last}"), "Lovelace, Ada", Some("Ada Lovelace"));
    check_text(replace("a", "$$"), "banana", Some("b$n$n$"));
    check_text(replace("(x)?b", "[$1]"), "b", Some("[]"));
    check_text(replace("x", "y"), "banana", None);
    check_text(replace("^", "$0>"), "", Some(">"));
    let many = "a".repeat(2000);
    check_text(replace(".", &many), &many, None);
}

#[test]
fn tables_and_dates_have_no_match_for_what_they_lack() {
    check_text(lookup(&[("IT", "Informatics"), ("HR", "People")]), "HR", Some("People"));
    check_text(lookup(&[("IT", "Informatics")]), "it", None);
    check_text(date(Some("%d.%m.%Y"), None), "05.11.2026", Some("2026-11-05T00:00:00.000Z"));
    check_text(date(None, Some("%Y%m%d")), "2026-11-05T23:30:00-02:00", Some("20261106"));
    check_text(date(Some("%d.%m.%Y"), Some("%Y-%m-%d")), "31.02.2026", None);
    check_text(
        date(Some("%Y-%m-%d %H:%M %z"), None),
        "2026-11-05 01:00 +0200",
        Some("2026-11-04T23:00:00.000Z"),
    );
    check_text(date(Some("%Y-%m-%d %H:%M"), None), "2026-11-05 01:00", Some("2026-11-05T01:00:00.000Z"));
    check_text(date(Some("%Y-%m-%d %H"), None), "2026-11-05 01", None);
    check_text(date(None, Some("%H:%M")), "tomorrow", None);
}

#[test]
fn lists_are_joined_split_and_cut_to_the_first() {
    check(&[join(", ")], list(&["a", "b"]), Some(Field::text("a, b")));
    check(&[join(", ")], Field::text("a"), Some(Field::text("a")));
    check(&[join(", ")], list(&[]), Some(Field::Null));
    check(&[split(";")], Field::text("a;b;;c"), Some(list(&["a", "b", "", "c"])));
    check(&[split(";")], list(&["a;b", "c"]), Some(list(&["a", "b", "c"])));
    check(&[split(";")], Field::text(""), Some(list(&[])));
    check(&[first_of(&[])], list(&["a", "b"]), Some(Field::One("a".into())));
    check(&[first_of(&["mail"])], Field::text("x"), Some(Field::text("x")));
    check(&[first_of(&["null", "mail"])], Field::Absent, Some(Field::text("a@example.org")));
    check(&[first_of(&["empty", "mail"])], list(&[]), Some(Field::text("")));
    check(&[first_of(&["null", "missing"])], Field::Null, Some(Field::Null));
}

#[test]
fn absent_and_null_stay_what_they_are() {
    let steps = [Transformation::Lower, replace("a", "b"), lookup(&[("", "x")]), join(","), split(",")];
    for step in steps {
        check(std::slice::from_ref(&step), Field::Absent, Some(Field::Absent));
        check(&[step], Field::Null, Some(Field::Null));
    }
}

#[test]
fn values_are_transformed_one_by_one_and_fields_as_a_whole() {
    use Transformation::{Lower, Trim};
    check(&[Trim, Lower], list(&[" A", "B "]), Some(list(&["a", "b"])));
    let (one, other) = (Value::from("A"), Value::from("B"));
    let in_part = Transformed::InPart(vec![(one, Some(Value::from("x"))), (other, None)]);
    let halves = compile(&[split(","), Lower, replace("a", "x")]);
    assert_eq!(halves.apply(Field::text("A,B"), &source()), in_part);
    // What has no match at all, and what has none before the values are joined, has none as a whole.
    check(&[Lower, replace("c", "x")], list(&["A", "B"]), None);
    check(&[Lower, replace("a", "x"), join("/")], list(&["A", "B"]), None);
    check(&[split(","), Trim, join("/")], Field::text("a, b"), Some(Field::text("a/b")));
    check(&[Lower], Field::One(Value::Boolean(true)), Some(Field::text("true")));
    check(&[date(None, Some("%Y"))], Field::One(Value::Integer(5)), None);
}

#[test]
fn all_problems_are_named_with_their_place() {
    let steps = [
        replace("(", "x"),
        Transformation::Trim,
        replace("a", "$1"),
        replace("(a)", "$1b"),
        replace("a", "5 $"),
        replace("(?:\\w{1000}){1000}", ""),
        split(""),
        lookup(&[("a", "b"), ("a", "c")]),
        date(None, Some("%Q")),
        date(Some(""), None),
    ];
    let problems = Transformations::compile(&steps).expect_err("problems");
    let named: Vec<_> = problems.iter().map(|problem| (problem.index, problem.message.as_str())).collect();
    let expected = [
        (0, "`(` is not a regular expression: unclosed group"),
        (2, "the regular expression has no group `1`"),
        (3, "the regular expression has no group `1b`: write `${1}b`"),
        (4, "the replacement has a `$` without a group: write `$$` for the sign itself"),
        (5, "`(?:\\w{1000}){1000}` is not a regular expression: compiled it is larger than 1048576 octets"),
        (6, "the separator to split at is empty"),
        (7, "the table names `a` twice"),
        (8, "`%Q` is not a form of dates: write `%Y-%m-%d`, for example"),
        (9, "the form of the date is empty"),
    ];
    assert_eq!(named, expected);
}

#[test]
fn attributes_that_are_read_besides_are_listed() {
    let names = compile(&[Transformation::Trim, first_of(&["b", "a"])]).reads();
    assert_eq!(names, vec![AttributeName::from("b"), AttributeName::from("a")]);
}

fn text_step() -> impl Strategy<Value = Transformation> {
    prop::sample::select(vec![
        Transformation::Trim,
        Transformation::Lower,
        Transformation::Upper,
        Transformation::StripDomain,
        Transformation::Slug,
        Transformation::Transliterate,
        replace("[a-f]+", "<$0>"),
        lookup(&[("a", "b"), ("", "c")]),
        date(None, Some("%d.%m.%Y")),
    ])
}

proptest! {
    #[test]
    fn a_key_is_normalized_as_a_field_is_transformed(
        steps in prop::collection::vec(text_step(), 0..5), text in "[ -~]{0,12}|\\PC{0,12}"
    ) {
        let transformations = compile(&steps);
        if let Transformed::Value(field) = transformations.apply(Field::text(text.as_str()), &source()) {
            prop_assert_eq!(field, Field::text(transformations.normalize(&text)));
        }
    }

    #[test]
    fn joining_undoes_splitting(text in "[a-c,]{1,12}") {
        check(&[split(","), join(",")], Field::text(text.as_str()), Some(Field::text(text)));
    }

    #[test]
    fn some_steps_change_nothing_the_second_time(text in any::<String>()) {
        for step in [Transformation::Trim, Transformation::StripDomain, Transformation::Slug,
                     Transformation::Transliterate] {
            let transformations = compile(&[step]);
            let once = transformations.normalize(&text).into_owned();
            prop_assert_eq!(transformations.normalize(&once), once.as_str());
        }
    }

    #[test]
    fn a_slug_is_made_of_letters_digits_and_single_hyphens(text in any::<String>()) {
        let slug = slug(&text);
        let is_admitted = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        prop_assert!(slug.chars().all(is_admitted) && !slug.contains("--"));
        prop_assert!(!slug.starts_with('-') && !slug.ends_with('-'));
    }
}
