//! Filters answered from entries, end to end: query text against a resource.

use fhir::Instant;
use search::{Options, identity_entries, index, matches, parse};
use serde_json::{Value, json};

use crate::{json as document, registry};

fn check(resource: &Value, cases: &[(&str, bool)]) {
    let document = document(resource.clone());
    let type_name = document.resource_type().unwrap();
    let mut entries = index(&document, registry());
    entries.extend(identity_entries("x1", Instant(1_000)));
    for (query, expected) in cases {
        let (name, value) = query.split_once('=').unwrap();
        let parsed = parse(type_name, &[(name.into(), value.into())], registry(), &Options::default()).unwrap();
        assert_eq!(matches(&parsed.filters, &entries, registry()), *expected, "{query}");
    }
}

#[test]
fn patients_are_found_by_what_they_hold() {
    let patient = json!({"resourceType": "Patient", "gender": "female", "birthDate": "1974-12-25",
        "identifier": [{"system": "urn:a", "value": "1"}, {"value": "2"}],
        "name": [{"family": "Müller", "given": ["Zoë"]}]});
    check(
        &patient,
        &[
            ("_id=x1", true),
            ("_id=x2", false),
            ("_lastUpdated=lt1970-01-02", true),
            ("identifier=1", true),
            ("identifier=urn:a|1", true),
            ("identifier=|1", false),
            ("identifier=|2", true),
            ("identifier=urn:a|", true),
            ("identifier=urn:b|1", false),
            ("name=mul", true),
            ("name=ZOE", true),
            ("name=oe", false),
            ("name:contains=oe", true),
            ("name:exact=Müller", true),
            ("name:exact=Muller", false),
            ("name=x,mul", true),
            ("gender=http://hl7.org/fhir/administrative-gender|female", true),
            ("gender=urn:other|female", false),
            ("gender:not=male", true),
            ("gender:not=female", false),
            ("gender:missing=false", true),
            ("email:missing=true", true),
            ("birthdate=1974", true),
            ("birthdate=1974-12-25", true),
            ("birthdate=1974-12-24", false),
            ("birthdate=gt1974-12-24", true),
            ("birthdate=gt1974-12-25", false),
            ("birthdate=ge1974-12-25", true),
            ("birthdate=lt1974-12-25", false),
            ("birthdate=le1974-12-25", true),
            ("birthdate=ne1974-12-25", false),
            ("birthdate=sa1974-12-24", true),
            ("birthdate=eb1975", true),
            ("birthdate=ap1974-12-26", true),
        ],
    );
}

#[test]
fn observations_are_found_by_what_they_hold() {
    let observation = json!({"resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "1-8", "display": "Körper weight"}]},
        "effectivePeriod": {"start": "2020-01-10", "end": "2020-01-20"},
        "valueQuantity": {"value": 5.4, "unit": "kilo", "system": "http://unitsofmeasure.org", "code": "kg"}});
    check(
        &observation,
        &[
            ("patient=p", true),
            ("patient=Patient/p", true),
            ("patient=q", false),
            ("subject=Group/p", false),
            ("code=http://loinc.org|1-8", true),
            ("code:text=korper", true),
            ("code:text=weight", false),
            ("date=2020-01", true),
            ("date=2020-01-15", false),
            ("date=gt2020-01-15", true),
            ("date=lt2020-01-15", true),
            ("date=sa2020-01-15", false),
            ("date=ap2020-01-15", true),
            ("value-quantity=5.4", true),
            ("value-quantity=5.40||kg", true),
            ("value-quantity=5.4||kilo", true),
            ("value-quantity=5.41", false),
            ("value-quantity=5", true),
            ("value-quantity=gt5.4", false),
            ("value-quantity=5.4|http://unitsofmeasure.org|g", false),
        ],
    );
}
