//! Whether one code is in a value set, told without listing it: <https://hl7.org/fhir/R4/valueset.html#composition>.

use definitions::{IncludeDef, ValueSetDef};

use crate::error::CannotTell;
use crate::known::Known;
use crate::membership::Membership;
use crate::syntax;

/// Value sets may import value sets; no real one does so this deep, and a circle ends here.
pub(crate) const IMPORT_DEPTH_MAX: u32 = 16;

impl Known<'_> {
    /// Says whether a code is in a value set.
    pub fn contains(&self, set: &ValueSetDef, system: &str, code: &str) -> Result<Membership, CannotTell> {
        self.contains_at(set, (system, code), 0)
    }

    fn contains_at(&self, set: &ValueSetDef, coding: (&str, &str), depth: u32) -> Result<Membership, CannotTell> {
        if depth > IMPORT_DEPTH_MAX {
            return Err(CannotTell::Circle { url: set.url.clone() });
        }
        self.count(1)?;
        let (system, code) = coding;
        if set.include.is_empty() && !set.expansion.is_empty() {
            self.count(set.expansion.len())?;
            let is_listed = set.expansion.iter().any(|one| one.system == system && one.code == code);
            return Ok(Membership::from_truth(is_listed));
        }
        if set.inactive == Some(false) && self.is_inactive(system, code) {
            return Ok(Membership::NotMember);
        }
        let included = self.any(&set.include, coding, depth)?;
        if included == Membership::NotMember {
            return Ok(included);
        }
        Ok(match self.any(&set.exclude, coding, depth)? {
            Membership::NotMember => included,
            Membership::Member => Membership::NotMember,
            open @ Membership::NotChecked { .. } => open,
        })
    }

    /// Whether one of the parts takes the code.
    pub(crate) fn any(&self, parts: &[IncludeDef], coding: (&str, &str), depth: u32) -> Result<Membership, CannotTell> {
        let mut best = Membership::NotMember;
        for part in parts {
            self.count(1)?;
            best = best.or(self.part(part, coding, depth)?);
            if best == Membership::Member {
                break;
            }
        }
        Ok(best)
    }

    fn part(&self, part: &IncludeDef, coding: (&str, &str), depth: u32) -> Result<Membership, CannotTell> {
        let found = match &part.system {
            Some(own) if own != coding.0 => Membership::NotMember,
            Some(own) => self.of_system(part, own, coding.1)?,
            None => Membership::Member,
        };
        if found == Membership::NotMember {
            return Ok(found);
        }
        Ok(found.and(self.is_imported(part, coding, depth)?))
    }

    /// Whether all the value sets that a part imports have a code.
    pub(crate) fn is_imported(
        &self,
        part: &IncludeDef,
        coding: (&str, &str),
        depth: u32,
    ) -> Result<Membership, CannotTell> {
        let mut found = Membership::Member;
        for url in &part.value_sets {
            found = found.and(self.contains_at(self.value_set(url, None)?, coding, depth + 1)?);
        }
        Ok(found)
    }

    fn of_system(&self, part: &IncludeDef, url: &str, code: &str) -> Result<Membership, CannotTell> {
        let system = match self.code_system(url, self.version_of(part, url)?) {
            Ok(system) => Some(system),
            // Another version is known: this one is not the one that was meant.
            Err(error) if self.code_system(url, None).is_ok() => return Err(error),
            Err(_) => None,
        };
        let concept = system.and_then(|system| system.concept(code));
        let is_complete = system.is_some_and(definitions::CodeSystemDef::is_complete);
        if !part.concepts.is_empty() {
            self.count(part.concepts.len())?;
            let folds_case = system.is_some_and(|system| !system.case_sensitive && is_complete);
            let is_it = |own: &str| own == code || folds_case && own.to_lowercase() == code.to_lowercase();
            let is_listed = part.concepts.iter().any(|own| is_it(&own.code));
            return Ok(Membership::from_truth(is_listed && (concept.is_some() || !is_complete)));
        }
        let open = || Membership::NotChecked { missing: url.to_owned() };
        if !part.filters.is_empty() {
            let (Some(system), true) = (system, is_complete) else { return Ok(open()) };
            let filters = self.filters(part, system)?;
            return Ok(Membership::from_truth(
                concept.is_some_and(|concept| filters.iter().all(|one| one.passes(system, concept))),
            ));
        }
        Ok(match concept {
            Some(_) => Membership::Member,
            None if is_complete => Membership::NotMember,
            None => syntax::is_code(url, code).map_or_else(open, Membership::from_truth),
        })
    }

    pub(crate) fn is_inactive(&self, system: &str, code: &str) -> bool {
        let concept = self.code_system_in_use(system).and_then(|system| system.concept(code));
        concept.is_some_and(|concept| concept.is_inactive)
    }
}
