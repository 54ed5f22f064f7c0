//! Parked accounts: what applications refuse, listed for people, and released by them.

use actix_web::HttpResponse;
use muster_model::ApplicationId;
use muster_model::text::read_hex;
use muster_plan::key::KeyHash;
use muster_store::{ParkedFilter, Release};
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Fields, Form};
use crate::routes::ParkedOperation;
use crate::table::{self, Written};
use crate::view::ParkedView;

const FORM: Form = Form {
    such_as: Some(r#"{"applicationId": "payroll"}"#),
    fields: &["ids", "applicationId", "all"],
    known: "known are `ids`, `applicationId` and `all`",
};

/// The most accounts that are named one by one.
const MOST: usize = 1000;

/// Which accounts are meant.
#[derive(Debug, PartialEq, Eq)]
enum Meant {
    Ids(Vec<KeyHash>),
    OfApplication(ApplicationId),
    All,
}

pub(crate) async fn perform(operation: ParkedOperation, call: Call) -> Result<HttpResponse, ApiError> {
    match operation {
        ParkedOperation::List => list(&call).await,
        ParkedOperation::Release => release(call).await,
    }
}

async fn list(call: &Call) -> Result<HttpResponse, ApiError> {
    let query = &call.query;
    let filter = ParkedFilter {
        after: query.after_key.map(KeyHash),
        limit: query.rows(),
        application: query.application.as_ref(),
    };
    let records = call.store.parked(&filter).await?;
    let views: Vec<ParkedView> = records.iter().map(ParkedView::from).collect();
    match table::written(&call.request) {
        Written::Json => Ok(HttpResponse::Ok().json(views)),
        Written::Csv => table::answer(&ParkedView::HEAD, views.iter().map(ParkedView::cells)),
    }
}

async fn release(mut call: Call) -> Result<HttpResponse, ApiError> {
    let meant = read(&call.json().await?)?;
    let which = match &meant {
        Meant::Ids(ids) => Release::These(ids),
        Meant::OfApplication(application) => Release::OfApplication(application),
        Meant::All => Release::All,
    };
    let released = call.engine().release_parked(&call.store, which).await?;
    call.note(format_args!("{released} parked accounts released"));
    Ok(HttpResponse::Ok().json(json!({ "released": released })))
}

fn read(body: &Value) -> Result<Meant, ApiError> {
    let mut fields = Fields::of(body, &FORM).map_err(ApiError::Invalid)?;
    let given = FORM.fields.iter().filter(|name| fields.field(name).is_some()).count();
    if given != 1 {
        fields.problems().add("", "says none or several of `ids`, `applicationId`, `all`; say exactly one");
    }
    let ids = fields.field("ids").map(|ids| {
        let ids = ids.as_array().map(Vec::as_slice).unwrap_or_default();
        let ids: Option<Vec<KeyHash>> =
            ids.iter().map(|id| id.as_str().and_then(read_hex).map(KeyHash)).collect();
        ids.filter(|ids| (1..=MOST).contains(&ids.len()))
    });
    let application = fields.text("applicationId").map(ApplicationId::new);
    let all = fields.field("all").map(|all| *all == Value::Bool(true));
    if ids == Some(None) {
        fields.problem("ids", "is no list of 1 to 1000 ids");
    }
    if let Some(Err(error)) = &application {
        fields.problem("applicationId", error.to_string());
    }
    if all == Some(false) {
        fields.problem("all", "is not `true`");
    }
    let ids = ids.flatten().map(Meant::Ids);
    let application = application.and_then(Result::ok).map(Meant::OfApplication);
    let all = all.map(|_| Meant::All);
    fields.read(ids.or(application).or(all)).map_err(ApiError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_way_of_naming_them_is_taken() {
        let id = "0f".repeat(16);
        let ids = || Meant::Ids(vec![KeyHash([15; 16])]);
        let payroll = || Meant::OfApplication(ApplicationId::new("payroll").unwrap());
        for (body, expected) in [
            (json!({"ids": [id]}), Ok(ids())),
            (json!({"applicationId": "payroll"}), Ok(payroll())),
            (json!({"all": true}), Ok(Meant::All)),
            (json!({"all": true, "ids": null}), Ok(Meant::All)),
            (json!({"all": true, "ids": [id]}), Err(vec![""])),
            (json!({}), Err(vec![""])),
            (json!({"ids": []}), Err(vec!["/ids"])),
            (json!({"ids": ["x"]}), Err(vec!["/ids"])),
            (json!({"applicationId": "a b"}), Err(vec!["/applicationId"])),
            (json!({"all": false}), Err(vec!["/all"])),
            (json!({"all": true, "why": 1}), Err(vec!["/why"])),
            (json!([]), Err(vec![""])),
        ] {
            let places = |error| {
                let ApiError::Invalid(found) = error else { panic!("{error}") };
                found.iter().map(|(place, _)| place.to_owned()).collect::<Vec<_>>()
            };
            let expected =
                expected.map_err(|places| places.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(read(&body).map_err(places), expected, "{body}");
        }
    }
}
