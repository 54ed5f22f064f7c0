//! The jobs of datasets: a server as it is released, and its command line beside it.

use std::path::PathBuf;

use serde_json::Value;

use super::Setup;
use super::program::{expect_outcome, instrument, place, released};
use super::row::Row;
use super::served::Served;
use crate::error::Error;
use crate::program::run_until_interrupted;

/// How many resources, whatever was asked for: the target names that many.
pub(crate) const RESOURCES: u64 = 5_000;

const TENANT: &str = "bench";
/// The tenant, and a dataset for it.
pub(crate) fn prepare_import(setup: &Setup<'_>) -> Result<(), Error> {
    let mut write = instrument("dataset")?;
    write.arg(file(setup)).args(["--resources", &RESOURCES.to_string()]);
    run_until_interrupted(&mut write, setup.interruptions)?;
    let mut create = released(setup, &["tenant", "create", TENANT])?;
    run_until_interrupted(place(&mut create, &setup.data, setup.database), setup.interruptions)
}

/// The same, imported.
pub(crate) fn prepare_export(setup: &Setup<'_>) -> Result<(), Error> {
    prepare_import(setup)?;
    import(&Served::start(setup, TENANT)?, setup).map(|_| ())
}

pub(crate) fn measure_import(setup: &Setup<'_>) -> Result<Row, Error> {
    let served = Served::start(setup, TENANT)?;
    let (figures, printed) = served.watched(RESOURCES, || import(&served, setup))?;
    let report: Value = serde_json::from_slice(&printed).unwrap_or_default();
    let created = report["counts"]["created"].as_u64().unwrap_or_default();
    expect_outcome("dataset-import", "created", created, RESOURCES)?;
    Ok(Row::new("dataset-import", setup.database.as_str(), &figures))
}

pub(crate) fn measure_export(setup: &Setup<'_>) -> Result<Row, Error> {
    let served = Served::start(setup, TENANT)?;
    let (figures, printed) = served.watched(RESOURCES, || served.call(setup, &["dataset", "export"]))?;
    let exported = String::from_utf8_lossy(&printed).matches("\n  <").count() / 2;
    // A resource begins and ends at the second step of indentation.
    expect_outcome("dataset-export", "exported", exported as u64, RESOURCES)?;
    Ok(Row::new("dataset-export", setup.database.as_str(), &figures))
}

fn import(served: &Served, setup: &Setup<'_>) -> Result<Vec<u8>, Error> {
    let file = file(setup).display().to_string();
    served.call(setup, &["dataset", "import", &file, "--output", "json"])
}

fn file(setup: &Setup<'_>) -> PathBuf {
    setup.directory.join("dataset.xml")
}
