//! Organisations, practitioners and places that messages name, as resources of their own.

use serde_json::{Map, Value, json};

use super::datatype::{code, put, put_text};
use super::header::slug;
use super::mapping::Mapping;
use super::syntax::Part;
use crate::{BusinessKey, codeable, identifier, profile_url, reference, system};

/// A Reference to the organisation with this ODS code, which is made known.
pub(super) fn organisation(mapping: &mut Mapping, ods_code: &str, name: &str) -> Value {
    let key = BusinessKey::new("Organization", system::ODS_ORGANISATION, ods_code);
    let mut resource = Map::new();
    resource.insert("resourceType".to_owned(), json!("Organization"));
    resource.insert("meta".to_owned(), json!({ "profile": [profile_url("Organization")] }));
    resource.insert("identifier".to_owned(), json!([identifier(system::ODS_ORGANISATION, ods_code)]));
    put_text(&mut resource, "name", name);
    mapping.share(&key, Value::Object(resource));
    reference("Organization", &key)
}

/// A Reference to the organisation that sends the message, when its ODS code is known.
pub(super) fn sender(mapping: &mut Mapping) -> Option<Value> {
    let ods_code = mapping.header.ods_code.clone()?;
    let name = mapping.header.facility.clone().filter(|name| *name != ods_code).unwrap_or_default();
    Some(organisation(mapping, &ods_code, &name))
}

/// A Reference to the organisation of an XON: a resource when it has an ODS code, its name otherwise.
pub(super) fn named_organisation(mapping: &mut Mapping, part: Part<'_>) -> Option<Value> {
    let name = part.at(1).into_owned();
    // XON-10 took the place of XON-3; the UK standard writes `name^^ODS`.
    let ods_code = [part.at(3), part.at(10), part.at(1)].into_iter().find(|code| super::header::is_ods_code(code));
    if let Some(ods_code) = ods_code.filter(|_| mapping.header.is_uk) {
        let name = if name == ods_code { String::new() } else { name };
        return Some(organisation(mapping, &ods_code, &name));
    }
    (!name.is_empty()).then(|| json!({ "type": "Organization", "display": name }))
}

/// A Reference to the practitioner of an XCN or CN: a resource when it has an id, the name otherwise.
pub(super) fn practitioner(mapping: &mut Mapping, part: Part<'_>) -> Option<Value> {
    let id = code(&part.at(1));
    let name = name_of(part);
    let display = display_of(part);
    if id.is_empty() {
        return (!display.is_empty()).then(|| json!({ "type": "Practitioner", "display": display }));
    }
    let system = practitioner_system(mapping, part, &id);
    // The national consultant code is C and the GMC number.
    let id = id.strip_prefix('C').filter(|_| system == system::GMC).unwrap_or(&id);
    let key = BusinessKey::new("Practitioner", system, id);
    let mut resource = Map::new();
    resource.insert("resourceType".to_owned(), json!("Practitioner"));
    resource.insert("meta".to_owned(), json!({ "profile": [profile_url("Practitioner")] }));
    resource.insert("identifier".to_owned(), json!([identifier(&key.system, &key.value)]));
    put(&mut resource, "name", name.map(|name| json!([name])));
    mapping.share(&key, Value::Object(resource));
    let mut to = reference("Practitioner", &key);
    if let Value::Object(to) = &mut to {
        put_text(to, "display", &display);
    }
    Some(to)
}

/// XCN puts the id before the name, so that the components of a name stand one further than in XPN.
fn name_of(part: Part<'_>) -> Option<Value> {
    let mut name = Map::new();
    put_text(&mut name, "family", &part.at(2));
    let list = |places: &[usize]| {
        let texts: Vec<String> =
            places.iter().map(|place| part.at(*place).into_owned()).filter(|text| !text.is_empty()).collect();
        (!texts.is_empty()).then(|| json!(texts))
    };
    put(&mut name, "given", list(&[3, 4]));
    put(&mut name, "prefix", list(&[6]));
    put(&mut name, "suffix", list(&[5, 7]));
    (name.contains_key("family") || name.contains_key("given")).then_some(Value::Object(name))
}

fn display_of(part: Part<'_>) -> String {
    let texts = [part.at(6), part.at(3), part.at(2)];
    texts.iter().filter(|text| !text.is_empty()).map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn practitioner_system(mapping: &Mapping, part: Part<'_>, id: &str) -> String {
    let (authority, kind) = (part.at(9).to_ascii_uppercase(), part.at(13).to_ascii_uppercase());
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_national = |letter: char| id.len() == 8 && id.starts_with(letter) && id.get(1..).is_some_and(all_digits);
    match (authority.as_str(), kind.as_str()) {
        ("GMC", _) | (_, "GMC") => system::GMC.to_owned(),
        ("GMP", _) | (_, "GMP") => system::GMP.to_owned(),
        ("SDS", _) | (_, "SDS") => system::SDS_USER.to_owned(),
        ("NPI", _) | (_, "NPI") => "http://hl7.org/fhir/sid/us-npi".to_owned(),
        ("", "") if is_national('G') && mapping.header.is_uk => system::GMP.to_owned(),
        ("", "") if is_national('C') && mapping.header.is_uk => system::GMC.to_owned(),
        _ => mapping.header.authority_system(part.component(9), "practitioner"),
    }
}

/// A Reference to the place of a PL: the bed in its ward, the ward, or the words of it.
pub(super) fn location(mapping: &mut Mapping, part: Part<'_>) -> Option<Value> {
    let place = |n: usize| part.at(n).into_owned();
    let (point, room, bed, facility) = (place(1), place(2), place(3), place(4));
    let words = if place(9).is_empty() { point.clone() } else { place(9) };
    if point.is_empty() {
        let words = part.flat();
        return (!words.is_empty()).then(|| json!({ "type": "Location", "display": words }));
    }
    let ward_value = [&facility, &point].into_iter().filter(|text| !text.is_empty()).map(|text| slug(text));
    let ward_value = ward_value.collect::<Vec<_>>().join("/");
    let ward = BusinessKey::new("Location", mapping.header.system("location"), ward_value);
    let spot: Vec<String> = [room, bed].into_iter().filter(|text| !text.is_empty()).collect();
    // Beds stand in wards; without one, and without N (nursing unit) in PL-6, the place may be a clinic.
    let kind = (!spot.is_empty() || part.at(6) == "N").then_some(("wa", "Ward"));
    let resource = location_resource(&ward, &words, kind, None);
    mapping.share(&ward, resource);
    if spot.is_empty() {
        return Some(reference("Location", &ward));
    }
    let value = format!("{}/{}", ward.value, spot.iter().map(|text| slug(text)).collect::<Vec<_>>().join("/"));
    let bed = BusinessKey::new("Location", ward.system.clone(), value);
    let name = format!("{words} {}", spot.join(" "));
    let resource = location_resource(&bed, &name, Some(("bd", "Bed")), Some(reference("Location", &ward)));
    mapping.share(&bed, resource);
    Some(reference("Location", &bed))
}

fn location_resource(key: &BusinessKey, name: &str, kind: Option<(&str, &str)>, part_of: Option<Value>) -> Value {
    let mut resource = Map::new();
    resource.insert("resourceType".to_owned(), json!("Location"));
    resource.insert("meta".to_owned(), json!({ "profile": [profile_url("Location")] }));
    resource.insert("identifier".to_owned(), json!([identifier(&key.system, &key.value)]));
    resource.insert("name".to_owned(), json!(name));
    resource.insert("mode".to_owned(), json!("instance"));
    let system = "http://terminology.hl7.org/CodeSystem/location-physical-type";
    put(&mut resource, "physicalType", kind.map(|(code, display)| codeable(system, code, display)));
    put(&mut resource, "partOf", part_of);
    Value::Object(resource)
}
