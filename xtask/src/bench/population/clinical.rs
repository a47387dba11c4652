//! Encounters, conditions and prescriptions.

use super::Making;
use super::codes::{CONTACTS, DIAGNOSES, MEDICINES};
use super::patient::date;
use super::random::Random;
use super::template::fill;

/// 1 January 2016 as a day since 1900: everything is recorded in the ten years from here.
const FIRST_DAY: u64 = 42_368;
/// Ten years.
const DAYS: u64 = 3653;

const ENCOUNTER: &str = r#"{"resourceType":"Encounter",$head$"identifier":[{"system":"https://example.org/encounter","value":"$identifier$"}],"status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"$class$","display":"$class_text$"},"type":[{"coding":[{"system":"http://snomed.info/sct","code":"$code$","display":"$display$"}],"text":"$display$"}],"subject":{"reference":"$patient$"},"participant":[{"type":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"PPRF","display":"primary performer"}]}],"individual":{"reference":"$practitioner$"}}],"period":{"start":"$date$T$hour$:05:00+00:00","end":"$date$T$hour$:50:00+00:00"},"reasonCode":[{"coding":[{"system":"http://snomed.info/sct","code":"$reason$","display":"$reason_text$"}]}],"serviceProvider":{"reference":"$organization$"}}"#;

const CONDITION: &str = r#"{"resourceType":"Condition",$head$"identifier":[{"system":"https://example.org/problem","value":"$identifier$"}],"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"$status$"}]},"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item","display":"Problem List Item"}]}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"$code$","display":"$display$"}],"text":"$display$"},"subject":{"reference":"$patient$"},"encounter":{"reference":"$encounter$"},"onsetDateTime":"$date$",$abatement$"recordedDate":"$date$","recorder":{"reference":"$practitioner$"}}"#;

const MEDICATION_REQUEST: &str = r#"{"resourceType":"MedicationRequest",$head$"identifier":[{"system":"https://example.org/prescription","value":"$identifier$"}],"status":"$status$","intent":"order","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/medicationrequest-category","code":"community","display":"Community"}]}],"medicationCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"$code$","display":"$display$"}],"text":"$display$"},"subject":{"reference":"$patient$"},"encounter":{"reference":"$encounter$"},"authoredOn":"$date$T$hour$:20:00+00:00","requester":{"reference":"$practitioner$"},"dosageInstruction":[{"text":"$dose$ tablet to be taken daily","timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}},"route":{"coding":[{"system":"http://snomed.info/sct","code":"26643006","display":"Oral"}]},"doseAndRate":[{"doseQuantity":{"value":$dose$,"unit":"tablet","system":"http://unitsofmeasure.org","code":"{tbl}"}}]}],"dispenseRequest":{"quantity":{"value":$count$,"unit":"tablet","system":"http://unitsofmeasure.org","code":"{tbl}"},"expectedSupplyDuration":{"value":28,"unit":"day","system":"http://unitsofmeasure.org","code":"d"}},"substitution":{"allowedBoolean":false}}"#;

/// A contact.
pub(super) fn encounter(making: &mut Making<'_>, out: &mut String) {
    let ((code, display), (class, class_text)) = *making.random.pick_skewed(&CONTACTS);
    let (reason, reason_text) = *making.random.pick_skewed(&DIAGNOSES);
    let values: [(&str, &str); _] = [
        ("head", &making.head("Encounter")),
        ("identifier", &making.identifier()),
        ("class", class),
        ("class_text", class_text),
        ("code", code),
        ("display", display),
        ("patient", &making.patient()),
        ("practitioner", &making.practitioner()),
        ("date", &day(&mut making.random)),
        ("hour", &hour(&mut making.random)),
        ("reason", reason),
        ("reason_text", reason_text),
        ("organization", &making.organization()),
    ];
    fill(out, ENCOUNTER, &values);
}

/// A diagnosis, one in four resolved.
pub(super) fn condition(making: &mut Making<'_>, out: &mut String) {
    let (code, display) = *making.random.pick_skewed(&DIAGNOSES);
    let onset = making.random.below(DAYS - 200);
    let mut abatement = String::new();
    let is_resolved = making.random.is_percent(25);
    if is_resolved {
        fill(&mut abatement, r#""abatementDateTime":"$date$","#, &[("date", &date(FIRST_DAY + onset + 150))]);
    }
    let values: [(&str, &str); _] = [
        ("head", &making.head("Condition")),
        ("identifier", &making.identifier()),
        ("status", if is_resolved { "resolved" } else { "active" }),
        ("code", code),
        ("display", display),
        ("patient", &making.patient()),
        ("encounter", &making.encounter()),
        ("date", &date(FIRST_DAY + onset)),
        ("abatement", &abatement),
        ("practitioner", &making.practitioner()),
    ];
    fill(out, CONDITION, &values);
}

/// A prescription, two in five current.
pub(super) fn medication_request(making: &mut Making<'_>, out: &mut String) {
    let (code, display) = *making.random.pick_skewed(&MEDICINES);
    let values: [(&str, &str); _] = [
        ("head", &making.head("MedicationRequest")),
        ("identifier", &making.identifier()),
        ("status", if making.random.is_percent(40) { "active" } else { "completed" }),
        ("code", code),
        ("display", display),
        ("patient", &making.patient()),
        ("encounter", &making.encounter()),
        ("date", &day(&mut making.random)),
        ("hour", &hour(&mut making.random)),
        ("practitioner", &making.practitioner()),
        ("dose", *making.random.pick(&["1", "1", "2"])),
        ("count", *making.random.pick(&["28", "56", "84"])),
    ];
    fill(out, MEDICATION_REQUEST, &values);
}

/// A day of the ten years.
pub(super) fn day(random: &mut Random) -> String {
    date(FIRST_DAY + random.below(DAYS))
}

/// An hour of a working day.
pub(super) fn hour(random: &mut Random) -> String {
    format!("{:02}", random.between(8, 18))
}
