//! Every search parameter of the definitions, by type and code, with its compiled expression.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use definitions::{Definitions, SearchParameterDef};
use fhir::Json;
use fhirpath::Expression;

use crate::compile::{self, Compiled};
use crate::full_text::TextPlan;
use crate::param::{Kind, Param, param_id};
use crate::plan::{Part, Plan};
use crate::unions::{Paths, Unions};

/// One of the parameters that the query parser answers by itself: they have no expression.
pub(crate) const TEXT_CODE: &str = "_text";
/// See [`TEXT_CODE`].
pub(crate) const CONTENT_CODE: &str = "_content";
/// See [`TEXT_CODE`].
pub(crate) const FILTER_CODE: &str = "_filter";

/// The search parameters of all resource types; immutable, shared by `Arc`.
pub struct Registry {
    definitions: Definitions,
    params: Vec<Param>,
    by_id: HashMap<u32, usize>,
    by_type: HashMap<String, TypeParams>,
    /// `(type, code)` of parameters that FHIR defines and this server does not answer.
    unsupported: HashSet<(String, String)>,
    /// Stands for what a reference of unknown type points to, where that has to be taken for a patient.
    pub(crate) unknown_patient: Json,
    pub(crate) text_plan: TextPlan,
    faults: Vec<String>,
}

/// The parameters of one type, in the order of their codes.
#[derive(Default)]
pub(crate) struct TypeParams {
    by_code: BTreeMap<String, usize>,
    /// Expressions that apply to the type, with their parameter's place.
    expressions: Vec<(usize, Arc<Expression>)>,
    /// The same, in the order in which they are evaluated.
    pub(crate) plan: Plan,
    /// Expressions that link the type into the Patient compartment.
    pub(crate) patient_links: Vec<Arc<Expression>>,
    paths: Paths,
    /// See [`Registry::parts_of`].
    pub(crate) unions: Unions,
}

/// Why a search parameter was not taken into a [`Registry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedParam {
    /// Canonical URL of its definition.
    pub url: String,
    /// What is wrong with it, in one phrase.
    pub reason: String,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry({} parameters, generation {})", self.params.len(), self.definitions.generation())
    }
}

impl Registry {
    /// Compiles the parameters of the definitions. One that cannot be compiled is not supported: see [`Registry::faults`].
    pub fn new(definitions: &Definitions) -> Registry {
        Registry::with(definitions, &[]).0
    }

    /// Compiles the parameters of the definitions and then further ones, as posted at run time, in their order. What is wrong with one of
    /// these is said and the rest taken.
    pub fn with(definitions: &Definitions, extra: &[SearchParameterDef]) -> (Registry, Vec<RefusedParam>) {
        let mut registry = Registry {
            definitions: definitions.clone(),
            params: Vec::new(),
            by_id: HashMap::new(),
            by_type: HashMap::new(),
            unsupported: HashSet::new(),
            unknown_patient: Json::from_value(&serde_json::json!({"resourceType": "Patient"})),
            text_plan: TextPlan::new(definitions),
            faults: Vec::new(),
        };
        // In the order of their urls, so that which of two definitions of one code counts does not depend on the source.
        let mut ordered: Vec<&SearchParameterDef> = definitions.search_parameters().iter().collect();
        ordered.sort_by(|left, right| left.url.cmp(&right.url));
        // A composite names other parameters.
        let is_composite = |definition: &&SearchParameterDef| definition.kind == Kind::Composite.code();
        let (composites, simple): (Vec<_>, Vec<_>) = ordered.into_iter().partition(is_composite);
        for definition in simple.into_iter().chain(composites) {
            registry.add(definition);
        }
        let mut refused = Vec::new();
        for definition in extra {
            if let Err(reason) = registry.add_extra(definition) {
                refused.push(RefusedParam { url: definition.url.clone(), reason });
            }
        }
        registry.finish();
        (registry, refused)
    }

    /// The parameter with that name on that type.
    pub fn param(&self, type_name: &str, code: &str) -> Option<&Param> {
        self.params.get(*self.by_type.get(type_name)?.by_code.get(code)?)
    }

    /// All parameters of a type that can be searched, by name.
    pub fn params_of(&self, type_name: &str) -> impl Iterator<Item = &Param> {
        let found = self.by_type.get(type_name).into_iter().flat_map(|of_type| of_type.by_code.values());
        found.filter_map(|&place| self.params.get(place))
    }

    /// The parameter with that stable id.
    pub fn by_id(&self, id: u32) -> Option<&Param> {
        self.params.get(*self.by_id.get(&id)?)
    }

    /// Whether FHIR defines that parameter and this server does not answer it.
    pub fn is_unsupported(&self, type_name: &str, code: &str) -> bool {
        self.unsupported.contains(&(type_name.to_owned(), code.to_owned()))
    }

    /// What could not be compiled: urls of parameters, with the reason.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// The definitions that the registry was made from.
    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// The code systems that a parameter's values are of without saying so: those bound to an element of type `code`
    /// (`Patient.gender`). Empty when the element can carry its own system.
    pub(crate) fn implied_systems(&self, type_name: &str, id: u32) -> Vec<&str> {
        let mut systems = Vec::new();
        for expression in self.expressions(type_name, id) {
            let element = expression.plain_path().and_then(|path| self.definitions.element(&path));
            let Some(element) = element.filter(|element| element.has_type("code")) else { return Vec::new() };
            let value_set = element.binding.as_ref().and_then(|bound| self.definitions.value_set(&bound.value_set));
            let includes = value_set.into_iter().flat_map(|value_set| &value_set.include);
            systems.extend(includes.filter_map(|include| include.system.as_deref()));
        }
        systems
    }

    /// Whether a resource of the type has one value of the parameter at most: a primitive that does not repeat.
    pub(crate) fn is_single(&self, type_name: &str, id: u32) -> bool {
        let mut expressions = self.expressions(type_name, id);
        let (Some(only), None) = (expressions.next(), expressions.next()) else { return false };
        let Some(path) = only.plain_path() else { return false };
        let ends = path.match_indices('.').map(|(at, _)| at).skip(1).chain([path.len()]);
        let once = |end: usize| self.definitions.element(path.get(..end)?).map(|element| (element.max, element));
        let Some(elements) = ends.map(once).collect::<Option<Vec<_>>>() else { return false };
        let is_primitive = elements.last().is_some_and(|(_, element)| {
            !element.is_choice && element.types.iter().all(|t| t.code.starts_with(|c: char| c.is_ascii_lowercase()))
        });
        is_primitive && elements.iter().all(|(max, _)| *max == Some(1))
    }

    pub(crate) fn expressions(&self, type_name: &str, id: u32) -> impl Iterator<Item = &Expression> {
        let all = self.of_type(type_name).into_iter().flat_map(|of_type| &of_type.expressions);
        let place = self.by_id.get(&id);
        all.filter(move |(known, _)| Some(known) == place).map(|(_, expression)| &**expression)
    }

    pub(crate) fn of_type(&self, type_name: &str) -> Option<&TypeParams> {
        self.by_type.get(type_name)
    }

    /// Takes a parameter of the definitions, and keeps what is wrong with it.
    fn add(&mut self, definition: &SearchParameterDef) {
        let is_parsed = matches!(definition.code.as_str(), TEXT_CODE | CONTENT_CODE | FILTER_CODE);
        if is_parsed && definition.expression.is_none() {
            return;
        }
        let types = self.types_of(definition);
        let compiled = match &definition.expression {
            Some(_) => compile::compile(definition, |url| self.by_url(url)).map_err(Some),
            None => Err(None),
        };
        match compiled {
            Ok(compiled) if !self.by_id.contains_key(&param_id(&definition.url)) => {
                self.take(definition, compiled, (&types, false));
            }
            Ok(_) => self.faults.push(format!("{}: its number is taken", definition.url)),
            Err(reason) => {
                self.faults.extend(reason.map(|reason| format!("{}: {reason}", definition.url)));
                self.unsupported.extend(types.into_iter().map(|type_name| (type_name, definition.code.clone())));
            }
        }
    }

    /// Takes a parameter that somebody posted: nothing in it may change what others mean.
    fn add_extra(&mut self, definition: &SearchParameterDef) -> Result<(), String> {
        compile::check_code(&definition.code)?;
        let types = self.types_of(definition);
        if let Some(base) = definition.base.iter().find(|base| self.definitions.type_named(base).is_none()) {
            return Err(format!("there is no resource type {}", compile::quoted(base)));
        }
        if types.is_empty() {
            return Err("it has no resource type as its base".to_owned());
        }
        let is_taken = |type_name: &&String| {
            self.param(type_name, &definition.code).is_some() || self.is_unsupported(type_name, &definition.code)
        };
        if let Some(type_name) = types.iter().find(is_taken) {
            return Err(format!("{type_name} has a search parameter `{}` already", definition.code));
        }
        if let Some(other) = self.by_id(param_id(&definition.url)) {
            let other = &other.url;
            return Err(format!("the number that its url gives is taken by {}", compile::quoted(other)));
        }
        let compiled = compile::compile(definition, |url| self.by_url(url))?;
        if compiled.kind == Kind::Special {
            return Err(
                "parameters of kind special have rules of their own, which this server does not know".to_owned()
            );
        }
        for type_name in &types {
            compile::check_on(&compiled, type_name, &self.definitions)?;
        }
        self.take(definition, compiled, (&types, true));
        Ok(())
    }

    fn by_url(&self, url: &str) -> Option<(&Param, &str)> {
        let param = self.by_id(param_id(url)).filter(|param| param.url == url)?;
        let definition = self.definitions.search_parameters().iter().find(|definition| definition.url == url);
        Some((param, definition.and_then(|definition| definition.expression.as_deref()).unwrap_or_default()))
    }

    fn take(&mut self, definition: &SearchParameterDef, compiled: Compiled, (types, is_posted): (&[String], bool)) {
        let id = param_id(&definition.url);
        let place = self.params.len();
        // `Resource` as a target leaves all open.
        let is_open = definition.targets.iter().any(|target| !self.definitions.is_resource_type(target));
        let targets = if is_open { Vec::new() } else { definition.targets.clone() };
        let source = definition.expression.as_deref().unwrap_or_default();
        let is_canonical = compiled.kind == Kind::Reference && compile::finds_canonicals(source, &self.definitions);
        self.by_id.insert(id, place);
        self.params.push(Param {
            id,
            code: definition.code.clone(),
            kind: compiled.kind,
            url: definition.url.clone(),
            targets,
            components: compiled.components,
            is_canonical,
            is_posted,
        });
        let parts: Arc<[Part]> = compiled.parts.into();
        let parts_text: String = parts.iter().map(Part::text).collect();
        for type_name in types {
            let of_type = self.by_type.entry(type_name.clone()).or_default();
            if of_type.by_code.contains_key(&definition.code) {
                continue;
            }
            of_type.by_code.insert(definition.code.clone(), place);
            for alternative in &compiled.alternatives {
                // Only the alternatives that can find something in the type are evaluated for it.
                if compile::fits(&alternative.expression, type_name, &self.definitions) {
                    of_type.expressions.push((place, Arc::clone(&alternative.expression)));
                    if !crate::index::is_column(&definition.url) {
                        // What was posted may go again.
                        if !is_posted {
                            of_type.paths.add((id, compiled.kind), alternative.text(&parts_text));
                        }
                        of_type.plan.add((type_name, &self.definitions), alternative, (id, compiled.kind), &parts);
                    }
                }
            }
        }
    }

    fn types_of(&self, definition: &SearchParameterDef) -> Vec<String> {
        let is_base =
            |type_name: &&String| definition.base.iter().any(|base| self.definitions.is_subtype(type_name, base));
        self.definitions.resource_types().iter().filter(is_base).cloned().collect()
    }

    fn finish(&mut self) {
        for (type_name, of_type) in &mut self.by_type {
            of_type.plan.finish();
            of_type.unions = std::mem::take(&mut of_type.paths).unions();
            let codes = self.definitions.compartment_params("Patient", type_name);
            let places: HashSet<usize> = codes.iter().filter_map(|code| of_type.by_code.get(code).copied()).collect();
            let links = of_type.expressions.iter().filter(|(place, _)| places.contains(place));
            of_type.patient_links = links.map(|(_, expression)| Arc::clone(expression)).collect();
        }
    }
}
