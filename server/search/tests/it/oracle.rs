//! Properties: what is parsed and matched agrees with a plain computation, and no input does harm.

use proptest::prelude::*;
use search::{Condition, Options, index, matches, parse};
use serde_json::{Value, json};

use crate::{condition, json as document, registry};

/// A prefix with what it says of closed spans in whole numbers, as the table of the standard words it.
fn says(prefix: &str, (from, to): (i128, i128), (low, high): (i128, i128)) -> bool {
    match prefix {
        "" | "eq" => from <= low && high <= to,
        "ne" => !(from <= low && high <= to),
        "gt" => high > to,
        "lt" => low < from,
        "ge" => says("gt", (from, to), (low, high)) || says("eq", (from, to), (low, high)),
        "le" => says("lt", (from, to), (low, high)) || says("eq", (from, to), (low, high)),
        "sa" => low > to,
        "eb" => high < from,
        _ => panic!("{prefix}"),
    }
}

const PREFIXES: [&str; 9] = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"];

fn is_match(resource: Value, query: &str) -> bool {
    let resource = document(resource);
    let Condition::Filter(filter) = condition(resource.resource_type().unwrap(), query) else { panic!("{query}") };
    matches(&filter, &index(&resource, registry()), registry())
}

/// A day or a month, as text and as a span of days.
fn date() -> impl Strategy<Value = (String, (i128, i128))> {
    (1995..2006_i128, 1..13_i128, 1..29_i128, any::<bool>()).prop_map(|(year, month, day, is_month)| {
        let days = |year: i128, month: i128, day: i128| {
            // Days since 0000-03-01 of the Gregorian calendar.
            let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
            365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1
        };
        let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        match is_month {
            true => (format!("{year}-{month:02}"), (days(year, month, 1), days(next_year, next_month, 1) - 1)),
            false => (format!("{year}-{month:02}-{day:02}"), (days(year, month, day), days(year, month, day))),
        }
    })
}

fn decimal(digits: i64, scale: usize) -> String {
    let sign = if digits < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A decimal in units of 1e-9, so that half of its last digit is whole, and that half.
fn in_nanos(digits: i64, scale: usize) -> (i128, i128) {
    let one = 10_i128.pow(9 - u32::try_from(scale).unwrap());
    (i128::from(digits) * one, one / 2)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn dates_agree(resource in date(), query in date(), prefix in 0..PREFIXES.len()) {
        let found = is_match(json!({"resourceType": "Patient", "birthDate": resource.0}), &format!("birthdate={}{}", PREFIXES[prefix], query.0));
        prop_assert_eq!(found, says(PREFIXES[prefix], query.1, resource.1));
    }

    #[test]
    fn numbers_agree(stored in (-500..500_i64, 0..4_usize), asked in (-500..500_i64, 0..4_usize), prefix in 0..PREFIXES.len()) {
        let prefix = PREFIXES[prefix];
        let number: Value = serde_json::from_str(&decimal(stored.0, stored.1)).unwrap();
        let resource = json!({"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": number}]});
        let found = is_match(resource, &format!("probability={prefix}{}", decimal(asked.0, asked.1)));
        let (value, half) = in_nanos(asked.0, asked.1);
        let span = if matches!(prefix, "" | "eq" | "ne") { (value - half, value + half - 1) } else { (value, value) };
        let entry = in_nanos(stored.0, stored.1).0;
        prop_assert_eq!(found, says(prefix, span, (entry, entry)));
    }

    #[test]
    fn quantities_agree_across_units(stored in (0..9000_i64, 0..4_usize), asked in (0..9000_i64, 0..4_usize), units in (0..3_usize, 0..3_usize), prefix in 0..PREFIXES.len()) {
        const UNITS: [(&str, i128); 3] = [("g", 1_000_000), ("mg", 1000), ("ug", 1)];
        let (prefix, from, to) = (PREFIXES[prefix], UNITS[units.0], UNITS[units.1]);
        let number: Value = serde_json::from_str(&decimal(stored.0, stored.1)).unwrap();
        let quantity = json!({"value": number, "system": "http://unitsofmeasure.org", "code": from.0});
        let query = format!("value-quantity={prefix}{}|http://unitsofmeasure.org|{}", decimal(asked.0, asked.1), to.0);
        let found = is_match(json!({"resourceType": "Observation", "valueQuantity": quantity}), &query);
        let (value, half) = in_nanos(asked.0, asked.1);
        let (value, half) = (value * to.1, half * to.1);
        let span = if matches!(prefix, "" | "eq" | "ne") { (value - half, value + half - 1) } else { (value, value) };
        let entry = in_nanos(stored.0, stored.1).0 * from.1;
        prop_assert_eq!(found, says(prefix, span, (entry, entry)));
    }

    #[test]
    fn strings_agree_where_folding_is_plain(stored in "[a-cA-C]{1,4}( [a-c]{1,3})?", asked in "[a-cA-C]{1,3}") {
        let resource = json!({"resourceType": "Patient", "name": [{"family": stored}]});
        let (low, start) = (stored.to_lowercase(), asked.to_lowercase());
        prop_assert_eq!(is_match(resource.clone(), &format!("family={asked}")), low.starts_with(&start));
        prop_assert_eq!(is_match(resource.clone(), &format!("family:contains={asked}")), low.contains(&start));
        prop_assert_eq!(is_match(resource, &format!("family:exact={asked}")), stored == asked);
    }
}

/// Pieces of the language, so that random texts come deep into the parsers.
fn piece() -> impl Strategy<Value = String> {
    let known = [
        "subject",
        "patient",
        "code",
        "date",
        "value-quantity",
        "_has",
        "Observation",
        "Patient",
        "_filter",
        "_text",
        "_include",
        "near",
        "_id",
        "combo-code-value-quantity",
        ".",
        ":",
        "(",
        ")",
        "[",
        "]",
        "\"",
        "\\",
        "|",
        "$",
        ",",
        "*",
        " ",
        " eq ",
        " and ",
        " or ",
        "not ",
        "ge",
        "2020-02",
        "1e5",
        "mg",
        "missing",
        "of-type",
        "below",
        "true",
        "-",
        "é",
        "\u{0}",
        "%",
    ];
    prop_oneof![4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,5}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn no_input_makes_the_parser_panic(name in prop::collection::vec(piece(), 0..8), value in prop::collection::vec(piece(), 0..12), known in 0..60_usize) {
        let (name, value) = (name.concat(), value.concat());
        let mut pairs = vec![(name, value.clone())];
        if let Some(param) = registry().params_of("Observation").nth(known) {
            pairs.push((param.code.clone(), value.clone()));
        }
        pairs.extend(["_filter", "_content", "_sort", "_elements", "_list"].map(|name| (name.to_owned(), value.clone())));
        let _ = parse("Observation", &pairs, registry(), &Options::default());
        let _ = parse("Location", &[("near".to_owned(), value)], registry(), &Options::default());
    }

    #[test]
    fn no_message_repeats_a_value(name in proptest::sample::select(vec![
        "code", "date", "subject", "patient.name", "patient.birthdate", "_has:Observation:patient:date", "_filter", "_text", "_list",
        "value-quantity", "code-value-quantity", "code:in", "code:of-type", "_count", "_sort", "_summary", "_total", "_id",
        "code:missing", "_contained", "_pretty", "combo-code", "_lastUpdated",
    ]), value in prop::collection::vec(prop_oneof![piece(), Just("Zebrafink".to_owned())], 1..6)) {
        // A sort key or a path of a filter is a name, and named when it is not known; a value never is.
        prop_assume!(!matches!(name, "_sort" | "_filter") || !value.concat().starts_with("Zebrafink"));
        let value = value.concat();
        let names = matches!(name, "_sort" | "_filter");
        if let Err(issues) = parse("Observation", &[(name.to_owned(), value)], registry(), &Options::default()) {
            prop_assert!(names || issues.iter().all(|issue| !issue.diagnostics.contains("Zebrafink")), "{:?}", issues);
        }
    }
}

/// Any JSON, with the names of elements where they belong and where they do not.
fn any_json() -> impl Strategy<Value = Value> {
    let names = proptest::sample::select(vec![
        "name",
        "family",
        "given",
        "identifier",
        "system",
        "value",
        "type",
        "coding",
        "code",
        "subject",
        "reference",
        "valueQuantity",
        "valueSampledData",
        "origin",
        "data",
        "component",
        "effectiveTiming",
        "repeat",
        "boundsPeriod",
        "start",
        "event",
        "text",
        "div",
        "contained",
        "resourceType",
        "extension",
        "url",
        "position",
        "latitude",
        "longitude",
        "_birthDate",
        "birthDate",
        "low",
        "high",
    ]);
    let texts = prop_oneof![
        ".{0,12}",
        proptest::sample::select(vec![
            "Patient",
            "Patient/1",
            "#1",
            "2020",
            "2020-02-30",
            "<div>&#x0;<b",
            "1e999",
            "http://a|b#c"
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(names.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_document_is_indexed_without_harm(value in any_json(), type_name in proptest::sample::select(vec!["Patient", "Observation", "Location", "Bundle"])) {
        let mut value = value;
        if let Some(object) = value.as_object_mut() {
            object.insert("resourceType".to_owned(), type_name.into());
        }
        let document = document(value);
        let entries = index(&document, registry());
        prop_assert!(entries.is_sorted_by(|left, right| left.param <= right.param));
        let words = search::full_text(&document, registry());
        prop_assert!(words.content.split(' ').all(|word| search::normalise(word) == word));
        search::patients_of(&document, registry());
    }
}
