//! PID, PD1, NK1 to UKCore-Patient.

use serde_json::{Map, Value, json};

use super::datatype::{self, put, put_list};
use super::group::Group;
use super::identifier::{self, Identifiers};
use super::mapping::Mapping;
use super::sensitivity::{self, Sensitivity};
use super::syntax::Segment;
use super::tables;
use super::{provider, time};
use crate::{BusinessKey, Entry, Label, MapError, extension, extension_url, label, profile_url, system};

/// How much a message says about its patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// ADT: the patient is what the message is about.
    Demographics,
    /// ADT that registers or admits: the record is active.
    Registration,
    /// ADT that deletes the person: the record is no longer active.
    Removal,
    /// ORU: the patient is named; that someone is alive is no news here.
    Subject,
}

/// Adds the Patient of a group and gives its key.
pub(super) fn map(mapping: &mut Mapping, group: &Group<'_>, depth: Depth) -> Result<BusinessKey, MapError> {
    let pid = group.pid;
    let identifiers = all_identifiers(mapping, group);
    let key = identifiers.key.ok_or_else(|| match identifiers.values.is_empty() {
        true => MapError::missing("PID-3", "a patient identifier"),
        false => MapError::missing("PID-3", "whose patient identifier it is (CX.4, else MSH-3 or MSH-4)"),
    })?;
    let sensitivity = sensitivity::of(group);
    let mut patient = Map::new();
    patient.insert("resourceType".to_owned(), json!("Patient"));
    patient.insert("meta".to_owned(), meta(sensitivity));
    let extensions = extensions(mapping, pid);
    put_list(&mut patient, "extension", extensions);
    put_list(&mut patient, "identifier", identifiers.values);
    match depth {
        Depth::Registration => patient.insert("active".to_owned(), json!(true)),
        Depth::Removal => patient.insert("active".to_owned(), json!(false)),
        Depth::Demographics | Depth::Subject => None,
    };
    put_list(&mut patient, "name", names(pid));
    put_list(&mut patient, "telecom", telecoms(pid));
    put(&mut patient, "gender", gender(mapping, pid));
    birth(mapping, pid, &mut patient);
    deceased(mapping, pid, depth, &mut patient);
    put_list(&mut patient, "address", addresses(mapping, pid));
    put(&mut patient, "maritalStatus", tables::marital_status(mapping, pid));
    let contacts: Vec<Value> = group.all_of("NK1").filter_map(|nk1| contact(mapping, nk1)).collect();
    put_list(&mut patient, "contact", contacts);
    put_list(&mut patient, "communication", tables::languages(mapping, pid));
    put_list(&mut patient, "generalPractitioner", general_practitioners(mapping, group));
    put(&mut patient, "managingOrganization", provider::sender(mapping));
    unmapped(mapping, pid);
    let cleared = cleared(pid, sensitivity);
    let resource = Value::Object(patient);
    mapping.push(Entry { cleared, ..Entry::merge(key.clone(), resource) });
    Ok(key)
}

/// PID-3, then what older or other senders use instead: PID-2, PID-4, and PID-19 for the NHS number.
fn all_identifiers(mapping: &mut Mapping, group: &Group<'_>) -> Identifiers {
    let pid = group.pid;
    let status = trace_status(group);
    let mut found = identifier::identifiers(mapping, pid.field(3), "PID-3", status.as_deref());
    for (n, location) in [(2, "PID-2"), (4, "PID-4")] {
        if found.key.is_none() {
            let older = identifier::identifiers(mapping, pid.field(n), location, status.as_deref());
            if !older.values.is_empty() {
                mapping.note(location, "used in the absence of a record number in PID-3");
            }
            let new = older.values.into_iter().filter(|value| !found.values.contains(value)).collect::<Vec<_>>();
            found.values.extend(new);
            found.has_nhs_number |= older.has_nhs_number;
            found.key = older.key;
        }
    }
    let alone = identifier::digits(&pid.text(19));
    if !found.has_nhs_number && mapping.header.is_uk && fhir::NhsNumber::parse(&alone).is_ok() {
        mapping.note("PID-19", "an NHS number outside PID-3; taken");
        found.values.push(crate::identifier(system::NHS_NUMBER, &alone));
    } else if Mapping::has(pid, 19) && alone != nhs_number_of(&found.values) {
        mapping.note("PID-19", "not an NHS number; left out");
    }
    let number = nhs_number_of(&found.values);
    if found.key.is_none() && !number.is_empty() {
        mapping
            .warn("PID-3", "no number of the patient but an NHS number; a record is found again with the birth date");
        found.key = identifier::numbered(mapping, number, &pid.text(7));
    }
    found
}

fn nhs_number_of(identifiers: &[Value]) -> &str {
    let nhs = |item: &&Value| item.get("system").and_then(Value::as_str) == Some(system::NHS_NUMBER);
    identifiers.iter().find(nhs).and_then(|item| item.get("value")?.as_str()).unwrap_or_default()
}

/// The NHS number's status: `NSTSnn` or `PDSnn` in PID-32, or ZU1-27.
fn trace_status(group: &Group<'_>) -> Option<String> {
    let coded = group.pid.field(32).repetitions().find_map(|part| {
        let code = part.at(1);
        code.strip_prefix("NSTS").or_else(|| code.strip_prefix("PDS")).map(str::to_owned)
    });
    coded.or_else(|| group.first("ZU1").map(|zu1| zu1.text(27).into_owned()).filter(|status| !status.is_empty()))
}

fn meta(sensitivity: Sensitivity) -> Value {
    let mut meta = Map::new();
    meta.insert("profile".to_owned(), json!([profile_url("Patient")]));
    if sensitivity == Sensitivity::Restricted {
        meta.insert("security".to_owned(), json!([restricted()]));
    }
    Value::Object(meta)
}

/// The label R as a Coding; the encounters of a flagged patient need none, for policy restricts the person.
fn restricted() -> Value {
    label(&Label { system: system::CONFIDENTIALITY.to_owned(), code: "R".to_owned() })
}

fn names(pid: &Segment<'_>) -> Vec<Value> {
    pid.field(5)
        .repetitions()
        .enumerate()
        .filter_map(|(place, part)| datatype::name(part, place == 0))
        .chain(pid.field(9).repetitions().filter_map(|part| alias(datatype::name(part, false)?)))
        .collect()
}

/// PID-9: a name of old systems, without a use of its own.
fn alias(mut name: Value) -> Option<Value> {
    let object = name.as_object_mut()?;
    object.entry("use").or_insert_with(|| json!("old"));
    Some(name)
}

fn telecoms(pid: &Segment<'_>) -> Vec<Value> {
    let mut points: Vec<Value> = Vec::new();
    for (n, default_use) in [(13, "home"), (14, "work")] {
        for point in pid.field(n).repetitions().flat_map(|part| datatype::telecom(part, default_use)) {
            if !points.contains(&point) {
                points.push(point);
            }
        }
    }
    points
}

fn addresses(mapping: &Mapping, pid: &Segment<'_>) -> Vec<Value> {
    let parts = pid.field(11).repetitions();
    parts.filter_map(|part| datatype::address(part, mapping.header.is_uk)).collect()
}

fn gender(mapping: &mut Mapping, pid: &Segment<'_>) -> Option<&'static str> {
    let code = pid.text(8);
    if code.is_empty() {
        return None;
    }
    let gender = tables::gender(&code);
    if gender.is_none() {
        mapping.note("PID-8", "not a code of sex; unknown is written");
    }
    Some(gender.unwrap_or("unknown"))
}

fn birth(mapping: &mut Mapping, pid: &Segment<'_>, patient: &mut Map<String, Value>) {
    put(patient, "birthDate", mapping.date(pid, 7));
    if let Some(moment) = mapping.instant(pid, 7) {
        let url = "http://hl7.org/fhir/StructureDefinition/patient-birthTime";
        patient
            .insert("_birthDate".to_owned(), json!({ "extension": [extension(url, "valueDateTime", json!(moment))] }));
    }
    let order = pid.text(25).parse::<u32>().ok().filter(|order| *order > 0);
    match (pid.text(24).as_ref(), order) {
        ("Y", Some(order)) => put(patient, "multipleBirthInteger", Some(order)),
        ("Y", None) => put(patient, "multipleBirthBoolean", Some(true)),
        _ => {}
    }
}

fn deceased(mapping: &mut Mapping, pid: &Segment<'_>, depth: Depth, patient: &mut Map<String, Value>) {
    let moment = mapping.date_time(pid, 29);
    match (moment, pid.text(30).to_ascii_uppercase().as_str()) {
        (Some(moment), _) => put(patient, "deceasedDateTime", Some(moment)),
        (None, "Y" | "YES") => put(patient, "deceasedBoolean", Some(true)),
        (None, "N" | "NO") if depth != Depth::Subject => put(patient, "deceasedBoolean", Some(false)),
        _ => {}
    }
}

fn extensions(mapping: &mut Mapping, pid: &Segment<'_>) -> Vec<Value> {
    let concept = tables::ethnic_category(mapping, pid);
    let url = extension_url("EthnicCategory");
    concept.map(|concept| extension(&url, "valueCodeableConcept", concept)).into_iter().collect()
}

/// NK1 to Patient.contact; pat-1 wants a name, a number or an address in each.
fn contact(mapping: &mut Mapping, nk1: &Segment<'_>) -> Option<Value> {
    let mut contact = Map::new();
    let relationship = datatype::codeable(nk1.field(3).first(), &mapping.header);
    put(&mut contact, "relationship", relationship.map(|concept| json!([concept])));
    let name = nk1.field(2).repetitions().next().and_then(|part| datatype::name(part, false));
    put(&mut contact, "name", name);
    let numbers = |n: usize, r#use: &'static str| {
        nk1.field(n).repetitions().flat_map(move |part| datatype::telecom(part, r#use)).collect::<Vec<_>>()
    };
    put_list(&mut contact, "telecom", [numbers(5, "home"), numbers(6, "work")].concat());
    let address = nk1.field(4).repetitions().next();
    put(&mut contact, "address", address.and_then(|part| datatype::address(part, mapping.header.is_uk)));
    if !["name", "telecom", "address"].iter().any(|name| contact.contains_key(*name)) {
        return None;
    }
    if Mapping::has(nk1, 15) {
        put(&mut contact, "gender", tables::gender(&nk1.text(15)));
    }
    let (start, end) = (nk1.text(8), nk1.text(9));
    put(&mut contact, "period", datatype::period(&start, &end));
    Some(Value::Object(contact))
}

/// PD1-3 (the practice comes first, then the surgery) and PD1-4.
fn general_practitioners(mapping: &mut Mapping, group: &Group<'_>) -> Vec<Value> {
    let Some(pd1) = group.first("PD1") else {
        return Vec::new();
    };
    let practice = pd1.field(3).repetitions().next().and_then(|part| provider::named_organisation(mapping, part));
    let doctor = pd1.field(4).repetitions().next().and_then(|part| provider::practitioner(mapping, part));
    practice.into_iter().chain(doctor).collect()
}

/// Elements whose fields all say `""`.
fn cleared(pid: &Segment<'_>, sensitivity: Sensitivity) -> Vec<String> {
    let fields: [(&[usize], &str); 7] = [
        (&[5], "name"),
        (&[13, 14], "telecom"),
        (&[7], "birthDate"),
        (&[8], "gender"),
        (&[11], "address"),
        (&[16], "maritalStatus"),
        (&[29], "deceased[x]"),
    ];
    let is_cleared = |numbers: &[usize]| numbers.iter().all(|n| pid.field(*n).is_null());
    let mut cleared: Vec<String> =
        fields.iter().filter(|(numbers, _)| is_cleared(numbers)).map(|(_, name)| (*name).to_owned()).collect();
    if sensitivity == Sensitivity::Lifted {
        cleared.push("meta.security".to_owned());
    }
    cleared
}

/// What a UK record has no place for is told, not lost without a word.
fn unmapped(mapping: &mut Mapping, pid: &Segment<'_>) {
    for (n, what) in [
        (6, "mother's maiden name"),
        (10, "race"),
        (17, "religion"),
        (20, "driving licence"),
        (23, "birth place"),
        (26, "citizenship"),
        (28, "nationality"),
        (35, "species"),
    ] {
        if Mapping::has(pid, n) {
            mapping.note(&format!("PID-{n}"), &format!("{what} is not mapped; left out"));
        }
    }
    if pid.text(31) == "Y" {
        mapping.warn("PID-31", "the identity of the patient is unknown or not reliable");
    }
    let born = pid.text(7);
    if time::instant(&born).is_some_and(|born| mapping.header.event_time.is_some_and(|event| born > event)) {
        mapping.warn("PID-7", "born after the event");
    }
}
