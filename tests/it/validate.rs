//! `$validate`: what is wrong, and whether the interaction it is meant for would be taken.

use std::sync::Arc;

use profiles::Validator;
use serde_json::{Value, json};
use tests::{Answer, Person, label, observation, on_each, on_each_own};

fn issues(answer: &Answer) -> Vec<(String, String)> {
    let outcome = answer.json();
    assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome}");
    let text = |issue: &Value, name: &str| issue[name].as_str().unwrap().to_owned();
    outcome["issue"].as_array().unwrap().iter().map(|one| (text(one, "severity"), text(one, "code"))).collect()
}

fn is_valid(answer: &Answer) -> bool {
    issues(answer).iter().all(|(severity, _)| !matches!(severity.as_str(), "error" | "fatal"))
}

#[test]
fn a_resource_is_held_against_base_and_profile_and_the_answer_is_200() {
    on_each("validate", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = Person::new().patient();
        let mut wrong = patient.clone();
        wrong["gender"] = json!("none of these");
        let posted = |resource: &Value| json!({"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": resource}]});
        for path in ["$validate", "Patient/$validate", "Patient/x/$validate"] {
            for (body, expected) in
                [(&patient, true), (&wrong, false), (&posted(&patient), true), (&posted(&wrong), false)]
            {
                let answer = api.post(path, body).await.expect(200);
                assert_eq!(is_valid(&answer), expected, "{path}: {}", answer.text());
            }
        }
        let known = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient";
        let base = "http://hl7.org/fhir/StructureDefinition/Patient";
        for profile in [known, base] {
            assert!(is_valid(&api.post(&format!("Patient/$validate?profile={profile}"), &patient).await.expect(200)));
        }
        // Nothing is stored, whatever the mode.
        assert!(is_valid(&api.post("Patient/$validate?mode=create", &patient).await.expect(200)));
        let number = patient["identifier"][0]["value"].as_str().unwrap();
        assert!(api.find(&format!("Patient?identifier={number}")).await.is_empty());
    });
}

#[test]
fn what_cannot_be_validated_is_refused() {
    on_each("validate_refused", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = Person::new().patient();
        api.call("POST", "Patient/$validate").send().await.refused(400);
        api.get("Patient/x/$validate").await.refused(400);
        api.post("Observation/$validate", &patient).await.refused(400);
        api.post("Patient/$validate?mode=profile", &patient).await.refused(400);
        api.post("Patient/x/$validate?mode=profile", &patient).await.refused(400);
        api.get("Patient/x/$validate?mode=profile").await.refused(400);
        api.post("Patient/$validate?mode=update", &patient).await.refused(400);
        api.post("Patient/$validate?mode=create&mode=update", &patient).await.refused(400);
        api.post("Patient/$validate?profile=http://example.org/none", &patient).await.refused(400);
        api.post("Patient/$validate?strict=yes", &patient).await.refused(400);
        api.post("NoType/$validate", &patient).await.refused(404);
        api.call("POST", "Patient/$validate").body("text/plain", "x").send().await.refused(415);
        app.analyst().await.post("Patient/$validate", &patient).await.refused(403);
    });
}

#[test]
fn a_stored_resource_is_held_against_a_profile() {
    on_each("validate_stored", |app| async move {
        let all = app.system("system/*.cruds").await;
        let id = all.create(&Person::new().patient()).await;
        let ask = |id: &str, profile: &str| format!("Patient/{id}/$validate?mode=profile&profile={profile}");
        let own = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient";
        assert!(is_valid(&all.get(&ask(&id, own)).await.expect(200)));
        assert!(!is_valid(&all.get(&ask(&id, "http://hl7.org/fhir/StructureDefinition/bmi")).await.expect(200)));
        all.get(&ask("never-there", own)).await.refused(404);
        let writer = app.system("system/Patient.c").await;
        writer.get(&ask(&id, own)).await.refused(403);
    });
}

#[test]
fn a_mode_says_what_the_interaction_would_meet() {
    on_each("validate_mode", |app| async move {
        let all = app.system("system/*.cruds").await;
        let reader = app.system("system/*.rs").await;
        let mut patient = Person::new().patient();
        let id = all.create(&patient).await;
        let (update, delete) =
            (format!("Patient/{id}/$validate?mode=update"), format!("Patient/{id}/$validate?mode=delete"));
        assert!(!is_valid(&all.post(&update, &patient).await.expect(200)), "the id is missing");
        patient["id"] = json!(id);
        assert!(is_valid(&all.post(&update, &patient).await.expect(200)));
        let old = all.call("POST", &update).header("if-match", "W/\"7\"").fhir(&patient).send().await.expect(200);
        assert_eq!(issues(&old).last().unwrap().1, "conflict");
        patient["meta"] = json!({"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]});
        assert!(!is_valid(&all.post(&update, &patient).await.expect(200)));
        assert!(is_valid(&all.get(&delete).await.expect(200)));

        patient.as_object_mut().unwrap().remove("meta");
        for answer in [reader.post(&update, &patient).await, reader.get(&delete).await] {
            assert_eq!(issues(&answer.expect(200)).last().unwrap().1, "forbidden");
        }
        let create = reader.post("Patient/$validate?mode=create", &patient).await.expect(200);
        assert_eq!(issues(&create).last().unwrap().1, "forbidden");
        // A hidden resource is as one that is not there.
        let mut hidden = observation(&id, "1-1", "2026-01-01");
        hidden["meta"] = json!({"security": [label("V")]});
        let hidden = all.create(&hidden).await;
        let ask = async |id: &str| all.get(&format!("Observation/{id}/$validate?mode=delete")).await.expect(200).json();
        assert_eq!(ask(&hidden).await, ask("never-there").await);
        // It was asked, not done.
        all.get(&format!("Patient/{id}")).await.expect(200);
    });
}

#[test]
fn what_is_wrong_is_told_by_its_line_in_what_was_sent() {
    on_each("validate_lines", |app| async move {
        let api = app.system("system/*.cruds").await;
        let json = "{\"resourceType\":\"Parameters\",\n\"parameter\":[{\"name\":\"resource\",\"resource\":\n  {\"resourceType\":\"Patient\",\n  \"gender\":\"nonsense\"}}]}";
        let patient = "<Patient xmlns='http://hl7.org/fhir'>\n\n\n<gender value='nonsense'/></Patient>";
        let within = "<Parameters xmlns='http://hl7.org/fhir'><parameter><name value='resource'/>\n<resource><Patient>\n\n<gender value='nonsense'/></Patient></resource></parameter></Parameters>";
        for (media_type, body) in
            [("application/fhir+json", json), ("application/fhir+xml", patient), ("application/fhir+xml", within)]
        {
            let answer = api.call("POST", "$validate").body(media_type, body.to_owned()).send().await.expect(200);
            let outcome = answer.json();
            let issues = outcome["issue"].as_array().unwrap();
            let wrong = issues.iter().find(|one| one["severity"] == "error").expect("an error");
            assert_eq!(wrong["expression"][0], "Patient.gender", "{outcome}");
            assert_eq!(wrong["extension"][0]["valueInteger"], 4, "{body}: {outcome}");
        }
    });
}

#[test]
fn the_time_of_the_server_is_that_of_its_rules() {
    on_each_own(
        "validate_clock",
        |_| {},
        |app| async move {
            let profile = "http://weir.example/StructureDefinition/Born";
            let rule = json!({"key": "born-1", "severity": "error", "human": "Nobody is born tomorrow",
                "expression": "birthDate.empty() or birthDate <= today()"});
            let born = json!({"resourceType": "StructureDefinition", "url": profile, "name": "Born", "status": "active", "kind": "resource",
                "abstract": false, "type": "Patient", "derivation": "constraint",
                "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
                "differential": {"element": [{"id": "Patient", "path": "Patient", "constraint": [rule]}]}});
            let definitions = app.house.validators.get().definitions().with_overlay(vec![born]).unwrap();
            app.house.validators.set(Arc::new(Validator::new(Arc::new(definitions))));
            let api = app.system("system/*.cruds").await;
            let patient = |born: &str| {
                let mut patient = Person::new().patient();
                patient["meta"] = json!({"profile": [profile]});
                patient["birthDate"] = json!(born);
                patient
            };
            api.post("Patient", &patient("1950-01-01")).await.expect(201);
            let refused = api.post("Patient", &patient("2999-01-01")).await.expect(422).json();
            assert!(refused.to_string().contains("born-1"), "{refused}");
            assert!(is_valid(&api.post("Patient/$validate", &patient("1950-01-01")).await.expect(200)));
            assert!(!is_valid(&api.post("Patient/$validate", &patient("2999-01-01")).await.expect(200)));
        },
    );
}
