//! What is wrong with a header or a query parameter is named by `issue.expression` as `http.[name]`.
//! <https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.location>

use serde_json::{Value, json};
use tests::{Api, Person, on_each};

async fn expressions(api: &Api<'_>, method: &str, path: &str, header: (&str, &str), status: u16) -> Vec<[String; 2]> {
    let mut call = api.call(method, path);
    if method != "GET" {
        call = call.fhir(&json!({ "resourceType": "Patient", "id": "x" }));
    }
    if !header.0.is_empty() {
        call = call.header(header.0, header.1);
    }
    let outcome: Value = serde_json::from_str(&call.send().await.refused(status)).unwrap();
    let issues = outcome["issue"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    issues.iter().map(|issue| [text(&issue["expression"][0]), text(&issue["details"]["coding"][0]["code"])]).collect()
}

#[test]
fn a_refused_header_or_parameter_is_named() {
    on_each("http_expression", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        let none = ("", "");
        for (method, path, header, status, expression, code) in [
            ("PUT", "Patient/x", ("if-match", "new"), 400, "http.If-Match", "header-invalid"),
            ("GET", "Patient", ("prefer", "handling=lax"), 400, "http.Prefer", "header-invalid"),
            ("GET", "Patient", ("accept", "text/csv"), 406, "http.Accept", "header-not-supported"),
            ("GET", "Patient?_format=csv", none, 406, "http._format", "parameter-not-supported"),
            ("GET", "Patient?_pretty=yes", none, 400, "http._pretty", "parameter-invalid"),
            ("GET", "Patient?_summary=most", none, 400, "http._summary", "search-value-invalid"),
            ("GET", "Patient?brithdate=1980", none, 400, "http.brithdate", "search-parameter-unknown"),
            ("GET", "Patient?birthdate=x", none, 400, "http.birthdate", "search-value-invalid"),
            (
                "GET",
                "Patient?general-practitioner.nme=x",
                none,
                400,
                "http.general-practitioner.nme",
                "search-not-supported",
            ),
            ("GET", "Patient/x?_summary=most", none, 400, "http._summary", "parameter-invalid"),
            ("GET", "Patient/x?name=y", none, 400, "http.name", "parameter-not-supported"),
            ("GET", "Patient/_history?_since=x", none, 400, "http._since", "parameter-invalid"),
            ("GET", "Patient/_history?_at=x", none, 400, "http._at", "parameter-invalid"),
            ("GET", "Patient/x/$everything?start=x", none, 400, "http.start", "parameter-invalid"),
            ("GET", "Patient/x/$everything?strat=x", none, 400, "http.strat", "parameter-not-supported"),
            ("GET", "Patient/x/$everything?_type=Starship", none, 400, "http._type", "parameter-invalid"),
            (
                "POST",
                "Patient",
                ("if-none-exist", "brithdate=1"),
                400,
                "http.If-None-Exist",
                "search-parameter-unknown",
            ),
            ("PUT", "Patient?brithdate=1", none, 400, "http.brithdate", "search-parameter-unknown"),
            ("GET", "Patient?_page=x", none, 400, "http._page", "parameter-invalid"),
        ] {
            let path = &if method == "GET" { path.replace("/x", &format!("/{patient}")) } else { path.to_owned() };
            let found = expressions(&api, method, path, header, status).await;
            assert_eq!(found, [[expression, code]], "{method} {path} {header:?}");
        }
        let two = expressions(&api, "GET", "Patient?birthdate=x&gendre=male", none, 400).await;
        assert_eq!(
            two.iter().map(|[expression, _]| expression.as_str()).collect::<Vec<_>>(),
            ["http.birthdate", "http.gendre"]
        );
        // What does not look like a name may be somebody's value.
        let create = api.call("POST", "Patient").fhir(&Person::new().patient());
        let twice =
            create.header("if-none-exist", "family=a").header("if-none-exist", "family=b").send().await.refused(400);
        assert!(twice.contains("\"http.If-None-Exist\""), "{twice}");
        // A letter of another encoding, left out, would ask for somebody else.
        let create = api.call("POST", "Patient").fhir(&Person::new().patient());
        create.header_bytes("if-none-exist", b"family=Zoq\xeb").send().await.refused(400);
        let odd = expressions(&api, "GET", "Patient?John%20Smith=1", none, 400).await;
        assert_eq!(odd[0][0], "");
        let lenient = api.call("GET", "Patient?gendre=male&_count=1").header("prefer", "handling=lenient").send().await;
        assert!(lenient.expect(200).text().contains("http.gendre"), "what is left out is named too");
    });
}

#[test]
fn a_type_of_body_that_is_not_taken_is_named() {
    on_each("http_content_type", |app| async move {
        let api = app.system("system/*.cruds").await;
        for path in ["Patient", "Patient/_search"] {
            let text = api.call("POST", path).body("text/plain", "x").send().await.refused(415);
            assert!(text.contains("\"http.Content-Type\""), "{text}");
        }
        let packed = api.call("POST", "Patient").body("application/fhir+json", "x").header("content-encoding", "br");
        let text = packed.send().await.refused(415);
        assert!(text.contains("\"http.Content-Encoding\""), "{text}");
    });
}

#[test]
fn in_a_bundle_the_entry_is_named() {
    on_each("http_in_bundle", |app| async move {
        let api = app.system("system/*.cruds").await;
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
            { "resource": { "resourceType": "Patient" }, "request": { "method": "POST", "url": "Patient", "ifNoneExist": "brithdate=1" } },
        ] });
        let text = api.post("", &bundle).await.refused(400);
        assert!(text.contains("\"Bundle.entry[0].request\"") && !text.contains("http."), "{text}");
    });
}
