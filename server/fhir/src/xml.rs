//! FHIR's XML form, in and out: <https://hl7.org/fhir/R4/xml.html>.
//!
//! The elements of each type and their order come from fhirbolt's tables. Writing is fhirbolt's: `resourceType`, which it wants first, is put there
//! before, and narratives and exponents go around it ([`Kept`]).

use fhirbolt::FhirReleases;
use fhirbolt::element::Element;
use serde_json::{Map, Value};

use crate::xml_kept::{Kept, has_exponent};
use crate::xml_narrative::check_narrative;
use crate::xml_read::{Read, read};
use crate::xml_scan::Fault;
use crate::{Json, JsonError, Kind, Node};

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
    /// See [`JsonError::is_too_deep`].
    pub is_too_deep: bool,
}

impl From<JsonError> for XmlError {
    fn from(error: JsonError) -> Self {
        let JsonError { offset: _, line, column, reason, is_too_deep } = error;
        Self { line, column, reason, is_too_deep }
    }
}

impl From<&XmlError> for crate::Issue {
    fn from(error: &XmlError) -> Self {
        Self::unread(error.to_string(), error.is_too_deep).line_column((error.line, error.column))
    }
}

/// Turns a resource in XML into JSON. What is not an element, an attribute or a value of R4, or not in the order of the definition, is an error.
pub fn json_from_xml(text: &str) -> Result<String, XmlError> {
    let (json, disorder) = json_from_any_xml(text)?;
    disorder.into_iter().next().map_or(Ok(json), Err)
}

/// Turns a resource in XML whose elements may be in any order into JSON, and says where they are not in that of the definition: what is said is the
/// same, and even HL7's own files have it.
pub fn json_from_any_xml(text: &str) -> Result<(String, Vec<XmlError>), XmlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let error = |fault: Fault| error_at(text, fault);
    let Read { json, mut disorder } = read(text).map_err(error)?;
    disorder.sort_by_key(|fault| fault.offset);
    Ok((json, disorder.into_iter().map(error).collect()))
}

/// Turns a resource in JSON into XML. A narrative that is not well-formed XML is an error.
pub fn xml_from_json(text: &str) -> Result<String, XmlError> {
    let json = Json::parse(text.as_bytes())?;
    let fault = |said: String| {
        let name = unknown_name(&said);
        let offset = name.and_then(|name| text.find(&format!("\"{name}\""))).unwrap_or(0);
        error_at(text, Fault::new(offset, reason(name, "expected a FHIR R4 resource")))
    };
    let mut kept = Kept::of(text);
    let ordered = prepared(json.root(), "", &mut kept)?.to_string();
    let element: R4Element = fhirbolt::json::from_str(&ordered, None).map_err(|error| fault(error.to_string()))?;
    let xml = fhirbolt::xml::to_string(&element, None).map_err(|error| fault(error.to_string()))?;
    kept.put_back(&lines_escaped(&xml), str::to_owned).ok_or_else(|| fault(String::new()))
}

/// The value under a name as fhirbolt wants it: `resourceType` first in each resource, and with marks for what it would change.
fn prepared(node: Node<'_>, name: &str, kept: &mut Kept) -> Result<Value, XmlError> {
    Ok(match node.kind() {
        Kind::Object => {
            let mut members = Map::new();
            let type_name = node.get("resourceType").map(|name| ("resourceType".into(), name));
            for (name, value) in type_name.into_iter().chain(node.members()) {
                // What is there already keeps its place.
                let value = prepared(value, &name, kept)?;
                members.insert(name.into_owned(), value);
            }
            Value::Object(members)
        }
        Kind::Array => Value::Array(node.items().map(|item| prepared(item, "", kept)).collect::<Result<_, _>>()?),
        Kind::Number if has_exponent(node.raw()) => {
            serde_json::from_str(&kept.number(node.raw())).unwrap_or(Value::Null)
        }
        Kind::String if name == "div" => {
            let narrative = node.as_str().unwrap_or_default();
            let narrative = check_narrative(&narrative).map_err(|fault| {
                let (line, column) = node.line_column();
                let reason = format!("the narrative is not well-formed: {}", fault.reason);
                XmlError { line, column, reason, is_too_deep: fault.is_too_deep }
            })?;
            Value::String(kept.narrative(&narrative))
        }
        _ => node.to_value(),
    })
}

/// Writes line ends and tabs within attributes as references: whoever reads them as they are sees spaces
/// (<https://www.w3.org/TR/xml/#AVNormalize>).
fn lines_escaped(xml: &str) -> String {
    let mut out = String::with_capacity(xml.len() + xml.len() / 16);
    // fhirbolt has no quotation mark elsewhere than around an attribute.
    for (position, part) in xml.split('"').enumerate() {
        if position > 0 {
            out.push('"');
        }
        if position % 2 == 1 && part.contains(['\n', '\r', '\t']) {
            out.push_str(&part.replace('\n', "&#10;").replace('\r', "&#13;").replace('\t', "&#9;"));
        } else {
            out.push_str(part);
        }
    }
    out
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

fn error_at(text: &str, Fault { offset, reason, is_too_deep }: Fault) -> XmlError {
    let (line, column) = crate::json::line_column(text, offset);
    XmlError { line, column, reason, is_too_deep }
}
