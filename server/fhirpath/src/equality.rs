//! Equality and equivalence. <http://hl7.org/fhirpath/N1/#equality>

use std::cmp::Ordering;
use std::collections::HashMap;

use fhir::Node;
use rust_decimal::Decimal;

use crate::evaluate::{BYTES_PER_STEP, Items, item_weight};
use crate::operators::{number, order};
use crate::value::{Value, decimal};

/// Objects with more properties are compared with the help of a map.
const FEW_PROPERTIES: usize = 32;

/// `=` of two collections; `None` is the empty answer.
pub(crate) fn equal(left: &[Value<'_>], right: &[Value<'_>]) -> Option<bool> {
    if left.is_empty() || right.is_empty() {
        return None;
    }
    if left.len() != right.len() {
        return Some(false);
    }
    let mut is_open = false;
    for (left, right) in left.iter().zip(right) {
        match items_equal(left, right) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => is_open = true,
        }
    }
    (!is_open).then_some(true)
}

/// Counts work, and says whether there may be more of it.
type Spend<'s> = &'s dyn Fn(usize) -> bool;

/// `~` of two collections: the order does not matter. Once no more may be spent, the answer is false.
pub(crate) fn equivalent(left: &[Value<'_>], right: &[Value<'_>], spend: Spend<'_>) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut rest: Vec<&Value<'_>> = right.iter().collect();
    left.iter().all(|item| match rest.iter().position(|other| items_equivalent(item, other, spend)) {
        Some(at) => {
            rest.swap_remove(at);
            true
        }
        None => false,
    })
}

/// The items without those equal to an earlier one.
pub(crate) fn distinct<'a>(items: impl Iterator<Item = Value<'a>>) -> Items<'a> {
    let mut found: Items<'a> = Vec::new();
    for item in items {
        if !holds(&found, &item) {
            found.push(item);
        }
    }
    found
}

/// Whether a collection holds an equal item.
pub(crate) fn holds(items: &[Value<'_>], item: &Value<'_>) -> bool {
    items.iter().any(|other| items_equal(other, item) == Some(true))
}

/// Equality of two items; `None` when precision or units leave it open.
pub(crate) fn items_equal(left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    if let (Value::Node(left), Value::Node(right)) = (left, right) {
        match (left.node, right.node) {
            (Some(left), Some(right)) if left == right => return Some(true),
            (Some(one), Some(other)) if one.is_object() && other.is_object() && !is_quantity(left, right) => {
                return Some(left.type_name() == right.type_name() && nodes_equal(one, other));
            }
            (None, None) => return Some(left.sibling == right.sibling && left.type_name() == right.type_name()),
            _ => {}
        }
    }
    let (left, right) = (left.system()?, right.system()?);
    if let (Some(left), Some(right)) = (number(&left), number(&right)) {
        return Some(left == right);
    }
    match (&left, &right) {
        (Value::Boolean(left), Value::Boolean(right)) => Some(left == right),
        (Value::String(left), Value::String(right)) => Some(left == right),
        (Value::Type(left, name), Value::Type(right, other)) => Some(left == right && name == other),
        (Value::Node(_), _) | (_, Value::Node(_)) => Some(false),
        _ => match order(&left, &right) {
            Ok(order) => order.map(|order| order == Ordering::Equal),
            Err(_) => Some(false),
        },
    }
}

fn is_quantity(left: &crate::element::Element<'_>, right: &crate::element::Element<'_>) -> bool {
    let is_quantity = |element| matches!(Value::Node(element).system(), Some(Value::Quantity(_)));
    is_quantity(*left) && is_quantity(*right)
}

fn items_equivalent(left: &Value<'_>, right: &Value<'_>, spend: Spend<'_>) -> bool {
    if let (Some(one), Some(other)) = (complex(left), complex(right)) {
        return nodes_equivalent(one, other, spend);
    }
    if !spend(item_weight(left).saturating_add(item_weight(right)).saturating_add(1)) {
        return false;
    }
    let (Some(one), Some(other)) = (left.system(), right.system()) else { return false };
    if let (Some(left), Some(right)) = (number(&one), number(&other)) {
        return numbers_equivalent(left, right);
    }
    match (&one, &other) {
        (Value::String(left), Value::String(right)) => folded(left) == folded(right),
        (Value::Quantity(left), Value::Quantity(right)) => left.is_equivalent(right),
        _ => items_equal(left, right) == Some(true),
    }
}

/// The object of a value that is no quantity and no primitive.
fn complex<'a>(value: &Value<'a>) -> Option<Node<'a>> {
    match value.system() {
        Some(Value::Node(element)) => element.node.filter(Node::is_object),
        _ => None,
    }
}

/// Rounded to the precision of the less precise.
fn numbers_equivalent(left: Decimal, right: Decimal) -> bool {
    let scale = left.normalize().scale().min(right.normalize().scale());
    left.round_dp(scale) == right.round_dp(scale)
}

/// Without case, and with one white space as good as another.
fn folded(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).flat_map(char::to_lowercase).collect()
}

/// Deep equivalence: lists in any order, texts and numbers by their own rules.
fn nodes_equivalent(left: Node<'_>, right: Node<'_>, spend: Spend<'_>) -> bool {
    // Objects and lists are counted by their parts.
    let text = |node: Node<'_>| if node.is_string() { node.raw().len() / BYTES_PER_STEP } else { 0 };
    if !spend(1 + text(left) + text(right)) {
        return false;
    }
    if left.is_object() && right.is_object() {
        return members_match(left, right, |one, other| nodes_equivalent(one, other, spend));
    }
    if left.is_array() && right.is_array() {
        let mut rest: Vec<Node<'_>> = right.items().collect();
        return left.len() == rest.len()
            && left.items().all(|item| match rest.iter().position(|other| nodes_equivalent(item, *other, spend)) {
                Some(at) => {
                    rest.swap_remove(at);
                    true
                }
                None => false,
            });
    }
    match (left.number_text().and_then(decimal), right.number_text().and_then(decimal)) {
        (Some(left), Some(right)) => numbers_equivalent(left, right),
        _ => match (left.as_str(), right.as_str()) {
            (Some(left), Some(right)) => folded(&left) == folded(&right),
            _ => nodes_equal(left, right),
        },
    }
}

/// Deep equality: decimals by value, properties in any order.
fn nodes_equal(left: Node<'_>, right: Node<'_>) -> bool {
    if left.is_object() && right.is_object() {
        return members_match(left, right, nodes_equal);
    }
    if left.is_array() && right.is_array() {
        return left.len() == right.len() && left.items().zip(right.items()).all(|(a, b)| nodes_equal(a, b));
    }
    if let (Some(left), Some(right)) = (left.number_text(), right.number_text()) {
        return left == right || decimal(left).is_some_and(|value| Some(value) == decimal(right));
    }
    left.kind() == right.kind() && left.as_str() == right.as_str() && left.as_bool() == right.as_bool()
}

/// Whether two objects have the same properties, and `is_match` holds of their values.
fn members_match<'a>(left: Node<'a>, right: Node<'a>, is_match: impl Fn(Node<'a>, Node<'a>) -> bool) -> bool {
    if left.len() != right.len() {
        return false;
    }
    // Looking a property up goes through all of them, which only few make cheap.
    if right.len() <= FEW_PROPERTIES {
        return left.members().all(|(key, value)| right.get(&key).is_some_and(|other| is_match(value, other)));
    }
    let others: HashMap<_, _> = right.members().collect();
    left.members().all(|(key, value)| others.get(&key).is_some_and(|other| is_match(value, *other)))
}
