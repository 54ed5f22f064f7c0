//! Properties, right and wrong.

use muster_http::Credentials;

use super::*;

const URL: (&str, &str) = ("baseUrl", "https://scim.example.com/v2/");
const TOKEN: (&str, &str) = ("token", "t");

fn parse(given: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let given = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Settings::parse(&given).map_err(|problems| problems.into_iter().map(|problem| problem.name).collect())
}

fn sound(given: &[(&str, &str)]) -> Settings {
    parse(given).unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[test]
fn an_address_and_a_token_are_enough() {
    let settings = sound(&[URL, TOKEN]);
    assert_eq!(settings.reach.base_url, "https://scim.example.com/v2");
    assert!(settings.reach.credentials == Credentials::Bearer { token: "t".to_owned() });
    assert_eq!((settings.page_size, settings.members_a_request), (100, 100));
    assert_eq!(settings.habits, STANDARD);
    assert!(settings.is_writable);
}

#[test]
fn each_problem_names_its_property() {
    let check = |given: &[(&str, &str)], property: &str| {
        let given: Vec<_> = [URL, TOKEN].into_iter().chain(given.iter().copied()).collect();
        assert_eq!(parse(&given).err(), Some(vec![property.to_owned()]), "{given:?}");
    };
    for url in [
        "",
        "scim.example.com",
        "ftp://a",
        "https://",
        "https://u:p@a/",
        "https://a/?x=1",
        "https://a/#x",
        "https://a /",
    ] {
        check(&[("baseUrl", url)], "baseUrl");
    }
    for (name, text) in [
        ("basUrl", "https://a"),
        ("token", "two words"),
        ("user", "u"),
        ("scope", "s"),
        ("caCertificate", "none"),
        ("writable", "yes"),
        ("dialect", "entra"),
        ("patch", "true"),
        ("patchForm", "paths"),
        ("operationNames", "UPPER"),
        ("booleans", "STRING"),
        ("memberRemoval", "PATH"),
        ("bulk", "ALWAYS"),
        ("filter", "false"),
        ("filterWithOr", "no"),
        ("paging", "PAGES"),
        ("pageSize", "0"),
        ("pageSize", "1001"),
        ("enabledAttribute", "a b"),
        ("memberships", "USERS"),
        ("maximumMembersPerRequest", "101"),
        ("changes", "ALL"),
        ("maximumAnswerBytes", "1"),
        ("maximumEntries", "0"),
    ] {
        check(&[(name, text)], name);
    }
}

#[test]
fn all_problems_are_found_at_once() {
    let problems = parse(&[("authentication", "OAUTH2"), ("tokn", "x"), ("pageSize", "x")]).err().unwrap();
    for name in ["tokn", "baseUrl", "tokenUrl", "clientId", "clientSecret", "pageSize"] {
        assert_eq!(problems.iter().filter(|problem| *problem == name).count(), 1, "{name}: {problems:?}");
    }
}

#[test]
fn a_habit_of_its_own_goes_before_the_dialect() {
    let entra = sound(&[URL, TOKEN, ("dialect", "ENTRA")]).habits;
    assert_eq!((entra.booleans, entra.member_removal), (Booleans::Text, MemberRemoval::Values));
    let other = sound(&[URL, TOKEN, ("dialect", "ENTRA"), ("booleans", "JSON")]).habits;
    assert_eq!(other, Habits { booleans: Booleans::Json, ..entra });
    assert_eq!(sound(&[URL, TOKEN, ("dialect", "OKTA")]).habits.patch, Use::Never);
    let aws = sound(&[URL, TOKEN, ("dialect", "AWS"), ("filterWithOr", "true")]).habits;
    assert_eq!((aws.paging, aws.has_or, aws.asks_for_attributes), (Paging::Cursor, true, false));
}
