//! Code systems, value sets and concept maps from their resources.

use serde_json::Value;

use super::read::{flag, list, or_empty, owned, required, text, texts};
use crate::{CodeSystemDef, ConceptDef, ConceptMapDef, ExpansionDef, FilterDef, IncludeDef, MappingDef, ValueSetDef};

/// Takes a code system from its CodeSystem, its tree of concepts made flat.
pub fn code_system(definition: &Value) -> Result<CodeSystemDef, String> {
    let mut concepts = Vec::new();
    flatten(list(definition, "concept"), None, &mut concepts);
    Ok(CodeSystemDef {
        url: required(definition, "url")?,
        version: owned(definition, "version"),
        name: or_empty(definition, "name"),
        content: required(definition, "content")?,
        case_sensitive: flag(definition, "caseSensitive"),
        hierarchy: owned(definition, "hierarchyMeaning"),
        value_set: owned(definition, "valueSet"),
        supplements: owned(definition, "supplements"),
        concepts,
        ..CodeSystemDef::default()
    })
}

/// Takes a value set from its ValueSet.
pub fn value_set(definition: &Value) -> Result<ValueSetDef, String> {
    let parts = |name| {
        let compose = definition.get("compose");
        compose.map_or(&[][..], |compose| list(compose, name)).iter().map(include).collect::<Vec<_>>()
    };
    let mut expansion = Vec::new();
    if definition.get("compose").is_none()
        && let Some(found) = definition.get("expansion")
    {
        flatten_expansion(list(found, "contains"), &mut expansion);
    }
    Ok(ValueSetDef {
        url: required(definition, "url")?,
        version: owned(definition, "version"),
        name: or_empty(definition, "name"),
        include: parts("include"),
        exclude: parts("exclude"),
        expansion,
    })
}

/// Takes a concept map from its ConceptMap.
pub fn concept_map(definition: &Value) -> Result<ConceptMapDef, String> {
    let mut mappings = Vec::new();
    for group in list(definition, "group") {
        for element in list(group, "element") {
            for target in list(element, "target") {
                mappings.push(MappingDef {
                    source_system: or_empty(group, "source"),
                    source_code: or_empty(element, "code"),
                    target_system: or_empty(group, "target"),
                    target_code: owned(target, "code"),
                    equivalence: or_empty(target, "equivalence"),
                });
            }
        }
    }
    let side = |name: &str| {
        owned(definition, &format!("{name}Canonical")).or_else(|| owned(definition, &format!("{name}Uri")))
    };
    Ok(ConceptMapDef { url: required(definition, "url")?, source: side("source"), target: side("target"), mappings })
}

fn flatten(concepts: &[Value], parent: Option<&str>, flat: &mut Vec<ConceptDef>) {
    for found in concepts {
        let code = or_empty(found, "code");
        // A code system of many parents lists a concept once and names the others as properties.
        let more = list(found, "property")
            .iter()
            .filter(|property| matches!(text(property, "code"), Some("subsumedBy" | "parent")));
        let more = more.filter_map(|property| text(property, "valueCode")).filter(|more| Some(*more) != parent);
        flat.push(ConceptDef {
            display: owned(found, "display"),
            parents: parent.into_iter().chain(more).map(str::to_owned).collect(),
            is_abstract: has_flag(found, &["notSelectable", "abstract"]),
            is_inactive: is_inactive(found),
            code: code.clone(),
        });
        flatten(list(found, "concept"), Some(&code), flat);
    }
}

fn has_flag(concept: &Value, names: &[&str]) -> bool {
    list(concept, "property").iter().any(|property| {
        text(property, "code").is_some_and(|code| names.contains(&code)) && flag(property, "valueBoolean")
    })
}

fn is_inactive(concept: &Value) -> bool {
    let is_retired =
        |property: &Value| text(property, "code") == Some("status") && text(property, "valueCode") == Some("retired");
    has_flag(concept, &["inactive"]) || list(concept, "property").iter().any(is_retired)
}

fn include(found: &Value) -> IncludeDef {
    let concept = |listed: &Value| ConceptDef {
        code: or_empty(listed, "code"),
        display: owned(listed, "display"),
        ..ConceptDef::default()
    };
    let filter = |filter: &Value| FilterDef {
        property: or_empty(filter, "property"),
        op: or_empty(filter, "op"),
        value: or_empty(filter, "value"),
    };
    IncludeDef {
        system: owned(found, "system"),
        version: owned(found, "version"),
        concepts: list(found, "concept").iter().map(concept).collect(),
        filters: list(found, "filter").iter().map(filter).collect(),
        value_sets: texts(found, "valueSet"),
    }
}

fn flatten_expansion(contains: &[Value], flat: &mut Vec<ExpansionDef>) {
    for found in contains {
        if let Some(code) = owned(found, "code").filter(|_| !flag(found, "abstract")) {
            flat.push(ExpansionDef { system: or_empty(found, "system"), code, display: owned(found, "display") });
        }
        flatten_expansion(list(found, "contains"), flat);
    }
}
