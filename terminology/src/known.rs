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

/// Where a question is answered from.
#[derive(Debug)]
pub struct Known<'k> {
    definitions: &'k Definitions,
    added: &'k Added,
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
        Self { definitions, added, steps: Cell::new(0), regexes: RefCell::default() }
    }

    /// Gives a value set by its canonical url; without a version the newest.
    pub fn value_set(&self, url: &str, version: Option<&str>) -> Result<&'k ValueSetDef, CannotTell> {
        let (url, version) = canonical(url, version);
        let added = self.added.value_sets.iter().filter(|one| one.url == url).map(Arc::as_ref);
        let found = pick(added, version, |one| one.version.as_deref());
        let built_in = || self.definitions.value_set(&versioned(url, version));
        let found = found.or_else(|| built_in().filter(|one| is_version(one.version.as_deref(), version)));
        found.ok_or_else(|| unknown("value set", url, version))
    }

    /// Gives a code system by its url; without a version the newest.
    pub fn code_system(&self, url: &str, version: Option<&str>) -> Result<&'k CodeSystemDef, CannotTell> {
        let (url, version) = canonical(url, version);
        let added = self.added.code_systems.iter().filter(|one| one.url == url).map(Arc::as_ref);
        let found = pick(added, version, |one| one.version.as_deref());
        let built_in = || self.definitions.code_system(&versioned(url, version));
        let found = found.or_else(|| built_in().filter(|one| is_version(one.version.as_deref(), version)));
        found.ok_or_else(|| unknown("code system", url, version))
    }

    /// Gives a concept map by its canonical url; without a version the newest.
    pub fn concept_map(&self, url: &str, version: Option<&str>) -> Result<&'k ConceptMapDef, CannotTell> {
        let (url, version) = canonical(url, version);
        let added = self.added.concept_maps.iter().filter(|one| one.url == url).map(Arc::as_ref);
        let found = pick(added, version, |one| one.version.as_deref());
        let built_in = || self.definitions.concept_map(&versioned(url, version));
        let found = found.or_else(|| built_in().filter(|one| is_version(one.version.as_deref(), version)));
        found.ok_or_else(|| unknown("concept map", url, version))
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

    /// The filters of a part, all understood; each regular expression is compiled once.
    pub(crate) fn filters<'p>(&self, part: &'p IncludeDef, system: &str) -> Result<Vec<Filter<'p>>, CannotTell> {
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
            system: system.to_owned(),
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

fn unknown(kind: &'static str, url: &str, version: Option<&str>) -> CannotTell {
    CannotTell::Unknown { kind, url: versioned(url, version) }
}

fn is_version(own: Option<&str>, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| own == Some(wanted))
}

/// The one of a version, or the newest.
fn pick<'k, T>(
    candidates: impl Iterator<Item = &'k T>,
    version: Option<&str>,
    version_of: impl Fn(&'k T) -> Option<&'k str>,
) -> Option<&'k T> {
    let fitting = candidates.filter(|one| is_version(version_of(one), version));
    fitting.max_by(|a, b| compare_versions(version_of(a).unwrap_or_default(), version_of(b).unwrap_or_default()))
}
