//! XML in and out, and what is refused.

use fhir::{json_from_xml, xml_from_json};
use serde_json::{Value, json};

fn read(xml: &str) -> Value {
    let text = json_from_xml(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    serde_json::from_str(&text).expect("JSON")
}

fn refused(xml: &str) -> String {
    json_from_xml(xml).expect_err(xml).to_string()
}

const PATIENT: &str = r#"<Patient xmlns="http://hl7.org/fhir"><id value="1"/><active value="true"/><name><given value="A"/></name></Patient>"#;

#[test]
fn common_spellings_of_a_document_are_read() {
    let expected = json!({"resourceType": "Patient", "id": "1", "active": true, "name": [{"given": ["A"]}]});
    assert_eq!(read(PATIENT), expected);
    assert_eq!(
        read(&format!("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- a > b -->\n{PATIENT}\n")),
        expected
    );
    assert_eq!(read(&format!("<?xml version='1.0'?><?xml-stylesheet href='x'?>{PATIENT}")), expected);
    // Declarations of other namespaces, and where a schema lies, say nothing that FHIR knows.
    let declared = PATIENT.replace(
        "<Patient ",
        "<Patient xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:schemaLocation=\"http://hl7.org/fhir a.xsd\" xmlns:f=\"http://hl7.org/fhir\" ",
    );
    assert_eq!(json_from_xml(&declared).unwrap(), json_from_xml(PATIENT).unwrap());
    let prefixed = PATIENT.replace("xmlns=", "xmlns:f=").replace("</", "</f:");
    let prefixed = ["Patient", "id", "active", "name", "given"]
        .iter()
        .fold(prefixed, |text, name| text.replace(&format!("<{name}"), &format!("<f:{name}")));
    assert_eq!(read(&prefixed), expected);
}

#[test]
fn json_goes_to_xml_and_back() {
    let bundle = json!({
        "type": "collection", "id": "b",
        "entry": [{"resource": {
            "id": "o", "contained": [{"id": "c", "resourceType": "Patient", "birthDate": "1970-01-01"}],
            "resourceType": "Observation", "status": "final", "code": {"text": "a < b & \"c\""},
            "valueQuantity": {"value": serde_json::from_str::<Value>("1.500").expect("a number")},
            "_issued": {"extension": [{"url": "u", "valueString": "s"}]},
        }}],
        "resourceType": "Bundle",
    });
    let xml = xml_from_json(&bundle.to_string()).expect("a resource");
    assert!(xml.contains(r#"<value value="1.500""#), "{xml}");
    assert_eq!(read(&xml), bundle);
}

/// A Patient with that narrative, and that number in an extension.
fn told(div: &str, number: &str) -> String {
    format!(
        r#"{{"resourceType":"Patient","text":{{"status":"generated","div":{}}},"extension":[{{"url":"u","valueDecimal":{number}}}]}}"#,
        Value::from(div)
    )
}

const DIV: &str = r#"<div xmlns="http://www.w3.org/1999/xhtml" lang="en"><p>Take <b>5</b> <i>mg</i> now.</p>
<!-- a > b --><pre> a
  b</pre><div>in<div/></div> </div>"#;

#[test]
fn narrative_and_exponent_come_through_as_they_are() {
    for (div, number) in
        [(DIV, "1E5"), ("<div xmlns=\"http://www.w3.org/1999/xhtml\"/>", "-1.50e-22"), (DIV, "70000000.0")]
    {
        let text = told(div, number);
        let xml = xml_from_json(&text).expect("a resource");
        assert!(xml.contains(div) && xml.contains(&format!("value=\"{number}\"")), "{xml}");
        assert_eq!(json_from_xml(&xml).expect("XML"), text);
        // Also under a prefix.
        let prefixed = xml.replace("<text", "<f:text").replace("</text", "</f:text");
        let prefixed = ["Patient", "status", "extension", "valueDecimal"].iter().fold(prefixed, |text, name| {
            text.replace(&format!("<{name}"), &format!("<f:{name}"))
                .replace(&format!("</{name}"), &format!("</f:{name}"))
        });
        let prefixed = prefixed.replace("xmlns=\"http://hl7.org/fhir\"", "xmlns:f=\"http://hl7.org/fhir\"");
        assert_eq!(json_from_xml(&prefixed).expect("XML"), text);
    }
}

#[test]
fn number_that_is_a_text_stays_one() {
    let text = r#"{"resourceType":"Patient","id":"1E5","language":"2e3"}"#;
    assert_eq!(json_from_xml(&xml_from_json(text).expect("a resource")).expect("XML"), text);
}

#[test]
fn lines_of_a_text_are_read_by_every_reader_of_xml() {
    let text = r#"{"resourceType":"Patient","name":[{"text":"a\n\tb\r\"c\""}]}"#;
    let xml = xml_from_json(text).expect("a resource");
    assert!(xml.contains("a&#10;&#9;b&#13;&#34;c"), "{xml}");
    assert_eq!(json_from_xml(&xml).expect("XML"), text);
}

#[test]
fn narrative_is_made_fit_for_xml_or_refused() {
    let xml = xml_from_json(&told("<div>a&nbsp;b</div>", "1")).expect("a resource");
    assert!(xml.contains(r#"<div xmlns="http://www.w3.org/1999/xhtml">a&#160;b</div>"#), "{xml}");
    let refused = |div: &str| xml_from_json(&told(div, "1")).expect_err(div).to_string();
    let begun = "line 1 column 62: the narrative is not well-formed: ";
    assert_eq!(refused("<div><b></div>"), format!("{begun}expected `</b>`"));
    assert_eq!(refused("<div></div><id value='x'/>"), format!("{begun}expected the end of the document"));
    assert_eq!(refused("<p/>"), format!("{begun}expected a `div`"));
    assert_eq!(refused("text"), format!("{begun}expected an XML element"));
    assert_eq!(refused("<div><?x?></div>"), format!("{begun}expected no processing instruction"));
}

#[test]
fn text_full_of_marks_comes_through() {
    let marks: String = (70_000_000..70_002_000).map(|number| format!("{number}.")).collect();
    let text = told(&DIV.replace("now", &marks), "1E5");
    assert_eq!(json_from_xml(&xml_from_json(&text).expect("a resource")).expect("XML"), text);
}

#[test]
fn mark_that_is_hidden_by_an_escape_is_refused() {
    let text = told(DIV, "1E5").replace("\"u\"", "\"7\\u0030000000.0\"");
    assert!(xml_from_json(&text).is_err());
    let xml = xml_from_json(&told(DIV, "1E5")).expect("a resource").replace("\"u\"", "\"&#55;0000000.1\"");
    assert!(json_from_xml(&xml).is_err());
}

#[test]
fn fault_in_xml_has_a_place() {
    let check = |xml: &str, expected: &str| assert_eq!(refused(xml), expected, "{xml}");
    check("", "line 1 column 1: expected an XML element");
    check("{}", "line 1 column 1: expected an XML element");
    check("<Patient>\n<id value='1'>\n</Patient>", "line 3 column 1: expected `</id>`");
    check("<Patient", "line 1 column 9: expected the end of the tag");
    check("<Patient/><Patient/>", "line 1 column 11: expected the end of the document");
    check("<!DOCTYPE x [<!ENTITY a 'b'>]><Patient/>", "line 1 column 1: expected neither a document type nor CDATA");
    check(&PATIENT.replace("<name>", "\n<nom/><name>"), "line 2 column 1: `nom` is not an element here");
    check("<Patient/>", "line 1 column 1: expected a FHIR R4 resource in XML");
}

#[test]
fn deep_xml_is_refused() {
    assert!(refused(&"<a>".repeat(1_000_000)).contains("100 levels"));
}

#[test]
fn fault_in_json_has_a_place_and_no_content() {
    let refused = |text: &str| xml_from_json(text).expect_err(text).to_string();
    assert_eq!(refused("{\"resourceType\":\"Patient\",\n\"nom\":1}"), "line 2 column 1: `nom` is not an element here");
    let message = refused(r#"{"resourceType":"Patient","birthDate":{"secret":"Testcase"},"active":"Testcase"}"#);
    assert!(!message.contains("Testcase"), "{message}");
}
