//! Who gets in: users and tokens of the tenant in the path, and nobody learns of other tenants.

use std::time::Duration;

use muster_api::principal::hash_password;
use muster_api::{ApiSettings, FailedLogins};
use muster_model::TenantSettings;
use muster_testkit::http::{Answer, Client};
use muster_testkit::server::{Staff, TestServer};
use serde_json::Value;

use crate::world::{conf, expect_error, server};

const PATH: &str = "/acme/api/sync/conf/applications";

/// What of a refusal does not depend on when and where it was made.
fn stripped(answer: Answer) -> (u16, String, Value) {
    let challenge = answer.header("www-authenticate").to_owned();
    let mut error = answer.json();
    for field in ["timestamp", "logTrackingId"] {
        error[field] = Value::Null;
    }
    (answer.status, challenge, error)
}

#[test]
fn without_credentials_nobody_gets_in() {
    let (server, _) = server(Staff::Absent);
    for client in [
        server.anybody().clone(),
        server.anybody().with_authorization("Basic !!!"),
        server.anybody().with_authorization("Digest username=\"ann\""),
        server.anybody().with_authorization("Bearer "),
        // Not every database takes it, and those that do not must not tell which tenants there are.
        server.anybody().with_user("a\0", "b"),
    ] {
        for path in [PATH, "/nowhere/api/sync/conf/applications", "/UPPER/api/sync/conf/applications"] {
            let answer = client.get(path);
            assert!(answer.header("www-authenticate").starts_with("Basic realm=\"muster\""));
            assert!(answer.header("www-authenticate").contains("Bearer"));
            expect_error(answer, 401, "UNAUTHORIZED");
        }
    }
    let twice = [("authorization", "Bearer one"), ("authorization", "Bearer two")];
    expect_error(server.anybody().send("GET", PATH, &twice, b""), 401, "UNAUTHORIZED");
}

#[test]
fn a_tenant_that_is_not_ones_own_looks_like_none() {
    let (server, admin) = server(Staff::Absent);
    server.make_tenant("beta");
    let user = server.make_user("acme", "ann", "correct horse", "admin");
    let namesake = server.make_user("beta", "ann", "another password", "admin");
    let _ = user.get(PATH).expect(200);
    let _ = admin.get(PATH).expect(200);
    let _ = namesake.get(&conf("beta", "applications")).expect(200);

    let strangers = [
        user.clone(),
        admin.clone(),
        server.anybody().with_user("ann", "wrong"),
        server.anybody().with_user("nobody", "wrong"),
        server.anybody().with_token("muster_wrong"),
    ];
    let refusal = stripped(user.get("/nowhere/api/sync/conf/applications"));
    assert_eq!(refusal.0, 404);
    for client in strangers {
        for tenant in ["beta", "nowhere", "UPPER", "x"] {
            for path in [conf(tenant, "applications"), conf(tenant, "applications/x?colour=red")] {
                assert_eq!(stripped(client.get(&path)), refusal, "{path}");
            }
        }
    }
    for client in [namesake, server.anybody().with_user("ann", "wrong")] {
        assert_eq!(stripped(client.get(PATH)), refusal);
    }
}

#[test]
fn a_change_of_a_user_or_token_acts_at_once() {
    let (server, _) = server(Staff::Absent);
    let tenant = server.tenant("acme");
    let user = server.make_user("acme", "ann", "first password", "viewer");
    let _ = user.get(PATH).expect(200);
    let _ = user.get(PATH).expect(200);
    let hash = hash_password("second password", &TenantSettings::default()).unwrap();
    assert!(server.block_on(tenant.set_password_hash("ann", &hash)).unwrap());
    let _ = user.get(PATH).expect(404);
    let user = server.anybody().with_user("ann", "second password");
    let _ = user.get(PATH).expect(200);
    assert!(server.block_on(tenant.delete_principal("ann", "admin")).unwrap());
    let _ = user.get(PATH).expect(404);

    let token = server.make_token("acme", "viewer");
    let _ = token.get(PATH).expect(200);
    assert!(server.block_on(tenant.delete_token("viewer")).unwrap());
    let _ = token.get(PATH).expect(404);
}

#[test]
fn a_role_that_this_program_does_not_know_gives_no_right() {
    let (server, _) = server(Staff::Absent);
    let client = server.make_token("acme", "owner");
    expect_error(client.get(PATH), 403, "FORBIDDEN");
    let several = server.make_token("acme", "owner,viewer");
    let _ = several.get(PATH).expect(200);
}

#[test]
fn many_callers_with_passwords_are_served_side_by_side() {
    let (server, _) = server(Staff::Absent);
    let user = server.make_user("acme", "ann", "correct horse", "viewer");
    let wrong = server.anybody().with_user("ann", "wrong");
    let ask = |client: &Client| client.get(PATH).status;
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..12)
            .map(|number| {
                let client = if number % 3 == 0 { &wrong } else { &user };
                (number, scope.spawn(move || ask(client)))
            })
            .collect();
        for (number, call) in calls {
            assert_eq!(call.join().unwrap(), if number % 3 == 0 { 404 } else { 200 });
        }
    });
}

/// A server that slows failed logins down so much that a test sees it whatever the machine does.
fn strict(requests_per_second: u32) -> TestServer {
    let failed_logins = FailedLogins {
        free_of_user: 2,
        free_of_address: 6,
        first_wait: Duration::from_secs(100),
        longest_wait: Duration::from_secs(300),
    };
    let proxies = vec!["127.0.0.1".parse().unwrap()];
    let settings = ApiSettings {
        failed_logins,
        requests_per_second,
        trusted_proxies: proxies,
        ..ApiSettings::default()
    };
    let server = TestServer::start(Staff::Absent, settings);
    server.make_tenant("acme");
    server
}

/// Somebody behind the proxy, at this address.
fn knock(client: &Client, address: &str) -> Answer {
    client.send("GET", PATH, &[("x-forwarded-for", address)], b"")
}

#[test]
fn who_fails_again_and_again_has_to_wait_whether_there_is_such_a_user_or_not() {
    let server = strict(0);
    let ann = server.make_user("acme", "ann", "correct horse", "viewer");
    let known = server.make_user("acme", "known", "correct horse", "viewer");
    let _ = knock(&known, "192.0.2.9").expect(200);
    let mut told = Vec::new();
    for name in ["ann", "nobody", "known"] {
        let wrong = server.anybody().with_user(name, "wrong");
        let answers: Vec<_> = (0..5).map(|number| knock(&wrong, &format!("192.0.2.{number}"))).collect();
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [404, 404, 404, 429, 429], "{name}");
        let wait: u64 = answers[3].header("retry-after").parse().unwrap();
        assert!((1..=100).contains(&wait), "{wait}");
        told.push(stripped(answers[3].clone()));
    }
    assert!(told.iter().all(|refusal| *refusal == told[0]), "{told:?}");
    expect_error(knock(&ann, "192.0.2.8"), 429, "TOO_MANY_REQUESTS");
    let _ = knock(&known, "192.0.2.8").expect(200);
}

#[test]
fn who_guesses_at_many_users_has_to_wait_and_others_need_not() {
    let server = strict(0);
    let ann = server.make_user("acme", "ann", "correct horse", "viewer");
    let guess = |number: u32| {
        let name = format!("guess{number}");
        knock(&server.anybody().with_user(&name, "wrong"), "192.0.2.1").status
    };
    let statuses: Vec<_> = (0..9).map(guess).collect();
    assert_eq!(statuses, [404, 404, 404, 404, 404, 404, 404, 429, 429]);
    let _ = knock(&ann, "192.0.2.1").expect(429);
    let _ = knock(&ann, "192.0.2.2").expect(200);
    let token = server.make_token("acme", "viewer");
    let _ = knock(&token, "192.0.2.1").expect(200);
}

#[test]
fn the_flood_of_one_tenant_leaves_another_alone() {
    let server = strict(5);
    server.make_tenant("beta");
    let (acme, beta) = (server.make_token("acme", "viewer"), server.make_token("beta", "viewer"));
    let flood: Vec<_> = (0..60).map(|_| acme.get(PATH)).collect();
    let refused: Vec<_> = flood.into_iter().filter(|answer| answer.status != 200).collect();
    assert!(!refused.is_empty());
    for answer in refused {
        assert_eq!(answer.header("retry-after"), "1");
        expect_error(answer, 429, "TOO_MANY_REQUESTS");
    }
    for _ in 0..5 {
        let _ = beta.get(&conf("beta", "applications")).expect(200);
        let _ = server.anybody().get("/health/ready").expect(200);
        // Who is not of the tenant learns nothing, and uses nothing up.
        let _ = acme.get(&conf("beta", "applications")).expect(404);
    }
}
