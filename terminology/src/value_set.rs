//! A value set compiled to sets of codes: <https://hl7.org/fhir/R4/valueset.html#composition>.

use std::collections::HashSet;

use definitions::{CodeSystemDef, Definitions, IncludeDef, ValueSetDef};

use crate::filter::{self, Filter};

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
        // Nothing has what a filter asks for: the value set is wrong, not every code.
        Some(known) if filter::without_property(&part.filters, known).is_some() => {
            Codes::Open { known: HashSet::new() }
        }
        Some(known) if known.is_complete() => {
            let Ok(filters) = Filter::all(&part.filters, &mut filter::compile) else {
                return Codes::Open { known: HashSet::new() };
            };
            let passing = known.concepts.iter().filter(|one| filters.iter().all(|filter| filter.passes(known, one)));
            Codes::Listed { codes: passing.map(|concept| fold(&concept.code)).collect(), folds_case }
        }
        _ if is_grammar && part.filters.is_empty() => Codes::Grammar,
        Some(known) if part.filters.is_empty() => {
            Codes::Open { known: known.concepts.iter().map(|concept| Box::from(concept.code.as_str())).collect() }
        }
        _ => Codes::Open { known: HashSet::new() },
    }
}
