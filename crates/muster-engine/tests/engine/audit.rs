//! The audit log: every act leaves exactly one entry, what did not happen leaves none.

use chrono::TimeDelta;
use expect_test::{Expect, expect};
use futures_util::future::join_all;
use muster_model::audit::{Act, Actor, ActorKind, Subject, SubjectKind};
use muster_model::run::{Mode, TaskKind};
use muster_model::{ConfigurationId, DirectoryId};
use muster_store::{
    Acting, AuditFilter, ChainedEntry, NewAuditEntry, NewToken, Principal, ResourceWrite, RunFilter,
    RunRecord, StoreError, TenantStore, Written,
};
use muster_testkit::world::{TestDatabase, World, on_each_database, synchronization};

/// The tenant's door, used by somebody.
fn as_ann(world: &World) -> TenantStore {
    let actor = Actor::new(ActorKind::User, "ann");
    world.store().acting(Acting { actor, origin: "192.0.2.7".to_owned(), at: Some(world.clock().instant()) })
}

async fn whole_log(store: &TenantStore) -> Vec<ChainedEntry> {
    let verified = store.verify_audit(None).await.expect("the database");
    assert_eq!(verified.broken, None);
    let log = store.audit_behind(0, 1000).await.expect("the database");
    assert_eq!(log.len() as u64, verified.head.seq);
    log
}

/// The log behind an entry, a line each, in its order.
async fn shown(store: &TenantStore, behind: usize) -> String {
    let lines = whole_log(store).await.into_iter().skip(behind).map(|ChainedEntry { entry, .. }| {
        let details: Vec<_> = entry
            .details
            .iter()
            .filter(|(name, _)| !name.ends_with("Hash"))
            .map(|(name, value)| format!(" {name}={value}"))
            .collect();
        let outcome = entry.outcome.map_or(String::new(), |outcome| format!(" {}", outcome.as_str()));
        let Actor { kind, name } = entry.actor;
        format!("{kind} {name}: {} {}{outcome}{}", entry.act, entry.subject, details.concat())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Checks what is noted of something that is done to a world.
async fn check(world: &World, act: impl AsyncFnOnce(TenantStore), expected: Expect) {
    let before = whole_log(world.store()).await.len();
    act(as_ann(world)).await;
    expected.assert_eq(&shown(world.store(), before).await);
}

async fn crowd(database: &TestDatabase) -> World {
    let world = World::usual(database).await;
    for number in 1..=30 {
        world.hire(&number.to_string(), &format!("{number}@x"), "Somebody", "IT");
    }
    world
}

fn hash(run: &RunRecord) -> [u8; 16] {
    run.plan_hash.expect("a plan")
}

#[test]
fn a_run_leaves_its_launch_and_its_end_whatever_it_reads() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        let run = async |store: TenantStore| {
            let run = world.engine().admit(&store, synchronization("hr", Mode::Apply)).await.expect("a run");
            world.engine().execute(&store, run).await.expect("a run");
        };
        let expected = expect![[r#"
            USER ann: LAUNCH sync-task-definitions/hr mode=APPLY
            SYSTEM muster: END sync-task-definitions/hr SUCCESS created=30 mode=APPLY read=30"#]];
        check(&world, run, expected).await;
        let expected = expect![[r#"
            USER ann: LAUNCH sync-task-definitions/hr mode=APPLY
            SYSTEM muster: END sync-task-definitions/hr SUCCESS mode=APPLY read=30 unchanged=30"#]];
        check(&world, run, expected).await;
        let log = whole_log(world.store()).await;
        let [.., launched, ended] = &log[..] else { panic!("no log") };
        assert_eq!(launched.entry.run, ended.entry.run);
        assert_eq!(launched.entry.origin, "192.0.2.7");
        assert!(ended.entry.details.contains_key("planHash"), "{ended:?}");
    });
}

#[test]
fn decisions_leave_who_decided_and_what_came_of_it() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        world.synchronize("hr").await;
        for number in 2..=30 {
            world.dismiss(&number.to_string());
        }
        let engine = world.engine();
        let held = async || world.synchronize("hr").await;
        let run = held().await;
        let reject = async |store: TenantStore| {
            engine.reject(&store, run.id, [0; 16]).await.expect_err("another plan");
            engine.reject(&store, run.id, hash(&run)).await.expect("rejected");
            engine.reject(&store, run.id, hash(&run)).await.expect_err("not held");
        };
        check(
            &world,
            reject,
            expect![[r#"
            USER ann: REJECT sync-task-definitions/hr
            USER ann: END sync-task-definitions/hr ABORTED mode=APPLY notApplied=29 read=1 unchanged=1"#]],
        )
        .await;
        let run = held().await;
        let cancel = async |store: TenantStore| {
            engine.admit(&store, synchronization("hr", Mode::Apply)).await.expect_err("one is held");
            engine.cancel(&store, run.id).await.expect("cancelled");
            engine.cancel(&store, run.id).await.expect_err("ended");
        };
        check(
            &world,
            cancel,
            expect![[r#"
            USER ann: CANCEL sync-task-definitions/hr
            USER ann: END sync-task-definitions/hr ABORTED mode=APPLY notApplied=29 read=1 unchanged=1"#]],
        )
        .await;
        held().await;
        let expire = async |_| {
            world.clock().pass(TimeDelta::hours(73));
            engine.expire_held().await.expect("the database");
        };
        check(&world, expire, expect![[r#"
            SYSTEM muster: REJECT sync-task-definitions/hr
            SYSTEM muster: END sync-task-definitions/hr ABORTED mode=APPLY notApplied=29 read=1 unchanged=1"#]]).await;
        let simulated = world.run(synchronization("hr", Mode::Simulate)).await;
        let approve = async |store: TenantStore| {
            engine.approve(&store, simulated.id, hash(&simulated)).await.expect("approved");
            world.resume().await;
        };
        check(
            &world,
            approve,
            expect![[r#"
            USER ann: APPROVE sync-task-definitions/hr mode=APPLY
            SYSTEM muster: END sync-task-definitions/hr SUCCESS disabled=29 mode=APPLY read=1 unchanged=1"#]],
        )
        .await;
    });
}

#[test]
fn a_held_plan_that_is_approved_goes_on_under_the_same_run() {
    on_each_database(async |database| {
        let world = crowd(database).await;
        world.synchronize("hr").await;
        for number in 2..=30 {
            world.dismiss(&number.to_string());
        }
        let run = world.synchronize("hr").await;
        let approve = async |store: TenantStore| {
            world.engine().approve(&store, run.id, hash(&run)).await.expect("approved");
            world.resume().await;
        };
        check(
            &world,
            approve,
            expect![[r#"
            USER ann: APPROVE sync-task-definitions/hr
            SYSTEM muster: END sync-task-definitions/hr SUCCESS disabled=29 mode=APPLY read=1 unchanged=1"#]],
        )
        .await;
        let of_run = AuditFilter { run: Some(run.id), limit: 10, ..AuditFilter::default() };
        let of_run = world.store().audit(&of_run).await.expect("the database");
        let acts: Vec<_> = of_run.iter().map(|found| found.entry.act).collect();
        assert_eq!(acts, [Act::End, Act::Approve, Act::Launch], "newest first");
    });
}

fn user(world: &World) -> Principal {
    let password_hash = "$argon2id$secret".to_owned();
    let created_at = world.clock().instant();
    Principal { name: "bob".to_owned(), roles: "viewer".to_owned(), password_hash, created_at }
}

fn token(world: &World) -> NewToken {
    let now = world.clock().instant();
    NewToken {
        name: "night".to_owned(),
        roles: "operator".to_owned(),
        hash: vec![7; 32],
        expires_at: None,
        now,
    }
}

#[test]
fn changes_leave_one_entry_each_and_refused_ones_none() {
    on_each_database(async |database| {
        let world = World::open(database).await;
        check(&world, async |_| {}, expect![""]).await;
        assert_eq!(
            shown(world.store(), 0).await,
            format!("SYSTEM muster: CREATE tenants/{}", world.store().slug())
        );
        let configure = async |store: TenantStore| {
            let version = async || store.configuration_version().await.expect("the database");
            let (checked, directory) = (version().await, DirectoryId::new("staff").expect("an id"));
            let hr = |written: Written| ResourceWrite::new(1, "hr", written);
            let crm = |written: Written| ResourceWrite::new(1, "crm", written);
            let body = || "{}".to_owned();
            store.write_resource(checked, hr(Written::Created(body()))).await.expect("created");
            store.write_resource(checked, crm(Written::Created(body()))).await.expect_err("it has moved");
            store.write_resource(version().await, hr(Written::Created(body()))).await.expect_err("exists");
            store.write_resource(version().await, hr(Written::Updated(body()))).await.expect("updated");
            store.write_resource(version().await, crm(Written::Updated(body()))).await.expect_err("absent");
            store.write_resource(version().await, hr(Written::Deleted)).await.expect("deleted");
            store.write_resource(version().await, hr(Written::Deleted)).await.expect_err("absent");
            store.ensure_directory(&directory).await.expect("made");
            store.ensure_directory(&directory).await.expect("there already");
        };
        check(
            &world,
            configure,
            expect![[r#"
            USER ann: CREATE applications/hr
            USER ann: REPLACE applications/hr
            USER ann: DELETE applications/hr
            USER ann: CREATE directories/staff"#]],
        )
        .await;
    });
}

#[test]
fn users_and_tokens_leave_one_entry_a_change() {
    on_each_database(async |database| {
        let world = World::open(database).await;
        let people = async |store: TenantStore| {
            store.create_principal(&user(&world)).await.expect("made");
            store.create_principal(&user(&world)).await.expect_err("exists");
            assert!(store.set_password_hash("bob", "$argon2id$other").await.expect("the database"));
            assert!(!store.set_password_hash("eve", "$argon2id$other").await.expect("the database"));
            let change = store.change_principal("bob", "viewer,operator", None, "admin").await;
            assert!(change.expect("the database").is_some());
            assert!(store.delete_principal("bob", "admin").await.expect("the database"));
            assert!(!store.delete_principal("bob", "admin").await.expect("the database"));
            store.create_token(&token(&world)).await.expect("made");
            store.create_token(&token(&world)).await.expect_err("exists");
            assert!(store.delete_token("night").await.expect("the database"));
            assert!(!store.delete_token("night").await.expect("the database"));
        };
        check(
            &world,
            people,
            expect![[r#"
            USER ann: CREATE users/bob roles=viewer
            USER ann: REPLACE users/bob replaced=password
            USER ann: REPLACE users/bob roles=viewer,operator
            USER ann: DELETE users/bob
            USER ann: CREATE tokens/night roles=operator
            USER ann: DELETE tokens/night"#]],
        )
        .await;
        let said = format!("{:?}", whole_log(world.store()).await);
        assert!(!said.contains("argon2id"), "{said}");
        let file = || NewAuditEntry::new(Act::Replace, Subject::new(SubjectKind::File, "in/hr.csv"));
        let outside = async |store: TenantStore| {
            let failed = async { Err::<((), NewAuditEntry), _>(StoreError::LostFence) };
            let failed = store.noting(failed).await;
            assert!(matches!(failed, Err(StoreError::LostFence)), "{failed:?}");
            let done = async { Ok::<_, StoreError>((7, file())) };
            assert_eq!(store.noting(done).await.expect("done"), 7);
        };
        check(&world, outside, expect!["USER ann: REPLACE files/in/hr.csv"]).await;
    });
}

/// What there is of everything that the doomed process of [`what_did_not_happen_leaves_no_entry`] makes.
async fn made(world: &World) -> [usize; 4] {
    let store = world.store();
    let runs = store.runs(TaskKind::Synchronization, &RunFilter::default()).await.expect("the database");
    [
        store.tokens().await.expect("the database").len(),
        store.directories().await.expect("the database").len() - 1,
        runs.len(),
        runs.iter().filter(|run| run.stopping).count(),
    ]
}

#[test]
fn what_did_not_happen_leaves_no_entry() {
    on_each_database(async |database| {
        for point in 0.. {
            let world = World::usual(database).await;
            let before = whole_log(world.store()).await.len();
            let (engine, store, fuse) = world.mortal_process(point).await;
            let work = async {
                store.create_token(&token(&world)).await.ok()?;
                store.ensure_directory(&DirectoryId::new("staff").ok()?).await.ok()?;
                let run = engine.admit(&store, synchronization("hr", Mode::Apply)).await.ok()?;
                engine.cancel(&store, run.id).await.ok()
            };
            work.await;
            drop((engine, store));
            let found = made(&world).await;
            if found[3] > 0 {
                // Cancelling ends it, since nobody works on it; one that died in between is ended by the next look.
                world.clock().pass(TimeDelta::minutes(1));
                world.resume().await;
            }
            let log = whole_log(world.store()).await.split_off(before);
            let noted = |act: Act, kind: &str| {
                let is = |entry: &ChainedEntry| {
                    entry.entry.act == act && entry.entry.subject.kind.as_str() == kind
                };
                log.iter().filter(|entry| is(entry)).count()
            };
            let task = "sync-task-definitions";
            let expected = [
                noted(Act::Create, "tokens"),
                noted(Act::Create, "directories"),
                noted(Act::Launch, task),
                noted(Act::Cancel, task),
            ];
            assert_eq!(found, expected, "died after {point} points");
            assert_eq!(noted(Act::End, task), found[3]);
            assert_eq!(log.len(), found.iter().sum::<usize>() + found[3]);
            if !fuse.is_blown() {
                assert_eq!(found, [1, 1, 1, 1]);
                break;
            }
        }
    });
}

#[test]
fn processes_that_append_at_once_keep_one_chain() {
    const EACH: usize = 15;
    on_each_database(async |database| {
        let world = World::open(database).await;
        let other = database.another_process().await;
        let there = other.tenant(world.store().slug()).await.expect("the database").expect("the tenant");
        let make = async |store: &TenantStore, name: String| {
            store.ensure_directory(&DirectoryId::new(&name).expect("an id")).await.expect("made");
        };
        let verify = async || world.store().verify_audit(None).await.expect("the database");
        let here = (0..EACH).map(|number| make(world.store(), format!("here{number}")));
        let there = (0..EACH).map(|number| make(&there, format!("there{number}")));
        let both = join_all(here.zip(there).map(async |(here, there)| tokio::join!(here, there)));
        // Who looks meanwhile sees a whole log, longer each time.
        let looks = async {
            let mut seen = 0;
            for _ in 0..EACH {
                let verified = verify().await;
                assert_eq!(verified.broken, None);
                assert!(verified.head.seq >= seen);
                seen = verified.head.seq;
            }
        };
        tokio::join!(both, looks);
        assert_eq!(whole_log(world.store()).await.len(), 1 + 2 * EACH);
    });
}

#[test]
fn the_log_is_listed_by_what_is_asked_for() {
    on_each_database(async |database| {
        let world = World::open(database).await;
        let start = world.clock().instant();
        let mut runs = Vec::new();
        for (name, act) in
            [("ann", Act::Create), ("bob", Act::Replace), ("ann", Act::Replace), ("bob", Act::Delete)]
        {
            world.clock().pass(TimeDelta::minutes(1));
            let (actor, at) = (Actor::new(ActorKind::User, name), Some(world.clock().instant()));
            let door = world.store().acting(Acting { actor, origin: "here".to_owned(), at });
            let run = muster_model::RunId(uuid::Uuid::from_u128(runs.len() as u128 + 1));
            runs.push(run);
            let entry = NewAuditEntry::new(act, Subject::new(SubjectKind::File, name)).of_run(run);
            door.noting(async { Ok::<_, StoreError>(((), entry)) }).await.expect("noted");
        }
        let seqs = async |filter: AuditFilter| {
            let listed = world.store().audit(&filter).await.expect("the database");
            listed.iter().map(|found| found.entry.seq).collect::<Vec<_>>()
        };
        let all = || AuditFilter { limit: 10, ..AuditFilter::default() };
        let after = |minutes| Some(start + TimeDelta::minutes(minutes));
        let on = |kind| Some(Subject::new(kind, "bob"));
        for (filter, expected) in [
            (all(), vec![5, 4, 3, 2, 1]),
            (AuditFilter { limit: 2, ..all() }, vec![5, 4]),
            (AuditFilter { limit: 2, after: Some(4), ..all() }, vec![3, 2]),
            (AuditFilter { after: Some(77), ..all() }, vec![]),
            (AuditFilter { actor: Some("ann".to_owned()), ..all() }, vec![4, 2]),
            (AuditFilter { act: Some(Act::Replace), ..all() }, vec![4, 3]),
            (AuditFilter { act: Some(Act::Replace), actor: Some("bob".to_owned()), ..all() }, vec![3]),
            (AuditFilter { subject: on(SubjectKind::File), ..all() }, vec![5, 3]),
            (AuditFilter { subject: on(SubjectKind::User), ..all() }, vec![]),
            (AuditFilter { run: Some(runs[2]), ..all() }, vec![4]),
            (AuditFilter { since: after(3), ..all() }, vec![5, 4]),
            (AuditFilter { until: after(1), ..all() }, vec![2, 1]),
            (AuditFilter { since: after(1), until: after(2), ..all() }, vec![3, 2]),
        ] {
            assert_eq!(seqs(filter.clone()).await, expected, "{filter:?}");
        }
        let task = ConfigurationId::new("bob").expect("an id");
        let of_task =
            AuditFilter { subject: Some(Subject::task(TaskKind::Provisioning, task.as_str())), ..all() };
        assert_eq!(seqs(of_task).await, [0; 0]);
    });
}
