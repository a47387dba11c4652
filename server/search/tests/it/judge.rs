//! Conditions answered in memory over a small store: chains, `_has`, lists, words, `_filter`.

use std::convert::Infallible;
use std::rc::Rc;

use fhir::Instant;
use search::{IndexValue, Judged, State, full_text, holds, index};
use serde_json::{Value, json};

use crate::{json as document, read, registry};

struct World(Vec<Judged>);

impl State for World {
    type Error = Infallible;

    fn resource(&mut self, type_name: &str, id: &str) -> Result<Option<Rc<Judged>>, Infallible> {
        Ok(self.0.iter().find(|one| one.type_name == type_name && one.id == id).cloned().map(Rc::new))
    }

    fn referrers(&mut self, type_name: &str, param: u32, target: (&str, &str)) -> Result<Vec<Rc<Judged>>, Infallible> {
        let refers = |one: &&Judged| {
            one.entries.iter().filter(|entry| entry.param == param).any(|entry| match &entry.value {
                IndexValue::Reference { type_name: Some(type_name), id: Some(id), url: None } => {
                    (type_name.as_str(), id.as_str()) == target
                }
                _ => false,
            })
        };
        Ok(self.0.iter().filter(|one| one.type_name == type_name).filter(refers).cloned().map(Rc::new).collect())
    }

    fn list(&mut self, id: &str) -> Result<Vec<(String, String)>, Infallible> {
        Ok(if id == "l1" { vec![("Patient".into(), "p1".into())] } else { Vec::new() })
    }
}

fn world() -> World {
    let reference = |text: &str| json!({"reference": text});
    let resources = [
        json!({"resourceType": "Organization", "id": "o1", "name": "Leeds Trust"}),
        json!({"resourceType": "Organization", "id": "o2", "name": "York Trust", "partOf": reference("Organization/o1")}),
        json!({"resourceType": "Practitioner", "id": "g1", "name": [{"family": "Grün"}]}),
        json!({"resourceType": "Patient", "id": "p1", "name": [{"family": "Petersen", "given": ["Peter"]}], "gender": "male",
            "birthDate": "1980-05-06", "managingOrganization": reference("Organization/o2"),
            "generalPractitioner": [reference("Practitioner/g1")],
            "text": {"status": "generated", "div": "<div><b>Asthma</b> since 1999 &amp; hay-fever</div>"}}),
        json!({"resourceType": "Patient", "id": "p2", "name": [{"family": "Muster", "given": ["Eva"]}], "gender": "female",
            "birthDate": "1990-01-01", "managingOrganization": reference("Organization/o1"),
            "generalPractitioner": [reference("Organization/o1")]}),
        json!({"resourceType": "Patient", "id": "p3"}),
        json!({"resourceType": "Encounter", "id": "e1", "subject": reference("Patient/p1"), "status": "finished"}),
        json!({"resourceType": "Observation", "id": "b1", "subject": reference("Patient/p1"), "encounter": reference("Encounter/e1"),
            "code": {"coding": [{"system": "http://loinc.org", "code": "1-8"}], "text": "Peak flow"},
            "effectiveDateTime": "2020-02-03", "valueQuantity": {"value": 1.5, "system": "http://unitsofmeasure.org", "code": "g"}}),
        json!({"resourceType": "Observation", "id": "b2", "subject": reference("Patient/p2"), "status": "final",
            "code": {"coding": [{"code": "2-6"}]}, "hasMember": [reference("Observation/b1")]}),
    ];
    let judged = |resource: &Value| {
        let resource = document(resource.clone());
        Judged {
            type_name: resource.resource_type().unwrap().to_owned(),
            id: resource.root().str("id").unwrap().into_owned(),
            last_updated: Instant(0),
            entries: index(&resource, registry()),
            text: full_text(&resource, registry()),
        }
    };
    World(resources.iter().map(judged).collect())
}

fn check(type_name: &str, query: &str, expected: &[&str]) {
    let read = read(type_name, query).unwrap_or_else(|issues| panic!("{query}: {issues:?}"));
    let mut world = world();
    let all: Vec<Judged> = world.0.iter().filter(|one| one.type_name == type_name).cloned().collect();
    let is_match = |one: &&Judged| read.conditions.iter().all(|c| holds(c, one, &mut world, registry()).unwrap());
    let found: Vec<String> = all.iter().filter(is_match).map(|one| one.id.clone()).collect();
    assert_eq!(found, expected, "{query}");
}

#[test]
fn chains_go_to_any_depth() {
    check("Observation", "subject:Patient.family=peter", &["b1"]);
    check("Observation", "patient.organization.name=york", &["b1"]);
    check("Observation", "subject.organization.partof.name=leeds", &["b1"]);
    check("Observation", "subject:Patient.organization.partof:missing=true", &["b2"]);
    check("Observation", "patient.gender:not=male", &["b2"]);
    check("Observation", "has-member.subject:Patient._id=p1", &["b2"]);
    check("Patient", "general-practitioner.name=grun", &["p1"]);
    check("Patient", "general-practitioner.name=leeds", &["p2"]);
    check("Patient", "general-practitioner:Practitioner.name=leeds", &[]);
}

#[test]
fn referrers_are_looked_at_through_has() {
    check("Patient", "_has:Observation:patient:code=1-8", &["p1"]);
    check("Patient", "_has:Observation:patient:code=1-8,2-6", &["p1", "p2"]);
    check("Patient", "_has:Observation:patient:encounter.status=finished", &["p1"]);
    check("Patient", "_has:Encounter:patient:_has:Observation:encounter:code=1-8", &["p1"]);
    check("Organization", "_has:Patient:organization:_has:Observation:patient:status=final", &["o1"]);
    check("Encounter", "subject:Patient._has:Observation:patient:code=1-8", &["e1"]);
    check("Patient", "_has:Observation:patient:code:missing=true", &[]);
}

#[test]
fn lists_and_words_are_conditions_too() {
    check("Patient", "_list=l1", &["p1"]);
    check("Patient", "_list=l2,List/l1", &["p1"]);
    check("Observation", "subject:Patient._list=l1", &["b1"]);
    check("Patient", "_text=asthma", &["p1"]);
    check("Patient", "_text=ASTHMA and not copd", &["p1"]);
    check("Patient", "_text=not asthma", &["p2", "p3"]);
    check("Patient", "_text=asthma hay", &["p1"]);
    check("Patient", "_text=\"hay fever\"", &["p1"]);
    check("Patient", "_text=petersen", &[]);
    check("Patient", "_content=petersen", &["p1"]);
    check("Patient", "_content=(asth* or muster) and not 1999", &["p2"]);
    check("Observation", "_content=flow,nothing", &["b1"]);
    check("Observation", "patient._content=eva", &["b2"]);
}

#[test]
fn filters_are_answered() {
    let check =
        |type_name: &str, filter: &str, expected: &[&str]| check(type_name, &format!("_filter={filter}"), expected);
    check("Patient", "name co \"eter\"", &["p1"]);
    check("Patient", "given eq \"Peter\" and birthdate ge 1970-10-10", &["p1"]);
    check("Patient", "gender eq female or family sw pet", &["p1", "p2"]);
    check("Patient", "gender eq male and family sw x or birthdate gt 1985", &["p2"]);
    check("Patient", "gender eq male and (family sw x or birthdate gt 1985)", &[]);
    check("Patient", "not (gender eq male)", &["p2", "p3"]);
    check("Patient", "gender ne male", &["p2"]);
    check("Patient", "birthdate ne 1980", &["p2"]);
    check("Patient", "gender pr false", &["p3"]);
    check("Patient", "general-practitioner re Practitioner/g1", &["p1"]);
    check("Patient", "_id eq p3", &["p3"]);
    check("Patient", "_id ne p3", &["p1", "p2"]);
    check("Observation", "code eq http://loinc.org|1-8", &["b1"]);
    check("Observation", "subject.name co \"pet\"", &["b1"]);
    check("Observation", "subject.organization.name sw leeds", &["b2"]);
    check("Observation", "has-member[code eq 1-8].subject re Patient/p1", &["b2"]);
    check("Observation", "has-member[code eq 2-6].subject re Patient/p1", &[]);
    check("Observation", "date po 2020", &["b1"]);
    check("Observation", "value-quantity eq 1500|http://unitsofmeasure.org|mg", &["b1"]);
}
