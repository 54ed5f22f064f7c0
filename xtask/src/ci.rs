//! `cargo xtask ci`: every check a change has to pass, the quick ones first.

use crate::error::Error;
use crate::program::{cargo, run};
use crate::test;

pub(crate) fn run_all() -> Result<(), Error> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    test::run(&test::Arguments::default())?;
    run(cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings"))
}
