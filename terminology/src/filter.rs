//! Filters on the codes of a code system: <https://hl7.org/fhir/R4/valueset-filter-operator.html>.

use definitions::{CodeSystemDef, ConceptDef, FilterDef};
use regex::{Regex, RegexBuilder};

/// Memory that a regular expression may take once compiled.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// A filter that is understood.
#[derive(Debug)]
pub(crate) struct Filter<'f> {
    property: &'f str,
    op: Op<'f>,
}

#[derive(Debug)]
enum Op<'f> {
    Equal(&'f str),
    In(Vec<&'f str>),
    NotIn(Vec<&'f str>),
    Matches(Regex),
    Exists(bool),
    IsA(&'f str),
    DescendentOf(&'f str),
    IsNotA(&'f str),
    Generalizes(&'f str),
}

/// Compiles a regular expression for whole values; the engine takes time linear in the text, whatever the expression is.
pub(crate) fn compile(text: &str) -> Option<Regex> {
    RegexBuilder::new(&format!("^(?:{text})$")).size_limit(REGEX_BYTES_MAX).build().ok()
}

/// The first filter on a property that no code of a complete system can have.
pub(crate) fn without_property<'f>(definitions: &'f [FilterDef], system: &CodeSystemDef) -> Option<&'f FilterDef> {
    definitions.iter().find(|one| system.is_complete() && !system.has_property(&one.property))
}

impl<'f> Filter<'f> {
    /// Reads a filter; `None` when it is not one of R4 or its value makes no sense.
    fn new(definition: &'f FilterDef, compile: &mut dyn FnMut(&str) -> Option<Regex>) -> Option<Self> {
        let (property, value) = (definition.property.as_str(), definition.value.as_str());
        let is_code = matches!(property, "concept" | "code");
        let listed = || value.split(',').map(str::trim).collect();
        let op = match definition.op.as_str() {
            "=" => Op::Equal(value),
            "in" => Op::In(listed()),
            "not-in" => Op::NotIn(listed()),
            "regex" => Op::Matches(compile(value)?),
            "exists" => Op::Exists(value.parse().ok()?),
            "is-a" if is_code => Op::IsA(value),
            "descendent-of" if is_code => Op::DescendentOf(value),
            "is-not-a" if is_code => Op::IsNotA(value),
            "generalizes" if is_code => Op::Generalizes(value),
            _ => return None,
        };
        Some(Self { property, op })
    }

    /// Reads all filters of a part, or says which is not understood.
    pub(crate) fn all(
        definitions: &'f [FilterDef],
        compile: &mut dyn FnMut(&str) -> Option<Regex>,
    ) -> Result<Vec<Self>, &'f FilterDef> {
        definitions.iter().map(|one| Self::new(one, compile).ok_or(one)).collect()
    }

    /// Says whether a concept of the system passes.
    pub(crate) fn passes(&self, system: &CodeSystemDef, concept: &ConceptDef) -> bool {
        let code = concept.code.as_str();
        match &self.op {
            Op::IsA(root) => system.is_a(code, root),
            Op::DescendentOf(root) => system.is_a(code, root) && !system.is_same(code, root),
            Op::IsNotA(root) => !system.is_a(code, root),
            Op::Generalizes(leaf) => system.is_a(leaf, code),
            Op::Equal(wanted) => self.values(system, concept).iter().any(|value| value == wanted),
            Op::In(wanted) => self.values(system, concept).iter().any(|value| wanted.contains(&value.as_str())),
            Op::NotIn(wanted) => !self.values(system, concept).iter().any(|value| wanted.contains(&value.as_str())),
            Op::Matches(regex) => self.values(system, concept).iter().any(|value| regex.is_match(value)),
            Op::Exists(wanted) => *wanted != self.values(system, concept).is_empty(),
        }
    }

    fn values(&self, system: &CodeSystemDef, concept: &ConceptDef) -> Vec<String> {
        let own = || concept.properties.iter().filter(|one| one.code == self.property);
        match self.property {
            "concept" | "code" => vec![concept.code.clone()],
            "display" => concept.display.iter().cloned().collect(),
            "parent" => concept.parents.clone(),
            "child" => system.children(&concept.code).map(|child| child.code.clone()).collect(),
            "inactive" if own().next().is_none() => vec![concept.is_inactive.to_string()],
            "notSelectable" if own().next().is_none() => vec![concept.is_abstract.to_string()],
            _ => own().map(definitions::PropertyDef::text).collect(),
        }
    }
}
