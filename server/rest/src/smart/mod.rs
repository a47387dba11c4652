//! The SMART endpoints and pages: the protocol is in the `smart` crate, here it becomes HTTP.

mod audit;
mod authorize;
mod client;
mod client_auth;
mod configuration;
mod consent;
mod consent_page;
mod cookie;
mod cors;
mod form;
mod introspect;
mod key_sets;
mod login;
mod oauth;
mod page;
mod patient;
mod revoke;
mod scope_words;
mod state;
mod stored_token;
mod token;

use actix_web::web;

use crate::serve;

pub use client::registered_client;
pub(crate) use cors::cors;
pub(crate) use state::State;

/// Adds the endpoints below `/auth` and the discovery documents.
pub(crate) fn configure(config: &mut web::ServiceConfig, base_path: &str) {
    let resource = |path: &str, allowed: &'static str| {
        let not_allowed = move |http| {
            let response = serve::not_allowed(&http, allowed);
            async move { response }
        };
        web::resource(path.to_owned()).default_service(web::to(not_allowed))
    };
    let posted = |path: &str, route: actix_web::Route| resource(path, "POST").route(route);
    config.service(
        resource(&format!("{base_path}/.well-known/smart-configuration"), "GET, HEAD")
            .route(web::get().to(configuration::configuration))
            .route(web::head().to(configuration::configuration)),
    );
    config.service(
        resource("/auth/authorize", "GET, POST")
            .route(web::post().to(authorize::authorize))
            .route(web::get().to(authorize::authorize)),
    );
    config.service(posted("/auth/login", web::post().to(login::login)));
    config.service(posted("/auth/consent", web::post().to(consent::consent)));
    config.service(posted("/auth/token", web::post().to(token::token)));
    config.service(posted("/auth/introspect", web::post().to(introspect::introspect)));
    config.service(posted("/auth/revoke", web::post().to(revoke::revoke)));
}
