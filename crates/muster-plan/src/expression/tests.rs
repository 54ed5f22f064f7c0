//! Expressions as tables: what they give, what they read, what they refuse and how soon.

use chrono::TimeZone;
use muster_model::attribute::parse_date_time;
use muster_model::{Attributes, Value};
use proptest::prelude::*;

use super::*;

fn list(texts: &[&str]) -> Field {
    Field::Many(texts.iter().map(|text| Value::from(*text)).collect())
}

fn number(number: i64) -> Field {
    Field::One(Value::Integer(number))
}

fn truth(truth: bool) -> Field {
    Field::One(Value::Boolean(truth))
}

fn person() -> Attributes {
    let start = parse_date_time("2026-03-01T09:30:00Z").map(Value::DateTime).expect("an instant");
    [
        ("givenName", Field::text("Ada")),
        ("surname", Field::text("Müller-Łuczak")),
        ("mail", list(&["ADA@example.org", "al@example.com"])),
        ("no", number(42)),
        ("noText", Field::text("0042")),
        ("active", truth(true)),
        ("start", Field::One(start)),
        ("photo", Field::One(Value::Binary(vec![1, 2, 3]))),
        ("employee-number", Field::text("E-7")),
        ("if", Field::text("reserved")),
        ("empty", Field::text("")),
        ("none", Field::Many(vec![])),
        ("cleared", Field::Null),
    ]
    .into_iter()
    .collect()
}

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 5, 17, 45, 1).single().expect("an instant")
}

fn compile(text: &str) -> Expression {
    Expression::compile(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn check(text: &str, expected: Field) {
    assert_eq!(compile(text).evaluate(&person(), now()), Ok(expected), "{text}");
}

#[track_caller]
fn check_text(text: &str, expected: &str) {
    check(text, Field::text(expected));
}

#[test]
fn texts_are_put_together() {
    check_text(r#"lower(givenName) + "." + lower(surname)"#, "ada.müller-łuczak");
    check_text(r#"givenName.lower() + "." + surname.transliterate().lower()"#, "ada.muller-luczak");
    check_text(r#"slug(givenName + " " + surname)"#, "ada-muller-luczak");
    check_text(r#""  x ".trim().upper()"#, "X");
    check_text(r#"replace("banana", "an", "-")"#, "b--a");
    check_text("sub_string(surname, 1, 3)", "üll");
    check_text("surname.sub_string(-3)", "zak");
    check_text("surname.sub_string(50)", "");
    check_text("surname.sub_string(2, -1)", "");
    check_text(r#"givenName.sub_string(-50, 1)"#, "A");
    check_text(r#"pad_left(no, 6, "0")"#, "000042");
    check_text(r#"pad_right("ab", 5, "xyz")"#, "abxyz");
    check_text(r#"pad_left("abcdef", 3, "0")"#, "abcdef");
    check_text(r#"before(first(mail), "@") + "|" + mail.last().after("@")"#, "ADA|example.com");
    check_text(r#""u" + no"#, "u42");
    check_text(r#"to_text(no) + to_text(active)"#, "42true");
    check("to_integer(noText) + 1", number(43));
    check("len(surname)", number(13));
    check_text("photo", "AQID");
}

#[test]
fn attributes_are_read_by_word_and_by_name() {
    check_text(r#"attr("employee-number")"#, "E-7");
    check_text(r#"attr("if") + attr("givenName")"#, "reservedAda");
    check(r#"attr("missing")"#, Field::Absent);
    check("missing", Field::Absent);
    check("cleared", Field::Null);
    check("mail", list(&["ADA@example.org", "al@example.com"]));
    check("none", Field::Many(vec![]));
    check_text("empty", "");
}

#[test]
fn absent_and_null_pass_through() {
    check(r#"lower(missing) + ".""#, Field::Absent);
    check(r#"givenName + cleared"#, Field::Null);
    check("missing + cleared", Field::Absent);
    check("lower(cleared)", Field::Null);
    check("no * missing", Field::Absent);
    check("-missing", Field::Absent);
    check(r#"or_else(missing, "x")"#, Field::text("x"));
    check(r#"or_else(cleared, or_else(none, "x"))"#, Field::text("x"));
    check(r#"or_else(empty, "x")"#, Field::text(""));
    check(r#"givenName + or_else(missing, "")"#, Field::text("Ada"));
    check("absent_value()", Field::Absent);
    check("null_value()", Field::Null);
    for (name, is_absent, is_null, has_value) in [
        ("missing", true, false, false),
        ("cleared", false, true, false),
        ("none", false, false, false),
        ("empty", false, false, true),
        ("mail", false, false, true),
    ] {
        check(&format!("is_absent({name})"), truth(is_absent));
        check(&format!("is_null({name})"), truth(is_null));
        check(&format!("has_value({name})"), truth(has_value));
    }
    check("missing == absent_value() && cleared == null_value() && missing != cleared", truth(true));
    check(r#"missing == "" || cleared == "" || missing < 5 || missing > 5"#, truth(false));
    check(
        r#"contains(missing, "x") || matches(cleared, "x") || starts_with(givenName, missing)"#,
        truth(false),
    );
}

#[test]
fn values_are_compared_and_calculated() {
    check("(1 + 2) * 3 - 10 / 4 % 2", number(9));
    check("-no + 2", number(-40));
    check(r#""a" < "b" && 1 <= 1 && 2 > 1 && 2 >= 2 && 1 < 2"#, truth(true));
    check("1 != 2 && !(1 == 2) && active == true", truth(true));
    check(r#"givenName == "ada""#, truth(false));
    check("mail == mail", truth(true));
    check(r#"mail == ["ADA@example.org"]"#, truth(false));
    check(r#"givenName in ["Ada", "Grace"]"#, truth(true));
    check(r#"givenName !in ["Ada", "Grace"]"#, truth(false));
    check(r#"missing in ["Ada"]"#, truth(false));
    check(r#""ex" in first(mail)"#, truth(true));
}

#[test]
fn one_of_two_is_chosen() {
    check_text(r#"if active { "in" } else { "out" }"#, "in");
    check_text(r#"if no < 10 { "few" } else if no < 50 { "some" } else { "many" }"#, "some");
    check("if !active { 1 }", Field::Absent);
    check_text(r#""<" + (if active { givenName } else { surname }) + ">""#, "<Ada>");
    check_text("if active { lower(givenName) } else { missing }", "ada");
}

#[test]
fn lists_are_taken_apart_and_put_together() {
    check("lower(mail)", list(&["ada@example.org", "al@example.com"]));
    check(r#"mail.after("@").upper()"#, list(&["EXAMPLE.ORG", "EXAMPLE.COM"]));
    check("[first(mail), missing, cleared, [givenName]]", list(&["ADA@example.org", "Ada"]));
    check(r#"mail + ["x"]"#, list(&["ADA@example.org", "al@example.com", "x"]));
    check(r#"split("a,b,,c", ",")"#, list(&["a", "b", "", "c"]));
    check(r#"split("", ",")"#, list(&[]));
    check_text(r#"join(mail, "; ")"#, "ADA@example.org; al@example.com");
    check_text(r#"join(["a", 1, true], "")"#, "a1true");
    check(r#"join(none, ",")"#, Field::Null);
    check("size(mail) + size(none) + size(missing) + size(givenName)", number(3));
    check("first(none)", Field::Absent);
    check(r#"contains(mail, "al@example.com") && !contains(mail, "al")"#, truth(true));
    check(r#"mail.ends_with(".com") && !mail.starts_with("x")"#, truth(true));
    check("to_text([1, 2])", list(&["1", "2"]));
}

#[test]
fn regular_expressions_match() {
    check(r#"matches(noText, "^[0-9]+$")"#, truth(true));
    check(r#"noText.matches("^[1-9]")"#, truth(false));
    check(r#"mail.matches("(?i)^ada@") && !matches(none, "")"#, truth(true));
}

#[test]
fn dates_are_texts_that_compare() {
    check_text("start", "2026-03-01T09:30:00.000Z");
    check_text("today()", "2026-11-05T00:00:00.000Z");
    check("start < today()", truth(true));
    check("year(start) * 10000 + month(start) * 100 + day(start)", number(20_260_301));
    check_text(r#"date_format(start, "%d.%m.%Y")"#, "01.03.2026");
    check_text(r#"date("2026-12-31")"#, "2026-12-31T00:00:00.000Z");
    check_text("add_days(start, -1)", "2026-02-28T09:30:00.000Z");
    check_text(r#"today().add_days(30).date_format("%F")"#, "2026-12-05");
    check("year(missing)", Field::Absent);
}

#[test]
fn what_is_read_is_known() {
    #[track_caller]
    fn check(text: &str, reads: &[&str], reads_clock: bool) {
        let expression = compile(text);
        let names: Vec<_> = expression.reads().iter().map(AttributeName::as_str).collect();
        assert_eq!((names.as_slice(), expression.reads_clock()), (reads, reads_clock), "{text}");
    }
    check("1 + 2", &[], false);
    check("b + a + b", &["a", "b"], false);
    check(
        r#"if x { y.lower() } else if z { attr("a-b") } else { [w, !v, -u] }"#,
        &["a-b", "u", "v", "w", "x", "y", "z"],
        false,
    );
    check("a && b || c in d", &["a", "b", "c", "d"], false);
    check(r#"matches(a, "b")"#, &["a"], false);
    check("a.trim().or_else(b.lower().replace(c, d)).len()", &["a", "b", "c", "d"], false);
    check("if date(end) < today() { 1 }", &["end"], true);
    check("today().year()", &[], true);
}

#[track_caller]
fn check_refused(text: &str, line: usize, column: usize, message: &str) {
    let error = Expression::compile(text).expect_err(text);
    assert_eq!((error.line, error.column, error.message.as_str()), (line, column, message), "{text:.200}");
}

#[test]
fn what_is_not_of_the_language_is_refused() {
    for (text, line, column, message) in [
        ("", 1, 1, "the expression is incomplete"),
        ("lower(", 1, 7, "expecting ')' to close the arguments list of this function call 'lower'"),
        ("a +\n  * b", 2, 3, "unexpected '*'"),
        ("a b", 1, 3, "unexpected 'b'"),
        ("1.5", 1, 1, "numbers are whole and of 64 bits"),
        ("9223372036854775808", 1, 1, "numbers are whole and of 64 bits"),
        ("'a'", 1, 1, "text stands in double quotes"),
        ("`a${b}`", 1, 1, "texts are put together with `+`"),
        ("\"abc", 1, 1, "open string is not terminated"),
        ("a ?? b", 1, 3, "write `or_else(a, b)` for `a ?? b`"),
        ("a = b", 1, 3, "values are compared with `==`"),
        ("a += b", 1, 3, "`+=` is not part of expressions"),
        ("a; b", 1, 2, "`;` is not part of expressions"),
        ("let a = 1", 1, 1, "`let` is not part of expressions"),
        ("default", 1, 1, "`default` is a reserved word: an attribute of that name is `attr(\"default\")`"),
        ("0..1000000000", 1, 2, "`..` is not part of expressions"),
        ("1 ** 2", 1, 3, "`**` is not part of expressions"),
        ("1 << 2", 1, 3, "`<<` is not part of expressions"),
        ("|x| x", 1, 1, "`|` is not part of expressions"),
        ("#{a: 1}", 1, 1, "`#{` is not part of expressions"),
        ("switch a { 1 => 2 }", 1, 1, "`switch` is not part of expressions"),
        ("loop { }", 1, 1, "`loop` is not part of expressions"),
        ("while true { }", 1, 1, "`while` is not part of expressions"),
        ("for x in a { }", 1, 1, "`for` is not part of expressions"),
        ("do { } until a", 1, 1, "`do` is not part of expressions"),
        ("return 1", 1, 1, "`return` is not part of expressions"),
        ("throw 1", 1, 1, "`throw` is not part of expressions"),
        ("a?.b", 1, 2, "`?.` is not part of expressions"),
        ("a::b", 1, 2, "`:` is not part of expressions"),
        ("a.b", 1, 3, "only a function may follow the point"),
        ("a.b.lower()", 1, 3, "only a function may follow the point"),
        ("a.lower().b", 1, 11, "only a function may follow the point"),
        ("a[0]", 1, 2, "values of a list are taken with `first` and `last`"),
        ("a.lower()[0]", 1, 10, "values of a list are taken with `first` and `last`"),
        ("if a { () }", 1, 8, "write `absent_value()` for the absent value"),
        ("{ 1 }", 1, 1, "unexpected '{'"),
    ] {
        check_refused(text, line, column, message);
    }
}

#[test]
fn what_is_not_known_is_refused() {
    for (text, line, column, message) in [
        ("\n  loewer(a)", 2, 3, "there is no function `loewer`"),
        ("a.shout()", 1, 3, "there is no function `shout`"),
        ("lower(a, b)", 1, 1, "`lower` takes 1 arguments, not 2"),
        ("a.lower(b)", 1, 3, "`lower` takes 1 arguments, not 2"),
        ("sub_string(a)", 1, 1, "`sub_string` takes 2 or 3 arguments, not 1"),
        ("attr(a)", 1, 6, "the name of the attribute has to be a text in double quotes"),
        ("attr(\"a\" + \"b\")", 1, 10, "the name of the attribute has to be a text in double quotes"),
        ("a.attr()", 1, 3, "write `attr(\"name\")`"),
        ("matches(a, b)", 1, 12, "the regular expression has to be a text in double quotes"),
        ("a.matches(\"(\")", 1, 3, "`(` is not a regular expression: unclosed group"),
        ("sleep(10)", 1, 1, "there is no function `sleep`"),
        ("timestamp()", 1, 1, "there is no function `timestamp`"),
        ("parse_json(a)", 1, 1, "there is no function `parse_json`"),
    ] {
        check_refused(text, line, column, message);
    }
    for word in ["eval", "print", "debug", "Fn", "call", "curry", "this", "import", "export", "fn", "type_of"]
    {
        let error = Expression::compile(&format!("{word}(\"x\")")).expect_err(word);
        assert_eq!((error.line, error.column), (1, 1), "{word}: {error}");
    }
}

#[test]
fn hostile_texts_are_refused_at_once() {
    let wide = |text: &str, count: usize| text.repeat(count);
    let regexes: String = (0..=MAXIMUM_PATTERNS).map(|n| format!(" || matches(a, \"{n}\")")).collect();
    for (text, column, message) in [
        (wide("1+", 4000) + "1", 1001, "the expression has more than 1000 words and signs"),
        (wide("1+", 400) + "1", 126, "expression exceeds maximum complexity"),
        (wide("(", 900), 33, "expression exceeds maximum complexity"),
        (wide("[", 900), 22, "expression exceeds maximum complexity"),
        (wide("!", 900) + "a", 64, "expression exceeds maximum complexity"),
        (wide("- ", 900) + "a", 127, "expression exceeds maximum complexity"),
        (wide("lower(", 450) + "a", 193, "expression exceeds maximum complexity"),
        (wide("if a { 1 } else ", 120) + "{ 1 }", 0, "expression exceeds maximum complexity"),
        (wide("if true { ", 120), 0, "expression exceeds maximum complexity"),
        (format!("a{}", wide(".lower()", 200)), 0, "the expression has more than 32 calls with `.`"),
        (wide("[a.lower(),", 40), 0, "the expression has more than 32 calls with `.`"),
        (wide("a.b[", 100), 0, "the expression has more than 32 calls with `.`"),
        (wide(" ", 9000) + "1", 1, "the expression is longer than 8192 octets"),
        (format!("{}/*{}", wide("//\n", 1000), wide("*", 4000)), 0, "the expression is incomplete"),
        (format!("a{regexes}"), 0, "the expression has more than 16 regular expressions"),
        (
            "matches(a, \"(?:\\\\w{100}){100}\")".to_owned(),
            1,
            "`(?:\\w{100}){100}` is not a regular expression: compiled it is larger than 65536 octets",
        ),
    ] {
        let error = Expression::compile(&text).expect_err(&text);
        assert_eq!(error.message, message, "{text:.60}");
        assert!(column == 0 || error.column == column, "{text:.60}: {error}");
    }
}

#[test]
fn what_cannot_be_done_fails_the_entry() {
    let mut source = person();
    source.set("long".into(), Field::text("x".repeat(MAXIMUM_TEXT)));
    source.set("longer".into(), Field::text("x".repeat(MAXIMUM_TEXT + 1)));
    source.set("commas".into(), Field::text(",".repeat(MAXIMUM_LIST)));
    source.set("many".into(), Field::Many(vec!["x".into(); MAXIMUM_LIST]));
    source.set("more".into(), Field::Many(vec!["x".into(); MAXIMUM_LIST + 1]));
    for (text, column, message) in [
        ("  lower(no)", 3, "`lower` does not take a number"),
        ("no.trim()", 4, "`trim` does not take a number"),
        (r#"replace(surname, "", "x")"#, 1, "`replace` looks for an empty text"),
        (r#"surname.split("")"#, 9, "`split` splits at an empty text"),
        (r#"pad_left("a", 5, "")"#, 1, "`pad_left` fills with an empty text"),
        (r#"noText == 42"#, 8, "`==` does not go between a text and a number"),
        ("noText < 42", 8, "`<` does not go between a text and a number"),
        ("42 in [noText]", 4, "`contains` does not go between a text and a number"),
        ("active + 1", 8, "`+` does not go between a boolean and a number"),
        ("givenName + mail", 11, "`+` does not go between a text and a list"),
        ("9223372036854775807 + no", 21, "`9223372036854775807 + 42` is no number of 64 bits"),
        ("no / 0", 4, "`42 / 0` is no number of 64 bits"),
        ("(-9223372036854775807 - 1) % -1", 28, "`-9223372036854775808 % -1` is no number of 64 bits"),
        ("!no", 1, "`!` does not take a number"),
        ("to_integer(givenName)", 1, "`Ada` is no number of 64 bits"),
        ("date(givenName)", 1, "`Ada` is no date"),
        (r#"date_format(start, "%Q")"#, 1, "`%Q` is not a form of dates: write `%Y-%m-%d`, for example"),
        ("add_days(start, 9223372036854775807)", 1, "9223372036854775807 days are too many"),
        ("add_days(start, 3000000)", 1, "the year 10239 has not four digits"),
        ("lower(longer)", 1, "a text is longer than 65536 octets"),
        ("long + long", 6, "a text is longer than 65536 octets"),
        (r#"long.replace("x", "xx")"#, 6, "a text is longer than 65536 octets"),
        (r#"pad_left("x", 9223372036854775807, "x")"#, 1, "a text is longer than 65536 octets"),
        (r#"pad_right("x", 16385, "x")"#, 1, "a text is longer than 65536 octets"),
        (r#"join([long, long], "")"#, 13, "a text or a list is too large"),
        (r#"split(commas, ",")"#, 1, "a list has more than 1000 values"),
        ("many + many", 6, "a list has more than 1000 values"),
        ("size(more)", 1, "a text or a list is too large"),
        ("more.size()", 6, "a text or a list is too large"),
        (r#"long.matches("x*y")"#, 6, "`matches` takes texts of at most 4096 octets"),
        ("if no { 1 }", 4, "expected true or false"),
        ("active && missing", 11, "expected true or false"),
    ] {
        let error = compile(text).evaluate(&source, now()).expect_err(text);
        assert_eq!((error.column, error.message.as_str()), (column, message), "{text}");
    }
}

#[test]
fn the_longest_evaluation_stays_within_its_limits() {
    let mut source = person();
    source.set("long".into(), Field::text("é".repeat(MAXIMUM_TEXT / 2)));
    let calls = vec!["size(split(transliterate(long), \"x\"))"; 70].join(", ");
    let expected = Field::Many(vec![Value::Integer(1); 70]);
    assert_eq!(compile(&format!("[{calls}]")).evaluate(&source, now()), Ok(expected));
}

#[test]
fn the_deepest_expression_is_evaluated() {
    check(&("1+".repeat(62) + "1"), number(63));
    check_text(&format!("{}givenName{}", "lower(".repeat(31), ")".repeat(31)), "ada");
    check_text(&format!("givenName{}", ".lower()".repeat(MAXIMUM_METHOD_CALLS)), "ada");
    check(&format!("{}1{}", "if true { ".repeat(15), " }".repeat(15)), number(1));
}

#[test]
fn expressions_are_shared_between_threads() {
    fn is_shared<T: Send + Sync + Clone>(_: &T) {}
    let expression = compile(r#"lower(givenName) + attr("employee-number")"#);
    is_shared(&expression);
    let give = || expression.evaluate(&person(), now());
    let expected = Ok(Field::text("adaE-7"));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(give)).collect();
        for thread in threads {
            assert_eq!(thread.join().expect("no panic"), expected);
        }
    });
}

fn field() -> impl Strategy<Value = Field> {
    let value = prop_oneof![
        any::<String>().prop_map(Value::String),
        any::<i64>().prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
    ];
    prop_oneof![
        Just(Field::Absent),
        Just(Field::Null),
        value.clone().prop_map(Field::One),
        prop::collection::vec(value, 0..4).prop_map(Field::Many),
    ]
}

proptest! {
    #[test]
    fn an_attribute_alone_is_given_as_it_is(field in field()) {
        let source: Attributes = [("a", field.clone())].into_iter().collect();
        prop_assert_eq!(compile("a").evaluate(&source, now()), Ok(field.clone()));
        prop_assert_eq!(compile("attr(\"a\")").evaluate(&source, now()), Ok(field));
    }

    #[test]
    fn any_text_is_compiled_or_refused(text in "[a-c(){}\\[\\].,+*!\"&|<=0-9 \n-]{0,60}|\\PC{0,40}") {
        if let Err(error) = Expression::compile(&text) {
            prop_assert!(error.line >= 1 && error.column >= 1);
        }
    }

    #[test]
    fn every_function_ends_on_every_value(a in field(), b in field(), c in field()) {
        let source: Attributes = [("a", a), ("b", b), ("c", c)].into_iter().collect();
        for function in functions::FUNCTIONS {
            let text = match (function.name, function.parameters) {
                ("attr", _) => "attr(\"a\")".to_owned(),
                ("matches", _) => "a.matches(\"b+\")".to_owned(),
                (name, parameters) => format!("{name}({})", ["a", "b", "c"][..parameters].join(", ")),
            };
            let expression = compile(&text);
            let once = expression.evaluate(&source, now());
            prop_assert_eq!(expression.evaluate(&source, now()), once);
        }
        for operator in operators::OPERATORS {
            let text = match operator.parameters {
                1 => format!("{} a", operator.name),
                _ => format!("a {} b", operator.name),
            };
            // Whatever the values are, it ends with a value or an error.
            let _ = compile(&text).evaluate(&source, now());
        }
    }

    #[test]
    fn both_styles_of_calling_give_the_same(a in field()) {
        let source: Attributes = [("a", a)].into_iter().collect();
        for function in functions::FUNCTIONS.iter().filter(|known| known.parameters == 1 && known.name != "attr") {
            let value = |text: String| compile(&text).evaluate(&source, now()).map_err(|error| error.message);
            prop_assert_eq!(value(format!("a.{}()", function.name)), value(format!("{}(a)", function.name)));
        }
    }
}
