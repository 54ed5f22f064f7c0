//! Packages of Debian that tests need: installed where they are missing and this runs as root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::program::run;

/// Whether a package was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Installed {
    Yes,
    /// This is no Debian, or not the root of one.
    No,
}

/// Installs a package.
///
/// # Errors
/// When `apt-get` fails.
pub(crate) fn install(package: &str) -> Result<Installed, Error> {
    if !Path::new("/usr/bin/apt-get").is_file() || !is_root()? {
        return Ok(Installed::No);
    }
    let apt = || {
        let mut apt = Command::new("apt-get");
        // Whatever serves is started by the tests themselves, and not when it is installed.
        apt.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1").stdout(Stdio::null());
        apt
    };
    run(apt().arg("update"))?;
    run(apt().args(["install", "--yes", "--no-install-recommends", package]))?;
    Ok(Installed::Yes)
}

/// Installs the package of a program that is not there.
///
/// # Errors
/// When `apt-get` fails.
pub(crate) fn provide(program: &str, package: &str) -> Result<Installed, Error> {
    let mut call = Command::new(program);
    match call.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(_) => Ok(Installed::Yes),
        Err(_) => install(package),
    }
}

/// Installs packages where a call that needs them does not go well.
///
/// # Errors
/// When `apt-get` fails.
pub(crate) fn provide_for(call: &[&str], packages: &[&str]) -> Result<(), Error> {
    let [program, arguments @ ..] = call else { return Ok(()) };
    let mut call = Command::new(program);
    let status =
        call.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if status.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    packages.iter().try_for_each(|package| install(package).map(|_| ()))
}

/// Whether this runs as root.
///
/// # Errors
/// When the machine does not tell.
pub(crate) fn is_root() -> Result<bool, Error> {
    let own = fs::metadata("/proc/self").map_err(Error::io("look up the own account"))?;
    Ok(own.uid() == 0)
}
