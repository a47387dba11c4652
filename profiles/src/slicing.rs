//! Which slice of a list an item belongs to: <https://hl7.org/fhir/R4/profiling.html#slicing>.

use fhir::Node;
use serde_json::Value;
use terminology::Membership;

use crate::equality::{has_pattern, is_fixed};
use crate::item::Item;
use crate::rule::{Slice, SliceTest, SliceTestKind};
use crate::walk::Walk;

impl<'a> Walk<'_, 'a> {
    /// Says whether an item belongs to a slice; a slice whose discriminators cannot be told here takes none.
    pub(crate) fn is_in_slice(&self, item: Item<'a>, type_code: Option<&str>, slice: &Slice) -> bool {
        let Some(tests) = &slice.tests else { return false };
        tests.iter().all(|test| self.passes(item, type_code, test))
    }

    fn passes(&self, item: Item<'a>, type_code: Option<&str>, test: &SliceTest) -> bool {
        let any =
            |accepts: &dyn Fn(Node<'a>) -> bool| item.value.is_some_and(|value| any_at(value, &test.path, accepts));
        match &test.kind {
            SliceTestKind::Fixed(fixed) => any(&|node| is_fixed(node, fixed)),
            SliceTestKind::Pattern(pattern) => any(&|node| has_pattern(node, pattern)),
            SliceTestKind::Exists => any(&|_| true),
            SliceTestKind::Absent => !any(&|_| true),
            SliceTestKind::MemberOf(value_set) => any(&|node| {
                let type_code = if node.get("coding").is_some() { "CodeableConcept" } else { "Coding" };
                self.membership(node, type_code, value_set) == Some(Membership::Member)
            }),
            SliceTestKind::Type(types) => {
                test.path.is_empty() && type_code.is_some_and(|code| types.iter().any(|one| one == code))
            }
        }
    }
}

fn any_at<'a>(node: Node<'a>, path: &[String], accepts: &dyn Fn(Node<'a>) -> bool) -> bool {
    match path.split_first() {
        None => node.each().any(accepts),
        Some((name, rest)) => node.each().any(|item| item.get(name).is_some_and(|child| any_at(child, rest, accepts))),
    }
}

/// Writes a fixed value for a message: it comes from a definition, so it may be shown.
pub(crate) fn definition_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
