//! Index entries of a resource: what each search parameter finds in it.

use std::cmp::Ordering;

use fhir::{Instant, Json};
use fhirpath::{Context, NoHost, Value};

use crate::composite;
use crate::index_values;
use crate::param::{Kind, param_id};
use crate::plan::{Part, has_member};
use crate::reference::Target;
use crate::registry::Registry;

/// Longest text in an entry and in a searched value; both are cut alike. Two of them and a key fit into one entry of a
/// PostgreSQL B-tree (2,704 bytes).
pub const TEXT_LENGTH_MAX_BYTES: usize = 1000;

/// Url of the definition of `_id`.
pub(crate) const ID_URL: &str = "http://hl7.org/fhir/SearchParameter/Resource-id";
/// Url of the definition of `_lastUpdated`.
pub(crate) const LAST_UPDATED_URL: &str = "http://hl7.org/fhir/SearchParameter/Resource-lastUpdated";

/// One value that a search can find.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexValue {
    /// A code and its system. Both `None`: the element is there without one (a text alone, a reference to a contained resource).
    Token {
        /// System URI.
        system: Option<String>,
        /// Code or identifier value.
        code: Option<String>,
    },
    /// A text of a string parameter.
    String {
        /// See [`crate::normalise`].
        normalised: String,
        /// As written.
        exact: String,
    },
    /// A span, both ends included, in milliseconds since the epoch; open ends are `i64::MIN` and `i64::MAX`.
    Date {
        /// First millisecond.
        start: i64,
        /// Last millisecond.
        end: i64,
    },
    /// A number or a range of numbers, both ends included; open ends are `f64::MIN` and `f64::MAX`.
    Number {
        /// Low end.
        low: f64,
        /// High end.
        high: f64,
    },
    /// A quantity; one entry by unit code and, where it differs, one by human unit without system.
    Quantity {
        /// System of the unit.
        system: Option<String>,
        /// Code of the unit, or the human unit.
        code: Option<String>,
        /// Low end.
        low: f64,
        /// High end.
        high: f64,
    },
    /// A reference: local (`url: None`), absolute (all three) or other text (`url` only).
    /// A logical reference (`identifier`) is a Token entry of the same parameter.
    Reference {
        /// Type of the target.
        type_name: Option<String>,
        /// Logical id of the target.
        id: Option<String>,
        /// Reference text where it is not relative, without a version.
        url: Option<String>,
    },
    /// A URI, as written.
    Uri(String),
    /// A normalised text or display of a token, for `:text`.
    Text(String),
    /// The values of one element for the components of a composite parameter, in their order. In R4 the first is a Token.
    Composite(Vec<IndexValue>),
    /// An identifier under its type, for `:of-type`.
    OfType {
        /// System of the type.
        system: Option<String>,
        /// Code of the type.
        code: String,
        /// The identifier's value.
        value: String,
    },
    /// A place, for `near`.
    Position {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
    },
}

/// An index value of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexEntry {
    /// Id of the [`crate::Param`].
    pub param: u32,
    /// What it finds.
    pub value: IndexValue,
}

/// The index entries of a resource, sorted and without duplicates. What cannot be indexed is skipped.
///
/// `_id` and `_lastUpdated` have no entries: the store keeps them as columns ([`identity_entries`] makes them).
pub fn index(resource: &Json, registry: &Registry) -> Vec<IndexEntry> {
    index_wanted(resource, registry, &|_| true)
}

/// The entries of those parameters alone whose id is wanted.
pub fn index_wanted(resource: &Json, registry: &Registry, wanted: &dyn Fn(u32) -> bool) -> Vec<IndexEntry> {
    let Some(of_type) = resource.resource_type().and_then(|name| registry.of_type(name)) else { return Vec::new() };
    let context = Context::new(resource.root(), registry.definitions(), &NoHost);
    let Some(focus) = context.resource.clone() else { return Vec::new() };
    let mut entries = Vec::with_capacity(64);
    of_type.plan.tree.walk(resource.root(), wanted, &mut |param, value| entries.push(IndexEntry { param, value }));
    for work in of_type.plan.works(resource.root()) {
        let uses: Vec<_> = work.uses.iter().filter(|used| wanted(used.param)).collect();
        if uses.is_empty() {
            continue;
        }
        let Ok(found) = work.expression.evaluate(&focus, &context) else { continue };
        for value in &found {
            for used in &uses {
                let param = used.param;
                let mut push = |value| entries.push(IndexEntry { param, value });
                if used.kind == Kind::Reference
                    && let Some(inner) = inner_resource(value)
                {
                    let is_target = |name: &str| registry.by_id(param).is_some_and(|param| param.may_refer_to(name));
                    if inner.type_name.as_deref().is_some_and(is_target) {
                        push(inner.into());
                    }
                } else if used.parts.is_empty() {
                    index_values::of_value(used.kind, value, &mut push);
                } else {
                    let parts: Vec<_> = used.parts.iter().map(|part| part_values(value, part, &context)).collect();
                    composite::combine(&parts, &mut push);
                }
            }
        }
    }
    entries.sort_unstable_by(compare);
    entries.dedup();
    entries
}

/// Whether the store keeps the parameter with that url as a column.
pub(crate) fn is_column(url: &str) -> bool {
    url == ID_URL || url == LAST_UPDATED_URL
}

/// What a resource within the resource (`Bundle.entry[0].resource`) is called, as if it were referred to.
fn inner_resource(value: &Value<'_>) -> Option<Target> {
    let node = value.element()?.node?;
    let (type_name, id) = (node.str("resourceType")?.into_owned(), node.str("id")?.into_owned());
    Some(Target { type_name: Some(type_name), id: Some(id), url: None })
}

fn part_values<'a>(element: &Value<'a>, part: &Part, context: &Context<'a>) -> Vec<IndexValue> {
    let mut values = Vec::new();
    let node = element.element().and_then(|element| element.node);
    for expression in &part.expressions {
        if let (Some(member), Some(node)) = (expression.opening_member(), node)
            && !has_member(node, member)
        {
            continue;
        }
        let Ok(found) = expression.evaluate(element, context) else { continue };
        for value in &found {
            index_values::of_value(part.kind, value, &mut |value| values.extend(composite::of_part(part.kind, value)));
        }
    }
    values
}

/// The entries of `_id` and `_lastUpdated`, for [`crate::matches`].
pub fn identity_entries(id: &str, last_updated: Instant) -> [IndexEntry; 2] {
    let (start, end) = (last_updated.0, last_updated.0);
    [
        IndexEntry { param: param_id(ID_URL), value: IndexValue::Token { system: None, code: Some(id.to_owned()) } },
        IndexEntry { param: param_id(LAST_UPDATED_URL), value: IndexValue::Date { start, end } },
    ]
}

fn compare(left: &IndexEntry, right: &IndexEntry) -> Ordering {
    left.param.cmp(&right.param).then_with(|| compare_values(&left.value, &right.value))
}

fn compare_values(left: &IndexValue, right: &IndexValue) -> Ordering {
    use IndexValue as V;
    match (left, right) {
        (V::Token { system: a, code: b }, V::Token { system: c, code: d }) => (a, b).cmp(&(c, d)),
        (V::String { normalised: a, exact: b }, V::String { normalised: c, exact: d }) => (a, b).cmp(&(c, d)),
        (V::Date { start: a, end: b }, V::Date { start: c, end: d }) => (a, b).cmp(&(c, d)),
        (V::Number { low: a, high: b }, V::Number { low: c, high: d }) => a.total_cmp(c).then(b.total_cmp(d)),
        (V::Quantity { system: a, code: b, low: c, high: d }, V::Quantity { system: e, code: f, low: g, high: h }) => {
            (a, b).cmp(&(e, f)).then(c.total_cmp(g)).then(d.total_cmp(h))
        }
        (V::Reference { type_name: a, id: b, url: c }, V::Reference { type_name: d, id: e, url: f }) => {
            (a, b, c).cmp(&(d, e, f))
        }
        (V::Uri(a), V::Uri(b)) | (V::Text(a), V::Text(b)) => a.cmp(b),
        (V::Composite(a), V::Composite(b)) => {
            let pairs = a.iter().zip(b).map(|(left, right)| compare_values(left, right));
            pairs.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
        }
        (V::OfType { system: a, code: b, value: c }, V::OfType { system: d, code: e, value: f }) => {
            (a, b, c).cmp(&(d, e, f))
        }
        (V::Position { latitude: a, longitude: b }, V::Position { latitude: c, longitude: d }) => {
            a.total_cmp(c).then(b.total_cmp(d))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

fn rank(value: &IndexValue) -> u8 {
    match value {
        IndexValue::Token { .. } => 0,
        IndexValue::String { .. } => 1,
        IndexValue::Date { .. } => 2,
        IndexValue::Number { .. } => 3,
        IndexValue::Quantity { .. } => 4,
        IndexValue::Reference { .. } => 5,
        IndexValue::Uri(_) => 6,
        IndexValue::Text(_) => 7,
        IndexValue::Composite(_) => 8,
        IndexValue::OfType { .. } => 9,
        IndexValue::Position { .. } => 10,
    }
}
