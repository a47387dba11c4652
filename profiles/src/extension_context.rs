//! Where an extension may stand: <https://hl7.org/fhir/R4/defining-extensions.html#context>.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use definitions::{ProfileDef, TypeKind};
use fhir::{Node, Severity};
use fhirpath::{Element, Expression, Value};

use crate::path::Path;
use crate::walk::{Place, Walk, shown};

/// The elements of a definition that hold values of any type for others: what is an extension there need not be one here.
const VALUES_OF_OTHERS: [&str; 3] = [".element.pattern", ".element.fixed", ".element.example.value"];
/// R4's own definitions of primitive types have this on the type of their value, which its contexts leave out.
const REGEX: &str = "http://hl7.org/fhir/StructureDefinition/regex";
/// The abstract types of later versions that R4's definitions have by their elements alone.
const CANONICAL: [&str; 2] = ["CanonicalResource", "MetadataResource"];

/// The object that carries an extension.
#[derive(Clone, Copy, Default)]
pub(crate) struct Holder<'v, 'a> {
    /// Its type, as `Address`, `Patient.contact` or `date`.
    pub(crate) type_name: &'v str,
    /// The type of the object around it.
    pub(crate) owner: &'v str,
    pub(crate) node: Option<Node<'a>>,
    /// Of a primitive, the value that the object stands beside.
    pub(crate) value: Option<Node<'a>>,
}

/// The places of the elements that an expression gives, or why it gives none.
type GivenPlaces = Result<HashSet<u32>, String>;

/// What was found out already: the same is asked of each of many extensions.
#[derive(Default)]
pub(crate) struct KnownContexts {
    /// What the expressions on where extensions may stand gave, by the place of the resource and the expression.
    places: RefCell<HashMap<(u32, String), Rc<GivenPlaces>>>,
    /// What the rules on carriers of extensions answered, by the places of the resource and of the carrier, and the rule.
    answers: RefCell<HashMap<(u32, u32, String), Answer>>,
}

/// Whether a rule holds, or why that cannot be told.
type Answer = Result<Option<bool>, String>;

/// Where an extension may stand, compiled.
#[derive(Debug)]
pub(crate) struct ContextRules {
    places: Vec<PlaceRule>,
    /// The places in words.
    said: String,
    /// What must be true of the element that carries the extension.
    invariants: Vec<Compiled>,
}

#[derive(Debug)]
enum PlaceRule {
    /// An element or a type, by its path.
    Element(String),
    /// Within the extension of a url.
    Extension(String),
    /// The elements that an expression on the resource gives.
    Expression(Compiled),
}

#[derive(Debug)]
struct Compiled {
    source: String,
    /// Or why it cannot be read.
    expression: Result<Expression, String>,
    /// Whether it may ask about the extension itself.
    is_of_extension: bool,
}

impl ContextRules {
    pub(crate) fn new(definition: &ProfileDef) -> Self {
        let places = definition.context.iter().map(|context| match context.kind.as_str() {
            "extension" => PlaceRule::Extension(context.expression.clone()),
            "fhirpath" => PlaceRule::Expression(Compiled::new(&context.expression)),
            _ => {
                let path = context.expression.rsplit('#').next().unwrap_or(&context.expression);
                PlaceRule::Element(path.replace("[x]", ""))
            }
        });
        let mut places: Vec<PlaceRule> = places.collect();
        places.extend((definition.url == REGEX).then(|| PlaceRule::Element("ElementDefinition.type".to_owned())));
        let said: Vec<&str> = definition.context.iter().map(|context| context.expression.as_str()).collect();
        Self {
            places,
            said: said.join(", "),
            invariants: definition.context_invariant.iter().map(|source| Compiled::new(source)).collect(),
        }
    }
}

impl Compiled {
    fn new(source: &str) -> Self {
        let expression = Expression::parse(source).map_err(|error| error.to_string());
        let mut variables = source.split('%').skip(1);
        let is_of_extension = !variables.all(|name| name.starts_with("resource") || name.starts_with("rootResource"));
        Self { source: source.to_owned(), expression, is_of_extension }
    }
}

impl<'v, 'a: 'v> Walk<'v, 'a> {
    /// Says so when an extension stands where its definition does not let it.
    pub(crate) fn context(&mut self, place: Place<'_, 'a>, url: &str, rules: &ContextRules) {
        let Some(holder) = place.path.parent() else { return };
        let severity = if self.options.exacting { Severity::Error } else { Severity::Warning };
        let is_there = rules.places.is_empty() || rules.places.iter().any(|rule| self.is_place(place, rule, holder));
        if !is_there && !self.is_value_of_other(holder) {
            return self.report(severity, place, "extension", || {
                format!("extension `{}` may not stand here, but on {}", shown(url), rules.said)
            });
        }
        for invariant in &rules.invariants {
            let Some(answer) = self.invariant_answer(place, invariant) else { return };
            match answer {
                Ok(Some(true)) => {}
                Ok(_) => self.report(severity, place, "extension", || {
                    format!("extension `{}` may not stand here: `{}` does not hold", shown(url), invariant.source)
                }),
                Err(reason) => self.note_unread(place, url, &reason),
            }
        }
    }

    /// Gives what a rule on the carrier of an extension answers, once for all its extensions where it asks nothing about them; `None` when
    /// that cannot be asked.
    fn invariant_answer(&mut self, place: Place<'_, 'a>, invariant: &Compiled) -> Option<Answer> {
        let key = (self.resource.index(), self.holder.node?.index(), invariant.source.clone());
        let known = self.around.contexts.answers.borrow().get(&key).cloned();
        if known.is_some() {
            return known;
        }
        if !self.may_ask(place) {
            return None;
        }
        let element = self.carrier()?;
        let answer = invariant.expression.as_ref().map_err(Clone::clone).and_then(|expression| {
            let mut context = self.fhirpath_context();
            let definitions = self.validator.definitions();
            let own = Value::Node(Element::new(place.node, Some("Extension"), definitions));
            context.variables.push(("extension".to_owned(), vec![own]));
            let answer = expression.holds(&Value::Node(element), &context);
            self.around.budget.spend_context(context.steps_taken.get());
            answer.map_err(|error| error.to_string())
        });
        if !invariant.is_of_extension {
            self.around.contexts.answers.borrow_mut().insert(key, answer.clone());
        }
        Some(answer)
    }

    /// Says whether the budget lets a further expression be evaluated, and tells when it does not.
    fn may_ask(&mut self, place: Place<'_, 'a>) -> bool {
        let may = self.around.budget.has_context_steps();
        if !may {
            self.note_costly(place, "rules on where extensions may stand");
        }
        may
    }

    fn note_unread(&mut self, place: Place<'_, 'a>, url: &str, reason: &str) {
        self.report(Severity::Warning, place, "processing", || {
            format!("where extension `{}` may stand cannot be evaluated: {reason}", shown(url))
        });
    }

    fn is_place(&mut self, place: Place<'_, 'a>, rule: &PlaceRule, holder: &Path<'_>) -> bool {
        match rule {
            PlaceRule::Extension(wanted) => self.extension_urls.last().is_some_and(|url| url == wanted),
            PlaceRule::Element(wanted) => self.is_element(wanted, holder),
            PlaceRule::Expression(compiled) => match self.given_places(place, compiled).as_deref() {
                None => true,
                Some(Ok(given)) => self.holder.node.is_some_and(|node| given.contains(&node.index())),
                Some(Err(reason)) => {
                    let url = place.node.str("url").unwrap_or_default();
                    self.note_unread(place, &url, reason);
                    true
                }
            },
        }
    }

    /// Gives the places of the elements that an expression on the resource gives, found once for each resource: it may have many extensions.
    /// `None` when that cannot be asked.
    fn given_places(&mut self, place: Place<'_, 'a>, compiled: &Compiled) -> Option<Rc<GivenPlaces>> {
        let key = (self.resource.index(), compiled.source.clone());
        let known = self.around.contexts.places.borrow().get(&key).cloned();
        if known.is_some() {
            return known;
        }
        if !self.may_ask(place) {
            return None;
        }
        let given = compiled.expression.as_ref().map_err(Clone::clone).and_then(|expression| {
            let resource = Element::new(self.resource, None, self.validator.definitions());
            let context = self.fhirpath_context();
            let items = expression.evaluate(&Value::Node(resource), &context);
            self.around.budget.spend_context(context.steps_taken.get());
            let items = items.map_err(|error| error.to_string())?;
            let nodes = items.iter().filter_map(Value::element).flat_map(|element| [element.node, element.sibling]);
            Ok(nodes.flatten().map(|node| node.index()).collect())
        });
        let given = Rc::new(given);
        self.around.contexts.places.borrow_mut().insert(key, Rc::clone(&given));
        Some(given)
    }

    fn is_element(&self, wanted: &str, holder: &Path<'_>) -> bool {
        let definitions = self.validator.definitions();
        let Holder { type_name, owner, .. } = self.holder;
        let inner = holder.name();
        matches!(wanted, "Element" | "Any" | "Base")
            || wanted == type_name
            || definitions.is_subtype(type_name, wanted)
            || (CANONICAL.contains(&wanted) && self.validator.is_canonical_type(type_name))
            || wanted
                .split_once('.')
                .is_some_and(|(start, rest)| (start == owner && rest == inner) || self.is_path(start, rest, holder))
            || wanted.strip_suffix(inner).and_then(|rest| rest.strip_suffix('.')) == Some(owner)
    }

    /// Says whether a path of the resource's type leads to the holder.
    fn is_path(&self, start: &str, rest: &str, holder: &Path<'_>) -> bool {
        let own = self.resource.str("resourceType");
        let names = holder.names_in_resource();
        own.as_deref().is_some_and(|own| {
            let is_canonical = CANONICAL.contains(&start) && self.validator.is_canonical_type(own);
            is_canonical || self.validator.definitions().is_subtype(own, start)
        }) && names == rest
    }

    fn is_value_of_other(&self, holder: &Path<'_>) -> bool {
        let names = holder.names_in_resource();
        VALUES_OF_OTHERS.iter().any(|part| names.contains(part))
    }

    /// Gives the element that carries the extension.
    fn carrier(&self) -> Option<Element<'v>> {
        let Holder { type_name, node, value, .. } = self.holder;
        let node: Node<'a> = node?;
        let definitions = self.validator.definitions();
        if let Some(found) = definitions.element(type_name) {
            return Some(Element::nested(node, found));
        }
        let mut element = Element::new(node, Some(type_name), definitions);
        if definitions.type_named(type_name).is_some_and(|own| own.kind == TypeKind::Primitive) {
            (element.node, element.sibling) = (value, Some(node));
        }
        Some(element)
    }
}
