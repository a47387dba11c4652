//! The FHIR HTTP API with the feed and SMART endpoints; the only crate that serves HTTP.
//!
//! A request becomes a [`Request`] in the caller's name, [`perform`](perform::perform) decides, runs and audits it, and only then do its bytes
//! leave: no route can forget a step. <https://hl7.org/fhir/R4/http.html>

mod access;
mod answer;
mod answers;
mod async_request;
mod body;
mod encoding;
mod failure;
mod feed;
mod format;
mod headers;
mod health;
mod ids;
mod interaction;
mod metric;
mod operation;
mod page_link;
mod perform;
mod place;
mod query_text;
mod remote_answer;
mod remote_codes;
mod remote_question;
mod remote_terminology;
mod request;
mod root_span;
mod router;
mod search_terminology;
mod serve;
mod shape;
mod smart;
mod status;
mod stored_definitions;
mod terminologies;
mod weir;

pub use crate::smart::registered_client;
pub use async_request::start_async_workers;
pub use feed::FEED_NAMES;
pub use metric::recorder as metrics_recorder;
pub use remote_terminology::{RemoteOptions, RemoteTerminology};
pub use router::{Level, ROUTES, Route};
pub use serve::{ServerHandle, ServerOptions, start};
pub use stored_definitions::StoredDefinitions;
pub use terminologies::{Bound, Terminologies};
pub use weir::{Clock, Limits, Page, Random, Settings, Weir};
