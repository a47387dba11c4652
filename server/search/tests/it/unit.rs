//! UCUM units, and quantities that are compared across them.

use search::unit::{convert, convert_span, is_comparable};
use serde_json::{Value, json};

use crate::check_matches;

#[test]
fn values_are_exact_across_units() {
    for (value, from, to, expected) in [
        (5.0, "mg", "g", 0.005),
        (0.005, "g", "mg", 5.0),
        (5.4, "mmol/L", "umol/L", 5400.0),
        (1.0, "mg/dL", "g/L", 0.01),
        (37.0, "Cel", "K", 310.15),
        (120.0, "mm[Hg]", "mm[Hg]", 120.0),
        (1.0, "h", "min", 60.0),
        (7.0, "kilo", "kilo", 7.0),
    ] {
        assert_eq!(convert(value, from, to), Some(expected), "{from} {to}");
        assert!(is_comparable(from, to));
    }
}

#[test]
fn what_means_nothing_is_no_value() {
    let long = "m.".repeat(10_000) + "m";
    let nested = "(".repeat(60) + "m";
    for (from, to) in
        [("mg", "mL"), ("mg", "kilo"), ("", "mg"), ("[pH]", "mol/l"), ("m", &long), ("m", &nested), ("[IU]", "mg")]
    {
        assert_eq!(convert(1.0, from, to), None, "{from} {to}");
        assert!(!is_comparable(to, from));
    }
    assert_eq!(convert_span((f64::MIN, 5.0), "mg", "g"), Some((f64::MIN, 0.005)));
    assert_eq!(convert_span((f64::MIN, f64::MAX), "mg", "mL"), None);
}

fn observation(value: Value) -> Value {
    json!({"resourceType": "Observation", "valueQuantity": value})
}

#[test]
fn a_ucum_quantity_is_found_in_any_unit_of_its_dimension() {
    const UCUM: &str = "http://unitsofmeasure.org";
    let grams = observation(json!({"value": 0.005, "unit": "gram", "system": UCUM, "code": "g"}));
    check_matches(
        &grams,
        &[
            ("value-quantity=5|http://unitsofmeasure.org|mg", true),
            ("value-quantity=5.0|http://unitsofmeasure.org|mg", true),
            ("value-quantity=6|http://unitsofmeasure.org|mg", false),
            ("value-quantity=ge5|http://unitsofmeasure.org|mg", true),
            ("value-quantity=gt5|http://unitsofmeasure.org|mg", false),
            ("value-quantity=lt5000.1|http://unitsofmeasure.org|ug", true),
            ("value-quantity=5||mg", false),
            ("value-quantity=0.005||g", true),
            ("value-quantity=0.005||gram", true),
            ("value-quantity=0.005", true),
            ("value-quantity=5|http://unitsofmeasure.org|mL", false),
            ("value-quantity=5|urn:other|mg", false),
        ],
    );
    let celsius = observation(json!({"value": 37, "system": UCUM, "code": "Cel"}));
    check_matches(&celsius, &[("value-quantity=310.15|http://unitsofmeasure.org|K", true)]);
    let at_most = observation(json!({"value": 5, "comparator": "<", "system": UCUM, "code": "mg"}));
    check_matches(
        &at_most,
        &[
            ("value-quantity=lt0.005|http://unitsofmeasure.org|g", true),
            ("value-quantity=gt0.005|http://unitsofmeasure.org|g", false),
            ("value-quantity=le0.001|http://unitsofmeasure.org|g", true),
        ],
    );
}

#[test]
fn money_ranges_durations_and_samples_are_quantities() {
    let invoice = json!({"resourceType": "Invoice", "totalGross": {"value": 19.99, "currency": "GBP"}});
    check_matches(
        &invoice,
        &[
            ("totalgross=19.99|urn:iso:std:iso:4217|GBP", true),
            ("totalgross=gt19||GBP", true),
            ("totalgross=gt19||EUR", false),
        ],
    );
    let condition = json!({"resourceType": "Condition", "onsetAge": {"value": 52, "system": "http://unitsofmeasure.org", "code": "a"}});
    check_matches(&condition, &[("onset-age=gt600|http://unitsofmeasure.org|mo", true), ("onset-age=gt52||a", false)]);
    let mixed = json!({"resourceType": "Condition", "onsetRange": {
        "low": {"value": 11, "system": "http://unitsofmeasure.org", "code": "mo"},
        "high": {"value": 2, "system": "http://unitsofmeasure.org", "code": "a"}}});
    check_matches(&mixed, &[("onset-age=lt1||a", false), ("onset-age=gt23||mo", true), ("onset-age=gt24||mo", false)]);
    let sampled = json!({"resourceType": "Observation", "valueSampledData": {"origin": {"value": 10, "unit": "mV"},
        "period": 1, "factor": 2, "dimensions": 1, "data": "1 -2 E 5 U"}});
    check_matches(
        &sampled,
        &[
            ("value-quantity=gt19||mV", true),
            ("value-quantity=gt20", false),
            ("value-quantity=lt6.1", true),
            ("value-quantity=lt6", false),
        ],
    );
}
