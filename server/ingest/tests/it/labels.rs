//! Confidentiality labels: who set one takes it away, nobody else.

use serde_json::{Value, json};

use crate::support::{ARAMINTA, House, NUMBER, cld, gp_record, id, on_each};

fn label(code: &str) -> Value {
    json!({ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code })
}

/// The codes of a resource's labels.
fn codes(resource: &Value) -> Vec<&str> {
    let labels = resource["meta"]["security"].as_array().into_iter().flatten();
    labels.map(|label| label["code"].as_str().unwrap()).collect()
}

async fn relabel(house: &House, resource: &Value, labels: &[&str]) {
    let mut resource = resource.clone();
    resource["meta"]["security"] = labels.iter().map(|code| label(code)).collect();
    if labels.is_empty() {
        resource["meta"].as_object_mut().unwrap().remove("security");
    }
    house.put(&resource).await;
}

async fn patient(house: &House) -> Value {
    house.patients(NUMBER).await.remove(0)
}

async fn weight(house: &House) -> Value {
    house.find("Observation", "patient", id(&patient(house).await)).await.remove(0)
}

/// The record with another family name and weight.
fn record(family: &str, labels: &[&str]) -> String {
    let mut record = gp_record(NUMBER, "1944-10-26");
    record["entry"][1]["resource"]["name"][0]["family"] = json!(family);
    record["entry"][2]["resource"]["code"]["text"] = json!(format!("Weight {family}"));
    if !labels.is_empty() {
        let security: Vec<Value> = labels.iter().map(|code| label(code)).collect();
        record["entry"][1]["resource"]["meta"] = json!({ "security": security });
    }
    record.to_string()
}

#[test]
fn a_label_that_somebody_else_set_outlasts_the_records_of_a_feed() {
    on_each("labels_record", |house| async move {
        house.receive("gp-connect", record("One", &[])).await;
        relabel(&house, &patient(&house).await, &["R"]).await;
        relabel(&house, &weight(&house).await, &["V"]).await;
        for family in ["Two", "Three"] {
            let receipt = house.receive("gp-connect", record(family, &[])).await;
            let patient = patient(&house).await;
            assert_eq!((patient["name"][0]["family"].as_str(), codes(&patient)), (Some(family), vec!["R"]));
            let weight = weight(&house).await;
            assert_eq!(
                (weight["code"]["text"].clone(), codes(&weight)),
                (json!(format!("Weight {family}")), vec!["V"])
            );
            let kept = receipt.issues.iter().filter(|issue| issue.detail.as_deref() == Some("label-kept"));
            assert_eq!(kept.count(), 2, "{:?}", receipt.issues);
        }
        // Whoever set it takes it away, and it does not come back.
        relabel(&house, &patient(&house).await, &[]).await;
        house.receive("gp-connect", record("Four", &[])).await;
        assert_eq!(codes(&patient(&house).await), Vec::<&str>::new());
        house.assert_whole().await;
    });
}

#[test]
fn a_label_that_the_feed_set_goes_when_the_feed_takes_it_away() {
    on_each("labels_own", |house| async move {
        house.receive("gp-connect", record("One", &[])).await;
        relabel(&house, &patient(&house).await, &[]).await;
        house.receive("gp-connect", record("Two", &["R"])).await;
        assert_eq!(codes(&patient(&house).await), ["R"]);
        house.receive("gp-connect", record("Three", &[])).await;
        assert_eq!(codes(&patient(&house).await), Vec::<&str>::new());
        // One that somebody else has stored since stays.
        house.receive("gp-connect", record("Four", &["R"])).await;
        relabel(&house, &patient(&house).await, &["R", "V"]).await;
        house.receive("gp-connect", record("Five", &["R"])).await;
        house.receive("gp-connect", record("Six", &[])).await;
        let patient = patient(&house).await;
        assert_eq!((codes(&patient).len(), codes(&patient).contains(&"V")), (2, true), "{:?}", codes(&patient));
        house.assert_whole().await;
    });
}

#[test]
fn a_visit_that_is_not_flagged_lifts_no_label_of_others() {
    on_each("labels_visit", |house| async move {
        let visit = |control_id: &str, day: &str, flag: &str| {
            let message = ARAMINTA.registration(control_id, &format!("202601{day}093000"));
            message.replace("PV1|1|N", &format!("PV1|1|N{}{flag}", "|".repeat(14)))
        };
        house.hl7(visit("M1", "05", "Y")).await;
        assert_eq!(codes(&patient(&house).await), ["R"]);
        house.hl7(visit("M2", "06", "N")).await;
        assert_eq!(codes(&patient(&house).await), Vec::<&str>::new());
        relabel(&house, &patient(&house).await, &["R"]).await;
        for (control_id, day, flag) in [("M3", "07", "N"), ("M4", "08", ""), ("M5", "09", "N")] {
            let receipt = house.hl7(visit(control_id, day, flag)).await;
            assert_eq!(receipt.stored_messages, 1, "{:?}", receipt.issues);
            assert_eq!(codes(&patient(&house).await), ["R"], "{control_id}");
        }
        house.assert_whole().await;
    });
}

#[test]
fn a_row_of_a_file_keeps_the_labels_of_others() {
    on_each("labels_row", |house| async move {
        house.receive("social-care-cld", cld(&[["LA1", NUMBER, "26/10/1944"]])).await;
        relabel(&house, &patient(&house).await, &["R"]).await;
        house.receive("social-care-cld", cld(&[["LA1", NUMBER, "27/10/1944"]])).await;
        let patient = patient(&house).await;
        assert_eq!((patient["birthDate"].as_str(), codes(&patient)), (Some("1944-10-27"), vec!["R"]));
        house.assert_whole().await;
    });
}
