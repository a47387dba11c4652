//! The entries of composite parameters: <https://hl7.org/fhir/R4/search.html#composite>.

use crate::index::IndexValue;
use crate::param::Kind;

/// Most entries of one composite parameter for one element; codes of one concept times values are few.
const COMPOSITES_MAX: usize = 1000;

/// A value that a component of that kind compares: not the text beside a code, nor an element without a code.
pub(crate) fn of_part(kind: Kind, value: IndexValue) -> Option<IndexValue> {
    let is_part = match &value {
        IndexValue::Token { system, code } => kind == Kind::Token && (system.is_some() || code.is_some()),
        IndexValue::Text(_) | IndexValue::OfType { .. } => false,
        _ => true,
    };
    is_part.then_some(value)
}

/// Every combination of the values that the components find in one element.
pub(crate) fn combine(parts: &[Vec<IndexValue>], out: &mut dyn FnMut(IndexValue)) {
    let mut rows: Vec<Vec<IndexValue>> = vec![Vec::with_capacity(parts.len())];
    for values in parts {
        let longer = rows.iter().flat_map(|row| values.iter().map(move |value| (row, value)));
        let longer = longer.take(COMPOSITES_MAX);
        rows = longer.map(|(row, value)| [row.as_slice(), std::slice::from_ref(value)].concat()).collect();
    }
    rows.into_iter().map(IndexValue::Composite).for_each(out);
}
