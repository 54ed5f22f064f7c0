//! The audit log over HTTP: every writing route leaves its entry under the caller's name, admins alone read it.

mod user_sync;

use std::collections::BTreeSet;

use muster_api::ApiSettings;
use muster_api::routes::{Method, routes};
use muster_engine::Launch;
use muster_model::audit::{Act, SubjectKind};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, TaskKind};
use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use muster_testkit::world::{provisioning, synchronization};
use serde_json::{Value, json};

use crate::tasks::{wait_for, wait_for_end};
use crate::world::{
    PEOPLE, application, conf, configured, connector_definition, expect_error, places, profile,
    provisioning_task, put_people, synchronization_task, target,
};

const AUDIT: &str = "/acme/api/sync/audit";

/// What the kinds of documents look like of which the other tests need none.
fn document(kind: ConfigurationKind) -> Value {
    match kind {
        ConfigurationKind::ConnectorDefinition => connector_definition("new"),
        ConfigurationKind::Application => {
            let mut application = application("new");
            // Applications that map the same attributes would get into each other's way.
            application["objectTypes"] = json!([]);
            application
        }
        ConfigurationKind::ApplicationProfile => profile("new", "payroll"),
        ConfigurationKind::SynchronizationTaskDefinition => synchronization_task("new"),
        ConfigurationKind::ProvisioningTaskDefinition => provisioning_task("new"),
        ConfigurationKind::SynchronizationTaskPostProcessingDefinition
        | ConfigurationKind::ProvisioningTaskPostProcessingDefinition => json!({"id": "new"}),
    }
}

/// Calls writing routes and compares what each leaves in the log.
struct Auditor {
    server: TestServer,
    admin: Client,
    /// The routes that were called, as the table of routes names them.
    called: BTreeSet<(&'static str, String)>,
    calls: u32,
}

impl Auditor {
    fn log(&self) -> Vec<Value> {
        let log = self.admin.get(&format!("{AUDIT}?limit=1000")).expect(200).json();
        log.as_array().unwrap().clone()
    }

    /// Sends a request of a route as a user, as whom else nobody acts; it has to succeed and to leave exactly
    /// these acts on this subject.
    fn check(
        &mut self,
        (method, route): (&'static str, &str),
        filled: &[(&str, &str)],
        body: &Value,
        left: &[&str],
    ) {
        let path = filled.iter().fold(route.replace("{tenant}", "acme"), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), value)
        });
        self.calls += 1;
        let name = format!("user{}", self.calls);
        let caller = self.server.make_user("acme", &name, "a long password", "admin");
        let (content_type, octets) = match (body.as_str(), method) {
            (Some(xml), _) if route.ends_with("/import") => ("application/xml", xml.to_owned()),
            (_, "PATCH") => ("application/merge-patch+json", body.to_string()),
            _ => ("application/json", body.to_string()),
        };
        let answer = caller.send(method, &path, &[("content-type", content_type)], octets.as_bytes());
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        let log = self.log();
        let mut own: Vec<_> = log.iter().filter(|entry| entry["actor"]["name"] == name.as_str()).collect();
        own.reverse();
        let told = |entry: &&Value| {
            let subject = entry["subject"].as_str().unwrap();
            // Nobody knows the id of an object before it is made, and the hash of a key says nothing.
            let subject = match subject.split_once('/') {
                Some((kind @ ("im" | "accounts" | "disputes"), _)) => format!("{kind}/*"),
                Some(_) | None => subject.to_owned(),
            };
            format!("{} {subject}", entry["act"].as_str().unwrap())
        };
        let acts: Vec<_> = own.iter().map(told).collect();
        assert_eq!(acts, left, "{method} {path}");
        for entry in own {
            assert_eq!((&entry["actor"]["kind"], &entry["origin"]), (&json!("USER"), &json!("127.0.0.1")));
        }
        self.called.insert((method, route.to_owned()));
    }

    fn check_configuration(&mut self) {
        for kind in ConfigurationKind::ALL {
            let (list, one) = (
                format!("/{{tenant}}/api/sync/conf/{}", kind.path_segment()),
                format!("/{{tenant}}/api/sync/conf/{}/{{id}}", kind.path_segment()),
            );
            let left = |act: &str| format!("{act} {}/new", kind.path_segment());
            self.check(("POST", &list), &[], &document(kind), &[&left("CREATE")]);
            let restore = format!("{one}/~restore");
            let is_named = document(kind).get("name").is_some();
            let patch = |word: &str| match is_named {
                true => json!({"name": word}),
                false => {
                    json!({"reportDefinition": {"errorPublicationDefinition": {"errorDetails": [word]}}})
                }
            };
            let mut changed = document(kind);
            changed.as_object_mut().unwrap().extend(patch("ERROR_CODE").as_object().unwrap().clone());
            self.check(("PUT", &one), &[("id", "new")], &changed, &[&left("REPLACE")]);
            self.check(("PATCH", &one), &[("id", "new")], &patch("ERROR_LABEL"), &[&left("REPLACE")]);
            self.check(("POST", &restore), &[("id", "new")], &json!({"version": 1}), &[&left("REPLACE")]);
            self.check(("DELETE", &one), &[("id", "new")], &json!(null), &[&left("DELETE")]);
        }
        // A connection that is tested changes nothing.
        let test = "/{tenant}/api/sync/conf/connector-definitions/{id}/~test".to_owned();
        let before = self.log().len();
        let _ =
            self.admin.post_nothing(&test.replace("{tenant}", "acme").replace("{id}", "memory")).expect(200);
        assert_eq!(self.log().len(), before);
        self.called.insert(("POST", test));
    }

    fn check_dataset(&mut self) {
        let import = "/{tenant}/api/sync/conf/dataset/import";
        let xml = "<dataset><SynchronizationTaskPostProcessingDefinition id=\"x\"/></dataset>";
        let left = "CREATE sync-task-post-processing-definitions/x";
        self.check(("POST", import), &[], &json!(xml), &[left]);
        let evaluate = "/{tenant}/api/sync/conf/~evaluate";
        self.check(("POST", evaluate), &[], &json!({"condition": "a pr"}), &[]);
    }

    fn check_files(&mut self) {
        let file = "/{tenant}/api/sync/files/{path}";
        let left = |act: &str| format!("{act} files/in/hr.csv");
        for (method, act) in [("PUT", "CREATE"), ("PUT", "REPLACE"), ("DELETE", "DELETE")] {
            self.check((method, file), &[("path", "in/hr.csv")], &json!("x"), &[&left(act)]);
        }
    }

    fn check_administration(&mut self) {
        let route = |rest: &str| format!("/{{tenant}}/api/{rest}");
        let user = json!({"name": "ann", "roles": ["viewer"], "password": "a long password"});
        self.check(("POST", &route("users")), &[], &user, &["CREATE users/ann"]);
        let ann = [("name", "ann")];
        let changed = json!({"roles": ["operator"], "password": "another long password"});
        self.check(("PUT", &route("users/{name}")), &ann, &changed, &["REPLACE users/ann"]);
        self.check(("DELETE", &route("users/{name}")), &ann, &json!(null), &["DELETE users/ann"]);
        let token = json!({"name": "ci", "roles": ["operator"]});
        self.check(("POST", &route("tokens")), &[], &token, &["CREATE tokens/ci"]);
        let ci = [("name", "ci")];
        self.check(("DELETE", &route("tokens/{name}")), &ci, &json!(null), &["DELETE tokens/ci"]);
        let (secret, ldap) = (route("sync/secrets/{name}"), [("name", "ldap")]);
        for act in ["CREATE", "REPLACE"] {
            let left = format!("{act} secrets/ldap");
            self.check(("PUT", &secret), &ldap, &json!({"value": "hush, hush"}), &[&left]);
        }
        self.check(("DELETE", &secret), &ldap, &json!(null), &["DELETE secrets/ldap"]);
        let settings = json!({"approvalHours": 5});
        self.check(("PUT", &route("settings")), &[], &settings, &["REPLACE settings/acme"]);
        self.check_objects();
        let log = Value::from(self.log()).to_string();
        for hidden in ["Hannah", "a long password", "another long password", "hush, hush", "argon2"] {
            assert!(!log.contains(hidden), "{hidden} is in the log");
        }
    }

    fn check_objects(&mut self) {
        let (all, one) = ("/{tenant}/api/im/{kind}", "/{tenant}/api/im/{kind}/{id}");
        let object = |name: &str| json!({"attributes": {"name": name}});
        self.check(("POST", all), &[("kind", "IDENTITY")], &object("Ann"), &["CREATE im/*"]);
        let subject = self.log()[0]["subject"].as_str().unwrap().to_owned();
        let identity = [("kind", "IDENTITY"), ("id", subject.strip_prefix("im/").unwrap())];
        self.check(("PUT", one), &identity, &object("Anna"), &["REPLACE im/*"]);
        assert_eq!(self.log()[0]["details"], json!({"kind": "IDENTITY", "attributes": "name"}));
        let patch = json!({"attributes": {"name": "Hannah"}});
        self.check(("PATCH", one), &identity, &patch, &["REPLACE im/*"]);
        self.check(("DELETE", one), &identity, &json!(null), &["DELETE im/*"]);
        assert_eq!(self.log()[0]["subject"], subject);
    }

    /// A run that no worker of the server takes up, since another has it.
    fn in_hand(&self, launch: &Launch) -> String {
        let (tenant, engine) = (self.server.tenant("acme"), self.server.engine());
        let now = engine.surroundings().now();
        self.server.block_on(async {
            // Nobody is told of it; should a look for work find it first, there is another.
            loop {
                let run = engine.admit(&tenant, launch.clone()).await.unwrap();
                let until = now + chrono::TimeDelta::hours(1);
                if tenant.claim(&run, "another", now, until).await.is_ok() {
                    return run.id.to_string();
                }
            }
        })
    }

    /// Whatever can be done to the owner of an account, once there is one.
    fn check_links(&mut self) {
        let objects = self.admin.get("/acme/api/im/IDENTITY").expect(200).json();
        let ann = objects.as_array().unwrap().iter().find(|object| object["attributes"]["name"] == "Ann");
        let account = |more: Value| {
            let mut body = json!({"applicationId": "hr", "objectClassId": "person", "accountKey": "1"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let accounts = "/{tenant}/api/sync/accounts";
        let (unlink, relink) = (format!("{accounts}/~unlink"), format!("{accounts}/~relink"));
        self.check(("POST", &unlink), &[], &account(json!({})), &["UNLINK accounts/*"]);
        let disputes = self.admin.get("/acme/api/sync/disputes").expect(200).json();
        let id = disputes[0]["id"].as_str().unwrap().to_owned();
        let (one, dispute) = ("/{tenant}/api/sync/disputes/{id}", [("id", id.as_str())]);
        let withdraw = format!("{one}/decision");
        self.check(("DELETE", &withdraw), &dispute, &json!(null), &["DELETE disputes/*"]);
        let ignore = json!({"decision": "IGNORE"});
        self.check(("POST", &format!("{one}/~decide")), &dispute, &ignore, &["DECIDE disputes/*"]);
        let ann = json!({"objectId": ann.unwrap()["id"]});
        self.check(("POST", &relink), &[], &account(ann), &["LINK accounts/*"]);
        // What is in no quarantine is not released from one.
        let release = "/{tenant}/api/sync/conf/applications/{id}/~release";
        self.check(("POST", release), &[("id", "hr")], &json!(null), &[]);
    }

    /// Whatever can be done to runs of a task whose plan is held.
    fn check_task(&mut self, tasks: &str, launch: &Launch) {
        let (kind, task) = (launch.kind.definition_kind(), launch.task.as_str());
        let route = |end: &str| format!("/{{tenant}}/api/sync/{tasks}/{{definition}}/instances{end}");
        let left = |act: &str| format!("{act} {}/{task}", kind.path_segment());
        let one = |action: &str| route(&format!("/{{instance}}/~{action}"));
        for (action, act) in [("pause", "PAUSE"), ("resume", "RESUME")] {
            let job = format!("/{{tenant}}/api/sync/{tasks}/{{definition}}/job/~{action}");
            self.check(("POST", &job), &[("definition", task)], &json!(null), &[&left(act)]);
        }
        let run = self.in_hand(launch);
        for (action, act) in [("pause", "PAUSE"), ("resume", "RESUME")] {
            let filled = [("definition", task), ("instance", &run)];
            self.check(("POST", &one(action)), &filled, &json!(null), &[&left(act)]);
        }
        for (action, acts) in
            [("cancel", &["CANCEL", "END"][..]), ("reject", &["REJECT", "END"]), ("approve", &["APPROVE"])]
        {
            self.check(("POST", &route("")), &[("definition", task)], &json!({}), &[&left("LAUNCH")]);
            let instances = format!("/acme/api/sync/{tasks}/{task}/instances");
            let newest = self.admin.get(&format!("{instances}?limit=1")).expect(200).json();
            let run = newest[0]["id"].as_str().unwrap().to_owned();
            let path = format!("{instances}/{run}");
            let held = wait_for(&self.admin, &path, |run| {
                ["HELD", "FINISHED"].contains(&run["progressStatus"].as_str().unwrap())
            });
            assert_eq!(held["progressStatus"], "HELD", "{held}");
            let body = match action {
                "cancel" => json!(null),
                _ => json!({"planHash": held["planHash"]}),
            };
            let filled = [("definition", task), ("instance", &run)];
            if action == "cancel" {
                let retry = route("/{instance}/failures/~retry");
                self.check(("POST", &retry), &filled, &json!({"all": true}), &[&left("LAUNCH")]);
            }
            let acts: Vec<_> = acts.iter().map(|act| left(act)).collect();
            let acts: Vec<_> = acts.iter().map(String::as_str).collect();
            self.check(("POST", &one(action)), &filled, &body, &acts);
            wait_for_end(&self.admin, &path);
            match (action, launch.kind) {
                ("approve", TaskKind::Synchronization) => {
                    self.check(("POST", &one("undo")), &filled, &json!(null), &[&left("LAUNCH")]);
                    let newest = self.admin.get(&format!("{instances}?limit=1")).expect(200).json();
                    let undo = format!("{instances}/{}", newest[0]["id"].as_str().unwrap());
                    let _ = self.admin.post_nothing(&format!("{undo}/~cancel")).expect(200);
                    wait_for_end(&self.admin, &undo);
                }
                ("approve", TaskKind::Provisioning) => {
                    // What was done to a target is not undone, so nothing is to be noted.
                    let before = self.log().len();
                    let _ = self.admin.post_nothing(&format!("{path}/~undo")).expect(409);
                    assert_eq!(self.log().len(), before);
                    self.called.insert(("POST", one("undo")));
                    // Nothing is parked, and releasing nothing is no act.
                    let release = "/{tenant}/api/sync/parked/~release".to_owned();
                    let _ = self
                        .admin
                        .post(&release.replace("{tenant}", "acme"), &json!({"all": true}))
                        .expect(200);
                    assert_eq!(self.log().len(), before);
                    self.called.insert(("POST", release));
                }
                (_, _) => {}
            }
        }
    }
}

/// A task that is there already, with a limit of no creates at all, and a schedule that fires in a long time.
fn hold(admin: &Client, kind: &str, task: &str) {
    let path = conf("acme", &format!("{kind}/{task}"));
    let mut document = admin.get(&path).expect(200).json();
    document["guards"] = json!({"create": {"count": 0}});
    document["executionPlan"] = json!({"scheduleType": "CRON", "cron": "0 0 3 1 1 ? 2099"});
    let _ = admin.put(&path, &document).expect(200);
}

#[test]
fn every_writing_route_leaves_its_acts_under_the_callers_name() {
    let (server, admin) = configured(Staff::Working);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    for class in [PEOPLE, "payroll"] {
        server.system().put_bad(class, "bad", Some("bad".to_owned()));
    }
    let _ = admin.post(&conf("acme", "applications"), &target("payroll")).expect(201);
    let mut auditor = Auditor { server, admin: admin.clone(), called: BTreeSet::new(), calls: 0 };
    auditor.check_configuration();
    auditor.check_dataset();
    auditor.check_connectors();
    auditor.check_single_syncs();
    auditor.check_files();
    auditor.check_administration();
    hold(&admin, "sync-task-definitions", "hr-import");
    auditor.check_task("sync-tasks", &synchronization("hr-import", Mode::Simulate));
    for (kind, body) in [
        ("application-profiles", profile("everybody", "payroll")),
        ("prov-task-definitions", provisioning_task("accounts")),
    ] {
        let _ = admin.post(&conf("acme", kind), &body).expect(201);
    }
    hold(&admin, "prov-task-definitions", "accounts");
    auditor.check_task("prov-tasks", &provisioning("accounts", Mode::Simulate));
    auditor.check_links();
    auditor.check_user_sync();
    let writing = routes().iter().filter(|route| route.method != Method::Get);
    let writing: BTreeSet<_> = writing.map(|route| (route.method.as_str(), route.path.clone())).collect();
    assert_eq!(auditor.called, writing, "a route that writes has to be called here, and its acts be named");
    let verified = admin.get(&format!("{AUDIT}/~verify")).expect(200).json();
    assert_eq!((&verified["valid"], &verified["entries"]), (&json!(true), &json!(auditor.log().len())));
}

#[test]
fn what_is_refused_or_only_looked_at_leaves_nothing() {
    let (server, admin) = configured(Staff::Absent);
    let viewer = server.make_token("acme", "viewer");
    let log = || admin.get(AUDIT).expect(200).json();
    let before = log();
    expect_error(admin.post(&conf("acme", "applications"), &application("hr")), 409, "CONFLICT");
    expect_error(admin.post(&conf("acme", "applications"), &json!({})), 400, "VALIDATION_FAILED");
    expect_error(admin.delete(&conf("acme", "applications/hr")), 409, "CONFLICT");
    expect_error(admin.delete("/acme/api/sync/files/none.csv"), 404, "NOT_FOUND");
    expect_error(admin.send("PUT", "/acme/api/sync/files/../out", &[], b"x"), 400, "VALIDATION_FAILED");
    expect_error(admin.post_nothing("/acme/api/sync/sync-tasks/none/instances"), 404, "NOT_FOUND");
    expect_error(viewer.delete(&conf("acme", "sync-task-definitions/hr-import")), 403, "FORBIDDEN");
    expect_error(server.anybody().with_user("ann", "wrong").get(AUDIT), 404, "NOT_FOUND");
    for path in ["", "/~verify"] {
        expect_error(viewer.get(&format!("{AUDIT}{path}")), 403, "FORBIDDEN");
        let _ = admin.get(&format!("{AUDIT}{path}")).expect(200);
    }
    assert_eq!(log(), before);
}

#[test]
fn the_log_is_listed_by_pages_and_filters() {
    let (_server, admin) = configured(Staff::Absent);
    let _ = admin.send("PUT", "/acme/api/sync/files/in/hr.csv", &[], b"no,name").expect(201);
    let launched = admin.post_nothing("/acme/api/sync/sync-tasks/hr-import/instances").expect(200);
    let list = |query: &str| admin.get(&format!("{AUDIT}{query}")).expect(200).json();
    let acts = |query: &str| -> Vec<String> {
        let list = list(query);
        let act = |entry: &Value| {
            format!("{} {}", entry["act"].as_str().unwrap(), entry["subject"].as_str().unwrap())
        };
        list.as_array().unwrap().iter().map(act).collect()
    };
    let all = acts("");
    assert_eq!(all[..2], ["LAUNCH sync-task-definitions/hr-import", "CREATE files/in/hr.csv"]);
    assert_eq!(all.last().unwrap(), "CREATE tenants/acme");
    let newest = list("?limit=2");
    assert_eq!(newest[0]["seq"], all.len());
    assert_eq!(newest[0]["actor"], json!({"kind": "TOKEN", "name": "admin"}));
    assert_eq!((&newest[0]["instanceId"], &newest[0]["outcome"]), (&json!(launched.text()), &Value::Null));
    assert_eq!(newest[1]["details"], json!({"octets": "7"}));
    let next = acts(&format!("?limit=2&after={}", newest[1]["seq"]));
    assert_eq!(next, all[2..4]);
    assert_eq!(acts(&format!("?run={}", launched.text())), all[..1]);
    assert_eq!(acts("?subject=files/in/hr.csv"), all[1..2]);
    assert_eq!(acts("?subject=files%2Fin%2Fhr.csv&act=CREATE&actor=admin"), all[1..2]);
    assert_eq!(acts("?act=LAUNCH"), all[..1]);
    assert_eq!(acts("?actor=muster&until=2999-01-01T00:00:00Z&limit=1").len(), 1);
    assert_eq!(acts("?since=2999-01-01T00:00:00Z"), [""; 0]);
    let wrong = "?limit=0&after=-1&since=now&until=then&act=create&subject=hr&run=1&actor=a&head=1:2";
    let expected = ["?act", "?after", "?head", "?limit", "?run", "?since", "?subject", "?until"];
    assert_eq!(places(admin.get(&format!("{AUDIT}{wrong}"))), expected);
    assert_eq!(places(admin.get(&format!("{AUDIT}/~verify?head=7"))), ["?head"]);
}

#[test]
fn a_head_that_was_noted_is_looked_for() {
    let (_server, admin) = configured(Staff::Absent);
    let verify = |query: &str| admin.get(&format!("{AUDIT}/~verify{query}")).expect(200).json();
    let noted = verify("");
    let head = noted["head"].as_str().unwrap();
    assert_eq!(noted["valid"], true);
    assert!(noted.get("brokenAt").is_none() && noted.get("why").is_none(), "{noted}");
    let _ = admin.send("PUT", "/acme/api/sync/files/hr.csv", &[], b"x").expect(201);
    let later = verify(&format!("?head={head}"));
    assert_eq!(
        (&later["valid"], later["entries"].as_u64()),
        (&json!(true), Some(noted["entries"].as_u64().unwrap() + 1))
    );
    let entries = noted["entries"].as_u64().unwrap();
    let other = verify(&format!("?head={entries}:{}", "0".repeat(64)));
    assert_eq!((&other["valid"], &other["brokenAt"]), (&json!(false), &json!(entries)));
    assert!(other["why"].as_str().unwrap().contains("written anew"), "{other}");
    let longer = verify(&format!("?head=99:{}", "0".repeat(64)));
    assert_eq!((&longer["valid"], &longer["brokenAt"]), (&json!(false), &json!(entries + 2)));
}

#[test]
fn tenants_have_logs_of_their_own() {
    let server = TestServer::start(Staff::Absent, ApiSettings::default());
    let admins = ["acme", "beta"].map(|tenant| {
        server.make_tenant(tenant);
        server.make_token(tenant, "admin")
    });
    let _ = admins[0].send("PUT", "/acme/api/sync/files/hr.csv", &[], b"x").expect(201);
    let verify = |place: usize, tenant: &str| {
        admins[place].get(&format!("/{tenant}/api/sync/audit/~verify")).expect(200).json()
    };
    assert_eq!((&verify(0, "acme")["entries"], &verify(1, "beta")["entries"]), (&json!(3), &json!(2)));
    let crossed = verify(1, "beta")["head"].as_str().unwrap().to_owned();
    let found = admins[0].get(&format!("{AUDIT}/~verify?head={crossed}")).expect(200).json();
    assert_eq!((&found["valid"], &found["brokenAt"]), (&json!(false), &json!(2)));
    expect_error(admins[1].get(AUDIT), 404, "NOT_FOUND");
}

#[test]
fn behind_a_proxy_of_ours_the_address_is_that_of_whom_it_asks_for() {
    for (trusted, expected) in [(vec!["127.0.0.1"], "192.0.2.9"), (vec![], "127.0.0.1")] {
        let trusted_proxies = trusted.iter().map(|proxy| proxy.parse().unwrap()).collect();
        let settings = ApiSettings { trusted_proxies, ..ApiSettings::default() };
        let server = TestServer::start(Staff::Absent, settings);
        server.make_tenant("acme");
        let admin = server.make_token("acme", "admin");
        let headers = [("content-type", "application/json"), ("x-forwarded-for", "8.8.8.8, 192.0.2.9")];
        let user = json!({"name": "ann", "roles": ["viewer"], "password": "correct horse"});
        let _ = admin.send("POST", "/acme/api/users", &headers, user.to_string().as_bytes()).expect(201);
        let entry = admin.get(&format!("{AUDIT}?limit=1")).expect(200).json()[0].clone();
        assert_eq!((&entry["subject"], &entry["origin"]), (&json!("users/ann"), &json!(expected)));
    }
}

#[test]
fn the_guide_names_every_act_and_every_sort_of_subject() {
    let guide = include_str!("../../../../docs/guide/audit.md");
    let acts = Act::ALL.iter().map(|act| format!("`{act}`"));
    let subjects = SubjectKind::all()
        .filter(|kind| match kind {
            SubjectKind::Configuration(kind) => *kind == ConfigurationKind::Application,
            SubjectKind::Tenant
            | SubjectKind::Directory
            | SubjectKind::User
            | SubjectKind::Token
            | SubjectKind::Secret
            | SubjectKind::File
            | SubjectKind::Settings
            | SubjectKind::Object
            | SubjectKind::Dispute
            | SubjectKind::Account => true,
        })
        .map(|kind| format!("`{}/", kind.as_str()));
    let missing: Vec<_> = acts.chain(subjects).filter(|word| !guide.contains(word.as_str())).collect();
    assert_eq!(missing, [""; 0]);
}
