//! Profiles and extension definitions, which constrain a type: <https://hl7.org/fhir/R4/profiling.html>.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::types::is_false;

/// A profile or an extension definition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfileDef {
    /// The canonical url.
    pub url: String,
    /// The version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The name for machines.
    pub name: String,
    /// The type that it constrains; `Extension` for extension definitions.
    pub type_name: String,
    /// `resource`, `complex-type`, `primitive-type` or `logical`.
    pub kind: String,
    /// The canonical url of the definition that it constrains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// No instance may claim it.
    #[serde(skip_serializing_if = "is_false")]
    pub is_abstract: bool,
    /// Where an extension may stand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ExtensionContext>,
    /// FHIRPath rules on where an extension may stand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context_invariant: Vec<String>,
    /// The element definitions of the differential as FHIR writes them (`id`, `path`, `min`, `slicing`, ...), without prose.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differential: Vec<Value>,
}

/// A place where an extension may stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExtensionContext {
    /// `element`, `fhirpath` or `extension`.
    pub kind: String,
    /// The path, the FHIRPath or the url of the other extension.
    pub expression: String,
}
