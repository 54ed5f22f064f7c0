//! Routes, callers and hostile requests: `tests/rights.txt` says which status each of them gets. A route that it
//! does not name fails the test, and so does a line without a route; the message shows the line that is missing.

use muster_api::rights::Role;
use muster_api::routes::{Access, Content, Method, Route, routes};
use muster_api::{ApiSettings, openapi};
use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use serde_json::json;

use crate::world::{
    application, conf, connector_definition, profile, provisioning_task, server, synchronization_task, target,
};

const TABLE: &str = include_str!("../rights.txt");
/// The columns of the table: who calls, then what an admin sends.
const COLUMNS: [&str; 13] = [
    "nobody",
    "stranger",
    "without",
    "viewer",
    "operator",
    "configurator",
    "approver",
    "admin",
    "malformed",
    "announced",
    "sent",
    "type",
    "query",
];
/// The column of the first body.
const BODIES: usize = 8;
/// The largest body of the server, in octets, but for datasets and files of connectors, whose limit is their own.
const LIMIT: u64 = 2048;
/// Routes that are asked at the same time.
const AT_ONCE: usize = 16;
/// A path that cannot be read.
const NO_PATH: &str = "no/../such";

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    method: String,
    path: String,
    statuses: Vec<u16>,
}

impl Line {
    /// A line that is of another form has no statuses, so that it differs from what is answered.
    fn read(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap_or_default().to_owned();
        let (method, path) = (next(), next());
        let statuses: Result<_, _> = words.map(str::parse).collect();
        Self { method, path, statuses: statuses.unwrap_or_default() }
    }

    fn text(&self) -> String {
        let statuses: Vec<_> = self.statuses.iter().map(u16::to_string).collect();
        let (of_callers, of_requests) = statuses.split_at(BODIES.min(statuses.len()));
        let (callers, requests) = (of_callers.join(" "), of_requests.join(" "));
        format!("{:<6} {:<92} {callers}  {requests}", self.method, self.path).trim_end().to_owned()
    }

    fn is_of(&self, route: &Route) -> bool {
        self.method == route.method.as_str() && self.path == route.path
    }

    fn status(&self, column: &str) -> u16 {
        self.statuses[COLUMNS.iter().position(|name| *name == column).unwrap()]
    }
}

fn table() -> Vec<Line> {
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(Line::read).collect()
}

/// Things of these names are there, of each kind.
#[derive(Debug, Clone)]
struct Names {
    thing: String,
    object: String,
    path: String,
    synchronization: String,
    provisioning: String,
}

impl Names {
    /// Nothing is called so.
    fn of_nothing() -> Self {
        let nothing = "nothing".to_owned();
        let instance = "01900000-0000-7000-8000-000000000000".to_owned();
        Self {
            thing: nothing.clone(),
            object: nothing,
            path: NO_PATH.to_owned(),
            synchronization: instance.clone(),
            provisioning: instance,
        }
    }

    /// Makes one thing of each kind in the tenant `acme`.
    fn of_things(admin: &Client) -> Self {
        let thing = "there".to_owned();
        let post_processing = json!({"id": thing});
        let mut synchronization = synchronization_task(&thing);
        synchronization["applicationId"] = thing.clone().into();
        for (kind, body) in [
            ("connector-definitions", connector_definition("memory")),
            ("connector-definitions", connector_definition(&thing)),
            ("applications", application(&thing)),
            ("applications", target("payroll")),
            ("application-profiles", profile(&thing, "payroll")),
            ("sync-task-definitions", synchronization),
            ("prov-task-definitions", provisioning_task(&thing)),
            ("sync-task-post-processing-definitions", post_processing.clone()),
            ("prov-task-post-processing-definitions", post_processing),
        ] {
            let _ = admin.post(&conf("acme", kind), &body).expect(201);
        }
        let user = json!({"name": thing, "roles": ["viewer"], "password": "correct horse"});
        let _ = admin.post("/acme/api/users", &user).expect(201);
        let _ = admin.put("/acme/api/sync/secrets/there", &json!({"value": "s3cret"})).expect(201);
        let launch = |tasks: &str| {
            let path = format!("/acme/api/sync/{tasks}/there/instances");
            admin.post_nothing(&path).expect(200).text().to_owned()
        };
        let object = admin.post("/acme/api/im/IDENTITY", &json!({"attributes": {}})).expect(201).json();
        Self {
            thing,
            object: object["id"].as_str().unwrap().to_owned(),
            path: "there".to_owned(),
            synchronization: launch("sync-tasks"),
            provisioning: launch("prov-tasks"),
        }
    }

    /// The path of a route with these names in it. What a new route calls its segments is no matter.
    fn path(&self, route: &Route, tenant: &str) -> String {
        let name = |segment: &str| match segment {
            "tenant" => tenant.to_owned(),
            "kind" => "IDENTITY".to_owned(),
            "version" => "1".to_owned(),
            "path" => self.path.clone(),
            "instance" if route.path.contains("/sync-tasks/") => self.synchronization.clone(),
            "instance" => self.provisioning.clone(),
            "id" if ["/conf/", "/usersync/"].iter().any(|part| route.path.contains(part)) => {
                self.thing.clone()
            }
            "id" => self.object.clone(),
            _ => self.thing.clone(),
        };
        let segment = |text: &str| match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(segment) => name(segment),
            None => text.to_owned(),
        };
        route.path.split('/').map(segment).collect::<Vec<_>>().join("/")
    }
}

/// Who calls.
struct Callers {
    nobody: Client,
    stranger: Client,
    without: Client,
    roles: [Client; 5],
    things: Names,
}

impl Callers {
    fn make() -> (TestServer, Self) {
        let settings = ApiSettings {
            json_limit: LIMIT,
            file_limit: LIMIT,
            requests_per_second: 0,
            ..ApiSettings::default()
        };
        let server = TestServer::start(Staff::Absent, settings);
        server.make_tenant("acme");
        server.make_tenant("beta");
        let roles = Role::ALL.map(|role| server.make_token("acme", role.as_str()));
        let (stranger, without) = (server.make_token("beta", "admin"), server.make_token("acme", ""));
        let things = Names::of_things(roles.last().unwrap());
        let nobody = server.anybody().clone();
        (server, Self { nobody, stranger, without, roles, things })
    }

    fn admin(&self) -> &Client {
        self.roles.last().unwrap()
    }

    /// The lines of all routes, in their order. Many are asked at once: most of the time is spent on waiting.
    fn lines(&self) -> Vec<Line> {
        let part = routes().len().div_ceil(AT_ONCE);
        std::thread::scope(|scope| {
            let line = |route| self.line(route);
            let asked: Vec<_> = routes()
                .chunks(part)
                .map(|routes| scope.spawn(move || routes.iter().map(line).collect::<Vec<_>>()))
                .collect();
            asked.into_iter().flat_map(|lines| lines.join().unwrap()).collect()
        })
    }

    /// What the server answers to all that the columns name.
    fn line(&self, route: &Route) -> Line {
        let nothing = Names::of_nothing();
        let path = nothing.path(route, "acme");
        let harmless = |client: &Client| {
            client.send(route.method.as_str(), &path, &[("content-type", "application/json")], b"{}").status
        };
        let mut statuses = vec![harmless(&self.nobody), harmless(&self.stranger)];
        statuses.push(harmless(&self.without));
        statuses.extend(self.roles.iter().map(harmless));
        // What takes a body gets it where there is something to change; what takes none could do what it says.
        let names = if route.body == Content::Nothing { &nothing } else { &self.things };
        statuses.extend(self.bodies(route, &names.path(route, "acme")));
        let query = format!("{path}?colour=red");
        let asked =
            self.admin().send(route.method.as_str(), &query, &[("content-type", taken(route))], b"{}");
        statuses.push(asked.status);
        Line { method: route.method.as_str().to_owned(), path: route.path.clone(), statuses }
    }

    /// The statuses of the bodies: one that is malformed, one too large that is announced and not sent, one too
    /// large that is sent and not announced, one of another type.
    fn bodies(&self, route: &Route, path: &str) -> [u16; 4] {
        let send = |headers: &[(&str, &str)], body: &[u8]| {
            self.admin().send(route.method.as_str(), path, headers, body).status
        };
        let kind = ("content-type", taken(route));
        let is_many = matches!(route.body, Content::Xml | Content::JsonList(_));
        let large =
            if is_many { muster_dataset::limits::OCTETS } else { usize::try_from(LIMIT).unwrap() } + 1;
        let chunked = [format!("{large:x}\r\n").into_bytes(), vec![b' '; large], b"\r\n0\r\n\r\n".to_vec()];
        [
            send(&[kind], b"{\"a\": \xff"),
            send(&[kind, ("content-length", "1000000000000")], b""),
            send(&[kind, ("transfer-encoding", "chunked")], &chunked.concat()),
            send(&[("content-type", "application/x-www-form-urlencoded")], b"a=b"),
        ]
    }
}

/// The type of the bodies that a route takes.
fn taken(route: &Route) -> &'static str {
    match route.body {
        Content::Patch(_) => "application/merge-patch+json",
        Content::Xml => "application/xml",
        Content::Octets => "application/octet-stream",
        Content::Nothing
        | Content::Json(_)
        | Content::JsonOrNothing(_)
        | Content::JsonList(_)
        | Content::JsonListOrCsv(_)
        | Content::AnyJson
        | Content::TextOrJson(_)
        | Content::Text
        | Content::Events => "application/json",
    }
}

#[test]
fn every_route_answers_everybody_as_the_table_says() {
    let ((_server, callers), table) = (Callers::make(), table());
    let mut wrong = Vec::new();
    for (route, found) in routes().iter().zip(callers.lines()) {
        let lines: Vec<_> = table.iter().filter(|line| line.is_of(route)).collect();
        if lines.len() > 1 {
            wrong.push(format!("stands twice: {} {}", found.method, found.path));
        }
        if lines.first().is_none_or(|line| **line != found) {
            wrong.extend(lines.first().map(|line| format!("the table says: {}", line.text())));
            wrong.push(format!("the server says: {}", found.text()));
        }
    }
    let left = table.iter().filter(|line| !routes().iter().any(|route| line.is_of(route)));
    wrong.extend(left.map(|line| format!("no such route: {}", line.text())));
    assert!(wrong.is_empty(), "tests/rights.txt and the server differ:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_keeps_its_laws() {
    let (description, mut broken) = (openapi(), Vec::new());
    for line in table() {
        assert_eq!(line.statuses.len(), COLUMNS.len(), "{}", line.text());
        let Some(route) = routes().iter().find(|route| line.is_of(route)) else { continue };
        let mut law = |holds: bool, law: &str| {
            if !holds {
                broken.push(format!("{law}: {}", line.text()));
            }
        };
        law(line.status("query") == 400, "an unknown parameter is refused");
        let operation = &description["paths"][&route.path][route.method.as_str().to_lowercase()];
        let described = |status: &u16| operation["responses"].get(status.to_string()).is_some();
        law(line.statuses.iter().all(described), "every status is described");
        law(line.statuses.iter().all(|status| *status < 500), "no request makes the server fail");
        if matches!(route.access, Access::Everybody(_)) {
            law(line.statuses[..BODIES].iter().all(|status| *status == 200), "everybody may");
            continue;
        }
        law(line.status("nobody") == 401, "nobody gets in without credentials");
        law(line.status("stranger") == 404, "a stranger finds nothing");
        law(line.status("without") == 403, "who has no role has no right");
        law(line.status("admin") != 403, "an admin has every right");
        if route.body == Content::Nothing {
            let unread =
                line.statuses[BODIES..BODIES + 4].iter().all(|status| *status == line.status("admin"));
            law(unread, "a body that nobody asked for is not read");
            continue;
        }
        law(line.status("announced") == 413 && line.status("sent") == 413, "a large body is refused");
        if route.body != Content::Octets {
            law(line.status("malformed") == 400, "a malformed body is refused");
            law(line.status("type") == 415, "a body of another type is refused");
        }
    }
    assert!(broken.is_empty(), "tests/rights.txt breaks laws:\n{}", broken.join("\n"));
}

#[test]
fn the_head_of_the_table_names_its_columns() {
    let head = TABLE.lines().rfind(|line| line.starts_with('#')).unwrap();
    let words: Vec<_> = head.trim_start_matches('#').split_whitespace().collect();
    assert_eq!(words, [["method", "path"].as_slice(), &COLUMNS].concat());
}

#[test]
fn other_methods_are_no_way_around() {
    let (server, admin) = server(Staff::Absent);
    for route in routes().iter().filter(|route| route.method == Method::Get) {
        let path = route.path.replace("{tenant}", "acme").replace(['{', '}'], "");
        let served =
            |method: &str| routes().iter().any(|r| r.path == route.path && r.method.as_str() == method);
        for method in ["PATCH", "OPTIONS", "TRACE", "PROPFIND"].into_iter().filter(|method| !served(method)) {
            for client in [server.anybody(), &admin] {
                assert_eq!(client.send(method, &path, &[], b"").status, 405, "{method} {path}");
            }
        }
    }
}
