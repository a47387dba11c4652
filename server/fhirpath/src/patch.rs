//! FHIRPath Patch: a Parameters resource that says by path what to change. <https://hl7.org/fhir/R4/fhirpatch.html>
//!
//! A change is made in the text of the element's own list, so that all else stays byte for byte. What it makes is not checked here:
//! the caller validates it.

use definitions::{Definitions, ElementDef, TypeKind};
use fhir::{Json, Node, Pointer, PointerError};

use crate::context::{Context, NoHost};
use crate::element::{Element, Shape, shape_of, shape_of_element};
use crate::error::{FhirpathError, PatchError};
use crate::expression::Expression;

/// Most operations of one patch.
const OPERATIONS_MAX: usize = 500;

/// Steps that the paths of all operations may take together.
const STEPS_MAX: u64 = 2_000_000;

/// How deep the parts of a value may nest.
const VALUE_DEPTH_MAX: usize = 20;

/// Applies a patch to a resource: all of its operations, or none.
pub fn apply_patch(resource: &Json, parameters: &Json, definitions: &Definitions) -> Result<Json, PatchError> {
    if parameters.resource_type() != Some("Parameters") {
        return Err(PatchError::NotAPatch);
    }
    let operations: Vec<Node<'_>> =
        parameters.root().get("parameter").into_iter().flat_map(|list| list.items()).collect();
    if operations.len() > OPERATIONS_MAX {
        return Err(PatchError::TooMany);
    }
    let steps_max = STEPS_MAX / operations.len().max(1) as u64;
    operations.iter().enumerate().try_fold(resource.clone(), |json, (index, node)| {
        let operation = Operation { node: *node, index, definitions, steps_max };
        operation.apply(&json)
    })
}

/// One operation with its surroundings.
struct Operation<'p> {
    node: Node<'p>,
    index: usize,
    definitions: &'p Definitions,
    steps_max: u64,
}

/// Where in a document a list, or a single value, is.
struct Place {
    holder: Pointer,
    key: String,
    position: usize,
}

/// A value with what JSON keeps beside it (`_birthDate`).
#[derive(Clone, Default)]
struct Item {
    value: Option<String>,
    sibling: Option<String>,
}

/// A value of the patch, and how its type is spelt in the name of a choice (`Quantity` of `valueQuantity`).
struct Given {
    item: Item,
    suffix: String,
}

impl Operation<'_> {
    fn apply(&self, json: &Json) -> Result<Json, PatchError> {
        if self.node.str("name").as_deref() != Some("operation") {
            return Err(self.malformed("name"));
        }
        match self.part("type").and_then(|part| part.str("valueCode")).as_deref() {
            Some("add") => self.add(json),
            Some("insert") => self.insert(json),
            Some("delete") => self.delete(json),
            Some("replace") => self.replace(json),
            Some("move") => self.move_item(json),
            _ => Err(self.malformed("type")),
        }
    }

    fn add(&self, json: &Json) -> Result<Json, PatchError> {
        let name = self.part("name").and_then(|part| part.str("valueString")).ok_or_else(|| self.malformed("name"))?;
        let found = self.evaluate(json)?;
        let [target] = found.as_slice() else { return Err(self.not_single(&found)) };
        let definition = target.shape.element(&name).ok_or_else(|| self.unknown(&name))?;
        let (holder, _) = self.pointer(target)?;
        let given = self.given(definition)?;
        let key = json_name(definition, &given.suffix);
        let held = holder
            .get(json)
            .filter(Node::is_object)
            .ok_or_else(|| self.failed("the path is no element with children"))?;
        let is_there =
            |name: &str| target.shape.elements().iter().any(|e| e.name == definition.name && is_named(e, name));
        let is_taken = held.members().any(|(name, _)| is_there(name.strip_prefix('_').unwrap_or(&name)));
        if is_taken && !definition.is_list() {
            return Err(self.failed("the element is there already, and there can be one only; use `replace`"));
        }
        let mut items = items(held, &key);
        items.push(given.item);
        self.write(json, &holder, &key, &items, definition.is_list())
    }

    fn insert(&self, json: &Json) -> Result<Json, PatchError> {
        let (place, mut items) = self.list(json)?;
        let index = self.number("index", items.len())?;
        let definition = self.definition(json, &place)?;
        items.insert(index, self.given(definition)?.item);
        self.write(json, &place.holder, &place.key, &items, true)
    }

    fn delete(&self, json: &Json) -> Result<Json, PatchError> {
        let found = self.evaluate(json)?;
        let target = match found.as_slice() {
            // R4: "(if found)".
            [] => return Ok(json.clone()),
            [target] => target,
            _ => return Err(self.not_single(&found)),
        };
        let place = self.place(json, target)?;
        let held = self.held(json, &place)?;
        let (mut items, is_list) = (items(held, &place.key), is_list(held, &place.key));
        items.remove(place.position.min(items.len().saturating_sub(1)));
        let json = self.write(json, &place.holder, &place.key, &items, is_list)?;
        self.without_empty(json, place.holder)
    }

    fn replace(&self, json: &Json) -> Result<Json, PatchError> {
        let found = self.evaluate(json)?;
        let [target] = found.as_slice() else { return Err(self.not_single(&found)) };
        let place = self.place(json, target)?;
        let held = self.held(json, &place)?;
        let definition = self.definition(json, &place)?;
        let given = self.given(definition)?;
        let key = json_name(definition, &given.suffix);
        if key != place.key {
            let json = self.write(json, &place.holder, &place.key, &[], false)?;
            return self.write(&json, &place.holder, &key, &[given.item], false);
        }
        let mut items = items(held, &key);
        if let Some(item) = items.get_mut(place.position) {
            *item = given.item;
        }
        self.write(json, &place.holder, &key, &items, is_list(held, &key))
    }

    fn move_item(&self, json: &Json) -> Result<Json, PatchError> {
        let (place, mut items) = self.list(json)?;
        let last = items.len().saturating_sub(1);
        let (source, destination) = (self.number("source", last)?, self.number("destination", last)?);
        let item = items.remove(source);
        items.insert(destination, item);
        self.write(json, &place.holder, &place.key, &items, true)
    }

    /// The elements that the path finds.
    fn evaluate<'a>(&'a self, json: &'a Json) -> Result<Vec<Element<'a>>, PatchError> {
        let path = self.part("path").and_then(|part| part.str("valueString")).ok_or_else(|| self.malformed("path"))?;
        let bad_path = |error: FhirpathError| PatchError::Path { operation: self.index, error };
        let mut context = Context::new(json.root(), self.definitions, &NoHost);
        context.steps_max = self.steps_max;
        let focus = context.resource.clone().ok_or_else(|| self.malformed("path"))?;
        let found = Expression::parse(&path).and_then(|path| path.evaluate(&focus, &context)).map_err(bad_path)?;
        let element = |value: &crate::Value<'a>| value.element().copied();
        found
            .iter()
            .map(element)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| self.failed("the path gives values, not elements"))
    }

    /// The list that the path names, all of it.
    fn list(&self, json: &Json) -> Result<(Place, Vec<Item>), PatchError> {
        let found = self.evaluate(json)?;
        let Some(first) = found.first() else { return Err(self.not_single(&found)) };
        let place = self.place(json, first)?;
        let held = self.held(json, &place)?;
        let items = items(held, &place.key);
        let mut is_whole = is_list(held, &place.key) && found.len() == items.len();
        for (position, element) in found.iter().enumerate() {
            let other = self.place(json, element)?;
            is_whole &= other.holder == place.holder && other.key == place.key && other.position == position;
        }
        if is_whole { Ok((place, items)) } else { Err(self.failed("the path does not name one whole list")) }
    }

    /// The way to an element, and whether it leads to what stands beside a value.
    fn pointer(&self, element: &Element<'_>) -> Result<(Pointer, bool), PatchError> {
        let outside = || self.failed("the path leads out of the resource");
        let node = element.node.or(element.sibling).ok_or_else(outside)?;
        Ok((Pointer::to(node).ok_or_else(outside)?, element.node.is_none()))
    }

    fn place(&self, json: &Json, element: &Element<'_>) -> Result<Place, PatchError> {
        let (pointer, is_sibling) = self.pointer(element)?;
        let root = || self.failed("the path names the resource itself");
        let (front, last) = pointer.split_last().ok_or_else(root)?;
        let is_item = front.get(json).is_some_and(|node| node.is_array());
        let (holder, key, position) = if is_item {
            let (holder, key) = front.split_last().ok_or_else(root)?;
            (holder, key.to_owned(), last.parse().unwrap_or_default())
        } else {
            (front, last.to_owned(), 0)
        };
        let key = if is_sibling { key.trim_start_matches('_').to_owned() } else { key };
        if holder == Pointer::default() && key == "id" {
            return Err(self.failed("the id of the resource cannot be patched"));
        }
        Ok(Place { holder, key, position })
    }

    fn held<'a>(&self, json: &'a Json, place: &Place) -> Result<Node<'a>, PatchError> {
        place.holder.get(json).ok_or_else(|| self.failed("the path leads out of the resource"))
    }

    /// What R4 says of the element at a place.
    fn definition<'a>(&'a self, json: &'a Json, place: &Place) -> Result<&'a ElementDef, PatchError> {
        let shape = shape_at(json, &place.holder, self.definitions).unwrap_or(Shape::Unknown);
        shape.elements().iter().find(|element| is_named(element, &place.key)).ok_or_else(|| self.unknown(&place.key))
    }

    /// The value that the operation brings.
    fn given(&self, definition: &ElementDef) -> Result<Given, PatchError> {
        let part = self.part("value").ok_or_else(|| self.malformed("value"))?;
        self.value_of(part, definition, 0)
    }

    fn value_of(&self, part: Node<'_>, definition: &ElementDef, depth: usize) -> Result<Given, PatchError> {
        if depth > VALUE_DEPTH_MAX {
            return Err(self.malformed("value"));
        }
        if let Some(resource) = part.get("resource") {
            let item = Item { value: Some(resource.raw().to_owned()), sibling: None };
            return Ok(Given { item, suffix: String::new() });
        }
        let is_value = |name: &str| name.strip_prefix("value").map(str::to_owned);
        let value = part.members().find_map(|(name, node)| Some((is_value(&name)?, node.raw().to_owned())));
        let beside =
            part.members().find_map(|(name, node)| Some((is_value(name.strip_prefix('_')?)?, node.raw().to_owned())));
        if let Some((suffix, _)) = value.as_ref().or(beside.as_ref()) {
            let suffix = suffix.clone();
            let item = Item { value: value.map(|(_, raw)| raw), sibling: beside.map(|(_, raw)| raw) };
            return Ok(Given { item, suffix });
        }
        let value = self.object_of(part, definition, depth)?;
        Ok(Given { item: Item { value: Some(value), sibling: None }, suffix: String::new() })
    }

    /// The object that parts stand for, where the type has no name of its own (`Patient.contact`).
    fn object_of(&self, part: Node<'_>, definition: &ElementDef, depth: usize) -> Result<String, PatchError> {
        let children = self.definitions.children(definition);
        let mut members: Vec<(String, bool, Vec<Item>)> = Vec::new();
        for part in part.get("part").into_iter().flat_map(|parts| parts.items()) {
            let name = part.str("name").ok_or_else(|| self.malformed("value"))?;
            let child = children.iter().find(|child| child.name == name).ok_or_else(|| self.unknown(&name))?;
            let given = self.value_of(part, child, depth + 1)?;
            let key = json_name(child, &given.suffix);
            match members.iter_mut().find(|(known, ..)| *known == key) {
                Some((_, true, items)) => items.push(given.item),
                Some(_) => return Err(self.malformed("value")),
                None => members.push((key, child.is_list(), vec![given.item])),
            }
        }
        if members.is_empty() {
            return Err(self.malformed("value"));
        }
        let texts = members.iter().flat_map(|(key, is_list, items)| texts(key, items, *is_list));
        let texts: Vec<String> = texts.filter_map(|(key, text)| Some(format!("\"{key}\":{}", text?))).collect();
        Ok(format!("{{{}}}", texts.join(",")))
    }

    /// Writes a list, or the single value, under a key and beside it.
    fn write(
        &self,
        json: &Json,
        holder: &Pointer,
        key: &str,
        items: &[Item],
        is_list: bool,
    ) -> Result<Json, PatchError> {
        let failed =
            |error: PointerError| PatchError::NotApplicable { operation: self.index, reason: error.to_string() };
        texts(key, items, is_list).into_iter().try_fold(json.clone(), |json, (key, text)| {
            let place = holder.child(&key);
            match text {
                Some(text) => place.add(&json, &text).map_err(failed),
                None if place.get(&json).is_some() => place.remove(&json).map_err(failed),
                None => Ok(json),
            }
        })
    }

    /// Takes away what a deletion left empty, since FHIR knows no empty element.
    fn without_empty(&self, json: Json, holder: Pointer) -> Result<Json, PatchError> {
        let is_empty = holder.get(&json).is_some_and(|node| node.is_empty());
        let Some((front, last)) = holder.split_last().filter(|_| is_empty) else { return Ok(json) };
        let (holder, key, position) = match front.split_last() {
            Some((outer, key)) if front.get(&json).is_some_and(|node| node.is_array()) => {
                (outer, key.to_owned(), last.parse::<usize>().unwrap_or_default())
            }
            _ => (front.clone(), last.to_owned(), 0),
        };
        let Some(held) = holder.get(&json) else { return Ok(json) };
        let (mut items, is_list) = (items(held, &key), is_list(held, &key));
        if position < items.len() {
            items.remove(position);
        }
        let json = self.write(&json, &holder, &key, &items, is_list)?;
        self.without_empty(json, holder)
    }

    fn part(&self, name: &str) -> Option<Node<'_>> {
        self.node.get("part")?.items().find(|part| part.str("name").as_deref() == Some(name))
    }

    /// An index up to `most`.
    fn number(&self, name: &'static str, most: usize) -> Result<usize, PatchError> {
        let number = self.part(name).and_then(|part| part.get("valueInteger")?.as_i64());
        let number = number.and_then(|number| usize::try_from(number).ok()).ok_or_else(|| self.malformed(name))?;
        if number > most { Err(self.failed("an index is beyond the end of the list")) } else { Ok(number) }
    }

    fn malformed(&self, part: &'static str) -> PatchError {
        PatchError::Malformed { operation: self.index, part }
    }

    fn failed(&self, reason: &str) -> PatchError {
        PatchError::NotApplicable { operation: self.index, reason: reason.to_owned() }
    }

    fn unknown(&self, name: &str) -> PatchError {
        let is_plain = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let name = if is_plain { format!("`{name}`") } else { "the name".to_owned() };
        self.failed(&format!("{name} is no element there"))
    }

    fn not_single(&self, found: &[Element<'_>]) -> PatchError {
        self.failed(if found.is_empty() { "the path finds nothing" } else { "the path finds more than one element" })
    }
}

/// The type of what a pointer leads to.
fn shape_at<'d>(json: &'d Json, pointer: &Pointer, definitions: &'d Definitions) -> Option<Shape<'d>> {
    let Some((front, last)) = pointer.split_last() else { return Some(shape_of(json.root(), None, definitions)) };
    let node = pointer.get(json)?;
    let holder = shape_at(json, &front, definitions)?;
    // An item has the type of its list.
    let shape = if front.get(json)?.is_array() {
        holder
    } else {
        let last = last.strip_prefix('_').unwrap_or(last);
        let element = holder.elements().iter().find(|element| is_named(element, last))?;
        match element.types.iter().find(|t| element.is_choice && element.json_name(&t.code) == last) {
            Some(type_ref) => Shape::Type(definitions.type_named(&type_ref.code)?),
            None => shape_of_element(element, definitions),
        }
    };
    match shape {
        Shape::Type(definition) if definition.kind == TypeKind::Resource => {
            Some(shape_of(node, Some(&definition.name), definitions))
        }
        other => Some(other),
    }
}

fn is_named(element: &ElementDef, json_name: &str) -> bool {
    if element.is_choice {
        element.types.iter().any(|type_ref| element.json_name(&type_ref.code) == json_name)
    } else {
        element.name == json_name
    }
}

fn json_name(definition: &ElementDef, suffix: &str) -> String {
    if definition.is_choice { format!("{}{suffix}", definition.name) } else { definition.name.clone() }
}

fn is_list(held: Node<'_>, key: &str) -> bool {
    held.get(key).or_else(|| held.get(&format!("_{key}"))).is_some_and(|node| node.is_array())
}

/// The values under a key with what stands beside each.
fn items(held: Node<'_>, key: &str) -> Vec<Item> {
    let texts = |name: &str| -> Vec<Option<String>> {
        let nodes = held.get(name).into_iter().flat_map(|node| node.each());
        nodes.map(|node| (!node.is_null()).then(|| node.raw().to_owned())).collect()
    };
    let (values, siblings) = (texts(key), texts(&format!("_{key}")));
    let at = |texts: &[Option<String>], index: usize| texts.get(index).cloned().flatten();
    let length = values.len().max(siblings.len());
    (0..length).map(|index| Item { value: at(&values, index), sibling: at(&siblings, index) }).collect()
}

/// The two members that a list, or a single value, is in JSON; `None` for one that is not there.
fn texts(key: &str, items: &[Item], is_list: bool) -> [(String, Option<String>); 2] {
    let text = |of: fn(&Item) -> Option<&str>| {
        items.iter().any(|item| of(item).is_some()).then(|| {
            let texts: Vec<&str> = items.iter().map(|item| of(item).unwrap_or("null")).collect();
            if is_list { format!("[{}]", texts.join(",")) } else { texts.concat() }
        })
    };
    [(key.to_owned(), text(|item| item.value.as_deref())), (format!("_{key}"), text(|item| item.sibling.as_deref()))]
}
