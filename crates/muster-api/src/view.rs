//! What clients see: the JSON of every answer but configuration, which is its own document.
//!
//! Views are types of their own, with every field written out; no domain type is serialized.

mod account;
mod administration;
mod audit;
mod change;
mod dataset;
mod error;
mod file;
mod history;
mod object;
mod progress;
mod read;
mod resource;
mod schedule;
pub(crate) mod value;

use muster_model::text::{hex, instant};

pub(crate) use account::Enabled;
pub use account::{AccountView, LiveView};
pub use administration::{NewTokenView, SecretView, SettingsView, TokenView, UserView};
pub use audit::{ActorView, AuditEntryView, AuditVerificationView};
pub use change::{AttributeView, ChangeView, MembershipView};
pub use dataset::DatasetReportView;
pub(crate) use error::CLASS;
pub use error::ErrorView;
pub use file::FileView;
pub use history::{ObjectHistoryView, ReplacedAttributeView, ReplacedView};
pub use object::ObjectView;
pub use progress::{CountersView, ErrandView, ProgressView};
pub(crate) use read::read_field;
pub use resource::{FieldDifferenceView, ResourceVersionView};
pub use schedule::{FireView, SchedulingView};

/// Sixteen octets of 32 hexadecimal digits.
pub(crate) fn read_hex(text: &str) -> Option<[u8; 16]> {
    let digits = (text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(text)?;
    u128::from_str_radix(digits, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_read_back() {
        let octets: [u8; 16] = std::array::from_fn(|index| index as u8 * 17);
        assert_eq!(read_hex(&hex(&octets)), Some(octets));
        assert_eq!(read_hex(&hex(&octets).to_uppercase()), Some(octets));
        for bad in ["", "00", &"g".repeat(32), &"0".repeat(33), &format!("+{}", "0".repeat(31))] {
            assert_eq!(read_hex(bad), None, "{bad}");
        }
    }
}
