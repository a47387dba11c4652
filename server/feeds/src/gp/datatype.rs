//! What changed between STU3 and R4 in every resource alike: code system URLs, extensions, empty elements.

use serde_json::Value;

use super::extension;
use super::field::Object;
use crate::system;

const TERMINOLOGY: &str = "http://terminology.hl7.org/CodeSystem/";

/// Code systems of STU3 core that R4 keeps at terminology.hl7.org under the same name.
const MOVED: &[&str] = &[
    "allergyintolerance-substance-exposure-risk",
    "condition-category",
    "data-absent-reason",
    "diagnosis-role",
    "encounter-admit-source",
    "encounter-type",
    "episodeofcare-type",
    "goal-priority",
    "list-empty-reason",
    "list-order",
    "location-physical-type",
    "medication-statement-category",
    "observation-category",
    "organization-type",
    "practitioner-role",
    "referencerange-meaning",
    "service-type",
];

/// CareConnect code systems (bare name) and where their codes live in R4.
const CARE_CONNECT: &[(&str, &str)] = &[
    ("AdmissionMethod", "https://fhir.hl7.org.uk/CodeSystem/UKCore-AdmissionMethodEngland"),
    ("ConditionEpisodicity", "https://fhir.hl7.org.uk/CodeSystem/UKCore-ConditionEpisodicity"),
    ("DeathNotificationStatus", "https://fhir.hl7.org.uk/CodeSystem/UKCore-DeathNotificationStatus"),
    ("DischargeDestination", "https://fhir.hl7.org.uk/CodeSystem/UKCore-DischargeDestinationEngland"),
    ("DischargeMethod", "https://fhir.hl7.org.uk/CodeSystem/UKCore-DischargeMethodEngland"),
    ("HumanLanguage", "urn:ietf:bcp:47"),
    ("LanguageAbilityMode", "http://terminology.hl7.org/CodeSystem/v3-LanguageAbilityMode"),
    ("LanguageAbilityProficiency", "http://terminology.hl7.org/CodeSystem/v3-LanguageAbilityProficiency"),
    ("ListEmptyReasonCode", "https://fhir.hl7.org.uk/CodeSystem/UKCore-ListEmptyReasonCode"),
    ("ListWarningCode", "https://fhir.hl7.org.uk/CodeSystem/UKCore-ListWarningCode"),
    ("NHSNumberVerificationStatus", "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"),
    ("PrescribingAgency", "https://fhir.hl7.org.uk/CodeSystem/UKCore-MedicationPrescribingOrganizationType"),
    ("MedicationPrescribingAgency", "https://fhir.hl7.org.uk/CodeSystem/UKCore-MedicationPrescribingOrganizationType"),
    ("ResidentialStatus", "https://fhir.hl7.org.uk/CodeSystem/UKCore-ResidentialStatus"),
];

/// Identifier systems of before and the ones that R4 records use.
const IDENTIFIERS: &[(&str, &str)] = &[
    ("http://fhir.nhs.net/Id/nhs-number", system::NHS_NUMBER),
    ("http://fhir.nhs.net/Id/ods-organization-code", system::ODS_ORGANISATION),
    ("http://fhir.nhs.net/Id/sds-user-id", system::SDS_USER),
];

/// Words of codes that were renamed: system, STU3 code, R4 code.
const CODES: &[(&str, &str, &str)] = &[
    (system::DATA_ABSENT_REASON, "asked", "asked-unknown"),
    (system::DATA_ABSENT_REASON, "temp", "temp-unknown"),
    (system::DATA_ABSENT_REASON, "notasked", "not-asked"),
    (system::DATA_ABSENT_REASON, "astext", "as-text"),
    (system::DATA_ABSENT_REASON, "NaN", "not-a-number"),
];

/// Converts an object and everything in it, and leaves out what is empty.
pub(super) fn convert(object: &mut Object) {
    let names: Vec<String> = object.keys().cloned().collect();
    for name in names {
        let has_sibling = object.contains_key(&format!("_{name}")) || name.starts_with('_');
        let Some(value) = object.get_mut(&name) else {
            continue;
        };
        // `coding` given as a single object is met in the wild; FHIR wants a list.
        if name == "coding" && value.is_object() {
            *value = Value::Array(vec![value.take()]);
        }
        if (name == "extension" || name == "modifierExtension")
            && let Value::Array(items) = value
        {
            *items = extension::convert(std::mem::take(items));
        }
        convert_value(value, has_sibling);
        if is_empty(value) {
            object.remove(&name);
        }
    }
    convert_system(object);
}

fn convert_value(value: &mut Value, keep_nulls: bool) {
    match value {
        Value::Object(object) => convert(object),
        Value::Array(items) => {
            for item in items.iter_mut() {
                convert_value(item, false);
            }
            // A null in a list of primitives keeps the place of an item whose extension is in the `_` sibling.
            if !keep_nulls {
                items.retain(|item| !is_empty(item));
            }
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().all(Value::is_null),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

/// Gives a Coding or an Identifier the system that R4 uses.
fn convert_system(object: &mut Object) {
    let Some(Value::String(old)) = object.get("system") else {
        return;
    };
    let code = object.get("code").and_then(Value::as_str).unwrap_or_default().trim();
    let new = system_of(old.trim(), code);
    let code = CODES.iter().find(|(system, from, _)| *system == new && *from == code).map_or(code, |(_, _, to)| to);
    if !code.is_empty() {
        let code = code.to_owned();
        object.insert("code".to_owned(), Value::String(code));
    }
    object.insert("system".to_owned(), Value::String(new));
}

/// Where a code system or identifier system of STU3 lives in R4.
fn system_of(old: &str, code: &str) -> String {
    if let Some(table) = old.strip_prefix("http://hl7.org/fhir/v2/") {
        return match (table, code) {
            (
                "0078",
                "A" | "AA" | "H" | "HH" | "L" | "LL" | "N" | "<" | ">" | "R" | "S" | "I" | "U" | "D" | "B" | "W",
            ) => system::INTERPRETATION.to_owned(),
            _ => format!("{TERMINOLOGY}v2-{table}"),
        };
    }
    if let Some(name) = old.strip_prefix("http://hl7.org/fhir/v3/") {
        return format!("{TERMINOLOGY}v3-{name}");
    }
    if let Some(name) = old.strip_prefix("http://hl7.org/fhir/")
        && MOVED.contains(&name)
    {
        return format!("{TERMINOLOGY}{name}");
    }
    if old == "http://hl7.org/fhir/medication-request-category" {
        return format!("{TERMINOLOGY}medicationrequest-category");
    }
    if let Some((_, new)) = IDENTIFIERS.iter().find(|(from, _)| *from == old) {
        return (*new).to_owned();
    }
    if old.contains("/CodeSystem/CareConnect-")
        && let Some(name) = extension::name(old)
        && let Some(new) = care_connect_system(name, code)
    {
        return new.to_owned();
    }
    if old.contains('.') && old.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return format!("urn:oid:{old}");
    }
    old.to_owned()
}

/// The R4 system of a CareConnect code, where it has that code.
fn care_connect_system(name: &str, code: &str) -> Option<&'static str> {
    match (name, code) {
        ("ConditionCategory", "problem-list-item" | "encounter-diagnosis") => Some(system::CONDITION_CATEGORY),
        ("ConditionCategory", "presenting-complaint" | "co-morbidity") => {
            Some("https://fhir.hl7.org.uk/CodeSystem/UKCore-ConditionCategory")
        }
        ("EthnicCategory", code) if ETHNIC_CATEGORIES.contains(&code) => {
            Some("https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland")
        }
        _ => CARE_CONNECT.iter().find(|(from, _)| *from == name).map(|(_, new)| *new),
    }
}

const ETHNIC_CATEGORIES: &[&str] =
    &["A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M", "N", "P", "R", "S", "Z", "99"];
