//! Audit records of logins, consents and tokens: who and whether, never a password, token, code or name of a patient.

use actix_web::HttpRequest;
use store::audit::{AuditOutcome, AuditRecord};

use crate::failure::Failure;
use crate::ids::Ids;
use crate::serve;
use crate::weir::Weir;

/// A record of a SMART step; fill in what is known and [`append`] it before the answer leaves.
pub(super) fn record(weir: &Weir, http: &HttpRequest, step: &str, outcome: AuditOutcome) -> AuditRecord {
    let ids = Ids::of(http, weir);
    let mut record = AuditRecord::new(weir.now(), step, outcome);
    record.organisation = Some(weir.settings.ods_code.clone());
    record.request_id = Some(ids.request_id);
    record.correlation_id = ids.correlation_id;
    record.source_address = serve::source_address(http, &weir.settings.trusted_proxies);
    record
}

/// Makes a record durable.
pub(super) async fn append(weir: &Weir, record: AuditRecord) -> Result<(), Failure> {
    weir.store.audit().append(record).await.map(|_| ()).map_err(Failure::from)
}
