//! The values of an element as profiles see them: a primitive and the extensions beside it are one value.

use fhir::Node;

use crate::primitive::Primitive;
use crate::rule::Child;

/// One value: what stands under `name`, and the id and extensions under `_name`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) value: Option<Node<'a>>,
    pub(crate) shadow: Option<Node<'a>>,
}

impl<'a> Item<'a> {
    /// Makes the item of an object.
    pub(crate) fn of(node: Node<'a>) -> Self {
        Self { value: Some(node), shadow: None }
    }

    /// Gives a node that stands for the item in an issue.
    pub(crate) fn node(&self) -> Option<Node<'a>> {
        self.value.or(self.shadow)
    }

    /// Gives the object that holds the children: for a primitive, the one beside it.
    fn object(&self) -> Option<Node<'a>> {
        self.value.filter(Node::is_object).or(self.shadow)
    }
}

/// All values of a child element.
#[derive(Debug, Clone)]
pub(crate) struct Items<'a> {
    value: Option<Node<'a>>,
    shadow: Option<Node<'a>>,
    /// The type that a choice element took.
    pub(crate) type_code: Option<String>,
}

impl<'a> Items<'a> {
    /// Finds the values of a child element.
    pub(crate) fn of(parent: Item<'a>, child: &Child) -> Self {
        let mut items = Self { value: None, shadow: None, type_code: None };
        let Some(object) = parent.object() else { return items };
        if child.is_choice {
            items.find_choice(object, &child.name);
        } else {
            items.value = object.get(&child.name);
            if items.value.is_none_or(|value| !value.is_object()) {
                items.shadow = object.get(&child.shadow_name);
            }
        }
        items
    }

    /// Finds the values of a child by its name without `[x]`, where nothing tells whether it is a choice.
    pub(crate) fn named(parent: Item<'a>, name: &str) -> Self {
        let mut items = Self { value: None, shadow: None, type_code: None };
        let Some(object) = parent.object() else { return items };
        items.value = object.get(name);
        items.shadow = object.get(&format!("_{name}"));
        if items.value.is_none() && items.shadow.is_none() {
            items.find_choice(object, name);
        }
        items
    }

    fn find_choice(&mut self, object: Node<'a>, name: &str) {
        for (key, value) in object.members() {
            let plain = key.strip_prefix('_').unwrap_or(&key);
            let suffix = plain.strip_prefix(name).filter(|suffix| suffix.starts_with(|c: char| c.is_ascii_uppercase()));
            let Some(suffix) = suffix else { continue };
            let primitive =
                suffix.get(..1).map(|first| first.to_ascii_lowercase() + suffix.get(1..).unwrap_or_default());
            let primitive = primitive.filter(|name| Primitive::parse(name).is_some());
            self.type_code = Some(primitive.unwrap_or_else(|| suffix.to_owned()));
            if key.starts_with('_') {
                self.shadow = Some(value);
            } else {
                self.value = Some(value);
            }
        }
    }

    /// Says whether the values are written as a list.
    pub(crate) fn is_list(&self) -> bool {
        self.value.or(self.shadow).is_some_and(|node| node.is_array())
    }

    /// Iterates over the values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let mut values = self.value.map(|node| node.each());
        let mut shadows = self.shadow.map(|node| node.each());
        std::iter::from_fn(move || {
            let value = values.as_mut().and_then(Iterator::next);
            let shadow = shadows.as_mut().and_then(Iterator::next);
            (value.is_some() || shadow.is_some()).then(|| Item {
                value: value.filter(|node| !node.is_null()),
                shadow: shadow.filter(|node| !node.is_null()),
            })
        })
    }
}
