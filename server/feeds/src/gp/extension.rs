//! Extensions: those of CareConnect and GP Connect that have a successor in UK Core or R4 take its URL.
//!
//! An extension without a successor stays under the URL that it came with: nothing is lost.

use serde_json::{Value, json};

use super::field::Object;
use crate::system;

/// CareConnect name and UK Core name of extensions whose value is a CodeableConcept or needs no change.
const RENAMED: &[(&str, &str)] = &[
    ("AdmissionMethod", "AdmissionMethod"),
    ("AllergyIntoleranceEnd", "AllergyIntoleranceEnd"),
    ("ClinicalSetting", "CareSettingType"),
    ("ConditionEpisode", "ConditionEpisode"),
    ("DeathNotificationStatus", "DeathNotificationStatus"),
    ("DischargeMethod", "DischargeMethod"),
    ("EmergencyCareDischargeStatus", "EmergencyCareDischargeStatus"),
    ("EthnicCategory", "EthnicCategory"),
    ("Evidence", "Evidence"),
    ("ListWarningCode", "ListWarningCode"),
    ("MainLocation", "MainLocation"),
    ("MedicationPrescribingAgency", "MedicationPrescribingOrganizationType"),
    ("MedicationStatementLastIssueDate", "MedicationStatementLastIssueDate"),
    ("NHSNumberVerificationStatus", "NHSNumberVerificationStatus"),
    ("OutcomeOfAttendance", "OutcomeOfAttendance"),
    ("ParentPresent", "ParentPresent"),
    ("PrescribingAgency", "MedicationPrescribingOrganizationType"),
    ("ResidentialStatus", "ResidentialStatus"),
    ("VaccinationProcedure", "VaccinationProcedure"),
];

/// UK Core extensions whose value was a code and is now a CodeableConcept, with its code system.
const CODED: &[(&str, &str)] = &[("ListWarningCode", "ListWarningCode"), ("ConditionEpisode", "ConditionEpisodicity")];

const SNOMED_DESCRIPTION_ID: &str = "http://hl7.org/fhir/StructureDefinition/coding-sctdescid";

/// The URL of a UK Core extension.
pub(super) fn uk_core(name: &str) -> String {
    format!("https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-{name}")
}

/// The bare name in a CareConnect or GP Connect extension URL: `…/Extension-CareConnect-GPC-MainLocation-1` is `MainLocation`.
pub(super) fn name(url: &str) -> Option<&str> {
    let is_uk = url.starts_with("https://fhir.nhs.uk/") || url.starts_with("https://fhir.hl7.org.uk/");
    let mut name = url.rsplit('/').next().filter(|_| is_uk)?;
    for prefix in ["Extension-", "CareConnect-", "GPC-", "UKCore-"] {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    let number = name.rfind('-').filter(|at| name.get(at + 1..).is_some_and(is_number));
    Some(number.and_then(|at| name.get(..at)).unwrap_or(name))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Takes the first extension of this bare name out of an element.
pub(super) fn take(object: &mut Object, wanted: &str) -> Option<Object> {
    take_where(object, |url| name(url) == Some(wanted))
}

/// Takes the first extension of this URL out of an element.
pub(super) fn take_url(object: &mut Object, wanted: &str) -> Option<Object> {
    take_where(object, |url| url == wanted)
}

fn take_where(object: &mut Object, is_wanted: impl Fn(&str) -> bool) -> Option<Object> {
    let Some(Value::Array(items)) = object.get_mut("extension") else {
        return None;
    };
    let at = items.iter().position(|item| item.get("url").and_then(Value::as_str).is_some_and(&is_wanted))?;
    let taken = items.remove(at);
    if items.is_empty() {
        object.remove("extension");
    }
    match taken {
        Value::Object(taken) => Some(taken),
        _ => None,
    }
}

/// The parts of a complex extension with this URL.
pub(super) fn parts<'a>(extension: &'a Object, url: &'a str) -> impl Iterator<Item = &'a Object> + use<'a> {
    let items = extension.get("extension").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_object).filter(move |part| part.get("url").and_then(Value::as_str) == Some(url))
}

/// The value of an extension, whatever its type.
pub(super) fn value(extension: &Object) -> Option<&Value> {
    extension.iter().find(|(name, _)| name.starts_with("value")).map(|(_, value)| value)
}

/// Gives the extensions of one element their R4 URLs and forms.
pub(super) fn convert(extensions: Vec<Value>) -> Vec<Value> {
    let mut converted = Vec::with_capacity(extensions.len());
    for extension in extensions {
        let Value::Object(mut object) = extension else {
            converted.push(extension);
            continue;
        };
        let bare = object.get("url").and_then(Value::as_str).and_then(name).map(str::to_owned);
        match bare.as_deref() {
            Some("coding-sctdescid") => converted.extend(snomed_description(&object)),
            Some(bare) => {
                if let Some((_, successor)) = RENAMED.iter().find(|(old, _)| *old == bare) {
                    object.insert("url".to_owned(), json!(uk_core(successor)));
                    code_to_concept(&mut object, successor);
                }
                converted.push(Value::Object(object));
            }
            None => converted.push(Value::Object(object)),
        }
    }
    converted
}

fn code_to_concept(object: &mut Object, successor: &str) {
    let Some((_, list)) = CODED.iter().find(|(name, _)| *name == successor) else {
        return;
    };
    if let Some(code) = object.remove("valueCode") {
        let concept = json!({ "coding": [{ "system": system::uk_core(list), "code": code }] });
        object.insert("valueCodeableConcept".to_owned(), concept);
    }
}

/// The SNOMED description that the clinician chose: R4 has one extension for its id, UK Core one for its words.
fn snomed_description(extension: &Object) -> Vec<Value> {
    let mut converted = Vec::new();
    let mut carry = |part: &str, url: String, choice: &str| {
        for part in parts(extension, part) {
            if let Some(value) = value(part) {
                converted.push(json!({ "url": url, choice: value }));
            }
        }
    };
    carry("descriptionId", SNOMED_DESCRIPTION_ID.to_owned(), "valueId");
    carry("descriptionDisplay", uk_core("CodingSCTDescDisplay"), "valueString");
    converted
}
