//! FHIR R4 data: the lossless JSON tree, issues, dates, ids, references, XML, NHS numbers. No I/O.

mod issue;
mod json;
mod json_parser;

pub use issue::{ISSUE_CODE_SYSTEM, Issue, Severity, operation_outcome};
pub use json::{Json, JsonError, Kind, Limits, Node};
