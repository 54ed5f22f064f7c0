//! The suite of all connectors, over each database and each way to keep accounts in it.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use muster_connector::conformance::{Fixture, Sample, conforms};
use muster_connector::{Connector, RemoteAttribute, RemoteClass, RemoteMembership};
use muster_model::{AttributeName, Field};

use crate::systems::System;

/// Who makes keys, and of what sort they are.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    Texts,
    Numbers,
    GivenNumbers,
    GivenUuids,
}

#[derive(Clone, Copy, PartialEq)]
enum Changes {
    None,
    Told,
    WithMarks(&'static str),
}

struct Subject {
    keys: Keys,
    changes: Changes,
    has_references: bool,
    /// One database on PostgreSQL, with a schema for each system; a file for each on SQLite.
    postgres: Option<System>,
    sqlite: std::sync::Mutex<Vec<System>>,
    schemas: AtomicU32,
}

async fn check(is_postgres: bool, keys: Keys, changes: Changes, has_references: bool) {
    let postgres = if is_postgres { Some(System::postgres().await) } else { None };
    let (sqlite, schemas) = (std::sync::Mutex::new(Vec::new()), AtomicU32::new(0));
    conforms(&Subject { keys, changes, has_references, postgres, sqlite, schemas }).await;
}

macro_rules! suites {
    ($($name:ident: $keys:expr, $changes:expr, $references:expr;)*) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test] async fn $name() { check(false, $keys, $changes, $references).await; })*
        }
        mod postgres {
            use super::*;
            $(#[tokio::test] async fn $name() { check(true, $keys, $changes, $references).await; })*
        }
    };
}

suites! {
    keys_of_the_caller: Keys::Texts, Changes::None, false;
    numbers_of_the_caller: Keys::Numbers, Changes::Told, false;
    numbers_of_the_database: Keys::GivenNumbers, Changes::None, false;
    uuids_of_the_database: Keys::GivenUuids, Changes::Told, false;
    references_that_must_exist: Keys::Texts, Changes::None, true;
    changes_without_deletes: Keys::Texts, Changes::Told, false;
    changes_with_truths_as_marks: Keys::Texts, Changes::WithMarks("boolean"), false;
    changes_with_instants_as_marks: Keys::Numbers, Changes::WithMarks("timestamp"), false;
    marks_beside_keys_of_the_database: Keys::GivenNumbers, Changes::WithMarks("boolean"), false;
}

impl Subject {
    fn gives_keys(&self) -> bool {
        matches!(self.keys, Keys::GivenNumbers | Keys::GivenUuids)
    }

    /// The tables, with names that have to be quoted.
    fn tables(&self) -> String {
        let is_postgres = self.postgres.is_some();
        let (key, of_key) = match (self.keys, is_postgres) {
            (Keys::Texts, _) => ("text PRIMARY KEY NOT NULL", "text"),
            (Keys::Numbers, _) => ("integer PRIMARY KEY NOT NULL", "integer"),
            (Keys::GivenNumbers, true) => ("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "bigint"),
            (Keys::GivenNumbers, false) => ("integer PRIMARY KEY AUTOINCREMENT", "integer"),
            (Keys::GivenUuids, true) => ("uuid PRIMARY KEY DEFAULT gen_random_uuid()", "uuid"),
            (Keys::GivenUuids, false) => ("text PRIMARY KEY NOT NULL DEFAULT (hex(randomblob(16)))", "text"),
        };
        let manager = if self.has_references { "REFERENCES \"the people\"" } else { "" };
        let (mark, alive) = match self.changes {
            Changes::WithMarks("boolean") => (", \"gone?\" boolean DEFAULT false", "NOT \"gone?\""),
            Changes::WithMarks(kind) => {
                (if kind == "timestamp" { ", \"gone?\" timestamp" } else { "" }, "\"gone?\" IS NULL")
            }
            Changes::None | Changes::Told => ("", "true"),
        };
        let unique = match alive {
            "true" => "CREATE UNIQUE INDEX names ON \"the people\" (name);".to_owned(),
            alive => format!("CREATE UNIQUE INDEX names ON \"the people\" (name) WHERE {alive};"),
        };
        let unique = if self.gives_keys() { unique } else { String::new() };
        let rising = match (self.changes, is_postgres) {
            (Changes::None, _) => "",
            (_, true) => RISING_POSTGRES,
            (_, false) => RISING_SQLITE,
        };
        format!(
            "CREATE TABLE \"the people\" (\"Id\" {key}, name text, title text, manager {of_key} {manager}, \
               active boolean, changed bigint{mark});
             CREATE TABLE mails (person {of_key} NOT NULL, mail text NOT NULL);
             CREATE TABLE groups (id text PRIMARY KEY);
             CREATE TABLE members (grp text NOT NULL REFERENCES groups, person {of_key} NOT NULL, PRIMARY KEY (grp, person));
             INSERT INTO groups VALUES ('staff'), ('it''s \"a\" group');
             {unique}
             {rising}"
        )
    }
}

const RISING_SQLITE: &str = r#"
CREATE TABLE counter (n integer); INSERT INTO counter VALUES (0);
CREATE TRIGGER made AFTER INSERT ON "the people" BEGIN UPDATE counter SET n = n + 1;
  UPDATE "the people" SET changed = (SELECT n FROM counter) WHERE "Id" = NEW."Id"; END;
CREATE TRIGGER written AFTER UPDATE ON "the people" BEGIN UPDATE counter SET n = n + 1;
  UPDATE "the people" SET changed = (SELECT n FROM counter) WHERE "Id" = NEW."Id"; END;"#;

const RISING_POSTGRES: &str = r#"
CREATE SEQUENCE rising;
CREATE FUNCTION rise() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.changed := nextval(TG_TABLE_SCHEMA || '.rising'); RETURN NEW; END $$;
CREATE TRIGGER rises BEFORE INSERT OR UPDATE ON "the people" FOR EACH ROW EXECUTE FUNCTION rise();"#;

fn literal(field: &Field) -> String {
    let text = field.first().map(|value| value.to_text().replace('\'', "''"));
    text.map_or("NULL".to_owned(), |text| format!("'{text}'"))
}

#[async_trait]
impl Fixture for Subject {
    async fn system(&self, accounts: &[Sample]) -> Box<dyn Connector> {
        let schema = format!("s{}", self.schemas.fetch_add(1, Ordering::SeqCst));
        let mut sql = match &self.postgres {
            Some(_) => format!("CREATE SCHEMA {schema}; SET search_path = {schema};\n"),
            None => String::new(),
        };
        sql += &self.tables();
        for sample in accounts {
            let get = |name: &str| {
                let found = sample.attributes.iter().find(|(known, _)| known.as_str() == name);
                found.map_or(Field::Absent, |(_, field)| field.clone())
            };
            let made_with = if self.gives_keys() { "name" } else { "\"Id\"" };
            sql += &format!(
                "INSERT INTO \"the people\" ({made_with}, title, active) VALUES ('{}', {}, {});\n",
                sample.uid,
                literal(&get("title")),
                sample.enabled
            );
            for mail in get("mail").values() {
                sql += &format!(
                    "INSERT INTO mails SELECT \"Id\", '{}' FROM \"the people\" WHERE {made_with} = '{}';\n",
                    mail.to_text(),
                    sample.uid
                );
            }
        }
        let mut more = vec![
            ("enabledColumn", "active"),
            ("multiValues.the people.mail", "mails(person, mail)"),
            ("multiValues.groups.member", "members(grp, person)"),
        ];
        if self.gives_keys() {
            more.push(("keysGivenBy", "DATABASE"));
        }
        match self.changes {
            Changes::None => {}
            Changes::Told => more.push(("changeColumn", "changed")),
            Changes::WithMarks(_) => more.extend([("changeColumn", "changed"), ("deletedColumn", "gone?")]),
        }
        match &self.postgres {
            Some(system) => {
                system.run(sql).await;
                more.push(("schema", &schema));
                system.open(&more).await
            }
            None => {
                let system = System::sqlite().await;
                // One transaction is one wait for the disk.
                system.run(format!("BEGIN; {sql} COMMIT;")).await;
                let connector = system.open(&more).await;
                self.sqlite.lock().unwrap().push(system);
                connector
            }
        }
    }

    fn class(&self) -> RemoteClass {
        let attribute = |name: &str| RemoteAttribute { name: name.into(), multi_valued: name == "mail" };
        let mut attributes = vec!["Id", "title", "mail"];
        if self.gives_keys() {
            attributes.push("name");
        }
        if self.has_references {
            attributes.push("manager");
        }
        RemoteClass {
            attributes: attributes.into_iter().map(attribute).collect(),
            name_attribute: self.gives_keys().then(|| "name".into()),
            membership: Some(RemoteMembership {
                attribute: "groups".into(),
                remote_name: "groups".to_owned(),
                uid_attribute: "id".into(),
                member_attribute: "member".into(),
            }),
            ..RemoteClass::new("the people", "Id")
        }
    }

    fn uid(&self, number: usize) -> String {
        match self.keys {
            Keys::Numbers => (number + 8).to_string(),
            Keys::Texts | Keys::GivenNumbers | Keys::GivenUuids => format!("Ü'{number}"),
        }
        .replace('\'', if matches!(self.keys, Keys::Texts) { "\u{2019}" } else { "" })
    }

    fn unknown_uid(&self) -> String {
        if self.gives_keys() { "nobody".to_owned() } else { self.uid(9) }
    }

    fn entitlements(&self) -> Vec<String> {
        vec!["staff".to_owned(), "it's \"a\" group".to_owned()]
    }

    fn text_attribute(&self) -> AttributeName {
        "title".into()
    }

    fn several_attribute(&self) -> Option<AttributeName> {
        Some("mail".into())
    }

    fn reference_attribute(&self) -> Option<AttributeName> {
        self.has_references.then(|| "manager".into())
    }
}
