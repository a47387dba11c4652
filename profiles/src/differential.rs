//! Merges a chain of differentials into one sparse tree of rules: <https://hl7.org/fhir/R4/profiling.html>.
//!
//! A snapshot would repeat the whole base type, which the walk over the base checks anyway; so only the additions are kept.

use definitions::{BindingStrength, Definitions, ElementDef, ProfileDef};
use serde_json::Value;

use crate::rule::{
    Binding, Child, Constraint, Discriminator, Rule, Slice, SliceTest, SliceTestKind, Slicing, TypeRule,
};

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
    set_tests(&mut root);
    if let Some(type_def) = definitions.type_named(type_name) {
        base_on(&mut root, &type_def.elements, definitions);
    }
    root
}

/// Gives the id, or makes one of path and slice name for definitions that leave ids out.
fn element_id(element: &Value) -> Option<String> {
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
        if let Some(slice) = slice {
            rule = slice_of(rule, slice);
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
        rule.children.push(Child { name, shadow_name, is_choice, type_code: None, rule: Rule::default() });
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
            "min" => rule.min = value.as_u64().and_then(|min| u32::try_from(min).ok()),
            "max" => rule.max = value.as_str().and_then(|max| max.parse().ok()).or(rule.max),
            "type" => rule.types = value.as_array().into_iter().flatten().map(type_rule).collect(),
            "binding" => rule.binding = binding(value).or(rule.binding.take()),
            "slicing" => rule.slicing = Some(slicing(value)),
            "constraint" => rule.constraints.extend(value.as_array().into_iter().flatten().filter_map(constraint)),
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
    }
}

fn binding(value: &Value) -> Option<Binding> {
    let value_set = value.get("valueSet")?.as_str()?;
    let strength = match value.get("strength")?.as_str()? {
        "required" => BindingStrength::Required,
        "extensible" => BindingStrength::Extensible,
        "preferred" => BindingStrength::Preferred,
        _ => BindingStrength::Example,
    };
    Some(Binding { strength, value_set: without_version(value_set).to_owned() })
}

fn constraint(value: &Value) -> Option<Constraint> {
    let expression = value.get("expression")?.as_str()?.to_owned();
    Some(Constraint { key: text(value, "key"), is_error: text(value, "severity") == "error", expression })
}

fn slicing(value: &Value) -> Slicing {
    let discriminators = value.get("discriminator").and_then(Value::as_array).into_iter().flatten();
    Slicing {
        discriminators: discriminators
            .map(|one| Discriminator { kind: text(one, "type"), path: text(one, "path") })
            .collect(),
        is_closed: text(value, "rules") == "closed",
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
    rule.constraints.extend(below.constraints.iter().cloned());
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
        let of_type = child.type_code.as_ref().and_then(|code| definitions.type_named(code));
        let below = if own.is_empty() { of_type.map_or(&[][..], |found| &found.elements) } else { own };
        base_on(&mut child.rule, below, definitions);
        for slice in &mut child.rule.slices {
            base_on(&mut slice.rule, below, definitions);
        }
    }
}

/// Works out, for each slice, which values of its discriminators make an item its own.
fn set_tests(rule: &mut Rule) {
    let discriminators = rule.slicing.as_ref().map(|slicing| slicing.discriminators.clone()).unwrap_or_default();
    for slice in &mut rule.slices {
        slice.tests = tests_of(&slice.rule, &discriminators);
        set_tests(&mut slice.rule);
    }
    for child in &mut rule.children {
        set_tests(&mut child.rule);
    }
}

fn tests_of(slice: &Rule, discriminators: &[Discriminator]) -> Option<Vec<SliceTest>> {
    // An extension's profile is its url, and extensions are sliced by url whether a definition says so or not.
    let profile = slice.types.iter().find(|one| one.code == "Extension").and_then(|one| one.profiles.first());
    if let Some(url) = profile {
        let kind = SliceTestKind::Fixed(Value::String(url.clone()));
        return Some(vec![SliceTest { path: vec!["url".to_owned()], kind }]);
    }
    if discriminators.is_empty() {
        let url = Discriminator { kind: "value".to_owned(), path: "url".to_owned() };
        return value_test(slice, &url).map(|test| vec![test]);
    }
    let tests: Option<Vec<SliceTest>> = discriminators.iter().map(|one| test_of(slice, one)).collect();
    // A type test on the item itself tells slices apart only where the item is a choice.
    tests.filter(|tests| !tests.is_empty())
}

fn test_of(slice: &Rule, discriminator: &Discriminator) -> Option<SliceTest> {
    match discriminator.kind.as_str() {
        "value" | "pattern" => value_test(slice, discriminator),
        "exists" => {
            let path = split_path(&discriminator.path)?;
            let rule = path.iter().try_fold(slice, |rule, name| rule.child(name))?;
            let kind = if rule.max == Some(0) { SliceTestKind::Absent } else { SliceTestKind::Exists };
            Some(SliceTest { path, kind })
        }
        "type" => {
            let path = split_path(&discriminator.path)?;
            let rule = path.iter().try_fold(slice, |rule, name| rule.child(name))?;
            let types: Vec<String> = rule.types.iter().map(|one| one.code.clone()).collect();
            (!types.is_empty()).then_some(SliceTest { path, kind: SliceTestKind::Type(types) })
        }
        _ => None,
    }
}

/// Finds the value that the slice demands at the path, or on the way to it.
fn value_test(slice: &Rule, discriminator: &Discriminator) -> Option<SliceTest> {
    let names = split_path(&discriminator.path)?;
    let mut rule = slice;
    let mut path = Vec::new();
    for name in names {
        if let Some(kind) = demanded_value(rule) {
            return Some(SliceTest { path, kind });
        }
        rule = rule.child(&name)?;
        path.push(name);
    }
    let binding = || rule.binding.as_ref().filter(|binding| binding.strength == BindingStrength::Required);
    let kind = demanded_value(rule).or_else(|| Some(SliceTestKind::MemberOf(binding()?.value_set.clone())))?;
    Some(SliceTest { path, kind })
}

fn demanded_value(rule: &Rule) -> Option<SliceTestKind> {
    let fixed = rule.fixed.clone().map(SliceTestKind::Fixed);
    fixed.or_else(|| rule.pattern.clone().map(SliceTestKind::Pattern))
}

/// Splits a discriminator path of plain names; paths with functions are left to full FHIRPath.
fn split_path(path: &str) -> Option<Vec<String>> {
    if path == "$this" {
        return Some(Vec::new());
    }
    if path.contains('(') {
        return None;
    }
    Some(path.split('.').map(str::to_owned).collect())
}
