//! The UK Core records that `cargo xtask bench validate` is about: few and full, where the population's are many and plain.

use serde_json::{Value, json};

const UK: &str = "https://fhir.hl7.org.uk/StructureDefinition/";

/// A Patient of UK Core.
pub(super) fn patient() -> Value {
    let status = json!({"url": format!("{UK}Extension-UKCore-NHSNumberVerificationStatus"), "valueCodeableConcept": {"coding":
        [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland", "code": "01"}]}});
    let ethnic = json!({"url": format!("{UK}Extension-UKCore-EthnicCategory"), "valueCodeableConcept": {"coding":
        [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland", "code": "A"}]}});
    json!({"resourceType": "Patient", "id": "p1", "meta": {"profile": [format!("{UK}UKCore-Patient")]},
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>A synthetic person</p></div>"},
        "extension": [ethnic],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018", "extension": [status]},
            {"system": "https://example.org/mrn", "value": "A1"}],
        "active": true, "name": [{"use": "official", "family": "Example", "given": ["Ann", "Mary"], "prefix": ["Ms"]}],
        "telecom": [{"system": "phone", "value": "01632 960000", "use": "home"}, {"system": "email", "value": "ann@example.org"}],
        "gender": "female", "birthDate": "1980-02-29",
        "address": [{"use": "home", "line": ["1 High Street"], "city": "Leeds", "postalCode": "LS1 1AA", "period": {"start": "2010-01-01"}}],
        "contact": [{"name": {"family": "Other"}, "telecom": [{"system": "phone", "value": "01632 960001"}]}],
        "managingOrganization": {"reference": "Organization/o1"}})
}

/// A blood pressure of UK Core.
pub(super) fn blood_pressure(number: usize) -> Value {
    let coding = |loinc: &str, sct: &str| json!([{"system": "http://loinc.org", "code": loinc}, {"system": "http://snomed.info/sct", "code": sct}]);
    let component = |loinc: &str, sct: &str, text: &str, value: u32| {
        json!({"code": {"coding": [{"system": "http://loinc.org", "code": loinc, "display": text},
            {"system": "http://snomed.info/sct", "code": sct}], "text": text},
            "valueQuantity": {"value": value, "unit": "millimeter of mercury", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}})
    };
    json!({"resourceType": "Observation", "id": format!("o{number}"), "status": "final",
        "meta": {"profile": [format!("{UK}UKCore-Observation-VitalSigns-BloodPressure")]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "code": {"coding": coding("85354-9", "75367002")}, "subject": {"reference": "Patient/p1"},
        "performer": [{"reference": "Practitioner/1"}], "effectiveDateTime": "2024-01-01T10:00:00Z",
        "component": [component("8480-6", "72313002", "Systolic blood pressure", 120),
            component("8462-4", "271650006", "Diastolic blood pressure", 80)]})
}

/// A MedicationRequest of UK Core.
pub(super) fn medication(number: usize) -> Value {
    json!({"resourceType": "MedicationRequest", "id": format!("m{number}"), "meta": {"profile": [format!("{UK}UKCore-MedicationRequest")]},
        "identifier": [{"system": "https://example.org/script", "value": number.to_string()}], "status": "active", "intent": "order",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/medicationrequest-category", "code": "outpatient"}]}],
        "medicationCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "322236009"}], "text": "Paracetamol 500mg tablets"},
        "subject": {"reference": "Patient/p1"}, "authoredOn": "2024-01-01T10:00:00Z", "requester": {"reference": "Practitioner/1"},
        "dosageInstruction": [{"text": "one or two up to four times a day", "timing": {"repeat": {"frequency": 4, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet", "system": "http://unitsofmeasure.org", "code": "1"}}]}],
        "dispenseRequest": {"validityPeriod": {"start": "2024-01-01", "end": "2024-02-01"}, "quantity": {"value": 32, "unit": "tablet"}},
        "substitution": {"allowedBoolean": false}})
}

/// The record of one patient, 1,000 entries, as a practice sends it.
pub(super) fn bundle() -> Value {
    let entries = (0..1000).map(|number| {
        let (name, resource) = match number {
            0 => ("Patient/p1".to_owned(), patient()),
            _ if number % 2 == 0 => (format!("Observation/o{number}"), blood_pressure(number)),
            _ => (format!("MedicationRequest/m{number}"), medication(number)),
        };
        json!({"fullUrl": format!("https://example.org/fhir/{name}"), "resource": resource})
    });
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries.collect::<Vec<Value>>()})
}
