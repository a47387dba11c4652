//! What a Consent or a label withholds from direct care, on every way to it.

use serde_json::{Value, json};
use tests::{Answer, Api, Person, TestApp, consent, observation, on_each, unique};

struct Record {
    patient: String,
    family: String,
    observation: String,
    code: String,
}

async fn record(api: &Api<'_>) -> Record {
    let (person, code) = (Person::new(), unique("code"));
    let patient = api.create(&person.patient()).await;
    let observation = api.create(&observation(&patient, &code, "2026-01-01")).await;
    Record { patient, family: person.family, observation, code }
}

/// How many of the ways to a record show something of it, and of how many.
async fn seen(api: &Api<'_>, record: &Record) -> (usize, usize) {
    let (patient, observation) = (format!("Patient/{}", record.patient), format!("Observation/{}", record.observation));
    let entry = |url: &str| json!({"request": {"method": "GET", "url": url}});
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry(&patient), entry(&observation)]});
    let answers = [
        api.get(&patient).await,
        api.get(&format!("{patient}/_history/1")).await,
        api.get(&format!("{patient}/_history")).await,
        api.get(&observation).await,
        api.get(&format!("{observation}/_history/1")).await,
        api.get(&format!("{observation}/_history")).await,
        api.get(&format!("Patient?_id={}", record.patient)).await,
        api.get(&format!("Patient?family={}", record.family)).await,
        api.get(&format!("Observation?code={}", record.code)).await,
        api.get(&format!("Observation?patient={}", record.patient)).await,
        api.get("_history?_count=1000").await,
        api.get("Observation/_history?_count=1000").await,
        api.post("", &batch).await,
        api.get(&format!("{patient}/$everything")).await,
        api.get(&format!("Observation/$lastn?patient={}&code={}", record.patient, record.code)).await,
        api.post("Patient/$match", &described(&record.family)).await,
    ];
    let shows = |answer: &Answer| {
        let mut body = answer.json();
        // A link repeats what was asked.
        body["link"].take();
        let text = body.to_string();
        text.contains(&record.family) || text.contains(&record.code)
    };
    let count = answers.iter().filter(|answer| shows(answer)).count();
    for search in [format!("Patient?_id={}", record.patient), format!("Observation?code={}", record.code)] {
        let total = api.get(&format!("{search}&_summary=count")).await.expect(200).json()["total"].as_u64().unwrap();
        assert_eq!(total == 0, count == 0, "the total tells what the matches hide");
    }
    (count, answers.len())
}

/// What [`Person`] is but for the family name.
fn described(family: &str) -> Value {
    json!({"resourceType": "Patient", "name": [{"family": family, "given": ["Robin"]}], "birthDate": "1980-04-05"})
}

async fn sees_all(api: &Api<'_>, record: &Record) {
    let (count, of) = seen(api, record).await;
    assert_eq!(count, of);
}

async fn sees_nothing(api: &Api<'_>, record: &Record) {
    assert_eq!(seen(api, record).await.0, 0);
    api.get(&format!("Patient/{}", record.patient)).await.refused(404);
    api.get(&format!("Observation/{}", record.observation)).await.refused(404);
}

async fn three_readers<'a>(app: &'a TestApp, record: &Record) -> [Api<'a>; 2] {
    let system = app.system("system/*.rs").await;
    let user = app.launched("user/*.rs launch/patient", &record.patient).await;
    [system, user]
}

#[test]
fn a_denial_of_direct_care_hides_the_record_while_it_is_active() {
    on_each("consent_care", |app| async move {
        let all = app.system("system/*.cruds").await;
        let record = record(&all).await;
        let readers = three_readers(&app, &record).await;
        let own = app.launched("launch/patient patient/*.rs", &record.patient).await;
        for reader in &readers {
            sees_all(reader, &record).await;
        }
        let mut denial = consent(&record.patient, "TREAT");
        let id = all.create(&denial).await;
        for reader in &readers {
            sees_nothing(reader, &record).await;
            reader.get(&format!("Consent/{id}")).await.refused(404);
        }
        own.get(&format!("Observation/{}", record.observation)).await.refused(404);
        assert!(own.find("Patient").await.is_empty());

        denial["id"] = json!(id);
        denial["status"] = json!("inactive");
        all.put(&format!("Consent/{id}"), &denial).await.expect(200);
        for reader in &readers {
            sees_all(reader, &record).await;
        }
        denial["status"] = json!("active");
        all.put(&format!("Consent/{id}"), &denial).await.expect(200);
        sees_nothing(&readers[0], &record).await;
        all.delete(&format!("Consent/{id}")).await.expect(204);
        sees_all(&readers[0], &record).await;
    });
}

#[test]
fn a_denial_holds_for_its_purpose_its_period_and_its_person() {
    on_each("consent_limits", |app| async move {
        let all = app.system("system/*.cruds").await;
        let record = record(&all).await;
        let other = self::record(&all).await;
        all.create(&consent(&record.patient, "HRESCH")).await;
        sees_all(&all, &record).await;
        let with_period = |start: &str, end: &str| {
            let mut denial = consent(&record.patient, "TREAT");
            denial["provision"]["period"] = json!({"start": start, "end": end});
            denial
        };
        all.create(&with_period("2001-01-01", "2001-12-31")).await;
        all.create(&with_period("2901-01-01", "2901-12-31")).await;
        sees_all(&all, &record).await;
        all.create(&with_period("2001-01-01", "2901-12-31")).await;
        sees_nothing(&all, &record).await;
        sees_all(&all, &other).await;
    });
}

#[test]
fn a_denial_that_is_not_active_or_permits_hides_nothing() {
    on_each("consent_inert", |app| async move {
        let all = app.system("system/*.cruds").await;
        let record = record(&all).await;
        let mut draft = consent(&record.patient, "TREAT");
        draft["status"] = json!("draft");
        all.create(&draft).await;
        let mut permit = consent(&record.patient, "TREAT");
        permit["provision"]["type"] = json!("permit");
        all.create(&permit).await;
        sees_all(&all, &record).await;
    });
}

fn labelled(mut resource: Value, code: &str) -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    resource["meta"] = json!({"security": [{"system": system, "code": code}]});
    resource
}

#[test]
fn a_very_restricted_resource_is_not_there_for_direct_care() {
    on_each("label_v", |app| async move {
        let all = app.system("system/*.cruds").await;
        let record = record(&all).await;
        let code = unique("code");
        let of_label =
            async |label: &str| all.create(&labelled(observation(&record.patient, &code, "2026-02-01"), label)).await;
        let (normal, restricted, very) = (of_label("N").await, of_label("R").await, of_label("V").await);
        let mut found = all.find(&format!("Observation?code={code}")).await;
        found.sort();
        let mut expected = [normal, restricted];
        expected.sort();
        assert_eq!(found, expected);
        for path in ["", "/_history", "/_history/1"] {
            all.get(&format!("Observation/{very}{path}")).await.refused(404);
        }
        assert!(!all.get("Observation/_history?_count=1000").await.expect(200).text().contains(&very));
    });
}

#[test]
fn a_label_that_comes_later_hides_what_was_before() {
    on_each("label_later", |app| async move {
        let all = app.system("system/*.cruds").await;
        let record = record(&all).await;
        let path = format!("Observation/{}", record.observation);
        let mut labelled = labelled(observation(&record.patient, &record.code, "2026-01-01"), "V");
        labelled["id"] = json!(record.observation);
        all.put(&path, &labelled).await.expect(200);
        all.get(&path).await.refused(404);
        all.get(&format!("{path}/_history/1")).await.refused(404);
        let history = all.get(&format!("{path}/_history")).await;
        assert!(!history.text().contains(&record.code), "{}", history.text());
        let wide = all.get("Observation/_history?_count=1000").await.expect(200);
        assert!(!wide.text().contains(&record.code));
    });
}

#[test]
fn the_whereabouts_of_a_sensitive_person_are_taken_out() {
    on_each("sensitive", |app| async move {
        let all = app.system("system/*.cruds").await;
        let person = Person::new();
        let postcode = "ZZ99 3WZ";
        let at_home = |mut patient: Value| {
            patient["address"] = json!([{"line": ["1 Hidden Lane"], "postalCode": postcode}]);
            patient["telecom"] = json!([{"system": "phone", "value": "01632 960001"}]);
            patient
        };
        let patient = at_home(labelled(person.patient(), "R"));
        let id = all.create(&patient).await;
        let open = all.create(&at_home(Person::new().patient())).await;
        let user = app.launched("user/*.rs", "").await;
        for api in [&all, &user] {
            for path in [
                format!("Patient/{id}"),
                format!("Patient/{id}/_history"),
                format!("Patient/{id}/_history/1"),
                format!("Patient?family={}", person.family),
            ] {
                let text = api.get(&path).await.expect(200).text();
                assert!(text.contains(&person.family) && text.contains("REDACTED"), "{path}: {text}");
                assert!(
                    !text.contains("Hidden Lane") && !text.contains(postcode) && !text.contains("01632"),
                    "{path}: {text}"
                );
            }
            // What is not shown is not found by, though it finds somebody else who has the same.
            for search in
                ["address-postalcode=ZZ99", "address=1%20Hidden", "phone=01632%20960001", "telecom=01632%20960001"]
            {
                assert_eq!(api.find(&format!("Patient?_id={id},{open}&{search}")).await, [open.as_str()], "{search}");
            }
        }
        // An order by what is not shown leaves nobody out, and puts the person where those without an address are, on every page.
        let near = |mut patient: Value, line: &str| {
            patient["address"] = json!([{"line": [line]}]);
            patient
        };
        let (first, last) = (near(Person::new().patient(), "0 A Road"), near(Person::new().patient(), "9 Z Road"));
        let (first, last) = (all.create(&first).await, all.create(&last).await);
        let group = format!("Patient?_id={last},{id},{first}&_total=accurate");
        for (sort, expected) in [("address", [&first, &last, &id]), ("-address", [&last, &first, &id])] {
            let page = all.get(&format!("{group}&_sort={sort}")).await.expect(200);
            assert_eq!(page.ids().iter().collect::<Vec<_>>(), expected, "{sort}");
            assert_eq!(page.json()["total"], 3);
            let mut found = Vec::new();
            let mut next = Some(format!("{group}&_sort={sort}&_count=1"));
            while let Some(path) = next {
                let page = all.get(&path).await.expect(200);
                found.extend(page.ids());
                next = page.link("next");
            }
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{sort}");
        }
        // Nor where the person goes, from whichever end it is asked.
        let place = all.create(&json!({"resourceType": "Location", "name": format!("Refuge {}", person.family)})).await;
        let takes_part = |name: String| json!({"actor": {"reference": name}, "status": "accepted"});
        let appointment = json!({"resourceType": "Appointment", "status": "proposed",
            "participant": [takes_part(format!("Patient/{id}")), takes_part(format!("Location/{place}"))]});
        let appointment = all.create(&appointment).await;
        assert_eq!(all.find(&format!("Appointment?patient={id}")).await, [appointment.as_str()]);
        assert_eq!(all.find(&format!("Appointment?actor=Patient/{id}")).await, [appointment.as_str()]);
        for search in [
            format!("Appointment?actor=Location/{place}"),
            format!("Appointment?actor={place}"),
            format!("Appointment?patient={id}&actor:Location.name=Refuge"),
            format!("Appointment?patient={id}&_filter=actor eq Location/{place}"),
            format!("Location?_has:Appointment:actor:patient={id}"),
        ] {
            assert!(all.find(&search.replace(' ', "%20")).await.is_empty(), "{search}");
        }
        let beside = all.get(&format!("Location?_id={place}&_revinclude=Appointment:actor")).await.expect(200);
        assert_eq!(beside.ids(), [place.as_str()]);
        let created = all
            .post("Patient", &{
                let mut again = patient.clone();
                again["id"] = json!("x");
                again
            })
            .await
            .expect(201);
        assert!(!created.text().contains("Hidden Lane"), "the answer to a write is redacted too");
    });
}

#[test]
fn a_denial_holds_however_its_patient_is_named_or_is_refused() {
    on_each("consent_named", |app| async move {
        let all = app.system("system/*.cruds").await;
        let record = record(&all).await;
        let [system, _] = three_readers(&app, &record).await;
        let number = json!({"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"});
        for patient in [
            json!({"identifier": number}),
            json!({"reference": "Patient/not-here"}),
            json!({"reference": "https://elsewhere.example/fhir/Patient/1"}),
            json!({"reference": "urn:uuid:5f3e9a5c-9d0c-4b3c-8c7b-0d6a0f7c9a11"}),
        ] {
            let mut denial = consent(&record.patient, "TREAT");
            denial["patient"] = patient.clone();
            let said = all.post("Consent", &denial).await.refused(422);
            assert!(said.contains("named as Patient/[id]"), "{patient}: {said}");
        }
        sees_all(&system, &record).await;
        let own_url = format!("{}/Patient/{}", app.base_url, record.patient);
        let mut other = observation(&record.patient, &record.code, "2026-01-02");
        other["subject"] = json!({"reference": own_url});
        let other = all.create(&other).await;
        let found = system.find(&format!("Observation?patient={}&date=2026-01-02", record.patient)).await;
        assert_eq!(found, [other]);
        let mut denial = consent(&record.patient, "TREAT");
        denial["patient"] = json!({"reference": own_url});
        all.create(&denial).await;
        sees_nothing(&system, &record).await;
    });
}

#[test]
fn a_denial_hides_what_the_compartment_leaves_out() {
    on_each("consent_task", |app| async move {
        let all = app.system("system/*.cruds").await;
        let record = record(&all).await;
        let task = json!({"resourceType": "Task", "status": "requested", "intent": "order",
            "for": {"reference": format!("Patient/{}", record.patient)}});
        let task = all.create(&task).await;
        let own = app.launched("launch/patient patient/*.rs", &record.patient).await;
        own.get(&format!("Task/{task}")).await.expect(200);
        all.create(&consent(&record.patient, "TREAT")).await;
        for reader in [&all, &own] {
            reader.get(&format!("Task/{task}")).await.refused(404);
            assert!(reader.find(&format!("Task?_id={task}")).await.is_empty());
        }
    });
}

#[test]
fn a_labelled_relative_is_not_found_by_what_is_redacted() {
    on_each("label_relative", |app| async move {
        let all = app.system("system/*.cruds").await;
        let person = Person::new();
        let patient = all.create(&person.patient()).await;
        let phone = json!([{"system": "phone", "value": "01632960002"}]);
        let relative = json!({"resourceType": "RelatedPerson", "patient": {"reference": format!("Patient/{patient}")},
            "name": [{"family": person.family}], "telecom": phone, "address": [{"postalCode": "ZZ99 4ZZ"}]});
        let known = json!({"resourceType": "Person", "name": [{"family": person.family}], "telecom": phone});
        for (type_name, resource, searches) in [
            ("RelatedPerson", relative, ["phone=01632960002", "address-postalcode=ZZ99"]),
            ("Person", known, ["phone=01632960002", "telecom=01632960002"]),
        ] {
            let open = all.create(&resource).await;
            let hidden = all.create(&labelled(resource, "R")).await;
            for search in searches {
                for path in [
                    format!("{type_name}?{search}&_id={open},{hidden}"),
                    format!(
                        "{type_name}?name={}&_filter={}",
                        person.family,
                        search
                            .replacen("phone=", "phone eq ", 1)
                            .replacen("telecom=", "telecom eq ", 1)
                            .replacen('=', " sw ", 1)
                            .replace(' ', "%20")
                    ),
                ] {
                    let found = all.find(&path).await;
                    assert_eq!(found, [open.as_str()], "{path}");
                }
            }
            let mut both = all.find(&format!("{type_name}?name={}", person.family)).await;
            both.sort_unstable();
            let mut expected = [open.clone(), hidden.clone()];
            expected.sort_unstable();
            assert_eq!(both, expected, "by what is shown it is found");
        }
    });
}
