//! OBR (with ORC and SPM) to DiagnosticReport, ServiceRequest and Specimen; its results to Observations.

use serde_json::{Map, Value, json};

use super::datatype::{self, put, put_list, put_text};
use super::mapping::Mapping;
use super::observation::{self, Context};
use super::oru::{Order, note_text};
use super::provider;
use super::sensitivity::scoped;
use super::syntax::Segment;
use super::tables;
use crate::{BusinessKey, Entry, codeable, coding, extension, identifier, profile_url, reference, system};

/// Whom and what visit a report is about, and the place of its order in the message.
pub(super) struct Subject<'s> {
    pub(super) patient: &'s BusinessKey,
    pub(super) visit: Option<&'s Value>,
    pub(super) count: usize,
}

/// Adds what one order gives.
pub(super) fn map(mapping: &mut Mapping, order: &Order<'_>, subject: &Subject<'_>) {
    let key = key(mapping, order, subject);
    let is_laboratory = is_laboratory(order);
    let specimens = specimens(mapping, order, subject, &key);
    let request = request(mapping, order, subject, is_laboratory, &specimens);
    let effective = effective(mapping, order.obr);
    let context = Context {
        report: &key,
        patient: subject.patient,
        visit: subject.visit,
        request: request.as_ref(),
        specimen: specimens.first(),
        effective: effective.as_ref(),
        is_laboratory,
    };
    let results = observation::map(mapping, &order.results, &context);
    let obr = order.obr;
    let mut report = Map::new();
    report.insert("resourceType".to_owned(), json!("DiagnosticReport"));
    let profile = if is_laboratory { "DiagnosticReport-Lab" } else { "DiagnosticReport" };
    report.insert("meta".to_owned(), json!({ "profile": [profile_url(profile)] }));
    let note = note_text(&order.notes);
    if !note.is_empty() {
        let url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note";
        report.insert("extension".to_owned(), json!([extension(url, "valueAnnotation", json!({ "text": note }))]));
    }
    put_list(&mut report, "identifier", numbers(mapping, order));
    put(&mut report, "basedOn", request.map(|request| json!([request])));
    report.insert("status".to_owned(), json!(status(mapping, order)));
    put_list(&mut report, "category", categories(obr, is_laboratory));
    report.insert("code".to_owned(), code(mapping, obr));
    report.insert("subject".to_owned(), reference("Patient", subject.patient));
    put(&mut report, "encounter", subject.visit.cloned());
    if let Some((name, value)) = effective {
        report.insert(name.to_owned(), value);
    }
    put(&mut report, "issued", mapping.instant(obr, 22));
    let readers = obr.field(32).repetitions().filter_map(|part| interpreter(mapping, part)).collect::<Vec<_>>();
    put_list(&mut report, "resultsInterpreter", readers);
    put_list(&mut report, "specimen", specimens);
    put_list(&mut report, "result", results.references);
    put_list(&mut report, "presentedForm", results.documents);
    mapping.push(Entry::upsert(key, Value::Object(report)));
}

/// OBR-3 of the filler, else OBR-2 of the placer, each with the code asked for, since one number may stand for
/// several batteries; else the place in the message.
fn key(mapping: &Mapping, order: &Order<'_>, subject: &Subject<'_>) -> BusinessKey {
    let obr = order.obr;
    let battery = super::header::slug(&format!("{} {}", obr.text(4), obr.field(4).first().at(3)));
    for (orc, n, kind) in [(3, 3, "filler-order"), (2, 2, "placer-order")] {
        let part = order_number(order, orc, n);
        if let Some(part) = part {
            let system = mapping.header.authority_system(part.component(2), kind);
            let number = mapping.owned(part.component(2), subject.patient, &part.at(1));
            return BusinessKey::new("DiagnosticReport", system, format!("{number}|{battery}"));
        }
    }
    let value = format!("{}|{}|{}", scoped(subject.patient), mapping.header.control_id, subject.count);
    BusinessKey::new("DiagnosticReport", mapping.header.system("report"), value)
}

fn order_number<'m>(order: &Order<'m>, orc: usize, obr: usize) -> Option<super::syntax::Part<'m>> {
    let own = order.obr.field(obr).first();
    let common = order.orc.map(|segment| segment.field(orc).first());
    Some(own).into_iter().chain(common).find(|part| !part.at(1).is_empty())
}

fn numbers(mapping: &Mapping, order: &Order<'_>) -> Vec<Value> {
    let mut numbers = Vec::new();
    for (orc, n, kind, code) in [(3, 3, "filler-order", "FILL"), (2, 2, "placer-order", "PLAC")] {
        if let Some(part) = order_number(order, orc, n) {
            let system = mapping.header.authority_system(part.component(2), kind);
            let kind = json!({ "coding": [coding(system::IDENTIFIER_TYPE, code, "")] });
            numbers.push(json!({ "type": kind, "system": system, "value": part.at(1) }));
        }
    }
    numbers
}

/// OBR-24 tells it; where it is empty a specimen or reference ranges do.
fn is_laboratory(order: &Order<'_>) -> bool {
    let section = order.obr.text(24);
    if !section.is_empty() {
        return tables::is_laboratory(&section);
    }
    let has_range = |line: &super::oru::ResultLine<'_>| Mapping::has(line.obx, 7);
    !order.specimens.is_empty() || Mapping::has(order.obr, 15) || order.results.iter().any(has_range)
}

fn categories(obr: &Segment<'_>, is_laboratory: bool) -> Vec<Value> {
    let section = obr.text(24);
    let mut categories = Vec::new();
    if is_laboratory {
        categories.push(codeable(system::DIAGNOSTIC_SERVICE, "LAB", "Laboratory"));
    }
    if tables::is_section(&section) && section != "LAB" {
        categories.push(codeable(system::DIAGNOSTIC_SERVICE, &section, ""));
    } else if !section.is_empty() && section != "LAB" {
        categories.push(crate::codeable_text(&section));
    }
    categories
}

/// OBR-25, else what the results say together.
fn status(mapping: &mut Mapping, order: &Order<'_>) -> &'static str {
    let code = order.obr.text(25);
    if let Some(status) = tables::report_status(&code) {
        return status;
    }
    if !code.is_empty() {
        mapping.note("OBR-25", "not a status of a report; read from its results");
    }
    let statuses: Vec<&str> = order.results.iter().map(|line| tables::observation_status(&line.obx.text(11))).collect();
    match statuses.as_slice() {
        [] => "unknown",
        all if all.iter().all(|status| *status == "final") => "final",
        all if all.contains(&"corrected") => "corrected",
        all if all.contains(&"preliminary") || all.contains(&"registered") => "preliminary",
        _ => "unknown",
    }
}

fn code(mapping: &mut Mapping, obr: &Segment<'_>) -> Value {
    datatype::codeable(obr.field(4).first(), &mapping.header).unwrap_or_else(|| {
        mapping.warn("OBR-4", "no code of the service; unknown is written");
        crate::codeable_text("unknown")
    })
}

/// OBR-7, or OBR-7 to OBR-8.
fn effective(mapping: &mut Mapping, obr: &Segment<'_>) -> Option<(&'static str, Value)> {
    let (start, end) = (mapping.date_time(obr, 7), mapping.date_time(obr, 8));
    match (start, end) {
        (Some(start), Some(end)) if start != end => Some(("effectivePeriod", json!({ "start": start, "end": end }))),
        (Some(start), _) => Some(("effectiveDateTime", json!(start))),
        (None, _) => None,
    }
}

/// OBR-32 is an NDL: the name is a CNN in its first component.
fn interpreter(mapping: &mut Mapping, part: super::syntax::Part<'_>) -> Option<Value> {
    let cnn = part.component(1);
    if cnn.subcomponent(2).text().is_empty() && cnn.subcomponent(3).text().is_empty() {
        // Many senders write an XCN.
        return provider::practitioner(mapping, part);
    }
    let words = [6, 3, 2].map(|n| cnn.subcomponent(n).text().into_owned());
    let display = words.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join(" ");
    Some(json!({ "type": "Practitioner", "display": display }))
}

/// A Reference to the ServiceRequest, when the placer's number tells that there is one.
fn request(
    mapping: &mut Mapping,
    order: &Order<'_>,
    subject: &Subject<'_>,
    is_laboratory: bool,
    specimens: &[Value],
) -> Option<Value> {
    let number = order_number(order, 2, 2)?;
    let obr = order.obr;
    let system = mapping.header.authority_system(number.component(2), "placer-order");
    let battery = super::header::slug(&obr.text(4));
    let owned = mapping.owned(number.component(2), subject.patient, &number.at(1));
    let key = BusinessKey::new("ServiceRequest", system.clone(), format!("{owned}|{battery}"));
    let mut request = Map::new();
    request.insert("resourceType".to_owned(), json!("ServiceRequest"));
    let profile = if is_laboratory { "ServiceRequest-Lab" } else { "ServiceRequest" };
    request.insert("meta".to_owned(), json!({ "profile": [profile_url(profile)] }));
    request.insert("identifier".to_owned(), json!([identifier(&system, &number.at(1))]));
    let status = match status(mapping, order) {
        "final" | "corrected" => "completed",
        "cancelled" => "revoked",
        "unknown" => "unknown",
        _ => "active",
    };
    request.insert("status".to_owned(), json!(status));
    request.insert("intent".to_owned(), json!("order"));
    request.insert("code".to_owned(), code(mapping, obr));
    request.insert("subject".to_owned(), reference("Patient", subject.patient));
    put(&mut request, "encounter", subject.visit.cloned());
    put(&mut request, "authoredOn", order.orc.and_then(|orc| mapping.date_time(orc, 9)));
    let orderer = [Some(obr.field(16)), order.orc.map(|orc| orc.field(12))];
    let orderer = orderer.into_iter().flatten().find_map(|field| field.repetitions().next());
    put(&mut request, "requester", orderer.and_then(|part| provider::practitioner(mapping, part)));
    let reasons: Vec<Value> =
        obr.field(31).repetitions().filter_map(|part| datatype::codeable(part, &mapping.header)).collect();
    put_list(&mut request, "reasonCode", reasons);
    put_list(&mut request, "specimen", specimens.to_vec());
    mapping.push(Entry::upsert(key.clone(), Value::Object(request)));
    Some(reference("ServiceRequest", &key))
}

/// SPM, or OBR-15 of the versions before it.
fn specimens(mapping: &mut Mapping, order: &Order<'_>, subject: &Subject<'_>, report: &BusinessKey) -> Vec<Value> {
    let mut references = Vec::new();
    for (place, spm) in order.specimens.iter().enumerate() {
        // An EIP holds two EIs, placer and filler; old messages hold a plain number.
        let number = spm.field(2).first();
        let number = [number.component(2), number.component(1)].map(|part| part.subcomponent(1).text().into_owned());
        let number = number.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let mut specimen = specimen(subject, datatype::codeable(spm.field(4).first(), &mapping.header));
        let collected = mapping.date_time(spm, 17);
        put(&mut specimen, "receivedTime", mapping.date_time(spm, 18));
        references.push(add_specimen(mapping, specimen, collected, &number, &format!("{}|{place}", report.value)));
    }
    if references.is_empty() && Mapping::has(order.obr, 15) {
        let source = order.obr.field(15).first();
        // Specimen source (SPS): a CWE in the first component.
        let words = source.component(1);
        let code = datatype::code(&words.subcomponent(1).text());
        let display = words.subcomponent(2).text().into_owned();
        let text = if display.is_empty() { code.clone() } else { display.clone() };
        let kind = if code.is_empty() || words.subcomponent(3).text().is_empty() {
            (!text.is_empty()).then(|| crate::codeable_text(&text))
        } else {
            let system = mapping.header.code_system(&words.subcomponent(3).text(), &code);
            Some(json!({ "coding": [coding(&system, &code, &display)], "text": text }))
        };
        let mut specimen = specimen(subject, kind);
        let collected = mapping.date_time(order.obr, 7);
        put(&mut specimen, "receivedTime", mapping.date_time(order.obr, 14));
        references.push(add_specimen(mapping, specimen, collected, "", &report.value));
    }
    references
}

fn specimen(subject: &Subject<'_>, kind: Option<Value>) -> Map<String, Value> {
    let mut specimen = Map::new();
    specimen.insert("resourceType".to_owned(), json!("Specimen"));
    specimen.insert("meta".to_owned(), json!({ "profile": [profile_url("Specimen")] }));
    put(&mut specimen, "type", kind);
    specimen.insert("subject".to_owned(), reference("Patient", subject.patient));
    specimen
}

fn add_specimen(
    mapping: &mut Mapping,
    mut specimen: Map<String, Value>,
    collected: Option<String>,
    number: &str,
    mark: &str,
) -> Value {
    let system = mapping.header.system("specimen");
    let key = if number.is_empty() {
        BusinessKey::new("Specimen", system, mark)
    } else {
        put_list(&mut specimen, "identifier", vec![identifier(&system, number)]);
        // Specimen numbers come round again; within one report's patient they do not.
        let patient = specimen.get("subject").and_then(|subject| subject.get("reference")).cloned();
        let patient = patient.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        BusinessKey::new("Specimen", system, format!("{patient}|{number}"))
    };
    let mut collection = Map::new();
    put_text(&mut collection, "collectedDateTime", collected.as_deref().unwrap_or_default());
    if !collection.is_empty() {
        specimen.insert("collection".to_owned(), Value::Object(collection));
    }
    mapping.push(Entry::upsert(key.clone(), Value::Object(specimen)));
    reference("Specimen", &key)
}
