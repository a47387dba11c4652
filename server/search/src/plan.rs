//! What is evaluated to index a resource of one type, and in which order.

use std::collections::HashMap;
use std::sync::Arc;

use definitions::Definitions;
use fhir::Node;
use fhirpath::Expression;

use crate::param::Kind;
use crate::walk::{Branch, Shape};

/// One of the paths of a parameter.
pub(crate) struct Alternative {
    pub(crate) expression: Arc<Expression>,
    /// Alike for expressions that find the same.
    key: String,
}

impl Alternative {
    pub(crate) fn new(expression: Expression) -> Alternative {
        let key = expression.alike();
        Alternative { expression: Arc::new(expression), key }
    }

    /// A text that is alike for paths, with the components of their elements, that find the same.
    pub(crate) fn text(&self, parts: &str) -> String {
        format!("{} {parts}", self.key)
    }
}

/// How a component of a composite parameter finds its values, from an element that the composite found.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    pub(crate) expressions: Vec<Expression>,
}

impl Part {
    /// A text that is alike for components that find the same.
    pub(crate) fn text(&self) -> String {
        let paths: Vec<String> = self.expressions.iter().map(Expression::alike).collect();
        format!("{:?} {paths:?} ", self.kind)
    }
}

/// For which parameter an expression is evaluated.
pub(crate) struct Use {
    pub(crate) param: u32,
    pub(crate) kind: Kind,
    /// Of a composite.
    pub(crate) parts: Arc<[Part]>,
}

/// An expression with all parameters that it serves.
pub(crate) struct Work {
    pub(crate) expression: Arc<Expression>,
    pub(crate) uses: Vec<Use>,
}

/// The paths of a type as a tree, and the other expressions, each once, grouped by the member without which they find nothing.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) tree: Branch,
    groups: Vec<(Option<Box<str>>, Vec<Work>)>,
    known: HashMap<String, (usize, usize)>,
}

impl Plan {
    /// Adds one of the paths of a parameter of the type.
    pub(crate) fn add(
        &mut self,
        (type_name, definitions): (&str, &Definitions),
        alternative: &Alternative,
        (param, kind): (u32, Kind),
        parts: &Arc<[Part]>,
    ) {
        if let Some(start) = definitions.type_named(type_name).map(Shape::Type)
            && self.tree.add(start, &alternative.expression, (param, kind), parts, definitions)
        {
            return;
        }
        let used = Use { param, kind, parts: Arc::clone(parts) };
        if let Some((group, work)) = self.known.get(&alternative.key)
            && let Some(work) = self.groups.get_mut(*group).and_then(|(_, works)| works.get_mut(*work))
        {
            work.uses.push(used);
            return;
        }
        let member = alternative.expression.opening_member();
        let place = match self.groups.iter().position(|(known, _)| known.as_deref() == member) {
            Some(place) => place,
            None => {
                self.groups.push((member.map(Box::from), Vec::new()));
                self.groups.len() - 1
            }
        };
        let Some((_, works)) = self.groups.get_mut(place) else { return };
        self.known.insert(alternative.key.clone(), (place, works.len()));
        works.push(Work { expression: Arc::clone(&alternative.expression), uses: vec![used] });
    }

    /// Forgets what only [`Plan::add`] needs.
    pub(crate) fn finish(&mut self) {
        self.known = HashMap::new();
    }

    /// The expressions that can find something in the resource.
    pub(crate) fn works<'p>(&'p self, resource: Node<'_>) -> impl Iterator<Item = &'p Work> {
        let members: Vec<_> = resource.members().map(|(name, _)| name).collect();
        let is_there = move |member: &Option<Box<str>>| match member {
            Some(member) => members.iter().any(|name| opens(name, member)),
            None => true,
        };
        self.groups.iter().filter(move |(member, _)| is_there(member)).flat_map(|(_, works)| works)
    }
}

/// Whether an object has a member of that name: `value` stands for `valueQuantity` and `_valueString`, too.
pub(crate) fn has_member(node: Node<'_>, member: &str) -> bool {
    node.members().any(|(name, _)| opens(&name, member))
}

fn opens(name: &str, member: &str) -> bool {
    name.strip_prefix('_').unwrap_or(name).starts_with(member)
}
