//! `$purge`: of an erased patient nothing is left but that it was erased; of anybody else everything.

use serde_json::{Value, json};
use store::audit::AuditOutcome;
use tests::{Api, Person, TestApp, consent, label, observation, on_each, on_each_own, unique};

async fn purge(app: &TestApp, patient: &str) -> String {
    let administrator = app.administrator().await;
    administrator.call("POST", &format!("Patient/{patient}/$purge")).send().await.expect(200).text()
}

fn admission(person: &Person, control_id: &str) -> String {
    [
        format!("MSH|^~\\&|PAS|RX9|WEIR|X99|20260301120000||ADT^A01^ADT_A01|{control_id}|P|2.4"),
        "EVN|A01|20260301120000".to_owned(),
        format!(
            "PID|1||{}^^^NHS^NH~L{control_id}^^^RX9^MR||{}^{}||19800405|F",
            person.nhs_number, person.family, person.given
        ),
        format!("PV1|1|I|WARD1^^^RX9||||||||||||||||V{control_id}^^^RX9|||||||||||||||||||||||||20260301120000"),
    ]
    .join("\r")
}

/// A person known to a feed and to the API, with versions, a deletion, a consent and a message.
async fn known(app: &TestApp, api: &Api<'_>) -> (Person, String, Vec<String>) {
    let person = Person::new();
    let sender = app.system("weir/feed.acute-hl7v2").await;
    let message = admission(&person, &unique("m"));
    sender.call("POST", "$feed/acute-hl7v2").body("x-application/hl7-v2+er7", message).send().await.expect(200);
    let patient = api.find(&format!("Patient?identifier={}", person.nhs_number)).await.remove(0);
    let mut resource = observation(&patient, "1-1", "2026-01-01");
    resource["note"] = json!([{"text": format!("{} was seen", person.family)}]);
    let kept = api.create(&resource).await;
    resource["id"] = json!(kept);
    resource["note"][0]["text"] = json!(format!("{} was seen again", person.family));
    api.put(&format!("Observation/{kept}"), &resource).await.expect(200);
    let deleted = api.create(&resource).await;
    api.delete(&format!("Observation/{deleted}")).await.expect(204);
    let denial = api.create(&consent(&patient, "HRESCH")).await;
    let told = json!({"resourceType": "Provenance", "recorded": "2026-01-01T00:00:00Z",
        "target": [{"reference": format!("Observation/{kept}")}], "agent": [{"who": {"display": person.family}}]});
    let provenance = api.create(&told).await;
    (person, patient, vec![kept, deleted, denial, provenance])
}

#[test]
fn nothing_is_left_of_an_erased_patient_and_everything_of_the_others() {
    on_each_own(
        "purge",
        |_| (),
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let (person, patient, ids) = known(&app, &api).await;
            let (other, other_patient, _) = known(&app, &api).await;
            let untouched = api.get(&format!("Patient/{other_patient}/$everything")).await.expect(200).names();
            let store = &app.house.store;
            let messages = store.messages_of_resource("Patient", &patient).await.unwrap();
            assert_eq!(messages.len(), 1);
            // Bodies are compressed; what was worked out of them is not.
            for text in [&person.family.to_lowercase(), &person.nhs_number, &patient, &ids[0], &ids[1]] {
                assert!(!app.tables_holding(text).await.is_empty(), "{text}");
            }

            let told = purge(&app, &patient).await;
            assert!(!told.contains(&person.family) && !told.contains("incomplete"), "{told}");
            for text in [&person.family, &person.family.to_lowercase(), &person.nhs_number] {
                assert_eq!(app.tables_holding(text).await, Vec::<String>::new(), "{text}");
            }
            for id in ids.iter().chain([&patient]) {
                let tables = app.tables_holding(id).await;
                assert!(tables.iter().all(|table| table == "target"), "{id}: {tables:?}");
            }
            assert!(store.message(messages[0]).await.unwrap().is_none());
            for path in
                [format!("Patient/{patient}"), format!("Observation/{}", ids[0]), format!("Observation/{}", ids[1])]
            {
                api.get(&path).await.refused(404);
                api.get(&format!("{path}/_history")).await.refused(404);
            }
            assert!(api.find(&format!("Patient?identifier={}", person.nhs_number)).await.is_empty());

            assert_eq!(api.get(&format!("Patient/{other_patient}/$everything")).await.expect(200).names(), untouched);
            assert!(!app.tables_holding(&other.family.to_lowercase()).await.is_empty());
            let grant = policy::Grant::for_system(policy::Task::Check, &app.house.token);
            assert_eq!(store.check(&grant).await.unwrap().problems, Vec::<String>::new());
            app.administrator().await.call("POST", &format!("Patient/{patient}/$purge")).send().await.refused(404);
            // The id may come back as somebody new.
            let mut again = other_person();
            again["id"] = json!(patient);
            api.put(&format!("Patient/{patient}"), &again).await.expect(201);
            assert_eq!(api.get(&format!("Patient/{patient}/$everything")).await.expect(200).names().len(), 1);
            assert_eq!(store.check(&grant).await.unwrap().problems, Vec::<String>::new());
        },
    );
}

fn other_person() -> Value {
    Person::new().patient()
}

#[test]
fn what_is_about_somebody_else_too_stays_and_is_named() {
    on_each("purge_shared", |app| async move {
        let api = app.system("system/*.cruds").await;
        let [patient, other] = [api.create(&other_person()).await, api.create(&other_person()).await];
        let member = |id: &str| json!({"entity": {"reference": format!("Patient/{id}")}});
        let group = json!({"resourceType": "Group", "type": "person", "actual": true, "member": [member(&patient), member(&other)]});
        let group = api.create(&group).await;
        let own = api.create(&observation(&patient, "1-1", "2026-01-01")).await;
        // Of somebody else before it was put right.
        let mut moved = observation(&other, "1-1", "2026-01-01");
        let id = api.create(&moved).await;
        moved["id"] = json!(id);
        moved["subject"]["reference"] = json!(format!("Patient/{patient}"));
        api.put(&format!("Observation/{id}"), &moved).await.expect(200);
        // A denial of the erased patient still hides what stays of her.
        api.create(&consent(&patient, "TREAT")).await;
        api.get(&format!("Group/{group}")).await.refused(404);

        let told = purge(&app, &patient).await;
        assert!(told.contains(&format!("Group/{group}")) && told.contains(&format!("Observation/{id}")), "{told}");
        assert!(!told.contains(&own), "{told}");
        api.get(&format!("Group/{group}")).await.refused(404);
        api.get(&format!("Patient/{other}")).await.expect(200);
        api.get(&format!("Observation/{own}")).await.refused(404);
    });
}

#[test]
fn another_record_of_the_person_stays_and_is_named() {
    on_each("purge_person", |app| async move {
        let api = app.system("system/*.cruds").await;
        let [one, two] = [api.create(&other_person()).await, api.create(&other_person()).await];
        let result = api.create(&observation(&two, "1-1", "2026-01-01")).await;
        let store = &app.house.store;
        let person = async |id: &str| store.person_of_patient(id).await.unwrap().unwrap();
        store.merge_persons(person(&two).await, person(&one).await, "test").await.unwrap();
        assert!(purge(&app, &one).await.contains(&two));
        assert_eq!(api.get(&format!("Patient/{two}/$everything")).await.expect(200).names().len(), 2);
        api.get(&format!("Observation/{result}")).await.expect(200);
        assert!(!purge(&app, &two).await.contains("incomplete"));
    });
}

#[test]
fn a_denial_in_an_erased_record_still_holds_for_the_person() {
    on_each("purge_denial", |app| async move {
        let api = app.system("system/*.cruds").await;
        let [one, two] = [api.create(&other_person()).await, api.create(&other_person()).await];
        let store = &app.house.store;
        let person = async |id: &str| store.person_of_patient(id).await.unwrap().unwrap();
        store.merge_persons(person(&two).await, person(&one).await, "test").await.unwrap();
        api.create(&consent(&one, "TREAT")).await;
        api.get(&format!("Patient/{two}")).await.refused(404);
        purge(&app, &one).await;
        api.get(&format!("Patient/{two}")).await.refused(404);
        assert_eq!(store.restrictions_of_person(person(&two).await).await.unwrap(), []);
        // With the last record goes what hid it: the id may come back as somebody new.
        assert!(!purge(&app, &two).await.contains("incomplete"));
        let mut again = other_person();
        again["id"] = json!(two);
        api.put(&format!("Patient/{two}"), &again).await.expect(201);
        api.get(&format!("Patient/{two}")).await.expect(200);
    });
}

#[test]
fn hidden_and_deleted_patients_can_be_erased() {
    on_each("purge_hidden", |app| async move {
        let api = app.system("system/*.cruds").await;
        let mut hidden = other_person();
        hidden["meta"] = json!({"security": [label("V")]});
        let hidden = api.create(&hidden).await;
        let deleted = api.create(&other_person()).await;
        api.delete(&format!("Patient/{deleted}")).await.expect(204);
        for id in [hidden, deleted] {
            purge(&app, &id).await;
            api.get(&format!("Patient/{id}/_history")).await.refused(404);
        }
    });
}

#[test]
fn only_an_administrator_erases() {
    on_each("purge_refused", |app| async move {
        let all = app.system("system/*.cruds weir/feed.*").await;
        let patient = all.create(&other_person()).await;
        let path = format!("Patient/{patient}/$purge");
        let launched = app.launched("launch/patient patient/*.cruds user/*.cruds", &patient).await;
        for api in [&all, &launched, &app.analyst().await] {
            let request = unique("request");
            let answer = api.call("POST", &path).header("x-request-id", &request).send().await;
            answer.refused(403);
            let records = app.audited(&request).await;
            assert_eq!((records.len(), records[0].record.outcome), (1, AuditOutcome::Denied));
        }
        app.anonymous().call("POST", &path).send().await.refused(401);
        let administrator = app.administrator().await;
        for method in ["GET", "DELETE"] {
            administrator.call(method, &path).send().await.refused(405);
        }
        administrator.call("POST", &format!("{path}?everything=true")).send().await.refused(400);
        administrator.call("POST", "Patient/never-there/$purge").send().await.refused(404);
        all.get(&format!("Patient/{patient}")).await.expect(200);
    });
}

#[test]
fn the_log_says_it_before_and_after_and_holds_nothing_clinical() {
    on_each("purge_audit", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let patient = api.create(&person.patient()).await;
        let request = unique("request");
        let administrator = app.administrator().await;
        let call = administrator.call("POST", &format!("Patient/{patient}/$purge")).header("x-request-id", &request);
        call.send().await.expect(200);
        let records = app.audited(&request).await;
        let stages: Vec<_> = records.iter().map(|one| one.record.detail.as_ref().unwrap().to_string()).collect();
        assert!(stages.len() == 2 && stages[0].contains("before"), "{stages:?}");
        for entry in &records {
            let text = serde_json::to_string(&entry.record).unwrap();
            assert!(
                text.contains(&patient) && !text.contains(&person.family) && !text.contains(&person.nhs_number),
                "{text}"
            );
        }
    });
}

#[test]
fn nothing_is_erased_when_it_cannot_be_logged() {
    on_each_own(
        "purge_unlogged",
        |_| (),
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let person = Person::new();
            let patient = api.create(&person.patient()).await;
            let administrator = app.administrator().await;
            app.lose_audit_log().await;
            administrator.call("POST", &format!("Patient/{patient}/$purge")).send().await.refused(503);
            assert!(app.tables_holding(&patient).await.contains(&"resource".to_owned()));
        },
    );
}
