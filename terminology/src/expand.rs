//! The codes of a value set: <https://hl7.org/fhir/R4/valueset-operation-expand.html>.

use std::collections::HashSet;

use definitions::{CodeSystemDef, ConceptDef, DesignationDef, IncludeDef, ValueSetDef};

use crate::contains::IMPORT_DEPTH_MAX;
use crate::error::CannotTell;
use crate::known::Known;
use crate::membership::Membership;
use crate::syntax;

/// Different words of a filter; each is looked for in every code.
const WORDS_MAX: usize = 32;

/// What is wanted of an expansion.
#[derive(Debug, Clone, Default)]
pub struct ExpandOptions {
    /// Words that must all be in the code or its display.
    pub filter: Option<String>,
    /// Retired codes are left out.
    pub active_only: bool,
    /// Codes that only group others are left out.
    pub selectable_only: bool,
    /// Code systems that are left out, in every version or in one.
    pub exclude_systems: Vec<(String, Option<String>)>,
    /// How many codes are passed over.
    pub offset: usize,
    /// How many codes come at the most; all when `None`.
    pub count: Option<usize>,
    /// How many codes can come without a `count`.
    pub codes_max: usize,
}

/// The codes, or a page of them.
#[derive(Debug, Clone)]
pub struct Expansion<'k> {
    /// How many there are in all.
    pub total: usize,
    /// Those of the page, in the order of the value set.
    pub entries: Vec<Entry<'k>>,
    /// The code systems they are of, with their versions.
    pub used: Vec<(&'k str, Option<&'k str>)>,
}

/// A code of an expansion.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'k> {
    /// The code system.
    pub system: &'k str,
    /// The version of that, where one is known.
    pub version: Option<&'k str>,
    /// The code.
    pub code: &'k str,
    /// What its code system says of it.
    pub concept: Option<&'k ConceptDef>,
    /// What the value set says of it.
    pub listed: Option<&'k ConceptDef>,
    /// The words of an expansion that was there already.
    display: Option<&'k str>,
}

impl<'k> Entry<'k> {
    /// Gives the words to show, in a language where they are known in it.
    #[must_use]
    pub fn display(&self, language: Option<&str>) -> Option<&'k str> {
        let translated = language.and_then(|language| {
            self.designations().find(|one| is_language(one.language.as_deref(), language)).map(|one| one.value.as_str())
        });
        let of = |concept: Option<&'k ConceptDef>| concept.and_then(|concept| concept.display.as_deref());
        translated.or(of(self.listed)).or(self.display).or(of(self.concept))
    }

    /// Gives the other words for it, those of the value set first.
    pub fn designations(&self) -> impl Iterator<Item = &'k DesignationDef> + use<'k> {
        let of = |concept: Option<&'k ConceptDef>| concept.into_iter().flat_map(|concept| &concept.designations);
        of(self.listed).chain(of(self.concept))
    }

    /// Says whether it only groups others.
    #[must_use]
    pub fn is_abstract(&self) -> bool {
        self.concept.is_some_and(|concept| concept.is_abstract)
    }

    /// Says whether it is retired.
    #[must_use]
    pub fn is_inactive(&self) -> bool {
        self.concept.is_some_and(|concept| concept.is_inactive)
    }

    fn has_words(&self, words: &[String]) -> bool {
        let mut text = self.code.to_lowercase();
        for display in self.display(None).into_iter().chain(self.designations().map(|one| one.value.as_str())) {
            text.push('\n');
            text.push_str(&display.to_lowercase());
        }
        words.iter().all(|word| text.contains(word.as_str()))
    }
}

/// Says whether words of a language serve whoever asks for one: British English those who ask for English.
#[must_use]
pub fn is_language(own: Option<&str>, wanted: &str) -> bool {
    let Some(own) = own else { return false };
    let (own, wanted) = (own.to_lowercase(), wanted.to_lowercase());
    own == wanted || own.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with('-'))
}

impl<'k> Known<'k> {
    /// Lists the codes of a value set.
    pub fn expand(&self, set: &'k ValueSetDef, options: &ExpandOptions) -> Result<Expansion<'k>, CannotTell> {
        let mut all = Vec::new();
        self.list(set, 0, &mut all)?;
        let words = words(options.filter.as_deref().unwrap_or_default())?;
        self.count(all.len().saturating_mul(1 + words.len() + options.exclude_systems.len()))?;
        all.retain(|entry| {
            !(options.active_only && entry.is_inactive()
                || options.selectable_only && entry.is_abstract()
                || options.exclude_systems.iter().any(|(system, version)| {
                    system == entry.system && version.as_deref().is_none_or(|version| entry.version == Some(version))
                }))
                && entry.has_words(&words)
        });
        if options.count.is_none() && all.len() > options.codes_max {
            return Err(CannotTell::TooMany { codes_max: options.codes_max });
        }
        let mut used: Vec<(&str, Option<&str>)> = Vec::new();
        for entry in &all {
            if used.last() != Some(&(entry.system, entry.version)) {
                used.push((entry.system, entry.version));
            }
        }
        used.sort_unstable();
        used.dedup();
        let total = all.len();
        let count = options.count.unwrap_or(usize::MAX).min(options.codes_max);
        let entries = all.into_iter().skip(options.offset).take(count).collect();
        Ok(Expansion { total, entries, used })
    }

    fn list(&self, set: &'k ValueSetDef, depth: u32, found: &mut Vec<Entry<'k>>) -> Result<(), CannotTell> {
        if depth > IMPORT_DEPTH_MAX {
            return Err(CannotTell::Circle { url: set.url.clone() });
        }
        self.count(1)?;
        let mut seen: HashSet<(&str, &str)> = HashSet::new();
        if set.include.is_empty() {
            self.count(set.expansion.len())?;
            let entries = set
                .expansion
                .iter()
                .map(|one| Entry { display: one.display.as_deref(), ..self.entry(&one.system, &one.code) });
            found.extend(entries.filter(|one| seen.insert((one.system, one.code))));
            return Ok(());
        }
        for part in &set.include {
            let mut entries = Vec::new();
            self.list_part(part, depth, &mut entries)?;
            for entry in entries {
                let coding = (entry.system, entry.code);
                let is_left_out = set.inactive == Some(false) && entry.is_inactive();
                if !is_left_out && !seen.contains(&coding) && !self.is_excluded(set, coding, depth)? {
                    seen.insert(coding);
                    found.push(entry);
                }
            }
        }
        Ok(())
    }

    fn is_excluded(&self, set: &ValueSetDef, coding: (&str, &str), depth: u32) -> Result<bool, CannotTell> {
        settled(self.any(&set.exclude, coding, depth)?)
    }

    fn list_part(&self, part: &'k IncludeDef, depth: u32, found: &mut Vec<Entry<'k>>) -> Result<(), CannotTell> {
        match (&part.system, part.value_sets.first()) {
            (Some(system), _) => self.list_system(part, system, found)?,
            (None, Some(url)) => self.list(self.value_set(url, None)?, depth + 1, found)?,
            (None, None) => {}
        }
        let mut kept = Vec::with_capacity(found.len());
        for entry in found.drain(..) {
            if settled(self.is_imported(part, (entry.system, entry.code), depth)?)? {
                kept.push(entry);
            }
        }
        *found = kept;
        Ok(())
    }

    fn list_system(&self, part: &'k IncludeDef, url: &'k str, found: &mut Vec<Entry<'k>>) -> Result<(), CannotTell> {
        let system = self.code_system(url, self.version_of(part, url)?);
        if !part.concepts.is_empty() {
            self.count(part.concepts.len())?;
            let known = match system {
                Ok(system) => Some(system),
                Err(error) if self.code_system(url, None).is_ok() => return Err(error),
                // The value set itself says the codes of a system that is not here.
                Err(_) => None,
            };
            let listed = part.concepts.iter().map(|concept| Entry {
                system: url,
                version: known.map_or(part.version.as_deref(), |system| system.version.as_deref()),
                code: &concept.code,
                concept: known.and_then(|system| system.concept(&concept.code)),
                listed: Some(concept),
                display: None,
            });
            let is_closed = known.is_some_and(CodeSystemDef::is_complete);
            found.extend(listed.filter(|entry| entry.concept.is_some() || !is_closed));
            return Ok(());
        }
        let system = match system {
            Ok(system) if system.is_complete() => system,
            _ if syntax::is_endless(url) => return Err(CannotTell::Endless { system: url.to_owned() }),
            Err(error) if syntax::is_code(url, "").is_none() => return Err(error),
            _ => return Err(CannotTell::NotComplete { system: url.to_owned() }),
        };
        let filters = self.filters(part, system)?;
        let each: usize = part.filters.iter().map(|one| 1 + one.value.len()).sum();
        self.count(system.concepts.len().saturating_mul(1 + each))?;
        let passing = system.concepts.iter().filter(|concept| filters.iter().all(|one| one.passes(system, concept)));
        found.extend(passing.map(|concept| Entry {
            system: url,
            version: system.version.as_deref(),
            code: &concept.code,
            concept: Some(concept),
            listed: None,
            display: None,
        }));
        Ok(())
    }

    fn entry(&self, system: &'k str, code: &'k str) -> Entry<'k> {
        let known = self.code_system_in_use(system);
        let version = known.and_then(|system| system.version.as_deref());
        let concept = known.and_then(|system| system.concept(code));
        Entry { system, version, code, concept, listed: None, display: None }
    }
}

/// The words of a filter, each once.
fn words(text: &str) -> Result<Vec<String>, CannotTell> {
    let mut words: HashSet<String> = HashSet::new();
    for word in text.split_whitespace() {
        words.insert(word.to_lowercase());
        if words.len() > WORDS_MAX {
            return Err(CannotTell::TooManyWords { words_max: WORDS_MAX });
        }
    }
    Ok(words.into_iter().collect())
}

/// A doubt makes the whole list doubtful.
fn settled(membership: Membership) -> Result<bool, CannotTell> {
    match membership {
        Membership::Member => Ok(true),
        Membership::NotMember => Ok(false),
        Membership::NotChecked { missing } => Err(CannotTell::NotComplete { system: missing }),
    }
}
