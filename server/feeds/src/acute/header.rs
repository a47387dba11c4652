//! The message header (MSH, EVN): kind, sender, time, and the namespaces in which the sender's identifiers stand.

use std::borrow::Cow;

use fhir::Instant;

use super::syntax::{Hl7, Part};
use super::time;
use crate::{MapError, Message, system};

/// What MSH and EVN say, as far as the mapping needs it.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) message_type: String,
    pub(super) trigger: String,
    pub(super) control_id: String,
    pub(super) application: Option<String>,
    pub(super) facility: Option<String>,
    pub(super) ods_code: Option<String>,
    /// MSH-17 does not name another country: national codes are read as the UK ones.
    pub(super) is_uk: bool,
    pub(super) event_time: Option<Instant>,
}

/// Versions of the standard that are read.
const VERSIONS: [&str; 12] =
    ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1"];

impl Header {
    /// Reads MSH and EVN.
    pub(super) fn read(hl7: &Hl7<'_>, message: &Message<'_>) -> Result<Self, MapError> {
        let msh = hl7.segment("MSH").ok_or_else(|| MapError::malformed("MSH", "no message header"))?;
        let kind = msh.field(9).first();
        let (message_type, mut trigger) = (kind.at(1).to_uppercase(), kind.at(2).to_uppercase());
        if message_type.is_empty() {
            return Err(MapError::missing("MSH-9", "the message type"));
        }
        let control_id = msh.text(10).into_owned();
        if control_id.is_empty() {
            return Err(MapError::missing("MSH-10", "the message control id"));
        }
        let version = msh.text(12);
        if !version.is_empty() && !VERSIONS.contains(&version.as_ref()) && !version.starts_with("2.8") {
            return Err(MapError::malformed("MSH-12", "the version is not one of 2.1 to 2.8"));
        }
        let evn = hl7.segment("EVN");
        if trigger.is_empty() {
            // Versions 2.1 and 2.2 may name the event in EVN alone.
            trigger = evn.map(|evn| evn.text(1).to_uppercase()).unwrap_or_default();
        }
        let named = |n: usize| some(msh.text(n)).or_else(|| some(msh.field(n).first().at(2)));
        let facility = named(4);
        let claimed = facility.as_deref().filter(|code| is_ods_code(code)).map(str::to_owned);
        let event_time = [evn.map(|evn| evn.text(6)), evn.map(|evn| evn.text(2)), Some(msh.text(7))];
        Ok(Self {
            message_type,
            trigger,
            control_id,
            application: named(3),
            ods_code: message.ods_code.map(str::to_owned).or(claimed),
            facility,
            is_uk: matches!(msh.text(17).to_ascii_uppercase().as_str(), "" | "GBR" | "GB" | "UK" | "826"),
            event_time: event_time.into_iter().flatten().find_map(|text| time::instant(&text)),
        })
    }

    /// A namespace of the sender: `https://fhir.nhs.uk/<ODS>/Id/<kind>`, or a urn made of the facility's name.
    pub(super) fn system(&self, kind: &str) -> String {
        match &self.ods_code {
            Some(code) => format!("https://fhir.nhs.uk/{code}/Id/{kind}"),
            None => {
                let facility = self.facility.as_deref().or(self.application.as_deref()).unwrap_or("unknown");
                format!("urn:weir:hl7v2:{}:{kind}", slug(facility))
            }
        }
    }

    /// Whether it is said whose numbers these are: two senders that say nothing give one number to two people.
    pub(super) fn is_owner_said(&self, authority: Part<'_>) -> bool {
        self.is_sender_said() || [1, 2].iter().any(|n| !authority.subcomponent(*n).text().is_empty())
    }

    /// Whether MSH or configuration names the sender.
    pub(super) fn is_sender_said(&self) -> bool {
        self.ods_code.is_some() || self.facility.is_some() || self.application.is_some()
    }

    /// The namespace of an identifier with this assigning authority (an HD: name, universal id, its type).
    pub(super) fn authority_system(&self, authority: Part<'_>, kind: &str) -> String {
        let universal = authority.subcomponent(2).text();
        if authority.subcomponent(3).text() == "ISO" && is_oid(&universal) {
            return format!("urn:oid:{universal}");
        }
        let name = Some(authority.subcomponent(1).text()).filter(|name| !name.is_empty()).unwrap_or(universal);
        if is_ods_code(&name) && self.is_uk {
            return format!("https://fhir.nhs.uk/{name}/Id/{kind}");
        }
        if name.is_empty() || Some(name.as_ref()) == self.facility.as_deref() {
            return self.system(kind);
        }
        self.system(&format!("{kind}.{}", slug(&name)))
    }

    /// The canonical system of codes that the sender names so (HL7 table 0396), its own namespace for local ones.
    pub(super) fn code_system(&self, name: &str, code: &str) -> String {
        let known = match name.to_ascii_uppercase().as_str() {
            "SCT" | "SNCT" | "SNOMED" | "SNOMED-CT" | "SNOMEDCT" | "SNM3" | "SCT2"
                if code.len() >= 6 && code.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                system::SNOMED
            }
            "LN" | "LOINC" => system::LOINC,
            "I10" | "ICD10" | "ICD-10" | "I10UK" => system::ICD10,
            "I10C" | "ICD10CM" => "http://hl7.org/fhir/sid/icd-10-cm",
            "I9" | "I9C" | "I9CDX" => "http://hl7.org/fhir/sid/icd-9-cm",
            "OPCS4" | "OPCS" | "OPCS-4" => system::OPCS4,
            "UCUM" => system::UCUM,
            "DMD" | "DM+D" => system::DMD,
            "RC" | "READ" | "READ2" => system::READ_V2,
            "CTV3" => system::CTV3,
            "C4" | "CPT" => "http://www.ama-assn.org/go/cpt",
            "RXNORM" => "http://www.nlm.nih.gov/research/umls/rxnorm",
            "CVX" => "http://hl7.org/fhir/sid/cvx",
            _ => "",
        };
        if !known.is_empty() {
            return known.to_owned();
        }
        if let Some(table) = name.strip_prefix("HL7").filter(|table| table.len() == 4 && is_oid(table)) {
            return format!("http://terminology.hl7.org/CodeSystem/v2-{table}");
        }
        let local = if name.is_empty() { "local".to_owned() } else { slug(name) };
        self.system(&format!("code.{local}"))
    }
}

/// The text, when there is any.
pub(super) fn some(text: Cow<'_, str>) -> Option<String> {
    (!text.is_empty()).then(|| text.into_owned())
}

/// Shapes of ODS codes that can be told from other short names: trusts and their sites, Welsh boards, practices.
pub(super) fn is_ods_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    let plain = bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let has_digit = bytes.iter().any(u8::is_ascii_digit);
    plain
        && match bytes {
            [b'R' | b'T', _, _] | [b'R' | b'T', _, _, _, _] => true,
            [b'7', b'A', last] => last.is_ascii_digit(),
            [first, digits @ ..] if digits.len() == 5 => {
                has_digit && first.is_ascii_uppercase() && digits.iter().all(u8::is_ascii_digit)
            }
            _ => false,
        }
}

fn is_oid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// A name as a part of a urn: lower case, everything but letters and digits a hyphen.
pub(super) fn slug(text: &str) -> String {
    let dashed: String = text
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' })
        .collect();
    let parts: Vec<&str> = dashed.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "unknown".to_owned() } else { parts.join("-") }
}
