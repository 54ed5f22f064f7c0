//! What a tenant sets for itself. What it leaves out is as the server has it.

use serde_json::Value;

use crate::configuration::document::check;
use crate::configuration::document::macros::document;
use crate::configuration::document::reader;
use crate::configuration::document::value::{FieldValue, Parse};
use crate::configuration::problems::Trail;
use crate::configuration::{Leniency, Problems};

/// The shortest password of a tenant that sets nothing, in characters.
pub const SHORTEST_PASSWORD: u32 = 12;

document! {
    /// What a tenant sets for itself.
    TenantSettingsDocument named "TenantSettings" {
        /// Hours until a held plan expires; absent, the server's.
        optional approval_hours: u32 = "approvalHours" in 1..=8760;
        /// The shortest password that a user may be given, in characters; absent, 12.
        optional shortest_password: u32 = "shortestPassword" in 12..=128;
        /// Days after which a new token has to expire at the latest; absent, tokens need not expire.
        optional longest_token_days: u32 = "longestTokenDays" in 1..=3650;
    }
}

/// What a tenant sets for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantSettings {
    /// Hours until a held plan expires, 1 to 8,760; `None` where the server's hold.
    pub approval_hours: Option<u32>,
    /// The shortest password that a user may be given, 12 to 128 characters.
    pub shortest_password: u32,
    /// Days after which a new token has to expire at the latest, 1 to 3,650; `None` for no such limit.
    pub longest_token_days: Option<u32>,
}

impl TenantSettings {
    /// Reads settings as a tenant writes them.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn read(value: &Value) -> Result<Self, Problems> {
        let mut problems = match read(value) {
            Ok(settings) => return Ok(settings),
            Err(problems) => problems,
        };
        // What cannot be read hides nothing of what can.
        let mut others = value.clone();
        if let Value::Object(fields) = &mut others {
            for (pointer, _) in problems.iter() {
                fields.remove(pointer.trim_start_matches('/'));
            }
            problems.merge(read(&others).err().unwrap_or_default());
        }
        Err(problems)
    }

    /// Settings as they are kept.
    #[must_use]
    pub fn to_value(&self) -> Value {
        TenantSettingsDocument::from(self).write()
    }
}

fn read(value: &Value) -> Result<TenantSettings, Problems> {
    check::parse(&reader::read::<TenantSettingsDocument>(value, Leniency::Strict)?)
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self { approval_hours: None, shortest_password: SHORTEST_PASSWORD, longest_token_days: None }
    }
}

impl Parse for TenantSettingsDocument {
    type Domain = TenantSettings;

    fn parse(&self, _: &mut Trail) -> Option<TenantSettings> {
        Some(TenantSettings {
            approval_hours: self.approval_hours,
            shortest_password: self.shortest_password.unwrap_or(SHORTEST_PASSWORD),
            longest_token_days: self.longest_token_days,
        })
    }
}

impl From<&TenantSettings> for TenantSettingsDocument {
    fn from(settings: &TenantSettings) -> Self {
        let shortest = settings.shortest_password;
        Self {
            approval_hours: settings.approval_hours,
            shortest_password: (shortest != SHORTEST_PASSWORD).then_some(shortest),
            longest_token_days: settings.longest_token_days,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_read_back() {
        assert_eq!(TenantSettings::read(&json!({})), Ok(TenantSettings::default()));
        let written = json!({"approvalHours": 4, "shortestPassword": 20, "longestTokenDays": 90});
        assert_eq!(TenantSettings::read(&written).unwrap().to_value(), written);
        let nothing = json!({"approvalHours": null, "shortestPassword": 12, "longestTokenDays": null});
        assert_eq!(TenantSettings::read(&nothing), Ok(TenantSettings::default()));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let wrong = json!({
            "approvalHours": 0, "shortestPassword": 11, "longestTokenDays": "90", "retentionDays": 1,
        });
        let problems = TenantSettings::read(&wrong).unwrap_err();
        let places: Vec<_> = problems.iter().map(|(place, _)| place).collect();
        assert_eq!(places, ["/approvalHours", "/longestTokenDays", "/retentionDays", "/shortestPassword"]);
    }
}
