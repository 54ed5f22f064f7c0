//! How many records a second a sweep reads: `cargo run --release --example sweep_rate -- [records] [page]`.
//! Prints the rate of whole sweeps of a file of 12 columns, and beside it that of reading raw records with the
//! `csv` crate, as the floor.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

use muster_connector::{ConnectorKind, FileRoots, Host, Properties, Reads, RemoteClass, Step, SweepRequest};
use muster_connector_csv::CsvKind;

const COLUMNS: usize = 12;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let records: usize = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let page_size: usize = arguments.next().map_or(Ok(500), |text| text.parse())?;

    let directory = tempfile::tempdir()?;
    let path = directory.path().join("people.csv");
    std::fs::write(&path, people(records)?)?;

    let began = Instant::now();
    let mut raw = csv::ByteRecord::new();
    let mut reader = csv::Reader::from_path(&path)?;
    let mut count = 0;
    while reader.read_byte_record(&mut raw)? {
        count += 1;
    }
    print("floor: csv crate, raw records", count, began);

    let host =
        Host::new("acme".parse()?, FileRoots { own: directory.path().to_owned(), further: Vec::new() });
    let connector = CsvKind.open(&Properties::new(), &host).await?;
    let class = RemoteClass::new("people.csv", "column0");
    for _ in 0..3 {
        let request = SweepRequest {
            class: class.clone(),
            reads: Reads::All,
            page_size: page_size.into(),
            resume: None,
            last_count: None,
        };
        let began = Instant::now();
        let mut sweep = connector.sweep(request).await?;
        let mut count = 0;
        while let Step::Page(page) = sweep.next().await? {
            count += page.entries.len();
        }
        print("sweep", count, began);
    }
    Ok(())
}

fn people(records: usize) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let names: Vec<String> = (0..COLUMNS).map(|column| format!("column{column}")).collect();
    writeln!(text, "{}", names.join(","))?;
    for record in 0..records {
        write!(text, "E{record:08}")?;
        for column in 1..COLUMNS {
            match column {
                5 => write!(text, ",\"Quoted, value {record}\"")?,
                _ => write!(text, ",value {column} of {record}")?,
            }
        }
        writeln!(text)?;
    }
    Ok(text)
}

fn print(what: &str, count: usize, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    println!("{what}: {count} records in {seconds:.2} s, {:.0} a second", count as f64 / seconds);
}
