//! JSON Patch: <https://www.rfc-editor.org/rfc/rfc6902>.

use crate::json::{Json, Kind, Node};
use crate::pointer::{Pointer, PointerError};

/// Most operations of one patch.
const OPERATIONS_MAX: usize = 1000;

/// How much text all operations of a patch may go over together, since each reads the document anew.
const WORK_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why a patch cannot be applied; `operation` counts from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonPatchError {
    /// The document is no patch.
    #[error("a JSON Patch is an array of operations")]
    NotAPatch,
    /// The patch has too many operations for one document of that size.
    #[error("the patch has too many operations")]
    TooMany,
    /// An operation lacks a member, or has a wrong one.
    #[error("operation {operation} needs a valid `{member}`")]
    Malformed {
        /// Which one.
        operation: usize,
        /// The name of the member.
        member: &'static str,
    },
    /// A `test` found something else.
    #[error("the test of operation {operation} does not hold")]
    TestFailed {
        /// Which one.
        operation: usize,
    },
    /// An operation cannot be made on this document.
    #[error("operation {operation}: {reason}")]
    NotApplicable {
        /// Which one.
        operation: usize,
        /// What is in its way.
        reason: PointerError,
    },
}

/// Applies a patch to a document: all of its operations, or none.
pub fn apply_json_patch(json: &Json, patch: &Json) -> Result<Json, JsonPatchError> {
    let operations = patch.root();
    if !operations.is_array() {
        return Err(JsonPatchError::NotAPatch);
    }
    let count = operations.len();
    if count > OPERATIONS_MAX || count.saturating_mul(json.text().len()) > WORK_BYTES_MAX {
        return Err(JsonPatchError::TooMany);
    }
    let mut work = 0_usize;
    operations.items().enumerate().try_fold(json.clone(), |json, (index, operation)| {
        let changed = one(&json, operation, index)?;
        // A copy may double the document, and so on: what counts is what each operation leaves.
        work = work.saturating_add(changed.text().len());
        if work > WORK_BYTES_MAX { Err(JsonPatchError::TooMany) } else { Ok(changed) }
    })
}

fn one(json: &Json, node: Node<'_>, operation: usize) -> Result<Json, JsonPatchError> {
    let malformed = |member| JsonPatchError::Malformed { operation, member };
    let failed = |reason| JsonPatchError::NotApplicable { operation, reason };
    let pointer = |member: &'static str| {
        let text = node.str(member).ok_or_else(|| malformed(member))?;
        Pointer::parse(&text).map_err(|_| malformed(member))
    };
    let value = || node.get("value").ok_or_else(|| malformed("value"));
    let read = |place: &Pointer| place.get(json).ok_or_else(|| failed(PointerError::Nothing(place.clone())));
    let path = pointer("path")?;
    let changed = match node.str("op").as_deref() {
        Some("add") => path.add(json, value()?.raw()),
        Some("remove") => path.remove(json),
        Some("replace") => path.replace(json, value()?.raw()),
        Some("copy") => path.add(json, read(&pointer("from")?)?.raw()),
        Some("move") => {
            let from = pointer("from")?;
            let moved = read(&from)?.raw();
            if from == path {
                return Ok(json.clone());
            }
            // Section 4.4: nothing moves into itself.
            if path.starts_with(&from) {
                return Err(malformed("path"));
            }
            from.remove(json).and_then(|json| path.add(&json, moved))
        }
        Some("test") => {
            let is_same = is_equal(read(&path)?, value()?);
            return if is_same { Ok(json.clone()) } else { Err(JsonPatchError::TestFailed { operation }) };
        }
        _ => return Err(malformed("op")),
    };
    changed.map_err(failed)
}

/// Equality of section 4.6: numbers by value, objects whatever their order.
fn is_equal(left: Node<'_>, right: Node<'_>) -> bool {
    if left.kind() != right.kind() {
        return false;
    }
    match left.kind() {
        Kind::Object => {
            left.len() == right.len()
                && left.members().all(|(name, value)| right.get(&name).is_some_and(|other| is_equal(value, other)))
        }
        Kind::Array => left.len() == right.len() && left.items().zip(right.items()).all(|(a, b)| is_equal(a, b)),
        Kind::String => left.as_str() == right.as_str(),
        Kind::Number => decimal(left.raw()) == decimal(right.raw()),
        Kind::Bool | Kind::Null => left.raw() == right.raw(),
    }
}

/// A number as its sign, its digits without zeros at either end, and the power of ten of the last of them.
fn decimal(text: &str) -> (bool, String, i64) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let shortened = digits.trim_end_matches('0');
    let dropped = i64::try_from(digits.len() - shortened.len()).unwrap_or_default();
    let scale = exponent.parse::<i64>().unwrap_or_default() - i64::try_from(fraction.len()).unwrap_or_default();
    let significant = shortened.trim_start_matches('0').to_owned();
    if significant.is_empty() {
        return (false, significant, 0);
    }
    (whole.starts_with('-'), significant, scale.saturating_add(dropped))
}
