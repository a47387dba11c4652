//! The words of a resource.

use search::full_text;
use serde_json::{Value, json};

use crate::{json as document, registry};

fn check(resource: Value, narrative: &str, content: &str) {
    let found = full_text(&document(resource), registry());
    assert_eq!((found.narrative.as_str(), found.content.as_str()), (narrative, content));
}

fn narrative(div: &str) -> String {
    full_text(&document(json!({"resourceType": "Basic", "text": {"div": div}})), registry()).narrative
}

#[test]
fn a_narrative_is_read_without_its_tags() {
    assert_eq!(narrative("<div xmlns=\"http://www.w3.org/1999/xhtml\">Peak <b>Flow</b>, peak</div>"), "peak flow");
    assert_eq!(narrative("<div>a<br/>b&amp;c &#xE9;t&#233; &lt;d&gt;&nbsp;e</div>"), "a b c ete d e");
    assert_eq!(narrative("<div title=\"a > b\">c<!-- d > e --></div>"), "c");
}

#[test]
fn a_broken_narrative_does_no_harm() {
    for div in ["<", "&", "<div", "<!--", "<div a='", "&#xFFFFFFFF;", "&;", "<![CDATA[", "&é;", "<é"] {
        assert_eq!(narrative(div), "", "{div}");
    }
    assert_eq!(narrative("a & b < c"), "a b");
}

#[test]
fn text_for_people_is_content_and_other_text_is_not() {
    check(
        json!({
            "resourceType": "Observation", "id": "secretid", "status": "final", "language": "en",
            "text": {"status": "generated", "div": "<div>seen</div>"},
            "identifier": [{"system": "urn:secret", "value": "secretvalue", "type": {"text": "Number"}}],
            "code": {"coding": [{"system": "http://secret", "code": "secretcode", "display": "Peak flow"}], "text": "Flow"},
            "subject": {"reference": "Patient/secret", "display": "Zoë"},
            "valueString": "over 300", "note": [{"text": "# Good *day*", "time": "2020-01-01"}],
            "component": [{"code": {"text": "inner"}, "valueQuantity": {"value": 7, "unit": "litres", "code": "L"}}],
            "extension": [{"url": "http://secret", "valueString": "extra"}, {"url": "http://secret", "valueCode": "secret"}],
            "contained": [{"resourceType": "Patient", "id": "secret", "name": [{"family": "Petersen"}]}]
        }),
        "seen",
        "seen number peak flow zoe over 300 good day inner litres extra petersen",
    );
    let attachment =
        json!({"contentType": "text/plain", "data": "c2VjcmV0", "title": "Letter", "url": "http://secret"});
    check(json!({"resourceType": "Media", "content": attachment}), "", "letter");
    let entry = json!([{"fullUrl": "urn:x", "resource": {"resourceType": "Basic", "code": {"text": "deep"}}}]);
    check(json!({"resourceType": "Bundle", "entry": entry}), "", "deep");
    check(json!({"resourceType": "Nothing", "text": 7}), "", "");
}

#[test]
fn what_is_kept_has_a_bound() {
    let long: String = (0..100_000).map(|n| format!("w{n} ")).collect();
    let huge = "x".repeat(10_000);
    let note = json!([{"text": long}, {"text": huge}]);
    let found = full_text(&document(json!({"resourceType": "Observation", "note": note})), registry());
    assert!(found.content.len() <= 64 * 1024 && found.content.starts_with("w0 w1 "));
    let repeated = json!({"resourceType": "Observation", "note": [{"text": "same ".repeat(50_000)}]});
    check(repeated, "", "same");
}
