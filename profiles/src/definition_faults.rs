//! What is wrong with a profile itself: a base that is not there or leads back, elements that its type lacks, rules that contradict
//! each other or what they derive from. <https://hl7.org/fhir/R4/profiling.html#limitations>

use definitions::{Definitions, ElementDef, ProfileDef, TypeKind};
use serde_json::Value;

use crate::differential::without_version;

const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// A profile derives from another, which does so in turn; no real chain is this long.
const CHAIN_LENGTH_MAX: usize = 32;

/// How much a fault of a definition matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gravity {
    /// It contradicts itself or its base, or cannot be read.
    Wrong,
    /// What it builds on is not known here.
    Missing,
    /// It means something all the same.
    Odd,
}

/// What is wrong with a profile or an extension definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionFault {
    /// The id or path of the element at fault; `None` for the definition as a whole.
    pub element: Option<String>,
    /// What is wrong.
    pub text: String,
    /// How much it matters.
    pub gravity: Gravity,
}

impl DefinitionFault {
    pub(crate) fn of_whole(gravity: Gravity, text: impl Into<String>) -> Self {
        Self { element: None, text: text.into(), gravity }
    }

    pub(crate) fn of_element(element: &str, text: impl Into<String>) -> Self {
        Self { element: Some(element.to_owned()), text: text.into(), gravity: Gravity::Wrong }
    }
}

impl std::fmt::Display for DefinitionFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.element {
            Some(element) => write!(formatter, "element `{element}`: {}", self.text),
            None => formatter.write_str(&self.text),
        }
    }
}

/// Lists the faults of a definition that show without what it inherits.
pub(crate) fn faults(definition: &ProfileDef, definitions: &Definitions) -> Vec<DefinitionFault> {
    let mut faults: Vec<DefinitionFault> = base_fault(definition, definitions).into_iter().collect();
    if definition.kind == "logical" {
        return faults;
    }
    if definitions.type_named(&definition.type_name).is_none() {
        let text = format!("its type `{}` is not a type of FHIR R4", definition.type_name);
        faults.push(DefinitionFault::of_whole(Gravity::Wrong, text));
        return faults;
    }
    for element in &definition.differential {
        let Some(path) = element.get("path").and_then(Value::as_str) else {
            faults.push(DefinitionFault::of_whole(Gravity::Wrong, "an element has no `path`"));
            continue;
        };
        faults.extend(
            element_fault(element, path, definition, definitions).map(|fault| DefinitionFault::of_element(path, fault)),
        );
    }
    faults
}

fn base_fault(definition: &ProfileDef, definitions: &Definitions) -> Option<DefinitionFault> {
    let wrong = |text: String| Some(DefinitionFault::of_whole(Gravity::Wrong, text));
    let mut current = definition;
    for _ in 0..CHAIN_LENGTH_MAX {
        let base = current.base.as_deref().map(without_version)?;
        if base == definition.url {
            return wrong(format!("it derives from itself, by way of `{}`", current.url));
        }
        match definitions.profile(base) {
            Some(next) if next.type_name != definition.type_name => {
                return wrong(format!(
                    "it is for `{}`, its base `{base}` for `{}`",
                    definition.type_name, next.type_name
                ));
            }
            Some(next) => current = next,
            None => match base.strip_prefix(BASE).filter(|name| definitions.type_named(name).is_some()) {
                Some(name) if !definitions.is_subtype(&definition.type_name, name) => {
                    return wrong(format!("it is for `{}`, its base is `{name}`", definition.type_name));
                }
                Some(_) => return None,
                None => {
                    let text = format!("its base `{base}` is not known here, so what that asks is not checked");
                    return Some(DefinitionFault::of_whole(Gravity::Missing, text));
                }
            },
        }
    }
    wrong("its chain of bases is circular or too long".to_owned())
}

fn element_fault(element: &Value, path: &str, definition: &ProfileDef, definitions: &Definitions) -> Option<String> {
    let min = element.get("min").and_then(Value::as_u64);
    let max = element.get("max").and_then(Value::as_str);
    let max_number = max.and_then(|max| max.parse::<u64>().ok());
    if max.is_some_and(|max| max != "*") && max_number.is_none() {
        return Some("`max` is neither a number nor `*`".to_owned());
    }
    if let (Some(min), Some(max)) = (min, max_number)
        && min > max
    {
        return Some(format!("`min` is {min}, above `max`, which is {max}"));
    }
    let (type_name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    if type_name != definition.type_name {
        return Some(format!("the path does not start with `{}`", definition.type_name));
    }
    let Some(rest) = rest else {
        return element.get("slicing").map(|_| "the root of a profile cannot be sliced".to_owned());
    };
    let types = &definitions.type_named(type_name)?.elements;
    let base = find(types, rest, definitions)?;
    let base = match base {
        Ok(base) => base,
        Err(name) => return Some(format!("there is no `{name}`")),
    };
    // A slice may have fewer than the whole list must have.
    let is_slice = element.get("sliceName").is_some();
    match (base.max, max_number, max) {
        (Some(own), Some(max), _) if max > u64::from(own) => Some(format!("`max` is {max}, the base allows {own}")),
        (Some(own), None, Some("*")) => Some(format!("`max` is `*`, the base allows {own}")),
        _ => match min {
            Some(min) if !is_slice && min < u64::from(base.min) => {
                Some(format!("`min` is {min}, the base requires {}", base.min))
            }
            _ => None,
        },
    }
}

/// Finds the base element of a path; an error names the part that is not there, and `None` is where only an instance can tell.
pub(crate) fn find<'d>(
    elements: &'d [ElementDef],
    path: &str,
    definitions: &'d Definitions,
) -> Option<Result<&'d ElementDef, String>> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let plain = name.split(':').next().unwrap_or(name).trim_end_matches("[x]");
    let is_it = |element: &&ElementDef| {
        element.name == plain
            || (element.is_choice && element.types.iter().any(|one| element.json_name(&one.code) == plain))
    };
    let Some(element) = elements.iter().find(is_it) else { return Some(Err(plain.to_owned())) };
    let Some(rest) = rest else { return Some(Ok(element)) };
    let own = definitions.children(element);
    if !own.is_empty() {
        return find(own, rest, definitions);
    }
    let types = element.types.iter().filter(|one| element.name == plain || element.json_name(&one.code) == plain);
    let types: Vec<&str> = types.map(|one| one.code.as_str()).collect();
    match types.as_slice() {
        // Which resource it is, a type in the differential tells.
        ["Resource"] => None,
        [one] => {
            let of_type = definitions.type_named(one)?;
            // The value of a primitive is of a type of FHIRPath, in which nothing is looked for.
            let is_value = of_type.kind == TypeKind::Primitive && rest.split('.').next() == Some("value");
            if is_value { None } else { find(&of_type.elements, rest, definitions) }
        }
        _ => None,
    }
}
