//! ValueSets, CodeSystems and ConceptMaps that are stored as resources: they count from their write on, for whoever may search for them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use definitions::{CodeSystemDef, ConceptMapDef, Definitions, ValueSetDef, facts};
use fhir::Node;
use policy::{Interaction, Released, Subject};
use search::Options;
use serde_json::Value;
use store::{Page, StoreError};
use terminology::{Added, Known};

use crate::answer::Touched;
use crate::failure::{Failure, Reason};
use crate::interaction::written::parse;
use crate::perform::Context;
use crate::terminologies::Terminologies;

/// Text of definitions of which the read form is kept; beyond it all are read anew.
const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Profiles on profiles; a circle ends here.
const BASES_MAX: usize = 16;
/// Urls in one search.
const URLS_MAX: usize = 100;

/// A definition that was read.
#[derive(Debug, Clone)]
pub(crate) enum Definition {
    /// A value set.
    ValueSet(Arc<ValueSetDef>),
    /// A code system.
    CodeSystem(Arc<CodeSystemDef>),
    /// A concept map.
    ConceptMap(Arc<ConceptMapDef>),
}

impl Definition {
    /// Reads a resource; one that has no url needs none where it is named otherwise.
    pub(crate) fn read(resource: Node<'_>) -> Result<Definition, Failure> {
        let mut value = resource.to_value();
        if let Value::Object(members) = &mut value {
            members.entry("url").or_insert_with(|| Value::String(String::new()));
        }
        let read = match resource.str("resourceType").as_deref() {
            Some("ValueSet") => facts::value_set(&value).map(|one| Definition::ValueSet(Arc::new(one))),
            Some("CodeSystem") => facts::code_system(&value).map(|one| Definition::CodeSystem(Arc::new(one))),
            Some("ConceptMap") => facts::concept_map(&value).map(|one| Definition::ConceptMap(Arc::new(one))),
            _ => Err("it is of another type".to_owned()),
        };
        read.map_err(|reason| {
            Failure::new(Reason::Unprocessable, "invalid", format!("the definition cannot be used: {reason}"))
        })
    }
}

/// The definitions that were read last, by resource, version and time.
#[derive(Debug, Default)]
pub struct StoredDefinitions {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_version: HashMap<(String, u64, i64), Definition>,
    size_bytes: usize,
}

impl StoredDefinitions {
    fn read(&self, released: &Released) -> Result<Definition, Failure> {
        let facts = released.facts();
        let key = (format!("{}/{}", facts.type_name, facts.id), facts.version, facts.last_updated.0);
        if let Some(known) = self.lock().by_version.get(&key) {
            return Ok(known.clone());
        }
        let bytes = released.bytes();
        let definition = Definition::read(parse(bytes)?.root())?;
        let mut kept = self.lock();
        if kept.size_bytes + bytes.len() > KEPT_BYTES_MAX {
            *kept = Kept::default();
        }
        kept.size_bytes += bytes.len();
        kept.by_version.insert(key, definition.clone());
        Ok(definition)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The types and urls that were looked for, and what was found.
pub(crate) type Looked = (HashSet<(&'static str, String)>, Added);

/// What one request is answered from.
pub(crate) struct Gathered<'c> {
    source: &'c Terminologies,
    /// Who asks.
    subject: &'c Subject,
    /// The request that is answered, if it is one.
    context: Option<&'c Context<'c>>,
    /// Only these count: what nobody has put into use is for those who name it.
    is_active_only: bool,
    definitions: Arc<Definitions>,
    added: Added,
    asked: HashSet<(&'static str, String)>,
    /// The stored definitions that were found.
    pub touched: Touched,
}

impl<'c> Gathered<'c> {
    /// The definitions of the server, and none of the store yet.
    pub(crate) fn new(context: &'c Context<'c>) -> Gathered<'c> {
        let (source, subject) = (&context.weir.terminologies, &context.caller.subject);
        let looked = (HashSet::new(), Added::default());
        Gathered { context: Some(context), is_active_only: false, ..Gathered::of(source, subject, looked) }
    }

    /// The definitions of the server, and those in use of the store that were looked for before.
    pub(crate) fn of(source: &'c Terminologies, subject: &'c Subject, (asked, added): Looked) -> Gathered<'c> {
        let definitions = Arc::clone(source.validators.get().definitions());
        let touched = Touched::default();
        Gathered { source, subject, context: None, is_active_only: true, definitions, added, asked, touched }
    }

    /// The urls that were looked for, and what was found.
    pub(crate) fn into_looked(self) -> Looked {
        (self.asked, self.added)
    }

    /// What is known so far.
    pub(crate) fn known(&self) -> Known<'_> {
        Known::new(&self.definitions, &self.added)
    }

    /// The definitions of the server, those of the store, and which resources these are.
    pub(crate) fn into_parts(self) -> (Arc<Definitions>, Added, Touched) {
        (self.definitions, self.added, self.touched)
    }

    /// Puts a code system over the others, whatever else of its url is stored; gives its url.
    pub(crate) fn pin(&mut self, system: Arc<CodeSystemDef>) -> String {
        let url = system.url.clone();
        self.asked.insert(("CodeSystem", url.clone()));
        self.added.code_systems.retain(|one| one.url != url);
        self.added.code_systems.push(system);
        url
    }

    /// Puts a value set over the others.
    pub(crate) fn put(&mut self, set: &Arc<ValueSetDef>) {
        self.added.value_sets.push(Arc::clone(set));
    }

    fn add(&mut self, definition: Definition) {
        match definition {
            Definition::ValueSet(one) => self.added.value_sets.push(one),
            Definition::CodeSystem(one) => self.added.code_systems.push(one),
            Definition::ConceptMap(one) => self.added.concept_maps.push(one),
        }
    }

    /// The resource that the path of the request names.
    pub(crate) async fn instance(&mut self) -> Result<Definition, Failure> {
        let Some(context) = self.context else { return Err(Failure::internal()) };
        let (type_name, id) = (context.request.type_str(), context.request.id_str());
        let not_found = || Failure::not_found(type_name, id);
        let version = context.weir.store.read(context.grant, type_name, id).await?.ok_or_else(not_found)?;
        if version.facts().deleted {
            return Err(Failure::gone(type_name, id));
        }
        let released = policy::release(context.grant, version).map_err(|_| not_found())?;
        self.touched.add(released.facts());
        self.source.stored.read(&released)
    }

    /// Finds a stored value set by its id, and all that it refers to; none where there is none for whoever asks.
    pub(crate) async fn value_set_stored_as(&mut self, id: &str) -> Result<Option<Arc<ValueSetDef>>, Failure> {
        let Ok(grant) = policy::decide(self.subject, Interaction::Read, Some("ValueSet")) else { return Ok(None) };
        let version = match self.source.store.read(&grant, "ValueSet", id).await {
            Ok(Some(version)) if !version.facts().deleted => version,
            Ok(_) | Err(StoreError::Denied(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Ok(released) = policy::release(&grant, version) else { return Ok(None) };
        let Definition::ValueSet(set) = self.source.stored.read(&released)? else { return Err(Failure::internal()) };
        self.touched.add(released.facts());
        self.put(&set);
        self.references_of(&set).await?;
        Ok(Some(set))
    }

    /// The value set to which an element is bound, as `[url of a StructureDefinition]#[path]`; the profile's own binding before that of its base.
    pub(crate) fn bound_at(&self, context: &str) -> Option<String> {
        let (url, path) = context.split_once('#')?;
        let is_path = |name: &str, element: &Value| element.get(name).and_then(Value::as_str) == Some(path);
        let mut url = url.to_owned();
        for _ in 0..BASES_MAX {
            let Some(profile) = self.definitions.profile(&url) else { break };
            let own = profile.differential.iter().filter(|one| is_path("id", one) || is_path("path", one));
            let mut own = own.filter_map(|one| one.get("binding")?.get("valueSet")?.as_str());
            if let Some(found) = own.next() {
                return Some(found.to_owned());
            }
            url = profile.base.clone()?;
        }
        let type_name = url.strip_prefix("http://hl7.org/fhir/StructureDefinition/")?;
        let is_of_type = path.split('.').next() == Some(type_name);
        let binding = self.definitions.element(path).filter(|_| is_of_type)?.binding.as_ref()?;
        (!binding.value_set.is_empty()).then(|| binding.value_set.clone())
    }

    /// Finds value sets by their canonical urls, and all that they refer to.
    pub(crate) async fn value_sets(&mut self, urls: Vec<String>) -> Result<(), Failure> {
        let mut wanted = urls;
        while !wanted.is_empty() {
            self.find("ValueSet", &wanted).await?;
            let mut references = terminology::References::default();
            for set in wanted.iter().filter_map(|url| self.known().value_set(url, None).ok()) {
                let found = Known::references(set);
                references.value_sets.extend(found.value_sets);
                references.code_systems.extend(found.code_systems);
            }
            self.code_systems(&references.code_systems).await?;
            wanted = references.value_sets;
            wanted.retain(|url| !self.asked.contains(&("ValueSet", plain(url).to_owned())));
        }
        Ok(())
    }

    /// Finds what a value set refers to.
    pub(crate) async fn references_of(&mut self, set: &ValueSetDef) -> Result<(), Failure> {
        let references = Known::references(set);
        self.code_systems(&references.code_systems).await?;
        self.value_sets(references.value_sets).await
    }

    /// Finds code systems by their urls.
    pub(crate) async fn code_systems(&mut self, urls: &[String]) -> Result<(), Failure> {
        self.find("CodeSystem", urls).await
    }

    /// Finds concept maps by their canonical urls, and those that they hand codes on to.
    pub(crate) async fn concept_maps(&mut self, urls: Vec<String>) -> Result<(), Failure> {
        let mut wanted = urls;
        while !wanted.is_empty() {
            self.find("ConceptMap", &wanted).await?;
            let maps: Vec<&ConceptMapDef> =
                wanted.iter().filter_map(|url| self.known().concept_map(url, None).ok()).collect();
            let next: Vec<String> =
                maps.iter().flat_map(|map| &map.unmapped).filter_map(|rule| rule.url.clone()).collect();
            wanted = next;
            wanted.retain(|url| !self.asked.contains(&("ConceptMap", plain(url).to_owned())));
        }
        Ok(())
    }

    /// Finds the stored concept maps that a search by one parameter finds, and those that they hand codes on to.
    pub(crate) async fn concept_maps_by(&mut self, parameter: &str, value: &str) -> Result<(), Failure> {
        let before = self.added.concept_maps.len();
        self.search("ConceptMap", parameter, escaped(value)).await?;
        let found = self.added.concept_maps.iter().skip(before);
        let next = found.flat_map(|map| &map.unmapped).filter_map(|rule| rule.url.clone()).collect();
        self.concept_maps(next).await
    }

    async fn find(&mut self, type_name: &'static str, urls: &[String]) -> Result<(), Failure> {
        let mut fresh: Vec<&str> = urls.iter().map(|url| plain(url)).filter(|url| !url.is_empty()).collect();
        fresh.sort_unstable();
        fresh.dedup();
        fresh.retain(|url| self.asked.insert((type_name, (*url).to_owned())));
        for chunk in fresh.chunks(URLS_MAX) {
            let value = chunk.iter().map(|url| escaped(url)).collect::<Vec<_>>().join(",");
            self.search(type_name, "url", value).await?;
        }
        Ok(())
    }

    async fn search(&mut self, type_name: &'static str, parameter: &str, value: String) -> Result<(), Failure> {
        let source = self.source;
        // Whoever may not search for them is answered from the server's own definitions.
        let Ok(grant) = policy::decide(self.subject, Interaction::SearchType, Some(type_name)) else { return Ok(()) };
        let mut params = vec![(parameter.to_owned(), value)];
        if self.is_active_only {
            params.push(("status".to_owned(), "active".to_owned()));
        }
        let query = search::parse(type_name, &params, &source.store.registry(), &Options::default());
        let query = query.map_err(Failure::bad_search)?;
        let count = source.definitions_max;
        let result = source.store.search(&grant, &query, Page { as_of: None, after: None, count }).await?;
        if result.next.is_some() {
            let message = format!("there are more than {count} stored definitions of type {type_name} to look at");
            return Err(Failure::new(Reason::Unprocessable, "too-costly", message));
        }
        for version in result.matches {
            let Ok(released) = policy::release(&grant, version) else { continue };
            let name = format!("{}/{}", released.facts().type_name, released.facts().id);
            // A map may be found by its url and by its code system.
            if !self.touched.resources.contains(&name) {
                self.touched.add(released.facts());
                match source.stored.read(&released) {
                    // Nobody who writes about a patient asked for this one: it says nothing.
                    Err(_) if self.is_active_only => {}
                    read => self.add(read?),
                }
            }
        }
        Ok(())
    }
}

/// A canonical url without its version.
pub(crate) fn plain(url: &str) -> &str {
    url.split_once('|').map_or(url, |(url, _)| url)
}

/// A value as a search takes it. <https://hl7.org/fhir/R4/search.html#escaping>
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '\\' | ',' | '$' | '|') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}
