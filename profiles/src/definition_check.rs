//! A profile held against what it derives from: it may narrow that, and neither widen nor contradict it.
//! <https://hl7.org/fhir/R4/profiling.html#limitations>

use definitions::{BindingStrength, Definitions, ElementDef, ProfileDef};
use fhirpath::Expression;
use serde_json::Value;

use crate::definition_faults::{DefinitionFault, Gravity, faults, find};
use crate::differential::{element_id, merge};
use crate::profile_table::chain;
use crate::rule::Rule;
use crate::slice_test::steps;

const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";
/// Where the names of the types begin that ids and urls have.
const SYSTEM: &str = "http://hl7.org/fhirpath/";
const DISCRIMINATORS: [&str; 5] = ["value", "exists", "pattern", "type", "profile"];

/// Lists what is wrong with a profile or an extension definition, held against its base; `definitions` need not hold it itself.
#[must_use]
pub fn definition_faults(definition: &ProfileDef, definitions: &Definitions) -> Vec<DefinitionFault> {
    let mut found = faults(definition, definitions);
    let is_lost = |fault: &DefinitionFault| fault.element.is_none() && fault.gravity != Gravity::Odd;
    let is_alone = definition.kind == "logical" || found.iter().any(is_lost);
    found.extend(unread_rules(&definition.differential));
    found.extend(unread_context(definition));
    if is_alone {
        return found;
    }
    let chain = chain(definition, definitions);
    let (_, ancestors) = chain.split_last().unwrap_or((&definition, &[]));
    let check = Check {
        definitions,
        definition,
        whole: merge(&chain, &definition.type_name, definitions),
        base: merge(ancestors, &definition.type_name, definitions),
    };
    for element in &definition.differential {
        check.element(element, &mut found);
    }
    found
}

/// Lists the invariants of elements whose expressions cannot be read.
pub(crate) fn unread_rules<'d>(elements: impl IntoIterator<Item = &'d Value>) -> Vec<DefinitionFault> {
    let of_element = |element: &Value| {
        let id = element_id(element).unwrap_or_default();
        let unread = list(element, "constraint").filter_map(constraint);
        unread.map(|text| DefinitionFault::of_element(&id, text)).collect::<Vec<_>>()
    };
    elements.into_iter().flat_map(of_element).collect()
}

/// Lists the expressions on where an extension may stand that cannot be read.
fn unread_context(definition: &ProfileDef) -> impl Iterator<Item = DefinitionFault> {
    let contexts = definition.context.iter().filter(|context| context.kind == "fhirpath");
    let expressions = contexts.map(|context| &context.expression).chain(&definition.context_invariant);
    expressions.filter_map(|expression| {
        let reason = Expression::parse(expression).err()?;
        Some(DefinitionFault::of_whole(
            Gravity::Wrong,
            format!("`{expression}`, which tells where it may stand, cannot be read: {reason}"),
        ))
    })
}

struct Check<'d> {
    definitions: &'d Definitions,
    definition: &'d ProfileDef,
    /// The definition with what it inherits.
    whole: Rule,
    /// What it inherits.
    base: Rule,
}

impl<'d> Check<'d> {
    fn element(&self, element: &Value, found: &mut Vec<DefinitionFault>) {
        let (Some(id), Some(path)) = (element_id(element), element.get("path").and_then(Value::as_str)) else { return };
        let mut say = |fault: Option<String>| found.extend(fault.map(|text| DefinitionFault::of_element(&id, text)));
        if let Some(slicing) = element.get("slicing") {
            list(slicing, "discriminator").for_each(|one| say(discriminator(one)));
        }
        let rest = path.split_once('.').map(|(_, rest)| rest);
        let Some(rest) = rest else { return };
        let types = self.definitions.type_named(&self.definition.type_name).map_or(&[][..], |found| &found.elements);
        let Some(Ok(base)) = find(types, rest, self.definitions) else { return };
        let inherited = rule_at(&self.base, &id);
        let name = rest.rsplit('.').next().unwrap_or(rest);
        let allowed = allowed(base, inherited, name);
        if let Some(inherited) = inherited {
            say(counts(element, inherited));
        }
        list(element, "type").for_each(|one| say(self.of_type(one, &allowed)));
        say(values(element, base, inherited));
        let own: Vec<&str> = list(element, "type").filter_map(|one| text(one, "code")).collect();
        say(self.kind_of_value(element, if own.is_empty() { &allowed } else { &own }));
        say(binding(element, base, inherited));
        let mut odd = |text: String| {
            found.push(DefinitionFault { gravity: Gravity::Odd, ..DefinitionFault::of_element(&id, text) });
        };
        // Profiles of R4 itself have such slices.
        self.unsliced(element, &id, base).into_iter().for_each(&mut odd);
        for url in list(element, "type").flat_map(|one| list(one, "profile")).filter_map(Value::as_str) {
            let is_type = url.strip_prefix(BASE).is_some_and(|name| self.definitions.type_named(name).is_some());
            if !is_type && self.definitions.profile(url).is_none() && !url.starts_with('#') {
                odd(format!("profile `{url}` is not known here, so what it asks is not checked"));
            }
        }
    }

    fn of_type(&self, one: &Value, allowed: &[&str]) -> Option<String> {
        let code = text(one, "code")?;
        if code.starts_with(SYSTEM) {
            return None;
        }
        if self.definitions.type_named(code).is_none() {
            return Some(format!("its type `{code}` is not a type of FHIR R4"));
        }
        let is_backbone = |name: &str| matches!(name, "Element" | "BackboneElement");
        let is_it = |own: &&str| {
            own.starts_with(SYSTEM) || self.definitions.is_subtype(code, own) || (is_backbone(own) && is_backbone(code))
        };
        (!allowed.is_empty() && !allowed.iter().any(is_it))
            .then(|| format!("its type `{code}` is not one that the base allows: {}", allowed.join(", ")))
    }

    /// A slice of a list that nothing slices.
    fn unsliced(&self, element: &Value, id: &str, base: &ElementDef) -> Option<String> {
        let name = text(element, "sliceName")?;
        // The types of a choice slice it, and urls extensions; slices within slices are told by the slice around them.
        if base.is_choice || base.types.iter().any(|one| one.code == "Extension") || name.contains('/') {
            return None;
        }
        let list = rule_at(&self.whole, id.strip_suffix(name)?.strip_suffix(':')?)?;
        list.slicing.is_none().then(|| format!("slice `{name}` of a list that is not sliced"))
    }

    /// A fixed value or a pattern of another type than the element.
    fn kind_of_value(&self, element: &Value, types: &[&str]) -> Option<String> {
        let (key, kind, _) = demanded(element)?;
        let is_same = |own: &&str| {
            own.starts_with(SYSTEM)
                || own.eq_ignore_ascii_case(kind)
                || self.definitions.is_subtype(own, kind)
                || self.definitions.is_subtype(kind, own)
        };
        (!types.is_empty() && !types.iter().any(is_same))
            .then(|| format!("`{key}` does not fit its type, {}", types.join(" or ")))
    }
}

/// The types that the base allows an element.
fn allowed<'r>(base: &'r ElementDef, inherited: Option<&'r Rule>, name: &str) -> Vec<&'r str> {
    let of_rule: Vec<&str> = inherited.iter().flat_map(|rule| &rule.types).map(|one| one.code.as_str()).collect();
    if !of_rule.is_empty() {
        return of_rule;
    }
    let is_it =
        |code: &str| !base.is_choice || name.trim_end_matches("[x]") == base.name || base.json_name(code) == name;
    base.types.iter().map(|one| one.code.as_str()).filter(|code| is_it(code)).collect()
}

fn counts(element: &Value, inherited: &Rule) -> Option<String> {
    let min = element.get("min").and_then(Value::as_u64);
    let max = text(element, "max");
    if let (Some(own), Some(base)) = (max, inherited.max)
        && own.parse::<u64>().map_or(own == "*", |own| own > u64::from(base))
    {
        return Some(format!("`max` is {own}, the base allows {base}"));
    }
    let (own, base) = (min?, inherited.min?);
    (own < u64::from(base)).then(|| format!("`min` is {own}, the base requires {base}"))
}

fn values(element: &Value, base: &ElementDef, inherited: Option<&Rule>) -> Option<String> {
    let (key, _, own) = demanded(element)?;
    let fixed = inherited.and_then(|rule| rule.fixed.as_ref()).or(base.fixed.as_ref());
    let pattern = inherited.and_then(|rule| rule.pattern.as_ref()).or(base.pattern.as_ref());
    let is_kept = match (fixed, pattern, key.starts_with("fixed")) {
        (Some(fixed), _, true) => fixed == own,
        (Some(fixed), _, false) => covers(own, fixed),
        (None, Some(pattern), true) => covers(pattern, own),
        _ => true,
    };
    (!is_kept).then(|| format!("`{key}` contradicts what the base fixes"))
}

/// Says whether a value has all that a pattern asks for.
fn covers(pattern: &Value, value: &Value) -> bool {
    match (pattern, value) {
        (Value::Object(pattern), Value::Object(value)) => {
            pattern.iter().all(|(name, wanted)| value.get(name).is_some_and(|own| covers(wanted, own)))
        }
        (Value::Array(pattern), Value::Array(value)) => {
            pattern.iter().all(|wanted| value.iter().any(|own| covers(wanted, own)))
        }
        _ => pattern == value,
    }
}

fn binding(element: &Value, base: &ElementDef, inherited: Option<&Rule>) -> Option<String> {
    let own = text(element.get("binding")?, "strength")?;
    let of_rule = inherited.and_then(|rule| rule.binding.as_ref()).map(|binding| binding.strength);
    let strength = of_rule.or(base.binding.as_ref().map(|binding| binding.strength));
    (strength == Some(BindingStrength::Required) && own != "required")
        .then(|| format!("its binding is `{own}`, that of the base is `required`"))
}

fn constraint(one: &Value) -> Option<String> {
    let reason = Expression::parse(text(one, "expression")?).err()?;
    Some(format!("the rule `{}` cannot be read: {reason}", text(one, "key").unwrap_or_default()))
}

fn discriminator(one: &Value) -> Option<String> {
    let (kind, path) = (text(one, "type")?, text(one, "path")?);
    if !DISCRIMINATORS.contains(&kind) {
        return Some(format!("`{kind}` is not a kind of discriminator"));
    }
    steps(path).is_none().then(|| format!("the discriminator `{path}` cannot be read"))
}

/// The fixed value or pattern of an element: its key, its type, itself.
fn demanded(element: &Value) -> Option<(&str, &str, &Value)> {
    let members = element.as_object()?.iter();
    members
        .filter_map(|(key, value)| {
            let kind = key.strip_prefix("fixed").or_else(|| key.strip_prefix("pattern"))?;
            kind.starts_with(char::is_uppercase).then_some((key.as_str(), kind, value))
        })
        .next()
}

/// Finds the rule of an element by its id.
fn rule_at<'r>(root: &'r Rule, id: &str) -> Option<&'r Rule> {
    id.split('.').skip(1).try_fold(root, |rule, segment| {
        let (name, slice) = segment.split_once(':').map_or((segment, None), |(name, slice)| (name, Some(slice)));
        let mut found = rule.child(name.trim_end_matches("[x]"))?;
        if let Some(slice) = slice {
            let ends = slice.match_indices('/').map(|(end, _)| end).chain([slice.len()]);
            for end in ends {
                found =
                    found.slices.iter().find(|one| Some(one.name.as_str()) == slice.get(..end)).map(|one| &one.rule)?;
            }
        }
        Some(found)
    })
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
