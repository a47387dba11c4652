//! `weir fhirpath`: results as JSON, one expression or a batch, errors with their place.

use crate::place::{Told, told, weir};

const PATIENT: &str = r#"<Patient xmlns="http://hl7.org/fhir"><active value="true"/><name><family value="Ash"/><given value="Ada"/><given value="Bea"/></name>
    <birthDate value="1974-12-25"/></Patient>"#;
const OBSERVATION: &str = r#"{"resourceType": "Observation", "status": "final",
    "valueQuantity": {"value": 1.50, "unit": "g",
        "system": "http://unitsofmeasure.org", "code": "g"}}"#;

fn fhirpath(arguments: &[&str], input: &str) -> Told {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("patient.xml"), PATIENT).unwrap();
    std::fs::write(folder.path().join("observation.json"), OBSERVATION).unwrap();
    std::fs::write(folder.path().join("broken.json"), "{").unwrap();
    told(weir().arg("fhirpath").args(arguments).current_dir(folder.path()), input)
}

fn gives(arguments: &[&str], expected: &str) {
    assert_eq!(fhirpath(arguments, "").well(), format!("{expected}\n"), "{arguments:?}");
}

#[test]
fn results_are_a_json_array() {
    gives(&["name.given", "patient.xml"], r#"["Ada","Bea"]"#);
    gives(&["name.suffix", "patient.xml"], "[]");
    gives(&["active | name.count()", "patient.xml"], "[true,1]");
    gives(&["birthDate + 1 day", "patient.xml"], r#"["1974-12-26"]"#);
    gives(&["name", "patient.xml"], r#"[{"family":"Ash","given":["Ada","Bea"]}]"#);
    gives(&["value.value | value.unit", "observation.json"], r#"[1.50,"g"]"#);
    gives(&["value > 1400 'mg'", "observation.json"], "[true]");
    gives(
        &["1.50 | @T14:30 | @2015-02T | 4 days | 1 'mg'"],
        r#"[1.50,"14:30","2015-02",{"value":4,"unit":"days"},{"value":1,"unit":"mg"}]"#,
    );
    gives(&["1.type()"], r#"[{"namespace":"System","name":"Integer"}]"#);
    gives(&["-1.abs()"], "[-1]");
    gives(&["'male'.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')"], "[true]");
    gives(&["'m'.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')"], "[false]");
    gives(&["conformsTo('https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient')", "patient.xml"], "[true]");
    let told = fhirpath(&["name.family", "-"], &PATIENT.replace("Ash", "Elm"));
    assert_eq!(told.well(), "[\"Elm\"]\n");
    let told = fhirpath(&["name.trace('n', given).count()", "patient.xml"], "");
    assert_eq!((told.out.as_str(), told.err.as_str()), ("[1]\n", "weir: trace n: [\"Ada\",\"Bea\"]\n"));
}

#[test]
fn errors_are_told_with_their_place() {
    for (arguments, expected) in [
        (["name.given1", "patient.xml"], "weir: offset 5: `given1` is not an element of HumanName"),
        (["name[0", "patient.xml"], "weir: offset 6: expected `]`"),
        (["name.given.single()", "patient.xml"], "weir: offset 11: `single` takes a single item"),
        (["1 + 'a'", "patient.xml"], "weir: offset 2: `arithmetic` does not take values of these types"),
        (["name.given as string", "patient.xml"], "weir: offset 11: `as` takes a single item"),
        (["1.repeat($this + 1)", "patient.xml"], "weir: offset 2: the expression takes too many steps"),
        (["1", "broken.json"], "weir: broken.json: line 1 column 2: expected a property name or `}`"),
    ] {
        let told = fhirpath(&arguments, "").badly();
        let (start, _) = expected.split_at(expected.len().min(told.len()));
        assert!(told.starts_with(start), "{told}");
    }
    assert!(fhirpath(&["1", "gone.json"], "").badly().starts_with("weir: read gone.json: "));
    gives(&["name.given1", "patient.xml", "--lenient"], "[]");
    assert_eq!(fhirpath(&[], "").code, 2);
    assert_eq!(fhirpath(&["1", "--batch"], "").code, 2);
}

#[test]
fn a_batch_answers_each_line() {
    let questions = [
        r#"{"id":1,"expression":"name.family","resource":"patient.xml"}"#,
        r#"{"id":"b","expression":"1 + 1","resource":null}"#,
        "not json",
        "",
        r#"{"id":2,"expression":"nam","resource":"patient.xml"}"#,
        r#"{"id":3,"expression":"name.family","resource":"patient.xml"}"#,
        r#"{"id":4,"resource":"patient.xml"}"#,
        r#"{"id":5,"expression":"1","resource":"gone.json"}"#,
        r#"{"id":"in","expression":"1","resource":"-"}"#,
        r#"{"id":6,"expression":"status","resource":"observation.json"}"#,
    ];
    let told = fhirpath(&["--batch"], &questions.join("\n")).well();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 9, "{told}");
    assert_eq!(lines[0], r#"{"id":1,"result":["Ash"]}"#);
    assert_eq!(lines[1], r#"{"id":"b","result":[2]}"#);
    assert_eq!(lines[2], r#"{"id":null,"error":"the line is not JSON"}"#);
    assert_eq!(lines[3], r#"{"id":2,"error":"offset 0: `nam` is not an element of Patient"}"#);
    assert_eq!(lines[4], r#"{"id":3,"result":["Ash"]}"#);
    assert_eq!(lines[5], r#"{"id":4,"error":"`expression` must be a text"}"#);
    assert!(lines[6].starts_with(r#"{"id":5,"error":"read gone.json: "#), "{}", lines[6]);
    assert!(lines[7].contains("must be a file"), "{}", lines[7]);
    assert_eq!(lines[8], r#"{"id":6,"result":["final"]}"#);
}
