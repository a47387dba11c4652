//! A place in a document with its type from the element table, and the way to its children.

use std::borrow::Cow;

use definitions::{Definitions, ElementDef, TypeDef, TypeKind};
use fhir::Node;

use crate::ast::Step;
use crate::value::Value;

/// Where found children go: walking a path makes no collections in between.
pub(crate) type Sink<'s, 'a> = &'s mut dyn FnMut(Value<'a>);

/// An element of a document, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    /// The JSON value; absent for a primitive that only has extensions, and for a reference that could not be followed.
    pub node: Option<Node<'a>>,
    /// The sibling object (`_birthDate`) with the id and extensions of a primitive.
    pub sibling: Option<Node<'a>>,
    pub(crate) shape: Shape<'a>,
}

/// What is known of an element's type.
#[derive(Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// A resource, datatype or primitive.
    Type(&'a TypeDef),
    /// An element with children of its own (`Patient.contact`).
    Nested(&'a ElementDef),
    /// Not in the table.
    Unknown,
}

impl std::fmt::Debug for Shape<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name().unwrap_or("?"))
    }
}

impl<'a> Shape<'a> {
    pub(crate) fn elements(self) -> &'a [ElementDef] {
        match self {
            Shape::Type(definition) => &definition.elements,
            Shape::Nested(definition) => &definition.children,
            Shape::Unknown => &[],
        }
    }

    pub(crate) fn element(self, name: &str) -> Option<&'a ElementDef> {
        self.elements().iter().find(|element| element.name == name)
    }

    /// Name of the type; a nested element has the name of its structural type.
    pub(crate) fn name(self) -> Option<&'a str> {
        match self {
            Shape::Type(definition) => Some(&definition.name),
            Shape::Nested(definition) => definition.types.first().map(|t| t.code.as_str()),
            Shape::Unknown => None,
        }
    }

    pub(crate) fn is_primitive(self) -> bool {
        matches!(self, Shape::Type(definition) if definition.kind == TypeKind::Primitive)
    }
}

impl<'a> Element<'a> {
    /// The element at a node whose type has that name; a resource's own `resourceType` wins.
    pub fn new(node: Node<'a>, type_name: Option<&str>, definitions: &'a Definitions) -> Element<'a> {
        Element { node: Some(node), sibling: None, shape: shape_of(node, type_name, definitions) }
    }

    /// An element without content that has a type: what an unresolved reference to `Patient/1` stands for.
    pub(crate) fn hollow(type_name: &str, definitions: &'a Definitions) -> Option<Element<'a>> {
        let definition = definitions.type_named(type_name)?;
        Some(Element { node: None, sibling: None, shape: Shape::Type(definition) })
    }

    /// The element at a node that is one of those with children of their own, as `Patient.contact`.
    pub fn nested(node: Node<'a>, definition: &'a ElementDef) -> Element<'a> {
        Element { node: Some(node), sibling: None, shape: Shape::Nested(definition) }
    }

    /// Name of the element's type, where known.
    pub fn type_name(&self) -> Option<&'a str> {
        self.shape.name()
    }

    /// Name of the element's type; of an element with children of its own (`Patient.contact`) its path.
    pub fn type_path(&self) -> Option<&'a str> {
        match self.shape {
            Shape::Nested(definition) => Some(&definition.path),
            shape => shape.name(),
        }
    }

    /// Whether the element is a primitive.
    pub fn is_primitive(&self) -> bool {
        match self.shape {
            Shape::Unknown => self.node.is_some_and(|node| !node.is_object()),
            shape => shape.is_primitive(),
        }
    }

    /// Whether the element's type is that type or derives from it.
    pub fn is_a(&self, type_name: &str, definitions: &Definitions) -> bool {
        self.shape.name().is_some_and(|own| definitions.is_subtype(own, type_name))
    }

    /// Whether the element is that text; `None` when it is none, or one that stands for something else.
    pub(crate) fn is_text(&self, text: &str) -> Option<bool> {
        if matches!(self.type_name(), Some("date" | "dateTime" | "instant" | "time")) {
            return None;
        }
        Some(self.node?.as_str()? == text)
    }

    /// The text of a property of a complex element.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.node?.str(name)
    }

    /// Adds the children that the step names.
    pub(crate) fn push_children(&self, step: &Step, definitions: &'a Definitions, out: Sink<'_, 'a>) {
        if &*step.name == "value" && self.shape.is_primitive() {
            // Of a primitive it is the value itself, without what is beside it.
            Value::Node(*self).system().into_iter().for_each(out);
            return;
        }
        let holder = match (self.node, self.sibling) {
            (Some(node), _) if node.is_object() => node,
            // A primitive has nothing below it but its id and extensions.
            (_, Some(sibling)) => sibling,
            _ => return,
        };
        let definition = self.shape.element(&step.name);
        let found = match definition {
            Some(definition) if definition.is_choice => {
                push_choice(holder, definition, definitions, out);
                return;
            }
            Some(_) => holder.get(&step.name),
            // In a known type only what the type defines is an element; `resourceType` never is.
            None if !matches!(self.shape, Shape::Unknown) => return,
            None => holder.get(&step.name).filter(|_| &*step.name != "resourceType"),
        };
        let shape = definition.map_or(Shape::Unknown, |definition| shape_of_element(definition, definitions));
        push_each(found, || holder.get(&step.sibling), shape, definitions, out);
    }

    /// Adds all children, in document order.
    pub(crate) fn push_all_children(&self, definitions: &'a Definitions, out: Sink<'_, 'a>) {
        let objects = [self.node.filter(Node::is_object), self.sibling];
        for holder in objects.into_iter().flatten() {
            for (key, value) in holder.members() {
                if key == "resourceType" {
                    continue;
                }
                let name = key.strip_prefix('_').unwrap_or(&key);
                let is_sibling = name.len() < key.len();
                if is_sibling && holder.get(name).is_some() {
                    continue;
                }
                let shape = match self.shape.element(name) {
                    Some(definition) => shape_of_element(definition, definitions),
                    None => self.choice_shape(name, definitions),
                };
                if is_sibling {
                    push_each(None, || Some(value), shape, definitions, out);
                } else {
                    push_each(Some(value), || sibling_of(holder, name), shape, definitions, out);
                }
            }
        }
    }

    fn choice_shape(&self, key: &str, definitions: &'a Definitions) -> Shape<'a> {
        let mut choices = self.shape.elements().iter().filter(|element| element.is_choice);
        let found = choices.find_map(|element| choice_type(element, key, definitions));
        found.map_or(Shape::Unknown, Shape::Type)
    }
}

/// The type of a node: of the resource that it is, else of that name.
pub(crate) fn shape_of<'a>(node: Node<'a>, type_name: Option<&str>, definitions: &'a Definitions) -> Shape<'a> {
    let own = node.str("resourceType");
    let found = own.as_deref().or(type_name).and_then(|name| definitions.type_named(name));
    found.map_or(Shape::Unknown, Shape::Type)
}

/// The types of a choice.
pub(crate) fn choice_shapes<'a>(definition: &'a ElementDef, definitions: &'a Definitions) -> Vec<Shape<'a>> {
    let types = definition.types.iter().filter_map(|t| definitions.type_named(&t.code));
    types.map(Shape::Type).collect()
}

pub(crate) fn shape_of_element<'a>(definition: &'a ElementDef, definitions: &'a Definitions) -> Shape<'a> {
    if !definition.children.is_empty() {
        return Shape::Nested(definition);
    }
    if let Some(path) = &definition.content_reference {
        return definitions.element(path).map_or(Shape::Unknown, Shape::Nested);
    }
    let code = definition.types.first().map(|t| t.code.as_str()).unwrap_or_default();
    // The table gives ids and values of primitives with their System type.
    let code = match code.rsplit_once('.') {
        Some((_, "String")) => "string",
        Some((_, system)) => system,
        None => code,
    };
    definitions.type_named(code).map_or(Shape::Unknown, Shape::Type)
}

fn push_choice<'a>(holder: Node<'a>, definition: &'a ElementDef, definitions: &'a Definitions, out: Sink<'_, 'a>) {
    for (key, value) in holder.entries() {
        let Some(key) = key.as_str() else { continue };
        let (name, is_sibling) = match key.strip_prefix('_') {
            Some(name) => (name, true),
            None => (&*key, false),
        };
        if !name.starts_with(definition.name.as_str()) || (is_sibling && holder.get(name).is_some()) {
            continue;
        }
        let Some(found) = choice_type(definition, name, definitions) else { continue };
        if is_sibling {
            push_each(None, || Some(value), Shape::Type(found), definitions, out);
        } else {
            push_each(Some(value), || sibling_of(holder, name), Shape::Type(found), definitions, out);
        }
    }
}

/// The member that carries the id and extensions of a primitive.
fn sibling_of<'a>(holder: Node<'a>, name: &str) -> Option<Node<'a>> {
    let is_sibling = |key: Node<'a>| key.as_str().is_some_and(|key| key.strip_prefix('_') == Some(name));
    holder.entries().find(|(key, _)| is_sibling(*key)).map(|(_, value)| value)
}

fn choice_type<'a>(definition: &'a ElementDef, key: &str, definitions: &'a Definitions) -> Option<&'a TypeDef> {
    let suffix = key.strip_prefix(definition.name.as_str())?;
    let is_type = |code: &str| {
        // `valueQuantity` for Quantity, `valueDateTime` for dateTime.
        let (mut left, mut right) = (code.chars(), suffix.chars());
        left.next().map(|c| c.to_ascii_uppercase()) == right.next() && left.as_str() == right.as_str()
    };
    let found = definition.types.iter().find(|t| is_type(&t.code))?;
    definitions.type_named(&found.code)
}

fn push_each<'a>(
    found: Option<Node<'a>>,
    sibling: impl FnOnce() -> Option<Node<'a>>,
    shape: Shape<'a>,
    definitions: &'a Definitions,
    out: Sink<'_, 'a>,
) {
    let may_have_sibling = shape.is_primitive() || matches!(shape, Shape::Unknown);
    let sibling = if may_have_sibling { sibling() } else { None };
    let make = |node: Option<Node<'a>>, sibling: Option<Node<'a>>| {
        let node = node.filter(|node| !node.is_null());
        let sibling = sibling.filter(Node::is_object);
        // A contained resource, an entry's resource or a parameter's resource names its own type.
        let shape = match (shape, node) {
            (Shape::Type(definition), Some(node)) if definition.kind == TypeKind::Resource => {
                shape_of(node, Some(&definition.name), definitions)
            }
            (Shape::Unknown, Some(node)) if node.is_object() => shape_of(node, None, definitions),
            _ => shape,
        };
        (node.is_some() || sibling.is_some()).then_some(Value::Node(Element { node, sibling, shape }))
    };
    let array = found.filter(Node::is_array).or(sibling.filter(Node::is_array));
    if array.is_none() {
        make(found, sibling).into_iter().for_each(out);
        return;
    }
    let mut siblings = sibling.into_iter().flat_map(|sibling| sibling.items());
    let mut nodes = found.into_iter().flat_map(|found| found.items());
    loop {
        let (node, sibling) = (nodes.next(), siblings.next());
        if node.is_none() && sibling.is_none() {
            return;
        }
        make(node, sibling).into_iter().for_each(&mut *out);
    }
}
