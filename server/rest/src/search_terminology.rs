//! What searches ask of terminology: `:in`, `:not-in`, `:below` and `:above` on codes.

use std::collections::HashMap;
use std::sync::Arc;

use definitions::{CodeSystemDef, Definitions, ValueSetDef};
use fhir::{Issue, Reference};
use search::{Codes, CodesError, Limits};
use terminology::{Added, CannotTell, ExpandOptions, Known, NotListed, Terminology};

use crate::answer::Touched;
use crate::failure::Failure;
use crate::perform::Context;
use crate::stored_definitions::Gathered;

/// Codes of one value set; more are more than a search may look for.
const CODES_MAX: usize = 10_000;

/// The codes that this server knows, and those that the store adds for this caller.
#[derive(Debug)]
pub(crate) struct KnownCodes {
    terminology: Arc<Terminology>,
    definitions: Arc<Definitions>,
    added: Added,
    /// Value sets that are named by where they are stored, by that name.
    literal: HashMap<String, Arc<ValueSetDef>>,
    /// The stored definitions that were found.
    pub touched: Touched,
}

impl KnownCodes {
    /// Finds what the parameters of a search name.
    pub(crate) async fn find(context: &Context<'_>, params: &[(String, String)]) -> Result<KnownCodes, Failure> {
        let limits = Limits::default();
        search::check_size(params, &limits).map_err(Failure::bad_search)?;
        let (mut value_sets, mut systems) = (Vec::new(), Vec::new());
        for (name, text) in params {
            if name == "_filter" {
                // Whatever in it looks like a url may be one: one that is none is not found, and the parser says so.
                let words =
                    text.split(|letter: char| letter.is_whitespace() || matches!(letter, '(' | ')' | '[' | ']' | '"'));
                for word in words.filter(|word| word.contains(':') || word.starts_with("ValueSet/")) {
                    match word.split_once('|') {
                        Some((system, _)) => systems.push(system.to_owned()),
                        None => value_sets.push(word.to_owned()),
                    }
                }
                continue;
            }
            let pieces = || text.split(',').map(|piece| piece.replace('\\', ""));
            match name.rsplit_once(':') {
                Some((_, "in" | "not-in")) => value_sets.extend(pieces()),
                Some((_, "below" | "above")) => {
                    systems.extend(pieces().filter_map(|piece| Some(piece.split_once('|')?.0.to_owned())));
                }
                _ => {}
            }
        }
        value_sets.sort_unstable();
        value_sets.dedup();
        let mut gathered = Gathered::new(context);
        let (mut literal, mut read_count) = (HashMap::new(), 0);
        for name in &value_sets {
            let relative = fhir::path_below(&context.weir.settings.base_url, name).unwrap_or(name);
            let Reference::Relative { type_name, id, version: None } = Reference::parse(relative) else { continue };
            if type_name != "ValueSet" {
                continue;
            }
            // Each is a read of the store.
            read_count += 1;
            if read_count > limits.values_max {
                let message =
                    format!("a search names at most {} value sets by where they are stored", limits.values_max);
                return Err(Failure::bad_search(vec![Issue::error("too-costly", message)]));
            }
            if let Some(set) = gathered.value_set_stored_as(&id).await? {
                literal.insert(name.clone(), set);
            }
        }
        gathered.value_sets(value_sets).await?;
        gathered.code_systems(&systems).await?;
        let terminology = Arc::clone(context.weir.validator().terminology());
        let (definitions, added, touched) = gathered.into_parts();
        Ok(KnownCodes { terminology, definitions, added, literal, touched })
    }

    fn stored(&self, system: &str) -> Option<&CodeSystemDef> {
        let is_stored = self.added.code_systems.iter().any(|one| one.url == system);
        let known = Known::new(&self.definitions, &self.added);
        known.code_system(system, None).ok().filter(|_| is_stored)
    }
}

impl Codes for KnownCodes {
    fn value_set(&self, url: &str) -> Result<Vec<(Option<String>, String)>, CodesError> {
        let literal = self.literal.get(url);
        if literal.is_none() && self.added.value_sets.is_empty() && self.added.code_systems.is_empty() {
            let members = self.terminology.members(url).map_err(error_of)?;
            return Ok(members.into_iter().map(|(system, code)| (Some(system), code)).collect());
        }
        let known = Known::new(&self.definitions, &self.added);
        let options = ExpandOptions { codes_max: CODES_MAX, ..ExpandOptions::default() };
        // A canonical url wins: it may look like the place of something else.
        let set = match (known.value_set(url, None), literal) {
            (Ok(set), _) => set,
            (Err(_), Some(set)) => set,
            (Err(error), None) => return Err(reason_of(&error)),
        };
        let expansion = known.expand(set, &options).map_err(|error| reason_of(&error))?;
        Ok(expansion.entries.iter().map(|one| (Some(one.system.to_owned()), one.code.to_owned())).collect())
    }

    fn below(&self, system: &str, code: &str) -> Result<Vec<String>, CodesError> {
        match self.stored(system) {
            Some(stored) => related(stored, |other| stored.is_a(other, code)),
            None => self.terminology.below(system, code).map_err(error_of),
        }
    }

    fn above(&self, system: &str, code: &str) -> Result<Vec<String>, CodesError> {
        match self.stored(system) {
            Some(stored) => related(stored, |other| stored.is_a(code, other)),
            None => self.terminology.above(system, code).map_err(error_of),
        }
    }
}

fn related(system: &CodeSystemDef, is_related: impl Fn(&str) -> bool) -> Result<Vec<String>, CodesError> {
    if !system.is_complete() {
        return Err(CodesError::NotListed("not all of its codes are known to this server"));
    }
    let codes = system.concepts.iter().map(|concept| &concept.code);
    Ok(codes.filter(|code| is_related(code)).cloned().collect())
}

fn error_of(error: NotListed) -> CodesError {
    match error {
        NotListed::Unknown(_) => CodesError::Unknown,
        NotListed::Open(_) => CodesError::NotListed("not all of its codes are known to this server"),
    }
}

fn reason_of(error: &CannotTell) -> CodesError {
    match error {
        CannotTell::Unknown { .. } => CodesError::Unknown,
        CannotTell::TooMany { .. }
        | CannotTell::TooCostly
        | CannotTell::TooManyWords { .. }
        | CannotTell::Endless { .. } => CodesError::TooMany,
        CannotTell::Filter { .. } => CodesError::NotListed("a filter of it is not understood"),
        CannotTell::NoProperty { .. } => {
            CodesError::NotListed("it filters by a property that its code system does not have")
        }
        CannotTell::Circle { .. } => CodesError::NotListed("it imports itself"),
        CannotTell::OtherVersion { .. } => CodesError::NotListed("it is of another version of its code system"),
        CannotTell::NotComplete { .. } | CannotTell::NoCode { .. } | CannotTell::NoSubsumption { .. } => {
            CodesError::NotListed("not all of its codes are known to this server")
        }
    }
}
