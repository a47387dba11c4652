//! What a code means, and which of two is more general: <https://hl7.org/fhir/R4/codesystem-operations.html>.

use definitions::{CodeSystemDef, ConceptDef};

use crate::error::CannotTell;
use crate::expand::is_language;
use crate::known::Known;
use crate::membership::Membership;
use crate::syntax;

/// How two codes of a system relate. <https://hl7.org/fhir/R4/valueset-concept-subsumption-outcome.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsumption {
    /// They are one.
    Equivalent,
    /// A is more general than B.
    Subsumes,
    /// B is more general than A.
    SubsumedBy,
    /// Neither.
    NotSubsumed,
}

impl Subsumption {
    /// Gives the code of FHIR.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Equivalent => "equivalent",
            Self::Subsumes => "subsumes",
            Self::SubsumedBy => "subsumed-by",
            Self::NotSubsumed => "not-subsumed",
        }
    }
}

impl<'k> Known<'k> {
    /// Gives a code system and what it says of a code; `None` for a code that its grammar forms.
    pub fn lookup(
        &self,
        url: &str,
        version: Option<&str>,
        code: &str,
    ) -> Result<(Option<&'k CodeSystemDef>, Option<&'k ConceptDef>), CannotTell> {
        let system = self.code_system(url, version);
        if let Ok(system) = &system
            && let Some(concept) = system.concept(code)
        {
            return Ok((Some(system), Some(concept)));
        }
        let is_complete = system.as_ref().is_ok_and(|system| system.is_complete());
        let no_code = || CannotTell::NoCode { system: url.to_owned() };
        match syntax::is_code(url, code).filter(|_| !is_complete && version.is_none()) {
            Some(true) => Ok((system.ok(), None)),
            Some(false) => Err(no_code()),
            None if is_complete => Err(no_code()),
            None => Err(system.err().unwrap_or(CannotTell::NotComplete { system: url.to_owned() })),
        }
    }

    /// Says whether a system has a code.
    pub fn has_code(&self, url: &str, version: Option<&str>, code: &str) -> Result<Membership, CannotTell> {
        match self.lookup(url, version, code) {
            Ok(_) => Ok(Membership::Member),
            Err(CannotTell::NoCode { .. }) => Ok(Membership::NotMember),
            Err(CannotTell::NotComplete { system }) => Ok(Membership::NotChecked { missing: system }),
            Err(error) => Err(error),
        }
    }

    /// Says how two codes of a system relate.
    pub fn subsumes(&self, (url, version): (&str, Option<&str>), a: &str, b: &str) -> Result<Subsumption, CannotTell> {
        let (system, concept_a) = self.lookup(url, version, a)?;
        let (_, concept_b) = self.lookup(url, version, b)?;
        let (Some(system), Some(a), Some(b)) = (system, concept_a, concept_b) else {
            // A grammar has no hierarchy: all that can be told is that a code is itself.
            return match a == b {
                true => Ok(Subsumption::Equivalent),
                false => Err(CannotTell::NotComplete { system: url.to_owned() }),
            };
        };
        if system.is_same(&a.code, &b.code) {
            return Ok(Subsumption::Equivalent);
        }
        if let Some(meaning) = system.hierarchy.as_deref().filter(|meaning| *meaning != "is-a") {
            return Err(CannotTell::NoSubsumption { system: url.to_owned(), meaning: meaning.to_owned() });
        }
        if system.is_a(&b.code, &a.code) {
            return Ok(Subsumption::Subsumes);
        }
        if system.is_a(&a.code, &b.code) {
            return Ok(Subsumption::SubsumedBy);
        }
        // What is not listed here may stand between the two.
        if !system.is_complete() {
            return Err(CannotTell::NotComplete { system: url.to_owned() });
        }
        Ok(Subsumption::NotSubsumed)
    }
}

/// Says whether words are those of a concept, or of a value set's own for it: in any language, or in the one that was asked for.
#[must_use]
pub fn is_display(concepts: [Option<&ConceptDef>; 2], text: &str, language: Option<&str>) -> bool {
    let folded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let wanted = folded(text);
    concepts.into_iter().flatten().any(|concept| {
        let designations = concept.designations.iter();
        let asked =
            designations.filter(|one| language.is_none_or(|wanted| is_language(one.language.as_deref(), wanted)));
        asked.map(|one| one.value.as_str()).chain(concept.display.as_deref()).any(|words| folded(words) == wanted)
    })
}
