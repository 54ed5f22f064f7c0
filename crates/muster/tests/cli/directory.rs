//! The example of the directory, as a whole: people come from the HR file, accounts and groups go to an LDAP server and a
//! SCIM service that others wrote. What stands there is looked at with `ldapsearch` and `curl`, not with our own reader.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use muster_model::configuration::{ConfigurationKind, Document, Leniency};
use muster_store::{ResourceWrite, Written};
use muster_testkit::people::{BadLines, Day, Export, Share, Turnover, write_csv};
use muster_testkit::servers::scim::{ScimServer, TOKEN};
use muster_testkit::servers::slapd::{PASSWORD, Slapd, SlapdSettings};
use serde_json::Value;

use crate::world::{Called, World, example, finish, finish_with, start};

const COUNT: u64 = 300;

/// A tenant with the example of the directory, and the systems that it speaks of.
struct Site {
    world: World,
    slapd: Slapd,
    scim: ScimServer,
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/directory")
}

/// The documents of the directory, those first that others refer to.
fn documents() -> Vec<(ConfigurationKind, Value)> {
    let mut documents = Vec::new();
    for kind in ConfigurationKind::ALL {
        let Ok(folder) = fs::read_dir(examples().join("conf").join(kind.path_segment())) else { continue };
        for file in folder {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            documents.push((kind, serde_json::from_str(&text).unwrap()));
        }
    }
    documents
}

fn set_property(definition: &mut Value, name: &str, value: &str) {
    let properties = definition["connectorProperties"].as_array_mut().unwrap();
    let property = properties.iter_mut().find(|property| property["name"] == name).unwrap();
    property["value"] = value.into();
}

fn export(day: u32) -> Vec<u8> {
    let share = |percent| Share::from_percent(percent).unwrap();
    let turnover = Turnover { joiners: share(2.0), changed: share(4.0), leavers: share(2.0) };
    let day = if day == 1 { Day::First } else { Day::Second(turnover) };
    let mut written = Vec::new();
    write_csv(&Export { count: COUNT, seed: 1, day, bad_lines: BadLines::None }, &mut written).unwrap();
    written
}

impl Site {
    fn new() -> Self {
        let base = fs::read_to_string(examples().join("base.ldif")).unwrap();
        // The entry of the suffix is there already.
        let (_, entries) = base.split_once("\n\n").unwrap();
        let slapd = Slapd::start(&SlapdSettings { sync: Some(1000), ..SlapdSettings::default() }, entries);
        let site = Self { world: World::empty(), slapd, scim: ScimServer::scim2("{}") };
        site.world.call(&["tenant", "create", "acme"]).expect(0);
        site.world.with_tenant(async |store| {
            for (kind, mut value) in example().into_iter().chain(documents()) {
                match value["id"].as_str().unwrap() {
                    "ldap" => set_property(&mut value, "port", &site.slapd.port().to_string()),
                    "wiki-scim" => set_property(&mut value, "baseUrl", &site.scim.url("example")),
                    _ => {}
                }
                let document = Document::read(kind, &value, Leniency::Strict).unwrap();
                let body = document.to_value().to_string();
                let checked = store.configuration_version().await.unwrap();
                let write = ResourceWrite::new(kind as u8, document.id().as_str(), Written::Created(body));
                store.write_resource(checked, write).await.unwrap();
            }
        });
        for (name, value) in [("directory-password", PASSWORD), ("wiki-token", TOKEN)] {
            let mut put = site.command(&["secret", "put", "--tenant", "acme", name]);
            finish_with(&mut put, value).expect(0);
        }
        site
    }

    /// The program, which may call this machine.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.command(arguments);
        command.env("MUSTER_EGRESS_ALLOW", "acme 127.0.0.0/8:*");
        command
    }

    fn call(&self, arguments: &[&str]) -> Called {
        finish(&mut self.command(arguments))
    }

    fn deliver(&self, day: u32) {
        self.world.deliver(&export(day));
        self.call(&["run", "sync", "hr-reconciliation", "--tenant", "acme"]).expect(0);
    }

    fn provision(&self) -> Called {
        self.call(&PROVISION)
    }

    /// The people of the directory by employee number, with what `ldapsearch` says of them.
    fn people(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let found = self.slapd.search(
            "ou=people,dc=example,dc=org",
            "(objectClass=inetOrgPerson)",
            &["*", "entryUUID"],
        );
        let entries = found.split("\n\n").filter(|entry| !entry.trim().is_empty());
        let read = |entry: &str| -> BTreeMap<String, String> {
            let lines = entry.lines().filter_map(|line| line.split_once(':'));
            lines
                .map(|(name, value)| (name.to_owned(), value.trim_start_matches(':').trim().to_owned()))
                .collect()
        };
        let people: Vec<_> = entries.map(read).collect();
        let count = people.len();
        let by_number: BTreeMap<_, _> =
            people.into_iter().map(|person| (person["employeeNumber"].clone(), person)).collect();
        assert_eq!(by_number.len(), count, "nobody has two accounts");
        by_number
    }

    /// The members of a group but for who keeps its place.
    fn members(&self, group: &str) -> BTreeSet<String> {
        let found = self.slapd.search("ou=groups,dc=example,dc=org", &format!("(cn={group})"), &["member"]);
        let members = found.lines().filter_map(|line| line.strip_prefix("member: "));
        members.map(str::to_lowercase).filter(|member| !member.starts_with("cn=nobody,")).collect()
    }

    /// The user names of the wiki, and how many users there are.
    fn wiki(&self) -> (BTreeSet<String>, usize) {
        let url = format!("{}/Users?count=1000", self.scim.url("example"));
        let header = format!("Authorization: Bearer {TOKEN}");
        let output = Command::new("curl").args(["-sf", "-H", &header, &url]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        let users = list["Resources"].as_array().cloned().unwrap_or_default();
        let names = users.iter().map(|user| user["userName"].as_str().unwrap().to_lowercase());
        (names.collect(), users.len())
    }

    /// That directory, groups and wiki are as the HR file of a day says.
    fn assert_as_delivered(&self, day: u32, gone: &BTreeSet<String>) {
        let text = String::from_utf8(export(day)).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
        let people = self.people();
        let expected: BTreeSet<String> = rows.iter().map(|row| row[0].to_owned()).collect();
        let known: BTreeSet<String> = people.keys().cloned().collect();
        assert_eq!(
            known,
            expected.union(gone).cloned().collect(),
            "everybody has an account, the gone as well"
        );
        let mut groups: BTreeMap<&str, BTreeSet<String>> =
            ["staff", "it", "research"].map(|group| (group, BTreeSet::new())).into();
        let mut writers = BTreeSet::new();
        for row in &rows {
            let person = &people[row[0]];
            assert_eq!(person["mail"], row[3].to_lowercase(), "{row:?}");
            assert_eq!(person["departmentNumber"], row[4], "{row:?}");
            assert!(!person.contains_key("employeeType"), "{row:?} may log in");
            let dn = person["dn"].to_lowercase();
            groups.get_mut("staff").unwrap().insert(dn.clone());
            match row[4] {
                "IT" => drop(groups.get_mut("it").unwrap().insert(dn)),
                "RND" => {
                    groups.get_mut("research").unwrap().insert(dn);
                    writers.insert(row[3].to_lowercase());
                }
                _ => {}
            }
        }
        for number in gone {
            assert_eq!(people[number]["employeeType"], "inactive", "{number} may not log in any more");
        }
        for (group, members) in groups {
            assert_eq!(self.members(group), members, "group {group}");
        }
        let (names, count) = self.wiki();
        assert_eq!((names, count), (writers.clone(), writers.len()), "who may write in the wiki");
    }
}

const PROVISION: [&str; 5] = ["run", "prov", "directory-accounts", "--tenant", "acme"];

/// Who is in the file of the first day, and not in that of the second.
fn gone() -> BTreeSet<String> {
    let numbers = |day| -> BTreeSet<String> {
        let text = String::from_utf8(export(day)).unwrap();
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    numbers(1).difference(&numbers(2)).cloned().collect()
}

#[test]
fn directory_and_wiki_follow_the_hr_file_for_two_days() {
    let site = Site::new();
    site.deliver(1);
    site.provision().expect(0);
    site.assert_as_delivered(1, &BTreeSet::new());
    let keys = |site: &Site| -> BTreeMap<String, String> {
        site.people().into_iter().map(|(number, person)| (number, person["entryUUID"].clone())).collect()
    };
    let first = keys(&site);

    let again = site.call(&[&PROVISION[..], &["--output", "json"]].concat()).expect(0).json();
    let actions = &again["counters"]["actions"];
    assert_eq!((&actions["created"], &actions["updated"]), (&0.into(), &0.into()), "nothing to do: {again}");

    site.deliver(2);
    site.provision().expect(0);
    assert!(!gone().is_empty());
    site.assert_as_delivered(2, &gone());
    let second = keys(&site);
    assert!(first.iter().all(|(number, key)| second[number] == *key), "an account stays the same one");
}

#[test]
fn whatever_dies_in_the_middle_directory_and_wiki_come_out_right() {
    let mut site = Site::new();
    site.deliver(1);
    // Muster is killed after ever more time, and every other time the directory with it.
    for (round, millis) in [60, 120, 180, 260, 340, 450, 600, 800, 1_000, 1_300].into_iter().enumerate() {
        let mut muster = start(&mut site.command(&PROVISION));
        sleep(Duration::from_millis(millis));
        if round % 2 == 1 {
            site.slapd.kill();
            sleep(Duration::from_millis(50));
        }
        let _ = muster.kill();
        let _ = muster.wait();
        if round % 2 == 1 {
            site.slapd.restart();
        }
    }
    site.finish();
    site.assert_as_delivered(1, &BTreeSet::new());

    site.deliver(2);
    for millis in [150, 300, 500] {
        let mut muster = start(&mut site.command(&PROVISION));
        sleep(Duration::from_millis(millis));
        site.slapd.kill();
        site.slapd.restart();
        let _ = muster.kill();
        let _ = muster.wait();
    }
    site.finish();
    site.assert_as_delivered(2, &gone());
}

impl Site {
    /// Has the task carried out until a run finds nothing left to do: a run of a process that was killed may have to be
    /// waited for, and accounts whose answer was lost are asked for after a while.
    fn finish(&self) {
        for _ in 0..60 {
            let called = self.provision();
            if called.code == 0 {
                return;
            }
            let _ = self.call(&["run", "release", "--all", "--tenant", "acme"]);
            let _ = self.call(&["application", "release", "directory", "--tenant", "acme"]);
            sleep(Duration::from_secs(1));
        }
        panic!("the task never comes through: {:?}", self.provision());
    }
}
