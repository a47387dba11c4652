//! What makes an item belong to a slice, worked out from the discriminators: <https://hl7.org/fhir/R4/profiling.html#discriminator>.

use definitions::{BindingStrength, Definitions};
use serde_json::Value;

use crate::differential::without_version;
use crate::rule::{Discriminator, Rule, SliceTest, SliceTestKind, Step};

/// Profiles on the way to a discriminator's element may lead to further profiles; no real one does so this often.
const PROFILE_DEPTH_MAX: u32 = 8;

/// Works out, for each slice, which values of its discriminators make an item its own.
pub(crate) fn set_tests(rule: &mut Rule, definitions: &Definitions) {
    let discriminators = rule.slicing.as_ref().map(|slicing| slicing.discriminators.clone()).unwrap_or_default();
    for slice in &mut rule.slices {
        slice.tests = tests_of(&slice.rule, &discriminators, definitions);
        set_tests(&mut slice.rule, definitions);
    }
    for child in &mut rule.children {
        set_tests(&mut child.rule, definitions);
    }
}

fn tests_of(slice: &Rule, discriminators: &[Discriminator], definitions: &Definitions) -> Option<Vec<SliceTest>> {
    // An extension's profile is its url, and extensions are sliced by url whether a definition says so or not.
    let profile = slice.types.iter().find(|one| one.code == "Extension").and_then(|one| one.profiles.first());
    if let Some(url) = profile {
        let kind = SliceTestKind::Fixed(Value::String(url.clone()));
        return Some(vec![SliceTest { path: vec![Step::Child("url".to_owned())], kind }]);
    }
    if discriminators.is_empty() {
        let url = Discriminator { kind: "value".to_owned(), path: "url".to_owned() };
        let by_type = || {
            let kind = SliceTestKind::Type(slice.types.iter().map(|one| one.code.clone()).collect());
            (!slice.types.is_empty()).then_some(SliceTest { path: Vec::new(), kind })
        };
        return test_of(slice, &url, definitions).or_else(by_type).map(|test| vec![test]);
    }
    // Of several discriminators some may say nothing of this slice; those that do tell it.
    let tests: Vec<SliceTest> = discriminators.iter().filter_map(|one| test_of(slice, one, definitions)).collect();
    (!tests.is_empty()).then_some(tests)
}

fn test_of(slice: &Rule, discriminator: &Discriminator, definitions: &Definitions) -> Option<SliceTest> {
    let steps = steps(&discriminator.path)?;
    match discriminator.kind.as_str() {
        "value" | "pattern" => value_test(slice, &steps, definitions, 0),
        "exists" => {
            let rule = walk(slice, &steps)?;
            let kind = match (rule.max, rule.min) {
                (Some(0), _) => SliceTestKind::Absent,
                (_, Some(1..)) => SliceTestKind::Exists,
                _ => return None,
            };
            Some(SliceTest { path: steps, kind })
        }
        "type" => type_test(slice, steps),
        "profile" => {
            let profiles = profiles_at(slice, &steps);
            (!profiles.is_empty()).then_some(SliceTest { path: steps, kind: SliceTestKind::Profile(profiles) })
        }
        _ => None,
    }
}

fn walk<'r>(rule: &'r Rule, steps: &[Step]) -> Option<&'r Rule> {
    steps.iter().try_fold(rule, |rule, step| match step {
        Step::Child(name) => rule.child(name),
        Step::Extension(url) => extension_slice(rule, url),
        Step::OfType(_) => Some(rule),
        Step::Resolve => None,
    })
}

fn extension_slice<'r>(rule: &'r Rule, url: &str) -> Option<&'r Rule> {
    let slices = &rule.child("extension")?.slices;
    let is_it = |slice: &&crate::rule::Slice| {
        slice.rule.types.iter().flat_map(|one| &one.profiles).any(|profile| without_version(profile) == url)
    };
    slices.iter().find(is_it).map(|slice| &slice.rule)
}

/// The type that the slice asks for at the path; after `resolve()` that of the targets.
fn type_test(slice: &Rule, steps: Vec<Step>) -> Option<SliceTest> {
    let codes = match steps.split_last() {
        Some((Step::Resolve, before)) => {
            let targets = walk(slice, before)?.types.iter().flat_map(|one| &one.target_profiles);
            targets.filter_map(|url| url.rsplit('/').next()).map(str::to_owned).collect()
        }
        _ => walk(slice, &steps)?.types.iter().map(|one| one.code.clone()).collect::<Vec<_>>(),
    };
    (!codes.is_empty()).then_some(SliceTest { path: steps, kind: SliceTestKind::Type(codes) })
}

fn profiles_at(slice: &Rule, steps: &[Step]) -> Vec<String> {
    let profiles = match steps.split_last() {
        Some((Step::Resolve, before)) => walk(slice, before)
            .map(|rule| rule.types.iter().flat_map(|one| &one.target_profiles).cloned().collect::<Vec<_>>()),
        _ => walk(slice, steps).map(|rule| rule.types.iter().flat_map(|one| &one.profiles).cloned().collect()),
    };
    profiles.unwrap_or_default()
}

/// Finds the value that the slice demands at the path, or on the way to it.
fn value_test(slice: &Rule, steps: &[Step], definitions: &Definitions, depth: u32) -> Option<SliceTest> {
    let mut rule = slice;
    let mut path = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        if let Some(kind) = demanded_value(rule) {
            return Some(SliceTest { path, kind });
        }
        let next = match step {
            Step::Child(name) => rule.child(name),
            Step::Extension(url) => extension_slice(rule, url),
            Step::OfType(_) => Some(rule),
            Step::Resolve => None,
        };
        let rest = steps.get(index..).unwrap_or_default();
        let Some(next) = next else { return test_of_profile(rule, path, rest, definitions, depth) };
        path.push(step.clone());
        rule = next;
    }
    let found = demanded_value(rule).or_else(|| demanded_binding(rule)).or_else(|| demanded_parts(rule));
    match found {
        Some(kind) => Some(SliceTest { path, kind }),
        None => test_of_profile(rule, path, &[], definitions, depth),
    }
}

/// Looks on in the profile that the slice asks of the element, or of the target of the reference.
fn test_of_profile(
    rule: &Rule,
    mut path: Vec<Step>,
    rest: &[Step],
    definitions: &Definitions,
    depth: u32,
) -> Option<SliceTest> {
    let mut types = rule.types.iter();
    let (url, rest) = match rest.split_first() {
        Some((Step::Resolve, after)) => {
            path.push(Step::Resolve);
            (types.find_map(|one| one.target_profiles.first())?, after)
        }
        _ => (types.find_map(|one| one.profiles.first())?, rest),
    };
    if depth >= PROFILE_DEPTH_MAX {
        return None;
    }
    let root = crate::profile_table::merged(without_version(url), definitions)?;
    let found = value_test(&root, rest, definitions, depth + 1)?;
    path.extend(found.path);
    Some(SliceTest { path, kind: found.kind })
}

fn demanded_value(rule: &Rule) -> Option<SliceTestKind> {
    let fixed = rule.fixed.clone().map(SliceTestKind::Fixed);
    fixed.or_else(|| rule.pattern.clone().map(SliceTestKind::Pattern))
}

fn demanded_binding(rule: &Rule) -> Option<SliceTestKind> {
    let binding = rule.binding.as_ref().filter(|binding| binding.strength == BindingStrength::Required)?;
    Some(SliceTestKind::MemberOf(binding.value_set.clone()))
}

/// Gathers what the slice fixes below the discriminator's element, as `coding.system` of a CodeableConcept.
fn demanded_parts(rule: &Rule) -> Option<SliceTestKind> {
    let mut parts = Vec::new();
    gather(rule, &mut Vec::new(), &mut parts);
    (!parts.is_empty()).then_some(SliceTestKind::All(parts))
}

fn gather(rule: &Rule, path: &mut Vec<Step>, parts: &mut Vec<SliceTest>) {
    for child in &rule.children {
        path.push(Step::Child(child.name.clone()));
        match demanded_value(&child.rule) {
            Some(kind) => parts.push(SliceTest { path: path.clone(), kind }),
            None => gather(&child.rule, path, parts),
        }
        path.pop();
    }
}

/// Splits a discriminator path into its steps; `None` for functions that discriminators may not use.
pub(crate) fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let end = rest.find(['.', '(']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if let Some(arguments) = after.strip_prefix('(') {
            let (argument, after) = arguments.split_once(')')?;
            let argument = argument.trim().trim_matches(['\'', '"']).to_owned();
            steps.push(match name {
                "resolve" => Step::Resolve,
                "ofType" => Step::OfType(argument),
                "extension" => Step::Extension(argument),
                _ => return None,
            });
            rest = after.strip_prefix('.').unwrap_or(after);
        } else {
            if name != "$this" {
                steps.push(Step::Child(name.trim_end_matches("[x]").to_owned()));
            }
            rest = after.strip_prefix('.').unwrap_or(after);
        }
    }
    Some(steps)
}
