//! The documents of both kinds of post-processing, and what they mean.

use crate::configuration::document::check::{check_relative_path, parse_list, parse_optional};
use crate::configuration::document::macros::document;
use crate::configuration::document::value::{Parse, Word, unless_default};
use crate::configuration::post_processing::{
    FileArchiving, LaunchOutcome, NextTask, PostProcessing, ProvisioningTaskPostProcessingDefinition,
    Publication, ReportColumn, SynchronizationTaskPostProcessingDefinition, Webhook,
};
use crate::configuration::problems::Trail;
use crate::ids::ConfigurationId;
use crate::secret;

document! {
    /// What happens after a run of a synchronization task.
    SynchronizationTaskPostProcessingDefinitionDocument named "SynchronizationTaskPostProcessingDefinition" {
        /// The caller's own id.
        required id: ConfigurationId = "id";
        /// The reports that are written.
        optional report_definition: ReportDefinitionDocument = "reportDefinition";
        /// Where the input file goes; absent, it stays.
        optional file_archiving_definition: FileArchivingDocument = "fileArchivingDefinition";
        /// Whether an archived file of the same name is replaced.
        defaulted overwrite_existing_archive: bool = "overwriteExistingArchive";
        /// Tasks that come next.
        list launch: NextTaskDocument = "launch" each "launch";
        /// Who is told.
        list webhooks: WebhookDocument = "webhooks" each "webhook";
    }
}

document! {
    /// What happens after a run of a provisioning task.
    ProvisioningTaskPostProcessingDefinitionDocument named "ProvisioningTaskPostProcessingDefinition" {
        /// The caller's own id.
        required id: ConfigurationId = "id";
        /// The reports that are written.
        optional report_definition: ReportDefinitionDocument = "reportDefinition";
        /// Tasks that come next.
        list launch: NextTaskDocument = "launch" each "launch";
        /// Who is told.
        list webhooks: WebhookDocument = "webhooks" each "webhook";
    }
}

document! {
    /// The reports that are written after a run.
    ReportDefinitionDocument named "ReportDefinition" {
        /// The file of what was noted about entries, one line each; absent, none is written.
        optional error_publication_definition: PublicationDocument = "errorPublicationDefinition";
        /// The file that sums the run up; absent, none is written.
        optional report_publication_definition: PublicationDocument = "reportPublicationDefinition";
    }
}

document! {
    /// A report file.
    PublicationDocument named "Publication" {
        /// Its columns; absent, all. The file that sums the run up has two of its own, whatever stands here.
        narrowing error_details: ReportColumn = "errorDetails" each "errorDetail";
        /// Its name below the tenant's directory, with `{original_filename}` and `{timestamp}`; absent, the
        /// report's default name.
        optional report_relative_file_path: String = "reportRelativeFilePath";
    }
}

document! {
    /// Where an input file goes after a run.
    FileArchivingDocument named "FileArchiving" {
        /// The directory below the tenant's own, with `{original_filename}` and `{timestamp}`. The file is moved there
        /// once a run has read all of it and ended SUCCESS or PARTIAL.
        required relative_directory_path: String = "relativeDirectoryPath";
    }
}

document! {
    /// A task that comes next.
    NextTaskDocument named "NextTask" {
        /// The task: a synchronization task of that id, or else a provisioning task.
        required task_definition_id: ConfigurationId = "taskDefinitionId";
        /// The outcomes after which it starts.
        at_least_one outcomes: LaunchOutcome = "outcomes" each "outcome";
    }
}

document! {
    /// Who is told of a run's end.
    WebhookDocument named "Webhook" {
        /// Where to: an `https` or `http` URL that the operator of the server lets the tenant call.
        required url: String = "url";
        /// What signs the message, as `${secret:name}`; absent, nothing does.
        optional secret: String = "secret";
    }
}

/// The fields that both kinds have.
struct Common<'a> {
    id: &'a ConfigurationId,
    report: Option<&'a ReportDefinitionDocument>,
    launch: &'a [NextTaskDocument],
    webhooks: &'a [WebhookDocument],
}

impl Common<'_> {
    fn parse(&self, trail: &mut Trail) -> Option<PostProcessing> {
        trail.refuse_repeated("launch", self.launch.iter().map(|next| &next.task_definition_id));
        trail.refuse_repeated("webhooks", self.webhooks.iter().map(|webhook| &webhook.url));
        let reports = parse_optional("reportDefinition", self.report, trail);
        let launch = parse_list("launch", self.launch, trail);
        let webhooks = parse_list("webhooks", self.webhooks, trail);
        let (error_publication, report_publication) = reports?.unwrap_or_default();
        Some(PostProcessing {
            id: self.id.clone(),
            error_publication,
            report_publication,
            launch: launch?,
            webhooks: webhooks?,
        })
    }
}

impl Parse for SynchronizationTaskPostProcessingDefinitionDocument {
    type Domain = SynchronizationTaskPostProcessingDefinition;

    fn parse(&self, trail: &mut Trail) -> Option<SynchronizationTaskPostProcessingDefinition> {
        let common = Common {
            id: &self.id,
            report: self.report_definition.as_ref(),
            launch: &self.launch,
            webhooks: &self.webhooks,
        };
        let common = common.parse(trail);
        let archiving = self.file_archiving_definition.as_ref();
        let file_archiving = parse_optional("fileArchivingDefinition", archiving, trail);
        Some(SynchronizationTaskPostProcessingDefinition {
            common: common?,
            file_archiving: file_archiving?,
            overwrite_existing_archive: self.overwrite_existing_archive.unwrap_or_default(),
        })
    }
}

impl From<&SynchronizationTaskPostProcessingDefinition>
    for SynchronizationTaskPostProcessingDefinitionDocument
{
    fn from(definition: &SynchronizationTaskPostProcessingDefinition) -> Self {
        let common = &definition.common;
        Self {
            id: common.id.clone(),
            report_definition: ReportDefinitionDocument::of(common),
            file_archiving_definition: definition.file_archiving.as_ref().map(Into::into),
            overwrite_existing_archive: unless_default(definition.overwrite_existing_archive),
            launch: common.launch.iter().map(Into::into).collect(),
            webhooks: common.webhooks.iter().map(Into::into).collect(),
        }
    }
}

impl Parse for ProvisioningTaskPostProcessingDefinitionDocument {
    type Domain = ProvisioningTaskPostProcessingDefinition;

    fn parse(&self, trail: &mut Trail) -> Option<ProvisioningTaskPostProcessingDefinition> {
        let common = Common {
            id: &self.id,
            report: self.report_definition.as_ref(),
            launch: &self.launch,
            webhooks: &self.webhooks,
        };
        Some(ProvisioningTaskPostProcessingDefinition { common: common.parse(trail)? })
    }
}

impl From<&ProvisioningTaskPostProcessingDefinition> for ProvisioningTaskPostProcessingDefinitionDocument {
    fn from(definition: &ProvisioningTaskPostProcessingDefinition) -> Self {
        let common = &definition.common;
        Self {
            id: common.id.clone(),
            report_definition: ReportDefinitionDocument::of(common),
            launch: common.launch.iter().map(Into::into).collect(),
            webhooks: common.webhooks.iter().map(Into::into).collect(),
        }
    }
}

impl ReportDefinitionDocument {
    fn of(common: &PostProcessing) -> Option<Self> {
        let document = Self {
            error_publication_definition: common.error_publication.as_ref().map(Into::into),
            report_publication_definition: common.report_publication.as_ref().map(Into::into),
        };
        (common.error_publication.is_some() || common.report_publication.is_some()).then_some(document)
    }
}

impl Parse for ReportDefinitionDocument {
    type Domain = (Option<Publication>, Option<Publication>);

    fn parse(&self, trail: &mut Trail) -> Option<Self::Domain> {
        let errors = self.error_publication_definition.as_ref();
        let errors = parse_optional("errorPublicationDefinition", errors, trail);
        let report = self.report_publication_definition.as_ref();
        let report = parse_optional("reportPublicationDefinition", report, trail);
        Some((errors?, report?))
    }
}

impl Parse for PublicationDocument {
    type Domain = Publication;

    fn parse(&self, trail: &mut Trail) -> Option<Publication> {
        trail.refuse_repeated("errorDetails", self.error_details.iter().map(|column| column.word()));
        if let Some(path) = &self.report_relative_file_path {
            check_relative_path("reportRelativeFilePath", path, trail);
        }
        let all = || ReportColumn::ALL.to_vec();
        let columns = if self.error_details.is_empty() { all() } else { self.error_details.clone() };
        Some(Publication { columns, relative_file_path: self.report_relative_file_path.clone() })
    }
}

impl From<&Publication> for PublicationDocument {
    fn from(publication: &Publication) -> Self {
        Self {
            error_details: publication.columns.clone(),
            report_relative_file_path: publication.relative_file_path.clone(),
        }
    }
}

impl Parse for FileArchivingDocument {
    type Domain = FileArchiving;

    fn parse(&self, trail: &mut Trail) -> Option<FileArchiving> {
        check_relative_path("relativeDirectoryPath", &self.relative_directory_path, trail);
        Some(FileArchiving { relative_directory_path: self.relative_directory_path.clone() })
    }
}

impl From<&FileArchiving> for FileArchivingDocument {
    fn from(archiving: &FileArchiving) -> Self {
        Self { relative_directory_path: archiving.relative_directory_path.clone() }
    }
}

impl Parse for NextTaskDocument {
    type Domain = NextTask;

    fn parse(&self, trail: &mut Trail) -> Option<NextTask> {
        trail.refuse_repeated("outcomes", self.outcomes.iter().map(|outcome| outcome.word()));
        Some(NextTask {
            task_definition_id: self.task_definition_id.clone(),
            outcomes: self.outcomes.clone(),
        })
    }
}

impl From<&NextTask> for NextTaskDocument {
    fn from(next: &NextTask) -> Self {
        Self { task_definition_id: next.task_definition_id.clone(), outcomes: next.outcomes.clone() }
    }
}

impl Parse for WebhookDocument {
    type Domain = Webhook;

    // Whether the address may be called is known to `muster-egress`, and only when it is called.
    fn parse(&self, trail: &mut Trail) -> Option<Webhook> {
        if let Some(problem) = url_problem(&self.url) {
            trail.problem_in("url", problem);
        }
        if self.secret.as_deref().is_some_and(|secret| !is_secret_reference(secret)) {
            trail.problem_in("secret", "is not a reference to a secret such as `${secret:webhook-key}`");
        }
        Some(Webhook { url: self.url.clone(), secret: self.secret.clone() })
    }
}

fn url_problem(url: &str) -> Option<&'static str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("holds a user name or password; configurations hold no secrets");
    }
    let begins_well = authority.starts_with(|letter: char| letter.is_alphanumeric() || letter == '[');
    let is_url = begins_well && !url.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    (!is_url).then_some("is not an `https` or `http` URL")
}

fn is_secret_reference(text: &str) -> bool {
    secret::whole(text).is_some()
}

impl From<&Webhook> for WebhookDocument {
    fn from(webhook: &Webhook) -> Self {
        Self { url: webhook.url.clone(), secret: webhook.secret.clone() }
    }
}
