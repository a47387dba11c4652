//! Restrictions that a resource states: a Consent of privacy (<https://hl7.org/fhir/R4/consent.html>), or a Patient's label R or V.
//!
//! Supported of Consent: status `active`; `provision.type` deny at the root, or deny inside a permit; `provision.purpose` of
//! v3-ActReason; `provision.period`; `policyRule` OPTOUT without a provision. What narrows a denial in a way that is not supported
//! (actor, action, data, codes, a permit inside a deny) is not guessed at: the denial is taken whole and an issue says so.

use crate::facts::CONFIDENTIALITY_SYSTEM;
use crate::purpose::Purpose;
use crate::restriction::{Class, Period, Restriction};
use fhir::{FhirDate, Issue, Json, Node};

/// What a resource restricts, and what of it was read more widely than it is written.
#[derive(Debug, Clone, Default)]
pub struct RestrictionsFound {
    /// The restrictions.
    pub restrictions: Vec<Restriction>,
    /// Warnings about what was not supported.
    pub issues: Vec<Issue>,
}

/// Reads the restrictions of a resource; there are none in most types.
pub fn restrictions_of(resource: &Json) -> RestrictionsFound {
    let mut found = RestrictionsFound::default();
    match resource.resource_type() {
        Some("Patient") if is_confidential(resource.root()) => found.add(Class::Sensitive, Period::default()),
        Some("Consent") if resource.root().str("status").as_deref() == Some("active") => found.consent(resource.root()),
        _ => {}
    }
    found
}

fn is_confidential(root: Node<'_>) -> bool {
    let labels = root.at(&["meta", "security"]);
    labels.iter().flat_map(Node::each).any(|label| {
        label.str("system").as_deref() == Some(CONFIDENTIALITY_SYSTEM)
            && matches!(label.str("code").as_deref(), Some("R" | "V"))
    })
}

/// Elements of a provision that would make a denial smaller.
const NARROWING: [&str; 8] = ["actor", "action", "securityLabel", "class", "code", "dataPeriod", "data", "provision"];

const DIRECT_CARE: [&str; 6] = ["TREAT", "ETREAT", "BTG", "CAREMGT", "PATRQT", "COC"];

const SECONDARY_USE: [&str; 15] = [
    "HRESCH",
    "CLINTRCH",
    "PUBHLTH",
    "HOPERAT",
    "HSYSADMIN",
    "HMARKT",
    "HPAYMT",
    "DISASTER",
    "THREAT",
    "HOUTCOMS",
    "HQUALIMP",
    "DONAT",
    "MEMADMIN",
    "HLEGAL",
    "HACCRED",
];

impl RestrictionsFound {
    fn add(&mut self, class: Class, period: Period) {
        let restriction = Restriction { class, period };
        if !self.restrictions.contains(&restriction) {
            self.restrictions.push(restriction);
        }
    }

    fn warn(&mut self, what: &str, expression: &str) {
        self.issues.push(Issue::warning("not-supported", what).at(expression));
    }

    fn consent(&mut self, root: Node<'_>) {
        let Some(provision) = root.get("provision") else {
            return self.rule_only(root);
        };
        let is_privacy = codes(root.get("scope")).any(|code| code == "patient-privacy");
        let before = self.restrictions.len();
        match provision.str("type").as_deref() {
            Some("permit") => {
                for nested in provision.get("provision").iter().flat_map(Node::each) {
                    self.nested(nested);
                }
            }
            Some("deny") => self.deny(provision, "Consent.provision"),
            _ => {
                self.warn("a provision without a type is taken as a denial", "Consent.provision.type");
                self.deny(provision, "Consent.provision");
            }
        }
        if !is_privacy && self.restrictions.len() > before {
            self.warn("a denial under another scope than patient-privacy is taken as one of privacy", "Consent.scope");
        }
    }

    fn rule_only(&mut self, root: Node<'_>) {
        if codes(root.get("policyRule")).any(|code| code == "OPTOUT" || code == "OPTOUTE") {
            self.both(Period::default());
        } else if !codes(root.get("policyRule")).any(|code| code == "OPTIN" || code == "OPTINR") {
            self.warn("a consent without a provision restricts nothing", "Consent.provision");
        }
    }

    fn nested(&mut self, provision: Node<'_>) {
        const AT: &str = "Consent.provision.provision";
        match provision.str("type").as_deref() {
            Some("permit") if provision.get("provision").is_none() => {}
            Some("deny") => self.deny(provision, AT),
            _ => {
                self.warn("a provision that is nested more deeply, or without a type, is taken as a denial", AT);
                self.deny(provision, AT);
            }
        }
    }

    fn deny(&mut self, provision: Node<'_>, at: &str) {
        for name in NARROWING {
            if provision.get(name).is_some() {
                self.warn("a denial is taken whole: this limit of it is not supported", &format!("{at}.{name}"));
            }
        }
        let period = self.period(provision.get("period"), at);
        let purposes: Vec<_> = provision.get("purpose").iter().flat_map(Node::each).collect();
        if purposes.is_empty() {
            return self.both(period);
        }
        for purpose in purposes {
            match purpose_of(&purpose.str("code").unwrap_or_default()) {
                Some(Purpose::DirectCare) => self.add(Class::ConsentDenyDirectCare, period),
                Some(_) => self.add(Class::ConsentDenySecondaryUse, period),
                None => {
                    self.warn("a purpose that is not known is denied as every purpose", &format!("{at}.purpose"));
                    self.both(period);
                }
            }
        }
    }

    fn both(&mut self, period: Period) {
        self.add(Class::ConsentDenyDirectCare, period);
        self.add(Class::ConsentDenySecondaryUse, period);
    }

    fn period(&mut self, node: Option<Node<'_>>, at: &str) -> Period {
        let Some(node) = node else { return Period::default() };
        let mut side = |name: &str| {
            let text = node.str(name)?;
            let date = FhirDate::parse(&text);
            if date.is_none() {
                self.warn(
                    "a date that cannot be read leaves the denial open on that side",
                    &format!("{at}.period.{name}"),
                );
            }
            date.map(|date| date.range())
        };
        Period { start: side("start").map(|(start, _)| start), end: side("end").map(|(_, end)| end) }
    }
}

fn purpose_of(code: &str) -> Option<Purpose> {
    if DIRECT_CARE.contains(&code) {
        Some(Purpose::DirectCare)
    } else if SECONDARY_USE.contains(&code) {
        Some(Purpose::SecondaryUse)
    } else {
        None
    }
}

fn codes<'a>(concept: Option<Node<'a>>) -> impl Iterator<Item = String> + use<'a> {
    let codings = concept.and_then(|concept| concept.get("coding"));
    codings
        .into_iter()
        .flat_map(|codings| codings.each())
        .filter_map(|coding| coding.str("code").map(|code| code.into_owned()))
}
