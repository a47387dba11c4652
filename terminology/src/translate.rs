//! From the codes of one system to those of another: <https://hl7.org/fhir/R4/conceptmap-operation-translate.html>.

use definitions::{ConceptMapDef, MappingDef, OtherElementDef, UnmappedDef};

use crate::error::CannotTell;
use crate::known::{Known, canonical};

/// A map may hand a code on to another map; a circle ends here.
const OTHER_MAPS_MAX: u32 = 8;

/// What one translation counts for: it is kept, with its words, until all are told.
const MATCH_STEPS: usize = 1_000;

/// What is to be translated.
#[derive(Debug, Clone, Default)]
pub struct TranslateRequest {
    /// System and code.
    pub codings: Vec<(String, String)>,
    /// The value set that the code was chosen from.
    pub source: Option<String>,
    /// The value set that a translation is wanted in.
    pub target: Option<String>,
    /// The code system that a translation is wanted in.
    pub target_system: Option<String>,
    /// Other elements that mappings may depend on.
    pub dependencies: Vec<Dependency>,
    /// What might be mapped to the code is wanted.
    pub is_reverse: bool,
}

/// Another element that may help to find the mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependency {
    /// Which element.
    pub element: String,
    /// Its codes, each with its system, or its text.
    pub values: Vec<(Option<String>, String)>,
}

/// A translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// How the translation stands to the code, as `equivalent`: <https://hl7.org/fhir/R4/valueset-concept-map-equivalence.html>.
    pub equivalence: String,
    /// The system of the translation.
    pub system: String,
    /// The code; `None` when the map says that there is none.
    pub code: Option<String>,
    /// The words of the code.
    pub display: Option<String>,
    /// What else the mapping yields.
    pub product: Vec<OtherElementDef>,
    /// The canonical url of the map.
    pub source: String,
}

impl Match {
    /// Says whether it is a translation, rather than word that there is none.
    #[must_use]
    pub fn is_translation(&self) -> bool {
        self.code.is_some() && !matches!(self.equivalence.as_str(), "unmatched" | "disjoint")
    }
}

/// What maps say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Translation {
    /// The translations.
    pub matches: Vec<Match>,
    /// Elements on which mappings that were passed over depend.
    pub depends_on: Vec<String>,
}

impl Known<'_> {
    /// Translates by one map, or by all that fit when there is none.
    pub fn translate(
        &self,
        map: Option<&ConceptMapDef>,
        request: &TranslateRequest,
    ) -> Result<Translation, CannotTell> {
        let mut translation = Translation::default();
        match map {
            Some(map) => self.by_map(map, request, 0, &mut translation)?,
            None => {
                for map in self.concept_maps() {
                    self.count(1)?;
                    self.by_map(map, request, 0, &mut translation)?;
                }
            }
        }
        Ok(translation)
    }

    fn by_map(
        &self,
        map: &ConceptMapDef,
        request: &TranslateRequest,
        depth: u32,
        translation: &mut Translation,
    ) -> Result<(), CannotTell> {
        let (from, to) = match request.is_reverse {
            false => (&map.source, &map.target),
            true => (&map.target, &map.source),
        };
        if !is_side(from, &request.source) || !is_side(to, &request.target) {
            return Ok(());
        }
        let given: usize = request.dependencies.iter().map(|one| 1 + one.values.len()).sum();
        for (system, code) in &request.codings {
            self.count(map.mappings.len() + map.unmapped.len() + 1)?;
            let mut is_mapped = false;
            for mapping in map.mappings.iter().filter(|one| is_from(one, request.is_reverse, system, code)) {
                is_mapped = true;
                self.count(MATCH_STEPS.saturating_add(mapping.depends_on.len().saturating_mul(given)))?;
                let target_system = if request.is_reverse { &mapping.source_system } else { &mapping.target_system };
                if request.target_system.as_ref().is_some_and(|wanted| wanted != target_system) {
                    continue;
                }
                let unmet = mapping.depends_on.iter().find(|one| !is_met(one, request));
                match unmet {
                    Some(unmet) => translation.depends_on.push(unmet.property.clone()),
                    None => translation.matches.push(match_of(map, mapping, request.is_reverse)),
                }
            }
            if !is_mapped && !request.is_reverse {
                for rule in map.unmapped.iter().filter(|rule| rule.source_system == *system) {
                    self.unmapped(map, rule, ((system, code), request), depth, translation)?;
                }
            }
        }
        Ok(())
    }

    fn unmapped(
        &self,
        map: &ConceptMapDef,
        rule: &UnmappedDef,
        ((system, code), request): ((&String, &String), &TranslateRequest),
        depth: u32,
        translation: &mut Translation,
    ) -> Result<(), CannotTell> {
        if request.target_system.as_ref().is_some_and(|wanted| *wanted != rule.target_system) {
            return Ok(());
        }
        self.count(MATCH_STEPS)?;
        let found = |code: Option<String>, equivalence: &str| Match {
            equivalence: equivalence.to_owned(),
            system: rule.target_system.clone(),
            code,
            display: rule.display.clone(),
            product: Vec::new(),
            source: map.url.clone(),
        };
        match (rule.mode.as_str(), &rule.url) {
            ("provided", _) => translation.matches.push(found(Some(code.clone()), "equal")),
            ("fixed", _) => translation.matches.push(found(rule.code.clone(), "inexact")),
            ("other-map", Some(url)) if depth < OTHER_MAPS_MAX => {
                let (url, version) = canonical(url, None);
                let other = self.concept_map(url, version)?;
                let given: usize = request.dependencies.iter().map(|one| 1 + one.values.len()).sum();
                self.count(request.codings.len().saturating_add(given))?;
                let codings = vec![(system.clone(), code.clone())];
                self.by_map(other, &TranslateRequest { codings, ..request.clone() }, depth + 1, translation)?;
            }
            ("other-map", Some(url)) => return Err(CannotTell::Circle { url: url.clone() }),
            _ => {}
        }
        Ok(())
    }
}

/// Whether a side of a map is the value set that was asked for; a map that does not say it serves any.
fn is_side(own: &Option<String>, wanted: &Option<String>) -> bool {
    match (own, wanted) {
        (Some(own), Some(wanted)) => canonical(own, None).0 == canonical(wanted, None).0,
        _ => true,
    }
}

fn is_from(mapping: &MappingDef, is_reverse: bool, system: &str, code: &str) -> bool {
    match is_reverse {
        false => mapping.source_system == system && mapping.source_code == code,
        true => mapping.target_system == system && mapping.target_code.as_deref() == Some(code),
    }
}

fn is_met(needed: &OtherElementDef, request: &TranslateRequest) -> bool {
    let given = request.dependencies.iter().filter(|one| one.element == needed.property);
    given.flat_map(|one| &one.values).any(|(system, value)| {
        *value == needed.value && (needed.system.is_none() || system.is_none() || *system == needed.system)
    })
}

fn match_of(map: &ConceptMapDef, mapping: &MappingDef, is_reverse: bool) -> Match {
    let source = map.url.clone();
    if is_reverse {
        return Match {
            equivalence: reversed(&mapping.equivalence).to_owned(),
            system: mapping.source_system.clone(),
            code: Some(mapping.source_code.clone()),
            display: None,
            product: Vec::new(),
            source,
        };
    }
    Match {
        equivalence: mapping.equivalence.clone(),
        system: mapping.target_system.clone(),
        code: mapping.target_code.clone(),
        display: mapping.target_display.clone(),
        product: mapping.product.clone(),
        source,
    }
}

/// The equivalence as it is seen from the other side.
fn reversed(equivalence: &str) -> &str {
    match equivalence {
        "wider" => "narrower",
        "narrower" => "wider",
        "subsumes" => "specializes",
        "specializes" => "subsumes",
        other => other,
    }
}
