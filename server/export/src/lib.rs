//! Bulk Data export: jobs, NDJSON files, manifest, disclosure evidence. <https://hl7.org/fhir/uv/bulkdata/STU2/export.html>

mod error;
mod evidence;
mod export;
mod opt_out;
mod options;
mod persons;
mod status;

pub use error::ExportError;
pub use evidence::ExportEvidence;
pub use export::{Export, Worker};
pub use options::{Clock, ExportOptions, KickOff, Random};
pub use status::{JobStatus, http_date};
