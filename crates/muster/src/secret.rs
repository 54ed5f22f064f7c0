//! Passwords on the command line: read from standard input, never from an argument, which others could see.

use std::io::{self, IsTerminal, Read};

use muster_api::principal::{LONGEST_PASSWORD, new_password};

use crate::error::CommandError;
use crate::print::{complain, say};

/// Where a password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordSource {
    /// From standard input; having none is an error.
    Input,
    /// From standard input unless that is a terminal or empty; then it is made up.
    InputOrMadeUp,
}

/// A password, and whether its user knows it already.
pub(crate) enum Password {
    /// It was given.
    Given(String),
    /// It was made up and has to be told.
    MadeUp(String),
}

impl Password {
    /// Gets a password.
    ///
    /// # Errors
    /// When standard input cannot be read or holds none.
    pub(crate) fn get(source: PasswordSource) -> Result<Self, CommandError> {
        let asked = source == PasswordSource::Input;
        if !asked && io::stdin().is_terminal() {
            return Ok(Self::MadeUp(new_password()));
        }
        if !asked {
            complain("reading the password from standard input");
        }
        match read()? {
            password if !password.is_empty() => Ok(Self::Given(password)),
            _ if asked => {
                Err(CommandError::usage("standard input holds no password", "write one line with it there"))
            }
            _ => Ok(Self::MadeUp(new_password())),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Given(text) | Self::MadeUp(text) => text,
        }
    }

    /// Tells a password that nobody knows yet: alone on standard output, so that programs can take it.
    pub(crate) fn tell(&self) {
        if let Self::MadeUp(text) = self {
            complain("its password was made up and is shown this once:");
            say(text);
        }
    }
}

/// The first line of standard input.
fn read() -> Result<String, CommandError> {
    let mut text = String::new();
    let most = LONGEST_PASSWORD as u64 + 2;
    io::stdin()
        .take(most)
        .read_to_string(&mut text)
        .map_err(CommandError::machine("read the password from standard input"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
