//! Search parameters and compartments: <https://hl7.org/fhir/R4/searchparameter.html>.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A search parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchParameterDef {
    /// The canonical url.
    pub url: String,
    /// The name in a query, as `birthdate`.
    pub code: String,
    /// The resource types it is for; may be `Resource` or `DomainResource`.
    pub base: Vec<String>,
    /// `number`, `date`, `string`, `token`, `reference`, `composite`, `quantity`, `uri` or `special`.
    pub kind: String,
    /// The FHIRPath that finds the values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// For references: the resource types pointed to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// For composites: the parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<SearchComponent>,
    /// The modifiers that the definition names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<String>,
    /// The comparators that the definition names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comparators: Vec<String>,
}

/// A part of a composite search parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchComponent {
    /// The url of the search parameter for the part.
    pub definition: String,
    /// The FHIRPath from a value of the composite to the part.
    pub expression: String,
}

/// Which search parameters link each resource type into a compartment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CompartmentDef {
    /// The type at the centre, as `Patient`.
    pub code: String,
    /// The canonical url.
    pub url: String,
    /// Search parameter codes by resource type; types that cannot be in the compartment are left out. `{def}` stands for
    /// the resource at the centre itself.
    pub params: BTreeMap<String, Vec<String>>,
}
