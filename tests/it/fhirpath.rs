//! `$fhirpath`: what the FHIRPath Lab asks of an engine.

use serde_json::{Value, json};
use tests::{Person, on_each};

const JSON_VALUE: &str = "http://fhir.forms-lab.com/StructureDefinition/json-value";
const XML_VALUE: &str = "http://fhir.forms-lab.com/StructureDefinition/xml-value";

fn text(name: &str, value: &str) -> Value {
    json!({"name": name, "valueString": value})
}

fn asked(parts: &[Value]) -> Value {
    json!({"resourceType": "Parameters", "parameter": parts})
}

fn patient() -> Value {
    json!({"resourceType": "Patient", "birthDate": "1974-12-25", "active": true,
        "name": [{"use": "official", "family": "Ash", "given": ["Ada", "Bea"]}, {"given": ["Cy"]}],
        "contact": [{"name": {"family": "Elm"}}],
        "_gender": {"extension": [{"url": "urn:why", "valueCode": "unknown"}]}})
}

fn with_patient(expression: &str, more: &[Value]) -> Value {
    let mut parts = vec![text("expression", expression), json!({"name": "resource", "resource": patient()})];
    parts.extend_from_slice(more);
    asked(&parts)
}

/// The `result` parameters of an answer.
fn results(answer: &Value) -> Vec<Value> {
    let all = answer["parameter"].as_array().unwrap();
    all.iter().filter(|one| one["name"] == "result").cloned().collect()
}

#[test]
fn results_are_parts_named_by_their_type() {
    on_each("fhirpath", |app| async move {
        let api = app.system("system/*.cruds").await;
        let ask = async |expression: &str, more: &[Value]| {
            api.post("$fhirpath", &with_patient(expression, more)).await.expect(200).json()
        };
        let answer = ask("name.given.first() | 1 | 1.5 | true", &[]).await;
        assert_eq!(answer["resourceType"], "Parameters");
        let about = &answer["parameter"][0];
        assert_eq!((&about["name"], &about["part"][0]["name"]), (&json!("parameters"), &json!("evaluator")));
        assert!(about["part"][0]["valueString"].as_str().unwrap().starts_with("Weir "));
        assert_eq!(about["part"][1], text("expression", "name.given.first() | 1 | 1.5 | true"));
        assert_eq!(about["part"][2]["resource"], patient());
        let expected = json!([{"name": "string", "valueString": "Ada"}, {"name": "integer", "valueInteger": 1},
            {"name": "decimal", "valueDecimal": 1.5}, {"name": "boolean", "valueBoolean": true}]);
        assert_eq!(results(&answer), [json!({"name": "result", "part": expected})]);

        for (expression, expected) in [
            ("name.suffix", json!(null)),
            ("birthDate", json!([{"name": "date", "valueDate": "1974-12-25"}])),
            ("name[1]", json!([{"name": "HumanName", "valueHumanName": {"given": ["Cy"]}}])),
            ("$this", json!([{"name": "Patient", "resource": patient()}])),
            ("''", json!([{"name": "empty-string"}])),
            ("4 days", json!([{"name": "Quantity", "valueQuantity": {"value": 4, "unit": "days"}}])),
            ("@T14:30:00", json!([{"name": "time", "valueTime": "14:30:00"}])),
            ("gender", json!([{"name": "code", "_valueCode": patient()["_gender"]}])),
            (
                "contact",
                json!([{"name": "Patient.contact",
                    "extension": [{"url": JSON_VALUE, "valueString": "{\"name\":{\"family\":\"Elm\"}}"}]}]),
            ),
            (
                "@2015-02-04T14:30",
                json!([{"name": "dateTime", "extension": [{"url": JSON_VALUE, "valueString": "\"2015-02-04T14:30\""}]}]),
            ),
            (
                "name.trace('fam', family).count()",
                json!([{"name": "integer", "valueInteger": 2},
                    {"name": "trace", "valueString": "fam", "part": [{"name": "string", "valueString": "Ash"}]}]),
            ),
            (
                "conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')",
                json!([{"name": "boolean", "valueBoolean": true}]),
            ),
        ] {
            let found = results(&ask(expression, &[]).await);
            assert_eq!(found.len(), 1, "{expression}");
            assert_eq!(found[0]["part"], expected, "{expression}");
        }
    });
}

#[test]
fn contexts_and_variables_are_taken() {
    on_each("fhirpath_context", |app| async move {
        let api = app.system("system/*.cruds").await;
        let ask = async |expression: &str, more: &[Value]| {
            results(&api.post("$fhirpath", &with_patient(expression, more)).await.expect(200).json())
        };
        let found = ask("given.join(' ')", &[text("context", "name")]).await;
        let expected = |index: usize, name: &str| json!({"name": "result", "valueString": format!("name[{index}]"), "part": [{"name": "string", "valueString": name}]});
        assert_eq!(found, [expected(0, "Ada Bea"), expected(1, "Cy")]);
        assert!(ask("given", &[text("context", "name.where(false)")]).await.is_empty());
        let variables = json!({"name": "variables", "part": [{"name": "a", "valueString": "x"}, {"name": "none"},
            {"name": "q", "valueQuantity": {"value": 1, "code": "g"}}, {"name": "r", "resource": {"resourceType": "Patient", "id": "r"}}]});
        let found = ask("(%a & %none & %r.id) | (%q = 1000 'mg') | %context.active", &[variables]).await;
        let values = json!([{"name": "string", "valueString": "xr"}, {"name": "boolean", "valueBoolean": true}]);
        assert_eq!(found[0]["part"], values);
        // A resource may come as a text.
        for (url, embedded) in [
            (JSON_VALUE, r#"{"resourceType":"Patient","id":"e"}"#),
            (XML_VALUE, r#"<Patient xmlns="http://hl7.org/fhir"><id value="e"/></Patient>"#),
        ] {
            let resource = json!({"name": "resource", "extension": [{"url": url, "valueString": embedded}]});
            let answer = api.post("$fhirpath", &asked(&[text("expression", "id"), resource])).await.expect(200).json();
            assert_eq!(results(&answer)[0]["part"][0]["valueId"], "e", "{url}");
        }
    });
}

#[test]
fn what_cannot_be_evaluated_is_refused_by_name() {
    on_each("fhirpath_refused", |app| async move {
        let api = app.system("system/*.cruds").await;
        let validate = |is_wanted: bool| json!({"name": "validate", "valueBoolean": is_wanted});
        for (expression, message) in [
            ("name.", "parameter `expression`: offset 5: expected a name"),
            ("name.given1", "parameter `expression`: offset 5: `given1` is not an element of HumanName"),
            ("name.single()", "parameter `expression`: offset 5: `single` takes a single item"),
            ("%nothing", "parameter `expression`: offset 0: variable `%nothing` is not defined"),
        ] {
            for more in [vec![], vec![validate(true)]] {
                let answer = api.post("$fhirpath", &with_patient(expression, &more)).await.refused(400);
                let answer: Value = serde_json::from_str(&answer).unwrap();
                assert_eq!(answer["issue"][0]["diagnostics"], message);
            }
        }
        api.post("$fhirpath", &with_patient("name.given1", &[validate(false)])).await.expect(200);
        // A few steps can name a large resource over and over.
        let large = json!({"resourceType": "Patient", "name": [{"text": "x".repeat(100_000)}]});
        let often =
            "'0123456789'.toChars().select('0123456789'.toChars().select('0123456789'.toChars().select(%resource)))";
        let parts = [text("expression", often), json!({"name": "resource", "resource": large})];
        assert!(api.post("$fhirpath", &asked(&parts)).await.refused(422).contains("too-costly"));
        let often = text("context", &often.replace("%resource", "'0123456789'.toChars()"));
        assert!(api.post("$fhirpath", &with_patient("1", &[often])).await.refused(422).contains("too-costly"));
        let wrong_context = with_patient("use", &[text("context", "nam")]);
        api.post("$fhirpath", &wrong_context).await.refused(400);
        api.post("$fhirpath", &asked(&[text("expression", "1")])).await.refused(400);
        api.post("$fhirpath", &asked(&[json!({"name": "resource", "resource": patient()})])).await.refused(400);
        api.post("$fhirpath", &with_patient("1", &[text("nonsense", "1")])).await.refused(400);
        api.post("$fhirpath", &patient()).await.refused(400);
        api.call("POST", "$fhirpath").send().await.refused(400);
        api.call("POST", "$fhirpath").body("text/plain", "x").send().await.refused(415);
        api.get("$fhirpath").await.refused(405);
        app.anonymous().post("$fhirpath", &with_patient("1", &[])).await.refused(401);
        app.analyst().await.post("$fhirpath", &with_patient("1", &[])).await.refused(403);
    });
}

#[test]
fn nothing_that_is_stored_is_read() {
    on_each("fhirpath_stored", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = api.create(&Person::new().patient()).await;
        let observation = json!({"resourceType": "Observation", "status": "final", "subject": {"reference": format!("Patient/{id}")}});
        let parts =
            [text("expression", "subject.resolve().birthDate"), json!({"name": "resource", "resource": observation})];
        let answer = api.post("$fhirpath", &asked(&parts)).await.expect(200).json();
        assert_eq!(results(&answer), [json!({"name": "result"})]);
    });
}
