//! Contained resources and what a domain resource asks of them (`dom-2` to `dom-6`): <https://hl7.org/fhir/R4/references.html#contained>.

use std::collections::HashSet;

use fhir::{Kind, Node, Severity};

use crate::walk::{Place, Walk};

impl<'a> Walk<'_, 'a> {
    /// Says so when there is no narrative, where advice is asked for.
    pub(crate) fn narrative_advice(&mut self, place: Place<'_, 'a>) {
        if self.options.advice && place.node.at(&["text", "div"]).is_none() {
            self.report(Severity::Warning, place, "invariant", || {
                "a resource should have a narrative, which is good practice (`dom-6`)".to_owned()
            });
        }
    }

    /// Holds a domain resource against the rules on what it contains.
    pub(crate) fn contained_rules(&mut self, place: Place<'_, 'a>) {
        let Some(contained) = place.node.get("contained") else { return };
        let mut local = HashSet::new();
        references(place.node, &mut local);
        for (index, resource) in contained.items().enumerate() {
            let step = place.path.child("contained").at(index);
            let place = Place { node: resource, path: &step, rule: place.rule };
            if resource.get("contained").is_some() {
                self.error(place, "invariant", || "a contained resource must not contain others (`dom-2`)".to_owned());
            }
            let meta = resource.get("meta");
            if meta.is_some_and(|meta| meta.get("versionId").or_else(|| meta.get("lastUpdated")).is_some()) {
                self.error(place, "invariant", || {
                    "a contained resource has no version or time of its own (`dom-4`)".to_owned()
                });
            }
            if meta.is_some_and(|meta| meta.get("security").is_some()) {
                self.error(place, "invariant", || "a contained resource has no security label (`dom-5`)".to_owned());
            }
            let Some(id) = resource.str("id") else {
                self.error(place, "invariant", || "a contained resource must have an id (`dom-3`)".to_owned());
                continue;
            };
            let is_used = local.contains(&*id) || {
                let mut own = HashSet::new();
                references(resource, &mut own);
                own.contains("")
            };
            if !is_used {
                self.error(place, "invariant", || {
                    "nothing in the resource refers to this contained one, and it refers to nothing there (`dom-3`)"
                        .to_owned()
                });
            }
        }
    }
}

/// Gathers the local references (`#x`) of a resource, without the `#`.
fn references(node: Node<'_>, found: &mut HashSet<String>) {
    match node.kind() {
        Kind::Object => {
            for (_, value) in node.entries() {
                references(value, found);
            }
        }
        Kind::Array => node.items().for_each(|item| references(item, found)),
        Kind::String => {
            if let Some(local) = node.as_str().as_deref().and_then(|text| text.strip_prefix('#')) {
                found.insert(local.to_owned());
            }
        }
        _ => {}
    }
}
