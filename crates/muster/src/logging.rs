//! The log: lines on standard error, for people or for programs.

use std::io;

use muster::settings::{LogFormat, Settings, SettingsError};
use tracing_subscriber::EnvFilter;

use crate::error::CommandError;

/// Begins to log. `level` holds where the settings say nothing.
pub(crate) fn start(settings: &Settings, level: &str) -> Result<(), CommandError> {
    let directives = if settings.log.is_empty() { level } else { &settings.log };
    let filter = EnvFilter::try_new(directives).map_err(|error| SettingsError::Value {
        origin: "the setting `log`".to_owned(),
        message: error.to_string(),
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match settings.log_format {
        LogFormat::Text => lines.compact().init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
