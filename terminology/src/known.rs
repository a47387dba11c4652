//! The definitions that one question is answered from: those of the server, with others over them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use definitions::{CodeSystemDef, ConceptMapDef, Definitions, IncludeDef, ValueSetDef, compare_versions};

use regex::Regex;

use crate::error::CannotTell;
use crate::filter::{self, Filter};

/// Definitions from elsewhere than the server's table: stored as resources, or sent with the question. They win over the table.
#[derive(Debug, Clone, Default)]
pub struct Added {
    /// Value sets.
    pub value_sets: Vec<Arc<ValueSetDef>>,
    /// Code systems.
    pub code_systems: Vec<Arc<CodeSystemDef>>,
    /// Concept maps.
    pub concept_maps: Vec<Arc<ConceptMapDef>>,
}

/// Which versions of code systems are meant, by url: <https://hl7.org/fhir/R4/valueset-operation-expand.html>.
#[derive(Debug, Clone, Default)]
pub struct Versions {
    /// Where a value set names none.
    pub default: HashMap<String, String>,
    /// As well, and a value set that names another is refused.
    pub check: HashMap<String, String>,
    /// Whatever a value set names.
    pub force: HashMap<String, String>,
}

/// Where a question is answered from.
#[derive(Debug)]
pub struct Known<'k> {
    definitions: &'k Definitions,
    added: &'k Added,
    versions: Versions,
    steps: Cell<u64>,
    regexes: RefCell<HashMap<String, Option<Regex>>>,
}

/// Comparisons that one question may take, some tenths of a second: value sets can be made to import ten that import ten, or to leave out a
/// hundred thousand codes of as many.
const STEPS_MAX: u64 = 100_000_000;
/// Regular expressions in one question; each may take a megabyte.
const REGEXES_MAX: usize = 100;

/// The canonical urls that a definition refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Of value sets.
    pub value_sets: Vec<String>,
    /// Of code systems.
    pub code_systems: Vec<String>,
}

impl<'k> Known<'k> {
    /// Puts definitions over those of the server.
    #[must_use]
    pub fn new(definitions: &'k Definitions, added: &'k Added) -> Self {
        let versions = Versions::default();
        Self { definitions, added, versions, steps: Cell::new(0), regexes: RefCell::default() }
    }

    /// Says which versions of code systems are meant.
    #[must_use]
    pub fn with_versions(self, versions: Versions) -> Self {
        Self { versions, ..self }
    }

    /// Gives the version of a code system that a part of a value set means.
    pub(crate) fn version_of<'v>(&'v self, part: &'v IncludeDef, url: &str) -> Result<Option<&'v str>, CannotTell> {
        if let Some(forced) = self.versions.force.get(url) {
            return Ok(Some(forced));
        }
        let own = part.version.as_deref();
        match (self.versions.check.get(url), own) {
            (Some(checked), Some(own)) if checked != own => {
                Err(CannotTell::OtherVersion { system: url.to_owned(), own: own.to_owned() })
            }
            (Some(checked), _) => Ok(Some(checked)),
            (None, own) => Ok(own.or_else(|| self.versions.default.get(url).map(String::as_str))),
        }
    }

    /// Gives a code system in the version that is meant where nothing names one.
    pub(crate) fn code_system_in_use(&self, url: &str) -> Option<&'k CodeSystemDef> {
        let Versions { default, check, force } = &self.versions;
        let version = force.get(url).or_else(|| check.get(url)).or_else(|| default.get(url));
        self.code_system(url, version.map(String::as_str)).ok()
    }

    /// Gives a value set by its canonical url; without a version the newest.
    pub fn value_set(&self, url: &str, version: Option<&str>) -> Result<&'k ValueSetDef, CannotTell> {
        let name = |one: &'k ValueSetDef| (one.url.as_str(), one.version.as_deref());
        let built_in = |url: &str| self.definitions.value_set(url);
        found("value set", canonical(url, version), &self.added.value_sets, built_in, name)
    }

    /// Gives a code system by its url; without a version the newest.
    pub fn code_system(&self, url: &str, version: Option<&str>) -> Result<&'k CodeSystemDef, CannotTell> {
        let name = |one: &'k CodeSystemDef| (one.url.as_str(), one.version.as_deref());
        let built_in = |url: &str| self.definitions.code_system(url);
        found("code system", canonical(url, version), &self.added.code_systems, built_in, name)
    }

    /// Gives a concept map by its canonical url; without a version the newest.
    pub fn concept_map(&self, url: &str, version: Option<&str>) -> Result<&'k ConceptMapDef, CannotTell> {
        let name = |one: &'k ConceptMapDef| (one.url.as_str(), one.version.as_deref());
        let built_in = |url: &str| self.definitions.concept_map(url);
        found("concept map", canonical(url, version), &self.added.concept_maps, built_in, name)
    }

    /// Gives all concept maps, those that were added first.
    pub fn concept_maps(&self) -> impl Iterator<Item = &'k ConceptMapDef> {
        let added = self.added.concept_maps.iter().map(Arc::as_ref);
        let is_hidden = |url: &str| self.added.concept_maps.iter().any(|one| one.url == url);
        let mut urls: Vec<&str> = self.definitions.concept_map_urls().filter(|url| !is_hidden(url)).collect();
        urls.sort_unstable();
        added.chain(urls.into_iter().filter_map(|url| self.definitions.concept_map(url)))
    }

    /// Counts what is about to be done.
    pub(crate) fn count(&self, steps: usize) -> Result<(), CannotTell> {
        let sum = self.steps.get().saturating_add(steps as u64);
        self.steps.set(sum);
        if sum > STEPS_MAX { Err(CannotTell::TooCostly) } else { Ok(()) }
    }

    /// The filters of a part, all understood and on what the system has; each regular expression is compiled once.
    pub(crate) fn filters<'p>(
        &self,
        part: &'p IncludeDef,
        system: &CodeSystemDef,
    ) -> Result<Vec<Filter<'p>>, CannotTell> {
        if let Some(one) = filter::without_property(&part.filters, system) {
            let (system_url, property) = (system.url.clone(), one.property.clone());
            return Err(match system.may_have_filter(&property) {
                true => CannotTell::Filter { system: system_url, property, op: one.op.clone() },
                false => CannotTell::NoProperty { system: system_url, property },
            });
        }
        self.count(part.filters.iter().map(|one| 1 + one.value.len()).sum())?;
        let mut regexes = self.regexes.borrow_mut();
        let mut is_too_costly = false;
        let mut compile = |text: &str| match regexes.get(text) {
            Some(known) => known.clone(),
            None if regexes.len() >= REGEXES_MAX => {
                is_too_costly = true;
                None
            }
            None => regexes.entry(text.to_owned()).or_insert_with(|| filter::compile(text)).clone(),
        };
        let filters = Filter::all(&part.filters, &mut compile);
        if is_too_costly {
            return Err(CannotTell::TooCostly);
        }
        filters.map_err(|one| CannotTell::Filter {
            system: system.url.clone(),
            property: one.property.clone(),
            op: one.op.clone(),
        })
    }

    /// Lists what a value set refers to.
    #[must_use]
    pub fn references(set: &ValueSetDef) -> References {
        let mut found = References::default();
        for part in set.include.iter().chain(&set.exclude) {
            found.value_sets.extend(part.value_sets.iter().cloned());
            found.code_systems.extend(system_of(part));
        }
        found.code_systems.extend(set.expansion.iter().map(|one| one.system.clone()));
        found.code_systems.sort_unstable();
        found.code_systems.dedup();
        found
    }
}

fn system_of(part: &IncludeDef) -> Option<String> {
    part.system.as_deref().map(|system| versioned(system, part.version.as_deref()))
}

fn versioned(url: &str, version: Option<&str>) -> String {
    version.map_or_else(|| url.to_owned(), |version| format!("{url}|{version}"))
}

/// Splits a version off a canonical url; one that is given apart wins.
pub(crate) fn canonical<'u>(url: &'u str, version: Option<&'u str>) -> (&'u str, Option<&'u str>) {
    match url.split_once('|') {
        Some((url, own)) => (url, version.or(Some(own))),
        None => (url, version),
    }
}

/// The one of a url and a version, or the newest: of those that were added, else of the server's own.
fn found<'k, T>(
    kind: &'static str,
    (url, version): (&str, Option<&str>),
    added: &'k [Arc<T>],
    built_in: impl Fn(&str) -> Option<&'k T>,
    name: impl Fn(&'k T) -> (&'k str, Option<&'k str>),
) -> Result<&'k T, CannotTell> {
    let is_version = |one: &&'k T| version.is_none_or(|wanted| name(one).1 == Some(wanted));
    let fitting = added.iter().map(Arc::as_ref).filter(|one| name(one).0 == url).filter(is_version);
    let version_of = |one: &'k T| name(one).1.unwrap_or_default();
    let newest = fitting.max_by(|a, b| compare_versions(version_of(a), version_of(b)));
    newest
        .or_else(|| built_in(&versioned(url, version)).filter(is_version))
        .ok_or_else(|| CannotTell::Unknown { kind, url: versioned(url, version) })
}
