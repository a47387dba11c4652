//! Which slice of a list an item belongs to: <https://hl7.org/fhir/R4/profiling.html#slicing>.

use fhir::Node;
use serde_json::Value;
use terminology::Membership;

use crate::equality::{has_pattern, is_fixed};
use crate::item::{Item, Items};
use crate::profile_walk::is_of_type;
use crate::rule::{Slice, SliceTest, SliceTestKind, Step};
use crate::walk::Walk;

impl<'a> Walk<'_, 'a> {
    /// Says whether an item belongs to a slice; a slice whose discriminators cannot be told here takes none.
    pub(crate) fn is_in_slice(&self, item: Item<'a>, type_code: Option<&str>, slice: &Slice) -> bool {
        let Some(tests) = &slice.tests else { return false };
        tests.iter().all(|test| self.passes(item, type_code, test))
    }

    fn passes(&self, item: Item<'a>, type_code: Option<&str>, test: &SliceTest) -> bool {
        let any = |accepts: &dyn Fn(Node<'a>, Option<&str>) -> bool| {
            self.any_at(item, type_code, &test.path, &|item, code| item.value.is_some_and(|node| accepts(node, code)))
        };
        let exists = || self.any_at(item, type_code, &test.path, &|_, _| true);
        match &test.kind {
            SliceTestKind::Fixed(fixed) => any(&|node, _| is_fixed(node, fixed)),
            SliceTestKind::Pattern(pattern) => any(&|node, _| has_pattern(node, pattern)),
            SliceTestKind::Exists => exists(),
            SliceTestKind::Absent => !exists(),
            SliceTestKind::MemberOf(value_set) => any(&|node, _| {
                let type_code = if node.get("coding").is_some() { "CodeableConcept" } else { "Coding" };
                self.membership(node, type_code, value_set) == Some(Membership::Member)
            }),
            SliceTestKind::Type(types) => any(&|node, code| {
                let own = node.str("resourceType");
                let code = own.as_deref().or(code);
                code.is_some_and(|code| types.iter().any(|one| is_of_type(self.validator.definitions(), code, one)))
            }),
            SliceTestKind::Profile(profiles) => {
                any(&|node, _| profiles.iter().any(|url| self.around.conforms(node, url, self.container) == Some(true)))
            }
            SliceTestKind::All(tests) => {
                let whole = |item: Item<'a>, code: Option<&str>| tests.iter().all(|test| self.passes(item, code, test));
                self.any_at(item, type_code, &test.path, &whole)
            }
        }
    }

    /// Says whether a value that the path leads to is accepted; the type is known where a step tells it.
    fn any_at(
        &self,
        item: Item<'a>,
        type_code: Option<&str>,
        path: &[Step],
        accepts: &dyn Fn(Item<'a>, Option<&str>) -> bool,
    ) -> bool {
        let Some((step, rest)) = path.split_first() else {
            return accepts(item, type_code);
        };
        match step {
            Step::Child(name) => {
                let items = Items::named(item, name);
                let code = items.type_code.as_deref();
                items.iter().any(|item| self.any_at(item, code, rest, accepts))
            }
            Step::OfType(code) => {
                type_code.is_none_or(|own| own == code) && self.any_at(item, type_code, rest, accepts)
            }
            Step::Extension(url) => Items::named(item, "extension").iter().any(|extension| {
                extension.value.is_some_and(|node| node.str("url").is_some_and(|own| own == *url))
                    && self.any_at(extension, Some("Extension"), rest, accepts)
            }),
            Step::Resolve => {
                let Some(reference) = item.value.filter(Node::is_object) else { return false };
                match self.around.target(reference, self.container) {
                    Some(target) => self.any_at(Item::of(target), None, rest, accepts),
                    // Of a target that is not at hand, the type at least stands in the reference.
                    None => rest.is_empty() && self.told_type(reference).is_some_and(|code| accepts(item, Some(&code))),
                }
            }
        }
    }
}

/// Writes a fixed value for a message: it comes from a definition, so it may be shown.
pub(crate) fn definition_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
