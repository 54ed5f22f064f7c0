//! Disputes: accounts about which runs do not decide by themselves. Here is what somebody can decide about one.

use std::fmt;
use std::str::FromStr;

/// What becomes of an account, as somebody decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DisputeDecision {
    /// It belongs to an object that is named.
    Link,
    /// It is somebody new.
    New,
    /// It is left alone.
    Ignore,
}

impl DisputeDecision {
    /// All decisions, in the order in which they are stored.
    pub const ALL: [Self; 3] = [Self::Link, Self::New, Self::Ignore];

    /// The decision as it stands in JSON and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "LINK",
            Self::New => "NEW",
            Self::Ignore => "IGNORE",
        }
    }
}

impl fmt::Display for DisputeDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DisputeDecision {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|decision| decision.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_to_their_decisions() {
        for decision in DisputeDecision::ALL {
            assert_eq!(decision.to_string().parse(), Ok(decision));
        }
        assert_eq!("link".parse::<DisputeDecision>(), Err(()));
    }
}
