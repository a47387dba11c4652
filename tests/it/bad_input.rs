//! What cannot be taken is refused with an OperationOutcome that says what and where, and never what was typed.

use std::time::Duration;

use serde_json::json;
use tests::{Person, observation, on_each, on_each_own};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[test]
fn broken_json_is_refused_with_its_place() {
    on_each("bad_json", |app| async move {
        let api = app.system("system/*.cruds").await;
        let post = |body: &str| api.call("POST", "Patient").body("application/fhir+json", body.to_owned()).send();
        let answer = post("{\n  \"resourceType\": \"Patient\",\n  \"gender\" \"female\"}").await;
        let issue = answer.json()["issue"][0].clone();
        let told = issue["extension"].as_array().unwrap();
        let number = |name: &str| {
            told.iter()
                .find(|e| e["url"].as_str().unwrap().ends_with(name))
                .map(|e| e["valueInteger"].as_u64().unwrap())
        };
        assert_eq!((number("issue-line"), number("issue-col").is_some()), (Some(3), true), "{issue}");
        answer.refused(400);
        for body in [
            "",
            "[]",
            "null",
            "\"Patient\"",
            "{\"resourceType\":\"Patient\"",
            "{}",
            "\u{0}",
            "{\"resourceType\":\"Patient\",\"resourceType\":\"Patient\"}",
        ] {
            post(body).await.refused(400);
        }
        let deep =
            format!("{{\"resourceType\":\"Patient\",\"extension\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
        assert!(post(&deep).await.refused(422).contains("too-costly"));
        let (open, close) = ("<extension url=\"u\">".repeat(200), "</extension>".repeat(200));
        let deep = format!("<Patient xmlns=\"http://hl7.org/fhir\">{open}<valueCode value=\"x\"/>{close}</Patient>");
        let refused = api.call("POST", "Patient").body("application/fhir+xml", deep).send().await.refused(422);
        assert!(refused.contains("too-costly") && refused.contains("issue-line"), "{refused}");
        let bytes = b"{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"\xff\xfe\"}]}".to_vec();
        api.call("POST", "Patient").body("application/fhir+json", bytes).send().await.refused(400);
    });
}

#[test]
fn a_body_that_does_not_come_in_time_holds_no_connection() {
    on_each_own(
        "slow_body",
        |config| config.limits.body_timeout_ms = 200,
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let address = app.origin.trim_start_matches("http://");
            let authorization = format!("authorization: Bearer {}\r\n", api.token());
            let (fhir, form) = ("application/fhir+json", "application/x-www-form-urlencoded");
            let outcome = "\"resourceType\":\"OperationOutcome\"";
            for (path, media_type, authorization, status, said) in [
                ("/fhir/Patient", fhir, authorization.as_str(), 408, outcome),
                ("/fhir/Patient", fhir, "", 401, outcome),
                ("/auth/token", form, "", 408, "\"error\":\"invalid_request\""),
                ("/auth/login", form, "", 408, "Something went wrong"),
                ("/nowhere", fhir, "", 404, outcome),
            ] {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {media_type}\r\n");
                let begun = format!("{head}{authorization}content-length: 1000\r\n\r\n{{");
                stream.write_all(begun.as_bytes()).await.unwrap();
                let mut answer = String::new();
                let ended = timeout(Duration::from_secs(20), stream.read_to_string(&mut answer)).await;
                assert!(ended.is_ok(), "{path} is still open: {answer}");
                assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(said), "{answer}");
            }
        },
    );
}

#[test]
fn an_invalid_resource_is_refused_with_its_element() {
    on_each("invalid", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = |name: &str, value: serde_json::Value| {
            let mut patient = Person::new().patient();
            patient[name] = value;
            patient
        };
        for (resource, element) in [
            (patient("birthDate", json!("05/04/1980")), "Patient.birthDate"),
            (patient("gender", json!("unknown-code")), "Patient.gender"),
            (patient("nonsense", json!(1)), "Patient"),
            (patient("active", json!("yes")), "Patient.active"),
            (patient("name", json!({"family": "One"})), "Patient.name"),
            (patient("contact", json!([{}])), "Patient.contact"),
            (json!({"resourceType": "Observation", "code": {"text": "no status"}}), "Observation.status"),
            (json!({"resourceType": "Observation", "status": "final"}), "Observation.code"),
        ] {
            let type_name = resource["resourceType"].as_str().unwrap();
            let answer = api.post(type_name, &resource).await;
            let said = answer.refused(422);
            assert!(said.contains(element), "{element}: {said}");
            assert!(!said.contains("05/04/1980") && !said.contains("\"yes\""), "{said}");
        }
        // A reference that leads nowhere is the sender's business, a resource of another type than the path is not.
        api.post("Observation", &Person::new().patient()).await.refused(400);
    });
}

#[test]
fn a_refused_resource_is_not_stored() {
    on_each("refused", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let mut patient = person.patient();
        patient["gender"] = json!("unknown-code");
        api.post("Patient", &patient).await.refused(422);
        assert!(api.find(&format!("Patient?family={}", person.family)).await.is_empty());
        patient["gender"] = json!("female");
        let id = api.create(&patient).await;
        patient["id"] = json!(id);
        patient["gender"] = json!("unknown-code");
        api.put(&format!("Patient/{id}"), &patient).await.refused(422);
        let there = api.get(&format!("Patient/{id}")).await.expect(200);
        assert_eq!((there.header("etag"), there.json()["gender"].as_str()), (Some("W/\"1\""), Some("female")));
    });
}

#[test]
fn an_unknown_type_is_not_found() {
    on_each("unknown_type", |app| async move {
        let api = app.system("system/*.cruds").await;
        for path in [
            "Nothing",
            "Nothing/1",
            "Nothing/1/_history",
            "Nothing/1/_history/1",
            "Nothing/_history",
            "patient/1",
            "DomainResource",
        ] {
            api.get(path).await.refused(404);
        }
        api.post("Nothing", &json!({"resourceType": "Nothing"})).await.refused(404);
        api.put("Nothing/1", &json!({"resourceType": "Nothing", "id": "1"})).await.refused(404);
        api.delete("Nothing/1").await.refused(404);
        let person = Person::new();
        // What stands where a type should could be anything, a name for instance.
        let said = api.get(&format!("{}%20{}", person.family, person.nhs_number)).await.refused(404);
        assert!(!said.contains(&person.nhs_number), "{said}");
        api.get("a/b/c/d/e/f").await.refused(404);
        api.get(&format!("{}/elsewhere", app.origin)).await.refused(404);
    });
}

#[test]
fn a_body_of_another_type_than_json_or_xml_is_refused() {
    on_each("media_type", |app| async move {
        let api = app.system("system/*.cruds").await;
        let body = Person::new().patient().to_string();
        for media_type in [
            "text/plain",
            "application/fhir+turtle",
            "application/json-patch+json",
            "application/x-www-form-urlencoded",
            "nonsense",
        ] {
            api.call("POST", "Patient").body(media_type, body.clone()).send().await.refused(415);
        }
        for media_type in
            ["application/fhir+json", "application/json", "Application/FHIR+JSON; charset=UTF-8; fhirVersion=4.0"]
        {
            api.call("POST", "Patient").body(media_type, body.clone()).send().await.expect(201);
        }
    });
}

#[test]
fn a_method_that_is_not_offered_is_refused() {
    on_each("method", |app| async move {
        let api = app.system("system/*.cruds").await;
        for (method, path) in [
            ("POST", "Patient/1"),
            ("POST", "metadata"),
            ("DELETE", "_history"),
            ("PUT", "Patient/1/_history/1"),
            ("GET", "Patient/_search/1/2/3/4"),
        ] {
            let answer = api.call(method, path).send().await;
            let status = if method == "GET" { 404 } else { 405 };
            answer.refused(status);
        }
        for (method, path) in
            [("GET", "/auth/token"), ("GET", "/auth/consent"), ("PUT", "/auth/authorize"), ("GET", "/auth/revoke")]
        {
            app.anonymous().call(method, &format!("{}{path}", app.origin)).send().await.refused(405);
        }
    });
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    on_each_own(
        "too_large",
        |config| config.limits.body_bytes_max = 4096,
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let mut patient = Person::new().patient();
            api.create(&patient).await;
            patient["name"][0]["text"] = json!("x".repeat(5000));
            api.post("Patient", &patient).await.refused(413);
            api.put("Patient/large", &patient).await.refused(413);
            let form = "x".repeat(5000);
            api.call("POST", "Patient/_search").form(&[("family", form.as_str())]).send().await.refused(413);
        },
    );
}

#[test]
fn a_bundle_of_too_many_entries_is_refused() {
    on_each_own(
        "too_many",
        |config| config.limits.bundle_entries_max = 2,
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let entry = json!({"request": {"method": "GET", "url": "Patient"}});
            for kind in ["batch", "transaction"] {
                let bundle =
                    |count: usize| json!({"resourceType": "Bundle", "type": kind, "entry": vec![entry.clone(); count]});
                api.post("", &bundle(2)).await.expect(200);
                api.post("", &bundle(3)).await.refused(413);
            }
        },
    );
}

#[test]
fn a_search_that_is_not_understood_is_refused_without_its_values() {
    on_each("bad_search", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        api.create(&observation(&patient, "2345-7", "2026-01-01")).await;
        for (search, named) in [
            ("Patient?birthdate=Jonesvalue", "birthdate"),
            ("Patient?name:nonsense=Jonesvalue", "name"),
            ("Patient?nonsense=Jonesvalue", "nonsense"),
            ("Patient?birthdate=", "birthdate"),
            ("Observation?date=gt", "date"),
            ("Observation?value-quantity=Jonesvalue", "value-quantity"),
            ("Patient?_sort=nonsense", "nonsense"),
            ("Patient?_count=Jonesvalue", "_count"),
            ("Patient?_lastUpdated=Jonesvalue", "_lastUpdated"),
            ("Patient?_total=Jonesvalue", "_total"),
            ("Patient?_summary=Jonesvalue", "_summary"),
        ] {
            let said = api.get(search).await.refused(400);
            assert!(said.contains(named) && !said.contains("Jonesvalue"), "{search}: {said}");
        }
        for format in ["ttl", "text/turtle", "nonsense"] {
            api.get(&format!("Patient?_format={format}")).await.refused(406);
        }
    });
}

#[test]
fn a_search_for_more_than_one_may_ask_is_too_costly() {
    on_each("too_costly", |app| async move {
        let api = app.system("system/*.cruds").await;
        let chain = format!("Organization?{}name=x", "partof.".repeat(11));
        let searches = [
            format!("Patient?{}", vec!["name=a"; 101].join("&")),
            format!("Patient?_id={}", vec!["a"; 501].join(",")),
            format!("Patient?_sort={}", ["name"; 11].join(",")),
            format!("Patient?_filter={}name eq x{}", "(".repeat(11), ")".repeat(11)),
            "Patient?_revinclude=*".to_owned(),
            "Patient?_revinclude=*:*".to_owned(),
            chain.clone(),
        ];
        for search in &searches {
            let said = api.get(search).await.refused(403);
            assert!(said.contains("\"code\":\"too-costly\""), "{said}");
        }
        let long = "x".repeat(65 * 1024);
        let by_post = api.call("POST", "Patient/_search").form(&[("name", &long)]).send().await.refused(403);
        assert!(by_post.contains("\"http.name\"") && !by_post.contains("xxx"), "{by_post}");
        // What is wrong is told first.
        api.get("Patient?_revinclude=*&nonsense=1").await.refused(400);

        let entry = json!({"request": {"method": "GET", "url": chain}});
        let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]});
        let answer = api.post("", &batch).await.expect(200).json();
        assert!(answer["entry"][0]["response"]["status"].as_str().unwrap().starts_with("403"), "{answer}");
        let call = api.call("POST", "Organization").fhir(&json!({"resourceType": "Organization", "name": "One"}));
        call.header("if-none-exist", chain.split_once('?').unwrap().1).send().await.refused(403);
    });
}

#[test]
fn what_is_no_text_in_percent_encoding_is_refused_by_name() {
    on_each("percent", |app| async move {
        let api = app.system("system/*.cruds").await;
        for text in ["%FF", "Zoe%C3", "%zz", "50%"] {
            let form = api.call("POST", "Patient/_search");
            let form = form.body("application/x-www-form-urlencoded", format!("name={text}&_count=1"));
            let entry = json!({"request": {"method": "GET", "url": format!("Patient?name={text}")}});
            let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]});
            let create = api.call("POST", "Patient").fhir(&Person::new().patient());
            let create = create.header("if-none-exist", &format!("name={text}"));
            let by_url = api.raw("GET", &format!("Patient?name={text}&_count=1")).await;
            assert!(by_url.starts_with("HTTP/1.1 400 ") && by_url.contains("\"http.name\""), "{by_url}");
            for said in [form.send().await.refused(400), create.send().await.refused(400)] {
                assert!(said.contains("`name`") && !said.contains(text), "{said}");
            }
            let answer = api.post("", &batch).await.expect(200).json();
            assert!(answer["entry"][0]["response"]["status"].as_str().unwrap().starts_with("400"), "{answer}");
        }
        let patient = api.create(&Person::new().patient()).await;
        let mut half = observation(&patient, "2345-7", "2026-01-01");
        half.as_object_mut().unwrap().remove("valueQuantity");
        half["valueString"] = json!("Fell by 50% since");
        let id = api.create(&half).await;
        let found = api.find(&format!("Observation?patient={patient}&value-string:contains=50%25+SINCE")).await;
        assert_eq!(found, [id]);
        let said = api.get("Observation?value-string:contains=%25").await.refused(400);
        assert!(said.contains("letter or digit"), "{said}");
    });
}

#[test]
fn a_result_parameter_that_says_two_things_is_refused() {
    on_each("twice", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = api.create(&Person::new().patient()).await;
        for (path, name) in [
            ("Patient?_summary=true&_summary=false", "_summary"),
            ("Patient?_count=1&_count=2", "_count"),
            ("Patient?_total=none&_total=accurate", "_total"),
            ("Patient?_sort=name&_sort=birthdate", "_sort"),
            ("Patient?_pretty=true&_pretty=false", "_pretty"),
            ("Patient?_format=json&_format=application/json", "_format"),
            ("Patient/ID?_summary=data&_summary=text", "_summary"),
            ("Patient/ID?_format=json&_format=application/json", "_format"),
            ("Patient/_history?_since=2026&_since=2025", "_since"),
        ] {
            let said = api.get(&path.replace("ID", &id)).await.refused(400);
            assert!(said.contains(&format!("`{name}` is given twice")), "{path}: {said}");
        }
        // Elements add up.
        let part = api.get(&format!("Patient/{id}?_elements=name&_elements=gender")).await.expect(200).json();
        assert!(part["name"].is_array() && part["gender"].is_string() && part["birthDate"].is_null(), "{part}");
    });
}
