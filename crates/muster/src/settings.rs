//! What the host's operator sets: defaults, then a file, the environment and the command line, the later
//! winning over the earlier.

mod sources;

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use muster_api::ApiSettings;
use muster_egress::{Egress, Limits as EgressLimits, Rule};
use muster_engine::{Retention as EngineRetention, Settings as EngineSettings};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::Place;
pub use sources::{Sources, environment_name, unknown_variables};

/// The reader of datasets takes no larger one.
const LARGEST_DATASET: u64 = muster_dataset::limits::OCTETS as u64;

/// All settings. What each means stands in `config/muster.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Address and port of the API.
    pub listen: String,
    /// SQLite and the tenants' files.
    pub data_dir: PathBuf,
    /// A PostgreSQL instead of SQLite; empty for none.
    pub database_url: String,
    /// The file of the master key; empty for `master.key` in the data directory, where SQLite is.
    pub master_key_file: PathBuf,
    /// Directories outside of the tenants' own that configurations may read and write.
    pub further_file_roots: Vec<PathBuf>,
    /// The certificate of the API, PEM; empty for none, and then no TLS.
    pub tls_cert: PathBuf,
    /// The key of the certificate.
    pub tls_key: PathBuf,
    /// Directives of the log; empty for what the command wants.
    pub log: String,
    /// The form of the log.
    pub log_format: LogFormat,
    /// Limits of requests.
    pub limits: Limits,
    /// The server.
    pub server: Server,
    /// Runs.
    pub work: Work,
    /// Figures for whoever watches the process.
    pub metrics: Metrics,
    /// How long things are kept.
    pub retention: Retention,
    /// Calls to addresses that tenants choose.
    pub egress: EgressSettings,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs, one object a line.
    Json,
}

/// Limits of requests.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// The largest JSON body, in octets.
    pub configuration_bytes: u64,
    /// The largest dataset, in octets.
    pub dataset_bytes: u64,
    /// The largest file of a tenant, in octets.
    pub file_bytes: u64,
    /// How long a body may take, and a file may be silent.
    pub request_seconds: u64,
    /// Requests of one tenant a second; 0 for any number.
    pub requests_per_second: u64,
}

/// The server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Server {
    /// Threads that serve requests.
    pub threads: u64,
    /// How long requests may take to end when the server stops.
    pub farewell_seconds: u64,
    /// Who may say in `X-Forwarded-For` for whom it asks.
    pub trusted_proxies: Vec<IpAddr>,
}

/// Runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Work {
    /// Runs worked on at the same time.
    pub workers: u64,
    /// Entries of a page.
    pub page_size: u64,
    /// Changes of a transaction that applies them to IM objects, or stores what a target has answered.
    pub apply_size: u64,
    /// Changes that are sent to a target before their outcomes are stored.
    pub batch_size: u64,
    /// How long a silent process keeps its runs.
    pub lease_seconds: u64,
    /// So long a run may work without a checkpoint before it counts as stalled.
    pub stalled_after_seconds: u64,
    /// How long a held plan waits for a decision.
    pub held_hours: u64,
    /// So long after the launch of its first run a chain of tasks may go on.
    pub chain_minutes: u64,
    /// So long after the end of a run it is tried to tell those outside of it.
    pub webhook_hours: u64,
}

/// Calls to addresses that tenants choose.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EgressSettings {
    /// Who may call what.
    #[serde(deserialize_with = "rules")]
    pub allow: Vec<Rule>,
    /// How long a call may take.
    pub seconds: u64,
    /// The longest answer, in octets.
    pub answer_bytes: u64,
}

fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Rule>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
}

/// Figures for whoever watches the process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Metrics {
    /// Address and port of `/metrics`; empty for none.
    pub listen: String,
}

/// How many days things are kept; 0 for ever.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Retention {
    /// Runs that have ended, with all that was noted about them.
    pub runs_days: u64,
    /// The changes of such runs.
    pub changes_days: u64,
    /// Values that were replaced, and earlier versions of configuration.
    pub history_days: u64,
    /// Reports that runs wrote.
    pub reports_days: u64,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the settings file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is not as it should be.
    #[error("the settings file {} is wrong: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// A variable or flag is not as it should be.
    #[error("{origin} is wrong: {message}")]
    Value {
        /// The variable or flag.
        origin: String,
        /// What is wrong.
        message: String,
    },
    /// Two settings make sense together only.
    #[error("the setting `{given}` is given, but `{lacking}` is not")]
    Alone {
        /// The one.
        given: &'static str,
        /// The other.
        lacking: &'static str,
    },
    /// A number is out of its range.
    #[error("the setting `{name}` is {value}, but has to be {} to {}", range.start(), range.end())]
    Range {
        /// The setting.
        name: &'static str,
        /// What it is.
        value: u64,
        /// What it may be.
        range: RangeInclusive<u64>,
    },
}

impl Settings {
    /// The settings that the sources come to.
    ///
    /// # Errors
    /// When a source cannot be read, names what is no setting, or gives a value that cannot be used.
    pub fn load(sources: &Sources<'_>) -> Result<Self, SettingsError> {
        let settings = sources.read()?;
        settings.check()?;
        Ok(settings)
    }

    /// Where the data lies.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            data_dir: self.data_dir.clone(),
            database_url: Some(self.database_url.clone()).filter(|url| !url.is_empty()),
            master_key_file: Some(self.master_key_file.clone()).filter(|path| !path.as_os_str().is_empty()),
            file_roots: self.further_file_roots.clone(),
        }
    }

    /// What the API wants to know.
    #[must_use]
    pub fn api_settings(&self) -> ApiSettings {
        ApiSettings {
            json_limit: self.limits.configuration_bytes,
            dataset_limit: self.limits.dataset_bytes,
            file_limit: self.limits.file_bytes,
            patience: Duration::from_secs(self.limits.request_seconds),
            farewell: Duration::from_secs(self.server.farewell_seconds),
            threads: size(self.server.threads),
            requests_per_second: u32::try_from(self.limits.requests_per_second).unwrap_or(u32::MAX),
            trusted_proxies: self.server.trusted_proxies.clone(),
            ..ApiSettings::default()
        }
    }

    fn check(&self) -> Result<(), SettingsError> {
        let Self { limits, server, work, retention, egress, .. } = self;
        let (cert, key) = (!self.tls_cert.as_os_str().is_empty(), !self.tls_key.as_os_str().is_empty());
        match (cert, key) {
            (true, false) => {
                return Err(SettingsError::Alone { given: "tls-cert", lacking: "tls-key" });
            }
            (false, true) => {
                return Err(SettingsError::Alone { given: "tls-key", lacking: "tls-cert" });
            }
            (true, true) | (false, false) => {}
        }
        for (name, value, range) in [
            ("limits.configuration-bytes", limits.configuration_bytes, 1024..=1 << 30),
            ("limits.dataset-bytes", limits.dataset_bytes, 1024..=LARGEST_DATASET),
            ("limits.file-bytes", limits.file_bytes, 1..=1 << 50),
            ("limits.request-seconds", limits.request_seconds, 1..=3600),
            ("limits.requests-per-second", limits.requests_per_second, 0..=1_000_000),
            ("server.threads", server.threads, 1..=256),
            ("server.farewell-seconds", server.farewell_seconds, 0..=3600),
            ("work.workers", work.workers, 1..=256),
            ("work.page-size", work.page_size, 1..=10_000),
            ("work.apply-size", work.apply_size, 1..=10_000),
            ("work.batch-size", work.batch_size, 1..=10_000),
            ("work.lease-seconds", work.lease_seconds, 1..=3600),
            ("work.stalled-after-seconds", work.stalled_after_seconds, 1..=31_536_000),
            ("work.held-hours", work.held_hours, 1..=8760),
            ("retention.runs-days", retention.runs_days, 0..=36_500),
            ("retention.changes-days", retention.changes_days, 0..=36_500),
            ("retention.history-days", retention.history_days, 0..=36_500),
            ("retention.reports-days", retention.reports_days, 0..=36_500),
            ("work.chain-minutes", work.chain_minutes, 1..=525_600),
            ("work.webhook-hours", work.webhook_hours, 1..=8760),
            ("egress.seconds", egress.seconds, 1..=300),
            ("egress.answer-bytes", egress.answer_bytes, 1..=1 << 30),
        ] {
            if !range.contains(&value) {
                return Err(SettingsError::Range { name, value, range });
            }
        }
        Ok(())
    }
}

impl Retention {
    pub(crate) fn of_engine(&self) -> EngineRetention {
        let days = |days: u64| (days > 0).then(|| TimeDelta::days(i64::try_from(days).unwrap_or(i64::MAX)));
        EngineRetention {
            runs: days(self.runs_days),
            changes: days(self.changes_days),
            history: days(self.history_days),
            reports: days(self.reports_days),
        }
    }
}

impl Work {
    pub(crate) fn engine_settings(&self, data_dir: PathBuf, owner: String) -> EngineSettings {
        EngineSettings {
            page_size: size(self.page_size),
            apply_size: size(self.apply_size),
            batch_size: size(self.batch_size),
            workers: size(self.workers),
            lease: Duration::from_secs(self.lease_seconds),
            stalled_after: Duration::from_secs(self.stalled_after_seconds),
            hold: Duration::from_secs(self.held_hours * 3600),
            chain: Duration::from_secs(self.chain_minutes * 60),
            insist: Duration::from_secs(self.webhook_hours * 3600),
            ..EngineSettings::new(data_dir, owner)
        }
    }
}

impl EgressSettings {
    pub(crate) fn way_out(&self) -> Egress {
        let limits = EgressLimits { time: Duration::from_secs(self.seconds), answer: self.answer_bytes };
        Egress::new(self.allow.clone(), limits)
    }
}

impl Default for EgressSettings {
    fn default() -> Self {
        let limits = EgressLimits::default();
        Self { allow: Vec::new(), seconds: limits.time.as_secs(), answer_bytes: limits.answer }
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8086".to_owned(),
            data_dir: "./data".into(),
            database_url: String::new(),
            master_key_file: PathBuf::new(),
            further_file_roots: Vec::new(),
            tls_cert: PathBuf::new(),
            tls_key: PathBuf::new(),
            log: String::new(),
            log_format: LogFormat::Text,
            limits: Limits::default(),
            server: Server::default(),
            work: Work::default(),
            metrics: Metrics::default(),
            retention: Retention::default(),
            egress: EgressSettings::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let api = ApiSettings::default();
        Self {
            configuration_bytes: api.json_limit,
            dataset_bytes: api.dataset_limit,
            file_bytes: api.file_limit,
            request_seconds: api.patience.as_secs(),
            requests_per_second: u64::from(api.requests_per_second),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        let api = ApiSettings::default();
        Self {
            threads: api.threads as u64,
            farewell_seconds: api.farewell.as_secs(),
            trusted_proxies: api.trusted_proxies,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { runs_days: 365, changes_days: 90, history_days: 0, reports_days: 90 }
    }
}

impl Default for Work {
    fn default() -> Self {
        let engine = EngineSettings::new(PathBuf::new(), String::new());
        Self {
            workers: engine.workers as u64,
            page_size: engine.page_size as u64,
            apply_size: engine.apply_size as u64,
            batch_size: engine.batch_size as u64,
            lease_seconds: engine.lease.as_secs(),
            stalled_after_seconds: engine.stalled_after.as_secs(),
            held_hours: engine.hold.as_secs() / 3600,
            chain_minutes: engine.chain.as_secs() / 60,
            webhook_hours: engine.insist.as_secs() / 3600,
        }
    }
}

#[cfg(test)]
mod tests;
