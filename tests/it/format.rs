//! JSON and XML, in and out, and how they are laid out.

use serde_json::{Value, json};
use tests::{Person, observation, on_each, unique};

const FHIR_XML: &str = "application/fhir+xml";

/// A Patient with what is easily lost on the way: an extension of a primitive, a narrative, a contained resource, decimals as they were written.
fn patient_xml(family: &str) -> String {
    format!(
        r##"<?xml version="1.0" encoding="utf-8"?>
<Patient xmlns="http://hl7.org/fhir">
  <text><status value="additional"/><div xmlns="http://www.w3.org/1999/xhtml"><p>Born <b>1980</b></p></div></text>
  <contained><Organization><id value="o"/><name value="Test practice"/></Organization></contained>
  <extension url="http://example.org/height"><valueDecimal value="1.500"/></extension>
  <name><use value="official"/><family value="{family}"/><given value="Robin"/></name>
  <gender value="female"/>
  <birthDate value="1980-04-05"><extension url="http://example.org/time"><valueDateTime value="1980-04-05T01:02:03Z"/></extension></birthDate>
  <managingOrganization><reference value="#o"/></managingOrganization>
</Patient>"##
    )
}

#[test]
fn a_resource_goes_round_through_xml_unchanged() {
    on_each("format_round", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let created =
            api.call("POST", "Patient").body(FHIR_XML, patient_xml(&person.family)).header("accept", FHIR_XML);
        let created = created.send().await.expect(201);
        assert_eq!(created.header("content-type"), Some(FHIR_XML));
        let location = created.header("location").unwrap().to_owned();
        let path = location.strip_suffix("/_history/1").unwrap();
        let stored = api.get(path).await.expect(200);
        assert!(stored.text().contains("\"valueDecimal\":1.500"), "{}", stored.text());
        let json = stored.json();
        assert_eq!(json["_birthDate"]["extension"][0]["valueDateTime"], "1980-04-05T01:02:03Z");
        assert_eq!(json["contained"][0]["name"], "Test practice");
        assert_eq!(json["name"][0]["given"], json!(["Robin"]));

        for (name, value) in [("accept", FHIR_XML), ("accept", "text/xml, application/fhir+json;q=0.5")] {
            let xml = api.call("GET", path).header(name, value).send().await.expect(200);
            assert!(xml.text().contains("<valueDecimal value=\"1.500\""), "{}", xml.text());
            // What was given out as XML is the same resource when it comes back.
            let back = api.call("PUT", path).body("application/xml", xml.body).send().await.expect(200);
            assert_eq!(back.header("etag"), Some("W/\"1\""), "{}", back.text());
        }
        let mut bom = "\u{feff}".to_owned();
        bom.push_str(
            &patient_xml(&unique("Other")).replace("<Patient", "<f:Patient").replace("</Patient", "</f:Patient"),
        );
        api.call("POST", "Patient").body("text/xml", bom).send().await.refused(400);
    });
}

#[test]
fn words_of_a_narrative_stay_apart_both_ways() {
    on_each("format_narrative", |app| async move {
        let api = app.system("system/*.cruds").await;
        let words = "<p>Morphine <b>1</b> <i>0</i> mg, no <b>known</b> allergy</p>";
        let xml = patient_xml(&unique("Words")).replace("<p>Born <b>1980</b></p>", words);
        let created = api.call("POST", "Patient").body(FHIR_XML, xml).send().await.expect(201);
        let path = created.header("location").unwrap().strip_suffix("/_history/1").unwrap().to_owned();
        let stored = api.get(&path).await.expect(200).json();
        assert!(stored["text"]["div"].as_str().unwrap().contains(words), "{stored}");
        let read = api.call("GET", &path).header("accept", FHIR_XML).send().await.expect(200);
        assert!(read.text().contains(words), "{}", read.text());
    });
}

#[test]
fn bundles_and_refusals_are_xml_too() {
    on_each("format_xml", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let id = api.create(&person.patient()).await;
        let xml = async |method: &str, path: &str| api.call(method, path).header("accept", FHIR_XML).send().await;
        for path in [format!("Patient?_id={id}"), format!("Patient/{id}/_history")] {
            let bundle = xml("GET", &path).await.expect(200);
            assert!(bundle.text().contains("<Bundle ") && bundle.text().contains(&person.family), "{}", bundle.text());
        }
        for (path, status) in [("Patient/nobody", 404), ("Nothing/1", 404), ("Patient?nonsense=1", 400)] {
            let refused = xml("GET", path).await.expect(status);
            assert_eq!(refused.header("content-type"), Some(FHIR_XML));
            assert!(refused.text().contains("<OperationOutcome "), "{}", refused.text());
        }
        let not_there = app.anonymous().call("GET", "x/y/z/none").header("accept", FHIR_XML).send().await.expect(404);
        assert_eq!(not_there.header("content-type"), Some(FHIR_XML));
        let refused = app.anonymous().call("GET", "Patient/1").header("accept", FHIR_XML).send().await.expect(401);
        assert_eq!(refused.header("content-type"), Some(FHIR_XML));
        let unchanged =
            api.call("GET", &format!("Patient/{id}")).header("accept", FHIR_XML).header("if-none-match", "*");
        assert!(unchanged.send().await.expect(304).body.is_empty());

        let bundle = format!(
            r#"<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry><fullUrl value="urn:uuid:8f3c1a52-0f5b-4d0e-9a3d-1d1f0c5f7c01"/>
            <resource>{}</resource><request><method value="POST"/><url value="Patient"/></request></entry></Bundle>"#,
            patient_xml(&person.family).split_once("?>").unwrap().1
        );
        let done = api.call("POST", "").body(FHIR_XML, bundle).header("accept", FHIR_XML).send().await.expect(200);
        assert!(done.text().contains("201 Created"), "{}", done.text());
        let patch = r#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/><part><name value="type"/><valueCode value="replace"/></part>
            <part><name value="path"/><valueString value="Patient.gender"/></part><part><name value="value"/><valueCode value="other"/></part></parameter></Parameters>"#;
        let patched = api.call("PATCH", &format!("Patient/{id}")).body(FHIR_XML, patch).send().await.expect(200);
        assert_eq!(patched.json()["gender"], "other");
    });
}

#[test]
fn xml_that_is_none_is_refused_with_its_place() {
    on_each("format_bad_xml", |app| async move {
        let api = app.system("system/*.cruds").await;
        let post = |body: &str| api.call("POST", "Patient").body(FHIR_XML, body.to_owned()).send();
        let unknown =
            post("<Patient xmlns=\"http://hl7.org/fhir\">\n <nonsense value=\"x\"/>\n</Patient>").await.refused(400);
        assert!(unknown.contains("line 2") && unknown.contains("`nonsense`"), "{unknown}");
        post("<Patient xmlns=\"http://hl7.org/fhir\"><name>").await.refused(400);
        post("{\"resourceType\":\"Patient\"}").await.refused(400);
        post("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/hostname\">]><Patient xmlns=\"http://hl7.org/fhir\"/>")
            .await
            .refused(400);
        let deep = format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000));
        post(&deep).await.refused(422);
        // The line is that of the XML, not of the JSON that it became.
        let invalid = post("<Patient xmlns=\"http://hl7.org/fhir\">\n\n<gender value=\"nonsense\"/></Patient>")
            .await
            .refused(422);
        assert!(invalid.contains("Patient.gender") && invalid.contains("\"valueInteger\":3"), "{invalid}");
        post("<Observation xmlns=\"http://hl7.org/fhir\"/>").await.refused(400);
        let other = api.call("POST", "Patient").body("application/fhir+json; fhirVersion=5.0", "{}").send().await;
        other.refused(415);
    });
}

#[test]
fn pretty_json_is_the_same_json() {
    on_each("format_pretty", |app| async move {
        let api = app.system("system/*.cruds").await;
        let patient = api.create(&Person::new().patient()).await;
        let mut resource = observation(&patient, &unique("code"), "2026-01-01");
        resource["note"] = json!([{"text": "a \"quoted\" note"}]);
        let text = resource.to_string().replace("6.1", "6.100");
        let created = api.call("POST", "Observation").body("application/json", text).send().await.expect(201).json();
        let path = format!("Observation/{}", created["id"].as_str().unwrap());
        let (plain, pretty) = (api.get(&path).await, api.get(&format!("{path}?_pretty=true")).await.expect(200));
        assert_eq!(plain.json(), pretty.json());
        assert!(
            pretty.text().contains("\n  \"status\": \"final\",\n") && pretty.text().contains("\"value\": 6.100"),
            "{}",
            pretty.text()
        );
        assert_eq!(api.get(&format!("{path}?_pretty=false")).await.body, plain.body);
        api.get(&format!("{path}?_pretty=odd")).await.refused(400);
        let found: Value = api
            .get(&format!("{}&_pretty=true", format_args!("Observation?_id={}", created["id"].as_str().unwrap())))
            .await
            .json();
        assert_eq!(found["total"], 1);
    });
}

#[test]
fn a_format_that_is_not_offered_is_refused() {
    on_each("format_refused", |app| async move {
        let api = app.system("system/*.cruds").await;
        for accept in ["text/turtle", "application/fhir+json;q=0", "application/fhir+json; fhirVersion=3.0"] {
            api.call("GET", "Patient?_count=1").header("accept", accept).send().await.refused(406);
        }
        let form =
            api.call("POST", "Patient/_search").form(&[("_count", "1"), ("_format", "xml")]).send().await.expect(200);
        assert_eq!(form.header("content-type"), Some(FHIR_XML));
        api.call("POST", "Patient/_search").form(&[("_format", "ttl")]).send().await.refused(406);
    });
}
