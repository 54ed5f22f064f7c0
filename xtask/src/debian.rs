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
        apt.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
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

/// Whether this runs as root.
///
/// # Errors
/// When the machine does not tell.
pub(crate) fn is_root() -> Result<bool, Error> {
    let own = fs::metadata("/proc/self").map_err(Error::io("look up the own account"))?;
    Ok(own.uid() == 0)
}
