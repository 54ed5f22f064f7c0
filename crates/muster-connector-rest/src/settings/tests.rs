//! Properties, right and wrong.

use muster_http::Credentials;

use super::*;

const URL: (&str, &str) = ("baseUrl", "https://api.example.com/v1/");
const DESCRIPTION: (&str, &str) =
    ("description", r#"{"classes": {"users": {"key": "/id", "list": {"path": "/users"}}}}"#);

fn parse(given: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let given = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Settings::parse(&given).map_err(|problems| problems.into_iter().map(|problem| problem.name).collect())
}

#[test]
fn an_address_and_a_description_are_enough() {
    let settings = parse(&[URL, DESCRIPTION]).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(settings.reach.base_url, "https://api.example.com/v1");
    assert!(settings.reach.credentials == Credentials::None && settings.is_writable);
    assert!(settings.description.classes.contains_key("users"));
}

#[test]
fn each_way_to_prove_who_we_are_has_its_properties() {
    for (given, problems) in [
        (&[("authentication", "BASIC"), ("user", "u"), ("password", "p")][..], &[][..]),
        (&[("authentication", "BEARER"), ("token", "t")], &[]),
        (&[("authentication", "HEADER"), ("headerName", "X-Api-Key"), ("headerValue", "k")], &[]),
        (
            &[
                ("authentication", "OAUTH2"),
                ("tokenUrl", "https://a/t"),
                ("clientId", "c"),
                ("clientSecret", "s"),
                ("scope", "x"),
                ("clientAuthentication", "BODY"),
            ],
            &[],
        ),
        (&[("authentication", "BASIC"), ("user", "u")], &["password"]),
        (&[("authentication", "OAUTH2")], &["tokenUrl", "clientId", "clientSecret"]),
        (&[("token", "t")], &["token"]),
        (&[("authentication", "HEADER"), ("headerName", "Host"), ("headerValue", "k")], &["headerName"]),
        (&[("authentication", "HEADER"), ("headerName", "X-K"), ("headerValue", "a b")], &["headerValue"]),
        (&[("authentication", "BEARER"), ("token", "two words")], &["token"]),
    ] {
        let all: Vec<_> = [URL, DESCRIPTION].into_iter().chain(given.iter().copied()).collect();
        assert_eq!(parse(&all).err().unwrap_or_default(), problems, "{given:?}");
    }
}

#[test]
fn each_problem_names_its_property() {
    let check = |given: &[(&str, &str)], property: &str| {
        let given: Vec<_> = [URL, DESCRIPTION].into_iter().chain(given.iter().copied()).collect();
        assert_eq!(parse(&given).err(), Some(vec![property.to_owned()]), "{given:?}");
    };
    for url in
        ["", "api.example.com", "ftp://a", "https://", "https://u:p@a/", "https://a/?x=1", "https://a /"]
    {
        check(&[("baseUrl", url)], "baseUrl");
    }
    for (name, text) in [
        ("basUrl", "https://a"),
        ("authentication", "KERBEROS"),
        ("caCertificate", "none"),
        ("writable", "yes"),
        ("maximumAnswerBytes", "1"),
        ("maximumEntries", "0"),
        ("description", "{"),
    ] {
        check(&[(name, text)], name);
    }
    assert_eq!(parse(&[]).err(), Some(vec!["baseUrl".to_owned(), "description".to_owned()]));
}
