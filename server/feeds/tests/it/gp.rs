//! GP Connect records: golden pairs per type, the record as a whole, and the public pairs and records where they are at hand.

use std::path::{Path, PathBuf};

use feeds::{BusinessKey, Feed, MapError, Mapped, Message};
use fhir::{Instant, Severity};
use proptest::prelude::*;
use serde_json::{Value, json};

fn map(bundle: &Value) -> Result<Vec<Mapped>, MapError> {
    map_bytes(bundle.to_string().as_bytes())
}

fn map_bytes(bytes: &[u8]) -> Result<Vec<Mapped>, MapError> {
    feeds::map(&Message { feed: Feed::GpConnect, bytes, received: Instant(1_735_689_600_000), ods_code: None })
}

fn record(entries: &[Value]) -> Value {
    let entries: Vec<Value> = entries.iter().map(|resource| json!({ "resource": resource })).collect();
    json!({ "resourceType": "Bundle", "id": "record", "type": "collection", "entry": entries })
}

fn practice() -> Value {
    json!({ "resourceType": "Organization", "id": "org1", "name": "Weir Lane Surgery",
        "identifier": [{ "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "XX001" }] })
}

fn patient(nhs_number: &str) -> Value {
    json!({ "resourceType": "Patient", "id": "p1", "managingOrganization": { "reference": "Organization/org1" },
        "identifier": [{ "system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number }] })
}

fn observation(id: &str, extra: &Value) -> Value {
    let mut observation = json!({ "resourceType": "Observation", "id": id, "status": "final",
        "code": { "text": "Weight" }, "subject": { "reference": "Patient/p1" } });
    let extra = extra.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone()));
    observation.as_object_mut().unwrap().extend(extra);
    observation
}

fn of_type<'a>(mapped: &'a Mapped, type_name: &str) -> Vec<&'a feeds::Entry> {
    mapped.entries.iter().filter(|entry| entry.key.type_name == type_name).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Data beside the project, which a clone may not have.
fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/gp").join(path)
}

#[test]
fn golden_pairs_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/gp");
    let pairs = files(&folder);
    assert!(pairs.len() >= 25, "every mapping has a pair");
    for path in pairs {
        let pair = read(&path);
        let converted = feeds::gp::convert(&pair["stu3"]).unwrap();
        assert_eq!(converted, pair["r4"], "{}\n{converted:#}", path.display());
    }
}

#[test]
fn references_become_conditional_by_the_key_of_their_target() {
    let entries = [
        observation(
            "o1",
            &json!({ "identifier": [{ "system": "urn:lab", "value": "7" }],
            "related": [{ "type": "has-member", "target": { "reference": "Observation/o2" } }] }),
        ),
        observation("o2", &json!({ "basedOn": [{ "reference": "ProcedureRequest/pr1" }] })),
        json!({ "resourceType": "ProcedureRequest", "id": "pr1", "status": "active", "intent": "plan",
            "code": { "text": "Weigh" }, "subject": { "reference": "Patient/p1" } }),
        patient("9991036768"),
        practice(),
    ];
    let mapped = map(&record(&entries)).unwrap();
    let mapped = &mapped[0];
    assert_eq!(mapped.source.ods_code.as_deref(), Some("XX001"));
    assert_eq!(mapped.counts["Observation"], 2);
    let first = of_type(mapped, "Observation")[0];
    assert_eq!(first.key, BusinessKey::new("Observation", "urn:lab", "7"));
    let member = first.resource["hasMember"][0]["reference"].as_str().unwrap();
    let expected = BusinessKey::new("Observation", "https://fhir.nhs.uk/XX001/Id/Observation", "o2");
    assert_eq!(BusinessKey::from_reference(member), Some(expected));
    let request = &of_type(mapped, "Observation")[1].resource["basedOn"][0];
    assert_eq!(request["type"], "ServiceRequest");
    assert!(request["reference"].as_str().unwrap().starts_with("ServiceRequest?identifier="));
    let types: Vec<&str> = mapped.entries.iter().map(|entry| entry.key.type_name.as_str()).collect();
    assert_eq!(types, ["Organization", "Patient", "ServiceRequest", "Observation", "Observation"]);
    assert!(mapped.entries.iter().all(|entry| entry.resource.get("id").is_none()));
}

#[test]
fn a_reference_out_of_the_record_does_not_dangle() {
    let entries = [
        observation("o1", &json!({ "context": { "reference": "Encounter/gone" } })),
        patient("9991036768"),
        practice(),
    ];
    let mapped = map(&record(&entries)).unwrap();
    let encounter = &of_type(&mapped[0], "Observation")[0].resource["encounter"];
    assert_eq!(
        encounter,
        &json!({ "type": "Encounter",
        "identifier": { "system": "https://fhir.nhs.uk/XX001/Id/Encounter", "value": "gone" } })
    );
    assert!(
        mapped[0].issues.iter().any(|issue| issue.expression.as_deref() == Some("Bundle.entry[0].resource.reference"))
    );
}

#[test]
fn an_nhs_number_is_never_the_key_and_a_wrong_one_is_kept() {
    let mapped = map(&record(&[patient("1234567890"), practice()])).unwrap();
    let patient = of_type(&mapped[0], "Patient")[0];
    assert_eq!(patient.key.value, "p1");
    assert_eq!(patient.resource["identifier"][0]["value"], "1234567890");
    assert_eq!(patient.resource["identifier"][1]["value"], "p1");
    assert!(mapped[0].issues.iter().any(|issue| issue.detail.as_deref() == Some("nhs-number-invalid")));
    assert!(mapped[0].issues.iter().all(|issue| !issue.diagnostics.contains("1234567890")));
}

#[test]
fn an_identifier_that_several_resources_bear_names_none_of_them() {
    let same = json!({ "identifier": [{ "system": "urn:lab", "value": "7" }] });
    let mapped =
        map(&record(&[observation("o1", &same), observation("o2", &same), patient("9991036768"), practice()])).unwrap();
    let keys: Vec<&str> = of_type(&mapped[0], "Observation").iter().map(|entry| entry.key.value.as_str()).collect();
    assert_eq!(keys, ["o1", "o2"]);
}

#[test]
fn what_cannot_become_r4_is_told_apart_and_the_rest_is_stored() {
    let entries = [
        json!({ "resourceType": "Observation", "id": "o1", "status": "final", "code": { "text": "x" } }),
        observation("o2", &json!({ "subject": { "reference": "Patient/stranger" } })),
        json!({ "resourceType": "Slot", "id": "s1" }),
        json!({ "resourceType": "Condition", "id": "c1" }),
        patient("9991036768"),
        practice(),
    ];
    let mapped = map(&record(&entries)).unwrap();
    assert_eq!(mapped[0].entries.len(), 2);
    assert!(!mapped[0].issues.iter().any(fhir::Issue::is_error));
    let mut refused: Vec<&str> = mapped[1..].iter().filter_map(|part| part.issues[0].expression.as_deref()).collect();
    refused.sort_unstable();
    assert_eq!(refused, [0, 1, 2, 3].map(|at| format!("Bundle.entry[{at}].resource")));
    for part in &mapped[1..] {
        assert!(part.entries.is_empty());
        assert_eq!(part.issues[0].severity, Severity::Error);
    }
    let all: usize = mapped.iter().flat_map(|part| part.counts.values()).sum();
    assert_eq!(all, entries.len());
}

#[test]
fn what_is_no_stu3_record_is_refused_and_says_where() {
    let check = |bytes: &str, location: &str| {
        let error = map_bytes(bytes.as_bytes()).unwrap_err();
        assert_eq!(error.location(), location, "{error}");
    };
    check("{\n  \"resourceType\": Bundle }", "line 2 column 19");
    check("", "line 1 column 1");
    check(r#"{"resourceType":"Patient"}"#, "resourceType");
    check("[]", "resourceType");
    check(r#"{"resourceType":"Bundle","entry":{}}"#, "Bundle.entry");
    check(r#"{"resourceType":"Bundle"}"#, "Bundle.entry");
    check(&record(&[patient("9991036768")]).to_string(), "Bundle.entry");
    let r4 = json!({ "resourceType": "Condition", "clinicalStatus": { "text": "active" } });
    check(&record(&[practice(), r4]).to_string(), "Bundle.entry[1].resource");
}

#[test]
fn a_constant_bundle_id_does_not_make_two_records_one() {
    let first = map(&record(&[patient("9991036768"), practice()])).unwrap();
    let second = map(&record(&[patient("9991067329"), practice()])).unwrap();
    assert_ne!(first[0].message_id, second[0].message_id);
}

/// Where this mapping knowingly differs from the reference one, each with its reason.
fn agree(mut ours: Value, mut theirs: Value) -> (Value, Value) {
    // UK Core requires a substitution; the reference leaves it to others.
    ours.as_object_mut().unwrap().remove("substitution");
    if let Some(Value::Array(extensions)) = ours.get_mut("extension") {
        extensions.retain(|extension| {
            let url = extension["url"].as_str().unwrap_or_default();
            // The reference drops when a status changed and how a medication was changed; we keep both.
            !url.ends_with("MedicationStatusReason-1") && !url.ends_with("MedicationChangeSummary-1")
        });
        if extensions.is_empty() {
            ours.as_object_mut().unwrap().remove("extension");
        }
    }
    // The reference writes the display of the old list and the URL of a value set as system.
    for value in [&mut ours, &mut theirs] {
        if let Some(coding) = value.pointer_mut("/courseOfTherapyType/coding/0").and_then(Value::as_object_mut) {
            coding.remove("display");
            coding.remove("system");
        }
    }
    (ours, newer(theirs))
}

/// Older UK Core names to those of today.
fn newer(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(match text.as_str() {
            "https://fhir.nhs.uk/StructureDefinition/Extension-UKCore-MedicationRepeatInformation" => {
                "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-MedicationRepeatInformation".into()
            }
            "numberOfRepeatPrescriptionsIssued" => "numberOfPrescriptionsIssued".into(),
            text if text.ends_with("UKCore-MedicationPrescribingOrganization") => format!("{text}Type"),
            _ => text,
        }),
        Value::Array(items) => Value::Array(items.into_iter().flat_map(split_description).map(newer).collect()),
        Value::Object(object) => object.into_iter().map(|(name, value)| (name, newer(value))).collect(),
        other => other,
    }
}

/// One complex extension of before is two simple ones today.
fn split_description(extension: Value) -> Vec<Value> {
    let is_it = extension["url"].as_str().is_some_and(|url| url.ends_with("UKCore-CodingSCTDescId"));
    let (true, Some(parts)) = (is_it, extension["extension"].as_array()) else {
        return vec![extension];
    };
    let part = |part: &Value| match part["url"].as_str() {
        Some("descriptionId") => json!({ "url": "http://hl7.org/fhir/StructureDefinition/coding-sctdescid",
            "valueId": part["valueId"] }),
        _ => json!({ "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-CodingSCTDescDisplay",
            "valueString": part["valueString"] }),
    };
    parts.iter().map(part).collect()
}

#[test]
fn the_public_pairs_agree() {
    for folder in ["medicationrequest", "medicationstatement", "allergyintolerance"] {
        for input in files(&shared("stu3-to-r4-pairs").join(folder).join("input")) {
            let expected = shared("stu3-to-r4-pairs").join(folder).join("expected").join(input.file_name().unwrap());
            let (ours, theirs) = agree(feeds::gp::convert(&read(&input)).unwrap(), read(&expected));
            assert_eq!(ours, theirs, "{}", input.display());
        }
    }
}

#[test]
fn the_public_records_are_mapped_whole() {
    for group in ["TC4", "TC7"] {
        for path in files(&shared("structured-records-stu3").join(group)) {
            let mapped = map_bytes(&std::fs::read(&path).unwrap()).unwrap();
            let source = read(&path)["entry"].as_array().unwrap().len();
            assert_eq!(mapped.len(), 1, "{}", path.display());
            assert_eq!(mapped[0].entries.len(), source, "{}", path.display());
        }
    }
}

#[test]
fn the_demo_records_are_mapped_whole() {
    let records = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/demo/gp"));
    assert_eq!(records.len(), 35);
    for path in records {
        let mapped = map_bytes(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(mapped.len(), 1, "{}", path.display());
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(text in ".{0,200}") {
        let _ = map_bytes(text.as_bytes());
    }

    #[test]
    fn odd_json_never_panics(resource in any_json(), type_name in prop::sample::select(TYPES)) {
        let mut resource = resource;
        if let Some(object) = resource.as_object_mut() {
            object.insert("resourceType".to_owned(), json!(type_name));
        }
        let _ = feeds::gp::convert(&resource);
        let _ = map(&record(&[resource, patient("9991036768"), practice()]));
    }
}

const TYPES: &[&str] = &[
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "HealthcareService",
    "Immunization",
    "List",
    "Medication",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Patient",
    "ProcedureRequest",
    "QuestionnaireResponse",
    "ReferralRequest",
    "Specimen",
];

const NAMES: &[&str] = &[
    "identifier",
    "extension",
    "url",
    "valueCodeableConcept",
    "valueCode",
    "coding",
    "system",
    "code",
    "clinicalStatus",
    "verificationStatus",
    "context",
    "reference",
    "requester",
    "agent",
    "related",
    "target",
    "type",
    "subject",
    "patient",
    "component",
    "referenceRange",
    "performer",
    "actor",
    "role",
    "package",
    "batch",
    "contained",
    "vaccinationProtocol",
    "explanation",
    "notGiven",
    "dosageInstruction",
    "dosage",
    "content",
    "attachment",
    "contact",
    "questionnaire",
    "item",
    "answer",
    "meta",
    "profile",
    "text",
    "id",
];

fn any_json() -> impl Strategy<Value = Value> {
    let url = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            format!("{url}NHSCommunication-1"),
            format!("{url}MedicationRepeatInformation-1"),
            format!("{url}PrescriptionType-1"),
            format!("{url}coding-sctdescid"),
            "Patient/p1".to_owned(),
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(NAMES), inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}
