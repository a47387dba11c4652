//! The codes of a value set, and what is above and below a code: for searches that name them.

use std::collections::BTreeSet;

use crate::membership::Membership;
use crate::terminology::Terminology;
use crate::value_set::Codes;

/// Value sets may import value sets; a circle ends here.
const IMPORT_DEPTH_MAX: u32 = 16;

/// Why codes cannot be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotListed {
    /// The value set or code system is not known here.
    Unknown(String),
    /// The codes of that system are not all known here.
    Open(String),
}

impl std::fmt::Display for NotListed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotListed::Unknown(url) => write!(f, "`{url}` is not known to this server"),
            NotListed::Open(system) => write!(f, "the codes of `{system}` are not all known to this server"),
        }
    }
}

impl Terminology {
    /// System and code of every member of a value set, sorted.
    pub fn members(&self, value_set_url: &str) -> Result<Vec<(String, String)>, NotListed> {
        let mut found = BTreeSet::new();
        self.add_members(value_set_url, 0, &mut found)?;
        Ok(found.into_iter().collect())
    }

    /// The code and every code below it in the hierarchy of its system, sorted.
    pub fn below(&self, system: &str, code: &str) -> Result<Vec<String>, NotListed> {
        self.related(system, code, |known, other| known.is_a(other, code))
    }

    /// The code and every code above it, sorted.
    pub fn above(&self, system: &str, code: &str) -> Result<Vec<String>, NotListed> {
        self.related(system, code, |known, other| known.is_a(code, other))
    }

    fn related(
        &self,
        system: &str,
        code: &str,
        is_related: impl Fn(&definitions::CodeSystemDef, &str) -> bool,
    ) -> Result<Vec<String>, NotListed> {
        let known = self.definitions().code_system(system).ok_or_else(|| NotListed::Unknown(system.to_owned()))?;
        if !known.is_complete() {
            return Err(NotListed::Open(system.to_owned()));
        }
        let codes = known.concepts.iter().map(|concept| concept.code.as_str());
        let mut found: Vec<String> =
            codes.filter(|other| *other == code || is_related(known, other)).map(str::to_owned).collect();
        found.sort_unstable();
        Ok(found)
    }

    fn add_members(&self, url: &str, depth: u32, found: &mut BTreeSet<(String, String)>) -> Result<(), NotListed> {
        let set = self.value_set(url).filter(|_| depth < IMPORT_DEPTH_MAX);
        let set = set.ok_or_else(|| NotListed::Unknown(url.to_owned()))?;
        for part in &set.include {
            let mut candidates = BTreeSet::new();
            match (&part.codes, part.value_sets.first()) {
                (Some((system, Codes::Listed { codes, folds_case })), _) => {
                    let known = self.definitions().code_system(system).filter(|_| *folds_case);
                    match known {
                        // As the system writes them: the set holds them folded.
                        Some(known) => candidates
                            .extend(known.concepts.iter().map(|concept| (system.clone(), concept.code.clone()))),
                        None => candidates.extend(codes.iter().map(|code| (system.clone(), code.to_string()))),
                    }
                }
                (Some((system, _)), _) => return Err(NotListed::Open(system.clone())),
                (None, Some(imported)) => {
                    self.add_members(imported, depth + 1, &mut candidates)?;
                }
                (None, None) => {}
            }
            for (system, code) in candidates {
                match self.check(url, Some(&system), &code) {
                    Membership::Member => drop(found.insert((system, code))),
                    Membership::NotMember => {}
                    Membership::NotChecked { missing } => return Err(NotListed::Open(missing)),
                }
            }
        }
        Ok(())
    }
}
