//! The CapabilityStatement: what it lists works.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::on_each;

fn resources(statement: &Value) -> &Vec<Value> {
    statement["rest"][0]["resource"].as_array().unwrap()
}

#[test]
fn the_statement_needs_no_token_and_says_what_this_is() {
    on_each("capabilities", |app| async move {
        let statement = app.anonymous().get("metadata").await.expect(200).json();
        assert_eq!(
            (statement["resourceType"].as_str(), statement["fhirVersion"].as_str()),
            (Some("CapabilityStatement"), Some("4.0.1"))
        );
        assert_eq!(statement["implementation"]["url"].as_str(), Some(app.base_url.as_str()));
        let service = &statement["rest"][0]["security"]["service"][0]["coding"][0]["code"];
        assert_eq!(service, "SMART-on-FHIR");
        let xml = app.anonymous().get("metadata?_format=xml").await.expect(200);
        assert!(xml.text().contains("<CapabilityStatement "), "{}", xml.text());
        app.anonymous().get("metadata?_format=ttl").await.refused(406);
        for mode in ["full", "normative"] {
            let of_mode = app.anonymous().get(&format!("metadata?mode={mode}")).await.expect(200).json();
            assert_eq!(of_mode["rest"], statement["rest"]);
        }
        let codes = app.anonymous().get("metadata?mode=terminology").await.expect(200).json();
        assert_eq!(codes["resourceType"], "TerminologyCapabilities");
        let systems = codes["codeSystem"].as_array().unwrap();
        assert!(systems.iter().any(|system| system["uri"] == "http://hl7.org/fhir/administrative-gender"));
        let api = app.system("system/*.cruds").await;
        let issues = api.post("TerminologyCapabilities/$validate", &codes).await.expect(200).json();
        assert!(!issues.to_string().contains("\"error\""), "{issues}");
        app.anonymous().get("metadata?mode=odd").await.refused(400);
        assert_eq!(
            statement["patchFormat"],
            serde_json::json!(["application/fhir+json", "application/fhir+xml", "application/json-patch+json"])
        );
        app.anonymous().get("metadata?_format=json").await.expect(200);
        assert_eq!(resources(&statement).len(), 148 - 2, "every type that is a resource of its own");
    });
}

#[test]
fn every_type_and_search_parameter_that_is_listed_is_answered() {
    on_each("capabilities_search", |app| async move {
        let api = app.system("system/*.cruds").await;
        let statement = app.anonymous().get("metadata").await.expect(200).json();
        let mut asked = 0;
        for resource in resources(&statement) {
            let name = resource["type"].as_str().unwrap();
            api.get(&format!("{name}?_count=1")).await.expect(200);
            let mut search = String::new();
            for parameter in resource["searchParam"].as_array().unwrap() {
                let code = parameter["name"].as_str().unwrap();
                let value = match parameter["type"].as_str().unwrap() {
                    "date" => "2026-01-01",
                    "number" => "1",
                    "quantity" => "1.5||mg",
                    "reference" => "Patient/nobody",
                    "uri" => "http://example.org/nothing",
                    "special" => "51.5|-0.1|1|km",
                    "composite" if name == "MolecularSequence" => "nothing$1$2",
                    "composite" => "nothing$2026",
                    _ => "nothing",
                };
                // All of a type at once: a parameter that is not understood is named in the refusal.
                search.push_str(&format!("&{code}={}", value.replace('|', "%7C")));
                asked += 1;
            }
            api.get(&format!("{name}?_summary=count{search}")).await.expect(200);
        }
        assert!(asked > 1000, "{asked} parameters are listed");
    });
}

#[test]
fn every_interaction_that_is_listed_is_routed() {
    on_each("capabilities_interactions", |app| async move {
        let api = app.system("system/*.cruds").await;
        let statement = app.anonymous().get("metadata").await.expect(200).json();
        let routed = |code: &str| match code {
            "read" => ("GET", "Basic/none", 404),
            "vread" => ("GET", "Basic/none/_history/1", 404),
            "update" => ("PUT", "Basic/none", 400),
            "patch" => ("PATCH", "Basic/none", 415),
            "delete" => ("DELETE", "Basic/none", 204),
            "history-instance" => ("GET", "Basic/none/_history", 404),
            "history-type" => ("GET", "Basic/_history", 200),
            "create" => ("POST", "Basic", 400),
            "search-type" => ("GET", "Basic", 200),
            "search-system" => ("GET", "?_type=Basic", 200),
            "history-system" => ("GET", "_history", 200),
            "transaction" | "batch" => ("POST", "", 400),
            other => panic!("`{other}` is listed and this test knows no route of it"),
        };
        let types = resources(&statement).iter().flat_map(|resource| resource["interaction"].as_array().unwrap());
        let listed = types.chain(statement["rest"][0]["interaction"].as_array().unwrap());
        let listed: BTreeSet<&str> = listed.map(|interaction| interaction["code"].as_str().unwrap()).collect();
        for code in listed {
            let (method, path, status) = routed(code);
            assert_eq!(api.call(method, path).send().await.status, status, "{method} {path}");
        }
    });
}

#[test]
fn every_operation_that_is_listed_is_routed_and_defined() {
    on_each("capabilities_operations", |app| async move {
        let api = app.system("weir/feed.gp-connect").await;
        let statement = app.anonymous().get("metadata").await.expect(200).json();
        let mut names = BTreeSet::new();
        for resource in resources(&statement) {
            let type_name = resource["type"].as_str().unwrap();
            for operation in resource["operation"].as_array().unwrap() {
                let (name, definition) =
                    (operation["name"].as_str().unwrap(), operation["definition"].as_str().unwrap());
                assert!(definition.starts_with("http://hl7.org/fhir/") && definition.ends_with(name), "{definition}");
                names.insert(name.to_owned());
                if !["Patient", "Observation", "Composition", "ValueSet", "CodeSystem", "ConceptMap"]
                    .contains(&type_name)
                {
                    continue;
                }
                let at_type = api.post(&format!("{type_name}/${name}"), &serde_json::json!({})).await.status;
                let at_instance = api.post(&format!("{type_name}/x/${name}"), &serde_json::json!({})).await.status;
                let is_routed = |status: u16| matches!(status, 400 | 403);
                assert!(is_routed(at_type) || is_routed(at_instance), "{type_name} {name}: {at_type}, {at_instance}");
            }
        }
        let expected = [
            "document",
            "everything",
            "expand",
            "export",
            "lastn",
            "lookup",
            "match",
            "meta",
            "meta-add",
            "meta-delete",
            "purge",
            "subsumes",
            "translate",
            "validate",
            "validate-code",
        ];
        assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        let of_system: Vec<&str> = statement["rest"][0]["operation"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        assert_eq!(of_system, ["validate", "meta", "fhirpath", "reindex"]);
        api.get("Patient/$nonsense").await.refused(404);
    });
}

#[test]
fn every_include_that_is_listed_is_followed() {
    on_each("capabilities_includes", |app| async move {
        let api = app.system("system/*.cruds").await;
        let statement = app.anonymous().get("metadata").await.expect(200).json();
        let codes: Vec<&Value> = statement["rest"][0]["interaction"].as_array().unwrap().iter().collect();
        let distinct: BTreeSet<String> = codes.iter().map(|code| code.to_string()).collect();
        assert_eq!(codes.len(), distinct.len(), "{codes:?}");
        for resource in resources(&statement) {
            let name = resource["type"].as_str().unwrap();
            for (list, parameter) in [("searchInclude", "_include"), ("searchRevInclude", "_revinclude")] {
                let listed: Vec<&str> = resource[list].as_array().unwrap().iter().filter_map(Value::as_str).collect();
                // As many as one search takes.
                for some in listed.iter().filter(|one| **one != "*").collect::<Vec<_>>().chunks(60) {
                    let asked: String = some.iter().map(|one| format!("&{parameter}={one}")).collect();
                    api.get(&format!("{name}?_count=1{asked}")).await.expect(200);
                }
            }
        }
        let patient = resources(&statement).iter().find(|resource| resource["type"] == "Patient").unwrap();
        assert!(patient["searchRevInclude"].to_string().contains("Observation:subject"), "{patient}");
    });
}
