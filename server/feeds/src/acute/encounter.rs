//! PV1 and PV2 to UKCore-Encounter.

use serde_json::{Map, Value, json};

use super::datatype::{self, code, put, put_list, put_text};
use super::event::Visit;
use super::group::Group;
use super::mapping::Mapping;
use super::sensitivity;
use super::syntax::{Part, Segment};
use super::{provider, tables};
use crate::{BusinessKey, Entry, coding, extension, extension_url, identifier, profile_url, reference};

const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// Adds the Encounter of a group and gives its key; none when the message names no visit.
pub(super) fn map(
    mapping: &mut Mapping,
    group: &Group<'_>,
    patient_key: &BusinessKey,
    visit: Visit,
) -> Option<BusinessKey> {
    let pv1 = group.first("PV1")?;
    if visit == Visit::None || pv1.text(2) == "N" {
        return None;
    }
    let Some(key) = key(mapping, group, patient_key) else {
        mapping.warn("PV1-19", "no visit number and no admission time; the encounter is not kept");
        return None;
    };
    let mut encounter = Map::new();
    encounter.insert("resourceType".to_owned(), json!("Encounter"));
    encounter.insert("meta".to_owned(), json!({ "profile": [profile_url("Encounter")] }));
    put_list(&mut encounter, "extension", extensions(mapping, pv1));
    put_list(&mut encounter, "identifier", identifiers(mapping, group, &key));
    encounter.insert("status".to_owned(), json!(status(visit, pv1)));
    encounter.insert("class".to_owned(), class(mapping, pv1));
    let service = pv1.field(10).repetitions().next();
    put(&mut encounter, "serviceType", service.and_then(|part| coded(mapping, part, "hospital-service")));
    encounter.insert("subject".to_owned(), reference("Patient", patient_key));
    put_list(&mut encounter, "participant", participants(mapping, pv1));
    put(&mut encounter, "period", period(mapping, pv1));
    if let Some(pv2) = group.first("PV2") {
        let reason = pv2.field(3).repetitions().next().and_then(|part| datatype::codeable(part, &mapping.header));
        put(&mut encounter, "reasonCode", reason.map(|reason| json!([reason])));
    }
    put(&mut encounter, "hospitalization", hospitalization(mapping, pv1));
    put_list(&mut encounter, "location", locations(mapping, pv1));
    put(&mut encounter, "serviceProvider", provider::sender(mapping));
    let resource = Value::Object(encounter);
    mapping.push(Entry::merge(key.clone(), resource));
    Some(key)
}

/// PV1-19, else the account PID-18, else the patient and the time of admission.
pub(super) fn key(mapping: &Mapping, group: &Group<'_>, patient: &BusinessKey) -> Option<BusinessKey> {
    let encounter = |part: Part<'_>, kind: &str| {
        let authority = part.component(4);
        let system = mapping.header.authority_system(authority, kind);
        Some(BusinessKey::new("Encounter", system, mapping.owned(authority, patient, &part.at(1))))
    };
    let pv1 = group.first("PV1");
    let visit = pv1.and_then(|pv1| pv1.field(19).repetitions().find(|part| !part.at(1).is_empty()));
    if let Some(part) = visit {
        return encounter(part, "Encounter");
    }
    if let Some(part) = group.pid.field(18).repetitions().find(|part| !part.at(1).is_empty()) {
        return encounter(part, "account");
    }
    let admitted = pv1.map(|pv1| pv1.text(44)).filter(|time| !time.is_empty())?;
    let value = format!("{}|{admitted}", sensitivity::scoped(patient));
    Some(BusinessKey::new("Encounter", mapping.header.system("admission"), value))
}

fn identifiers(mapping: &Mapping, group: &Group<'_>, key: &BusinessKey) -> Vec<Value> {
    let mut identifiers = Vec::new();
    if !key.value.contains('|') {
        identifiers.push(identifier(&key.system, &key.value));
    }
    let episode = group.first("PV1").and_then(|pv1| pv1.field(50).repetitions().next());
    if let Some(part) = episode.filter(|part| !part.at(1).is_empty()) {
        let system = mapping.header.authority_system(part.component(4), "consultant-episode");
        identifiers.push(identifier(&system, &part.at(1)));
    }
    identifiers
}

/// Where the event does not tell it: finished when discharged, planned before admission, else going on.
fn status(visit: Visit, pv1: &Segment<'_>) -> &'static str {
    match visit {
        Visit::Status(status) => status,
        Visit::Inferred | Visit::None => match pv1.text(2).as_ref() {
            _ if Mapping::has(pv1, 45) => "finished",
            "P" | "W" => "planned",
            _ => "in-progress",
        },
    }
}

fn class(mapping: &mut Mapping, pv1: &Segment<'_>) -> Value {
    let code = pv1.text(2);
    let class = tables::encounter_class(&code);
    if class.get("code").is_some_and(|code| code == "UNK") && code != "U" {
        mapping.note("PV1-2", "not a patient class; unknown is written");
    }
    class
}

fn extensions(mapping: &mut Mapping, pv1: &Segment<'_>) -> Vec<Value> {
    let methods = [
        ("AdmissionMethod", tables::admission_method(mapping, pv1)),
        ("DischargeMethod", tables::discharge_method(mapping, pv1)),
    ];
    let with_url = methods.into_iter().filter_map(|(name, concept)| Some((extension_url(name), concept?)));
    with_url.map(|(url, concept)| extension(&url, "valueCodeableConcept", concept)).collect()
}

fn participants(mapping: &mut Mapping, pv1: &Segment<'_>) -> Vec<Value> {
    let mut participants = Vec::new();
    for (n, role, display) in
        [(7, "ATND", "attender"), (8, "REF", "referrer"), (9, "CON", "consultant"), (17, "ADM", "admitter")]
    {
        for part in pv1.field(n).repetitions() {
            if let Some(individual) = provider::practitioner(mapping, part) {
                let kind = json!([{ "coding": [coding(PARTICIPATION, role, display)] }]);
                let participant = json!({ "type": kind, "individual": individual });
                // A repetition is often the same person under another number.
                if !participants.contains(&participant) {
                    participants.push(participant);
                }
            }
        }
    }
    participants
}

fn period(mapping: &mut Mapping, pv1: &Segment<'_>) -> Option<Value> {
    let mut period = Map::new();
    let (start, end) = (mapping.date_time(pv1, 44), mapping.date_time(pv1, 45));
    put_text(&mut period, "start", start.as_deref().unwrap_or_default());
    if let (Some(start), Some(end)) = (&start, &end) {
        let moment = |text: &str| fhir::FhirDate::parse(text).map(|date| date.range());
        if moment(end).zip(moment(start)).is_some_and(|(end, start)| end.1 < start.0) {
            mapping.warn("PV1-45", "discharged before admission; left out");
            return Some(Value::Object(period));
        }
    }
    put_text(&mut period, "end", end.as_deref().unwrap_or_default());
    (!period.is_empty()).then_some(Value::Object(period))
}

fn hospitalization(mapping: &mut Mapping, pv1: &Segment<'_>) -> Option<Value> {
    let mut stay = Map::new();
    put(&mut stay, "admitSource", tables::admission_source(mapping, pv1));
    put(&mut stay, "dischargeDisposition", tables::discharge_destination(mapping, pv1));
    (!stay.is_empty()).then_some(Value::Object(stay))
}

/// PV1-3 is where the patient is, PV1-6 where the patient was.
fn locations(mapping: &mut Mapping, pv1: &Segment<'_>) -> Vec<Value> {
    let is_over = Mapping::has(pv1, 45);
    let mut locations = Vec::new();
    for (n, status) in [(3, if is_over { "completed" } else { "active" }), (6, "completed")] {
        let part = pv1.field(n).repetitions().next();
        if let Some(location) = part.and_then(|part| provider::location(mapping, part)) {
            locations.push(json!({ "location": location, "status": status }));
        }
    }
    locations
}

/// A coded value of a user-defined table: the sender's code in its namespace, and its words.
fn coded(mapping: &Mapping, part: Part<'_>, table: &str) -> Option<Value> {
    let value = code(&part.at(1));
    if value.is_empty() || !part.at(3).is_empty() {
        return datatype::codeable(part, &mapping.header);
    }
    let words = part.at(2);
    let system = mapping.header.system(&format!("code.{table}"));
    let text = if words.is_empty() { value.as_str() } else { words.as_ref() };
    Some(json!({ "coding": [coding(&system, &value, &words)], "text": text }))
}

/// A Reference by identifier to a visit that another message tells: nothing hangs in the air if it never comes.
pub(super) fn logical(mapping: &Mapping, group: &Group<'_>, patient: &BusinessKey) -> Option<Value> {
    let key = key(mapping, group, patient).filter(|key| !key.value.contains('|'))?;
    group.first("PV1")?;
    Some(json!({ "type": "Encounter", "identifier": identifier(&key.system, &key.value) }))
}
