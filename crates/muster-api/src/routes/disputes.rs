//! The routes of disputes, and of accounts linked by hand.

use super::others::{answer, route};
use super::{Access, Content, Method, Parameter, Route, TenantOperation};
use crate::rights::Permission;

/// Disputes that one page has where the caller does not say.
const PAGE: u32 = 100;

const GROUP: &str = "Disputes";

/// What is done with the owner of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountOperation {
    /// It has none any more.
    Unlink,
    /// It has another.
    Relink,
}

/// What is done with disputes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeOperation {
    /// All of them.
    List,
    /// It is decided what becomes of one.
    Decide,
    /// That is taken back.
    Withdraw,
}

pub(super) fn routes() -> Vec<Route> {
    let mut routes = disputes();
    routes.extend(accounts());
    routes
}

fn disputes() -> Vec<Route> {
    let dispute = |method, end: &str, (permission, operation), words| {
        let access = Access::Tenant(permission, TenantOperation::Dispute(operation));
        Route { group: GROUP, ..route(method, &format!("/{{tenant}}/api/sync/disputes{end}"), access, words) }
    };
    vec![
        Route {
            query: &[
                Parameter::Application,
                Parameter::DisputeSituation,
                Parameter::Decided,
                Parameter::LimitOr(PAGE),
                Parameter::AfterKey,
            ],
            answers: vec![answer(200, "The accounts, by their ids", Content::JsonListOrCsv(&["Dispute"]))],
            ..dispute(
                Method::Get,
                "",
                (Permission::View, DisputeOperation::List),
                ("listDisputes", "List the accounts about which runs do not decide by themselves"),
            )
        },
        Route {
            body: Content::Json("DisputeDecision"),
            answers: vec![answer(200, "The next run follows it", Content::Json("Dispute"))],
            refusals: &[400, 408, 409, 413, 415],
            ..dispute(
                Method::Post,
                "/{id}/~decide",
                (Permission::Operate, DisputeOperation::Decide),
                ("decideDispute", "Decide what becomes of an account"),
            )
        },
        Route {
            answers: vec![answer(204, "Runs decide by themselves again", Content::Nothing)],
            refusals: &[409],
            ..dispute(
                Method::Delete,
                "/{id}/decision",
                (Permission::Operate, DisputeOperation::Withdraw),
                ("withdrawDisputeDecision", "Take back what was decided about an account"),
            )
        },
    ]
}

fn accounts() -> Vec<Route> {
    let account = |end: &str, operation, body, words| {
        let access = Access::Tenant(Permission::Operate, TenantOperation::Account(operation));
        Route {
            group: GROUP,
            body: Content::Json(body),
            answers: vec![answer(204, "Done", Content::Nothing)],
            refusals: &[400, 408, 409, 413, 415],
            ..route(Method::Post, &format!("/{{tenant}}/api/sync/accounts/{end}"), access, words)
        }
    };
    let unlink =
        ("unlinkAccount", "Take an account from its owner; runs leave it alone until somebody decides");
    let relink = ("relinkAccount", "Give an account to another owner");
    vec![
        account("~unlink", AccountOperation::Unlink, "AccountUnlink", unlink),
        account("~relink", AccountOperation::Relink, "AccountRelink", relink),
    ]
}
