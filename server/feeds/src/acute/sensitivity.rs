//! The sensitive flag (PV1-16, ZU8-4, ARV) and dissent from sharing (ZU8-2).

use serde_json::{Map, Value, json};

use super::datatype::put;
use super::group::Group;
use super::mapping::Mapping;
use crate::{BusinessKey, Entry, codeable, profile_url, reference, system};

/// What a group says of the patient's whereabouts being hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sensitivity {
    /// Nothing: what is known stays.
    Unsaid,
    /// Local or national sensitive flag: label R.
    Restricted,
    /// Said not to be sensitive.
    Lifted,
}

/// Reads every place; any of them restricts, since a wrong label hides less harmfully than a missing one shows.
pub(super) fn of(group: &Group<'_>) -> Sensitivity {
    let visit = group.first("PV1").map(|pv1| pv1.field(16));
    let hiding = group.first("ZU8").map(|zu8| zu8.field(4));
    let read = |field: Option<super::syntax::Part<'_>>| match field {
        None => Sensitivity::Unsaid,
        Some(field) if field.is_null() => Sensitivity::Lifted,
        Some(field) => match field.first().at(1).to_ascii_uppercase().as_str() {
            "" => Sensitivity::Unsaid,
            "N" | "NO" | "0" | "U" => Sensitivity::Lifted,
            _ => Sensitivity::Restricted,
        },
    };
    // ARV (version 2.6) restricts access for a reason of its own; only its deletion (D) says nothing.
    if group.all_of("ARV").any(|arv| arv.text(2) != "D" && !arv.text(3).is_empty()) {
        return Sensitivity::Restricted;
    }
    match (read(visit), read(hiding)) {
        (Sensitivity::Restricted, _) | (_, Sensitivity::Restricted) => Sensitivity::Restricted,
        (Sensitivity::Lifted, _) | (_, Sensitivity::Lifted) => Sensitivity::Lifted,
        _ => Sensitivity::Unsaid,
    }
}

/// ZU8-2: 1 express consent, 2 dissent, 3 unknown. One Consent a patient, so that a later word takes its place.
pub(super) fn consent(mapping: &mut Mapping, group: &Group<'_>, patient: &BusinessKey) {
    let Some(zu8) = group.first("ZU8") else {
        return;
    };
    let decision = match zu8.text(2).as_ref() {
        "1" => "permit",
        "2" => "deny",
        "" | "3" => return,
        _ => {
            mapping.warn("ZU8-2", "not a code of consent to share; left out");
            return;
        }
    };
    let policy = if decision == "deny" { "OPTOUT" } else { "OPTIN" };
    let mut consent = Map::new();
    consent.insert("resourceType".to_owned(), json!("Consent"));
    consent.insert("meta".to_owned(), json!({ "profile": [profile_url("Consent")] }));
    consent.insert("status".to_owned(), json!("active"));
    let scope = "http://terminology.hl7.org/CodeSystem/consentscope";
    consent.insert("scope".to_owned(), codeable(scope, "patient-privacy", "Privacy Consent"));
    consent.insert("category".to_owned(), json!([codeable(system::LOINC, "59284-0", "Consent Document")]));
    consent.insert("patient".to_owned(), reference("Patient", patient));
    put(&mut consent, "dateTime", mapping.header.event_time.map(fhir::Instant::to_fhir));
    put(&mut consent, "organization", super::provider::sender(mapping).map(|sender| json!([sender])));
    consent.insert("policyRule".to_owned(), codeable(system::ACT_CODE, policy, ""));
    consent.insert("provision".to_owned(), json!({ "type": decision }));
    let key = BusinessKey::new("Consent", mapping.header.system("consent-to-share"), scoped(patient));
    mapping.push(Entry::upsert(key, Value::Object(consent)));
}

/// A patient's key as the beginning of the key of something that has no identifier of its own.
pub(super) fn scoped(patient: &BusinessKey) -> String {
    format!("{}|{}", patient.system, patient.value)
}
