//! Code systems, value sets and concept maps from their resources.

use std::collections::HashMap;

use serde_json::Value;

use super::read::{flag, list, or_empty, owned, required, text, texts};
use crate::{
    CodeSystemDef, ConceptDef, ConceptMapDef, DesignationDef, ExpansionDef, FilterDef, IncludeDef, MappingDef,
    OtherElementDef, PropertyDef, UnmappedDef, ValueSetDef,
};

/// What the urls of the properties that R4 itself defines start with: <https://hl7.org/fhir/R4/codesystem-concept-properties.html>.
const PROPERTY_BASE: &str = "http://hl7.org/fhir/concept-properties#";

/// Takes a code system from its CodeSystem, its tree of concepts made flat.
pub fn code_system(definition: &Value) -> Result<CodeSystemDef, String> {
    let mut concepts = Vec::new();
    let names = Names::of(definition);
    names.flatten(list(definition, "concept"), None, &mut concepts);
    adopt_children(&mut concepts, &names);
    let codes = |name| list(definition, name).iter().filter_map(|one| owned(one, "code")).collect();
    Ok(CodeSystemDef {
        url: required(definition, "url")?,
        version: owned(definition, "version"),
        name: or_empty(definition, "name"),
        content: required(definition, "content")?,
        case_sensitive: flag(definition, "caseSensitive"),
        hierarchy: owned(definition, "hierarchyMeaning"),
        value_set: owned(definition, "valueSet"),
        supplements: owned(definition, "supplements"),
        language: owned(definition, "language"),
        concepts,
        declared: codes("property"),
        filters: Some(codes("filter")),
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
        status: or_empty(definition, "status"),
        inactive: definition.pointer("/compose/inactive").and_then(Value::as_bool),
        include: parts("include"),
        exclude: parts("exclude"),
        expansion,
    })
}

/// Takes a concept map from its ConceptMap.
pub fn concept_map(definition: &Value) -> Result<ConceptMapDef, String> {
    let mut mappings = Vec::new();
    let mut unmapped = Vec::new();
    for group in list(definition, "group") {
        let (source_system, target_system) = (or_empty(group, "source"), or_empty(group, "target"));
        for element in list(group, "element") {
            for target in list(element, "target") {
                mappings.push(MappingDef {
                    source_system: source_system.clone(),
                    source_code: or_empty(element, "code"),
                    target_system: target_system.clone(),
                    target_code: owned(target, "code"),
                    equivalence: or_empty(target, "equivalence"),
                    target_display: owned(target, "display"),
                    depends_on: list(target, "dependsOn").iter().map(other_element).collect(),
                    product: list(target, "product").iter().map(other_element).collect(),
                });
            }
        }
        if let Some(rule) = group.get("unmapped") {
            unmapped.push(UnmappedDef {
                source_system,
                target_system,
                mode: or_empty(rule, "mode"),
                code: owned(rule, "code"),
                display: owned(rule, "display"),
                url: owned(rule, "url"),
            });
        }
    }
    let side = |name: &str| {
        owned(definition, &format!("{name}Canonical")).or_else(|| owned(definition, &format!("{name}Uri")))
    };
    Ok(ConceptMapDef {
        url: required(definition, "url")?,
        version: owned(definition, "version"),
        source: side("source"),
        target: side("target"),
        mappings,
        unmapped,
    })
}

fn other_element(found: &Value) -> OtherElementDef {
    OtherElementDef {
        property: or_empty(found, "property"),
        system: owned(found, "system"),
        value: or_empty(found, "value"),
        display: owned(found, "display"),
    }
}

/// Which codes of properties say what Weir acts on: a code system may rename those that R4 defines.
struct Names<'v> {
    declared: Vec<(&'v str, &'v str)>,
}

impl<'v> Names<'v> {
    fn of(definition: &'v Value) -> Self {
        let properties = list(definition, "property").iter();
        let declared =
            properties.filter_map(|one| Some((text(one, "code")?, text(one, "uri")?.strip_prefix(PROPERTY_BASE)?)));
        Self { declared: declared.collect() }
    }

    /// The name that R4 gives a property, whatever the code system calls it.
    fn standard<'c>(&self, code: &'c str) -> &'c str
    where
        'v: 'c,
    {
        match self.declared.iter().find(|(own, _)| *own == code) {
            Some((_, standard)) => standard,
            None => code,
        }
    }

    fn flatten(&self, concepts: &[Value], parent: Option<&str>, flat: &mut Vec<ConceptDef>) {
        for found in concepts {
            let code = or_empty(found, "code");
            let mut concept = ConceptDef {
                display: owned(found, "display"),
                definition: owned(found, "definition"),
                parents: parent.into_iter().map(str::to_owned).collect(),
                designations: list(found, "designation").iter().map(designation).collect(),
                code: code.clone(),
                ..ConceptDef::default()
            };
            list(found, "property").iter().for_each(|property| self.add_property(&mut concept, property));
            flat.push(concept);
            self.flatten(list(found, "concept"), Some(&code), flat);
        }
    }

    fn add_property(&self, concept: &mut ConceptDef, found: &Value) {
        let Some(property) = property(found) else { return };
        match (self.standard(&property.code), &property.value) {
            // A code system of many parents lists a concept once and names the others as properties.
            ("parent" | "subsumedBy", Value::String(parent)) => {
                if !concept.parents.contains(parent) {
                    concept.parents.push(parent.clone());
                }
                return;
            }
            ("notSelectable" | "abstract", Value::Bool(true)) => concept.is_abstract = true,
            ("inactive", Value::Bool(true)) => concept.is_inactive = true,
            ("status", Value::String(status)) if status == "retired" => concept.is_inactive = true,
            _ => {}
        }
        concept.properties.push(property);
    }
}

/// Some code systems name the codes below a concept rather than those above it.
fn adopt_children(concepts: &mut [ConceptDef], names: &Names<'_>) {
    let mut pairs: HashMap<String, Vec<String>> = HashMap::new();
    for concept in concepts.iter_mut() {
        let (children, others) =
            std::mem::take(&mut concept.properties).into_iter().partition(|one| names.standard(&one.code) == "child");
        concept.properties = others;
        let children: Vec<PropertyDef> = children;
        for child in children {
            pairs.entry(child.text()).or_default().push(concept.code.clone());
        }
    }
    for concept in concepts.iter_mut() {
        for parent in pairs.remove(&concept.code).unwrap_or_default() {
            if !concept.parents.contains(&parent) {
                concept.parents.push(parent);
            }
        }
    }
}

fn property(found: &Value) -> Option<PropertyDef> {
    let (name, value) = found.as_object()?.iter().find(|(name, _)| name.starts_with("value"))?;
    Some(PropertyDef {
        code: or_empty(found, "code"),
        kind: name.trim_start_matches("value").to_owned(),
        value: value.clone(),
    })
}

fn designation(found: &Value) -> DesignationDef {
    DesignationDef {
        language: owned(found, "language"),
        use_coding: found.get("use").cloned(),
        value: or_empty(found, "value"),
    }
}

fn include(found: &Value) -> IncludeDef {
    let concept = |listed: &Value| ConceptDef {
        code: or_empty(listed, "code"),
        display: owned(listed, "display"),
        designations: list(listed, "designation").iter().map(designation).collect(),
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
