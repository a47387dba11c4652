//! FHIR R4 data: the lossless JSON tree, issues, dates, ids, references, XML, NHS numbers. No I/O.

mod bundle;
mod calendar;
mod date;
mod id;
mod instant;
mod issue;
mod json;
mod json_parser;
mod json_patch;
pub mod london;
pub mod meta;
mod nhs_number;
mod pointer;
mod reference;
pub mod resource;
mod splice;
mod xml;
mod xml_kept;
mod xml_namespace;
mod xml_narrative;
mod xml_places;
mod xml_primitive;
mod xml_read;
mod xml_scan;

pub use bundle::{BundleEntry, BundleWriter, EntryResponse};
pub use date::{FhirDate, Precision};
pub use id::FhirId;
pub use instant::Instant;
pub use issue::{ISSUE_CODE_SYSTEM, Issue, Severity, operation_outcome};
pub use json::{Json, JsonError, Kind, Limits, Node};
pub use json_patch::{JsonPatchError, apply_json_patch};
pub use nhs_number::{NHS_NUMBER_SYSTEM, NhsNumber, NhsNumberError};
pub use pointer::{Pointer, PointerError};
pub use reference::{Reference, path_below};
pub use xml::{XmlError, json_from_any_xml, json_from_xml, xml_from_json};
pub use xml_places::set_xml_places;
