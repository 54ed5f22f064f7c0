//! Memberships that groups hold: read from all of them, written by group in chunks.

use muster_connector::{AttributeWrite, Entry, Operation, RemoteClass, RemoteMembership, SweepEnd, Written};
use muster_model::{Field, Value};
use serde_json::{Value as Json, json};

use crate::fake::{Asked, Fake, Reply, list, ok, page, person, refusal};
use crate::{DONE, class_of, create, open, sweep, update, users, write};

fn class() -> RemoteClass {
    let membership = RemoteMembership {
        attribute: "memberOf".into(),
        remote_name: "Group".to_owned(),
        uid_attribute: "id".into(),
        member_attribute: "members".into(),
    };
    RemoteClass { membership: Some(membership), ..users(&[]) }
}

fn patching() -> Json {
    json!({"patch": {"supported": true}})
}

fn values(texts: &[&str]) -> Vec<Value> {
    texts.iter().copied().map(Value::from).collect()
}

fn joins(uid: &str, add: &[&str], remove: &[&str]) -> Operation {
    update(uid, vec![("memberOf", AttributeWrite::Values { add: values(add), remove: values(remove) })])
}

fn takes(asked: &Asked) -> Option<Reply> {
    match asked.method.as_str() {
        "POST" => Some(Reply::Json(201, Vec::new(), json!({"id": asked.body["userName"]}))),
        "PATCH" => Some(Reply::Json(204, Vec::new(), Json::Null)),
        _ => None,
    }
}

/// Somebody new in these groups.
fn made_with(name: &str, groups: &[&str]) -> Operation {
    match create(name, &[]) {
        Operation::Create { uid, mut attributes, enabled } => {
            attributes.push(("memberOf".into(), Field::Many(values(groups))));
            Operation::Create { uid, attributes, enabled }
        }
        other @ (Operation::Update { .. } | Operation::Delete { .. }) => other,
    }
}

/// How many members a request is about.
fn count(asked: &Asked) -> usize {
    let operations = asked.body["Operations"].as_array().unwrap();
    operations.iter().map(|one| one["value"].as_array().map_or(1, Vec::len)).sum()
}

#[tokio::test]
async fn members_are_sent_by_group_in_chunks() {
    let fake = Fake::start(patching(), takes);
    let connector = open(&fake.url(), &[]).await;
    let operations: Vec<Operation> =
        (0..250).map(|number| joins(&format!("k{number}"), &["g1"], &["g2"])).collect();
    let outcomes = write(&*connector, &class(), operations).await;
    assert!(outcomes.iter().all(|outcome| *outcome == DONE), "{outcomes:?}");
    for group in ["g1", "g2"] {
        let path = format!("/Groups/{group}");
        let counts: Vec<usize> = fake.asked().iter().filter(|asked| asked.path == path).map(count).collect();
        assert_eq!(counts, [100, 100, 50], "{group}");
    }
    assert_eq!(fake.lines().len(), 6, "nothing else is asked for: no account has changed");
}

#[tokio::test]
async fn a_new_account_is_made_before_it_becomes_a_member() {
    let fake = Fake::start(patching(), takes);
    let connector = open(&fake.url(), &[]).await;
    let outcomes = write(&*connector, &class(), vec![made_with("ada", &["g1"])]).await;
    assert_eq!(outcomes, [Ok(Written { given_uid: Some("ada".to_owned()) })]);
    assert_eq!(fake.lines(), ["POST /Users", "PATCH /Groups/g1"]);
    assert_eq!(fake.asked()[0].body["memberOf"], Json::Null);
    let added = json!([{"op": "add", "path": "members", "value": [{"value": "ada"}]}]);
    assert_eq!(fake.asked()[1].body["Operations"], added);
}

#[tokio::test]
async fn an_account_that_was_made_is_not_lost_with_its_memberships() {
    for (status, of_an_update) in
        [(503, "Transient"), (403, "Unusable"), (404, "Rejected"), (400, "Rejected"), (409, "Conflict")]
    {
        let fake = Fake::start(patching(), move |asked| match asked.path.as_str() {
            "/Groups/g2" => Some(refusal(status, "", "not this group")),
            _ => takes(asked),
        });
        let connector = open(&fake.url(), &[]).await;
        let operations = vec![
            made_with("ada", &["g1", "g2"]),
            made_with("bob", &["g1"]),
            made_with("cy", &["g2"]),
            joins("k1", &["g2"], &[]),
        ];
        let outcomes = write(&*connector, &class(), operations).await;
        for (place, key) in [(0, "ada"), (2, "cy")] {
            let error = outcomes[place].as_ref().unwrap_err();
            assert_eq!(class_of(error), "Conflict", "{status}: {error}");
            let told = error.to_string();
            assert!(told.contains(&format!("was made under `{key}`")), "{status}: {told}");
            assert!(told.contains("/Groups/g2") && told.contains("not this group"), "{status}: {told}");
        }
        assert_eq!(outcomes[1], Ok(Written { given_uid: Some("bob".to_owned()) }), "{status}");
        assert_eq!(outcomes[3].as_ref().map_err(class_of), Err(of_an_update), "{status}");
    }
}

#[tokio::test]
async fn dialects_remove_members_in_their_way() {
    for (others, expected) in [
        (&[][..], json!([{"op": "remove", "path": "members[value eq \"k1\"]"}])),
        (&[("dialect", "ENTRA")], json!([{"op": "Remove", "path": "members", "value": [{"value": "k1"}]}])),
        (&[("dialect", "OKTA")], json!([{"op": "remove", "path": "members[value eq \"k1\"]"}])),
    ] {
        let fake = Fake::start(json!({}), takes);
        let others: Vec<_> = others.iter().copied().chain([("patchMembers", "ALWAYS")]).collect();
        let connector = open(&fake.url(), &others).await;
        assert_eq!(write(&*connector, &class(), vec![joins("k1", &[], &["g1"])]).await, [DONE]);
        assert_eq!(fake.asked()[0].body["Operations"], expected, "{others:?}");
    }
}

#[tokio::test]
async fn without_patch_groups_are_replaced_where_they_change() {
    let fake = Fake::start(json!({}), |asked| match asked.method.as_str() {
        "GET" => Some(ok(
            json!({"id": "g1", "displayName": "Staff", "members": [{"value": "k1", "display": "One"}]}),
        )),
        "PUT" => Some(ok(json!({}))),
        _ => None,
    });
    let connector = open(&fake.url(), &[]).await;
    assert_eq!(write(&*connector, &class(), vec![joins("k1", &["g1"], &[])]).await, [DONE]);
    assert_eq!(fake.lines(), ["GET /Groups/g1"], "who is a member already costs no write");
    fake.forget();
    assert_eq!(write(&*connector, &class(), vec![joins("k2", &["g1"], &[])]).await, [DONE]);
    assert_eq!(fake.lines(), ["GET /Groups/g1", "PUT /Groups/g1"]);
    let members = json!([{"value": "k1", "display": "One"}, {"value": "k2"}]);
    assert_eq!(fake.asked()[1].body, json!({"id": "g1", "displayName": "Staff", "members": members}));
}

#[tokio::test]
async fn one_member_that_is_refused_fails_alone() {
    let fake = Fake::start(patching(), |asked| match asked.text.contains("\"bad\"") {
        true => Some(refusal(400, "invalidValue", "there is no such member")),
        false => takes(asked),
    });
    let connector = open(&fake.url(), &[]).await;
    let mut operations: Vec<Operation> =
        (0..9).map(|number| joins(&format!("k{number}"), &["g1"], &[])).collect();
    operations.insert(4, joins("bad", &["g1"], &[]));
    let outcomes = write(&*connector, &class(), operations).await;
    let failed: Vec<usize> = (0..10).filter(|place| outcomes[*place].is_err()).collect();
    assert_eq!(failed, [4], "{outcomes:?}");
    assert_eq!(outcomes[4].as_ref().map_err(class_of), Err("Rejected"));
}

#[tokio::test]
async fn a_group_that_is_not_there_is_no_missing_account() {
    let fake = Fake::start(patching(), |_| None);
    let connector = open(&fake.url(), &[]).await;
    let outcomes = write(&*connector, &class(), vec![joins("k1", &["gone"], &[])]).await;
    let error = outcomes[0].as_ref().unwrap_err();
    assert_eq!(class_of(error), "Rejected");
    assert!(error.to_string().contains("no entitlement `gone`"), "{error}");
    assert!(fake.lines().iter().all(|line| line == "PATCH /Groups/gone"), "{:?}", fake.lines());
}

#[tokio::test]
async fn what_replaces_memberships_is_compared_with_what_there_is() {
    let fake = Fake::start(patching(), |asked| match asked.method.as_str() {
        "GET" => Some(list(2, ["g1", "g2"].map(|id| json!({"id": id, "members": [{"value": "k1"}]})).into())),
        _ => takes(asked),
    });
    let connector = open(&fake.url(), &[]).await;
    let these = AttributeWrite::Replace(Field::Many(values(&["g2", "g3"])));
    assert_eq!(write(&*connector, &class(), vec![update("k1", vec![("memberOf", these)])]).await, [DONE]);
    let mut lines = fake.lines();
    lines.sort();
    assert_eq!(lines, ["GET /Groups", "PATCH /Groups/g1", "PATCH /Groups/g3"]);
}

fn memberships(entries: &[Entry]) -> Vec<Vec<String>> {
    let of = |entry: &Entry| match entry {
        Entry::Account(account) => {
            let field = account.record.get("memberOf");
            field.values().iter().map(|value| value.to_text().into_owned()).collect()
        }
        Entry::Bad(_) | Entry::Gone(_) => panic!("{entry:?}"),
    };
    entries.iter().map(of).collect()
}

#[tokio::test]
async fn memberships_are_read_once_a_sweep() {
    let fake = Fake::start(json!({}), |asked| match asked.path.as_str() {
        "/Groups" => Some(list(
            2,
            vec![
                json!({"id": "g1", "members": [{"value": "k1"}, {"value": "k2"}, {"value": "k1"}]}),
                json!({"id": "g2", "members": [{"value": "k1"}]}),
            ],
        )),
        "/Users" => Some(page(asked, 5)),
        _ => None,
    });
    let connector = open(&fake.url(), &[]).await;
    let (entries, end) = sweep(&*connector, class()).await.unwrap();
    assert_eq!(end, SweepEnd::Complete { token: None });
    assert_eq!(memberships(&entries), [vec!["g1", "g2"], vec!["g1"], vec![], vec![], vec![]]);
    assert_eq!(fake.lines(), ["GET /Groups", "GET /Users", "GET /Users"]);
}

/// Five groups with two members each.
fn groups_page(asked: &Asked) -> Reply {
    let start = asked.number("startIndex").max(1);
    let group =
        |number: usize| json!({"id": format!("g{number}"), "members": [{"value": "k1"}, {"value": "k2"}]});
    list(5, (start..=5).take(asked.number("count")).map(group).collect())
}

#[tokio::test]
async fn memberships_beyond_the_most_are_not_read_on() {
    let fake = Fake::start(json!({}), |asked| match asked.path.as_str() {
        "/Groups" => Some(groups_page(asked)),
        "/Users" => Some(page(asked, 2)),
        _ => None,
    });
    let connector = open(&fake.url(), &[("pageSize", "1"), ("maximumMemberships", "3")]).await;
    let error = sweep(&*connector, class()).await.unwrap_err();
    assert_eq!(class_of(&error), "Unusable", "{error}");
    assert!(error.to_string().contains("`maximumMemberships`"), "{error}");
    assert_eq!(fake.lines(), ["GET /Groups"; 2], "each page is taken in as it comes");
    let connector = open(&fake.url(), &[("pageSize", "1"), ("maximumMemberships", "10")]).await;
    let (entries, _) = sweep(&*connector, class()).await.unwrap();
    assert_eq!(memberships(&entries), vec![vec!["g1", "g2", "g3", "g4", "g5"]; 2]);
}

#[tokio::test]
async fn half_the_groups_are_no_memberships() {
    for (groups, class_expected) in [
        (json!({"totalResults": 3, "Resources": [{"id": "g1", "members": []}]}), "Transient"),
        (json!({"totalResults": 1, "Resources": ["no group"]}), "Transient"),
        (json!({"totalResults": 1, "Resources": [{"id": "g1", "members": [[["k1"]]]}]}), "Unusable"),
    ] {
        let fake = Fake::start(json!({}), move |asked| match asked.path.as_str() {
            "/Groups" => Some(ok(groups.clone())),
            _ => Some(page(asked, 5)),
        });
        let connector = open(&fake.url(), &[]).await;
        let error = sweep(&*connector, class()).await.unwrap_err();
        assert_eq!(class_of(&error), class_expected, "{error}");
    }
}

#[tokio::test]
async fn accounts_may_say_their_groups_themselves() {
    let fake = Fake::start(json!({}), |asked| {
        let mut somebody = person(1);
        somebody["groups"] =
            json!([{"value": "g1"}, {"value": "g2", "type": "indirect"}, {"value": "g3", "type": "direct"}]);
        (asked.path == "/Users").then(|| list(1, vec![somebody]))
    });
    let connector = open(&fake.url(), &[("memberships", "ACCOUNTS")]).await;
    let (entries, _) = sweep(&*connector, class()).await.unwrap();
    assert_eq!(memberships(&entries), [vec!["g1", "g3"]]);
    assert_eq!(fake.lines(), ["GET /Users"]);
    assert!(fake.asked()[0].query["attributes"].split(',').any(|name| name == "groups"));
}
