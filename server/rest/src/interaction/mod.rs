//! The interactions of the FHIR API, one a file. <https://hl7.org/fhir/R4/http.html>

pub(crate) mod batch;
pub(crate) mod capabilities;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod history;
pub(crate) mod include;
pub(crate) mod read;
pub(crate) mod search_type;
pub(crate) mod transaction;
pub(crate) mod update;
pub(crate) mod vread;
pub(crate) mod written;

pub(crate) use written::parse as parse_body;
