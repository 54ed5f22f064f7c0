//! The document of provisioning tasks, and what it means.

use crate::condition::Condition;
use crate::configuration::document::check::parse_optional;
use crate::configuration::document::execution_plan::{ErrorPolicyDocument, ExecutionPlanDocument};
use crate::configuration::document::guards::GuardsDocument;
use crate::configuration::document::macros::document;
use crate::configuration::document::value::{Parse, unless_default};
use crate::configuration::problems::Trail;
use crate::configuration::task::{ProvisioningTaskDefinition, Sort, Verify};
use crate::ids::{ApplicationId, ConfigurationId};

document! {
    /// A task that brings the identity repository into applications.
    ProvisioningTaskDefinitionDocument named "ProvisioningTaskDefinition" {
        /// The caller's own id.
        required id: ConfigurationId = "id";
        /// What people call it.
        required name: String = "name";
        /// What it is for.
        optional description: String = "description";
        /// The IM objects it looks at.
        required scope: Condition = "scope";
        /// The order in which it looks at them: `createdAt`, `id` or an attribute, then `ASC` or `DESC`. This
        /// version checks and keeps it, and does not follow it.
        defaulted sort_expression: Sort = "sortExpression";
        /// The applications it writes; absent, all that have a profile.
        narrowing application_ids: ApplicationId = "applicationIds" each "applicationId";
        /// What the wanted state is compared with: LIVE reads the application, SHADOW does not ask it.
        defaulted verify: Verify = "verify";
        /// Limits that replace the applications'.
        optional guards: GuardsDocument = "guards";
        /// What failed entries do to the run.
        optional error_policy: ErrorPolicyDocument = "errorPolicy";
        /// What happens after the run.
        optional provisioning_task_post_processing_id: ConfigurationId = "provisioningTaskPostProcessingId";
        /// When it runs; absent, only when somebody launches it.
        optional execution_plan: ExecutionPlanDocument = "executionPlan";
    }
}

impl Parse for ProvisioningTaskDefinitionDocument {
    type Domain = ProvisioningTaskDefinition;

    fn parse(&self, trail: &mut Trail) -> Option<ProvisioningTaskDefinition> {
        trail.refuse_repeated("applicationIds", &self.application_ids);
        let guards = parse_optional("guards", self.guards.as_ref(), trail);
        let error_policy = parse_optional("errorPolicy", self.error_policy.as_ref(), trail);
        let execution_plan = parse_optional("executionPlan", self.execution_plan.as_ref(), trail);
        Some(ProvisioningTaskDefinition {
            id: self.id.clone(),
            name: self.name.clone(),
            description: self.description.clone(),
            scope: self.scope.clone(),
            sort: self.sort_expression.clone().unwrap_or_default(),
            application_ids: (!self.application_ids.is_empty()).then(|| self.application_ids.clone()),
            verify: self.verify.unwrap_or_default(),
            guards: guards?.unwrap_or_default(),
            error_policy: error_policy?.unwrap_or_default(),
            post_processing_id: self.provisioning_task_post_processing_id.clone(),
            execution_plan: execution_plan?.unwrap_or_default(),
        })
    }
}

impl From<&ProvisioningTaskDefinition> for ProvisioningTaskDefinitionDocument {
    fn from(task: &ProvisioningTaskDefinition) -> Self {
        Self {
            id: task.id.clone(),
            name: task.name.clone(),
            description: task.description.clone(),
            scope: task.scope.clone(),
            sort_expression: unless_default(task.sort.clone()),
            application_ids: task.application_ids.clone().unwrap_or_default(),
            verify: unless_default(task.verify),
            guards: GuardsDocument::of(&task.guards),
            error_policy: ErrorPolicyDocument::of(task.error_policy),
            provisioning_task_post_processing_id: task.post_processing_id.clone(),
            execution_plan: ExecutionPlanDocument::of(&task.execution_plan),
        }
    }
}
