//! Who else is named in a resource: by a reference anywhere, a contained record, an identifier, or an NHS number in a text.
//!
//! What a resource is about decides in whose record it lies; what it mentions decides whether it may leave. A person who is not in the
//! export is in no part of it, so a resource that mentions one stays here whole: what is cut out of a record cannot be cut out well.

use std::collections::{BTreeMap, BTreeSet};

use fhir::{Json, NHS_NUMBER_SYSTEM, NhsNumber, Node, Reference};

use crate::persons::Cleared;

/// The NHS number's system as older systems write it.
const NHS_NUMBER_OID: &str = "urn:oid:2.16.840.1.113883.2.1.4.1";
/// Resources that are one person's record; contained, nobody can say whose.
const PERSON_TYPES: [&str; 2] = ["Patient", "Person"];

/// What one resource mentions.
#[derive(Debug, Default)]
pub(crate) struct Mentions {
    /// Whether somebody is mentioned who is not in the export.
    pub is_other: bool,
    /// Resources of this server that it refers to, by type, Patients apart: they may be about others.
    pub targets: BTreeMap<String, BTreeSet<String>>,
}

/// Reads a resource's body against the people of the export. What cannot be read mentions others.
pub(crate) fn mentions(body: &[u8], cleared: &Cleared, base_url: &str) -> Mentions {
    let mut mentions = Mentions::default();
    match Json::parse(body) {
        Ok(json) => Walk { cleared, base_url, mentions: &mut mentions }.object(json.root(), true),
        Err(_) => mentions.is_other = true,
    }
    mentions
}

struct Walk<'a> {
    cleared: &'a Cleared,
    base_url: &'a str,
    mentions: &'a mut Mentions,
}

impl Walk<'_> {
    fn object(&mut self, node: Node<'_>, is_root: bool) {
        let type_name = node.str("resourceType");
        if !is_root && type_name.is_some_and(|name| PERSON_TYPES.contains(&name.as_ref())) {
            self.mentions.is_other = true;
        }
        let is_nhs_number = node.str("system").is_some_and(|system| is_nhs_number_system(&system));
        if let (true, Some(value)) = (is_nhs_number, node.str("value")) {
            self.mentions.is_other |= !NhsNumber::parse(&value).is_ok_and(|number| self.cleared.has_number(&number));
        }
        // A Reference that says it is to a patient and not to which.
        let is_to_somebody = node.str("type").as_deref() == Some("Patient") && node.get("reference").is_none();
        let by_number = node.at(&["identifier", "system"]).and_then(|system| system.as_str());
        self.mentions.is_other |= is_to_somebody && !by_number.is_some_and(|system| is_nhs_number_system(&system));
        for (name, value) in node.members() {
            match (name.as_ref(), value.as_str()) {
                ("reference", Some(text)) => {
                    self.reference(&text);
                    self.text(&text);
                }
                (_, Some(text)) => self.text(&text),
                (_, None) => value.each().for_each(|item| self.value(item)),
            }
        }
    }

    fn value(&mut self, node: Node<'_>) {
        match node.as_str() {
            Some(text) => self.text(&text),
            None if node.is_object() => self.object(node, false),
            None => {}
        }
    }

    fn reference(&mut self, text: &str) {
        let (type_name, id) = match Reference::parse(text) {
            Reference::Relative { type_name, id, .. } => (type_name, id),
            Reference::Absolute { base, type_name, id, .. } if base.trim_end_matches('/') == self.base_url => {
                (type_name, id)
            }
            // A person of somewhere else was never judged here.
            Reference::Absolute { type_name, .. } | Reference::Conditional { type_name, .. } => {
                self.mentions.is_other |= PERSON_TYPES.contains(&type_name.as_ref());
                return;
            }
            Reference::Urn(_) | Reference::Fragment(_) | Reference::Other(_) => {
                // Written so that nobody can tell to whom.
                self.mentions.is_other |= text.contains("Patient/");
                return;
            }
        };
        if type_name == "Patient" {
            self.mentions.is_other |= !self.cleared.has_patient(&id);
        } else {
            self.mentions.targets.entry(type_name.to_string()).or_default().insert(id.to_string());
        }
    }

    /// NHS numbers of people who are known here and are not in the export (other digits say nothing), and Patients in elements that are no
    /// Reference, as an attachment's URL.
    fn text(&mut self, text: &str) {
        if text.contains("Patient/") && Reference::parse(text).type_name() == Some("Patient") {
            self.reference(text);
        }
        self.mentions.is_other |= numbers_in(text).any(|number| self.cleared.is_withheld(&number));
    }
}

fn is_nhs_number_system(system: &str) -> bool {
    system == NHS_NUMBER_SYSTEM || system == NHS_NUMBER_OID
}

/// Ten digits in a row, also as `999 000 0018` and `999-000-0018`, that are an NHS number.
fn numbers_in(text: &str) -> impl Iterator<Item = NhsNumber> {
    text.split(|c: char| !(c.is_ascii_digit() || " -.\u{a0}".contains(c))).flat_map(|run| {
        let digits: String = run.chars().filter(char::is_ascii_digit).collect();
        let count = digits.len();
        (0..count.saturating_sub(9)).filter_map(move |start| NhsNumber::parse(digits.get(start..start + 10)?).ok())
    })
}
