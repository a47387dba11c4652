//! Search by every kind of parameter, order and total.

use serde_json::json;
use store::Page;

use crate::support::{TestStore, ids, observation, on_each, patient, put, query, system};

async fn filled(test: &TestStore) {
    let mut marlow = patient("Marlow", "1970-05-01");
    marlow["gender"] = json!("female");
    marlow["identifier"] = json!([{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}]);
    let mut kurtz = patient("Kürtz", "1980");
    kurtz["gender"] = json!("male");
    kurtz["name"][0]["given"] = json!(["Ann", "Zoe"]);
    let mut weight = observation("kurtz", "27113001");
    weight["valueQuantity"] =
        json!({"value": 71.5, "system": "http://unitsofmeasure.org", "code": "kg", "unit": "kilo"});
    weight["effectiveDateTime"] = json!("2024-03-05T10:00:00Z");
    let mut pulse = observation("marlow", "364075005");
    pulse["effectivePeriod"] = json!({"start": "2024-03-01", "end": "2024-03-31"});
    let plain = json!({"resourceType": "Patient"});
    test.write(vec![
        put("marlow", &marlow),
        put("kurtz", &kurtz),
        put("nobody", &plain),
        put("weight", &weight),
        put("pulse", &pulse),
    ])
    .await
    .unwrap();
}

#[test]
fn each_kind_of_parameter_finds_what_it_should() {
    on_each("kinds", |test| async move {
        filled(&test).await;
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            ("Patient", &[], &["marlow", "kurtz", "nobody"]),
            ("Patient", &[("_id", "kurtz,nobody")], &["kurtz", "nobody"]),
            ("Patient", &[("family", "mar")], &["marlow"]),
            ("Patient", &[("family", "kurtz")], &["kurtz"]),
            ("Patient", &[("family:exact", "Kürtz")], &["kurtz"]),
            ("Patient", &[("family:exact", "kürtz")], &[]),
            ("Patient", &[("family:contains", "arlo")], &["marlow"]),
            ("Patient", &[("name", "zo")], &["kurtz"]),
            ("Patient", &[("family", "mar,kur")], &["marlow", "kurtz"]),
            ("Patient", &[("gender", "female")], &["marlow"]),
            ("Patient", &[("gender:not", "female")], &["kurtz", "nobody"]),
            ("Patient", &[("gender:missing", "true")], &["nobody"]),
            ("Patient", &[("gender:missing", "false")], &["marlow", "kurtz"]),
            ("Patient", &[("identifier", "https://fhir.nhs.uk/Id/nhs-number|9990000018")], &["marlow"]),
            ("Patient", &[("identifier", "9990000018")], &["marlow"]),
            ("Patient", &[("identifier", "|9990000018")], &[]),
            ("Patient", &[("identifier", "https://fhir.nhs.uk/Id/nhs-number|")], &["marlow"]),
            ("Patient", &[("identifier", "urn:never|9990000018")], &[]),
            ("Patient", &[("birthdate", "1970")], &["marlow"]),
            ("Patient", &[("birthdate", "1970-05-01")], &["marlow"]),
            ("Patient", &[("birthdate", "gt1970-05-01")], &["kurtz"]),
            ("Patient", &[("birthdate", "le1980")], &["marlow", "kurtz"]),
            ("Patient", &[("birthdate", "ge1970"), ("gender", "male")], &["kurtz"]),
            ("Observation", &[("patient", "kurtz")], &["weight"]),
            ("Observation", &[("patient", "Patient/kurtz")], &["weight"]),
            ("Observation", &[("subject:Patient", "kurtz")], &["weight"]),
            ("Observation", &[("patient", "unknown")], &[]),
            ("Observation", &[("code", "http://snomed.info/sct|27113001")], &["weight"]),
            ("Observation", &[("patient", "kurtz"), ("code", "http://snomed.info/sct|364075005")], &[]),
            ("Observation", &[("patient", "marlow"), ("code", "http://snomed.info/sct|364075005")], &["pulse"]),
            ("Observation", &[("date", "2024-03-05")], &["weight"]),
            ("Observation", &[("date", "2024-03")], &["weight", "pulse"]),
            ("Observation", &[("date", "sa2024-03-01T00:00:00Z")], &["weight"]),
            ("Observation", &[("value-quantity", "71.5|http://unitsofmeasure.org|kg")], &["weight"]),
            ("Observation", &[("value-quantity", "gt70||kg")], &["weight"]),
            ("Observation", &[("value-quantity", "lt70")], &[]),
            ("Patient", &[("_lastUpdated", "gt2000-01-01")], &["marlow", "kurtz", "nobody"]),
            ("Patient", &[("_lastUpdated", "lt2000-01-01")], &[]),
        ];
        for (type_name, params, expected) in cases {
            assert_eq!(test.find(type_name, params).await, *expected, "{type_name} {params:?}");
        }
    });
}

#[test]
fn order_is_kept_across_pages_and_what_has_no_value_comes_last() {
    on_each("order", |test| async move {
        filled(&test).await;
        let cases: &[(&str, &[&str])] = &[
            ("birthdate", &["marlow", "kurtz", "nobody"]),
            ("-birthdate", &["kurtz", "marlow", "nobody"]),
            ("family", &["kurtz", "marlow", "nobody"]),
            ("-_id", &["nobody", "marlow", "kurtz"]),
            ("-_lastUpdated", &["nobody", "kurtz", "marlow"]),
            ("gender,-birthdate", &["marlow", "kurtz", "nobody"]),
        ];
        for (sort, expected) in cases {
            let query = query("Patient", &[("_sort", sort)]);
            let mut page = Page { count: 1, ..Page::default() };
            let mut found = Vec::new();
            loop {
                let result = test.page(&system(), &query, page.clone()).await;
                found.extend(ids(&result));
                let Some(next) = result.next else { break };
                let next = store::Cursor::decode(&next.encode()).unwrap();
                page = Page { as_of: Some(result.as_of), after: Some(next), count: 1 };
            }
            assert_eq!(found, *expected, "{sort}");
        }
    });
}

#[test]
fn total_is_told_on_the_first_page_when_asked_for_or_at_hand() {
    on_each("total", |test| async move {
        filled(&test).await;
        let accurate = ("_total", "accurate");
        let cases = [
            (vec![], Some(3)),
            (vec![("gender:missing", "false")], None),
            (vec![("gender:missing", "false"), accurate], Some(2)),
            (vec![("gender", "male")], Some(1)),
            (vec![("_total", "none")], None),
        ];
        for (params, expected) in cases {
            let page = Page { count: 1, ..Page::default() };
            let found = test.page(&system(), &query("Patient", &params), page).await;
            assert_eq!(found.total, expected, "{params:?}");
        }
        let counted = query("Patient", &[("_summary", "count")]);
        let result = test.page(&system(), &counted, Page { count: 10, ..Page::default() }).await;
        assert_eq!((result.matches.len(), result.total), (0, Some(3)));
    });
}
