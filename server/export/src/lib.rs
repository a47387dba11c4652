//! Bulk Data export: jobs, NDJSON files, manifest, disclosure evidence. <https://hl7.org/fhir/uv/bulkdata/STU2/export.html>

mod error;
mod evidence;
mod export;
mod manifest;
mod mention;
mod opt_out;
mod options;
mod output;
mod persons;
mod request;
mod run;
mod selection;
mod status;
mod worker;

pub use error::ExportError;
pub use evidence::ExportEvidence;
pub use export::Export;
pub use options::{Clock, ExportOptions, KickOff, Random};
pub use status::{JobStatus, http_date};
