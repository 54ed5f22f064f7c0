//! Who gets in: users and tokens of the tenant in the path, and nobody learns of other tenants.

use muster_testkit::http::{Answer, Client};
use muster_testkit::server::Staff;
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
    let hash = muster_api::principal::hash_password("second password").unwrap();
    assert!(server.block_on(tenant.set_password_hash("ann", &hash)).unwrap());
    let _ = user.get(PATH).expect(404);
    let user = server.anybody().with_user("ann", "second password");
    let _ = user.get(PATH).expect(200);
    assert!(server.block_on(tenant.delete_principal("ann")).unwrap());
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
