//! Merges a chain of differentials into one sparse tree of rules: <https://hl7.org/fhir/R4/profiling.html>.
//!
//! A snapshot would repeat the whole base type, which the walk over the base checks anyway; so only the additions are kept.

use definitions::{BindingStrength, Definitions, ElementDef, ProfileDef};
use serde_json::Value;

use crate::constraint::Constraint;
use crate::rule::{Binding, Child, Discriminator, Rule, Slice, Slicing, TypeRule};
use crate::slice_test::set_tests;

/// The extension with the value set that no code may leave.
const MAX_VALUE_SET: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet";
/// The extensions by which R4 profiles bind to further value sets.
const ADDITIONAL_BINDINGS: [&str; 2] = [
    "http://hl7.org/fhir/tools/StructureDefinition/additional-binding",
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.binding.additional",
];
/// R4's vital signs require this value set of all components, and so forbid the flow of oxygen; the reference takes it as extensible.
const LOOSENED: &str = "http://hl7.org/fhir/ValueSet/ucum-vitals-common";

/// Merges the differentials of `chain`, the profile nearest to the base type first; ids start with `type_name`.
pub(crate) fn merge(chain: &[&ProfileDef], type_name: &str, definitions: &Definitions) -> Rule {
    let mut root = Rule::default();
    for definition in chain {
        for element in &definition.differential {
            let Some(id) = element_id(element) else { continue };
            apply(locate(&mut root, &id), element);
        }
    }
    inherit(&mut root);
    if let Some(type_def) = definitions.type_named(type_name) {
        base_on(&mut root, &type_def.elements, definitions);
    }
    set_tests(&mut root, definitions);
    root
}

/// Gives the id, or makes one of path and slice name for definitions that leave ids out.
pub(crate) fn element_id(element: &Value) -> Option<String> {
    let text = |key| element.get(key).and_then(Value::as_str);
    if let Some(id) = text("id") {
        return Some(id.to_owned());
    }
    let path = text("path")?;
    Some(text("sliceName").map_or_else(|| path.to_owned(), |slice| format!("{path}:{slice}")))
}

/// Walks to the rule of an element id such as `Patient.identifier:nhsNumber.system`, making what is missing.
fn locate<'a>(root: &'a mut Rule, id: &str) -> &'a mut Rule {
    let mut rule = root;
    for segment in id.split('.').skip(1) {
        let (name, slice) = segment.split_once(':').map_or((segment, None), |(name, slice)| (name, Some(slice)));
        rule = child_of(rule, name);
        // `a/b` is the slice `b` within the slice `a`.
        let parts =
            slice.into_iter().flat_map(|slice| slice.match_indices('/').map(|(end, _)| end).chain([slice.len()]));
        for end in parts {
            rule = slice_of(rule, slice.and_then(|slice| slice.get(..end)).unwrap_or_default());
        }
    }
    rule
}

#[expect(clippy::indexing_slicing, reason = "the index was just found or pushed")]
fn child_of<'a>(rule: &'a mut Rule, name: &str) -> &'a mut Rule {
    let is_choice = name.ends_with("[x]");
    let name = name.trim_end_matches("[x]");
    let index = rule.children.iter().position(|child| child.name == name).unwrap_or_else(|| {
        let (name, shadow_name) = (name.to_owned(), format!("_{name}"));
        let rule_of_child = Rule::default();
        rule.children.push(Child {
            name,
            shadow_name,
            is_choice,
            type_code: None,
            backbone: None,
            rule: rule_of_child,
        });
        rule.children.len() - 1
    });
    &mut rule.children[index].rule
}

#[expect(clippy::indexing_slicing, reason = "the index was just found or pushed")]
fn slice_of<'a>(rule: &'a mut Rule, name: &str) -> &'a mut Rule {
    let index = rule.slices.iter().position(|slice| slice.name == name).unwrap_or_else(|| {
        rule.slices.push(Slice { name: name.to_owned(), rule: Rule::default(), tests: None });
        rule.slices.len() - 1
    });
    &mut rule.slices[index].rule
}

/// Lays one element definition over what its ancestors said; the definition nearest to the resource wins.
fn apply(rule: &mut Rule, element: &Value) {
    let Some(fields) = element.as_object() else { return };
    for (key, value) in fields {
        match key.as_str() {
            // A definition may not loosen what its base asks for; one that tries is told so, and the stricter bound holds.
            "min" => rule.min = rule.min.max(value.as_u64().and_then(|min| u32::try_from(min).ok())),
            "max" => {
                let max = value.as_str().and_then(|max| max.parse::<u32>().ok());
                rule.max = max.into_iter().chain(rule.max).min();
            }
            "type" => rule.types = value.as_array().into_iter().flatten().map(type_rule).collect(),
            "binding" => rule.binding = binding(value).or(rule.binding.take()),
            "slicing" => rule.slicing = Some(slicing(value)),
            "constraint" => constraints(rule, value),
            "maxLength" => rule.limits.length_max = value.as_u64(),
            "mustSupport" => rule.must_support = value.as_bool() == Some(true),
            _ if key.starts_with("minValue") || key.starts_with("maxValue") => rule.limits.add(key, value),
            _ if key.starts_with("fixed") => rule.fixed = Some(value.clone()),
            _ if key.starts_with("pattern") => rule.pattern = Some(value.clone()),
            _ => {}
        }
    }
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    let items = value.get(key).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(|url| without_version(url).to_owned()).collect()
}

/// Cuts `|version` off a canonical url.
pub(crate) fn without_version(url: &str) -> &str {
    url.split_once('|').map_or(url, |(url, _)| url)
}

fn type_rule(value: &Value) -> TypeRule {
    TypeRule {
        code: text(value, "code"),
        profiles: texts(value, "profile"),
        target_profiles: texts(value, "targetProfile"),
        aggregation: texts(value, "aggregation"),
    }
}

/// The strength's purpose as an additional binding names it, and the code for it in R5.
fn strength(code: &str) -> BindingStrength {
    match code {
        "required" | "maximum" => BindingStrength::Required,
        "extensible" => BindingStrength::Extensible,
        "preferred" => BindingStrength::Preferred,
        _ => BindingStrength::Example,
    }
}

fn binding(value: &Value) -> Option<Binding> {
    let value_set = value.get("valueSet").and_then(Value::as_str).unwrap_or_default();
    let extensions = || value.get("extension").and_then(Value::as_array).into_iter().flatten();
    let url = |one: &Value, url: &str| one.get("url").and_then(Value::as_str) == Some(url);
    let value_set_max = extensions().find(|one| url(one, MAX_VALUE_SET)).map(|one| text(one, "valueCanonical"));
    let of_extensions = extensions().filter(|one| ADDITIONAL_BINDINGS.iter().any(|own| url(one, own))).map(|one| {
        let part = |name: &str, member: &str| {
            let parts = one.get("extension").and_then(Value::as_array).into_iter().flatten();
            parts.filter(|part| url(part, name)).map(|part| text(part, member)).next().unwrap_or_default()
        };
        (strength(&part("purpose", "valueCode")), without_version(&part("valueSet", "valueCanonical")).to_owned())
    });
    let of_members = value.get("additional").and_then(Value::as_array).into_iter().flatten();
    let of_members =
        of_members.map(|one| (strength(&text(one, "purpose")), without_version(&text(one, "valueSet")).to_owned()));
    let value_set = without_version(value_set);
    let own = strength(value.get("strength")?.as_str()?);
    Some(Binding {
        strength: if value_set == LOOSENED { BindingStrength::Extensible } else { own },
        value_set: value_set.to_owned(),
        value_set_max: value_set_max.map(|url| without_version(&url).to_owned()).filter(|url| !url.is_empty()),
        additional: of_extensions.chain(of_members).filter(|(_, url)| !url.is_empty()).collect(),
    })
}

/// Adds invariants; of two with one key the later counts, since snapshots repeat what they inherit.
fn constraints(rule: &mut Rule, value: &Value) {
    for constraint in value.as_array().into_iter().flatten().filter_map(Constraint::of_profile) {
        rule.constraints.retain(|known| known.key != constraint.key);
        rule.constraints.push(constraint);
    }
}

fn slicing(value: &Value) -> Slicing {
    let discriminators = value.get("discriminator").and_then(Value::as_array).into_iter().flatten();
    Slicing {
        discriminators: discriminators
            .map(|one| Discriminator { kind: text(one, "type"), path: text(one, "path") })
            .collect(),
        is_closed: text(value, "rules") == "closed",
        is_open_at_end: text(value, "rules") == "openAtEnd",
        is_ordered: value.get("ordered").and_then(Value::as_bool) == Some(true),
    }
}

/// Gives every slice the child rules of the list that it slices, below its own.
fn inherit(rule: &mut Rule) {
    for index in 0..rule.slices.len() {
        let children = rule.children.clone();
        if let Some(slice) = rule.slices.get_mut(index) {
            for child in children {
                lay_under(child_rule_mut(&mut slice.rule, &child), &child.rule);
            }
        }
    }
    for slice in &mut rule.slices {
        inherit(&mut slice.rule);
    }
    for child in &mut rule.children {
        inherit(&mut child.rule);
    }
}

fn child_rule_mut<'a>(rule: &'a mut Rule, child: &Child) -> &'a mut Rule {
    let name = if child.is_choice { format!("{}[x]", child.name) } else { child.name.clone() };
    child_of(rule, &name)
}

fn lay_under(rule: &mut Rule, below: &Rule) {
    rule.min = rule.min.or(below.min);
    rule.max = rule.max.or(below.max);
    if rule.types.is_empty() {
        rule.types.clone_from(&below.types);
    }
    rule.binding = rule.binding.take().or_else(|| below.binding.clone());
    rule.fixed = rule.fixed.take().or_else(|| below.fixed.clone());
    rule.pattern = rule.pattern.take().or_else(|| below.pattern.clone());
    rule.slicing = rule.slicing.take().or_else(|| below.slicing.clone());
    let is_new = |constraint: &&Constraint| rule.constraints.iter().all(|known| known.key != constraint.key);
    let inherited: Vec<Constraint> = below.constraints.iter().filter(is_new).cloned().collect();
    rule.constraints.extend(inherited);
    for slice in &below.slices {
        lay_under(slice_of(rule, &slice.name), &slice.rule);
    }
    for child in &below.children {
        lay_under(child_rule_mut(rule, child), &child.rule);
    }
}

/// Takes from the base elements what the walk needs to know, and drops what the walk over the base checks anyway.
fn base_on(rule: &mut Rule, elements: &[ElementDef], definitions: &Definitions) {
    for child in &mut rule.children {
        let element = elements.iter().find(|element| element.name == child.name);
        let shortcut = || elements.iter().find(|element| element.is_choice && child.name.starts_with(&element.name));
        let Some(element) = element.or_else(shortcut) else { continue };
        let is_shortcut = element.name != child.name;
        child.rule.min = child.rule.min.filter(|min| is_shortcut || *min > element.min);
        child.rule.max = child.rule.max.filter(|max| element.max.is_none_or(|own| *max < own));
        let types = || element.types.iter().filter(|one| !is_shortcut || element.json_name(&one.code) == child.name);
        child.type_code = match (child.rule.types.as_slice(), types().count()) {
            ([only], _) => Some(only.code.clone()),
            (_, 1) => types().next().map(|one| one.code.clone()),
            _ => None,
        };
        let own = definitions.children(element);
        let backbone = element.content_reference.as_ref().unwrap_or(&element.path);
        child.backbone = (!own.is_empty()).then(|| backbone.clone());
        let elements_of = |code: Option<&str>| {
            let of_type = code.and_then(|code| definitions.type_named(code));
            if own.is_empty() { of_type.map_or(&[][..], |found| &found.elements) } else { own }
        };
        base_on(&mut child.rule, elements_of(child.type_code.as_deref()), definitions);
        base_slices_on(&mut child.rule.slices, child.type_code.as_deref(), &elements_of, definitions);
    }
}

/// Does the same for slices, and for the slices within them; a slice may narrow the type.
fn base_slices_on<'d>(
    slices: &mut [Slice],
    type_code: Option<&str>,
    elements_of: &dyn Fn(Option<&str>) -> &'d [ElementDef],
    definitions: &Definitions,
) {
    for slice in slices {
        let own = if let [only] = slice.rule.types.as_slice() { Some(only.code.clone()) } else { None };
        let code = own.as_deref().or(type_code);
        base_on(&mut slice.rule, elements_of(code), definitions);
        base_slices_on(&mut slice.rule.slices, code, elements_of, definitions);
    }
}
