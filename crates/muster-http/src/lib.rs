//! What connectors share whose systems are called over HTTP: how such a system is reached, who we are there, calls at its
//! pace and within its limits, and what the status of an answer means.
//!
//! Never knows what is asked for, connects only through `muster-egress`, follows no redirect, and shows no secret.

mod answer;
mod call;
mod caller;
mod place;
mod reach;
mod side_by_side;
mod test;

pub use answer::{Answer, Refusal, fault_of, parsed, refusal};
pub use call::{Call, encoded};
pub use caller::{Caller, Failed, Manners, Refusals, Words};
pub use place::{LONGEST_KEY, NO_PLACE, is_sound_key, place_of};
pub use reach::{Client, ClientShown, Credentials, Reach, Way, is_header_name};
pub use side_by_side::side_by_side;
pub use test::put_first_call;
