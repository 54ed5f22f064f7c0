//! The routes of the audit log, which is read only: entries come about by acts alone.

use super::{Access, Answer, Content, Method, Parameter, Route, TenantOperation};
use crate::rights::Permission;

const LIST: &[Parameter] = &[
    Parameter::LimitOr(100),
    Parameter::AfterEntry,
    Parameter::ActedSince,
    Parameter::Until,
    Parameter::Actor,
    Parameter::Act,
    Parameter::Subject,
    Parameter::Run,
];

/// What is done with the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOperation {
    /// Its entries.
    List,
    /// Whether it is whole.
    Verify,
}

pub(super) fn routes() -> Vec<Route> {
    let route = |end: &str, operation, (id, summary): (&str, &str), query, answer| Route {
        method: Method::Get,
        path: format!("/{{tenant}}/api/sync/audit{end}"),
        access: Access::Tenant(Permission::Audit, TenantOperation::Audit(operation)),
        id: id.to_owned(),
        summary: summary.to_owned(),
        group: "Audit log",
        query,
        body: Content::Nothing,
        answers: vec![answer],
        refusals: &[],
    };
    vec![
        route(
            "",
            AuditOperation::List,
            ("listAuditEntries", "List who has done what, newest first"),
            LIST,
            Answer {
                status: 200,
                description: "The audit entries",
                content: Content::JsonList("AuditEntry"),
            },
        ),
        route(
            "/~verify",
            AuditOperation::Verify,
            ("verifyAudit", "Look through the whole audit log for entries that are not what was written"),
            &[Parameter::Head],
            Answer {
                status: 200,
                description: "Whether it is whole, and where not",
                content: Content::Json("AuditVerification"),
            },
        ),
    ]
}
