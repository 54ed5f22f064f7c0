//! placeholder
use super::Common;
use crate::error::{CommandError, Exit};
#[derive(clap::Args)]
pub(super) struct Arguments {}
pub(super) fn run(_: &Arguments, _: &Common) -> Result<Exit, CommandError> { Ok(Exit::Done) }
