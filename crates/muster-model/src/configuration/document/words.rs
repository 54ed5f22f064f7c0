//! The words of documents: every enum of the configuration as it stands in JSON and XML.

use crate::attribute::ValueType;
use crate::configuration::application::{
    Direction, MembershipHolder, OnNoMatch, Reaction, Recreated, Situation, Strength, Taken,
};
use crate::configuration::document::macros::words;
use crate::configuration::guard::Guarded;
use crate::configuration::post_processing::{LaunchOutcome, ReportColumn};
use crate::configuration::profile::Deprovisioning;
use crate::configuration::task::{CleanupAction, IntervalUnit, SortOrder, SweepKind, Verify};
use crate::object::ObjectKind;

/// How a mapping finds its value, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrategyWord {
    /// It copies its source and applies transformations.
    Simple,
    /// It evaluates one expression.
    Custom,
}

/// What a transformation does, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransformationWord {
    /// It removes white space at both ends.
    Trim,
    /// It makes lower case.
    Lower,
    /// It makes upper case.
    Upper,
    /// It replaces every match of a regular expression.
    RegexReplace,
    /// It removes a domain.
    StripDomain,
    /// It makes one value of several.
    Join,
    /// It makes several values of one.
    Split,
    /// It takes the first value.
    FirstOf,
    /// It looks the value up in a table.
    Lookup,
    /// It writes a date in another form.
    DateFormat,
    /// It makes a slug.
    Slug,
    /// It makes Latin letters.
    Transliterate,
}

/// What a synchronization task does, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskTypeWord {
    /// It compares all accounts with the repository.
    Reconciliation,
    /// It takes every account as just created.
    Import,
    /// It looks for users that are no longer in use.
    Cleanup,
}

/// When a task runs, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleWord {
    /// Once, at an instant.
    Once,
    /// By a cron expression.
    Cron,
    /// Every so often.
    Interval,
    /// Only when somebody launches it.
    Manual,
}

words! {
    ObjectKind {
        Identity = "IDENTITY", Organization = "ORGANIZATION", Resource = "RESOURCE", Role = "ROLE",
        RolePublication = "ROLE_PUBLICATION",
    }
    ValueType {
        String = "STRING", Integer = "INTEGER", Boolean = "BOOLEAN", DateTime = "DATE_TIME",
        Binary = "BINARY", Reference = "REFERENCE",
    }
    Direction { Inbound = "INBOUND", Outbound = "OUTBOUND" }
    MembershipHolder { Account = "ACCOUNT", Entitlement = "ENTITLEMENT" }
    StrategyWord { Simple = "SIMPLE", Custom = "CUSTOM" }
    Taken { Key = "KEY", Id = "ID", RemoteName = "REMOTE_NAME" }
    Strength { Strong = "STRONG", Normal = "NORMAL", Weak = "WEAK" }
    OnNoMatch { Raw = "RAW", Keep = "KEEP", Clear = "CLEAR", Filter = "FILTER" }
    Situation {
        Linked = "LINKED", Unlinked = "UNLINKED", Unmatched = "UNMATCHED", Disputed = "DISPUTED",
        Missing = "MISSING", Absent = "ABSENT", Unassigned = "UNASSIGNED",
    }
    Reaction {
        Synchronize = "SYNCHRONIZE", Link = "LINK", Create = "CREATE", Unlink = "UNLINK",
        Disable = "DISABLE", Delete = "DELETE", Ignore = "IGNORE", Report = "REPORT",
        Anonymize = "ANONYMIZE",
    }
    Recreated { Relink = "RELINK", Report = "REPORT" }
    Guarded {
        Create = "create", Update = "update", Disable = "disable", Delete = "delete", Unlink = "unlink",
        MembershipRemoval = "membershipRemoval", MembersLost = "membersLost", Clearing = "clearing",
    }
    TransformationWord {
        Trim = "TRIM", Lower = "LOWER", Upper = "UPPER", RegexReplace = "REGEX_REPLACE",
        StripDomain = "STRIP_DOMAIN", Join = "JOIN", Split = "SPLIT", FirstOf = "FIRST_OF",
        Lookup = "LOOKUP", DateFormat = "DATE_FORMAT", Slug = "SLUG", Transliterate = "TRANSLITERATE",
    }
    Deprovisioning { Disable = "DISABLE", Delete = "DELETE", Unlink = "UNLINK", Keep = "KEEP" }
    TaskTypeWord { Reconciliation = "RECONCILIATION", Import = "IMPORT", Cleanup = "CLEANUP" }
    CleanupAction { Disable = "DISABLE", Delete = "DELETE", Anonymize = "ANONYMIZE", Keep = "KEEP" }
    SweepKind { Full = "FULL", Changes = "CHANGES" }
    Verify { Live = "LIVE", Shadow = "SHADOW" }
    SortOrder { Ascending = "ASC", Descending = "DESC" }
    ScheduleWord { Once = "ONCE", Cron = "CRON", Interval = "INTERVAL", Manual = "MANUAL" }
    IntervalUnit {
        Seconds = "SECONDS", Minutes = "MINUTES", Hours = "HOURS", Days = "DAYS", Weeks = "WEEKS",
    }
    ReportColumn {
        ShadowObjectId = "SHADOW_OBJECT_ID", ShadowKind = "SHADOW_KIND", ShadowId = "SHADOW_ID",
        ShadowObjectClass = "SHADOW_OBJECT_CLASS", IdmObjectId = "IDM_OBJECT_ID",
        IdmObjectKind = "IDM_OBJECT_KIND", ErrorStep = "ERROR_STEP", ErrorCode = "ERROR_CODE",
        ErrorLabel = "ERROR_LABEL", ErrorDescription = "ERROR_DESCRIPTION",
    }
    LaunchOutcome { Success = "SUCCESS", Partial = "PARTIAL", Failure = "FAILURE" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::document::value::Word;

    #[test]
    fn words_are_the_names_that_logs_show() {
        for kind in ObjectKind::ALL {
            assert_eq!(kind.as_str(), kind.word());
        }
        for situation in Situation::ALL {
            assert_eq!(situation.as_str(), situation.word());
        }
        for column in ReportColumn::ALL {
            assert_eq!(column.as_str(), column.word());
        }
        for reaction in Reaction::ALL {
            assert_eq!(reaction.as_str(), reaction.word());
        }
        for guarded in Guarded::ALL {
            assert_eq!(guarded.as_str(), guarded.word());
        }
        for taken in <Taken as Word>::ALL {
            assert_eq!(taken.as_str(), taken.word());
        }
        assert_eq!(<Situation as Word>::ALL, Situation::ALL);
        assert_eq!(<Reaction as Word>::ALL, Reaction::ALL);
        assert_eq!(<Guarded as Word>::ALL, Guarded::ALL);
        assert_eq!(<ObjectKind as Word>::ALL, ObjectKind::ALL);
    }
}
