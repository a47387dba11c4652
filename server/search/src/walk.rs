//! The plain paths of a type as one tree: a single walk over the document finds what all of them find.

use std::borrow::Cow;

use definitions::{Definitions, ElementDef, TypeDef, TypeKind};
use fhir::Node;
use fhirpath::{Expression, Stride};

use crate::composite;
use crate::index::IndexValue;
use crate::index_values::{self, Found};
use crate::param::Kind;
use crate::plan::Part;

/// Which parameters are wanted.
pub(crate) type Wanted<'w> = &'w dyn Fn(u32) -> bool;

/// A place of the tree.
#[derive(Default)]
pub(crate) struct Branch {
    /// By key.
    edges: Vec<Edge>,
    /// What the element here is an index value of.
    leaves: Vec<Leaf>,
}

/// A member as JSON has it: of a choice, one for each type.
struct Edge {
    key: Box<str>,
    type_name: Box<str>,
    is_primitive: bool,
    branch: Branch,
}

/// A parameter, or a composite one with the paths of its components from here.
struct Leaf {
    param: u32,
    kind: Kind,
    parts: Vec<(Kind, Branch)>,
}

/// What is known of an element.
#[derive(Clone, Copy)]
pub(crate) enum Shape<'d> {
    Type(&'d TypeDef),
    Nested(&'d ElementDef),
}

impl<'d> Shape<'d> {
    fn elements(self, definitions: &'d Definitions) -> &'d [ElementDef] {
        match self {
            Shape::Type(found) => &found.elements,
            Shape::Nested(element) => definitions.children(element),
        }
    }

    fn type_name(self) -> &'d str {
        match self {
            Shape::Type(found) => &found.name,
            Shape::Nested(element) => element.types.first().map_or("", |t| t.code.as_str()),
        }
    }

    fn is_primitive(self) -> bool {
        matches!(self, Shape::Type(found) if found.kind == TypeKind::Primitive)
    }

    /// The members that a step leads to; `None` where the document alone tells what lies there.
    fn step(self, stride: Stride<'_>, definitions: &'d Definitions) -> Option<Vec<(Cow<'d, str>, Shape<'d>)>> {
        if self.is_primitive() {
            return None;
        }
        let element = self.elements(definitions).iter().find(|element| element.name == stride.name);
        let Some(element) = element else { return Some(Vec::new()) };
        let is_nested = !element.children.is_empty() || element.content_reference.is_some();
        let members = if is_nested {
            vec![(Cow::Borrowed(element.name.as_str()), Shape::Nested(element))]
        } else {
            // The table gives ids and values of primitives with their System type, which the evaluator knows how to read.
            let shapes = element.types.iter().map(|t| definitions.type_named(&t.code).map(Shape::Type));
            let named = shapes.map(|shape| {
                let shape = shape?;
                let key = if element.is_choice {
                    choice_key(&element.name, shape.type_name())
                } else {
                    Cow::Borrowed(element.name.as_str())
                };
                Some((key, shape))
            });
            let members = named.collect::<Option<Vec<_>>>()?;
            if element.is_choice { members } else { members.into_iter().take(1).collect() }
        };
        if members.iter().any(|(_, shape)| matches!(shape, Shape::Type(found) if found.kind == TypeKind::Resource)) {
            return None;
        }
        let is_wanted = |shape: Shape<'_>| match stride.of_type {
            None => true,
            Some(wanted) if shape.is_primitive() => shape.type_name() == wanted,
            Some(wanted) => definitions.is_subtype(shape.type_name(), wanted),
        };
        Some(members.into_iter().filter(|(_, shape)| is_wanted(*shape)).collect())
    }
}

/// `valueQuantity` of `value` and `Quantity`.
pub(crate) fn choice_key(stem: &str, type_name: &str) -> Cow<'static, str> {
    let mut letters = type_name.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    Cow::Owned(stem.chars().chain(first).chain(letters).collect())
}

/// The members on the way to an element, with their keys and shapes.
type Way<'d> = Vec<(Cow<'d, str>, Shape<'d>)>;

/// Most ways of one path: a choice of fifty types after another multiplies them.
const WAYS_MAX: usize = 1000;

/// The ways to the elements that a path leads to; `None` when only evaluation can tell.
fn ways<'d>(start: Shape<'d>, strides: &[Stride<'_>], definitions: &'d Definitions) -> Option<Vec<Way<'d>>> {
    let Some((stride, rest)) = strides.split_first() else { return Some(vec![Vec::new()]) };
    let mut found = Vec::new();
    for (key, shape) in start.step(*stride, definitions)? {
        for way in ways(shape, rest, definitions)? {
            found.push([vec![(key.clone(), shape)], way].concat());
        }
        if found.len() > WAYS_MAX {
            return None;
        }
    }
    Some(found)
}

impl Branch {
    /// Adds a path of a parameter; `false` when only evaluation can tell what it finds.
    pub(crate) fn add<'d>(
        &mut self,
        start: Shape<'d>,
        expression: &Expression,
        (param, kind): (u32, Kind),
        parts: &[Part],
        definitions: &'d Definitions,
    ) -> bool {
        let Some(strides) = expression.strides() else { return false };
        // Only a composite looks at the element where the tree begins.
        if strides.is_empty() && parts.is_empty() {
            return false;
        }
        let Some(ways) = ways(start, &strides, definitions) else { return false };
        let leaf = |way: &Way<'d>| {
            let at = way.last().map_or(start, |(_, shape)| *shape);
            let parts = parts.iter().map(|part| Self::of_part(at, part, definitions));
            Some(Leaf { param, kind, parts: parts.collect::<Option<_>>()? })
        };
        let Some(leaves) = ways.iter().map(leaf).collect::<Option<Vec<_>>>() else { return false };
        for (way, leaf) in ways.iter().zip(leaves) {
            self.place(way, leaf);
        }
        true
    }

    fn of_part<'d>(start: Shape<'d>, part: &Part, definitions: &'d Definitions) -> Option<(Kind, Branch)> {
        let mut branch = Branch::default();
        let is_whole = part.expressions.iter().all(|one| branch.add(start, one, (0, part.kind), &[], definitions));
        is_whole.then_some((part.kind, branch))
    }

    fn place(&mut self, way: &[(Cow<'_, str>, Shape<'_>)], leaf: Leaf) {
        let Some(((key, shape), way)) = way.split_first() else {
            self.leaves.push(leaf);
            return;
        };
        let at = match self.edges.binary_search_by(|edge| (*edge.key).cmp(key)) {
            Ok(at) => at,
            Err(at) => {
                let (type_name, is_primitive) = (shape.type_name().into(), shape.is_primitive());
                self.edges
                    .insert(at, Edge { key: Box::from(&**key), type_name, is_primitive, branch: Branch::default() });
                at
            }
        };
        if let Some(edge) = self.edges.get_mut(at) {
            edge.branch.place(way, leaf);
        }
    }

    /// Gives what the paths of the parameters that are wanted find in the element, with the number of the parameter.
    pub(crate) fn walk(&self, node: Node<'_>, wanted: Wanted<'_>, out: &mut dyn FnMut(u32, IndexValue)) {
        for leaf in self.leaves.iter().filter(|leaf| wanted(leaf.param)) {
            // An element that is looked at as a whole, by a composite.
            leaf.composites(node, out);
        }
        self.members(node, wanted, out);
    }

    fn members(&self, node: Node<'_>, wanted: Wanted<'_>, out: &mut dyn FnMut(u32, IndexValue)) {
        if self.edges.is_empty() {
            return;
        }
        for (name, value) in node.members() {
            let Ok(at) = self.edges.binary_search_by(|edge| (*edge.key).cmp(&*name)) else { continue };
            let Some(edge) = self.edges.get(at) else { continue };
            for node in value.each() {
                edge.visit(node, wanted, out);
            }
        }
    }
}

impl Edge {
    fn visit(&self, node: Node<'_>, wanted: Wanted<'_>, out: &mut dyn FnMut(u32, IndexValue)) {
        let Some(found) = Found::of(node, &self.type_name, self.is_primitive) else { return };
        for leaf in self.branch.leaves.iter().filter(|leaf| wanted(leaf.param)) {
            if leaf.parts.is_empty() {
                index_values::each(leaf.kind, &found, &mut |value| out(leaf.param, value));
            } else {
                leaf.composites(node, out);
            }
        }
        self.branch.members(node, wanted, out);
    }
}

impl Leaf {
    fn composites(&self, node: Node<'_>, out: &mut dyn FnMut(u32, IndexValue)) {
        let mut parts = Vec::with_capacity(self.parts.len());
        for (kind, branch) in &self.parts {
            let mut values = Vec::new();
            branch.members(node, &|_| true, &mut |_, value| values.extend(composite::of_part(*kind, value)));
            if values.is_empty() {
                return;
            }
            parts.push(values);
        }
        composite::combine(&parts, &mut |value| out(self.param, value));
    }
}
