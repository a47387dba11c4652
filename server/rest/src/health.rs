//! `/health/live` and `/health/ready`, for whoever watches the process.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::weir::Weir;

/// The process answers.
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "live"}))
}

/// The database answers too.
pub(crate) async fn ready(weir: web::Data<Weir>) -> HttpResponse {
    match weir.store.ping().await {
        Ok(()) => HttpResponse::Ok().json(json!({"status": "ready"})),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            HttpResponse::ServiceUnavailable().json(json!({"status": "database not available"}))
        }
    }
}
