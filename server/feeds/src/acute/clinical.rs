//! DG1, PR1, AL1 and IAM to UKCore-Condition, -Procedure and -AllergyIntolerance.

use serde_json::{Map, Value, json};

use super::datatype::{self, put, put_list};
use super::group::Group;
use super::header::slug;
use super::mapping::Mapping;
use super::provider;
use super::sensitivity::scoped;
use super::syntax::{Part, Segment};
use crate::{BusinessKey, Entry, Method, codeable, profile_url, reference, system};

const DIAGNOSIS_ROLE: &str = "http://terminology.hl7.org/CodeSystem/diagnosis-role";

/// Adds the diagnoses, procedures and allergies of a group.
pub(super) fn map(mapping: &mut Mapping, group: &Group<'_>, patient: &BusinessKey, encounter: Option<&BusinessKey>) {
    let mut diagnoses = Vec::new();
    for dg1 in group.all_of("DG1") {
        diagnoses.extend(condition(mapping, dg1, patient, encounter));
    }
    if let Some(encounter) = encounter.filter(|_| !diagnoses.is_empty()) {
        let entry = mapping.entries.iter_mut().find(|entry| entry.key == *encounter);
        if let Some(Value::Object(resource)) = entry.map(|entry| &mut entry.resource) {
            put_list(resource, "diagnosis", diagnoses);
        }
    }
    for pr1 in group.all_of("PR1") {
        procedure(mapping, pr1, patient, encounter);
    }
    for al1 in group.all_of("AL1") {
        allergy(mapping, al1, patient, &AL1);
    }
    for iam in group.all_of("IAM") {
        allergy(mapping, iam, patient, &IAM);
    }
}

/// A resource of this type and profile about the patient, in the encounter.
fn begin(type_name: &str, subject: &str, patient: &BusinessKey, encounter: Option<&BusinessKey>) -> Map<String, Value> {
    let mut resource = Map::new();
    resource.insert("resourceType".to_owned(), json!(type_name));
    resource.insert("meta".to_owned(), json!({ "profile": [profile_url(type_name)] }));
    resource.insert(subject.to_owned(), reference("Patient", patient));
    put(&mut resource, "encounter", encounter.map(|encounter| reference("Encounter", encounter)));
    resource
}

/// What tells one coded thing from another of the same patient: its code, else its words.
fn mark(part: Part<'_>, words: &str) -> String {
    let code = part.at(1);
    if code.is_empty() { slug(words) } else { slug(&format!("{} {}", part.at(3), code)) }
}

/// Adds a Condition and gives the encounter's word on it.
fn condition(
    mapping: &mut Mapping,
    dg1: &Segment<'_>,
    patient: &BusinessKey,
    encounter: Option<&BusinessKey>,
) -> Option<Value> {
    let part = dg1.field(3).first();
    let words = dg1.text(4).into_owned();
    let mut concept = datatype::codeable(part, &mapping.header).or_else(|| {
        mapping.note("DG1-3", "no code of the diagnosis; kept as text");
        (!words.is_empty()).then(|| crate::codeable_text(&words))
    })?;
    if let (Value::Object(concept), true) = (&mut concept, part.at(2).is_empty() && !words.is_empty()) {
        concept.insert("text".to_owned(), json!(words));
    }
    let id = dg1.text(20);
    let mark = if id.is_empty() { mark(part, &words) } else { slug(&id) };
    let scope = scoped(encounter.unwrap_or(patient));
    let key = BusinessKey::new("Condition", mapping.header.system("diagnosis"), format!("{scope}|{mark}"));
    let mut resource = begin("Condition", "subject", patient, encounter);
    let verification = match dg1.text(6).as_ref() {
        "F" => Some("confirmed"),
        "W" => Some("provisional"),
        _ => None,
    };
    let status = verification.map(|code| codeable(system::CONDITION_VERIFICATION, code, ""));
    put(&mut resource, "verificationStatus", status);
    let category = codeable(system::CONDITION_CATEGORY, "encounter-diagnosis", "Encounter Diagnosis");
    resource.insert("category".to_owned(), json!([category]));
    resource.insert("code".to_owned(), concept);
    put(&mut resource, "recordedDate", mapping.date_time(dg1, 19).or_else(|| mapping.date_time(dg1, 5)));
    let recorder = dg1.field(16).repetitions().next().and_then(|part| provider::practitioner(mapping, part));
    put(&mut resource, "recorder", recorder);
    let method = if dg1.text(21) == "D" { Method::Delete } else { Method::Upsert };
    mapping.push(Entry { method, ..Entry::upsert(key.clone(), Value::Object(resource)) });
    let mut diagnosis = Map::new();
    diagnosis.insert("condition".to_owned(), reference("Condition", &key));
    let role = match dg1.text(6).as_ref() {
        "A" => Some(codeable(DIAGNOSIS_ROLE, "AD", "Admission diagnosis")),
        "F" => Some(codeable(DIAGNOSIS_ROLE, "DD", "Discharge diagnosis")),
        _ => None,
    };
    put(&mut diagnosis, "use", role);
    put(&mut diagnosis, "rank", dg1.text(15).parse::<u32>().ok().filter(|rank| *rank > 0));
    (method == Method::Upsert).then_some(Value::Object(diagnosis))
}

fn procedure(mapping: &mut Mapping, pr1: &Segment<'_>, patient: &BusinessKey, encounter: Option<&BusinessKey>) {
    let part = pr1.field(3).first();
    let words = pr1.text(4).into_owned();
    let concept = datatype::codeable(part, &mapping.header);
    let Some(concept) = concept.or_else(|| (!words.is_empty()).then(|| crate::codeable_text(&words))) else {
        mapping.note("PR1-3", "neither code nor words of the procedure; left out");
        return;
    };
    let id = pr1.text(19);
    let mark = if id.is_empty() { format!("{}|{}", mark(part, &words), pr1.text(5)) } else { slug(&id) };
    let scope = scoped(encounter.unwrap_or(patient));
    let key = BusinessKey::new("Procedure", mapping.header.system("procedure"), format!("{scope}|{mark}"));
    let mut resource = begin("Procedure", "subject", patient, encounter);
    resource.insert("status".to_owned(), json!("completed"));
    resource.insert("code".to_owned(), concept);
    put(&mut resource, "performedDateTime", mapping.date_time(pr1, 5));
    let surgeons: Vec<Value> = pr1
        .field(11)
        .repetitions()
        .filter_map(|part| Some(json!({ "actor": provider::practitioner(mapping, part)? })))
        .collect();
    put_list(&mut resource, "performer", surgeons);
    let method = if pr1.text(20) == "D" { Method::Delete } else { Method::Upsert };
    mapping.push(Entry { method, ..Entry::upsert(key, Value::Object(resource)) });
}

/// Where AL1 and IAM, which say much the same, hold it.
struct AllergyFields {
    /// Snapshot (none) or action code.
    action: Option<usize>,
    onset: usize,
    recorded: Option<usize>,
    status: Option<usize>,
}

const AL1: AllergyFields = AllergyFields { action: None, onset: 6, recorded: None, status: None };
const IAM: AllergyFields = AllergyFields { action: Some(6), onset: 11, recorded: Some(13), status: Some(17) };

fn allergy(mapping: &mut Mapping, segment: &Segment<'_>, patient: &BusinessKey, fields: &AllergyFields) {
    let part = segment.field(3).first();
    let Some(concept) = datatype::codeable(part, &mapping.header) else {
        mapping.note(&format!("{}-3", segment.name), "no allergen; left out");
        return;
    };
    let mark = mark(part, &part.at(2));
    let value = format!("{}|{mark}", scoped(patient));
    let key = BusinessKey::new("AllergyIntolerance", mapping.header.system("allergy"), value);
    let mut resource = begin("AllergyIntolerance", "patient", patient, None);
    resource.insert("clinicalStatus".to_owned(), codeable(system::ALLERGY_CLINICAL, "active", "Active"));
    let verification = match fields.status.map(|n| segment.text(n)).as_deref() {
        Some("C") => Some("confirmed"),
        Some("S" | "P" | "U") => Some("unconfirmed"),
        Some("E") => Some("entered-in-error"),
        Some("D") => Some("refuted"),
        _ => None,
    };
    if verification == Some("entered-in-error") {
        // ait-2: no clinical status in a record made in error.
        resource.shift_remove("clinicalStatus");
    }
    put(&mut resource, "verificationStatus", verification.map(|code| codeable(system::ALLERGY_VERIFICATION, code, "")));
    let (kind, category) = allergen_type(&segment.text(2));
    put(&mut resource, "type", kind);
    put(&mut resource, "category", category.map(|category| json!([category])));
    let (criticality, severity) = match segment.text(4).as_ref() {
        "SV" => (Some("high"), Some("severe")),
        "MO" => (None, Some("moderate")),
        "MI" => (Some("low"), Some("mild")),
        _ => (None, None),
    };
    put(&mut resource, "criticality", criticality);
    resource.insert("code".to_owned(), concept);
    put(&mut resource, "onsetDateTime", mapping.date_time(segment, fields.onset));
    put(&mut resource, "recordedDate", fields.recorded.and_then(|n| mapping.date_time(segment, n)));
    let reactions: Vec<Value> =
        segment.field(5).repetitions().filter_map(|part| datatype::codeable(part, &mapping.header)).collect();
    if !reactions.is_empty() {
        let mut reaction = Map::new();
        put_list(&mut reaction, "manifestation", reactions);
        put(&mut reaction, "severity", severity);
        resource.insert("reaction".to_owned(), json!([reaction]));
    }
    let is_deleted = fields.action.is_some_and(|n| segment.text(n) == "D");
    let method = if is_deleted { Method::Delete } else { Method::Upsert };
    mapping.push(Entry { method, ..Entry::upsert(key, Value::Object(resource)) });
}

/// AL1-2 (HL7 table 0127; the UK adds IO, IC and IN for intolerances).
fn allergen_type(code: &str) -> (Option<&'static str>, Option<&'static str>) {
    match code {
        "DA" => (Some("allergy"), Some("medication")),
        "FA" => (Some("allergy"), Some("food")),
        "EA" | "AA" | "PA" | "LA" => (Some("allergy"), Some("environment")),
        "MA" => (Some("allergy"), None),
        "IO" | "IN" => (Some("intolerance"), None),
        _ => (None, None),
    }
}
