//! The seam to whoever can tell of codes: the definitions at hand, or another FHIR terminology server.
//! <https://hl7.org/fhir/R4/terminology-service.html>

use std::pin::Pin;
use std::sync::Arc;

use definitions::Definitions;

use crate::error::CannotTell;
use crate::known::{Added, Known};
use crate::membership::Membership;

/// What can be asked of a code: codes and the urls of definitions, nothing else of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CodeQuestion {
    /// Whether a value set has it.
    InValueSet {
        /// The canonical url of the value set, with or without `|version`.
        value_set: String,
        /// The code system; `None` for an element of type `code`, which has none.
        system: Option<String>,
        /// The code.
        code: String,
    },
    /// Whether a code system has it, and by which words.
    InSystem {
        /// The url of the code system.
        system: String,
        /// The code.
        code: String,
    },
}

/// What was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is so.
    Yes {
        /// The words for the code in its system, the preferred ones first; empty where they were not asked for or are not known.
        displays: Vec<String>,
    },
    /// It is not so.
    No,
    /// Whoever was asked cannot tell, or did not.
    Unknown,
}

/// Answers that may come later, in the order of the questions.
pub type Telling<'a> = Pin<Box<dyn Future<Output = Vec<Told>> + Send + 'a>>;

/// Whoever can tell of codes.
pub trait CodeService: Send + Sync {
    /// Answers questions within bounds of its own; what goes wrong or beyond them is [`Told::Unknown`].
    fn tell<'a>(&'a self, questions: &'a [CodeQuestion]) -> Telling<'a>;
}

/// The definitions at hand, as a service.
#[derive(Debug)]
pub struct Embedded {
    definitions: Arc<Definitions>,
    added: Added,
}

impl Embedded {
    /// Puts definitions over those of the server.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>, added: Added) -> Self {
        Self { definitions, added }
    }

    /// Gives what is known.
    #[must_use]
    pub fn known(&self) -> Known<'_> {
        Known::new(&self.definitions, &self.added)
    }

    fn told(known: &Known<'_>, question: &CodeQuestion) -> Result<Told, CannotTell> {
        let of = |membership| match membership {
            Membership::Member => Told::Yes { displays: Vec::new() },
            Membership::NotMember => Told::No,
            Membership::NotChecked { .. } => Told::Unknown,
        };
        match question {
            CodeQuestion::InValueSet { value_set, system, code } => {
                let set = known.value_set(value_set, None)?;
                let Some(system) = system else {
                    let mut best = Membership::NotMember;
                    for system in Known::references(set).code_systems {
                        let (url, _) = crate::known::canonical(&system, None);
                        best = best.or(known.contains(set, url, code)?);
                    }
                    // A code of a value set that is imported may be of a system that is not named here.
                    let is_whole = set.include.iter().all(|part| part.system.is_some());
                    return Ok(if best == Membership::NotMember && !is_whole { Told::Unknown } else { of(best) });
                };
                Ok(of(known.contains(set, system, code)?))
            }
            CodeQuestion::InSystem { system, code } => match known.lookup(system, None, code) {
                Ok((_, concept)) => {
                    let designations = concept.into_iter().flat_map(|one| &one.designations).map(|one| &one.value);
                    let displays = concept.and_then(|one| one.display.as_ref()).into_iter().chain(designations);
                    Ok(Told::Yes { displays: displays.cloned().collect() })
                }
                Err(CannotTell::NoCode { .. }) => Ok(Told::No),
                Err(error) => Err(error),
            },
        }
    }
}

impl CodeService for Embedded {
    fn tell<'a>(&'a self, questions: &'a [CodeQuestion]) -> Telling<'a> {
        // All together may cost no more than one may.
        let known = self.known();
        let told = questions.iter().map(|question| Self::told(&known, question).unwrap_or(Told::Unknown)).collect();
        Box::pin(std::future::ready(told))
    }
}
