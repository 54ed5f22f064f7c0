//! temporary
use muster::*;
use muster_engine::*;
use muster_model::run::*;
use muster_model::*;
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let arg = |n: &str| args.iter().position(|a| a == n).map(|i| args[i + 1].clone());
    let t = std::time::Instant::now();
    let m = Muster::open(&Place {
        data_dir: arg("--data-dir").unwrap().into(),
        database_url: arg("--database-url"),
        file_roots: vec![],
    })
    .await
    .unwrap();
    let slug: TenantSlug = "bench".parse().unwrap();
    let store = m.store.tenant(&slug).await.unwrap().unwrap();
    let run = m
        .engine
        .admit(
            &store,
            Launch {
                kind: TaskKind::Synchronization,
                task: "hr-reconciliation".parse().unwrap(),
                mode: Mode::Apply,
                keys: None,
                instead: vec![],
            },
        )
        .await
        .unwrap();
    let run = m.engine.execute(&store, run).await.unwrap();
    let s = t.elapsed().as_secs_f64();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<f64> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|x| x.parse().unwrap())
        .collect();
    println!(
        "{{\"entries\":{},\"seconds\":{s},\"entries_per_second\":{},\"cpu_seconds\":{},\"peak_rss_mib\":{},\"statements\":{},\"status\":\"{:?}\"}}",
        run.counters.read,
        run.counters.read as f64 / s,
        (f[0] + f[1]) / 100.0,
        run.peak_memory >> 20,
        run.statements,
        run.state.status
    );
    for o in Outcome::ALL {
        if run.counters.outcome(o) > 0 {
            eprint!("{o}={} ", run.counters.outcome(o));
        }
    }
    eprintln!();
}
