//! `weir validate`: text and JSON out, JSON and XML in, exit codes.

use std::io::{Read as _, Write as _};

use serde_json::Value;

use crate::place::{Place, Told, told, weir};

const GOOD: &str = r#"{"resourceType":"Patient","gender":"female"}"#;
const BAD: &str = r#"{"resourceType":"Patient","birthDate":"1950-13-01"}"#;

fn validate(files: &[(&str, &[u8])], arguments: &[&str]) -> Told {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    told(weir().arg("validate").args(arguments).current_dir(folder.path()), "")
}

fn one(content: &str, name: &str) -> (i32, String) {
    let told = validate(&[(name, content.as_bytes())], &[name]);
    (told.code, told.out)
}

#[test]
fn files_are_checked_one_by_one() {
    assert_eq!(one(GOOD, "a.json"), (0, "a.json: valid\n".to_owned()));
    let xml = r#"<Patient xmlns="http://hl7.org/fhir"><gender value="male"/></Patient>"#;
    assert_eq!(one(xml, "a.xml"), (0, "a.xml: valid\n".to_owned()));
    let (code, text) = one(BAD, "a.json");
    assert_eq!(code, 1);
    assert!(text.starts_with("a.json: 1 error\n  error"), "{text}");
    assert!(text.contains("line 1 column 39: Patient.birthDate: not a valid `date`"), "{text}");
    for (content, name) in
        [("{\"resourceType\":", "a.json"), ("<Patient xmlns=\"http://hl7.org/fhir\">", "a.xml"), ("", "a")]
    {
        let (code, text) = one(content, name);
        assert_eq!(code, 1);
        assert!(text.contains("1 error\n  fatal       line 1 column "), "{text}");
    }
}

#[test]
fn folders_are_walked_without_hidden_files() {
    let files = [("f/b.json", GOOD.as_bytes()), ("f/a/c.json", GOOD.as_bytes()), ("f/.h/d.json", BAD.as_bytes())];
    assert_eq!(validate(&files, &["f"]).well(), "f/a/c.json: valid\nf/b.json: valid\n");
    let told = validate(&[("f/.hidden", BAD.as_bytes())], &["f"]);
    assert_eq!(told.badly(), "weir: there are no files in the folders given");
    assert_eq!(validate(&[], &["gone.json"]).badly(), "weir: there is no file or folder gone.json");
}

#[test]
fn bytes_that_are_no_text_are_an_issue() {
    let told = validate(&[("a.json", b"{\"resourceType\":\"Patient\",\"id\":\"\xff\"}")], &["a.json"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.out.contains("a.json: 1 error"), "{}", told.out);
}

#[test]
fn json_gives_an_outcome_a_file() {
    let files = [("a.json", GOOD.as_bytes()), ("b.json", BAD.as_bytes())];
    let told = validate(&files, &["--format", "json", "a.json", "b.json"]);
    assert_eq!(told.code, 1);
    let outcomes: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((&outcomes[0]["file"], &outcomes[1]["file"]), (&"a.json".into(), &"b.json".into()));
    assert_eq!(outcomes[0]["outcome"]["resourceType"], "OperationOutcome");
    assert_eq!(outcomes[1]["outcome"]["issue"][0]["expression"][0], "Patient.birthDate");
}

#[test]
fn a_profile_asked_for_is_held_against() {
    let files = [("a.json", GOOD.as_bytes())];
    let bmi = "http://hl7.org/fhir/StructureDefinition/bmi";
    let wrong = validate(&files, &["--profile", bmi, "a.json"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    let known = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient";
    assert_eq!(validate(&files, &["--profile", known, "a.json"]).code, 0);
    let unknown = validate(&files, &["--profile", "http://example.org/x", "a.json"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.out.contains("profile `http://example.org/x` is not known here"), "{}", unknown.out);
}

#[test]
fn definitions_come_from_files() {
    let url = "http://example.org/StructureDefinition/named";
    let profile = serde_json::json!({"resourceType": "StructureDefinition", "url": url, "name": "Named", "kind": "resource", "type": "Patient",
        "derivation": "constraint", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]}})
    .to_string();
    let xml = format!(
        "<StructureDefinition xmlns=\"http://hl7.org/fhir\"><url value=\"{url}\"/><name value=\"Named\"/><status value=\"active\"/>\
         <kind value=\"resource\"/><abstract value=\"false\"/><type value=\"Patient\"/>\
         <baseDefinition value=\"http://hl7.org/fhir/StructureDefinition/Patient\"/><derivation value=\"constraint\"/>\
         <differential><element id=\"Patient.name\"><path value=\"Patient.name\"/><min value=\"1\"/></element></differential></StructureDefinition>"
    );
    let files = [
        ("a.json", GOOD.as_bytes()),
        ("p.json", profile.as_bytes()),
        ("p.xml", xml.as_bytes()),
        ("no.json", b"{}".as_slice()),
    ];
    for with in ["p.json", "p.xml"] {
        let told = validate(&files, &["--with", with, "--profile", url, "a.json"]);
        assert_eq!(told.code, 1, "{told:?}");
        assert!(told.out.contains("Patient: found 0 of `name`, at least 1 required"), "{}", told.out);
    }
    assert!(validate(&files, &["--with", "no.json", "a.json"]).badly().contains("no.json: there is no `resourceType`"));
    assert!(validate(&files, &["--with", "gone.json", "a.json"]).badly().contains("gone.json"));
}

#[test]
fn a_definition_on_nothing_that_is_known_ends_the_run() {
    let profile = |url: &str, base: &str| {
        serde_json::json!({"resourceType": "StructureDefinition", "url": url, "name": "P", "kind": "resource", "type": "Patient",
            "derivation": "constraint", "baseDefinition": base,
            "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]}})
        .to_string()
    };
    let (lost, first) = (profile("urn:weir:lost", "urn:weir:never"), profile("urn:weir:first", "urn:weir:second"));
    let second = profile("urn:weir:second", "http://hl7.org/fhir/StructureDefinition/Patient");
    let files = [
        ("a.json", GOOD.as_bytes()),
        ("lost.json", lost.as_bytes()),
        ("f/lost.json", lost.as_bytes()),
        ("first.json", first.as_bytes()),
        ("second.json", second.as_bytes()),
    ];
    for (with, named) in [("lost.json", "lost.json"), ("f", "f: lost.json")] {
        let message = validate(&files, &["--with", with, "a.json"]).badly();
        let said = format!("{named}: profile `urn:weir:lost`: its base `urn:weir:never` is not known here");
        assert!(message.contains(&said), "{message}");
    }
    // One file may build on what a later one defines.
    validate(&files, &["--with", "first.json", "--with", "second.json", "a.json"]).well();
}

#[test]
fn a_terminology_server_is_asked_where_it_is_asked_for_and_configured() {
    let coded = r#"{"resourceType":"Condition","subject":{"reference":"Patient/1"},"code":{"coding":[
        {"system":"http://snomed.info/sct","code":"22298006","display":"Wrong"}]}}"#;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/fhir", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let body = r#"{"resourceType":"Parameters","parameter":[{"name":"display","valueString":"Myocardial\n  error       fake"}]}"#;
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&head[..length]).contains("Wrong"));
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        }
    });
    let settings = format!("[terminology]\nserver_url = \"{base}\"\n[outbound]\nprivate_addresses = true\n");
    let files = [("a.json", coded.as_bytes()), ("weir.toml", settings.as_bytes())];
    let ask = "--ask-terminology-server";
    let asked = validate(&files, &[ask, "--config", "weir.toml", "a.json"]);
    assert!(asked.code == 1 && asked.out.contains("the display is not that of the code"), "{asked:?}");
    assert!(!asked.out.contains("information"), "{asked:?}");
    assert!(asked.out.contains("Myocardial\\n  error") && asked.out.lines().count() == 2, "{asked:?}");
    let alone = validate(&files, &["a.json"]).well();
    assert!(alone.contains("snomed.info") && !alone.contains("the display is not"), "{alone}");
    assert!(validate(&files, &[ask, "a.json"]).badly().contains("set terminology.server_url"));
    // A server that is gone is a note.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = settings.replace(&base, &format!("http://{closed}/fhir"));
    let files = [("a.json", coded.as_bytes()), ("weir.toml", gone.as_bytes())];
    let told = validate(&files, &[ask, "--config", "weir.toml", "a.json"]).well();
    assert!(told.contains("could not be checked"), "{told}");
}

#[test]
fn uk_core_holds_where_it_is_claimed_or_asked_for() {
    let twice = r#"{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"},
        {"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000026"}]}"#;
    let files = [("a.json", twice.as_bytes())];
    assert_eq!(validate(&files, &["a.json"]).code, 0);
    assert_eq!(validate(&files, &["--uk-core", "a.json"]).code, 1);
}

#[test]
fn urls_of_examples_are_refused_on_request() {
    let with_url = r#"{"resourceType":"Patient","photo":[{"url":"http://pictures.example.org:80/1"}]}"#;
    let other = with_url.replace("example.org", "myexample.org");
    let files = [("a.json", with_url.as_bytes()), ("b.json", other.as_bytes())];
    assert_eq!(validate(&files, &["a.json"]).code, 0);
    let told = validate(&files, &["--refuse-example-urls", "a.json", "b.json"]);
    assert_eq!(told.code, 1);
    assert!(
        told.out.contains("Patient.photo[0].url: the url is one of those that are kept for examples"),
        "{}",
        told.out
    );
    assert!(told.out.contains("b.json: valid"), "{}", told.out);
}

#[test]
fn comments_in_json_are_taken_on_request_and_keep_places() {
    let commented = "// who\n{ /* \u{e9} */ \"resourceType\": \"Patient\",\n \"language\": \"http://a\", \"x\": 1 }";
    let files = [("a.json", commented.as_bytes())];
    assert!(validate(&files, &["a.json"]).out.contains("fatal       line 1 column 1"));
    let told = validate(&files, &["--allow-comments", "a.json"]);
    assert!(told.out.contains("line 3 column 31: Patient: `x` is not an element"), "{}", told.out);
    assert!(!told.out.contains("fatal"), "{}", told.out);
    let open = validate(&[("a.json", b"{} /* open")], &["--allow-comments", "a.json"]);
    assert!(open.out.contains("fatal       line 1 column 4"), "{}", open.out);
}

#[test]
fn contained_resources_are_passed_over_on_request() {
    let contained = r##"{"resourceType":"Patient","contained":[{"resourceType":"Practitioner","id":"a b"}],
        "generalPractitioner":[{"reference":"#a b"}]}"##;
    let files = [("a.json", contained.as_bytes())];
    assert_eq!(validate(&files, &["a.json"]).code, 1);
    assert_eq!(validate(&files, &["--skip-contained", "a.json"]).well(), "a.json: valid\n");
}

#[test]
fn extensions_of_a_domain_may_be_unknown_on_request() {
    let extended = r#"{"resourceType":"Patient","modifierExtension":[{"url":"https://fhir.nhs.uk/StructureDefinition/x","valueCode":"a"}]}"#;
    let files = [("a.json", extended.as_bytes())];
    assert_eq!(validate(&files, &["a.json"]).code, 1);
    let domain = ["--extension-domain", "https://fhir.nhs.uk/StructureDefinition", "a.json"];
    assert_eq!(validate(&files, &domain).well(), "a.json: valid\n");
    let other = ["--extension-domain", "https://fhir.nhs.uk/Other", "a.json"];
    assert_eq!(validate(&files, &other).code, 1);
}

#[test]
fn definitions_come_from_packages_and_from_the_store() {
    let url = "http://example.org/StructureDefinition/named";
    let profile = serde_json::json!({"resourceType": "StructureDefinition", "url": url, "name": "Named", "kind": "resource", "type": "Patient",
        "derivation": "constraint", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]}});
    let place = Place::sqlite();
    let manifest =
        place.file("p/package/package.json", r#"{"name": "weir.test", "version": "1.0.0", "fhirVersions": ["4.0.1"]}"#);
    place.file("p/package/a.json", profile.to_string());
    place.file("p/package/q.json", r#"{"resourceType":"Questionnaire","url":"urn:q","status":"active","item":[{"linkId":"1","type":"string","required":true}]}"#);
    place.file("p/package/s.json", r#"{"resourceType":"SearchParameter","url":"urn:s"}"#);
    let folder = manifest.trim_end_matches("/package/package.json").to_owned();
    let patient = place.file("a.json", GOOD);
    let answers = place
        .file("r.json", r#"{"resourceType":"QuestionnaireResponse","questionnaire":"urn:q","status":"completed"}"#);
    let packed = format!("{folder}.tgz");
    let tar = std::process::Command::new("tar").args(["czf", &packed, "-C", &folder, "package"]).status();
    assert!(tar.unwrap().success());
    for with in [&folder, &packed] {
        let told = told(weir().args(["validate", "--with", with, "--profile", url, &patient, &answers]), "");
        assert_eq!(told.code, 1, "{told:?}");
        assert!(told.out.contains("Patient: found 0 of `name`, at least 1 required"), "{}", told.out);
        assert!(told.out.contains("the required item `1` has no answer"), "{}", told.out);
    }
    let asked = ["validate", "--installed", "--profile", url, &patient];
    assert!(place.weir(&asked).badly().contains("there is no store in"));
    place.weir(&["package", "list"]).well();
    assert!(place.weir(&asked).out.contains("is not known here"));
    let installed = place.weir(&["package", "install", &folder]).well();
    assert!(installed.contains("SearchParameters are not in force"), "{installed}");
    assert!(place.weir(&asked).out.contains("Patient: found 0 of `name`, at least 1 required"));
    // Without the store named, what is built in judges alone.
    let alone = told(weir().args(["validate", "--profile", url, &patient]), "");
    assert!(alone.out.contains("is not known here"), "{}", alone.out);
}
