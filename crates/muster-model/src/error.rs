//! The error codes of Muster: one stable id and one label for each thing that clients can meet.

/// What went wrong, as clients dispatch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Muster itself failed.
    Internal,
    /// No credentials, or wrong ones.
    Unauthorized,
    /// The caller lacks a right.
    Forbidden,
    /// No such thing.
    NotFound,
    /// The method does not exist here.
    MethodNotAllowed,
    /// The state of things forbids it now.
    Conflict,
    /// The request or configuration breaks rules; all problems are listed.
    Validation,
    /// The body is not of the accepted form.
    Malformed,
    /// The body is too large.
    TooLarge,
    /// The content type is not accepted.
    UnsupportedMediaType,
    /// Muster cannot answer now.
    Unavailable,
    /// The resource is not the one that a precondition of the request names.
    PreconditionFailed,
    /// The caller asks too often, or has failed to log in too often.
    TooManyRequests,
    /// A source was empty, or not read to its end.
    SourceCutShort,
    /// One entry of a source could not be read.
    EntryUnreadable,
    /// An entry's key was met twice in one read.
    EntryRepeated,
    /// A mapping or expression failed on an entry.
    MappingFailed,
    /// Several owners fit an account.
    Disputed,
    /// The application refused a change.
    ChangeRefused,
    /// The application has refused the same change before, and was not asked again.
    ChangeParked,
    /// All accounts were read, where only what has changed was to be.
    SweptInFull,
    /// A change's object moved on since the plan was made.
    ChangeStale,
    /// A guard held the plan.
    GuardTripped,
    /// The plan was rejected.
    PlanRejected,
    /// A reference's object does not exist yet.
    ReferenceOpen,
    /// A run could not be carried out.
    RunFailed,
    /// Entries of a source could not be read, and nobody knows whose they are.
    EntryUnidentified,
    /// A key that was asked for is not in the source.
    EntryNotFound,
    /// A person cancelled the run.
    RunCancelled,
    /// The plan was another by the time when an approved one was to be carried out.
    PlanOutdated,
    /// An account whose owner is not known.
    OwnerUnknown,
    /// A run went on without an application that could not be reached.
    ApplicationLeftOut,
    /// A user was asked for of a connector that does not exist.
    ConnectorNotFound,
    /// The source of a connector does not answer, refuses, or is in maintenance.
    ConnectorNotAvailable,
    /// A connector cannot be made from what is configured.
    ConnectorFactoryNotAvailable,
    /// The configuration of a connector cannot be used.
    ConfigurationFailed,
}

impl ErrorCode {
    /// All codes, in the order of their ids.
    pub const ALL: [Self; 36] = [
        Self::Internal,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::Validation,
        Self::Malformed,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Unavailable,
        Self::PreconditionFailed,
        Self::TooManyRequests,
        Self::ConnectorNotFound,
        Self::ConnectorNotAvailable,
        Self::ConnectorFactoryNotAvailable,
        Self::ConfigurationFailed,
        Self::SourceCutShort,
        Self::EntryUnreadable,
        Self::EntryRepeated,
        Self::MappingFailed,
        Self::Disputed,
        Self::ChangeRefused,
        Self::ChangeStale,
        Self::GuardTripped,
        Self::PlanRejected,
        Self::ReferenceOpen,
        Self::RunFailed,
        Self::EntryUnidentified,
        Self::EntryNotFound,
        Self::RunCancelled,
        Self::PlanOutdated,
        Self::OwnerUnknown,
        Self::ChangeParked,
        Self::ApplicationLeftOut,
        Self::SweptInFull,
    ];

    /// The stable id, `MUS-C` and seven digits. Never given to another meaning.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Internal => "MUS-C0000001",
            Self::Unauthorized => "MUS-C0000002",
            Self::Forbidden => "MUS-C0000003",
            Self::NotFound => "MUS-C0000004",
            Self::MethodNotAllowed => "MUS-C0000005",
            Self::Conflict => "MUS-C0000006",
            Self::Validation => "MUS-C0000007",
            Self::Malformed => "MUS-C0000008",
            Self::TooLarge => "MUS-C0000009",
            Self::UnsupportedMediaType => "MUS-C0000010",
            Self::Unavailable => "MUS-C0000011",
            Self::PreconditionFailed => "MUS-C0000012",
            Self::TooManyRequests => "MUS-C0000013",
            Self::SourceCutShort => "MUS-C0000101",
            Self::EntryUnreadable => "MUS-C0000102",
            Self::EntryRepeated => "MUS-C0000103",
            Self::MappingFailed => "MUS-C0000104",
            Self::Disputed => "MUS-C0000105",
            Self::ChangeRefused => "MUS-C0000106",
            Self::ChangeStale => "MUS-C0000107",
            Self::GuardTripped => "MUS-C0000108",
            Self::PlanRejected => "MUS-C0000109",
            Self::ReferenceOpen => "MUS-C0000110",
            Self::RunFailed => "MUS-C0000111",
            Self::EntryUnidentified => "MUS-C0000112",
            Self::EntryNotFound => "MUS-C0000113",
            Self::RunCancelled => "MUS-C0000114",
            Self::PlanOutdated => "MUS-C0000115",
            Self::OwnerUnknown => "MUS-C0000116",
            Self::ChangeParked => "MUS-C0000117",
            Self::ApplicationLeftOut => "MUS-C0000118",
            Self::SweptInFull => "MUS-C0000119",
            Self::ConnectorNotFound => "MUS-C0000014",
            Self::ConnectorNotAvailable => "MUS-C0000015",
            Self::ConnectorFactoryNotAvailable => "MUS-C0000016",
            Self::ConfigurationFailed => "MUS-C0000017",
        }
    }

    /// The label that goes with the id.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Internal => "INTERNAL_ERROR",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::Conflict => "CONFLICT",
            Self::Validation => "VALIDATION_FAILED",
            Self::Malformed => "MALFORMED",
            Self::TooLarge => "TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::Unavailable => "UNAVAILABLE",
            Self::PreconditionFailed => "PRECONDITION_FAILED",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::SourceCutShort => "SOURCE_CUT_SHORT",
            Self::EntryUnreadable => "ENTRY_UNREADABLE",
            Self::EntryRepeated => "ENTRY_REPEATED",
            Self::MappingFailed => "MAPPING_FAILED",
            Self::Disputed => "DISPUTED",
            Self::ChangeRefused => "CHANGE_REFUSED",
            Self::ChangeStale => "CHANGE_STALE",
            Self::GuardTripped => "GUARD_TRIPPED",
            Self::PlanRejected => "PLAN_REJECTED",
            Self::ReferenceOpen => "REFERENCE_OPEN",
            Self::RunFailed => "RUN_FAILED",
            Self::EntryUnidentified => "ENTRY_UNIDENTIFIED",
            Self::EntryNotFound => "ENTRY_NOT_FOUND",
            Self::RunCancelled => "RUN_CANCELLED",
            Self::PlanOutdated => "PLAN_OUTDATED",
            Self::OwnerUnknown => "OWNER_UNKNOWN",
            Self::ChangeParked => "CHANGE_PARKED",
            Self::SweptInFull => "SWEPT_IN_FULL",
            Self::ApplicationLeftOut => "APPLICATION_LEFT_OUT",
            Self::ConnectorNotFound => "CONNECTOR_NOT_FOUND",
            Self::ConnectorNotAvailable => "CONNECTOR_NOT_AVAILABLE",
            Self::ConnectorFactoryNotAvailable => "CONNECTOR_FACTORY_NOT_AVAILABLE",
            Self::ConfigurationFailed => "CONFIGURATION_FAILED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_labels_are_unique() {
        let ids: std::collections::BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.id()).collect();
        let labels: std::collections::BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.label()).collect();
        assert_eq!((ids.len(), labels.len()), (ErrorCode::ALL.len(), ErrorCode::ALL.len()));
    }
}
