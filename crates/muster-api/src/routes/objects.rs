//! The routes of IM objects and their accounts.

use super::others::{answer, route};
use super::{Access, Answer, Content, Method, ObjectOperation, Parameter, Route, TenantOperation};
use crate::rights::Permission;

/// Objects that one page has where the caller does not say.
const PAGE: u32 = 100;

pub(super) fn routes() -> Vec<Route> {
    let mut routes = collection();
    routes.extend(one());
    routes.push(accounts());
    routes
}

fn object(method: Method, end: &str, operation: ObjectOperation, words: (&str, &str)) -> Route {
    let permission = match operation {
        ObjectOperation::Search | ObjectOperation::Read | ObjectOperation::History | ObjectOperation::Why => {
            Permission::View
        }
        ObjectOperation::Create
        | ObjectOperation::Replace
        | ObjectOperation::Patch
        | ObjectOperation::Delete => Permission::Configure,
    };
    let access = Access::Tenant(permission, TenantOperation::Object(operation));
    let path = format!("/{{tenant}}/api/im/{{kind}}{end}");
    Route { group: "IM objects", ..route(method, &path, access, words) }
}

fn collection() -> Vec<Route> {
    vec![
        Route {
            query: &[
                Parameter::Filter,
                Parameter::Directory,
                Parameter::SortById,
                Parameter::LimitOr(PAGE),
                Parameter::AfterUuid,
            ],
            answers: vec![answer(200, "The objects", Content::JsonList("ImObject"))],
            ..object(
                Method::Get,
                "",
                ObjectOperation::Search,
                ("listImObjects", "List the IM objects of a kind that a condition holds for, by id"),
            )
        },
        Route {
            body: Content::Json("NewImObject"),
            answers: vec![answer(201, "The new object", Content::Json("ImObject"))],
            refusals: &[400, 408, 409, 413, 415],
            ..object(
                Method::Post,
                "",
                ObjectOperation::Create,
                ("createImObject", "Make an IM object; the next runs find it like any other"),
            )
        },
    ]
}

fn one() -> Vec<Route> {
    let now = || answer(200, "The object as it is now", Content::Json("ImObject"));
    vec![
        Route {
            answers: vec![
                answer(200, "The object", Content::Json("ImObject")),
                answer(304, "It is the one that `If-None-Match` names", Content::Nothing),
            ],
            refusals: &[412],
            ..object(Method::Get, "/{id}", ObjectOperation::Read, ("getImObject", "Get an IM object"))
        },
        Route {
            body: Content::Json("NewImObject"),
            answers: vec![now()],
            refusals: &[400, 408, 409, 412, 413, 415],
            ..object(
                Method::Put,
                "/{id}",
                ObjectOperation::Replace,
                ("replaceImObject", "Put other values in the place of all values of an IM object"),
            )
        },
        Route {
            body: Content::Patch("ImObject"),
            answers: vec![now()],
            refusals: &[400, 408, 409, 412, 413, 415],
            ..object(
                Method::Patch,
                "/{id}",
                ObjectOperation::Patch,
                ("patchImObject", "Change an IM object in part; what comes of it is checked as a whole"),
            )
        },
        Route {
            answers: vec![answer(204, "Deleted", Content::Nothing)],
            refusals: &[409, 412],
            ..object(
                Method::Delete,
                "/{id}",
                ObjectOperation::Delete,
                ("deleteImObject", "Delete an IM object; the next provisioning decides about its accounts"),
            )
        },
        Route {
            query: &[Parameter::LimitOr(PAGE), Parameter::AfterVersion],
            answers: vec![answer(200, "The writes, newest first", Content::JsonList("ObjectHistory"))],
            ..object(
                Method::Get,
                "/{id}/~history",
                ObjectOperation::History,
                (
                    "getImObjectHistory",
                    "List what each version of an IM object replaced, who did it and when",
                ),
            )
        },
        Route {
            query: &[Parameter::Attribute],
            answers: vec![answer(200, "The attributes by name", Content::JsonList("ValueOrigin"))],
            ..object(
                Method::Get,
                "/{id}/~why",
                ObjectOperation::Why,
                (
                    "explainImObject",
                    "List where the values of an IM object come from: which run and mapping, or who by hand",
                ),
            )
        },
    ]
}

fn accounts() -> Route {
    let access = Access::Tenant(Permission::View, TenantOperation::Accounts);
    let words = ("listAccountsOfIdentity", "List the accounts of an identity, as remembered and as they are");
    let answers: Vec<Answer> = vec![answer(200, "The accounts", Content::JsonList("Account"))];
    Route {
        group: "IM objects",
        query: &[Parameter::Application, Parameter::LiveStatus],
        answers,
        ..route(Method::Get, "/{tenant}/api/sync/accounts/identity/{id}", access, words)
    }
}
