//! Post-processing: what happens after a run.

use crate::ids::ConfigurationId;

/// What happens after a run of a synchronization task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SynchronizationTaskPostProcessingDefinition {
    /// What both kinds share.
    pub common: PostProcessing,
    /// Where the input file goes, if it goes anywhere.
    pub file_archiving: Option<FileArchiving>,
    /// Whether an archive of the same name is replaced.
    pub overwrite_existing_archive: bool,
}

/// What happens after a run of a provisioning task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisioningTaskPostProcessingDefinition {
    /// What both kinds share.
    pub common: PostProcessing,
}

/// What both kinds of post-processing share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostProcessing {
    /// The caller's id.
    pub id: ConfigurationId,
    /// The file of what was noted about entries.
    pub error_publication: Option<Publication>,
    /// The file that sums the run up.
    pub report_publication: Option<Publication>,
    /// Tasks that come next.
    pub launch: Vec<NextTask>,
    /// Who is told.
    pub webhooks: Vec<Webhook>,
}

/// A report file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Its columns, never empty. The file that sums a run up has columns of its own.
    pub columns: Vec<ReportColumn>,
    /// Its name below the tenant's directory, with `{original_filename}` and `{timestamp}`.
    pub relative_file_path: Option<String>,
}

/// A column of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportColumn {
    /// The shadow's number.
    ShadowObjectId,
    /// The kind of the object behind the shadow.
    ShadowKind,
    /// The account's key.
    ShadowId,
    /// The class of the account.
    ShadowObjectClass,
    /// The IM object.
    IdmObjectId,
    /// Its kind.
    IdmObjectKind,
    /// The step that failed.
    ErrorStep,
    /// The error's id.
    ErrorCode,
    /// The error's label.
    ErrorLabel,
    /// What happened.
    ErrorDescription,
}

impl ReportColumn {
    /// The column's name, which is its head in a report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ShadowObjectId => "SHADOW_OBJECT_ID",
            Self::ShadowKind => "SHADOW_KIND",
            Self::ShadowId => "SHADOW_ID",
            Self::ShadowObjectClass => "SHADOW_OBJECT_CLASS",
            Self::IdmObjectId => "IDM_OBJECT_ID",
            Self::IdmObjectKind => "IDM_OBJECT_KIND",
            Self::ErrorStep => "ERROR_STEP",
            Self::ErrorCode => "ERROR_CODE",
            Self::ErrorLabel => "ERROR_LABEL",
            Self::ErrorDescription => "ERROR_DESCRIPTION",
        }
    }
}

/// Where an input file goes after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileArchiving {
    /// The directory below the tenant's own, with `{original_filename}` and `{timestamp}`.
    pub relative_directory_path: String,
}

/// A task that comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextTask {
    /// The task.
    pub task_definition_id: ConfigurationId,
    /// After which outcomes it starts; never empty.
    pub outcomes: Vec<LaunchOutcome>,
}

/// An outcome after which a next task starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LaunchOutcome {
    /// Everything went well.
    Success,
    /// Some entries failed.
    Partial,
    /// The run failed.
    Failure,
}

/// Who is told of a run's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// What signs the message, as `${secret:name}`.
    pub secret: Option<String>,
}
