//! Stored ValueSets and CodeSystems in validation: they tell what is not defined here, and change nothing that is.

use std::sync::Arc;

use profiles::Validator;
use serde_json::{Value, json};
use tests::{Api, Person, TestApp, label, on_each_own, unique};

const PROFILE: &str = "http://weir.example/StructureDefinition/ColourBasic";
const COLOURS: &str = "http://weir.example/ValueSet/colours";
const SYSTEM: &str = "http://weir.example/CodeSystem/colours";

/// Lets a Basic be held against a profile whose code must be of a value set that is defined nowhere.
fn define(app: &TestApp) {
    let own = json!({"resourceType": "StructureDefinition", "url": PROFILE, "name": "ColourBasic", "status": "active",
        "kind": "resource", "abstract": false, "type": "Basic", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Basic",
        "differential": {"element": [{"id": "Basic", "path": "Basic"}, {"id": "Basic.code", "path": "Basic.code",
            "binding": {"strength": "required", "valueSet": COLOURS}}]}});
    let definitions = app.house.validators.get().definitions().with_overlay(vec![own]).unwrap();
    app.house.validators.set(Arc::new(Validator::new(Arc::new(definitions))));
}

fn basic(code: &str) -> Value {
    json!({"resourceType": "Basic", "meta": {"profile": [PROFILE]}, "code": {"coding": [{"system": SYSTEM, "code": code}]}})
}

fn value_set(url: &str, status: &str, system: &str) -> Value {
    json!({"resourceType": "ValueSet", "url": url, "status": status, "compose": {"include": [{"system": system}]}})
}

fn code_system(url: &str, codes: &[&str]) -> Value {
    let concepts: Vec<Value> = codes.iter().map(|code| json!({"code": code, "display": code.to_uppercase()})).collect();
    json!({"resourceType": "CodeSystem", "url": url, "status": "active", "content": "complete", "caseSensitive": true,
        "concept": concepts})
}

async fn status(api: &Api<'_>, code: &str) -> u16 {
    api.post("Basic", &basic(code)).await.status
}

#[test]
fn a_stored_value_set_binds_from_its_write_on() {
    on_each_own(
        "stored_definitions",
        |_| {},
        |app| async move {
            define(&app);
            let api = app.system("system/*.cruds").await;
            assert_eq!(status(&api, "mauve").await, 201, "nothing is known of the value set");
            let draft = api.create(&value_set(COLOURS, "draft", SYSTEM)).await;
            api.create(&code_system(SYSTEM, &["red", "green"])).await;
            assert_eq!(status(&api, "mauve").await, 201, "a draft is not in use");
            api.delete(&format!("ValueSet/{draft}")).await.expect(204);
            let mut hidden = value_set(COLOURS, "active", SYSTEM);
            hidden["meta"] = json!({"security": [label("V")]});
            let hidden = api.create(&hidden).await;
            assert_eq!(status(&api, "mauve").await, 201, "what is hidden from clients binds none of them");
            let mut set = value_set(COLOURS, "active", SYSTEM);
            let id = api.create(&set).await;
            assert_eq!((status(&api, "mauve").await, status(&api, "red").await), (422, 201));
            // For a client that may not read definitions too: a resource is as valid for one as for another.
            let narrow = app.system("system/Basic.c").await;
            assert_eq!((status(&narrow, "mauve").await, status(&narrow, "red").await), (422, 201));
            let told = api.post("Basic/$validate", &basic("mauve")).await.expect(200).json();
            assert!(told.to_string().contains(COLOURS), "{told}");
            set["id"] = json!(id);
            set["compose"] = json!({"include": [{"system": SYSTEM, "concept": [{"code": "green"}]}]});
            api.put(&format!("ValueSet/{id}"), &set).await.expect(200);
            assert_eq!((status(&api, "green").await, status(&api, "red").await), (201, 422));
            api.delete(&format!("ValueSet/{id}")).await.expect(204);
            api.delete(&format!("ValueSet/{hidden}")).await;
            assert_eq!(status(&api, "red").await, 201);
        },
    );
}

#[test]
fn what_is_defined_here_stands_whatever_is_stored() {
    on_each_own(
        "stored_definitions_standard",
        |_| {},
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let gender = "http://hl7.org/fhir/administrative-gender";
            api.create(&code_system(gender, &["blue"])).await;
            api.create(&value_set("http://hl7.org/fhir/ValueSet/administrative-gender", "active", gender)).await;
            let mut patient = Person::new().patient();
            api.create(&patient).await;
            patient["gender"] = json!("blue");
            api.post("Patient", &patient).await.refused(422);
        },
    );
}

#[test]
fn configuration_can_leave_stored_definitions_out() {
    let configure = |config: &mut app::config::Config| config.validation.stored_definitions = false;
    on_each_own("stored_definitions_off", configure, |app| async move {
        define(&app);
        let api = app.system("system/*.cruds").await;
        api.create(&code_system(SYSTEM, &["red"])).await;
        api.create(&value_set(COLOURS, "active", SYSTEM)).await;
        assert_eq!(status(&api, "mauve").await, 201);
    });
}

#[test]
fn codes_of_a_stored_system_have_its_words() {
    on_each_own(
        "stored_definitions_words",
        |_| {},
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let system = format!("http://weir.example/{}", unique("system"));
            api.create(&code_system(&system, &["red"])).await;
            for (code, display, wanted) in
                [("red", "RED", None), ("red", "blue", Some("display")), ("x", "x", Some("not one of"))]
            {
                let coding = json!({"system": system, "code": code, "display": display});
                let basic = json!({"resourceType": "Basic", "code": {"coding": [coding]}});
                let told = api.post("Basic/$validate", &basic).await.expect(200).json();
                let warnings: Vec<&Value> =
                    told["issue"].as_array().unwrap().iter().filter(|one| one["severity"] == "warning").collect();
                let is_told = warnings.iter().any(|one| wanted.is_some_and(|text| one.to_string().contains(text)));
                assert_eq!(is_told, wanted.is_some(), "{told}");
                assert!(wanted.is_some() || !told.to_string().contains(&system), "{told}");
            }
        },
    );
}
