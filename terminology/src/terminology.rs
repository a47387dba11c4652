//! What the rest of the server asks about codes: <https://hl7.org/fhir/R4/terminology-service.html>.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use definitions::Definitions;

use crate::membership::Membership;
use crate::syntax;
use crate::value_set::{Codes, CompiledSet, Part};

/// Value sets may import value sets; no real one does so this deep, and a circle ends here.
const IMPORT_DEPTH_MAX: u32 = 16;

/// The codes of a table of definitions; each value set is expanded when it is first asked for.
#[derive(Debug)]
pub struct Terminology {
    definitions: Arc<Definitions>,
    value_sets: HashMap<String, OnceLock<CompiledSet>>,
}

/// What is known of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Display<'a> {
    /// The words to show.
    pub text: Option<&'a str>,
    /// The code groups others and is not for use in data.
    pub is_abstract: bool,
    /// The code is retired.
    pub is_inactive: bool,
}

impl Terminology {
    /// Makes a terminology over definitions.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let urls = definitions.value_set_urls().map(str::to_owned).chain(definitions.value_set_versions());
        let value_sets = urls.map(|url| (url, OnceLock::new())).collect();
        Self { definitions, value_sets }
    }

    /// Says whether a code is in a value set; without a system (an element of type `code`) the code alone decides.
    ///
    /// A `|version` on the url means that one where several are known, and is passed over where it is not among them.
    #[must_use]
    pub fn check(&self, value_set_url: &str, system: Option<&str>, code: &str) -> Membership {
        self.check_set(value_set_url, system, code, 0)
    }

    /// Says whether a system has a code, apart from any value set.
    #[must_use]
    pub fn check_code(&self, system: &str, code: &str) -> Membership {
        let missing = || Membership::NotChecked { missing: system.to_owned() };
        let Some(known) = self.definitions.code_system(system) else {
            return syntax::is_code(system, code).map_or_else(missing, Membership::from_truth);
        };
        if known.concept(code).is_some() {
            return Membership::Member;
        }
        if known.is_complete() {
            return Membership::NotMember;
        }
        syntax::is_code(system, code).map_or_else(missing, Membership::from_truth)
    }

    /// Gives what is known of a code of an enumerated system.
    #[must_use]
    pub fn lookup(&self, system: &str, code: &str) -> Option<Display<'_>> {
        let concept = self.definitions.code_system(system)?.concept(code)?;
        Some(Display {
            text: concept.display.as_deref(),
            is_abstract: concept.is_abstract,
            is_inactive: concept.is_inactive,
        })
    }

    fn check_set(&self, url: &str, system: Option<&str>, code: &str, depth: u32) -> Membership {
        let Some(set) = self.value_set(url).filter(|_| depth < IMPORT_DEPTH_MAX) else {
            return Membership::NotChecked { missing: url.to_owned() };
        };
        let any = |parts: &[Part]| {
            let mut best = Membership::NotMember;
            for part in parts {
                best = best.or(self.check_part(part, system, code, depth));
                if best == Membership::Member {
                    break;
                }
            }
            best
        };
        match any(&set.include) {
            Membership::NotMember => Membership::NotMember,
            included => match any(&set.exclude) {
                Membership::NotMember => included,
                Membership::Member => Membership::NotMember,
                open @ Membership::NotChecked { .. } => open,
            },
        }
    }

    pub(crate) fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// Gives a value set by its url, with or without `|version`.
    pub(crate) fn value_set(&self, url: &str) -> Option<&CompiledSet> {
        let (url, slot) = match self.value_sets.get(url) {
            Some(slot) => (url, slot),
            None => {
                let (plain, _) = url.split_once('|')?;
                (plain, self.value_sets.get(plain)?)
            }
        };
        if let Some(set) = slot.get() {
            return Some(set);
        }
        let definition = self.definitions.value_set(url)?;
        Some(slot.get_or_init(|| CompiledSet::new(definition, &self.definitions)))
    }

    fn check_part(&self, part: &Part, system: Option<&str>, code: &str, depth: u32) -> Membership {
        let mut found = match &part.codes {
            Some((own, _)) if system.is_some_and(|system| system != own) => return Membership::NotMember,
            Some((own, codes)) => codes.check(own, code),
            None => Membership::Member,
        };
        for url in &part.value_sets {
            if found == Membership::NotMember {
                break;
            }
            found = found.and(self.check_set(url, system, code, depth + 1));
        }
        found
    }
}

impl Codes {
    fn check(&self, system: &str, code: &str) -> Membership {
        match self {
            Self::Listed { codes, folds_case: false } => Membership::from_truth(codes.contains(code)),
            Self::Listed { codes, folds_case: true } => {
                Membership::from_truth(codes.contains(code.to_lowercase().as_str()))
            }
            Self::Grammar => Membership::from_truth(syntax::is_code(system, code).unwrap_or_default()),
            Self::Open { known } if known.contains(code) => Membership::Member,
            Self::Open { .. } => Membership::NotChecked { missing: system.to_owned() },
        }
    }
}
