//! Bulk Data export: jobs, NDJSON files, manifest, disclosure evidence. <https://hl7.org/fhir/uv/bulkdata/STU2/export.html>

mod error;
mod export;
mod options;
mod status;

pub use error::ExportError;
pub use export::{Export, Worker};
pub use options::{Clock, ExportOptions, KickOff, Random};
pub use status::{JobStatus, http_date};
