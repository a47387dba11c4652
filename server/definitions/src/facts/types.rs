//! Types from the StructureDefinitions that define rather than constrain.

use serde_json::Value;

use super::read::{extension, flag, list, or_empty, required, text, texts, typed, without_version};
use crate::{Binding, BindingStrength, ConstraintDef, ConstraintSeverity, ElementDef, TypeDef, TypeKind, TypeRef};

/// Url of the extension that marks a rule as advice.
pub(super) const BEST_PRACTICE: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice";
/// Url of the extension with the value set that no code may leave.
pub(super) const MAX_VALUE_SET: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet";
const FHIR_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type";
const REGEX: &str = "http://hl7.org/fhir/StructureDefinition/regex";
const DEFINITION_BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Says whether a StructureDefinition defines a resource or a datatype.
#[must_use]
pub fn is_type(definition: &Value) -> bool {
    text(definition, "resourceType") == Some("StructureDefinition")
        && text(definition, "derivation") != Some("constraint")
        && kind(definition).is_some()
}

/// Takes a type from its StructureDefinition, which must have a snapshot.
pub fn type_def(definition: &Value) -> Result<TypeDef, String> {
    let kind = kind(definition).ok_or("the `kind` is not that of a type")?;
    let name = required(definition, "type")?;
    let snapshot = definition.get("snapshot").ok_or("there is no `snapshot`")?;
    let elements = list(snapshot, "element");
    let root = elements.first().ok_or("the `snapshot` is empty")?;
    let value = elements.iter().find(|element| text(element, "path") == Some(&format!("{name}.value")));
    let regex = value
        .filter(|_| kind == TypeKind::Primitive)
        .and_then(|value| extension(list(value, "type").first()?, REGEX)?.as_str())
        .map(str::to_owned);
    let mut tree = Vec::new();
    for element in elements.iter().skip(1) {
        let path = text(element, "path").unwrap_or_default();
        if kind == TypeKind::Primitive && path.ends_with(".value") {
            continue;
        }
        insert(&mut tree, element_def(element, kind)?, name.len() + 1)?;
    }
    Ok(TypeDef {
        kind,
        base: text(definition, "baseDefinition").and_then(|url| url.strip_prefix(DEFINITION_BASE)).map(str::to_owned),
        regex,
        is_abstract: flag(definition, "abstract"),
        constraints: list(root, "constraint").iter().filter_map(constraint).collect(),
        elements: tree,
        name,
    })
}

fn kind(definition: &Value) -> Option<TypeKind> {
    match text(definition, "kind")? {
        "resource" => Some(TypeKind::Resource),
        "complex-type" => Some(TypeKind::Complex),
        "primitive-type" => Some(TypeKind::Primitive),
        _ => None,
    }
}

/// Puts an element under its parent; `skip` is how much of the path has been walked.
fn insert(tree: &mut Vec<ElementDef>, element: ElementDef, skip: usize) -> Result<(), String> {
    let rest = element.path.get(skip..).unwrap_or_default();
    let Some((parent, _)) = rest.split_once('.') else {
        tree.push(element);
        return Ok(());
    };
    let skip = skip + parent.len() + 1;
    let parent = tree.iter_mut().find(|found| found.name == parent);
    let parent = parent.ok_or_else(|| format!("`{}` comes before its parent", element.path))?;
    insert(&mut parent.children, element, skip)
}

fn element_def(element: &Value, kind: TypeKind) -> Result<ElementDef, String> {
    let path = required(element, "path")?;
    let last = path.rsplit_once('.').map_or(path.as_str(), |(_, last)| last);
    let is_id = kind == TypeKind::Resource && path.split('.').count() == 2 && last == "id";
    Ok(ElementDef {
        name: last.strip_suffix("[x]").unwrap_or(last).to_owned(),
        is_choice: last.ends_with("[x]"),
        min: element.get("min").and_then(Value::as_u64).and_then(|min| u32::try_from(min).ok()).unwrap_or(0),
        max: max(element)?,
        types: list(element, "type").iter().map(|found| type_ref(found, is_id)).collect(),
        content_reference: text(element, "contentReference").map(|path| path.trim_start_matches('#').to_owned()),
        binding: element.get("binding").and_then(binding),
        fixed: typed(element, "fixed").cloned(),
        pattern: typed(element, "pattern").cloned(),
        is_summary: flag(element, "isSummary"),
        is_modifier: flag(element, "isModifier"),
        // Snapshots repeat the rules of Element and Extension on every element of such a type.
        constraints: list(element, "constraint")
            .iter()
            .filter_map(constraint)
            .filter(|rule| rule.key != "ele-1" && rule.key != "ext-1")
            .collect(),
        children: Vec::new(),
        path,
    })
}

fn max(element: &Value) -> Result<Option<u32>, String> {
    match text(element, "max") {
        Some("*") => Ok(None),
        Some(max) => max.parse().map(Some).map_err(|_| "a `max` is neither a number nor `*`".to_owned()),
        None => Ok(Some(1)),
    }
}

fn type_ref(found: &Value, is_resource_id: bool) -> TypeRef {
    let code = match extension(found, FHIR_TYPE).and_then(Value::as_str) {
        // The published definitions call the id of a resource a string (corrected in R5).
        Some(_) if is_resource_id => "id".to_owned(),
        Some(code) => code.to_owned(),
        None if text(found, "code").is_some_and(|code| code.starts_with("http://hl7.org/fhirpath/")) => {
            "string".to_owned()
        }
        None => or_empty(found, "code"),
    };
    TypeRef { code, profiles: texts(found, "profile"), target_profiles: texts(found, "targetProfile") }
}

fn binding(found: &Value) -> Option<Binding> {
    let strength = match text(found, "strength")? {
        "required" => BindingStrength::Required,
        "extensible" => BindingStrength::Extensible,
        "preferred" => BindingStrength::Preferred,
        "example" => BindingStrength::Example,
        _ => return None,
    };
    let value_set = text(found, "valueSet").map(without_version).unwrap_or_default().to_owned();
    let max_value_set = extension(found, MAX_VALUE_SET).and_then(Value::as_str).map(without_version).map(str::to_owned);
    Some(Binding { strength, value_set, max_value_set })
}

fn constraint(found: &Value) -> Option<ConstraintDef> {
    let severity = match text(found, "severity")? {
        "error" => ConstraintSeverity::Error,
        "warning" => ConstraintSeverity::Warning,
        _ => return None,
    };
    Some(ConstraintDef {
        key: text(found, "key")?.to_owned(),
        severity,
        expression: or_empty(found, "expression"),
        is_best_practice: extension(found, BEST_PRACTICE).and_then(Value::as_bool).unwrap_or(false),
    })
}
