//! XML in and out, and what is refused.

use fhir::{json_from_any_xml, json_from_xml, xml_from_json};
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
    check("<Patient/>", "line 1 column 1: `Patient` must be in the namespace http://hl7.org/fhir");
    check("<Pat xmlns='http://hl7.org/fhir'/>", "line 1 column 1: `Pat` is not a resource of FHIR R4");
    check("<HumanName xmlns='http://hl7.org/fhir'/>", "line 1 column 1: `HumanName` is not a resource of FHIR R4");
    check("<Patient a='1'b='2'/>", "line 1 column 15: expected the end of the tag");
    check("<Patient a='1' a='2'/>", "line 1 column 16: `a` may be there once only");
    check("<Patient a=1/>", "line 1 column 12: expected the value of `a` in quotation marks");
}

#[test]
fn deep_or_broad_xml_is_refused() {
    assert!(refused(&"<a>".repeat(1_000_000)).contains("100 levels"));
    let attributes: String = (0..100_000).map(|number| format!(" a{number}=''")).collect();
    assert!(refused(&format!("<a{attributes}/>")).contains("64 attributes"));
}

#[test]
fn fault_in_json_has_a_place_and_no_content() {
    let refused = |text: &str| xml_from_json(text).expect_err(text).to_string();
    assert_eq!(refused("{\"resourceType\":\"Patient\",\n\"nom\":1}"), "line 2 column 1: `nom` is not an element here");
    let message = refused(r#"{"resourceType":"Patient","birthDate":{"secret":"Testcase"},"active":"Testcase"}"#);
    assert!(!message.contains("Testcase"), "{message}");
}

/// Lines 2 and on of a Patient.
fn patient(lines: &str) -> String {
    format!("<Patient xmlns=\"http://hl7.org/fhir\">\n{lines}\n</Patient>")
}

#[test]
fn nothing_is_left_out_in_silence() {
    let check = |lines: &str, expected: &str| assert_eq!(refused(&patient(lines)), expected, "{lines}");
    check("<active/>", "line 2 column 1: `active` needs a value or extensions");
    check("<active value='true'/>\n<gender></gender>", "line 3 column 1: `gender` needs a value or extensions");
    check("<name><given value='A'/>\n <given/></name>", "line 3 column 2: `given` needs a value or extensions");
    check("<name/>", "line 2 column 1: `name` needs content");
    check("<contained/>", "line 2 column 1: `contained` needs a resource");
    check("<contained><Patient/><Patient/></contained>", "line 2 column 22: `contained` holds one resource, not more");
    check("<active value='true' foo='1'/>", "line 2 column 22: `foo` is not an attribute of `active`");
    check("<active foo='1'/>", "line 2 column 9: `foo` is not an attribute of `active`");
    check("<name value='A'/>", "line 2 column 7: `value` is not an attribute of `name`");
    check("<name use='usual'><family value='A'/></name>", "line 2 column 7: `use` is not an attribute of `name`");
    check("<active xml:id='a' value='true'/>", "line 2 column 9: `xml:id` is not an attribute of `active`");
    check("<active>true</active>", "line 2 column 9: expected no text in `active`: a value is an attribute");
    check("<name>A<family value='A'/></name>", "line 2 column 7: expected no text in `name`: a value is an attribute");
    check("<active value='true'><value value='x'/></active>", "line 2 column 22: `value` is not an element here");
    check("<name><id value='a'/></name>", "line 2 column 7: `id` is not an element here");
    check("<extension><url value='a'/></extension>", "line 2 column 12: `url` is not an element here");
    check("<active value='true'/><active value='true'/>", "line 2 column 23: `active` may be there once only");
    check(
        "<x:active xmlns:x='y' value='true'/>",
        "line 2 column 1: `x:active` must be in the namespace http://hl7.org/fhir",
    );
    let root = PATIENT.replace("<Patient ", "<Patient id=\"1\" ");
    assert_eq!(refused(&root), "line 1 column 10: `id` is not an attribute of `Patient`");
}

#[test]
fn elements_must_be_in_the_order_of_the_definition() {
    let check = |lines: &str, expected: &str| assert_eq!(refused(&patient(lines)), expected, "{lines}");
    let birth = "<birthDate value='2020-01-01'/>\n<gender value='male'/>";
    check(birth, "line 3 column 1: `gender` must come before `birthDate`");
    check("<name><given value='A'/><family value='B'/></name>", "line 2 column 25: `family` must come before `given`");
    check("<name/><id value='1'/>", "line 2 column 1: `name` needs content");
    let apart = "<name><text value='a'/></name><active value='true'/><name><text value='b'/></name>";
    check(apart, "line 2 column 31: `active` must come before `name`");
    // Where order does not matter, nothing is lost by it.
    let (json, disorder) = json_from_any_xml(&patient(&format!("{apart}\n{birth}"))).expect("XML");
    let read: Value = serde_json::from_str(&json).expect("JSON without names twice");
    assert_eq!(read["name"], json!([{"text": "a"}, {"text": "b"}]));
    assert_eq!((&read["active"], &read["gender"]), (&json!(true), &json!("male")));
    assert_eq!(disorder.len(), 1, "{disorder:?}");
}

#[test]
fn wrong_primitive_has_a_place_and_what_was_expected() {
    let check = |lines: &str, expected: &str| {
        let found = refused(&patient(lines));
        assert_eq!(found, expected, "{lines}");
    };
    let boolean = "must be `true` or `false`, in small letters";
    check("\n<active value=\"True\"/>", &format!("line 3 column 9: the value of `active` {boolean}"));
    check("<active value=\"\"/>", &format!("line 2 column 9: the value of `active` {boolean}"));
    let whole = "must be a whole number, as 10, without a decimal point";
    for value in ["1.0", "1e1", "007", " 1", "+", "+-1", "-"] {
        let line = format!("<multipleBirthInteger value='{value}'/>");
        check(&line, &format!("line 2 column 23: the value of `multipleBirthInteger` {whole}"));
    }
    for value in ["1,5", "1.", ".5", "+1.5", "1e", "NaN", "secret"] {
        let line = format!("<extension url='u'><valueDecimal value='{value}'/></extension>");
        let decimal = "must be a decimal, as 1.5, with a point before its fraction";
        check(&line, &format!("line 2 column 34: the value of `valueDecimal` {decimal}"));
    }
    let read = read(&patient("<multipleBirthInteger value='+2'/>"));
    assert_eq!(read["multipleBirthInteger"], 2);
}

#[test]
fn references_of_html_are_refused() {
    let check = |text: &str, column: u32| {
        let div =
            format!("<text><status value='generated'/><div xmlns='http://www.w3.org/1999/xhtml'>\n{text}</div></text>");
        let found = refused(&patient(&div));
        let expected =
            format!("line 3 column {column}: expected one of the references that XML knows without a document type: ");
        assert!(found.starts_with(&expected), "{found}");
    };
    check("a &nbsp; b", 3);
    check("&foo;", 1);
    check("a & b", 3);
    check("&#0;", 1);
    check("&#xD800;", 1);
    check("&#x+1;", 1);
    check("<b title='&copy;'/>", 11);
    let known = "<text><status value='generated'/><div xmlns='http://www.w3.org/1999/xhtml'><!-- &nbsp; -->&amp;&#160;&#xa0;</div></text>";
    let read = read(&patient(&format!("{known}<gender value='&lt;&#65;&apos;&quot;&gt;b'/>")));
    assert_eq!(read["text"]["div"], "<div xmlns='http://www.w3.org/1999/xhtml'><!-- &nbsp; -->&amp;&#160;&#xa0;</div>");
    assert_eq!(read["gender"], "<A'\">b");
}

#[test]
fn narrative_may_have_a_prefix() {
    let text = |root: &str, div: &str| {
        let xml = patient(&format!("<text><status value='generated'/>{div}</text>"));
        xml.replacen("<Patient", &format!("<Patient {root}"), 1)
    };
    let declared = "xmlns:h=\"http://www.w3.org/1999/xhtml\"";
    let div = "<h:div lang='en'>x <h:b>&lt;h:1></h:b><!-- h: --> <h:br/></h:div >";
    let expected = "<div xmlns=\"http://www.w3.org/1999/xhtml\" lang='en'>x <b>&lt;h:1></b><!-- h: --> <br/></div >";
    assert_eq!(read(&text(declared, div))["text"]["div"], expected);
    // Declared by the div itself, and with a default of FHIR's there.
    let own = format!("<h:div xmlns='http://hl7.org/fhir' {declared}><h:p/></h:div>");
    let expected = format!("<div xmlns='http://www.w3.org/1999/xhtml' {declared}><p/></div>");
    assert_eq!(read(&text("", &own))["text"]["div"], expected);
    let found = refused(&text("", "<div>x</div>"));
    assert_eq!(found, "line 2 column 34: `div` must be in the namespace http://www.w3.org/1999/xhtml");
    let found = refused(&text(declared, "<h:div><p/></h:div>"));
    assert_eq!(found, "line 2 column 41: `p` must be in the namespace http://www.w3.org/1999/xhtml");
    let found = refused(&text("xmlns:x='y'", "<div xmlns='http://www.w3.org/1999/xhtml' x:a='1'/>"));
    assert_eq!(found, "line 2 column 76: `x:a` is not an attribute of `div` in a narrative");
}

#[test]
fn primitives_keep_ids_and_extensions() {
    let xml = patient(
        "<id value='1'><extension url='u'><valueBoolean value='false'/></extension></id>\
         <name id='n'><family id='b' value='x'/><given value='A'/><given id='g'><extension id='e' url='u'><valueInteger value='-1'/></extension></given></name>",
    );
    let expected = json!({
        "resourceType": "Patient", "id": "1", "_id": {"extension": [{"url": "u", "valueBoolean": false}]},
        "name": [{
            "id": "n", "family": "x", "_family": {"id": "b"}, "given": ["A", null],
            "_given": [null, {"id": "g", "extension": [{"id": "e", "url": "u", "valueInteger": -1}]}],
        }],
    });
    assert_eq!(read(&xml), expected);
}
