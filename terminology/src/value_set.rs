//! A value set compiled to sets of codes: <https://hl7.org/fhir/R4/valueset.html#composition>.

use std::collections::HashSet;

use definitions::{CodeSystemDef, Definitions, FilterDef, IncludeDef, ValueSetDef};

/// A value set, ready to be asked.
#[derive(Debug)]
pub(crate) struct CompiledSet {
    pub(crate) include: Vec<Part>,
    pub(crate) exclude: Vec<Part>,
}

/// One `include` or `exclude`: a code must satisfy both fields.
#[derive(Debug)]
pub(crate) struct Part {
    /// The system and which of its codes.
    pub(crate) codes: Option<(String, Codes)>,
    /// The value sets in all of which the code must be.
    pub(crate) value_sets: Vec<String>,
}

/// Which codes of a system belong.
#[derive(Debug)]
pub(crate) enum Codes {
    /// Those listed; lower-cased where the system does not tell case apart.
    Listed { codes: HashSet<Box<str>>, folds_case: bool },
    /// Those that the system's grammar accepts.
    Grammar,
    /// Some are known to belong; of others it cannot be told here.
    Open { known: HashSet<Box<str>> },
}

impl CompiledSet {
    /// Compiles a value set; what cannot be enumerated stays open.
    pub(crate) fn new(definition: &ValueSetDef, definitions: &Definitions) -> Self {
        let compile = |parts: &[IncludeDef]| parts.iter().map(|part| Part::new(part, definitions)).collect();
        if definition.include.is_empty() && !definition.expansion.is_empty() {
            return Self { include: expansion_parts(definition), exclude: Vec::new() };
        }
        Self { include: compile(&definition.include), exclude: compile(&definition.exclude) }
    }
}

fn expansion_parts(definition: &ValueSetDef) -> Vec<Part> {
    let mut systems: Vec<(String, HashSet<Box<str>>)> = Vec::new();
    for concept in &definition.expansion {
        let code = Box::from(concept.code.as_str());
        match systems.iter_mut().find(|(system, _)| *system == concept.system) {
            Some((_, codes)) => {
                codes.insert(code);
            }
            None => systems.push((concept.system.clone(), HashSet::from([code]))),
        }
    }
    let parts = systems.into_iter().map(|(system, codes)| Part {
        codes: Some((system, Codes::Listed { codes, folds_case: false })),
        value_sets: Vec::new(),
    });
    parts.collect()
}

impl Part {
    fn new(part: &IncludeDef, definitions: &Definitions) -> Self {
        let codes = part.system.as_ref().map(|system| {
            let known = definitions.code_system(system);
            (system.clone(), codes_of(part, system, known))
        });
        Self { codes, value_sets: part.value_sets.clone() }
    }
}

fn codes_of(part: &IncludeDef, system: &str, known: Option<&CodeSystemDef>) -> Codes {
    let folds_case = known.is_some_and(|known| known.is_complete() && !known.case_sensitive);
    let fold = |code: &str| if folds_case { code.to_lowercase().into() } else { Box::from(code) };
    if !part.concepts.is_empty() {
        let codes = part.concepts.iter().map(|concept| fold(&concept.code)).collect();
        return Codes::Listed { codes, folds_case };
    }
    let is_grammar = crate::syntax::is_code(system, "x").is_some();
    match known {
        Some(known) if known.is_complete() => {
            let candidates = || known.concepts.iter().map(|concept| concept.code.as_str());
            let listed: Option<Vec<&str>> = candidates()
                .filter_map(|code| match passes(&part.filters, known, code) {
                    Some(true) => Some(Some(code)),
                    Some(false) => None,
                    None => Some(None),
                })
                .collect();
            match listed {
                Some(codes) => Codes::Listed { codes: codes.into_iter().map(fold).collect(), folds_case },
                None => Codes::Open { known: HashSet::new() },
            }
        }
        _ if is_grammar && part.filters.is_empty() => Codes::Grammar,
        Some(known) if part.filters.is_empty() => {
            Codes::Open { known: known.concepts.iter().map(|concept| Box::from(concept.code.as_str())).collect() }
        }
        _ => Codes::Open { known: HashSet::new() },
    }
}

/// Says whether a code passes all filters; `None` when one of them is not understood.
fn passes(filters: &[FilterDef], system: &CodeSystemDef, code: &str) -> Option<bool> {
    let mut is_in = true;
    for filter in filters {
        is_in &= passes_one(filter, system, code)?;
    }
    Some(is_in)
}

fn passes_one(filter: &FilterDef, system: &CodeSystemDef, code: &str) -> Option<bool> {
    let listed = || filter.value.split(',').any(|value| value.trim() == code);
    let has_parent =
        |parent: &str| system.concept(code).is_some_and(|concept| concept.parents.iter().any(|known| known == parent));
    match (filter.property.as_str(), filter.op.as_str()) {
        ("concept" | "code", "is-a") => Some(system.is_a(code, &filter.value)),
        ("concept" | "code", "descendent-of") => Some(code != filter.value && system.is_a(code, &filter.value)),
        ("concept" | "code", "is-not-a") => Some(!system.is_a(code, &filter.value)),
        ("concept" | "code", "in") => Some(listed()),
        ("concept" | "code", "not-in") => Some(!listed()),
        ("concept" | "code", "=") => Some(code == filter.value),
        ("parent", "=") => Some(has_parent(&filter.value)),
        _ => None,
    }
}
