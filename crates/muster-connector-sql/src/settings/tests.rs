//! Tests of the settings.

use super::*;

const POSTGRES: [(&str, &str); 4] =
    [("database", "postgres"), ("host", "db.example.org"), ("databaseName", "hr"), ("user", "muster")];
const SQLITE: [(&str, &str); 2] = [("database", "sqlite"), ("file", "hr.db")];

fn parse(given: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let given = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Settings::parse(&given).map_err(|problems| problems.into_iter().map(|problem| problem.name).collect())
}

#[test]
fn few_properties_are_enough() {
    let settings = parse(&POSTGRES).unwrap();
    let System::Postgres(server) = &settings.system else { panic!("{settings:?}") };
    assert_eq!((server.port, server.schema.as_str()), (5432, "public"));
    assert_eq!(server.tls, Tls::VerifyFull { roots: None });
    assert_eq!((settings.access, settings.keys), (Access::ReadWrite, KeysGivenBy::Caller));
    assert_eq!(parse(&SQLITE).unwrap().system, System::Sqlite { file: "hr.db".to_owned() });
}

#[test]
fn each_problem_names_its_property() {
    for (base, more, expected) in [
        (&[][..], &[][..], &["database"][..]),
        (&[], &[("database", "oracle")], &["database"]),
        (&[], &[("database", "postgres")], &["host", "databaseName", "user"]),
        (&[], &[("database", "sqlite")], &["file"]),
        (&POSTGRES, &[("port", "0")], &["port"]),
        (&POSTGRES, &[("port", "65536")], &["port"]),
        (&POSTGRES, &[("file", "hr.db")], &["file"]),
        (&POSTGRES, &[("tls", "PREFER")], &["tls"]),
        (&POSTGRES, &[("caCertificate", "none")], &["caCertificate"]),
        (&POSTGRES, &[("password", "a\0b")], &["password"]),
        (&POSTGRES, &[("schema", "")], &["schema"]),
        (&POSTGRES, &[("keysGivenBy", "GOD")], &["keysGivenBy"]),
        (&POSTGRES, &[("deletedColumn", "gone")], &["deletedColumn"]),
        (&POSTGRES, &[("enabledValue", "1")], &["enabledValue"]),
        (&POSTGRES, &[("enabledColumn", "on"), ("disabledValue", "TRUE")], &["disabledValue"]),
        (&POSTGRES, &[("changeColumn", "at"), ("changeOverlap", "-1")], &["changeOverlap"]),
        (&SQLITE, &[("host", "h"), ("tls", "DISABLE")], &["host", "tls"]),
        (&[("database", "sqlite")], &[("file", "../x.db")], &["file"]),
        (&SQLITE, &[("writable", "maybe")], &["writable"]),
        (&SQLITE, &[("maximumValueBytes", "0")], &["maximumValueBytes"]),
        (&SQLITE, &[("query.x", "DELETE FROM x")], &["query.x"]),
        (&SQLITE, &[("query.x", "SELECT 1; DROP TABLE x")], &["query.x"]),
        (&SQLITE, &[("query.", "SELECT 1")], &["query."]),
        (&SQLITE, &[("multiValues.mail", "m(a,b)")], &["multiValues.mail"]),
        (&SQLITE, &[("multiValues.p.mail", "m(a)")], &["multiValues.p.mail"]),
        (&SQLITE, &[("multiValues.p.mail", "m(a,b,c)")], &["multiValues.p.mail"]),
        (&SQLITE, &[("chnageColumn", "x")], &["chnageColumn"]),
    ] {
        let given: Vec<_> = base.iter().chain(more).copied().collect();
        assert_eq!(parse(&given).unwrap_err(), expected, "{given:?}");
    }
}

#[test]
fn tables_of_values_are_read() {
    let more = [("multiValues.hr.people.mail", " hr.mails ( person , mail )")];
    let settings = parse(&[&SQLITE[..], &more].concat()).unwrap();
    let rule = settings.several_of("hr.people", "mail").unwrap();
    assert_eq!(
        (rule.table.as_str(), rule.owner.as_str(), rule.value.as_str()),
        ("hr.mails", "person", "mail")
    );
    assert_eq!(settings.several_of("people", "mail"), None);
}

#[test]
fn a_password_is_never_shown() {
    let settings = parse(&[&POSTGRES[..], &[("password", "hush")]].concat()).unwrap();
    assert!(!format!("{settings:?}").contains("hush"));
}
