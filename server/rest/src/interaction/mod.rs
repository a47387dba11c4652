//! The interactions of the FHIR API, one a file. <https://hl7.org/fhir/R4/http.html>

pub(crate) mod batch;
pub(crate) mod capabilities;
mod coming;
mod conditional_reference;
pub(crate) mod create;
mod criteria;
pub(crate) mod delete;
mod entry_links;
pub(crate) mod history;
pub(crate) mod include;
mod links;
pub(crate) mod patch;
pub(crate) mod read;
pub(crate) mod search_type;
pub(crate) mod terminology_capabilities;
pub(crate) mod transaction;
mod transaction_plan;
pub(crate) mod update;
pub(crate) mod vread;
pub(crate) mod written;

pub(crate) use written::parse as parse_body;
