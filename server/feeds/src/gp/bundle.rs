//! A GP Connect structured record (collection Bundle of STU3 resources) as one message.
//!
//! The record is taken resource by resource: one that cannot become R4 is told apart with its reason, and the
//! rest is stored. A clinical resource whose patient is not in the record is refused, since a resource about
//! nobody would be released to everybody.

use std::collections::{BTreeMap, HashMap};

use fhir::{FhirDate, Instant, Issue, Json};
use serde_json::{Value, json};

use super::convert::{Mapping, converted, first_missing, known_name};
use super::field::Notes;
use super::key::{Named, keys, local_system, write_local_identifier};
use crate::{BusinessKey, Entry, EntryPart, MapError, Mapped, Message, Source, system};

/// Types in the order in which they may be stored so that most references point back.
const ORDER: &[&str] = &[
    "Organization",
    "Location",
    "Practitioner",
    "HealthcareService",
    "PractitionerRole",
    "Patient",
    "RelatedPerson",
    "EpisodeOfCare",
    "Medication",
    "Encounter",
    "Specimen",
    "ServiceRequest",
];

/// One entry on its way: where it stood, what it was, what it became.
struct Draft<'a> {
    at: usize,
    source: &'a Value,
    resource: Value,
    mapping: &'static Mapping,
    notes: Notes,
}

impl Draft<'_> {
    fn source_id(&self) -> Option<&str> {
        self.source.pointer("/resource/id").and_then(Value::as_str).filter(|id| !id.is_empty())
    }
}

/// An entry that cannot be stored, and why.
struct Refused {
    at: usize,
    type_name: String,
    reason: String,
}

/// Maps a structured record: the record itself, then one empty message with an error for each refused entry.
pub fn map(message: &Message<'_>) -> Result<Vec<Mapped>, MapError> {
    let bundle = read(message.bytes)?;
    let entries = bundle.get("entry").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        return Err(MapError::missing("Bundle.entry", "at least one entry"));
    }
    let (mut drafts, mut refused) = convert_all(entries)?;
    refuse_strangers(&mut drafts, &mut refused);
    let ods_code = message.ods_code.map(str::to_owned).or_else(|| sender(entries));
    let Some(ods_code) = ods_code else {
        return Err(MapError::missing("Bundle.entry", "an Organization with an ODS code"));
    };
    let source = Source { feed: message.feed, system: None, ods_code: Some(ods_code.clone()) };
    let message_id = message_id(&bundle, message.bytes);
    let event_time = event_time(&bundle, entries);
    let mut mapped = vec![Mapped {
        entries: Vec::new(),
        issues: Vec::new(),
        source: source.clone(),
        message_id: message_id.clone(),
        part: None,
        actions: Vec::new(),
        event_time,
        counts: counts(entries, &refused),
    }];
    if let Some(record) = mapped.first_mut() {
        finish(drafts, &ods_code, record);
    }
    mapped.extend(refused.into_iter().map(|refused| Mapped {
        entries: Vec::new(),
        issues: vec![
            Issue::error("processing", refused.reason)
                .at(format!("Bundle.entry[{}].resource", refused.at))
                .detail("entry-refused"),
        ],
        source: source.clone(),
        message_id: message_id.clone(),
        part: Some(part_name(refused.at)),
        actions: Vec::new(),
        event_time,
        counts: BTreeMap::from([(kind(&refused.type_name), 1)]),
    }));
    Ok(mapped)
}

fn read(bytes: &[u8]) -> Result<Value, MapError> {
    let json = Json::parse(bytes)
        .map_err(|error| MapError::malformed(format!("line {} column {}", error.line, error.column), error.reason))?;
    let bundle = json.root().to_value();
    match bundle.get("resourceType").and_then(Value::as_str) {
        Some("Bundle") => {}
        Some(_) => return Err(MapError::malformed("resourceType", "a Bundle is expected")),
        None => return Err(MapError::missing("resourceType", "`Bundle`")),
    }
    if bundle.get("entry").is_some_and(|entry| !entry.is_array()) {
        return Err(MapError::malformed("Bundle.entry", "a list is expected"));
    }
    Ok(bundle)
}

fn convert_all(entries: &[Value]) -> Result<(Vec<Draft<'_>>, Vec<Refused>), MapError> {
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    let mut refused = Vec::new();
    let mut seen = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let resource = entry.get("resource").unwrap_or(&Value::Null);
        let type_name = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        if is_r4(resource, type_name) {
            let location = format!("Bundle.entry[{at}].resource");
            return Err(MapError::malformed(location, "the resource is R4, and this feed takes STU3"));
        }
        let mut notes = Notes::default();
        let refuse = |reason: String| Refused { at, type_name: type_name.to_owned(), reason };
        let (resource, mapping) = match converted(resource, &mut notes) {
            Ok(done) => done,
            Err(error) => {
                refused.push(refuse(error.to_string()));
                continue;
            }
        };
        if let Some(element) = resource.as_object().and_then(|object| first_missing(object, mapping)) {
            refused.push(refuse(format!("{type_name} without `{element}` is not valid in R4")));
            continue;
        }
        let draft = Draft { at, source: entry, resource, mapping, notes };
        if let Some(id) = draft.source_id()
            && seen.insert((mapping.source, id.to_owned()), at).is_some()
        {
            refused.push(refuse("the bundle holds this id twice".to_owned()));
            continue;
        }
        drafts.push(draft);
    }
    Ok((drafts, refused))
}

/// Tells an R4 resource by a profile or by an element that STU3 writes in another form.
fn is_r4(resource: &Value, type_name: &str) -> bool {
    let claims_uk_core = resource
        .pointer("/meta/profile")
        .and_then(Value::as_array)
        .is_some_and(|profiles| profiles.iter().filter_map(Value::as_str).any(|url| url.contains("/UKCore-")));
    claims_uk_core
        || type_name == "ServiceRequest"
        || resource.get("clinicalStatus").is_some_and(Value::is_object)
        || resource.get("verificationStatus").is_some_and(Value::is_object)
}

/// Refuses clinical resources whose patient is not in the record.
fn refuse_strangers(drafts: &mut Vec<Draft<'_>>, refused: &mut Vec<Refused>) {
    let known: Vec<String> = drafts.iter().filter(|draft| draft.mapping.target == "Patient").flat_map(names).collect();
    drafts.retain(|draft| {
        let person = ["/subject/reference", "/patient/reference"]
            .iter()
            .find_map(|pointer| draft.resource.pointer(pointer).and_then(Value::as_str));
        let needs = draft.mapping.elements.iter().any(|element| ["subject", "patient"].contains(element));
        let is_known = person.map(unversioned).is_some_and(|person| known.iter().any(|name| name == person));
        if needs && !is_known {
            refused.push(Refused {
                at: draft.at,
                type_name: draft.mapping.source.to_owned(),
                reason: format!("the patient of this {} is not in the record", draft.mapping.source),
            });
        }
        !needs || is_known
    });
}

/// The texts by which other resources of the bundle refer to this one.
fn names(draft: &Draft<'_>) -> Vec<String> {
    let local = draft.source_id().map(|id| format!("{}/{id}", draft.mapping.source));
    let url = draft.source.get("fullUrl").and_then(Value::as_str).map(str::to_owned);
    local.into_iter().chain(url).collect()
}

/// The ODS code of the practice: the one that manages the patient, or the only one in the record.
fn sender(entries: &[Value]) -> Option<String> {
    let resources = || entries.iter().filter_map(|entry| entry.get("resource"));
    let of_type = |name: &'static str| {
        resources().filter(move |resource| resource.get("resourceType").and_then(Value::as_str) == Some(name))
    };
    let code = |organization: &Value| {
        let identifiers = organization.get("identifier")?.as_array()?;
        let ods = identifiers.iter().find(|item| item.get("system") == Some(&json!(system::ODS_ORGANISATION)))?;
        ods.get("value")?.as_str().filter(|code| is_ods_code(code)).map(str::to_owned)
    };
    let managing = of_type("Patient")
        .find_map(|patient| patient.pointer("/managingOrganization/reference").and_then(Value::as_str))
        .and_then(|reference| reference.strip_prefix("Organization/"));
    let by_patient = of_type("Organization")
        .find(|organization| managing.is_some() && organization.get("id").and_then(Value::as_str) == managing)
        .and_then(code);
    by_patient.or_else(|| {
        let mut codes: Vec<String> = of_type("Organization").filter_map(code).collect();
        codes.sort();
        codes.dedup();
        if codes.len() == 1 { codes.pop() } else { None }
    })
}

fn is_ods_code(code: &str) -> bool {
    (3..=10).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The sender's id of the bundle and a fingerprint of its text: suppliers send one constant id for all their records.
fn message_id(bundle: &Value, bytes: &[u8]) -> String {
    let text = |pointer: &str| bundle.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let stem = text("/id").or_else(|| text("/identifier/value")).unwrap_or("bundle");
    format!("{stem}-{:016x}", fingerprint(bytes))
}

/// FNV-1a, which is enough to tell texts apart that are not made to collide; the store compares a SHA-256 besides.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// When the record was drawn: the bundle says so, or the dates of its lists do.
fn event_time(bundle: &Value, entries: &[Value]) -> Option<Instant> {
    let moment =
        |value: Option<&Value>| value.and_then(Value::as_str).and_then(FhirDate::parse).map(|date| date.range().0);
    let of_lists = || {
        let lists = entries.iter().filter(|entry| entry.pointer("/resource/resourceType") == Some(&json!("List")));
        lists.filter_map(|entry| moment(entry.pointer("/resource/date"))).max()
    };
    moment(bundle.pointer("/meta/lastUpdated")).or_else(of_lists)
}

/// Entries of the source by type, but for the refused ones, which are counted where they are reported.
fn counts(entries: &[Value], refused: &[Refused]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        if refused.iter().any(|refused| refused.at == at) {
            continue;
        }
        let name = entry.pointer("/resource/resourceType").and_then(Value::as_str);
        *counts.entry(kind(name.unwrap_or_default())).or_insert(0) += 1;
    }
    counts
}

/// Counts the entries of a record by type, of one that cannot be mapped too; one that cannot be read counts as one record.
pub(crate) fn count(bytes: &[u8]) -> BTreeMap<String, usize> {
    let bundle = read(bytes).unwrap_or_default();
    let entries = bundle.get("entry").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() { BTreeMap::from([("record".to_owned(), 1)]) } else { counts(entries, &[]) }
}

/// The name under which an entry is counted.
fn kind(type_name: &str) -> String {
    known_name(type_name).filter(|name| !name.is_empty()).unwrap_or("other").to_owned()
}

fn part_name(at: usize) -> String {
    format!("entry-{at}")
}

/// Gives the resources their keys, turns references into conditional ones and puts all in storing order.
fn finish(mut drafts: Vec<Draft<'_>>, ods_code: &str, record: &mut Mapped) {
    let named: Vec<Named<'_>> = drafts
        .iter()
        .map(|draft| Named {
            source_type: draft.mapping.source,
            source_id: draft.source_id(),
            resource: &draft.resource,
        })
        .collect();
    let keys = keys(&named, ods_code);
    let mut targets = HashMap::new();
    for (draft, key) in drafts.iter().zip(&keys) {
        for name in names(draft) {
            targets.entry(name).or_insert_with(|| key.clone());
        }
    }
    for (draft, key) in drafts.iter_mut().zip(&keys) {
        let id = draft.source_id().map(str::to_owned);
        if let Value::Object(object) = &mut draft.resource {
            object.shift_remove("id");
        }
        write_local_identifier(&mut draft.resource, key, id.as_deref());
        link(&mut draft.resource, &targets, ods_code, &mut draft.notes);
        let path = format!("Bundle.entry[{}].resource", draft.at);
        record.issues.extend(draft.notes.issues.drain(..).map(|mut issue| {
            issue.expression = Some(issue.expression.map_or_else(|| path.clone(), |inner| format!("{path}.{inner}")));
            issue
        }));
    }
    let entry = |(draft, key): (Draft<'_>, BusinessKey)| {
        let part = EntryPart { kind: draft.mapping.source, name: part_name(draft.at) };
        Entry { part: Some(part), ..Entry::upsert(key, draft.resource) }
    };
    let mut entries: Vec<Entry> = drafts.into_iter().zip(keys).map(entry).collect();
    entries.sort_by_key(|entry| ORDER.iter().position(|name| *name == entry.key.type_name).unwrap_or(ORDER.len()));
    record.entries = entries;
}

/// Rewrites the references of a resource: to what is in the record by its key, to anything else by identifier only.
fn link(value: &mut Value, targets: &HashMap<String, BusinessKey>, ods_code: &str, notes: &mut Notes) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| link(item, targets, ods_code, notes)),
        Value::Object(object) => {
            if let Some(text) = object.get("reference").and_then(Value::as_str).map(str::to_owned) {
                link_one(object, &text, targets, ods_code, notes);
            }
            object.values_mut().for_each(|member| link(member, targets, ods_code, notes));
        }
        _ => {}
    }
}

fn link_one(
    reference: &mut super::field::Object,
    text: &str,
    targets: &HashMap<String, BusinessKey>,
    ods_code: &str,
    notes: &mut Notes,
) {
    let plain = unversioned(text);
    if let Some(key) = targets.get(plain) {
        reference.insert("reference".to_owned(), json!(key.to_reference()));
        reference.insert("type".to_owned(), json!(key.type_name));
        return;
    }
    if text.starts_with('#') || text.starts_with("http://") || text.starts_with("https://") {
        return;
    }
    reference.shift_remove("reference");
    notes.changed("reference", "the resource is not in the record; its id is kept as an identifier");
    let identifier = match plain.split_once('/') {
        Some((type_name, id)) if !type_name.contains(':') => {
            let r4_type = match type_name {
                "ProcedureRequest" | "ReferralRequest" => "ServiceRequest",
                other => other,
            };
            reference.insert("type".to_owned(), json!(r4_type));
            json!({ "system": local_system(ods_code, type_name), "value": id })
        }
        _ => json!({ "system": "urn:ietf:rfc:3986", "value": text }),
    };
    reference.entry("identifier").or_insert(identifier);
}

/// A reference without the version that it may name.
fn unversioned(reference: &str) -> &str {
    reference.split("/_history/").next().unwrap_or(reference)
}
