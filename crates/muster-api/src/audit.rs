//! The audit log: listed page by page, and verified.

use actix_web::HttpResponse;
use muster_store::AuditFilter;

use crate::call::Call;
use crate::error::ApiError;
use crate::routes::AuditOperation;
use crate::view::{AuditEntryView, AuditVerificationView};

pub(crate) async fn perform(operation: AuditOperation, call: Call) -> Result<HttpResponse, ApiError> {
    match operation {
        AuditOperation::List => list(call).await,
        AuditOperation::Verify => verify(&call).await,
    }
}

async fn list(call: Call) -> Result<HttpResponse, ApiError> {
    let query = call.query;
    let filter = AuditFilter {
        limit: query.rows(),
        actor: query.actor,
        act: query.act,
        subject: query.subject,
        run: query.run,
        since: query.since,
        until: query.until,
        after: query.after_entry,
    };
    let entries = call.store.audit(&filter).await?;
    Ok(HttpResponse::Ok().json(entries.iter().map(AuditEntryView::from).collect::<Vec<_>>()))
}

async fn verify(call: &Call) -> Result<HttpResponse, ApiError> {
    let verified = call.store.verify_audit(call.query.head).await?;
    if let Some(broken) = &verified.broken {
        tracing::error!(tenant = %call.store.slug(), entry = broken.seq, "audit log broken: {}", broken.why);
    }
    Ok(HttpResponse::Ok().json(AuditVerificationView::from(&verified)))
}
