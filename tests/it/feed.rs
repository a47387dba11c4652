//! Feeds over HTTP: what is taken, what goes into quarantine, who may send.

use serde_json::{Value, json};
use tests::{Person, on_each, unique};

fn admission(person: &Person, control_id: &str) -> String {
    let birth = person.birth_date.replace('-', "");
    [
        format!("MSH|^~\\&|PAS|RX9|WEIR|X99|20260301120000||ADT^A01^ADT_A01|{control_id}|P|2.4"),
        "EVN|A01|20260301120000".to_owned(),
        format!(
            "PID|1||{}^^^NHS^NH~L{control_id}^^^RX9^MR||{}^{}||{birth}|F",
            person.nhs_number, person.family, person.given
        ),
        format!("PV1|1|I|WARD1^^^RX9||||||||||||||||V{control_id}^^^RX9|||||||||||||||||||||||||20260301120000"),
    ]
    .join("\r")
}

fn count(told: &Value, name: &str) -> u64 {
    let parameters = told["parameter"].as_array().unwrap();
    parameters.iter().find(|parameter| parameter["name"] == name).unwrap()["valueInteger"].as_u64().unwrap()
}

#[test]
fn a_message_that_is_sent_can_be_read() {
    on_each("feed", |app| async move {
        let sender = app.system("weir/feed.acute-hl7v2").await;
        let person = Person::new();
        let message = admission(&person, &unique("m"));
        let send = async || {
            sender.call("POST", "$feed/acute-hl7v2").body("x-application/hl7-v2+er7", message.clone()).send().await
        };
        let told = send().await.expect(200).json();
        assert_eq!((count(&told, "stored"), count(&told, "quarantined")), (1, 0), "{told}");
        let all = app.system("system/*.rs").await;
        let search = format!("Patient?identifier={}", person.nhs_number);
        let found = all.find(&search).await;
        assert_eq!(found.len(), 1);
        assert_eq!(all.find(&format!("Encounter?patient={}", found[0])).await.len(), 1);
        assert_eq!(all.find(&format!("Provenance?target=Patient/{}", found[0])).await.len(), 1);

        let again = send().await.expect(200).json();
        assert_eq!((count(&again, "stored"), count(&again, "duplicate")), (0, 1), "{again}");
        assert_eq!(all.find(&search).await, found);
        // A sender sends and does not read.
        sender.get(&search).await.refused(403);
    });
}

#[test]
fn what_cannot_be_taken_is_kept_in_quarantine_and_said() {
    on_each("feed_bad", |app| async move {
        let sender = app.system("weir/feed.*").await;
        let person = Person::new();
        let broken = admission(&person, &unique("m")).replace("ADT^A01^ADT_A01", "ADT^A99^ADT_A99");
        for (feed, body) in [
            ("acute-hl7v2", broken.as_str()),
            ("acute-hl7v2", "no message at all"),
            ("gp-connect", "{\"resourceType\":\"Bundle\""),
            ("gp-connect", "{\"resourceType\":\"Patient\"}"),
            ("social-care-cld", "a,b\n1"),
        ] {
            let call = sender.call("POST", &format!("$feed/{feed}"));
            let said = call.body("text/plain", body.to_owned()).send().await.refused(422);
            assert!(said.contains("quarantine") && !said.contains(&person.nhs_number), "{feed}: {said}");
        }
        sender.call("POST", "$feed/nothing").body("text/plain", "x").send().await.refused(404);
        sender.call("POST", "$feed/gp-connect").send().await.refused(400);
        sender.get("$feed/gp-connect").await.refused(405);
        let narrow = app.system("weir/feed.gp-connect").await;
        narrow.post("$feed/acute-hl7v2", &json!({})).await.refused(403);
    });
}

#[test]
fn a_sender_speaks_for_its_own_organisation_alone() {
    on_each("feed_organisation", |app| async move {
        let scope = "weir/feed.acute-hl7v2";
        let send = async |ods_code: &str| {
            let sender = app.as_service(&app.add_sender(scope, ods_code).await, scope).await;
            let message = admission(&Person::new(), &unique("m"));
            sender.call("POST", "$feed/acute-hl7v2").body("x-application/hl7-v2+er7", message).send().await
        };
        assert_eq!(count(&send("RX9").await.expect(200).json(), "stored"), 1);
        assert!(send("RX8").await.refused(422).contains("another organisation's"));
        // Nor does it when somebody runs its messages again.
        let filter =
            store::MessageFilter { status: Some(store::MessageStatus::Quarantined), ..store::MessageFilter::default() };
        let kept = app.house.store.messages(&filter, store::MessageKey(0), 1000).await.unwrap();
        let refused = kept.iter().find(|message| message.code.as_deref() == Some("other-organisation")).unwrap();
        let again = app.house.ingest().replay(refused.key.0).await.unwrap();
        assert_eq!((again.quarantined, again.total().stored), (1, 0));
    });
}
