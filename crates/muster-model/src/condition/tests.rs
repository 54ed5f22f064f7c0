//! The condition language as tables, and its laws.

use proptest::prelude::*;

use super::*;
use crate::attribute::{Attributes, Field, Reference, Value, parse_date_time};
use crate::object::ObjectKind;

fn person() -> Attributes {
    let start = parse_date_time("2026-03-01T09:30:00Z").map(Value::DateTime).expect("an instant");
    let manager =
        Reference { kind: ObjectKind::Identity, by: "employeeNumber".into(), key: "E-7".to_owned() };
    [
        ("name", Field::text("Ärzte GmbH")),
        ("department", Field::text("IT")),
        ("age", Field::One(Value::Integer(42))),
        ("ageText", Field::text("42")),
        ("active", Field::One(Value::Boolean(true))),
        ("start", Field::One(start)),
        ("photo", Field::One(Value::Binary(vec![1, 2, 3]))),
        ("manager", Field::One(Value::Reference(manager))),
        ("mail", Field::Many(vec!["a@example.org".into(), "b@example.com".into()])),
        ("empty", Field::text("")),
        ("empties", Field::Many(vec!["".into()])),
        ("none", Field::Many(vec![])),
        ("null", Field::Null),
        ("not", Field::text("x")),
    ]
    .into_iter()
    .collect()
}

#[track_caller]
fn check(condition: &str, expected: bool) {
    let parsed = Condition::parse(condition).unwrap_or_else(|error| panic!("{condition}: {error}"));
    assert_eq!(parsed.holds(&person()), expected, "{condition}");
    assert_eq!(Condition::parse(&parsed.to_string()), Ok(parsed), "{condition}");
}

#[test]
fn text_is_compared_without_regard_to_case() {
    check(r#"department eq "it""#, true);
    check(r#"Department eq "IT""#, false);
    check(r#"department EQ "IT""#, true);
    check(r#"department eq "ITS""#, false);
    check(r#"name eq "äRZTE gmbh""#, true);
    check(r#"name sw "ä""#, true);
    check(r#"name co "ZTE g""#, true);
    check(r#"name ew "MBH""#, true);
    check(r#"name ew "MB""#, false);
    check(r#"name eq "\u00e4rzte GmbH""#, true);
    check(r#"department gt "hr""#, true);
    check(r#"department le "it""#, true);
    check(r#"department lt "it""#, false);
    check(r#"department ge "J""#, false);
}

#[test]
fn typed_values_are_compared_as_what_they_are() {
    check("age eq 42", true);
    check("age gt 41", true);
    check("age lt -3", false);
    check(r#"age eq "42""#, false);
    check("ageText eq 42", false);
    check(r#"ageText eq "42""#, true);
    check("active eq true", true);
    check("active ne false", true);
    check(r#"active eq "true""#, false);
    check(r#"start eq "2026-03-01T10:30:00+01:00""#, true);
    check(r#"start gt "2026-03-01""#, true);
    check(r#"start lt "2026-03-01""#, false);
    check(r#"start lt "tomorrow""#, false);
    check(r#"start ge "tomorrow""#, false);
    check(r#"start sw "2026-03""#, true);
    check("start gt 5", false);
    check(r#"photo eq "AQID""#, true);
    check(r#"photo eq "aqid""#, false);
    check(r#"photo co "AQ""#, false);
    check(r#"manager eq "e-7""#, true);
    check(r#"manager sw "E-""#, true);
}

#[test]
fn several_values_fit_when_any_does() {
    check(r#"mail eq "A@example.org""#, true);
    check(r#"mail ew ".com""#, true);
    check(r#"mail ew ".net""#, false);
    check(r#"mail ne "a@example.org""#, false);
    check(r#"mail ne "c@example.org""#, true);
    check(r#"mail gt "b""#, true);
}

#[test]
fn absent_null_and_empty_are_told_apart() {
    for (name, has_value, is_present) in [
        ("missing", false, false),
        ("null", false, false),
        ("none", false, false),
        ("empty", true, false),
        ("empties", true, false),
        ("mail", true, true),
    ] {
        check(&format!("{name} eq null"), !has_value);
        check(&format!("{name} ne null"), has_value);
        check(&format!("{name} pr"), is_present);
        check(&format!("not ({name} pr)"), !is_present);
    }
    check(r#"empty eq """#, true);
    check(r#"missing ne "x""#, true);
    check(r#"missing lt "x""#, false);
    check(r#"missing co """#, false);
    check(r#"empty co """#, true);
}

#[test]
fn not_binds_before_and_and_before_or() {
    check("age eq 1 and age eq 2 or active eq true", true);
    check("active eq true or age eq 1 and age eq 2", true);
    check("(active eq true or age eq 1) and age eq 2", false);
    check("not (age eq 1) and age eq 2", false);
    check("not (age eq 1 and age eq 2)", true);
    check("NOT(age eq 1)AND(age pr)Or age pr", true);
    check("not (not (age pr))", true);
    check(r#"not eq "x" and (not pr)"#, true);
}

#[test]
fn a_condition_is_written_with_as_few_brackets_as_it_needs() {
    for (given, expected) in [
        ("((a pr))", "a pr"),
        ("(a pr and b pr) or c pr", "a pr and b pr or c pr"),
        ("a pr AND (b pr OR c pr)", "a pr and (b pr or c pr)"),
        ("(a pr and b pr) and c pr", "(a pr and b pr) and c pr"),
        ("not(a EQ  \"\\u0041\")", "not (a eq \"A\")"),
    ] {
        assert_eq!(Condition::parse(given).expect(given).to_string(), expected);
    }
}

#[test]
fn attributes_are_listed_once() {
    let condition = Condition::parse("b pr and (a eq 1 or not (b eq null)) and c.d pr").expect("parses");
    let names: Vec<_> = condition.attributes().iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c.d"]);
}

#[test]
fn faults_say_where_they_are() {
    #[track_caller]
    fn check(condition: &str, position: usize, message: &str) {
        let error = Condition::parse(condition).expect_err(condition);
        assert_eq!((error.position, error.message.as_str()), (position, message), "{condition}");
    }
    check("", 0, "expected an attribute, found the end");
    check("a", 1, "expected an operator, found the end");
    check("a is 1", 2, "expected an operator, found `is`");
    check("a eq", 4, "expected a value, found the end");
    check("a eq IT", 5, "expected a value, found `IT`");
    check("a eq 'IT'", 5, "expected a value, found `'`");
    check("a eq True", 5, "expected a value, found `True`");
    check(r#"ä eq "IT"#, 6, "the text is not closed");
    check(r#"a eq "\x""#, 5, "the text is not a JSON string");
    check("a eq 1.5", 5, "`1.5` is not a whole number of 64 bits");
    check("a eq 007", 5, "`007` is not a whole number of 64 bits");
    check("a eq 9223372036854775808", 5, "`9223372036854775808` is not a whole number of 64 bits");
    check("a eq 2026-01-01", 5, "`2026-01-01` is not a whole number of 64 bits");
    check("a co 5", 5, "`co` needs a text");
    check("a gt true", 5, "`gt` needs a text or a number");
    check("a le null", 5, "`le` needs a text or a number");
    check("a pr b pr", 5, "expected `and`, `or` or the end, found `b`");
    check("a pr and", 8, "expected an attribute, found the end");
    check("(a pr", 5, "expected `and`, `or` or `)`, found the end");
    check("a pr)", 4, "expected `and`, `or` or the end, found `)`");
    check("not a pr", 4, "expected an operator, found `a`");
    check(r#"emails[type eq "work"] pr"#, 6, "value paths are not supported");
    check("urn:x:name pr", 3, "names with `:` are not supported");
    check("-a pr", 0, "expected an attribute, found `-a`");
    check("a && b", 2, "expected an operator, found `&`");
}

#[test]
fn limits_hold() {
    let nested = |depth: usize| format!("{}a pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Condition::parse(&nested(MAXIMUM_DEPTH)).is_ok());
    assert!(Condition::parse(&nested(MAXIMUM_DEPTH + 1)).is_err());
    assert!(Condition::parse(&"(".repeat(MAXIMUM_LENGTH)).is_err());
    let many = |count: usize| vec!["a pr"; count].join(" or ");
    assert!(Condition::parse(&many(MAXIMUM_COMPARISONS)).is_ok());
    assert!(Condition::parse(&many(MAXIMUM_COMPARISONS + 1)).is_err());
    let long = |length: usize| format!("a eq \"{}\"", "x".repeat(length - "a eq \"\"".len()));
    assert!(Condition::parse(&long(MAXIMUM_LENGTH)).is_ok());
    assert!(Condition::parse(&long(MAXIMUM_LENGTH + 1)).is_err());
}

fn attribute() -> impl Strategy<Value = AttributeName> {
    prop_oneof![
        prop::sample::select(vec!["a", "mail", "not", "and", "or", "age", "null", "pr"])
            .prop_map(AttributeName::from),
        "[a-zA-Zäß_$0-9][a-zA-Z0-9._$-]{0,6}".prop_map(AttributeName::from),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let order =
        prop::sample::select(vec![Order::Greater, Order::GreaterOrEqual, Order::Less, Order::LessOrEqual]);
    let literal = prop_oneof![
        any::<String>().prop_map(Literal::Text),
        any::<i64>().prop_map(Literal::Integer),
        any::<bool>().prop_map(Literal::Boolean),
        Just(Literal::Null),
    ];
    let bound = prop_oneof![any::<String>().prop_map(Bound::Text), any::<i64>().prop_map(Bound::Integer)];
    prop_oneof![
        Just(Test::Present),
        literal.clone().prop_map(Test::Equal),
        literal.prop_map(Test::NotEqual),
        any::<String>().prop_map(Test::Contains),
        any::<String>().prop_map(Test::StartsWith),
        any::<String>().prop_map(Test::EndsWith),
        (order, bound).prop_map(|(order, bound)| Test::Ordered(order, bound)),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = (attribute(), test()).prop_map(|(attribute, test)| Node::Test { attribute, test });
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Node::Or),
            inner.prop_map(|part| Node::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(root in node()) {
        let condition = Condition { root };
        let text = condition.to_string();
        if text.len() <= MAXIMUM_LENGTH {
            prop_assert_eq!(Condition::parse(&text), Ok(condition));
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "[a-z()\"\\\\ 0-9-]{0,40}|\\PC{0,40}") {
        if let Err(error) = Condition::parse(&text) {
            prop_assert!(error.position <= text.len());
        }
    }

    #[test]
    fn negation_is_negation(part in node()) {
        let holds = evaluate::holds(&part, &person());
        prop_assert_eq!(evaluate::holds(&Node::Not(Box::new(part)), &person()), !holds);
    }

    #[test]
    fn unequal_is_not_equal(attribute in prop::sample::select(vec!["mail", "age", "missing", "empty"]),
                            text in "[ab]@example.(org|com)|") {
        let condition = |operator| {
            let quoted = serde_json::Value::from(text.as_str());
            Condition::parse(&format!("{attribute} {operator} {quoted}")).expect("parses")
        };
        prop_assert_ne!(condition("eq").holds(&person()), condition("ne").holds(&person()));
    }

    #[test]
    fn folding_twice_changes_nothing(text in any::<String>()) {
        let once = fold_case(&text).into_owned();
        prop_assert_eq!(fold_case(&once).into_owned(), once);
    }
}
