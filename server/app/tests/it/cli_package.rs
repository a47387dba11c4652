//! `weir package`: what is installed is listed and removed, and a broken package is named.

use crate::place::Place;

const MANIFEST: &str = r#"{"name": "weir.test", "version": "1.0.0", "fhirVersions": ["4.0.1"], "dependencies": {"hl7.fhir.r4.core": "4.0.1"}}"#;
const SET: &str = r#"{"resourceType": "ValueSet", "url": "urn:weir:set", "status": "active"}"#;

fn install_list_remove(place: &Place) {
    let manifest = place.file("one/package/package.json", MANIFEST);
    let folder = manifest.trim_end_matches("/package/package.json").to_owned();
    place.file("one/package/ValueSet-a.json", SET);
    assert_eq!(place.weir(&["package", "list"]).well().lines().count(), 1, "only the head");
    assert_eq!(place.weir(&["package", "install", &folder]).well(), "installed weir.test@1.0.0: 1 definitions\n");
    // The same again takes its own place.
    place.weir(&["package", "install", &folder]).well();
    let list = place.weir(&["package", "list"]).well();
    assert!(
        list.lines().count() == 2 && list.contains("weir.test  1.0.0") && list.contains("hl7.fhir.r4.core@4.0.1"),
        "{list}"
    );
    // Other commands start with it in force.
    place.weir(&["client", "list"]).well();
    place.file("two/broken.json", "{\"resourceType\": ");
    let two = folder.replace("one", "two");
    let message = place.weir(&["package", "install", &two]).badly();
    assert!(message.contains("package two@0.0.0: broken.json: line 1"), "{message}");
    let profile = |max: &str| {
        format!(
            r#"{{"resourceType": "StructureDefinition", "url": "urn:weir:p", "kind": "resource", "type": "Patient", "derivation": "constraint",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient", "differential": {{"element": [
            {{"id": "Patient.gender", "path": "Patient.gender", "max": "{max}"}}]}}}}"#
        )
    };
    let wide = place.file("three/wide.json", profile("5"));
    let message = place.weir(&["package", "install", wide.trim_end_matches("/wide.json")]).badly();
    let said =
        "package three@0.0.0: wide.json: profile `urn:weir:p`: element `Patient.gender`: `max` is 5, the base allows 1";
    assert!(message.contains(said), "{message}");
    place.file("four/a.json", profile("1"));
    let twice = place.file("four/b.json", profile("0"));
    let message = place.weir(&["package", "install", twice.trim_end_matches("/b.json")]).badly();
    assert!(message.contains("four@0.0.0: b.json: `urn:weir:p` is defined otherwise in"), "{message}");
    let circle = SET.replace(r#""active""#, r#""active", "compose": {"include": [{"valueSet": ["urn:weir:set"]}]}"#);
    let circle = place.file("five/set.json", &circle);
    let message = place.weir(&["package", "install", circle.trim_end_matches("/set.json")]).badly();
    assert!(message.contains("five@0.0.0: set.json: value set `urn:weir:set` imports itself"), "{message}");
    let message = place.weir(&["package", "install", "weir.none"]).badly();
    assert!(message.contains("there is no file or folder weir.none, and it is not NAME@VERSION"), "{message}");
    assert!(place.weir(&["package", "remove", "weir.test"]).badly().contains("NAME@VERSION"));
    assert_eq!(place.weir(&["package", "remove", "weir.test@1.0.0"]).well(), "removed weir.test@1.0.0\n");
    assert!(place.weir(&["package", "remove", "weir.test@1.0.0"]).badly().contains("is not installed"));
}

#[test]
fn packages_come_and_go() {
    install_list_remove(&Place::sqlite());
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_come_and_go_on_postgres() {
    let Some(place) = Place::postgres("package").await else {
        return eprintln!("packages on PostgreSQL are left out: WEIR_TEST_DATABASE_URL is not set");
    };
    install_list_remove(&place);
    place.remove_schema("package").await;
}
