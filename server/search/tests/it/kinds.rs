//! The rules and examples of the R4 search page, kind by kind. <https://hl7.org/fhir/R4/search.html#ptypes>

use serde_json::{Value, json};

use crate::{check_matches as check, refused};

fn dated(date: &str) -> Value {
    json!({"resourceType": "Observation", "effectiveDateTime": date})
}

fn period(start: Option<&str>, end: Option<&str>) -> Value {
    json!({"resourceType": "Encounter", "period": {"start": start, "end": end}})
}

#[test]
fn dates_compare_as_the_table_of_prefixes_says() {
    check(
        &dated("2013-01-14T00:00:00Z"),
        &[("date=eq2013-01-14", true), ("date=2013-01-14", true), ("date=ne2013-01-14", false)],
    );
    check(
        &dated("2013-01-14T10:00:00Z"),
        &[("date=2013-01-14", true), ("date=2013-01-14T10:00:00Z", true), ("date=2013-01", true)],
    );
    check(
        &dated("2013-01-15T00:00:00Z"),
        &[("date=2013-01-14", false), ("date=ne2013-01-14", true), ("date=gt2013-01-14", true)],
    );
    // A day holds moments before and after ten o'clock.
    let day = dated("2013-01-14");
    check(
        &day,
        &[
            ("date=lt2013-01-14T10:00:00Z", true),
            ("date=gt2013-01-14T10:00:00Z", true),
            ("date=2013-01-14T10:00:00Z", false),
        ],
    );
    check(
        &day,
        &[
            ("date=ge2013-01-14", true),
            ("date=le2013-01-14", true),
            ("date=gt2013-01-14", false),
            ("date=lt2013-01-14", false),
        ],
    );
    let onwards = period(Some("2013-01-21"), None);
    check(
        &onwards,
        &[
            ("date=ge2013-03-14", true),
            ("date=sa2013-03-14", false),
            ("date=sa2013-01-20", true),
            ("date=eb2050", false),
        ],
    );
    let until = period(None, Some("2013-01-21"));
    check(
        &until,
        &[
            ("date=le2013-03-14", true),
            ("date=eb2013-03-14", true),
            ("date=eb2013-01-21", false),
            ("date=lt1900", true),
        ],
    );
    check(
        &period(Some("2013-03-01"), Some("2013-03-31")),
        &[("date=2013-03", true), ("date=2013-03-14", false), ("date=ap2013-03-14", true)],
    );
    check(&dated("2013-03-20"), &[("date=ap2013-03-14", false), ("date=ap2013-03-19", true), ("date=ap2013", true)]);
}

#[test]
fn dates_are_moments_whatever_their_zone() {
    let late = dated("2020-06-30T23:30:00-02:00");
    check(&late, &[("date=2020-07-01", true), ("date=2020-06-30", false), ("date=2020-07-01T01:30:00Z", true)]);
    check(&late, &[("date=2020-07-01T02:30:00+01:00", true), ("date=2020-07-01T02:30:00 01:00", true)]);
    check(
        &json!({"resourceType": "Provenance", "recorded": "2020-06-30T23:30:00.123Z"}),
        &[("recorded=2020-06-30T23:30:00Z", true), ("recorded=gt2020-06-30T23:30:00Z", false)],
    );
    for query in ["date=2020-13", "date=20200101", "date=ge", "date=xx2020", "date=2020-02-30", "date=,2020"] {
        assert!(refused("Observation", query).contains("`date`"), "{query}");
    }
}

fn probability(value: &str) -> Value {
    let number: Value = serde_json::from_str(value).unwrap();
    json!({"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": number}]})
}

#[test]
fn numbers_compare_by_their_significant_digits() {
    check(&probability("99.5"), &[("probability=100", true), ("probability=100.0", false), ("probability=1e2", true)]);
    check(
        &probability("100.5"),
        &[("probability=100", false), ("probability=ne100", true), ("probability=gt100", true)],
    );
    check(&probability("100.04"), &[("probability=100.0", true), ("probability=100.00", false)]);
    check(&probability("149"), &[("probability=1e2", true), ("probability=ap140", true), ("probability=ap120", false)]);
    check(
        &probability("100"),
        &[("probability=lt100", false), ("probability=le100", true), ("probability=ge100.0", true)],
    );
    check(
        &probability("-0.5"),
        &[("probability=-0.5", true), ("probability=lt0", true), ("probability=sa-1", true), ("probability=eb0", true)],
    );
    let range = json!({"resourceType": "RiskAssessment",
        "prediction": [{"probabilityRange": {"low": {"value": 10}, "high": {"value": 20}}}]});
    check(
        &range,
        &[
            ("probability=15", false),
            ("probability=gt15", true),
            ("probability=lt15", true),
            ("probability=sa9", true),
            ("probability=eb21", true),
            ("probability=ap15", true),
        ],
    );
    for query in
        ["probability=x", "probability=ge", "probability=1,", "probability=NaN", "probability=1e999", "probability=0x1"]
    {
        assert!(refused("RiskAssessment", query).contains("`probability`"), "{query}");
    }
}

#[test]
fn strings_match_the_start_without_case_accents_and_punctuation() {
    let named =
        |given: &str| json!({"resourceType": "Patient", "name": [{"given": [given], "text": "Dr Ann-Marie O’Neil"}]});
    check(
        &named("Eve"),
        &[("given=eve", true), ("given:contains=eve", true), ("given:exact=Eve", true), ("given:exact=eve", false)],
    );
    check(&named("Evelyn"), &[("given=eve", true), ("given:contains=eve", true), ("given:exact=Eve", false)]);
    check(&named("Severine"), &[("given=eve", false), ("given:contains=eve", true)]);
    check(&named("Ævar  Þór"), &[("given=aevar thor", true), ("given=AEVAR", true)]);
    check(&named("x"), &[("name=dr ann marie oneil", true), ("name=ann", false), ("phonetic=dr", true)]);
    let lived = json!({"resourceType": "Patient",
        "address": [{"line": ["1 High St", "Flat 2"], "city": "Leeds", "postalCode": "LS1 1AA", "country": "GB", "use": "home"}]});
    check(
        &lived,
        &[
            ("address=flat", true),
            ("address=leeds", true),
            ("address=ls1", true),
            ("address=gb", true),
            ("address-city=leeds,york", true),
            ("address-city=le\\,eds", false),
            ("address-postalcode=LS1 1aa", true),
            ("address-use=home", true),
            ("address-state:missing=true", true),
        ],
    );
}

#[test]
fn tokens_match_system_and_code() {
    let observation = json!({"resourceType": "Observation", "status": "final",
        "code": {"coding": [{"system": "urn:a", "code": "1"}, {"code": "Two"}], "text": "Pulse rate"},
        "valueCodeableConcept": {"text": "fast"}});
    check(
        &observation,
        &[
            ("code=1", true),
            ("code=urn:a|1", true),
            ("code=urn:a|", true),
            ("code=urn:b|1", false),
            ("code=|1", false),
            ("code=|Two", true),
            ("code=two", false),
            ("code=x,1", true),
            ("code:not=1", false),
            ("code:not=x", true),
            ("code:not=x,1", false),
            ("code:text=pulse", true),
            ("code:text=rate", false),
            ("status=http://hl7.org/fhir/observation-status|final", true),
            ("status:not=urn:other|final", true),
            ("value-concept:missing=false", true),
            ("value-concept:not=x", true),
            ("value-concept:text=FAST", true),
            ("category:missing=true", true),
            ("category:not=x", true),
        ],
    );
    let patient = json!({"resourceType": "Patient", "active": true, "deceasedBoolean": false});
    check(
        &patient,
        &[("active=true", true), ("active=false", false), ("deceased=false", true), ("deceased=true", false)],
    );
    let dead = json!({"resourceType": "Patient", "deceasedDateTime": "2020-01-01"});
    check(&dead, &[("deceased=true", true), ("active:missing=true", true)]);
}

#[test]
fn references_match_by_id_type_url_and_identifier() {
    let procedure = json!({"resourceType": "Procedure", "subject": {"reference": "Patient/23"},
        "encounter": {"reference": "#e"}, "location": {"display": "Ward 3"},
        "basedOn": [{"reference": "http://other.example/fhir/ServiceRequest/7"}, {"reference": "urn:uuid:0a"}],
        "performer": [{"actor": {"type": "Practitioner", "identifier": {"system": "urn:s", "value": "5"}}}]});
    check(
        &procedure,
        &[
            ("subject=23", true),
            ("subject=Patient/23", true),
            ("subject:Patient=23", true),
            ("subject:Group=23", false),
            ("subject=Group/23", false),
            ("patient=23", true),
            ("subject=24,23", true),
            ("based-on=http://other.example/fhir/ServiceRequest/7", true),
            ("based-on=ServiceRequest/7", false),
            ("based-on=urn:uuid:0a", true),
            ("performer:identifier=urn:s|5", true),
            ("performer:identifier=urn:s|6", false),
            ("encounter:missing=true", false),
            ("location:missing=true", false),
            ("location=x", false),
        ],
    );
    for query in ["subject=Patient/1/_history/2", "subject=a b", "subject=Patient/", "subject=#x"] {
        assert!(refused("Procedure", query).contains("`subject`"), "{query}");
    }
}

#[test]
fn uris_match_exactly() {
    let set = json!({"resourceType": "ValueSet", "url": "http://acme.example/fhir/ValueSet/123", "meta": {"source": "urn:feed:gp"}});
    check(
        &set,
        &[
            ("url=http://acme.example/fhir/ValueSet/123", true),
            ("url=http://acme.example/fhir/valueset/123", false),
            ("url=http://acme.example/fhir/ValueSet/12", false),
            ("_source=urn:feed:gp", true),
            ("_source=urn:feed", false),
        ],
    );
}
