//! drive
use muster::*; use muster_engine::*; use muster_model::*; use muster_model::run::*;
use std::time::Instant;
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
#[tokio::main]
async fn main() {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_target(false).init();
    let dir = std::env::args().nth(1).unwrap(); let csv = std::env::args().nth(2).unwrap();
    let url = std::env::var("PGURL").ok();
    let m = Muster::open(&Place { data_dir: dir.clone().into(), database_url: url, file_roots: vec![] }).await.unwrap();
    let slug: TenantSlug = "acme".parse().unwrap();
    let store = match m.store.tenant(&slug).await.unwrap() { Some(s) => s, None => m.store.create_tenant(&slug, m.engine.surroundings().now()).await.unwrap() };
    use muster_model::configuration::*;
    if store.resources().await.unwrap().is_empty() {
        for (i, kind) in ConfigurationKind::ALL.iter().enumerate() {
            let p = format!("examples/conf/{}", kind.path_segment());
            let Ok(d) = std::fs::read_dir(&p) else { continue };
            for f in d.flatten() { let t = std::fs::read_to_string(f.path()).unwrap(); let v: serde_json::Value = serde_json::from_str(&t).unwrap();
                let doc = Document::read(*kind, &v, Leniency::Strict).unwrap(); store.create_resource(i as u8, doc.id().as_str(), &doc.to_value().to_string()).await.unwrap(); }
        }
    }
    let files = m.engine.settings().tenant_files(&slug).join("hr"); std::fs::create_dir_all(&files).unwrap();
    let dst = files.join("people.csv"); let _ = std::fs::remove_file(&dst); std::os::unix::fs::symlink(&csv, &dst).ok(); let _=std::fs::remove_file(&dst); std::fs::copy(&csv, &dst).unwrap();
    let t = Instant::now();
    let kind = if std::env::args().nth(3).is_some() { TaskKind::Provisioning } else { TaskKind::Synchronization };
    let task = if kind == TaskKind::Provisioning { "accounts" } else { "hr-reconciliation" };
    let claimable = m.store.claimable(m.engine.surroundings().now()).await.unwrap();
    let run = if let Some((_, run)) = claimable.into_iter().next() { println!("resume"); run } else { m.engine.admit(&store, Launch { kind, task: task.parse().unwrap(), mode: Mode::Apply, keys: None, instead: vec![] }).await.unwrap() };
    let run = m.engine.execute(&store, run).await.unwrap();
    let s = t.elapsed().as_secs_f64();
    let c = run.counters;
    println!("{:?} {:?} failure={:?} held={:?} read={} lacking={} in {s:.2}s = {:.0}/s statements={} peak={}MB addup={}", run.state.status, run.state.outcome, run.failure, run.held_by, c.read, c.lacking, c.read as f64 / s, run.statements, run.peak_memory >> 20, c.add_up());
    for o in Outcome::ALL { if c.outcome(o) > 0 { print!("{o}={} ", c.outcome(o)); } } println!("open={} unid={}", c.open_references, c.unidentified);
    for p in store.problems(&run, 12).await.unwrap() { println!("  {:?} {} {:?} {}", p.step, p.code, p.place, p.message); }
}
