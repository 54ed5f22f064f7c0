//! The routes of tasks and their runs, alike for synchronization and provisioning.

use muster_model::run::TaskKind;

use super::{Access, Answer, Content, Method, Parameter, Route, TaskOperation, TenantOperation};
use crate::query::MOST_ROWS;
use crate::rights::Permission;

struct Row {
    method: Method,
    end: &'static str,
    permission: Permission,
    operation: TaskOperation,
    id: (&'static str, &'static str),
    summary: &'static str,
    query: &'static [Parameter],
    body: Content,
    answer: Answer,
    refusals: &'static [u16],
}

const RUNS: &[Parameter] = &[
    Parameter::Option,
    Parameter::LimitOr(MOST_ROWS),
    Parameter::AfterUuid,
    Parameter::Status,
    Parameter::Since,
];

/// For a listener who comes back for more.
const HEARD: Answer = Answer {
    status: 204,
    description: "The event in `Last-Event-ID` was the last",
    content: Content::Nothing,
};

const ROWS: [Row; 13] = [
    Row {
        method: Method::Post,
        end: "/{definition}/instances",
        permission: Permission::Operate,
        operation: TaskOperation::Launch,
        id: ("launch", "Task"),
        summary: "Launch a task",
        query: &[],
        body: Content::JsonOrNothing("Launch"),
        answer: Answer { status: 200, description: "The id of the instance", content: Content::Text },
        refusals: &[400, 408, 409, 413, 415],
    },
    Row {
        method: Method::Get,
        end: "/{definition}/instances",
        permission: Permission::View,
        operation: TaskOperation::History,
        id: ("list", "TaskInstances"),
        summary: "List the instances of a task, newest first",
        query: RUNS,
        body: Content::Nothing,
        answer: Answer {
            status: 200,
            description: "Their progress",
            content: Content::JsonList("TaskProgress"),
        },
        refusals: &[],
    },
    Row {
        method: Method::Get,
        end: "/~instances",
        permission: Permission::View,
        operation: TaskOperation::Instances,
        id: ("listAll", "TaskInstances"),
        summary: "List the instances of all tasks, newest first",
        query: RUNS,
        body: Content::Nothing,
        answer: Answer {
            status: 200,
            description: "Their progress",
            content: Content::JsonList("TaskProgress"),
        },
        refusals: &[],
    },
    Row {
        method: Method::Get,
        end: "/{definition}/instances/{instance}",
        permission: Permission::View,
        operation: TaskOperation::Show,
        id: ("get", "TaskInstance"),
        summary: "Get the progress of an instance, or its outcome",
        query: &[Parameter::Option],
        body: Content::Nothing,
        answer: Answer { status: 200, description: "The progress", content: Content::Json("TaskProgress") },
        refusals: &[],
    },
    Row {
        method: Method::Get,
        end: "/{definition}/instances/{instance}/~events",
        permission: Permission::View,
        operation: TaskOperation::Events,
        id: ("watch", "TaskInstance"),
        summary: "Get the progress of an instance as events, whenever it has changed, then its end",
        query: &[],
        body: Content::Nothing,
        answer: Answer {
            status: 200,
            description: "Events `progress` and, the last one, `end`; the data of each is a TaskProgress",
            content: Content::Events,
        },
        refusals: &[],
    },
    Row {
        method: Method::Get,
        end: "/{definition}/instances/{instance}/changes",
        permission: Permission::View,
        operation: TaskOperation::Changes,
        id: ("list", "TaskChanges"),
        summary: "List the changes of the plan and what became of them, by number",
        query: &[
            Parameter::Action,
            Parameter::Situation,
            Parameter::ChangeStatus,
            Parameter::Uid,
            Parameter::Attribute,
            Parameter::LimitOr(100),
            Parameter::AfterNumber,
            Parameter::Format,
        ],
        body: Content::Nothing,
        answer: Answer { status: 200, description: "The changes", content: Content::JsonListOrCsv("Change") },
        refusals: &[],
    },
    Row {
        method: Method::Post,
        end: "/{definition}/instances/{instance}/~cancel",
        permission: Permission::Operate,
        operation: TaskOperation::Cancel,
        id: ("cancel", "TaskInstance"),
        summary: "Cancel an instance; it stops at its next page",
        query: &[],
        body: Content::Nothing,
        answer: Answer { status: 200, description: "It will stop", content: Content::Nothing },
        refusals: &[409],
    },
    Row {
        method: Method::Post,
        end: "/{definition}/instances/{instance}/~approve",
        permission: Permission::Approve,
        operation: TaskOperation::Approve,
        id: ("approve", "TaskPlan"),
        summary: "Have a held or simulated plan carried out",
        query: &[],
        body: Content::Json("PlanDecision"),
        answer: Answer {
            status: 200,
            description: "The instance that carries the plan out",
            content: Content::Json("Approval"),
        },
        refusals: &[400, 408, 409, 413, 415],
    },
    Row {
        method: Method::Post,
        end: "/{definition}/instances/{instance}/~reject",
        permission: Permission::Approve,
        operation: TaskOperation::Reject,
        id: ("reject", "TaskPlan"),
        summary: "End an instance whose plan is held, without doing anything",
        query: &[],
        body: Content::Json("PlanDecision"),
        answer: Answer { status: 204, description: "It has ended", content: Content::Nothing },
        refusals: &[400, 408, 409, 413, 415],
    },
    Row {
        method: Method::Post,
        end: "/{definition}/instances/{instance}/~undo",
        permission: Permission::Operate,
        operation: TaskOperation::Undo,
        id: ("undo", "TaskInstance"),
        summary: "Launch an instance that undoes what this one did to the repository; its plan is held",
        query: &[],
        body: Content::Nothing,
        answer: Answer {
            status: 200,
            description: "The instance that undoes it",
            content: Content::Json("Approval"),
        },
        refusals: &[409],
    },
    Row {
        method: Method::Post,
        end: "/{definition}/job/~pause",
        permission: Permission::Operate,
        operation: TaskOperation::PauseSchedule,
        id: ("pause", "Schedule"),
        summary: "Pause the schedule of a task until it is resumed; an instance in progress goes on",
        query: &[],
        body: Content::Nothing,
        answer: Answer { status: 204, description: "It is paused", content: Content::Nothing },
        refusals: &[409],
    },
    Row {
        method: Method::Post,
        end: "/{definition}/job/~resume",
        permission: Permission::Operate,
        operation: TaskOperation::ResumeSchedule,
        id: ("resume", "Schedule"),
        summary: "Have a paused schedule go on; what was due meanwhile is not made up for",
        query: &[],
        body: Content::Nothing,
        answer: Answer { status: 204, description: "It goes on", content: Content::Nothing },
        refusals: &[409],
    },
    Row {
        method: Method::Get,
        end: "/{definition}/job/~scheduling",
        permission: Permission::View,
        operation: TaskOperation::Scheduling,
        id: ("get", "Scheduling"),
        summary: "Get how the schedule of a task stands, and when it fires next",
        query: &[],
        body: Content::Nothing,
        answer: Answer { status: 200, description: "The schedule", content: Content::Json("Scheduling") },
        refusals: &[409],
    },
];

pub(super) fn routes_of(kind: TaskKind) -> impl Iterator<Item = Route> {
    let (segment, group, name) = match kind {
        TaskKind::Synchronization => ("sync-tasks", "Synchronization tasks", "Synchronization"),
        TaskKind::Provisioning => ("prov-tasks", "Provisioning tasks", "Provisioning"),
    };
    ROWS.into_iter().map(move |row| Route {
        method: row.method,
        path: format!("/{{tenant}}/api/sync/{segment}{}", row.end),
        access: Access::Tenant(row.permission, TenantOperation::Task(row.operation, kind)),
        id: format!("{}{name}{}", row.id.0, row.id.1),
        summary: row.summary.to_owned(),
        group,
        query: row.query,
        body: row.body,
        answers: std::iter::once(row.answer)
            .chain((row.operation == TaskOperation::Events).then_some(HEARD))
            .collect(),
        refusals: if is_repeatable(kind, row.operation) { &[] } else { row.refusals },
    })
}

/// The seed: cancelling a provisioning run may be repeated, even when it has ended.
pub(super) fn is_repeatable(kind: TaskKind, operation: TaskOperation) -> bool {
    (kind, operation) == (TaskKind::Provisioning, TaskOperation::Cancel)
}
