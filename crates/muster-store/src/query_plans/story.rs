//! A tenant with some thousand people, and then one page of each kind of run.

use chrono::{DateTime, Utc};
use muster_model::configuration::application::{Reaction, Situation};
use muster_model::difference::AttributeChange;
use muster_model::error::ErrorCode;
use muster_model::run::{Mode, Outcome, OutcomeStatus, OwnerBy, Phase, ProgressStatus, TaskKind};
use muster_model::shadow::ShadowState;
use muster_model::{
    ApplicationId, Attributes, ConfigurationId, DirectoryId, DisabledReason, Field, ObjectClassId, ObjectId,
    ObjectKind, RunId, TenantSlug,
};
use muster_plan::change::{Action, Change, ObjectBase, ShadowBase, StateChange, Subject};
use muster_plan::digest::Digest;
use muster_plan::guard::Hold;
use muster_plan::key::{KeyHash, KeySpecs};
use muster_plan::lifecycle::{Absence, RunState};
use uuid::Uuid;

use crate::{
    Advance, Batch, Bucket, KeyEntry, Making, Mention, Met, NewRun, Noted, PageRows, ProblemRow, ProblemStep,
    Reading, RunRecord, Store, Target, TenantStore, Terms, Verdict,
};

/// Enough that reading all of them is not the cheaper way.
const PEOPLE: u32 = 4000;
const PAGE: u32 = 500;

/// What is done to the people of the page, one after the other.
const ACTIONS: [Action; 7] = [
    Action::Link,
    Action::Update,
    Action::Refresh,
    Action::Disable,
    Action::Delete,
    Action::Unlink,
    Action::MarkGone,
];

pub(crate) async fn tenant(store: &Store) -> TenantStore {
    store.create_tenant(&TenantSlug::new("acme").unwrap(), now()).await.unwrap()
}

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_793_520_000_000).unwrap()
}

pub(super) fn application(id: &str) -> ApplicationId {
    ApplicationId::new(id).unwrap()
}

pub(super) fn target(id: &str) -> Target {
    Target {
        application: application(id),
        class: Some(ObjectClassId::new("person").unwrap()),
        directory: DirectoryId::main(),
        kind: ObjectKind::Identity,
        object_type: None,
        making: Making::First,
        reading: Reading::All,
    }
}

/// A key spread over the whole range, different for each number.
fn hash(text: &str, number: u32) -> [u8; 16] {
    muster_plan::digest::hash(format!("{text} {number}").as_bytes())
}

pub(super) fn account_key(number: u32) -> KeyHash {
    KeyHash(hash("account", number))
}

pub(super) fn object_id(number: u32) -> ObjectId {
    ObjectId(Uuid::from_bytes(hash("object", number)))
}

pub(super) fn key(number: u32) -> KeyEntry {
    KeyEntry { hash: KeyHash(hash("key", number)), object: object_id(number).0, change: number }
}

fn digest(number: u32) -> Digest {
    Digest(hash("digest", number))
}

/// A change of the person of this number, or of their account.
fn change(action: Action, number: u32, shadow: Option<ShadowBase>) -> Change {
    let name = Attributes::from_iter([("name", Field::text(format!("Name {number}")))]);
    let differences = if let Action::Create | Action::Refresh = action {
        Vec::new()
    } else {
        vec![AttributeChange { name: "name".into(), before: Field::Absent, after: Field::text("New") }]
    };
    Change {
        action,
        situation: Situation::Linked,
        reaction: Reaction::Synchronize,
        subject: Subject::Account,
        uid: number.to_string(),
        place: Some(number.into()),
        shadow,
        object: Some(ObjectBase { id: object_id(number), version: u32::from(action != Action::Create) }),
        differences,
        result: name.clone(),
        provenance: None,
        state: if action == Action::Disable {
            StateChange::Disable(DisabledReason::ALL[0])
        } else {
            StateChange::Keep
        },
        memberships: Vec::new(),
        profile: None,
        granted: None,
        snapshot: name,
        digest: Some(digest(number)),
        account_digest: None,
        terms: None,
        due_at: None,
        keys_added: Vec::new(),
        keys_removed: Vec::new(),
        references: Vec::new(),
        correlation: Vec::new(),
        succeeds: None,
        why: None,
        replaced: None,
    }
}

fn problem(change: u32) -> ProblemRow {
    ProblemRow {
        change: Some(change),
        outcome: Some(Outcome::Failed),
        step: ProblemStep::Decide,
        code: ErrorCode::ChangeStale,
        uid: None,
        place: None,
        message: "something".to_owned(),
        class: None,
    }
}

/// Launches a run of a task.
pub(crate) async fn launch(tenant: &TenantStore, task: &str) -> RunRecord {
    let made_from = tenant.configuration_version().await.unwrap();
    tenant.launch(made_from, &new_run(task)).await.unwrap()
}

/// A run of a task, to be launched.
pub(crate) fn new_run(task: &str) -> NewRun {
    NewRun {
        id: RunId(Uuid::new_v4()),
        task_kind: TaskKind::Synchronization,
        task: ConfigurationId::new(task).unwrap(),
        state: RunState::launched(Mode::Apply, Absence::Concluded),
        keys: None,
        owner_by: OwnerBy::Key,
        rules: [7; 16],
        rules_body: "[]".to_owned(),
        estimate: 0,
        approved_hash: None,
        overriding: None,
        chain: None,
        preceded_by: None,
        undoes: None,
        now: now(),
    }
}

/// A run with one bucket, claimed.
struct Work {
    run: RunRecord,
    bucket: Bucket,
}

impl Work {
    async fn begin(tenant: &TenantStore, task: &str, application: &ApplicationId) -> Self {
        let launched = launch(tenant, task).await;
        let run = tenant.claim(&launched, "nobody", now(), now()).await.unwrap();
        let bucket = tenant.buckets(&run, std::slice::from_ref(application)).await.unwrap().remove(0);
        Self { run, bucket }
    }

    /// Stages changes as the next page. The number of a change is that of its person.
    async fn stage(&mut self, tenant: &TenantStore, changes: &[(u32, Change)]) {
        self.stage_noting(tenant, changes, Some(problem(changes[0].0))).await;
    }

    async fn stage_noting(
        &mut self,
        tenant: &TenantStore,
        changes: &[(u32, Change)],
        noted: Option<ProblemRow>,
    ) {
        let mut rows = PageRows::default();
        let mut met = Met::default();
        for (number, change) in changes {
            rows.add(&self.run, 0, *number, account_key(*number), change);
            met.note(*number, change.action.outcome());
        }
        noted.into_iter().for_each(|problem| rows.note(problem));
        self.bucket.page += 1;
        tenant.stage(&self.run, &self.bucket, &met, rows, now()).await.unwrap();
    }
}

/// A run whose plan of so many changes is held.
pub(super) async fn held(tenant: &TenantStore, changes: u32) -> RunRecord {
    let mut work = Work::begin(tenant, "held", &application("hr")).await;
    for first in (1..=changes).step_by(PAGE as usize) {
        let page = first..(first + PAGE).min(changes + 1);
        work.bucket.counters.read += u64::from(PAGE);
        work.bucket.counters.add_outcome(Outcome::Created, u64::from(PAGE));
        let changes: Vec<_> = page.map(|number| (number, change(Action::Create, number, None))).collect();
        work.stage_noting(tenant, &changes, None).await;
    }
    let advance = Advance {
        state: RunState { status: ProgressStatus::Held, phase: Phase::Check, ..work.run.state },
        plan_hash: Some([1; 16]),
        holds: &[Hold::Widened("a limit".to_owned())],
        failure: None,
        counters: None,
        problems: &[],
        failed_at: None,
        came_through: &[],
        errands: &[],
        statements: 0,
        peak_memory: 0,
        now: now(),
    };
    tenant.advance(&work.run, &advance).await.unwrap();
    tenant.refresh_statistics().await.unwrap();
    tenant.run(work.run.id).await.unwrap().unwrap()
}

/// How people end a held run.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    Rejected,
    Cancelled,
}

/// Ends a held run.
pub(super) async fn end(tenant: &TenantStore, held: &RunRecord, ending: Ending) {
    let why = ProblemRow { change: None, outcome: None, ..problem(0) };
    let ended = match ending {
        Ending::Rejected => {
            let outcome = Some(OutcomeStatus::Aborted);
            let state = RunState { status: ProgressStatus::Finished, outcome, ..held.state };
            let verdict = Verdict { plan_hash: [1; 16], state, problems: &[why], errands: &[], now: now() };
            tenant.decide_held(held.id, &verdict).await
        }
        Ending::Cancelled => tenant.stop(held.id, &why, &[], now()).await,
    };
    assert!(ended.unwrap());
}

/// A tenant whose people have accounts in `hr`, and two runs whose first page comes next.
pub(super) struct Story {
    tenant: TenantStore,
    inbound: Work,
    outbound: Work,
}

impl Story {
    pub(super) async fn begin(tenant: TenantStore) -> Self {
        let hr = application("hr");
        let mut work = Work::begin(&tenant, "first", &hr).await;
        for page in 0..PEOPLE / PAGE {
            let numbers: Vec<u32> = (page * PAGE + 1..=(page + 1) * PAGE).collect();
            let changes: Vec<_> =
                numbers.iter().map(|number| (*number, change(Action::Create, *number, None))).collect();
            work.stage(&tenant, &changes).await;
            let keys: Vec<_> = numbers.iter().map(|number| key(*number)).collect();
            let batch = Batch { creates: numbers, ..Batch::default() };
            let stale = tenant
                .apply_inbound(&work.run, &work.bucket, &target("hr"), (&batch, &KeySpecs::default()), now())
                .await
                .unwrap();
            assert_eq!(stale, [0; 0]);
            tenant.apply_keys(&work.run, &work.bucket, (&[], &keys), now()).await.unwrap();
        }
        tenant.refresh_statistics().await.unwrap();
        assert_eq!(tenant.live_shadows(&hr, "person").await.unwrap(), u64::from(PEOPLE));
        let inbound = Work::begin(&tenant, "second", &hr).await;
        let outbound = Work::begin(&tenant, "third", &hr).await;
        Self { tenant, inbound, outbound }
    }

    /// One page of everything that runs do page by page.
    pub(super) async fn page(&mut self) {
        self.facts().await;
        self.inbound().await;
        self.outbound().await;
    }

    async fn facts(&self) {
        let (tenant, hr) = (&self.tenant, application("hr"));
        let numbers: Vec<u32> = (100..200).collect();
        let accounts: Vec<_> = numbers.iter().map(|number| (account_key(*number), digest(*number))).collect();
        assert_eq!(tenant.unchanged(&hr, &accounts, now()).await.unwrap().len(), 100);
        let keys: Vec<_> = numbers.iter().map(|number| key(*number).hash).collect();
        assert_eq!(tenant.objects_by_key(&keys).await.unwrap().len(), 100);
        assert_eq!(tenant.known_keys(&keys).await.unwrap().len(), 100);
        let owners: Vec<_> = numbers.iter().map(|number| object_id(*number)).collect();
        assert_eq!(tenant.live_accounts(&hr, "person", &owners).await.unwrap().len(), 100);
        assert_eq!(tenant.shadows_of(&hr, "person", &owners).await.unwrap().len(), 100);
        let others = [application("crm")];
        assert_eq!(tenant.missing_shadows(&hr, "person", &numbers, &others).await.unwrap().len(), 100);
        let page = tenant.owner_page((&hr, "person"), None, 50).await.unwrap().unwrap();
        assert_eq!((page.accounts.len(), page.without.len()), (0, 50), "no profile has granted them");
        let of = &numbers[..50];
        assert_eq!(tenant.owners((&hr, "person"), &owners[..50], of).await.unwrap().len(), 50);
        let terms = Terms { terms: digest(0), at: now() };
        assert_eq!(tenant.in_order(&hr, &accounts, terms).await.unwrap(), []);
        let remembered = tenant.remembered_accounts((&hr, "person"), Some(terms), (10, 50)).await.unwrap();
        assert_eq!((remembered.in_order.len(), remembered.others.len()), (0, 50));
        assert_eq!(tenant.objects(None, None, 50).await.unwrap().len(), 50);
    }

    /// The shadows of the people, by their keys.
    async fn shadows(&self, numbers: &[u32]) -> Vec<(u32, ShadowBase)> {
        let keys: Vec<_> = numbers.iter().map(|number| account_key(*number)).collect();
        let known = self.tenant.linked_shadows(&application("hr"), &keys).await.unwrap();
        let shadow = |number: &u32| {
            let shadow = &known[&account_key(*number)].shadow;
            assert_eq!(shadow.state, ShadowState::Live);
            (*number, shadow.base)
        };
        numbers.iter().map(shadow).collect()
    }

    async fn inbound(&mut self) {
        let others: Vec<u32> = (1..=70).collect();
        let mut changes: Vec<(u32, Change)> = Vec::new();
        for (number, shadow) in self.shadows(&others).await {
            changes.push((number, change(ACTIONS[number as usize % ACTIONS.len()], number, Some(shadow))));
        }
        // Two more that are new, one of which has an account already by now.
        let creates = vec![PEOPLE + 1, 300];
        changes.extend(creates.iter().map(|number| (*number, change(Action::Create, *number, None))));
        if let Some((_, taken)) = changes.last_mut() {
            taken.object = Some(ObjectBase { id: object_id(PEOPLE + 2), version: 0 });
        }
        let (tenant, work) = (&self.tenant, &mut self.inbound);
        work.stage(tenant, &changes).await;
        assert_eq!(tenant.pages(&work.run, 0, 0, 10).await.unwrap().len(), 1);
        tenant.staged_links(&work.run, 0).await.unwrap();
        let contested = vec![Mention { hash: KeyHash([7; 16]), change: 1 }];
        let rekeyed = vec![7];
        let batch = Batch {
            creates,
            undigested: vec![2, 9],
            others,
            rekeyed,
            contested,
            actions: Action::ALL.to_vec(),
            ..Batch::default()
        };
        let stale = tenant
            .apply_inbound(&work.run, &work.bucket, &target("hr"), (&batch, &KeySpecs::default()), now())
            .await
            .unwrap();
        assert_eq!(stale, [300]);
        tenant.apply_keys(&work.run, &work.bucket, (&[key(1)], &[key(PEOPLE + 1)]), now()).await.unwrap();
        tenant.checkpoint_noting(&work.run, &work.bucket, &[problem(1)], now()).await.unwrap();
    }

    async fn outbound(&mut self) {
        let others: Vec<u32> = (201..=250).collect();
        let mut changes: Vec<(u32, Change)> = Vec::new();
        for (number, shadow) in self.shadows(&others).await {
            let action = [Action::Update, Action::Disable, Action::Unlink][number as usize % 3];
            changes.push((number, change(action, number, Some(shadow))));
        }
        let mut created = change(Action::Create, PEOPLE + 3, None);
        created.object = Some(ObjectBase { id: object_id(400), version: 1 });
        changes.push((PEOPLE + 3, created));
        let (tenant, work) = (&self.tenant, &mut self.outbound);
        work.stage(tenant, &changes).await;
        assert_eq!(tenant.stale(&work.run, &others).await.unwrap(), [0; 0]);
        // Two of the accounts name others, which they do later.
        let later = vec![201, PEOPLE + 3];
        let batch = Batch {
            creates: vec![PEOPLE + 3],
            others,
            undigested: later.clone(),
            actions: Action::ALL.to_vec(),
            ..Batch::default()
        };
        let noted = Noted::default();
        tenant.apply_outbound(&work.run, &work.bucket, &target("hr"), &batch, &noted, now()).await.unwrap();
        tenant.settle_outbound(&work.run, &work.bucket, &target("hr"), &later, &noted, now()).await.unwrap();
        // Somebody else has written the same accounts meanwhile.
        tenant.apply_outbound(&work.run, &work.bucket, &target("hr"), &batch, &noted, now()).await.unwrap();
        tenant.settle_outbound(&work.run, &work.bucket, &target("hr"), &later, &noted, now()).await.unwrap();
        assert!(tenant.left_out(&work.run).await.unwrap().is_empty());
        let keys: Vec<_> = (301..=350).map(|number| key(number).hash).collect();
        assert_eq!(tenant.referred_objects(&application("hr"), &keys).await.unwrap().len(), keys.len());
        let accounts: Vec<_> = (301..=350).map(account_key).collect();
        assert_eq!(tenant.live_owners(&application("hr"), &accounts).await.unwrap().len(), accounts.len());
    }
}
