//! What an evaluation may know beyond its focus.

use std::cell::Cell;

use definitions::Definitions;
use fhir::Node;

use crate::element::Element;
use crate::temporal::Temporal;
use crate::value::Value;

/// What following a reference gave.
#[derive(Debug, Clone, Copy)]
pub enum Resolved<'a> {
    /// The resource.
    Found(Node<'a>),
    /// The host does not look: the type is taken from the reference itself.
    Unknown,
    /// The host looked, and there is nothing.
    Missing,
}

/// Answers to what only the surroundings know; upper crates implement it.
pub trait Host {
    /// Follows a reference that is not a contained one; the text of a logical reference is empty.
    fn resolve(&self, reference: &str) -> Resolved<'_> {
        let _ = reference;
        Resolved::Unknown
    }

    /// Whether the code is in the value set; `None` when that cannot be told.
    fn member_of(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        let _ = (value_set, system, code);
        None
    }

    /// Whether a concept of a code system is the other one or above it; `None` when that cannot be told.
    fn subsumes(&self, system: &str, code: &str, other: &str) -> Option<bool> {
        let _ = (system, code, other);
        None
    }

    /// Takes what `trace()` is given: its name, and the items.
    fn trace(&self, name: &str, items: &[Value<'_>]) {
        let _ = (name, items);
    }

    /// Whether the element conforms to the profile; `None` when that cannot be told.
    fn conforms_to(&self, element: &Element<'_>, profile: &str) -> Option<bool> {
        let _ = (element, profile);
        None
    }
}

/// A host that knows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHost;

impl Host for NoHost {}

/// The surroundings of an evaluation.
#[derive(Clone)]
pub struct Context<'a> {
    /// The element table.
    pub definitions: &'a Definitions,
    /// Answers from outside.
    pub host: &'a dyn Host,
    /// `%resource`: the resource that holds the focus (a contained resource is one of its own).
    pub resource: Option<Value<'a>>,
    /// `%rootResource`: the outermost resource.
    pub root_resource: Option<Value<'a>>,
    /// The clock of `now()`, `today()` and `timeOfDay()`; without one they cannot be answered.
    pub now: Option<Temporal>,
    /// Further variables.
    pub variables: Vec<(String, Vec<Value<'a>>)>,
    /// Whether `as` takes a single item only, as the language says; R4's search parameters and invariants use it on many.
    pub is_strict: bool,
    /// How many steps one evaluation may take; long texts and large collections count for many.
    pub steps_max: u64,
    /// How many steps [`crate::Expression::holds`] and [`crate::Expression::evaluate`] took with this context, together.
    pub steps_taken: Cell<u64>,
}

/// Enough for every R4 invariant on a large Bundle, and under a tenth of a second.
const STEPS_MAX: u64 = 1_000_000;

impl<'a> Context<'a> {
    /// A context for expressions on that resource.
    pub fn new(resource: Node<'a>, definitions: &'a Definitions, host: &'a dyn Host) -> Context<'a> {
        let root = Value::Node(Element::new(resource, None, definitions));
        Context {
            definitions,
            host,
            resource: Some(root.clone()),
            root_resource: Some(root),
            now: None,
            variables: Vec::new(),
            is_strict: false,
            steps_max: STEPS_MAX,
            steps_taken: Cell::new(0),
        }
    }
}
