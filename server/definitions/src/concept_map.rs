//! Concept maps: <https://hl7.org/fhir/R4/conceptmap.html>.

use serde::{Deserialize, Serialize};

/// A map from the codes of one system to those of another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConceptMapDef {
    /// The canonical url.
    pub url: String,
    /// The version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The value set mapped from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The value set mapped to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The mappings.
    pub mappings: Vec<MappingDef>,
    /// What becomes of codes that no mapping names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmapped: Vec<UnmappedDef>,
}

/// One line of a concept map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MappingDef {
    /// The system mapped from.
    pub source_system: String,
    /// The code mapped from.
    pub source_code: String,
    /// The system mapped to.
    pub target_system: String,
    /// The code mapped to; `None` when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_code: Option<String>,
    /// How the two relate, as `equivalent`.
    pub equivalence: String,
    /// The words of the code mapped to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_display: Option<String>,
    /// What else must hold for this mapping.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<OtherElementDef>,
    /// What else it yields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub product: Vec<OtherElementDef>,
}

/// Another element that a mapping depends on or yields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OtherElementDef {
    /// Which element.
    pub property: String,
    /// The system of its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Its code or value.
    pub value: String,
    /// The words of the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

/// What becomes of the codes of a group that no mapping names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnmappedDef {
    /// The system mapped from.
    pub source_system: String,
    /// The system mapped to.
    pub target_system: String,
    /// `provided`, `fixed` or `other-map`.
    pub mode: String,
    /// The code of mode `fixed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The words of that code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// The map of mode `other-map`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
