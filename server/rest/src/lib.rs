//! The FHIR HTTP API with the feed and SMART endpoints; the only crate that serves HTTP
