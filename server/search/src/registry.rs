//! Every search parameter of the definitions, by type and code, with its compiled expression.

use std::collections::{BTreeMap, HashMap, HashSet};

use definitions::{Definitions, SearchParameterDef};
use fhir::Json;
use fhirpath::Expression;

use crate::param::{Kind, Param, param_id};

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
    faults: Vec<String>,
}

/// The parameters of one type, in the order of their codes.
#[derive(Default)]
pub(crate) struct TypeParams {
    by_code: BTreeMap<String, usize>,
    /// Expressions that apply to the type, with their parameter's place.
    pub(crate) expressions: Vec<(usize, Expression)>,
    /// Expressions that link the type into the Patient compartment.
    pub(crate) patient_links: Vec<Expression>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry({} parameters, generation {})", self.params.len(), self.definitions.generation())
    }
}

impl Registry {
    /// Compiles the parameters of the definitions. One that cannot be compiled is not supported: see [`Registry::faults`].
    pub fn new(definitions: &Definitions) -> Registry {
        let mut registry = Registry {
            definitions: definitions.clone(),
            params: Vec::new(),
            by_id: HashMap::new(),
            by_type: HashMap::new(),
            unsupported: HashSet::new(),
            unknown_patient: Json::from_value(&serde_json::json!({"resourceType": "Patient"})),
            faults: Vec::new(),
        };
        // In the order of their urls, so that which of two definitions of one code counts does not depend on the source.
        let mut ordered: Vec<&SearchParameterDef> = definitions.search_parameters().iter().collect();
        ordered.sort_by(|left, right| left.url.cmp(&right.url));
        for definition in ordered {
            registry.add(definition);
        }
        registry.link_patients();
        registry
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
        let expressions = self.of_type(type_name).into_iter().flat_map(|of_type| &of_type.expressions);
        let places = expressions.filter(|(place, _)| self.at(*place).is_some_and(|param| param.id == id));
        let mut systems = Vec::new();
        for (_, expression) in places {
            let element = expression.plain_path().and_then(|path| self.definitions.element(&path));
            let Some(element) = element.filter(|element| element.has_type("code")) else { return Vec::new() };
            let value_set = element.binding.as_ref().and_then(|bound| self.definitions.value_set(&bound.value_set));
            let includes = value_set.into_iter().flat_map(|value_set| &value_set.include);
            systems.extend(includes.filter_map(|include| include.system.as_deref()));
        }
        systems
    }

    pub(crate) fn of_type(&self, type_name: &str) -> Option<&TypeParams> {
        self.by_type.get(type_name)
    }

    pub(crate) fn at(&self, place: usize) -> Option<&Param> {
        self.params.get(place)
    }

    fn add(&mut self, definition: &SearchParameterDef) {
        let types = self.types_of(definition);
        let Some((kind, alternatives)) = self.compile(definition) else {
            let code = &definition.code;
            self.unsupported.extend(types.into_iter().map(|type_name| (type_name, code.clone())));
            return;
        };
        let id = param_id(&definition.url);
        if self.by_id.contains_key(&id) {
            self.faults.push(format!("{}: its number is taken", definition.url));
            return;
        }
        let place = self.params.len();
        self.by_id.insert(id, place);
        self.params.push(Param {
            id,
            code: definition.code.clone(),
            kind,
            url: definition.url.clone(),
            targets: definition.targets.clone(),
            components: Vec::new(),
        });
        for type_name in types {
            let of_type = self.by_type.entry(type_name.clone()).or_default();
            if of_type.by_code.contains_key(&definition.code) {
                continue;
            }
            of_type.by_code.insert(definition.code.clone(), place);
            // Only the alternatives that can find something in the type are evaluated for it.
            let fitting = alternatives.iter().filter(|expression| {
                expression.opening_type().is_none_or(|opening| self.definitions.is_subtype(&type_name, opening))
            });
            of_type.expressions.extend(fitting.map(|expression| (place, expression.clone())));
        }
    }

    fn compile(&mut self, definition: &SearchParameterDef) -> Option<(Kind, Vec<Expression>)> {
        let kind = Kind::parse(&definition.kind)?;
        let source = definition.expression.as_deref()?;
        if matches!(kind, Kind::Composite | Kind::Special) {
            return None;
        }
        match Expression::parse(source) {
            Ok(expression) => Some((kind, expression.alternatives())),
            Err(error) => {
                self.faults.push(format!("{}: {error}", definition.url));
                None
            }
        }
    }

    fn types_of(&self, definition: &SearchParameterDef) -> Vec<String> {
        let is_base =
            |type_name: &&String| definition.base.iter().any(|base| self.definitions.is_subtype(type_name, base));
        self.definitions.resource_types().iter().filter(is_base).cloned().collect()
    }

    fn link_patients(&mut self) {
        for (type_name, of_type) in &mut self.by_type {
            let codes = self.definitions.compartment_params("Patient", type_name);
            let places: HashSet<usize> = codes.iter().filter_map(|code| of_type.by_code.get(code).copied()).collect();
            let links = of_type.expressions.iter().filter(|(place, _)| places.contains(place));
            of_type.patient_links = links.map(|(_, expression)| expression.clone()).collect();
        }
    }
}
