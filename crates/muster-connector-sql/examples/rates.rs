//! How fast accounts are read and written, beside the same done with the library alone: 100,000 rows, a name and a mail
//! address each. `cargo run --release -p muster-connector-sql --example rates`, with MUSTER_TEST_POSTGRES for PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Instant;

use futures_util::StreamExt as _;
use muster_connector::{
    AttributeWrite, Connector, ConnectorKind as _, FileRoots, Host, Operation, PageSize, Properties, Reads,
    RemoteClass, Step, SweepRequest,
};
use muster_connector_sql::SqlKind;
use muster_egress::{Egress, Limits};
use muster_model::{Field, TenantSlug};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};

const ROWS: usize = 100_000;
const BATCH: usize = 1_000;
const TABLE: &str = "CREATE TABLE people (id text PRIMARY KEY, name text, mail text)";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    sqlite().await;
    match std::env::var("MUSTER_TEST_POSTGRES") {
        Ok(server) => postgres(&server).await,
        Err(_) => println!("PostgreSQL: MUSTER_TEST_POSTGRES names no server"),
    }
}

async fn sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let options = |name: &str| {
        SqliteConnectOptions::new()
            .filename(directory.path().join(name))
            .create_if_missing(true)
            .disable_statement_logging()
    };
    let mut bare = options("bare.db").connect().await.unwrap();
    bare.execute(TABLE).await.unwrap();
    let written = timed(bare_writes_sqlite(&mut bare)).await;
    let read = timed(async {
        let mut rows = sqlx::query("SELECT id, name, mail FROM people ORDER BY id").fetch(&mut bare);
        while let Some(row) = rows.next().await {
            let row = row.unwrap();
            let _texts: (String, String, String) = (row.get(0), row.get(1), row.get(2));
        }
    });
    show("SQLite, the library alone", written, read.await, None);
    options("ours.db").connect().await.unwrap().execute(TABLE).await.unwrap();
    let properties = [("database", "sqlite"), ("file", "ours.db")];
    ours("SQLite, this connector", pairs(&properties), directory.path()).await;
}

async fn bare_writes_sqlite(bare: &mut SqliteConnection) {
    for first in (0..ROWS).step_by(BATCH) {
        let mut transaction = bare.begin().await.unwrap();
        for number in first..first + BATCH {
            let (id, name, mail) = row(number);
            let insert = sqlx::query("INSERT INTO people VALUES (?, ?, ?)").bind(id).bind(name).bind(mail);
            insert.execute(&mut *transaction).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }
}

async fn postgres(server: &str) {
    let server: PgConnectOptions = server.parse::<PgConnectOptions>().unwrap().disable_statement_logging();
    let mut maker = server.connect().await.unwrap();
    let name = format!("muster_rates_{}", std::process::id());
    maker.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    let mut bare = server.clone().database(&name).connect().await.unwrap();
    bare.execute(TABLE).await.unwrap();
    let written = timed(bare_writes_postgres(&mut bare)).await;
    let read = timed(async {
        let mut rows = sqlx::query("SELECT id, name, mail FROM people ORDER BY id").fetch(&mut bare);
        while let Some(row) = rows.next().await {
            let row = row.unwrap();
            let _texts: (String, String, String) = (row.get(0), row.get(1), row.get(2));
        }
    });
    show("PostgreSQL, the library alone", written, read.await, None);
    bare.execute("DROP TABLE people").await.unwrap();
    bare.execute(TABLE).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let port = server.get_port().to_string();
    let properties = pairs(&[
        ("database", "postgres"),
        ("host", server.get_host()),
        ("port", &port),
        ("databaseName", &name),
        ("user", server.get_username()),
        ("tls", "DISABLE"),
    ]);
    ours("PostgreSQL, this connector", properties, directory.path()).await;
    bare.close().await.unwrap();
    maker.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
}

async fn bare_writes_postgres(bare: &mut PgConnection) {
    for first in (0..ROWS).step_by(BATCH) {
        let mut columns = (Vec::new(), Vec::new(), Vec::new());
        for (id, name, mail) in (first..first + BATCH).map(row) {
            columns.0.push(id);
            columns.1.push(name);
            columns.2.push(mail);
        }
        let insert = "INSERT INTO people SELECT * FROM unnest($1::text[], $2::text[], $3::text[])";
        let insert = sqlx::query(insert).bind(columns.0).bind(columns.1).bind(columns.2);
        insert.execute(&mut *bare).await.unwrap();
    }
}

async fn ours(what: &str, properties: Properties, own: &std::path::Path) {
    let egress = Egress::new(vec!["* 127.0.0.0/8:*".parse().unwrap()], Limits::default());
    let files = FileRoots { own: own.to_owned(), further: Vec::new() };
    let host = Host::new(TenantSlug::new("rates").unwrap(), files);
    let connector = SqlKind::new(egress).open(&properties, &host).await.unwrap();
    let create = |number| {
        let (id, name, mail) = row(number);
        let attributes = vec![("name".into(), Field::text(name)), ("mail".into(), Field::text(mail))];
        Operation::Create { uid: id, attributes, enabled: true }
    };
    let update = |number| Operation::Update {
        uid: row(number).0,
        name: None,
        writes: vec![("name".into(), AttributeWrite::Replace(Field::text("another name")))],
        enabled: None,
    };
    let written = timed(writes(&*connector, create)).await;
    let read = timed(sweep(&*connector)).await;
    let updated = timed(writes(&*connector, update)).await;
    show(what, written, read, Some(updated));
}

fn class() -> RemoteClass {
    RemoteClass::new("people", "id")
}

async fn writes(connector: &dyn Connector, operation: impl Fn(usize) -> Operation) {
    let mut writer = connector.writer(&class()).await.unwrap();
    for first in (0..ROWS).step_by(BATCH) {
        let outcomes = writer.write((first..first + BATCH).map(&operation).collect()).await;
        assert!(outcomes.iter().all(Result::is_ok));
    }
    writer.close().await.unwrap();
}

async fn sweep(connector: &dyn Connector) {
    let page_size = PageSize::from(BATCH);
    let request =
        SweepRequest { class: class(), reads: Reads::All, page_size, resume: None, last_count: None };
    let (mut sweep, mut count) = (connector.sweep(request).await.unwrap(), 0);
    while let Step::Page(page) = sweep.next().await.unwrap() {
        count += page.entries.len();
    }
    assert_eq!(count, ROWS);
}

fn row(number: usize) -> (String, String, String) {
    (format!("u{number:06}"), format!("Name of {number}"), format!("u{number}@example.org"))
}

fn pairs(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

async fn timed(work: impl Future<Output = ()>) -> f64 {
    let begun = Instant::now();
    work.await;
    begun.elapsed().as_secs_f64()
}

fn show(what: &str, written: f64, read: f64, updated: Option<f64>) {
    let rate = |seconds: f64| ROWS as f64 / seconds;
    print!("{what}: {:.0} creates/s, {:.0} read/s", rate(written), rate(read));
    match updated {
        Some(updated) => println!(", {:.0} updates/s", rate(updated)),
        None => println!(),
    }
}
