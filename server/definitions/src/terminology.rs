//! Code systems and value sets: <https://hl7.org/fhir/R4/terminology-module.html>.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// The language of its displays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The concepts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub concepts: Vec<ConceptDef>,
    /// The properties that it declares; the built-in table has none.
    #[serde(skip)]
    pub declared: Vec<String>,
    /// The filters that it declares, which need not be properties; none in the built-in table, which does not tell.
    #[serde(skip)]
    pub filters: Option<Vec<String>>,
    #[serde(skip)]
    pub(crate) index: OnceLock<Index>,
}

/// Places of concepts in the list, by their codes as the system folds them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    by_code: HashMap<String, usize>,
    children: HashMap<String, Vec<usize>>,
    properties: HashSet<String>,
}

/// What every concept has, and what R4 defines for all code systems: <https://hl7.org/fhir/R4/codesystem-concept-properties.html>.
const PROPERTIES: [&str; 8] =
    ["code", "concept", "display", "parent", "child", "inactive", "deprecated", "notSelectable"];

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
    /// What it means, in words; the built-in table has none.
    #[serde(rename = "t", skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// Other words for it.
    #[serde(rename = "n", skip_serializing_if = "Vec::is_empty")]
    pub designations: Vec<DesignationDef>,
    /// Its properties, but for those that name its parents and children.
    #[serde(rename = "q", skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<PropertyDef>,
}

/// Other words for a concept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DesignationDef {
    /// The language.
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What they are for, as a Coding.
    #[serde(rename = "u", skip_serializing_if = "Option::is_none")]
    pub use_coding: Option<Value>,
    /// The words.
    #[serde(rename = "v")]
    pub value: String,
}

/// A property of a concept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PropertyDef {
    /// Which property.
    #[serde(rename = "c")]
    pub code: String,
    /// The type of the value as it ends the name of the element, as `Boolean` of `valueBoolean`.
    #[serde(rename = "k")]
    pub kind: String,
    /// The value as in JSON.
    #[serde(rename = "v")]
    pub value: Value,
}

impl PropertyDef {
    /// Gives the value as filters compare it: of a Coding the code.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            Value::Object(coding) => coding.get("code").and_then(Value::as_str).unwrap_or_default().to_owned(),
            other => other.to_string(),
        }
    }
}

impl CodeSystemDef {
    /// Finds a concept by its code, regardless of case where the system says so.
    #[must_use]
    pub fn concept(&self, code: &str) -> Option<&ConceptDef> {
        let position = self.index().by_code.get(self.folded(code).as_str()).copied()?;
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

    /// Says whether two codes are one in this system.
    #[must_use]
    pub fn is_same(&self, a: &str, b: &str) -> bool {
        self.folded(a) == self.folded(b)
    }

    /// Gives the concepts directly below a code, in the order of the list.
    pub fn children(&self, code: &str) -> impl Iterator<Item = &ConceptDef> {
        let places = self.index().children.get(self.folded(code).as_str()).into_iter().flatten();
        places.filter_map(|place| self.concepts.get(*place))
    }

    /// Says whether concepts can have a property: one of all code systems, one that is declared, or one that a concept has.
    #[must_use]
    pub fn has_property(&self, code: &str) -> bool {
        PROPERTIES.contains(&code)
            || self.declared.iter().any(|own| own == code)
            || self.index().properties.contains(code)
    }

    /// Says whether its codes may be filtered by what is none of their properties here: a filter that it declares, or anything where it is not
    /// known what it declares.
    #[must_use]
    pub fn may_have_filter(&self, code: &str) -> bool {
        self.filters.as_ref().is_none_or(|filters| filters.iter().any(|own| own == code))
    }

    /// Says whether the list of concepts is the whole system.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.content == "complete"
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let mut index = Index::default();
            for (place, concept) in self.concepts.iter().enumerate() {
                index.by_code.insert(self.folded(&concept.code), place);
                index.properties.extend(concept.properties.iter().map(|one| one.code.clone()));
                for parent in &concept.parents {
                    index.children.entry(self.folded(parent)).or_default().push(place);
                }
            }
            index
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
    /// `draft`, `active`, `retired` or `unknown`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Whether retired codes belong; `None` when it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactive: Option<bool>,
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
