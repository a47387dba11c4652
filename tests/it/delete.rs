//! Delete.

use tests::{Person, on_each};

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
