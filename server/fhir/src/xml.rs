//! FHIR's XML form, in and out: <https://hl7.org/fhir/R4/xml.html>.
//!
//! The element order and the XML names of attributes come from fhirbolt's tables. What fhirbolt is strict about beyond
//! the standard (declaration, byte order mark, namespace prefix, place of `resourceType`) is put right before, and the
//! form of the document is checked first so that errors have a place and nesting has an end.

use fhirbolt::FhirReleases;
use fhirbolt::element::Element;
use serde_json::Value;

use crate::xml_scan::{Scanned, scan};
use crate::{Json, JsonError};

type R4Element = Element<{ FhirReleases::R4 }>;

/// Why a text cannot be turned into the other form; it holds a position and what was expected there, never content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} column {column}: {reason}")]
pub struct XmlError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What was expected.
    pub reason: String,
}

impl From<JsonError> for XmlError {
    fn from(error: JsonError) -> Self {
        Self { line: error.line, column: error.column, reason: error.reason }
    }
}

impl From<&XmlError> for crate::Issue {
    fn from(error: &XmlError) -> Self {
        Self::error("structure", error.to_string()).line_column((error.line, error.column))
    }
}

/// Turns a resource in XML into JSON.
pub fn json_from_xml(text: &str) -> Result<String, XmlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Scanned { clean, root_offset } = scan(text).map_err(|fault| error_at(text, fault.offset, fault.reason))?;
    let fault = |said: String| {
        let name = unknown_name(&said);
        let offset = name.and_then(|name| text.find(&format!("<{name}"))).unwrap_or(root_offset);
        error_at(text, offset, reason(name, "expected a FHIR R4 resource in XML"))
    };
    let element: R4Element = fhirbolt::xml::from_str(&clean, None).map_err(|error| fault(error.to_string()))?;
    fhirbolt::json::to_string(&element, None).map_err(|error| fault(error.to_string()))
}

/// Turns a resource in JSON into XML.
///
/// White space that stands alone inside a narrative is lost, and exponents may be written anew (`1E5` as `1e+5`).
pub fn xml_from_json(text: &str) -> Result<String, XmlError> {
    let json = Json::parse(text.as_bytes())?;
    let fault = |said: String| {
        let name = unknown_name(&said);
        let offset = name.and_then(|name| text.find(&format!("\"{name}\""))).unwrap_or(0);
        error_at(text, offset, reason(name, "expected a FHIR R4 resource"))
    };
    let ordered = type_first(json.root().to_value()).to_string();
    let element: R4Element = fhirbolt::json::from_str(&ordered, None).map_err(|error| fault(error.to_string()))?;
    fhirbolt::xml::to_string(&element, None).map_err(|error| fault(error.to_string()))
}

/// Puts `resourceType` first in the resource and in all resources inside it, where fhirbolt must read it first.
fn type_first(value: Value) -> Value {
    match value {
        Value::Object(mut members) => {
            let type_name = members.shift_remove_entry("resourceType");
            let rest = members.into_iter().map(|(name, value)| (name, type_first(value)));
            Value::Object(type_name.into_iter().chain(rest).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(type_first).collect()),
        other => other,
    }
}

/// Finds the name in fhirbolt's "unknown field `name`"; its other messages may quote content and are not passed on.
fn unknown_name(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("unknown field `")?;
    let name = rest.split_once('`').map_or(rest, |(name, _)| name);
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')).then_some(name)
}

fn reason(unknown: Option<&str>, otherwise: &str) -> String {
    unknown.map_or_else(|| otherwise.to_owned(), |name| format!("`{name}` is not an element here"))
}

fn error_at(text: &str, offset: usize, reason: String) -> XmlError {
    let (line, column) = crate::json::line_column(text, offset);
    XmlError { line, column, reason }
}
