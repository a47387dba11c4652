//! Patient identifiers of PID-3 and MRG-1 (CX) to FHIR identifiers, and the business key among them.

use fhir::{NhsNumber, NhsNumberError};
use serde_json::{Map, Value, json};

use super::datatype::put;
use super::header::Header;
use super::mapping::Mapping;
use super::syntax::Part;
use crate::{BusinessKey, codeable, coding, extension, extension_url, system};

/// What an identifier of a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    NhsNumber,
    Chi,
    /// A number that a facility gives its patients.
    Record,
    /// A number of another kind, as a driving licence.
    Other,
    /// Not taken: a social security number.
    Refused,
}

const LOCAL: &str = "local-patient-identifier";
const CHI: &str = "https://fhir.scot.nhs.uk/Id/chi-number";

/// The identifiers of one list.
#[derive(Default)]
pub(super) struct Identifiers {
    pub(super) values: Vec<Value>,
    pub(super) key: Option<BusinessKey>,
    pub(super) has_nhs_number: bool,
}

/// Reads a list of CX, as PID-3; `status` is the NHS number's trace status (01 to 08) where it is told elsewhere.
pub(super) fn identifiers(mapping: &mut Mapping, field: Part<'_>, location: &str, status: Option<&str>) -> Identifiers {
    let mut found = Identifiers::default();
    for part in field.repetitions() {
        if part.at(1).is_empty() {
            continue;
        }
        match kind(part) {
            Kind::NhsNumber => nhs_number(mapping, &mut found, part, location, status),
            Kind::Chi => found.values.push(crate::identifier(CHI, &part.at(1).replace(' ', ""))),
            Kind::Record | Kind::Other => found.values.push(local(&mapping.header, part)),
            Kind::Refused => mapping.note(location, "an identifier of a kind that is not kept; left out"),
        }
    }
    found.key = key(&mapping.header, field);
    found
}

/// The key by which a patient is known to the sender: its record number, else a CHI number, else one of another kind.
///
/// A number of which nobody says whose it is names nobody: another sender gives the same one to somebody else.
/// An NHS number never is one: a wrong or shared number would make one record of two people. See [`numbered`].
pub(super) fn key(header: &Header, field: Part<'_>) -> Option<BusinessKey> {
    let patient = |system: &str, value: &str| Some(BusinessKey::new("Patient", system, value));
    let filled = || field.repetitions().filter(|part| !part.at(1).is_empty());
    let owned = || filled().filter(|part| header.is_owner_said(part.component(4)));
    let of = |wanted: Kind| owned().find(|part| kind(*part) == wanted);
    let of_type = |code: &str| owned().find(|part| part.at(5) == code);
    if let Some(part) = of_type("MR").or_else(|| of(Kind::Record)) {
        return patient(&header.authority_system(part.component(4), LOCAL), &part.at(1));
    }
    if let Some(part) = filled().find(|part| kind(*part) == Kind::Chi) {
        return patient(CHI, &part.at(1).replace(' ', ""));
    }
    let part = of(Kind::Other)?;
    patient(&header.authority_system(part.component(4), &other_kind(part)), &part.at(1))
}

/// The key of a patient of whom the sender tells no number but an NHS number: that number with the birth date. A number that
/// is not valid, and one without a birth date, names nobody: what the message tells is of a record of its own, if it names its
/// sender.
pub(super) fn numbered(mapping: &Mapping, number: &str, born: &str) -> Option<BusinessKey> {
    let day = born.get(..8).filter(|day| day.bytes().all(|byte| byte.is_ascii_digit()));
    let value = match (NhsNumber::parse(number), day) {
        (Ok(number), Some(day)) => format!("{}|{day}", number.as_str()),
        _ if !mapping.header.is_sender_said() => return None,
        // The count of entries tells the patients of one message apart.
        _ => format!("{}|{}|{}", digits(number), mapping.header.control_id, mapping.entries.len()),
    };
    Some(BusinessKey::new("Patient", mapping.header.system("nhs-number-only"), value))
}

fn kind(part: Part<'_>) -> Kind {
    let authority = part.at(4).to_ascii_uppercase();
    let code = part.at(5).to_ascii_uppercase();
    let code = code.split('{').next().unwrap_or_default();
    match (authority.as_str(), code) {
        ("CHI", _) | (_, "CHI") => Kind::Chi,
        ("NHS" | "NHSNBR" | "NHSNMBR" | "NHSNO" | "NHS NUMBER", "" | "NH" | "HN" | "NHS" | "NI" | "SS") => {
            Kind::NhsNumber
        }
        ("", "NHS" | "NHSNBR" | "NHSNMBR") | (_, "NH") => Kind::NhsNumber,
        (_, "SS" | "SSN") | ("USSSA", _) => Kind::Refused,
        (_, "" | "MR" | "MRN" | "PI" | "PT" | "PK" | "MRT" | "PN" | "LR" | "U") => Kind::Record,
        (_, code) if code.ends_with("MRN") => Kind::Record,
        _ => Kind::Other,
    }
}

fn nhs_number(mapping: &mut Mapping, found: &mut Identifiers, part: Part<'_>, location: &str, status: Option<&str>) {
    let value = digits(&part.at(1));
    let is_ten_digits = value.len() == 10 && value.bytes().all(|byte| byte.is_ascii_digit());
    if !is_ten_digits {
        mapping.warn(location, "an NHS number that is not ten digits; kept as a local identifier");
        found.values.push(json!({ "system": mapping.header.system("unverified-nhs-number"), "value": part.at(1) }));
        return;
    }
    if let Err(error @ (NhsNumberError::CheckDigit | NhsNumberError::Placeholder)) = NhsNumber::parse(&value) {
        mapping.warn(location, &format!("{error}; kept as sent, not linked"));
    }
    if found.has_nhs_number {
        mapping.warn(location, "a second NHS number; kept as an old local identifier");
        let system = mapping.header.system("other-nhs-number");
        found.values.push(json!({ "use": "old", "system": system, "value": value }));
        return;
    }
    found.has_nhs_number = true;
    let mut identifier = Map::new();
    let inline = part.at(5);
    let inline = inline.split_once("{status:").map(|(_, rest)| rest.trim_end_matches('}').to_owned());
    put(&mut identifier, "extension", verification(mapping, inline.as_deref().or(status)).map(|it| json!([it])));
    identifier.insert("system".to_owned(), json!(system::NHS_NUMBER));
    identifier.insert("value".to_owned(), json!(value));
    found.values.push(Value::Object(identifier));
}

/// The NHSNumberVerificationStatus extension; its binding is required, so that another code is left out.
fn verification(mapping: &mut Mapping, status: Option<&str>) -> Option<Value> {
    let status = status.filter(|status| !status.is_empty())?;
    let display = match status {
        "01" => "Number present and verified",
        "02" => "Number present but not traced",
        "03" => "Trace required",
        "04" => "Trace attempted - No match or multiple match found",
        "05" => "Trace needs to be resolved - (NHS number or patient detail conflict)",
        "06" => "Trace in progress",
        "07" => "Number not present and trace not required",
        "08" => "Trace postponed (baby under six weeks old)",
        _ => {
            mapping.note("PID-32", "not a status of the NHS number; left out");
            return None;
        }
    };
    let concept = codeable(&system::uk_core("NHSNumberVerificationStatusEngland"), status, display);
    Some(extension(&extension_url("NHSNumberVerificationStatus"), "valueCodeableConcept", concept))
}

fn local(header: &Header, part: Part<'_>) -> Value {
    let mut identifier = Map::new();
    let code = part.at(5);
    let kind = kind(part);
    let code_known = ["MR", "PI", "PT", "DL", "PPN", "VN", "AN", "HC", "MC", "MA", "BC", "LR", "XX", "U", "PRC", "BR"];
    if code_known.contains(&code.as_ref()) {
        identifier.insert("type".to_owned(), json!({ "coding": [coding(system::IDENTIFIER_TYPE, &code, "")] }));
    } else if !code.is_empty() {
        identifier.insert("type".to_owned(), json!({ "text": code }));
    }
    let name = if kind == Kind::Record { LOCAL.to_owned() } else { other_kind(part) };
    identifier.insert("system".to_owned(), json!(header.authority_system(part.component(4), &name)));
    identifier.insert("value".to_owned(), json!(part.at(1)));
    put(&mut identifier, "period", super::datatype::period(&part.at(7), &part.at(8)));
    Value::Object(identifier)
}

/// Identifiers of other kinds stand in a namespace of their own: a visit number is not a record number.
fn other_kind(part: Part<'_>) -> String {
    format!("identifier.{}", super::header::slug(&part.at(5)))
}

/// Without blanks and hyphens.
pub(super) fn digits(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace() && *character != '-').collect()
}
