//! The command line: a thin cover over the library.

mod client;
mod command;
mod error;
mod logging;
mod print;
mod progress;
mod secret;
mod signals;
mod summary;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match command::run() {
        Ok(exit) => exit.into(),
        Err(error) => {
            error.print();
            error.exit().into()
        }
    }
}
