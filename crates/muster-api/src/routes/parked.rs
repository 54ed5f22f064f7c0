//! The routes of parked accounts.

use super::others::{answer, route};
use super::{Access, Content, Method, Parameter, Route, TenantOperation};
use crate::rights::Permission;

/// Accounts that one page has where the caller does not say.
const PAGE: u32 = 100;

/// What is done with parked accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkedOperation {
    /// All of them.
    List,
    /// The next run asks for them again.
    Release,
}

pub(super) fn routes() -> Vec<Route> {
    let parked = |method, end: &str, (permission, operation), words| {
        let access = Access::Tenant(permission, TenantOperation::Parked(operation));
        let path = format!("/{{tenant}}/api/sync/parked{end}");
        Route { group: "Parked accounts", ..route(method, &path, access, words) }
    };
    vec![
        Route {
            query: &[Parameter::Application, Parameter::LimitOr(PAGE), Parameter::AfterKey],
            answers: vec![answer(
                200,
                "The accounts, by their ids",
                Content::JsonListOrCsv(&["ParkedAccount"]),
            )],
            ..parked(
                Method::Get,
                "",
                (Permission::View, ParkedOperation::List),
                (
                    "listParkedAccounts",
                    "List the accounts that applications refuse to have as they are asked",
                ),
            )
        },
        Route {
            body: Content::Json("Release"),
            answers: vec![answer(200, "The next run asks for them", Content::Json("Released"))],
            refusals: &[400, 408, 413, 415],
            ..parked(
                Method::Post,
                "/~release",
                (Permission::Operate, ParkedOperation::Release),
                ("releaseParkedAccounts", "Have the next run ask for accounts again"),
            )
        },
    ]
}
