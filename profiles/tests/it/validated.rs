//! The verdict, and the edits that a validated resource allows.

use fhir::{Instant, Json};
use profiles::{AnsweredFacts, Options, Strictness, Validated, Verdict};
use serde_json::{Value, json};

use crate::validator;

fn verdict(resource: &Value, strictness: Strictness) -> Verdict {
    let options = Options { strictness, ..Options::uk_core() };
    validator().validate(Json::from_value(resource), &options, &AnsweredFacts::new())
}

fn validated(resource: &Value, strictness: Strictness) -> Validated {
    match verdict(resource, strictness) {
        Verdict::Validated(validated) => validated,
        other => panic!("expected a validated resource, found {other:?}"),
    }
}

#[test]
fn errors_refuse_unless_the_source_is_let_through() {
    let wrong = json!({"resourceType": "Patient", "gender": "F"});
    assert!(matches!(verdict(&wrong, Strictness::Reject), Verdict::Refused(issues) if issues.len() == 1));
    assert_eq!(validated(&wrong, Strictness::Warn).issues().len(), 1);
    assert!(validated(&wrong, Strictness::Off).issues().is_empty());
    let nothing = json!({"resourceType": "Pateint"});
    for strictness in [Strictness::Reject, Strictness::Warn, Strictness::Off] {
        assert!(matches!(verdict(&nothing, strictness), Verdict::Refused(_)));
    }
}

#[test]
fn validated_tells_what_others_need() {
    let url = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient";
    let security = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]);
    let patient = json!({"resourceType": "Patient", "id": "p", "meta": {"profile": [url], "security": security}});
    let validated = validated(&patient, Strictness::Reject);
    assert_eq!(
        (validated.type_name(), validated.id(), validated.profiles()),
        ("Patient", Some("p"), &[url.to_owned()][..])
    );
    assert_eq!(validated.labels()[0].code, "R");
}

#[test]
fn named_edits_leave_the_rest_as_it_was() {
    let encounter = json!({"resourceType": "Encounter", "status": "finished", "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        "code": "AMB"}, "subject": {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}});
    let linked = validated(&encounter, Strictness::Reject).with_references(|_| Some("Patient/1".to_owned()));
    assert_eq!(
        linked.json().root().at(&["subject"]).and_then(|subject| subject.str("reference")).as_deref(),
        Some("Patient/1")
    );
    let bytes = linked.with_meta("e1", 2, Instant(0));
    let stored = Json::parse(&bytes).expect("the stamped resource is JSON").root().to_value();
    assert_eq!(stored["id"], "e1");
    assert_eq!(stored["meta"], json!({"versionId": "2", "lastUpdated": "1970-01-01T00:00:00.000Z"}));
    assert_eq!(stored["class"], encounter["class"]);
}
