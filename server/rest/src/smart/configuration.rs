//! `GET [base]/.well-known/smart-configuration`. <https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html>

use actix_web::{HttpResponse, web};

use crate::weir::Weir;

/// The discovery document: always JSON.
pub(super) async fn configuration(weir: web::Data<Weir>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(smart::smart_configuration(&weir.smart_server()).to_string())
}
