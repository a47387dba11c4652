//! `GET /metrics`: counters in Prometheus form. Labels are route kinds, never ids or values.

use std::sync::OnceLock;
use std::time::Duration;

use actix_web::{HttpResponse, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use policy::Interaction;

use crate::weir::Weir;

/// Counts one answered interaction.
pub(crate) fn count(interaction: Interaction, status: u16, duration: Duration) {
    let interaction = format!("{interaction:?}");
    let status = status.to_string();
    metrics::counter!("weir_requests_total", "interaction" => interaction.clone(), "status" => status).increment(1);
    metrics::histogram!("weir_request_duration_seconds", "interaction" => interaction).record(duration.as_secs_f64());
}

/// Installs the recorder of this process, or finds the one that is there: several servers of one process (tests) share it.
pub fn recorder() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    match PrometheusBuilder::new().install_recorder() {
        Ok(handle) => Ok(HANDLE.get_or_init(|| handle).clone()),
        // Another thread was faster; its handle is about to be there.
        Err(error) => HANDLE.get().cloned().ok_or(error),
    }
}

/// All counters.
pub(crate) async fn metrics(weir: web::Data<Weir>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(weir.metrics.render())
}
