//! What a requirement is, and the requirements that are written down.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

const FILES: [(&str, &str); 8] = [
    ("rest", include_str!("../requirements/rest.json")),
    ("operations", include_str!("../requirements/operations.json")),
    ("terminology", include_str!("../requirements/terminology.json")),
    ("search", include_str!("../requirements/search.json")),
    ("search_values", include_str!("../requirements/search_values.json")),
    ("search_joins", include_str!("../requirements/search_joins.json")),
    ("search_results", include_str!("../requirements/search_results.json")),
    ("validation", include_str!("../requirements/validation.json")),
];

/// Something that a standard asks of a server, with requests that show whether it holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// A stable name.
    pub id: String,
    /// The section of the standard.
    pub source: String,
    /// What is asked, in our words.
    pub says: String,
    /// Requests in order; what one saves the next ones may use as `{name}`.
    pub steps: Vec<Step>,
}

/// One request and what must come back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// `GET Patient/{id}`: method and path below the base URL.
    pub send: String,
    /// Request headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body: text as it is, anything else as JSON.
    #[serde(default)]
    pub body: Option<Value>,
    /// What must come back.
    pub expect: Expectation,
    /// Texts of the answer to keep: name to JSON pointer, or to `header:Name`.
    #[serde(default)]
    pub save: BTreeMap<String, String>,
}

/// What must hold of an answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// One of these statuses.
    pub status: Vec<u16>,
    /// Headers that must contain these texts.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// JSON pointers that must have these values; null: must not be there.
    #[serde(default)]
    pub json: BTreeMap<String, Value>,
    /// JSON pointers whose text must contain this.
    #[serde(default)]
    pub contains: BTreeMap<String, String>,
}

/// All requirements, by the name of their file.
pub fn requirements() -> Result<Vec<(&'static str, Vec<Requirement>)>> {
    FILES
        .into_iter()
        .map(|(name, text)| {
            Ok((name, serde_json::from_str(text).with_context(|| format!("requirements/{name}.json"))?))
        })
        .collect()
}
