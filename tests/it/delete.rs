//! Delete.

use tests::{Person, observation, on_each, on_each_own, unique};

#[test]
fn what_was_deleted_is_gone_and_its_history_stays() {
    on_each("delete", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let id = api.create(&person.patient()).await;
        let path = format!("Patient/{id}");
        let deleted = api.delete(&path).await.expect(204);
        assert!(deleted.body.is_empty());
        api.get(&path).await.refused(410);
        api.delete(&path).await.expect(204);
        api.delete("Patient/never-there").await.expect(204);
        assert!(api.find(&format!("Patient?_id={id}")).await.is_empty());
        assert!(api.find(&format!("Patient?family={}", person.family)).await.is_empty());

        let history = api.get(&format!("{path}/_history")).await.expect(200).json();
        assert_eq!(history["entry"].as_array().unwrap().len(), 2);
        assert_eq!(history["entry"][0]["request"]["method"], "DELETE");
        assert!(history["entry"][0].get("resource").is_none());
    });
}

#[test]
fn a_conditional_delete_deletes_the_one_match_and_refuses_several() {
    on_each("delete_conditional", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let url = format!("Patient?identifier={}", person.nhs_number);
        api.delete(&url).await.expect(204);
        let id = api.create(&person.patient()).await;
        api.delete(&url).await.expect(204);
        api.get(&format!("Patient/{id}")).await.refused(410);

        let both = [api.create(&person.patient()).await, api.create(&person.patient()).await];
        assert!(api.delete(&url).await.refused(412).contains("multiple-matches"));
        for id in both {
            api.get(&format!("Patient/{id}")).await.expect(200);
        }
        for query in ["", "?_format=json", "?nonsense=1", "?_count=1"] {
            api.delete(&format!("Patient{query}")).await.refused(400);
        }
        let blind = app.system("system/Patient.d").await;
        blind.delete(&url).await.refused(403);
    });
}

#[test]
fn a_conditional_delete_deletes_as_many_as_configuration_allows() {
    let configure = |config: &mut app::config::Config| config.limits.conditional_delete_max = 3;
    on_each_own("delete_conditional_many", configure, |app| async move {
        let api = app.system("system/*.cruds").await;
        let statement = api.get("metadata").await.expect(200).json();
        assert_eq!(statement["rest"][0]["resource"][0]["conditionalDelete"], "multiple");
        let (mine, other) = (api.create(&Person::new().patient()).await, api.create(&Person::new().patient()).await);
        let code = unique("code");
        for _ in 0..3 {
            api.create(&observation(&mine, &code, "2026-01-01")).await;
        }
        let theirs = api.create(&observation(&other, &code, "2026-01-01")).await;
        let url = format!("Observation?code={code}");
        api.delete(&url).await.refused(412);
        assert_eq!(api.find(&url).await.len(), 4, "all or none");
        // The other person's is not there for this app.
        let launched = app.launched("launch/patient patient/*.cruds", &mine).await;
        launched.delete(&url).await.expect(204);
        assert_eq!(api.find(&url).await, [theirs]);
        let history = api.get("Observation/_history").await.json();
        assert_eq!(history["entry"][0]["request"]["method"], "DELETE");
    });
}
