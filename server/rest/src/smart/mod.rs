//! The SMART endpoints and pages: the protocol is in the `smart` crate, here it becomes HTTP.

mod client;
mod configuration;

use actix_web::web;

pub use client::registered_client;

/// Adds the endpoints below `/auth` and the discovery documents.
pub(crate) fn configure(config: &mut web::ServiceConfig, base_path: &str) {
    let well_known = format!("{base_path}/.well-known/smart-configuration");
    config.route(&well_known, web::get().to(configuration::configuration));
}
