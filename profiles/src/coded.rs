//! Bindings: <https://hl7.org/fhir/R4/terminologies.html#binding>.

use definitions::BindingStrength;
use fhir::{Node, Severity};
use terminology::Membership;

use crate::rule::Binding;
use crate::walk::{Place, Walk, shown};

impl<'a> Walk<'_, 'a> {
    /// Holds a value of the given type against a binding.
    pub(crate) fn bound(&mut self, place: Place<'_, 'a>, binding: Option<&Binding>, type_code: &str) {
        let Some(binding) = binding else { return };
        self.bound_to(place, binding.strength, &binding.value_set, type_code);
        // A text without a code stays allowed: the greatest set bounds the codes that are given.
        if let Some(url) = binding.value_set_max.as_ref().filter(|_| has_code(place.node)) {
            self.bound_to(place, BindingStrength::Required, url, type_code);
        }
        for (strength, url) in &binding.additional {
            self.bound_to(place, *strength, url, type_code);
        }
    }

    fn bound_to(&mut self, place: Place<'_, 'a>, strength: BindingStrength, value_set: &str, type_code: &str) {
        let severity = match strength {
            BindingStrength::Required => Severity::Error,
            BindingStrength::Extensible => Severity::Warning,
            BindingStrength::Preferred | BindingStrength::Example => return,
        };
        if value_set.is_empty() {
            return;
        }
        match self.membership(place.node, type_code, value_set) {
            Some(Membership::Member) => {}
            Some(Membership::NotChecked { missing }) => self.note_not_checked(place, &missing),
            Some(Membership::NotMember) => {
                let code = place.node.as_str().or_else(|| place.node.str("code"));
                self.report(severity, place, "code-invalid", || match code {
                    Some(code) => format!("code `{}` is not in the value set `{value_set}`", shown(&code)),
                    None => format!("none of the codes is in the value set `{value_set}`"),
                });
            }
            None if type_code == "CodeableConcept" && place.node.get("extension").is_none() => {
                self.report(severity, place, "code-invalid", || {
                    format!("no code is given, expected one of the value set `{value_set}`")
                });
            }
            None => {}
        }
    }

    /// Says whether a coded value is in a value set; `None` when it holds no code at all.
    pub(crate) fn membership(&self, node: Node<'a>, type_code: &str, value_set: &str) -> Option<Membership> {
        let around = self.around;
        if let Some(code) = node.as_str() {
            return Some(around.check(value_set, None, &code));
        }
        let one = |coding: Node<'a>| {
            let (system, code) = (coding.str("system"), coding.str("code")?);
            Some(match system {
                Some(system) => around.check(value_set, Some(&system), &code),
                // A code means nothing without its system.
                None => Membership::NotMember,
            })
        };
        if type_code != "CodeableConcept" {
            return one(node);
        }
        let codings = node.get("coding")?;
        let mut best = None;
        for found in codings.items().filter_map(one) {
            best = Some(match best {
                Some(before) => found.or(before),
                None => found,
            });
        }
        best
    }
}

fn has_code(node: Node<'_>) -> bool {
    let mut codings = node.get("coding").into_iter().flat_map(|list| list.items());
    node.is_string() || node.get("code").is_some() || codings.any(|coding| coding.get("code").is_some())
}
