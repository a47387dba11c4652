//! Filters answered from entries, end to end: query text against a resource.

use serde_json::json;

use crate::check_matches as check;

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

#[test]
fn places_are_found_by_their_distance() {
    let leeds = json!({"resourceType": "Location", "position": {"latitude": 53.8, "longitude": -1.55}});
    check(
        &leeds,
        &[
            ("near=53.8|-1.55", true),
            // York is about 36 km away, Sheffield 47, London 273.
            ("near=53.96|-1.08|40|km", true),
            ("near=53.96|-1.08|30|km", false),
            ("near=53.96|-1.08|30|[mi_i]", true),
            ("near=53.96|-1.08|30|mi", true),
            ("near=53.96|-1.08|40000|m", true),
            ("near=53.96|-1.08|40", true),
            ("near=53.38|-1.47", true),
            ("near=51.5|-0.12", false),
            ("near=51.5|-0.12,53.8|-1.5", true),
            ("near:missing=true", false),
        ],
    );
    let odd = json!({"resourceType": "Location", "position": {"latitude": 153.8, "longitude": -1.55}});
    check(&odd, &[("near:missing=true", true)]);
    for query in
        ["near=53", "near=91|0", "near=1|2|x", "near=1|2|3|kg", "near=1|2|-3|km", "near=1|2|3|km|x", "near=1|NaN"]
    {
        assert!(crate::refused("Location", query).contains("`near`"), "{query}");
    }
}

#[test]
fn contacts_have_the_system_of_their_kind() {
    let patient = json!({"resourceType": "Patient",
        "telecom": [{"system": "phone", "value": "0113"}, {"system": "email", "value": "z@example.org"}, {"value": "x"}]});
    check(
        &patient,
        &[
            ("telecom=0113", true),
            ("telecom=phone|0113", true),
            ("telecom=email|0113", false),
            ("telecom=|x", true),
            ("phone=0113", true),
            ("phone=z@example.org", false),
            ("email=z@example.org", true),
        ],
    );
}

#[test]
fn timings_reach_to_their_outer_limits() {
    let request = |timing: serde_json::Value| json!({"resourceType": "ServiceRequest", "occurrenceTiming": timing});
    let events = request(json!({"event": ["2013-01-31", "2013-03-24"]}));
    check(
        &events,
        &[
            ("occurrence=ge2013-02", true),
            ("occurrence=2013-02", false),
            ("occurrence=ap2013-02-01", true),
            ("occurrence=sa2013-02", false),
            ("occurrence=2013", true),
        ],
    );
    let bounds = request(json!({"repeat": {"boundsPeriod": {"start": "2013-01-31"}}}));
    check(&bounds, &[("occurrence=gt2050", true), ("occurrence=lt2013", false)]);
}

#[test]
fn canonicals_and_references_are_found_with_and_without_their_version() {
    let plan = json!({"resourceType": "CarePlan", "instantiatesCanonical": ["http://a.example/PlanDefinition/1|2.0"],
        "subject": {"reference": "Patient/p/_history/3", "identifier": {"system": "urn:s", "value": "9"}}});
    check(
        &plan,
        &[
            ("instantiates-canonical=http://a.example/PlanDefinition/1", true),
            ("instantiates-canonical=http://a.example/PlanDefinition/1|2.0", true),
            ("instantiates-canonical=http://a.example/PlanDefinition/1|3.0", false),
            ("patient=p", true),
            ("subject:Patient=p", true),
            ("subject:identifier=urn:s|9", true),
            ("subject:identifier=urn:s|8", false),
            ("subject:missing=false", true),
        ],
    );
}
