//! The table of everything that is defined, and the layers that can be put over it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::archive;
use crate::facts;
use crate::{
    CodeSystemDef, CompartmentDef, ConceptMapDef, DefinitionsError, ElementDef, ProfileDef, SearchParameterDef,
    TypeDef, TypeKind, ValueSetDef,
};

/// What FHIR R4 defines, with the definitions of packages over it; immutable, to be shared in an `Arc`.
#[derive(Clone, Debug)]
pub struct Definitions {
    generation: u64,
    types: Arc<Types>,
    search_parameters: Arc<Vec<SearchParameterDef>>,
    compartments: Arc<Vec<CompartmentDef>>,
    profiles: Catalogue<ProfileDef>,
    value_sets: Catalogue<ValueSetDef>,
    code_systems: Catalogue<CodeSystemDef>,
    concept_maps: Catalogue<ConceptMapDef>,
}

#[derive(Debug, Default)]
struct Types {
    by_name: HashMap<String, TypeDef, BuildHasherDefault<NameHasher>>,
    resource_names: Vec<String>,
}

impl Definitions {
    /// Reads the table of FHIR R4 (4.0.1) that is built into the binary.
    pub fn r4() -> Result<Self, DefinitionsError> {
        let files = archive::files()?;
        Ok(Self {
            generation: 1,
            types: Arc::new(Types::new(archive::records(&files, "types.ndjson")?)),
            search_parameters: Arc::new(archive::records(&files, "search-parameters.ndjson")?),
            compartments: Arc::new(archive::records(&files, "compartments.ndjson")?),
            profiles: Catalogue::over(archive::lines(&files, "profiles.ndjson")?),
            value_sets: Catalogue::over(archive::lines(&files, "value-sets.ndjson")?),
            code_systems: Catalogue::over(archive::lines(&files, "code-systems.ndjson")?),
            concept_maps: Catalogue::over(archive::lines(&files, "concept-maps.ndjson")?),
        })
    }

    /// Gives this table with further definitions over it; of two with one url the later counts, and each version is found by `|version`.
    ///
    /// Takes StructureDefinitions that constrain, ValueSets, CodeSystems, SearchParameters and ConceptMaps, and passes
    /// over other resources, which packages also hold.
    pub fn with_overlay(&self, resources: Vec<Value>) -> Result<Self, DefinitionsError> {
        let mut next = self.clone();
        next.generation += 1;
        for (position, resource) in resources.iter().enumerate() {
            next.add(resource).map_err(|reason| DefinitionsError::Overlay { position, reason })?;
        }
        Ok(next)
    }

    /// Gives a number that grows with each layer, so that what was compiled from a table can be told from newer.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Says whether there are resources of this type.
    #[must_use]
    pub fn is_resource_type(&self, name: &str) -> bool {
        self.type_named(name).is_some_and(|found| found.kind == TypeKind::Resource && !found.is_abstract)
    }

    /// Gives the names of all resource types that can be instantiated, sorted.
    #[must_use]
    pub fn resource_types(&self) -> &[String] {
        &self.types.resource_names
    }

    /// Gives a resource, datatype or primitive by its name.
    #[must_use]
    pub fn type_named(&self, name: &str) -> Option<&TypeDef> {
        self.types.by_name.get(name)
    }

    /// Gives all types in no order.
    pub fn types(&self) -> impl Iterator<Item = &TypeDef> {
        self.types.by_name.values()
    }

    /// Gives an element by its path, as `Patient.contact.name` or `Observation.value`; content references are followed.
    #[must_use]
    pub fn element(&self, path: &str) -> Option<&ElementDef> {
        let (type_name, rest) = path.split_once('.')?;
        let mut children = &self.type_named(type_name)?.elements;
        let mut found = None;
        for name in rest.split('.') {
            let name = name.strip_suffix("[x]").unwrap_or(name);
            let element = children.iter().find(|element| element.name == name)?;
            children = self.children(element);
            found = Some(element);
        }
        found
    }

    /// Gives the children of a backbone element, following its content reference.
    #[must_use]
    pub fn children<'d>(&'d self, element: &'d ElementDef) -> &'d Vec<ElementDef> {
        let referred = element.content_reference.as_deref().and_then(|path| self.element(path));
        &referred.unwrap_or(element).children
    }

    /// Says whether a type is another or extends it, as `Patient` does `DomainResource`.
    #[must_use]
    pub fn is_subtype(&self, name: &str, ancestor: &str) -> bool {
        let mut current = Some(name);
        while let Some(name) = current {
            if name == ancestor {
                return true;
            }
            current = self.type_named(name).and_then(|found| found.base.as_deref());
        }
        false
    }

    /// Gives all search parameters.
    #[must_use]
    pub fn search_parameters(&self) -> &[SearchParameterDef] {
        &self.search_parameters
    }

    /// Gives the codes of the search parameters that link a type into a compartment; none when it cannot be in it.
    #[must_use]
    pub fn compartment_params(&self, compartment: &str, type_name: &str) -> &[String] {
        let compartment = self.compartments.iter().find(|found| found.code == compartment);
        compartment.and_then(|found| found.params.get(type_name)).map_or(&[], Vec::as_slice)
    }

    /// Gives the compartments.
    #[must_use]
    pub fn compartments(&self) -> &[CompartmentDef] {
        &self.compartments
    }

    /// Gives a profile or an extension definition by its url, with or without `|version`.
    #[must_use]
    pub fn profile(&self, url: &str) -> Option<&ProfileDef> {
        self.profiles.get(url)
    }

    /// Gives the urls of all profiles and extension definitions in no order.
    pub fn profile_urls(&self) -> impl Iterator<Item = &str> {
        self.profiles.urls()
    }

    /// Gives a value set by its url, with or without `|version`.
    #[must_use]
    pub fn value_set(&self, url: &str) -> Option<&ValueSetDef> {
        self.value_sets.get(url)
    }

    /// Gives the urls of all value sets in no order.
    pub fn value_set_urls(&self) -> impl Iterator<Item = &str> {
        self.value_sets.urls()
    }

    /// Gives `url|version` of the value sets that their url alone does not mean, in no order.
    pub fn value_set_versions(&self) -> impl Iterator<Item = String> {
        self.value_sets.further_versions()
    }

    /// Gives a code system by its url, with or without `|version`.
    #[must_use]
    pub fn code_system(&self, url: &str) -> Option<&CodeSystemDef> {
        self.code_systems.get(url)
    }

    /// Gives the urls of all code systems in no order.
    pub fn code_system_urls(&self) -> impl Iterator<Item = &str> {
        self.code_systems.urls()
    }

    /// Gives a concept map by its url, with or without `|version`.
    #[must_use]
    pub fn concept_map(&self, url: &str) -> Option<&ConceptMapDef> {
        self.concept_maps.get(url)
    }

    /// Gives the urls of all concept maps in no order.
    pub fn concept_map_urls(&self) -> impl Iterator<Item = &str> {
        self.concept_maps.urls()
    }

    fn add(&mut self, resource: &Value) -> Result<(), String> {
        match resource.get("resourceType").and_then(Value::as_str) {
            Some("StructureDefinition") => {
                if facts::is_profile(resource) {
                    let profile = facts::profile(resource)?;
                    self.profiles.insert(profile.url.clone(), profile.version.clone(), profile);
                }
            }
            Some("ValueSet") => {
                let value_set = facts::value_set(resource)?;
                self.value_sets.insert(value_set.url.clone(), value_set.version.clone(), value_set);
            }
            Some("CodeSystem") => {
                let code_system = facts::code_system(resource)?;
                self.code_systems.insert(code_system.url.clone(), code_system.version.clone(), code_system);
            }
            Some("ConceptMap") => {
                let concept_map = facts::concept_map(resource)?;
                self.concept_maps.insert(concept_map.url.clone(), concept_map.version.clone(), concept_map);
            }
            Some("SearchParameter") => {
                let parameter = facts::search_parameter(resource)?;
                let parameters = Arc::make_mut(&mut self.search_parameters);
                parameters.retain(|known| known.url != parameter.url);
                parameters.push(parameter);
            }
            Some(_) => {}
            None => return Err("there is no `resourceType`".to_owned()),
        }
        Ok(())
    }
}

impl Types {
    fn new(types: Vec<TypeDef>) -> Self {
        let is_concrete = |found: &&TypeDef| found.kind == TypeKind::Resource && !found.is_abstract;
        let mut resource_names: Vec<String> =
            types.iter().filter(is_concrete).map(|found| found.name.clone()).collect();
        resource_names.sort_unstable();
        let by_name = types.into_iter().map(|found| (found.name.clone(), found)).collect();
        Self { by_name, resource_names }
    }
}

/// FNV-1a: names of types are short, fixed, and looked up at every step of every expression.
#[derive(Debug)]
struct NameHasher(u64);

impl Default for NameHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Definitions by url, of which those of the built-in table are read when they are first asked for.
#[derive(Clone, Debug)]
struct Catalogue<T> {
    built_in: Arc<HashMap<String, Lazy<T>>>,
    added: HashMap<String, Arc<T>>,
    /// Each version that was added, by url and version.
    versions: HashMap<(String, String), Arc<T>>,
}

#[derive(Debug)]
struct Lazy<T> {
    line: Box<str>,
    value: OnceLock<Option<T>>,
}

impl<T: DeserializeOwned> Catalogue<T> {
    fn over(lines: HashMap<String, Box<str>>) -> Self {
        let lazy = lines.into_iter().map(|(url, line)| (url, Lazy { line, value: OnceLock::new() }));
        Self { built_in: Arc::new(lazy.collect()), added: HashMap::new(), versions: HashMap::new() }
    }

    /// Adds a definition: of two with one url the later counts, unless a version is named.
    fn insert(&mut self, url: String, version: Option<String>, value: T) {
        let value = Arc::new(value);
        if let Some(version) = version {
            self.versions.insert((url.clone(), version), Arc::clone(&value));
        }
        self.added.insert(url, value);
    }

    fn get(&self, url: &str) -> Option<&T> {
        // A few urls of HL7 v2 tables have a `|` of their own.
        self.get_exactly(url).or_else(|| {
            let (url, version) = url.split_once('|')?;
            let named = self.versions.get(&(url.to_owned(), version.to_owned()));
            named.map(Arc::as_ref).or_else(|| self.get_exactly(url))
        })
    }

    fn get_exactly(&self, url: &str) -> Option<&T> {
        if let Some(added) = self.added.get(url) {
            return Some(added);
        }
        let lazy = self.built_in.get(url)?;
        lazy.value.get_or_init(|| serde_json::from_str(&lazy.line).ok()).as_ref()
    }

    fn further_versions(&self) -> impl Iterator<Item = String> {
        let is_meant = |url: &str, one: &Arc<T>| self.added.get(url).is_some_and(|known| Arc::ptr_eq(known, one));
        let further = self.versions.iter().filter(move |((url, _), one)| !is_meant(url, one));
        further.map(|((url, version), _)| format!("{url}|{version}"))
    }

    fn urls(&self) -> impl Iterator<Item = &str> {
        let built_in = self.built_in.keys().filter(|url| !self.added.contains_key(*url));
        built_in.chain(self.added.keys()).map(String::as_str)
    }
}
