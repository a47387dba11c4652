//! Code systems, value sets and concept maps: <https://hl7.org/fhir/R4/terminology-module.html>.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::types::is_false;

/// A code system with its concepts in a flat list, parents before children.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CodeSystemDef {
    /// The canonical url, which is the system of its codes.
    pub url: String,
    /// The version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The name for machines.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `complete`, `fragment`, `example`, `not-present` or `supplement`.
    pub content: String,
    /// Codes differ by case alone.
    #[serde(skip_serializing_if = "is_false")]
    pub case_sensitive: bool,
    /// `is-a`, `grouped-by`, `part-of` or `classified-with`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hierarchy: Option<String>,
    /// The url of the value set of all its codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_set: Option<String>,
    /// The code system that it adds to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplements: Option<String>,
    /// The concepts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub concepts: Vec<ConceptDef>,
    #[serde(skip)]
    pub(crate) index: OnceLock<HashMap<String, usize>>,
}

/// A concept of a code system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConceptDef {
    /// The code.
    #[serde(rename = "c")]
    pub code: String,
    /// The words to show.
    #[serde(rename = "d", skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// The codes directly above it.
    #[serde(rename = "p", skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// It groups others and is not for use.
    #[serde(rename = "a", skip_serializing_if = "is_false")]
    pub is_abstract: bool,
    /// It is retired.
    #[serde(rename = "i", skip_serializing_if = "is_false")]
    pub is_inactive: bool,
}

impl CodeSystemDef {
    /// Finds a concept by its code, regardless of case where the system says so.
    #[must_use]
    pub fn concept(&self, code: &str) -> Option<&ConceptDef> {
        let position = self.index().get(self.folded(code).as_str()).copied()?;
        self.concepts.get(position)
    }

    /// Says whether `code` is `ancestor` or below it.
    #[must_use]
    pub fn is_a(&self, code: &str, ancestor: &str) -> bool {
        let ancestor = self.folded(ancestor);
        let mut open = vec![code];
        let mut seen = HashSet::new();
        while let Some(code) = open.pop() {
            let code = self.folded(code);
            if code == ancestor {
                return true;
            }
            if let Some(concept) = self.concept(&code).filter(|_| seen.insert(code)) {
                open.extend(concept.parents.iter().map(String::as_str));
            }
        }
        false
    }

    /// Says whether the list of concepts is the whole system.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.content == "complete"
    }

    fn index(&self) -> &HashMap<String, usize> {
        self.index.get_or_init(|| {
            let codes = self.concepts.iter().enumerate();
            codes.map(|(position, concept)| (self.folded(&concept.code), position)).collect()
        })
    }

    fn folded(&self, code: &str) -> String {
        if self.case_sensitive { code.to_owned() } else { code.to_lowercase() }
    }
}

/// A value set, by the rules that make it up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ValueSetDef {
    /// The canonical url.
    pub url: String,
    /// The version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The name for machines.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What is in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<IncludeDef>,
    /// What of that is left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<IncludeDef>,
    /// The codes of an expansion that came with it, used when there are no rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expansion: Vec<ExpansionDef>,
}

/// A part of a value set: codes of one system and of the value sets named, all conditions together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IncludeDef {
    /// The code system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The version of the code system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The codes that are listed; with no codes and no filters all of the system are meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub concepts: Vec<ConceptDef>,
    /// The filters that all must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<FilterDef>,
    /// The value sets in all of which a code must be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub value_sets: Vec<String>,
}

/// A condition on the codes of a code system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterDef {
    /// The property, as `concept`.
    pub property: String,
    /// The operation, as `is-a`.
    pub op: String,
    /// The value.
    pub value: String,
}

/// A code of an expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExpansionDef {
    /// The code system.
    #[serde(rename = "s")]
    pub system: String,
    /// The code.
    #[serde(rename = "c")]
    pub code: String,
    /// The words to show.
    #[serde(rename = "d", skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

/// A map from the codes of one system to those of another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConceptMapDef {
    /// The canonical url.
    pub url: String,
    /// The value set mapped from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The value set mapped to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The mappings.
    pub mappings: Vec<MappingDef>,
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
}
