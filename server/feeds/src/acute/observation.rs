//! OBX to UKCore-Observation-Lab and UKCore-Observation, and documents among them to attachments.

use serde_json::{Map, Value, json};

use super::datatype::{self, put, put_list};
use super::group::Group;
use super::header::slug;
use super::mapping::Mapping;
use super::oru::{ResultLine, note_text};
use super::syntax::Segment;
use super::value;
use super::{provider, sensitivity, tables};
use crate::{BusinessKey, Entry, codeable, coding, profile_url, reference, system};

/// What the observations of one report share.
pub(super) struct Context<'c> {
    pub(super) report: &'c BusinessKey,
    pub(super) patient: &'c BusinessKey,
    pub(super) visit: Option<&'c Value>,
    pub(super) request: Option<&'c Value>,
    pub(super) specimen: Option<&'c Value>,
    pub(super) effective: Option<&'c (&'static str, Value)>,
    pub(super) is_laboratory: bool,
}

/// What the results of one report become.
#[derive(Default)]
pub(super) struct Results {
    pub(super) references: Vec<Value>,
    pub(super) documents: Vec<Value>,
}

/// Adds the Observations of a report.
pub(super) fn map(mapping: &mut Mapping, lines: &[ResultLine<'_>], context: &Context<'_>) -> Results {
    let mut results = Results::default();
    let mut marks: Vec<String> = Vec::new();
    for run in runs(lines) {
        let Some(first) = run.first() else {
            continue;
        };
        if matches!(first.obx.text(2).as_ref(), "ED" | "RP") {
            results.documents.extend(value::attachment(mapping, first.obx));
            continue;
        }
        let mark = mark(first.obx, &mut marks);
        let key =
            BusinessKey::new("Observation", context.report.system.clone(), format!("{}|{mark}", context.report.value));
        let resource = observation(mapping, run, context);
        mapping.push(Entry::upsert(key.clone(), Value::Object(resource)));
        results.references.push(reference("Observation", &key));
    }
    results
}

/// Adds the OBX of an ADT message: loose observations, as height and weight.
pub(super) fn loose(mapping: &mut Mapping, group: &Group<'_>, patient: &BusinessKey, encounter: Option<&BusinessKey>) {
    let lines: Vec<ResultLine<'_>> = group.all_of("OBX").map(|obx| ResultLine { obx, notes: Vec::new() }).collect();
    if lines.is_empty() {
        return;
    }
    let value = format!("{}|{}", sensitivity::scoped(patient), mapping.header.control_id);
    let message = BusinessKey::new("DiagnosticReport", mapping.header.system("observation"), value);
    let visit = encounter.map(|encounter| reference("Encounter", encounter));
    let context = Context {
        report: &message,
        patient,
        visit: visit.as_ref(),
        request: None,
        specimen: None,
        effective: None,
        is_laboratory: false,
    };
    if !map(mapping, &lines, &context).documents.is_empty() {
        mapping.note("OBX-5", "a document outside a report; left out");
    }
}

/// Text results come line by line: neighbours with the same code and sub-id are one.
fn runs<'r, 'm>(lines: &'r [ResultLine<'m>]) -> impl Iterator<Item = &'r [ResultLine<'m>]> {
    lines.chunk_by(|a, b| {
        let is_text = |line: &ResultLine<'_>| matches!(line.obx.text(2).as_ref(), "TX" | "FT" | "ST");
        let same = |n: usize| a.obx.field(n).text() == b.obx.field(n).text();
        is_text(a) && is_text(b) && same(2) && same(3) && same(4) && same(11) && a.notes.is_empty()
    })
}

/// Code and sub-id, and a number where they come again within the report.
fn mark(obx: &Segment<'_>, marks: &mut Vec<String>) -> String {
    let part = obx.field(3).first();
    let code = if part.at(1).is_empty() { part.at(2) } else { part.at(1) };
    let mark = format!("{}|{}", slug(&format!("{code} {}", part.at(3))), obx.field(4).text());
    let before = marks.iter().filter(|other| **other == mark).count();
    marks.push(mark.clone());
    if before == 0 { mark } else { format!("{mark}|{}", before + 1) }
}

fn observation(mapping: &mut Mapping, run: &[ResultLine<'_>], context: &Context<'_>) -> Map<String, Value> {
    let mut resource = Map::new();
    let Some(obx) = run.first().map(|line| line.obx) else {
        return resource;
    };
    resource.insert("resourceType".to_owned(), json!("Observation"));
    let profile = if context.is_laboratory { "Observation-Lab" } else { "Observation" };
    resource.insert("meta".to_owned(), json!({ "profile": [profile_url(profile)] }));
    put(&mut resource, "basedOn", context.request.map(|request| json!([request])));
    resource.insert("status".to_owned(), json!(status(mapping, obx)));
    if context.is_laboratory {
        let category = codeable(system::OBSERVATION_CATEGORY, "laboratory", "Laboratory");
        resource.insert("category".to_owned(), json!([category]));
    }
    let concept = datatype::codeable(obx.field(3).first(), &mapping.header).unwrap_or_else(|| {
        mapping.warn("OBX-3", "no code of the observation; unknown is written");
        crate::codeable_text("unknown")
    });
    resource.insert("code".to_owned(), concept);
    resource.insert("subject".to_owned(), reference("Patient", context.patient));
    put(&mut resource, "encounter", context.visit.cloned());
    if let Some(moment) = mapping.date_time(obx, 14) {
        resource.insert("effectiveDateTime".to_owned(), json!(moment));
    } else if let Some((name, value)) = context.effective {
        resource.insert((*name).to_owned(), value.clone());
    }
    put(&mut resource, "issued", mapping.instant(obx, 19));
    let performers = [obx.field(16).repetitions().next().and_then(|part| provider::practitioner(mapping, part))];
    let laboratory = obx.field(23).repetitions().next().and_then(|part| provider::named_organisation(mapping, part));
    put_list(&mut resource, "performer", performers.into_iter().flatten().chain(laboratory).collect::<Vec<_>>());
    let segments: Vec<&Segment<'_>> = run.iter().map(|line| line.obx).collect();
    value::put_value(mapping, &segments, &mut resource);
    put_list(&mut resource, "interpretation", interpretations(mapping, obx));
    let notes: Vec<&Segment<'_>> = run.iter().flat_map(|line| line.notes.iter().copied()).collect();
    let note = note_text(&notes);
    if !note.is_empty() {
        resource.insert("note".to_owned(), json!([{ "text": note }]));
    }
    let method = obx.field(17).repetitions().next().and_then(|part| datatype::codeable(part, &mapping.header));
    put(&mut resource, "method", method);
    put(&mut resource, "specimen", context.specimen.cloned());
    put_list(&mut resource, "referenceRange", value::reference_range(mapping, obx));
    resource
}

fn status(mapping: &mut Mapping, obx: &Segment<'_>) -> &'static str {
    let status = tables::observation_status(&obx.text(11));
    if status == "unknown" {
        mapping.note("OBX-11", "no status of the result; unknown is written");
    }
    status
}

/// OBX-8: abnormal flags (a repeating field from version 2.3.1).
fn interpretations(mapping: &mut Mapping, obx: &Segment<'_>) -> Vec<Value> {
    let mut concepts = Vec::new();
    for part in obx.field(8).repetitions() {
        let code = part.at(1);
        match tables::interpretation(&code) {
            Some((code, display)) => {
                concepts.push(json!({ "coding": [coding(system::INTERPRETATION, code, display)] }));
            }
            None if code.is_empty() || code.eq_ignore_ascii_case("null") => {}
            None => {
                mapping.note("OBX-8", "not a known flag; kept as text");
                concepts.push(crate::codeable_text(&code));
            }
        }
    }
    concepts
}
