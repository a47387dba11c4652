//! Search of a type by each of the parameters that this server promises.

use serde_json::json;
use tests::{Api, Person, observation, on_each, unique};

async fn check(api: &Api<'_>, search: &str, expected: &[&str]) {
    let mut found = api.find(search).await;
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected, "{search}");
}

#[test]
fn patients_are_found_by_id_identifier_name_and_birth_date() {
    on_each("search_patient", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (one, mut other) = (Person::new(), Person::new());
        other.birth_date = "1981-12-31".to_owned();
        let (a, b) = (api.create(&one.patient()).await, api.create(&other.patient()).await);
        let (a, b) = (a.as_str(), b.as_str());
        let both = format!("_id={a},{b}");

        check(&api, &format!("Patient?_id={a}"), &[a]).await;
        check(&api, &format!("Patient?{both}"), &[a, b]).await;
        check(&api, &format!("Patient?_id={a}&_id={b}"), &[]).await;
        let system = "https://fhir.nhs.uk/Id/nhs-number";
        check(&api, &format!("Patient?identifier={system}|{}", one.nhs_number), &[a]).await;
        check(&api, &format!("Patient?identifier={}", one.nhs_number), &[a]).await;
        check(&api, &format!("Patient?identifier=urn:other|{}", one.nhs_number), &[]).await;
        check(&api, &format!("Patient?name={}", one.family.to_uppercase()), &[a]).await;
        check(&api, &format!("Patient?name:exact={}", one.family), &[a]).await;
        check(&api, &format!("Patient?name:exact={}", one.family.to_uppercase()), &[]).await;
        check(&api, &format!("Patient?{both}&name=robin"), &[a, b]).await;
        check(&api, &format!("Patient?{both}&birthdate=1980-04-05"), &[a]).await;
        check(&api, &format!("Patient?{both}&birthdate=1980"), &[a]).await;
        check(&api, &format!("Patient?{both}&birthdate=gt1980-04-05"), &[b]).await;
        check(&api, &format!("Patient?{both}&birthdate=ge1980-04-05&birthdate=lt1981-12-31"), &[a]).await;
    });
}

#[test]
fn observations_are_found_by_patient_code_and_date() {
    on_each("search_observation", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        let other = api.create(&Person::new().patient()).await;
        let code = unique("code");
        let early = api.create(&observation(&patient, &code, "2026-01-01T08:00:00Z")).await;
        let late = api.create(&observation(&patient, &code, "2026-02-01T08:00:00Z")).await;
        let others = api.create(&observation(&other, &code, "2026-02-01T08:00:00Z")).await;
        let (early, late, others) = (early.as_str(), late.as_str(), others.as_str());

        check(&api, &format!("Observation?patient={patient}"), &[early, late]).await;
        check(&api, &format!("Observation?patient=Patient/{patient}"), &[early, late]).await;
        check(&api, &format!("Observation?patient={}/Patient/{patient}", app.base_url), &[early, late]).await;
        check(&api, &format!("Observation?code={code}"), &[early, late, others]).await;
        check(&api, &format!("Observation?code=http://loinc.org|{code}&patient={other}"), &[others]).await;
        check(&api, &format!("Observation?code={code}&date=2026-01"), &[early]).await;
        check(&api, &format!("Observation?code={code}&date=ge2026-02-01&patient={patient}"), &[late]).await;

        let form = [("patient", patient.as_str()), ("code", code.as_str())];
        let posted = api.call("POST", "Observation/_search").form(&form).send().await.expect(200);
        assert_eq!(posted.ids().len(), 2);
        let sorted = api.get(&format!("Observation?patient={patient}&_sort=-date")).await.expect(200);
        assert_eq!(sorted.ids(), [late, early]);
        let total = api.get(&format!("Observation?patient={patient}&_summary=count")).await.expect(200).json();
        assert_eq!((total["total"].as_u64(), total.get("entry")), (Some(2), None));
    });
}

#[test]
fn a_search_answer_is_a_searchset_that_says_what_was_asked() {
    on_each("search_bundle", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let id = api.create(&person.patient()).await;
        let answer = api.get(&format!("Patient?family={}", person.family)).await.expect(200);
        let bundle = answer.json();
        assert_eq!((bundle["resourceType"].as_str(), bundle["type"].as_str()), (Some("Bundle"), Some("searchset")));
        assert_eq!(bundle["entry"][0]["fullUrl"], json!(format!("{}/Patient/{id}", app.base_url)));
        assert_eq!(bundle["entry"][0]["search"]["mode"], "match");
        assert_eq!(answer.link("self").unwrap(), format!("{}/Patient?family={}", app.base_url, person.family));
        assert_eq!(answer.link("next"), None);
    });
}

#[test]
fn a_changed_resource_is_found_by_what_it_says_now() {
    on_each("search_changed", |app| async move {
        let api = app.system("system/*.cruds").await;
        let (before, after) = (Person::new(), Person::new());
        let id = api.create(&before.patient()).await;
        let mut patient = after.patient();
        patient["id"] = json!(id);
        api.put(&format!("Patient/{id}"), &patient).await.expect(200);
        check(&api, &format!("Patient?family={}", before.family), &[]).await;
        check(&api, &format!("Patient?family={}", after.family), &[&id]).await;
    });
}

#[test]
fn an_unknown_parameter_is_named_and_ignored_only_when_asked() {
    on_each("search_unknown", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let id = api.create(&person.patient()).await;
        let search = format!("Patient?family={}&brithdate=1980-04-05", person.family);
        let said = api.get(&search).await.refused(400);
        assert!(said.contains("brithdate") && !said.contains("1980-04-05"), "{said}");
        api.call("GET", &search).header("prefer", "handling=strict").send().await.refused(400);

        let lenient = api.call("GET", &search).header("prefer", "handling=lenient").send().await.expect(200);
        assert_eq!(lenient.ids(), [id.as_str()]);
        let bundle = lenient.json();
        let outcome = bundle["entry"].as_array().unwrap().iter().find(|entry| entry["search"]["mode"] == "outcome");
        let outcome = outcome.expect("an entry that says what was left out");
        assert_eq!(outcome["resource"]["resourceType"], "OperationOutcome");
        assert!(outcome["resource"]["issue"][0]["diagnostics"].as_str().unwrap().contains("brithdate"));
        assert!(!lenient.link("self").unwrap().contains("brithdate"));

        // What is understood and wrong is refused however lenient the caller is.
        let wrong = api.call("GET", "Patient?birthdate=nonsense").header("prefer", "handling=lenient");
        assert!(wrong.send().await.refused(400).contains("birthdate"));
        api.call("GET", &search).header("prefer", "handling=sloppy").send().await.refused(400);
    });
}

#[test]
fn quantities_are_sorted_by_what_they_amount_to() {
    on_each("search_sort_quantity", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        let code = unique("code");
        let weight = |value: f64, unit: &str| {
            let mut weight = observation(&patient, &code, "2026-01-01");
            weight["valueQuantity"] = json!({"value": value, "unit": format!("so many {unit}"), "system": "http://unitsofmeasure.org", "code": unit});
            weight
        };
        let mut ids = Vec::new();
        for (value, unit) in [(7.0, "g"), (0.005, "kg"), (6000.0, "mg"), (0.004, "kg")] {
            ids.push(api.create(&weight(value, unit)).await);
        }
        let mut bare = observation(&patient, &code, "2026-01-01");
        bare.as_object_mut().unwrap().remove("valueQuantity");
        let none = api.create(&bare).await;
        let order = |places: [usize; 4]| places.map(|place| ids[place].as_str()).into_iter().chain([none.as_str()]);
        for (sort, places) in [("value-quantity", [3, 1, 2, 0]), ("-value-quantity", [0, 2, 1, 3])] {
            let first = format!("Observation?code={code}&_sort={sort}");
            assert!(api.find(&first).await.iter().map(String::as_str).eq(order(places)), "{sort}");
            let (mut found, mut next) = (Vec::new(), Some(format!("{first}&_count=2")));
            while let Some(url) = next {
                let page = api.get(&url).await.expect(200);
                found.extend(page.ids());
                next = page.link("next");
            }
            assert!(found.iter().map(String::as_str).eq(order(places)), "{sort} by pages");
        }
    });
}

#[test]
fn contained_resources_are_refused_as_what_is_not_searched() {
    on_each("search_contained", |app| async move {
        let api = app.system("system/*.cruds").await;
        for (query, name) in [
            ("_contained=true", "_contained"),
            ("_contained=both", "_contained"),
            ("_contained=true&_containedType=contained", "_containedType"),
        ] {
            let said = api.get(&format!("Observation?{query}")).await.refused(400);
            assert!(said.contains("\"code\":\"not-supported\"") && said.contains(&format!("http.{name}\"")), "{said}");
        }
        api.get("Observation?_contained=false&_count=1").await.expect(200);
    });
}
