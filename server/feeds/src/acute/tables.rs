//! Code tables: HL7 v2 and national codes to FHIR.

use serde_json::{Value, json};

use super::datatype;
use super::mapping::Mapping;
use super::syntax::{Part, Segment};
use crate::{codeable, system};

const ETHNIC: [(&str, &str); 18] = [
    ("A", "White - British"),
    ("B", "White - Irish"),
    ("C", "White - Any other White background"),
    ("D", "Mixed - White and Black Caribbean"),
    ("E", "Mixed - White and Black African"),
    ("F", "Mixed - White and Asian"),
    ("G", "Mixed - Any other mixed background"),
    ("H", "Asian or Asian British - Indian"),
    ("J", "Asian or Asian British - Pakistani"),
    ("K", "Asian or Asian British - Bangladeshi"),
    ("L", "Asian or Asian British - Any other Asian background"),
    ("M", "Black or Black British - Caribbean"),
    ("N", "Black or Black British - African"),
    ("P", "Black or Black British - Any other Black background"),
    ("R", "Other Ethnic Groups - Chinese"),
    ("S", "Other Ethnic Groups - Any other ethnic group"),
    ("Z", "Not stated"),
    ("99", "Not known"),
];
/// National codes with their international ones, which R4's own binding asks for; none means unknown there.
const MARITAL: [(&str, Option<&str>); 8] = [
    ("S", Some("S")),
    ("M", Some("M")),
    ("D", Some("D")),
    ("W", Some("W")),
    ("P", Some("L")),
    ("N", None),
    ("8", None),
    ("9", None),
];
const ADMISSION_METHODS: [&str; 19] =
    ["11", "12", "13", "21", "22", "23", "24", "25", "28", "2A", "2B", "2C", "2D", "31", "32", "81", "82", "83", "98"];
const ADMISSION_SOURCES: [&str; 16] =
    ["19", "29", "39", "49", "51", "52", "53", "54", "65", "66", "79", "85", "87", "88", "98", "99"];
const DISCHARGE_DESTINATIONS: [&str; 21] = [
    "19", "29", "30", "37", "38", "48", "49", "50", "51", "52", "53", "54", "65", "66", "79", "84", "85", "87", "88",
    "98", "99",
];
const DISCHARGE_METHODS: [&str; 8] = ["1", "3", "4", "5", "6", "7", "8", "9"];

/// PID-8: national codes 0, 1, 2, 9 and HL7 table 0001.
pub(super) fn gender(code: &str) -> Option<&'static str> {
    Some(match code.to_ascii_uppercase().as_str() {
        "1" | "M" | "MALE" => "male",
        "2" | "F" | "FEMALE" => "female",
        "9" | "O" | "A" => "other",
        "0" | "X" | "U" | "N" | "UNKNOWN" => "unknown",
        _ => return None,
    })
}

/// PID-16 by the England list; HL7's own letters mean other things, so that a US message is kept as text.
pub(super) fn marital_status(mapping: &mut Mapping, pid: &Segment<'_>) -> Option<Value> {
    let part = pid.field(16).repetitions().next()?;
    let code = part.at(1).to_ascii_uppercase();
    let known = MARITAL.iter().find(|(known, _)| *known == code);
    if let Some((code, international)) = known.filter(|_| is_national(mapping, part)) {
        let second = match international {
            Some(code) => crate::coding("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", code, ""),
            None => crate::coding("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK", "unknown"),
        };
        let first = crate::coding(&system::uk_core("PersonMaritalStatusEngland"), code, "");
        return Some(json!({ "coding": [first, second] }));
    }
    mapping.note("PID-16", "not a national code of marital status; kept as text");
    words(part)
}

/// PID-15: ISO 639-1; the UK's codes of Braille and sign languages (q1 to q5) and other lists are noted.
pub(super) fn languages(mapping: &mut Mapping, pid: &Segment<'_>) -> Vec<Value> {
    let Some(part) = pid.field(15).repetitions().next() else {
        return Vec::new();
    };
    let code = part.at(1).to_lowercase();
    if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_lowercase()) {
        mapping.note("PID-15", "not a two-letter language code; left out");
        return Vec::new();
    }
    vec![json!({ "language": codeable("urn:ietf:bcp:47", &code, ""), "preferred": true })]
}

/// PID-22 by the England list; table 0189 uses H, N and U for other things.
pub(super) fn ethnic_category(mapping: &mut Mapping, pid: &Segment<'_>) -> Option<Value> {
    let part = pid.field(22).repetitions().next()?;
    let code = part.at(1).to_ascii_uppercase();
    let known = ETHNIC.iter().find(|(known, _)| *known == code);
    if let Some((code, _)) = known.filter(|_| is_national(mapping, part)) {
        return Some(codeable(&system::uk_core("EthnicCategoryEngland"), code, ""));
    }
    mapping.note("PID-22", "not a national ethnic category; kept as text");
    words(part)
}

/// A national code is sent by a UK sender and does not name one of HL7's tables.
fn is_national(mapping: &Mapping, part: Part<'_>) -> bool {
    mapping.header.is_uk && !part.at(3).to_ascii_uppercase().starts_with("HL7")
}

/// PV1-4 by the England list.
pub(super) fn admission_method(mapping: &mut Mapping, pv1: &Segment<'_>) -> Option<Value> {
    national(mapping, pv1, 4, &ADMISSION_METHODS, "AdmissionMethodEngland")
}

/// PV1-14 by the England list.
pub(super) fn admission_source(mapping: &mut Mapping, pv1: &Segment<'_>) -> Option<Value> {
    national(mapping, pv1, 14, &ADMISSION_SOURCES, "SourceOfAdmissionEngland")
}

/// PV1-36 is the discharge destination; some trusts send the discharge method there, which is one digit.
pub(super) fn discharge_destination(mapping: &mut Mapping, pv1: &Segment<'_>) -> Option<Value> {
    if is_discharge_method(pv1) {
        return None;
    }
    national(mapping, pv1, 36, &DISCHARGE_DESTINATIONS, "DischargeDestinationEngland")
}

/// PV1-36 of one digit.
pub(super) fn discharge_method(mapping: &mut Mapping, pv1: &Segment<'_>) -> Option<Value> {
    is_discharge_method(pv1).then(|| national(mapping, pv1, 36, &DISCHARGE_METHODS, "DischargeMethodEngland")).flatten()
}

fn is_discharge_method(pv1: &Segment<'_>) -> bool {
    let code = pv1.text(36);
    code.len() == 1 && code.bytes().all(|byte| byte.is_ascii_digit())
}

fn national(mapping: &mut Mapping, segment: &Segment<'_>, n: usize, codes: &[&str], list: &str) -> Option<Value> {
    let part = segment.field(n).repetitions().next()?;
    let code = part.at(1).to_ascii_uppercase();
    if is_national(mapping, part) && codes.contains(&code.as_str()) {
        let text = part.at(2);
        let mut concept = codeable(&system::uk_core(list), &code, "");
        if let (Value::Object(concept), false) = (&mut concept, text.is_empty()) {
            concept.insert("text".to_owned(), json!(text));
        }
        return Some(concept);
    }
    mapping.note(&format!("{}-{n}", segment.name), "not a national code; kept as text");
    words(part)
}

/// The sender's words: the text component, else the code.
fn words(part: Part<'_>) -> Option<Value> {
    let texts = [part.at(2), part.at(1)];
    let text = texts.iter().find(|text| !text.is_empty())?;
    Some(crate::codeable_text(&datatype::code(text)))
}

/// PV1-2 to the class of an encounter (HL7 table 0004 with the UK additions).
pub(super) fn encounter_class(code: &str) -> Value {
    let (system, code, display) = match code.to_ascii_uppercase().as_str() {
        "I" | "B" => (system::ACT_CODE, "IMP", "inpatient encounter"),
        "O" | "R" | "C" => (system::ACT_CODE, "AMB", "ambulatory"),
        "E" => (system::ACT_CODE, "EMER", "emergency"),
        "P" | "W" => (system::ACT_CODE, "PRENC", "pre-admission"),
        _ => ("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK", "unknown"),
    };
    crate::coding(system, code, display)
}

/// OBX-11 (HL7 table 0085) to the status of an observation.
pub(super) fn observation_status(code: &str) -> &'static str {
    match code.to_ascii_uppercase().as_str() {
        "F" | "U" | "V" | "B" => "final",
        "C" => "corrected",
        "A" => "amended",
        "P" | "R" | "S" => "preliminary",
        "I" | "O" => "registered",
        "X" | "N" => "cancelled",
        "D" | "W" => "entered-in-error",
        _ => "unknown",
    }
}

/// OBR-25 (HL7 table 0123) to the status of a report.
pub(super) fn report_status(code: &str) -> Option<&'static str> {
    Some(match code.to_ascii_uppercase().as_str() {
        "F" => "final",
        "C" => "corrected",
        "P" => "preliminary",
        "A" | "R" | "M" => "partial",
        "O" | "I" | "S" | "N" => "registered",
        "X" => "cancelled",
        _ => return None,
    })
}

/// OBX-8 (HL7 table 0078) to v3-ObservationInterpretation.
pub(super) fn interpretation(code: &str) -> Option<(&'static str, &'static str)> {
    Some(match code.to_ascii_uppercase().as_str() {
        "L" => ("L", "Low"),
        "H" => ("H", "High"),
        "LL" => ("LL", "Critical low"),
        "HH" => ("HH", "Critical high"),
        "<" => ("<", "Off scale low"),
        ">" => (">", "Off scale high"),
        "N" => ("N", "Normal"),
        "A" => ("A", "Abnormal"),
        "AA" => ("AA", "Critical abnormal"),
        "U" => ("U", "Significant change up"),
        "D" => ("D", "Significant change down"),
        "B" => ("B", "Better"),
        "W" => ("W", "Worse"),
        "S" => ("S", "Susceptible"),
        "R" => ("R", "Resistant"),
        "I" => ("I", "Intermediate"),
        "POS" => ("POS", "Positive"),
        "NEG" => ("NEG", "Negative"),
        _ => return None,
    })
}

/// OBR-24 sections that are laboratory medicine (HL7 table 0074).
pub(super) fn is_laboratory(section: &str) -> bool {
    const SECTIONS: [&str; 20] = [
        "LAB", "CH", "HM", "MB", "BG", "BLB", "BLS", "HP", "IMM", "SR", "TX", "VR", "CP", "CG", "GE", "ICU", "MCB",
        "MYC", "SP", "CY",
    ];
    SECTIONS.contains(&section.to_ascii_uppercase().as_str())
}

/// Whether a section is of HL7 table 0074 at all, the UK ones of the standard A.3 among them.
pub(super) fn is_section(section: &str) -> bool {
    const OTHERS: [&str; 22] = [
        "RAD", "CT", "MRI", "US", "OUS", "NMS", "NMR", "EC", "EN", "CUS", "CTH", "PHR", "PHY", "PT", "PF", "RC", "RUS",
        "RX", "VUS", "XRC", "OTH", "AU",
    ];
    is_laboratory(section) || OTHERS.contains(&section.to_ascii_uppercase().as_str())
}
