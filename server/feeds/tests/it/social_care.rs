//! Client level data: a golden file, the two releases, odd encodings and dates, rows and files that are refused.

use std::fmt::Write as _;

use feeds::{Feed, MapError, Mapped, Message};
use fhir::Instant;
use proptest::prelude::*;
use serde_json::{Value, json};

const HEADER: [&str; 14] = [
    "LA Code",
    "Reporting Period End Date",
    "NHS Number",
    "LA Person Unique Identifier",
    "Gender",
    "Ethnicity",
    "Date of Birth",
    "Date of Death",
    "Client Type",
    "Event Type",
    "Event Start Date",
    "Event End Date",
    "Service Component",
    "Event Outcome",
];

const ROW: [(&str, &str); 9] = [
    ("LA Code", "716"),
    ("Reporting Period End Date", "30/06/2025"),
    ("NHS Number", "9991036768"),
    ("LA Person Unique Identifier", "LA1"),
    ("Gender", "Female"),
    ("Date of Birth", "26/10/1944"),
    ("Client Type", "Service user"),
    ("Event Type", "Service"),
    ("Event Start Date", "01/05/2025"),
];

/// A file of one row: the usual cells, with some changed.
fn file(changes: &[(&str, &str)]) -> String {
    let mut text = HEADER.join(",") + "\n";
    for (at, column) in HEADER.iter().enumerate() {
        let cell =
            |cells: &[(&str, &str)]| cells.iter().find(|(name, _)| name == column).map(|(_, cell)| (*cell).to_owned());
        let value = cell(changes).or_else(|| cell(&ROW)).unwrap_or_default();
        write!(text, "{}{value}", if at == 0 { "" } else { "," }).unwrap();
    }
    text + "\n"
}

fn map(bytes: &[u8]) -> Result<Vec<Mapped>, MapError> {
    // 9 October 2025.
    feeds::map(&Message { feed: Feed::Cld, bytes, received: Instant(1_760_000_000_000), ods_code: None })
}

fn one(changes: &[(&str, &str)]) -> Mapped {
    map(file(changes).as_bytes()).unwrap().remove(0)
}

fn resource<'a>(mapped: &'a Mapped, type_name: &str) -> &'a Value {
    &mapped.entries.iter().find(|entry| entry.key.type_name == type_name).unwrap().resource
}

#[test]
fn golden_file_holds() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/social-care");
    let mapped = map(&std::fs::read(folder.join("release-1.csv")).unwrap()).unwrap();
    let found: Vec<Value> = mapped
        .iter()
        .map(|row| {
            let entries: Vec<&Value> = row.entries.iter().map(|entry| &entry.resource).collect();
            json!({ "event": row.message_id, "entries": entries })
        })
        .collect();
    let expected: Value = serde_json::from_slice(&std::fs::read(folder.join("release-1.json")).unwrap()).unwrap();
    assert_eq!(Value::from(found), expected);
    assert!(mapped.iter().all(|row| row.issues.is_empty()));
}

#[test]
fn the_demo_file_is_mapped_but_for_its_broken_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/demo/social-care/cld.csv");
    let mapped = map(&std::fs::read(path).unwrap()).unwrap();
    let refused: Vec<_> = mapped.iter().filter(|row| row.issues.iter().any(fhir::Issue::is_error)).collect();
    assert_eq!((mapped.len(), refused.len()), (61, 1));
    assert!(refused[0].issues[0].diagnostics.contains("`Event Start Date`"));
}

#[test]
fn both_releases_and_encodings_give_the_same_event() {
    let check = |text: &[u8]| map(text).unwrap().remove(0).message_id;
    let first = check(file(&[("Client Type", "Service User"), ("Service Component", "Home Support")]).as_bytes());
    let second = file(&[("Service Component", "Home support or domiciliary care"), ("Event Start Date", "2025-05-01")]);
    assert_eq!(check(second.as_bytes()), first);
    assert_eq!(check(format!("\u{feff}{second}").as_bytes()), first);
    assert_eq!(check(second.replace("LA Person Unique Identifier", "la_person_unique IDENTIFIER").as_bytes()), first);
}

#[test]
fn windows_1252_is_read() {
    let text = file(&[("Service Component", "Caf\u{1}")]).replace('\u{1}', "é");
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let mapped = map(&bytes).unwrap();
    assert_eq!(resource(&mapped[0], "EpisodeOfCare")["type"][0]["text"], "Café");
}

#[test]
fn service_without_an_end_goes_on_and_death_crops_it() {
    let check = |changes: &[(&str, &str)], status: &str, end: Option<&str>| {
        let mapped = one(changes);
        let episode = resource(&mapped, "EpisodeOfCare");
        assert_eq!(episode["status"], status);
        assert_eq!(episode["period"].get("end").and_then(Value::as_str), end);
    };
    check(&[], "active", None);
    check(&[("Event End Date", "30/09/2025")], "finished", Some("2025-09-30"));
    check(&[("Event End Date", "31/12/2025")], "active", Some("2025-12-31"));
    check(&[("Event Start Date", "01/12/2025")], "planned", None);
    check(&[("Date of Death", "02/06/2025")], "finished", Some("2025-06-02"));
    check(&[("Event End Date", "31/12/2025"), ("Date of Death", "02/06/2025")], "finished", Some("2025-06-02"));
}

#[test]
fn unknown_label_is_kept_as_text_with_an_issue() {
    let mapped = one(&[("Service Component", "Robot companion")]);
    assert_eq!(resource(&mapped, "EpisodeOfCare")["type"], json!([{ "text": "Robot companion" }]));
    assert_eq!(mapped.issues[0].detail.as_deref(), Some("label-unknown"));
    assert!(!mapped.issues[0].is_error() && !mapped.issues[0].diagnostics.contains("Robot"));
}

#[test]
fn ethnicity_finds_its_national_category() {
    let check = |label: &str, code: &str| {
        let mapped = one(&[("Ethnicity", &format!("\"{label}\""))]);
        let concept = &resource(&mapped, "Patient")["extension"][0]["valueCodeableConcept"];
        assert_eq!(concept["coding"][0]["code"], code, "{label}");
        assert_eq!(concept["text"], label);
    };
    check("White: English, Welsh, Scottish, Northern Irish or British", "A");
    check("White: Irish", "B");
    check("White: Gypsy or Irish Traveller", "C");
    check("White: Roma", "C");
    check("Mixed or multiple ethnic groups: White and Black Caribbean", "D");
    check("Asian or Asian British: Any other Asian background", "L");
    check("Black, Black British, Caribbean or African: Caribbean", "M");
    check("Black, Black British, Caribbean or African: African", "N");
    check("Other ethnic group: Arab", "S");
    check("No data: Refused", "Z");
    check("No data: Undeclared or not known", "99");
}

#[test]
fn wrong_nhs_number_is_kept_and_told() {
    let mapped = one(&[("NHS Number", "9991036769")]);
    assert_eq!(resource(&mapped, "Patient")["identifier"][0]["value"], "9991036769");
    assert_eq!(mapped.issues[0].detail.as_deref(), Some("nhs-number-invalid"));
}

#[test]
fn a_row_that_cannot_be_mapped_fails_alone_with_line_and_column() {
    let check = |changes: &[(&str, &str)], column: &str| {
        let text = file(changes) + file(&[]).lines().nth(1).unwrap();
        let mapped = map(text.as_bytes()).unwrap();
        assert!(mapped[0].entries.is_empty() && !mapped[1].entries.is_empty());
        let issue = &mapped[0].issues[0];
        assert!(issue.is_error() && issue.diagnostics.contains(&format!("`{column}`")), "{}", issue.diagnostics);
        let place = u32::try_from(HEADER.iter().position(|name| *name == column).unwrap() + 1).unwrap();
        assert_eq!(issue.line_column, Some((2, place)));
    };
    check(&[("Event Start Date", "31/02/2025")], "Event Start Date");
    check(&[("Event Start Date", "05/2025")], "Event Start Date");
    check(&[("Event Start Date", "")], "Event Start Date");
    check(&[("Event End Date", "30/04/2025")], "Event End Date");
    check(&[("Event Type", "Request")], "Event End Date");
    check(&[("Event Type", "Gossip")], "Event Type");
    check(&[("Date of Birth", "unknown")], "Date of Birth");
    check(&[("Date of Death", "01/01/2020")], "Event Start Date");
    check(&[("LA Person Unique Identifier", "")], "LA Person Unique Identifier");
    check(&[("LA Code", "7/16")], "LA Code");
    check(&[("Event Outcome", "NFA, other")], "LA Code");
}

#[test]
fn a_file_without_its_mandatory_columns_is_refused_by_name() {
    let error = map(b"LA Code,NHS Number,Gender\n716,,\n").unwrap_err().to_string();
    assert!(error.contains("`LA Person Unique Identifier`") && error.contains("`Event Type`"), "{error}");
    assert!(!error.contains("`LA Code`"), "{error}");
    assert!(map(b"").is_err());
    assert!(map(HEADER.join(",").as_bytes()).is_err());
    assert!(map(b"\xff\xfeL\0A\0").is_err());
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = map(&bytes);
        let mut text = HEADER.join(",").into_bytes();
        text.push(b'\n');
        text.extend_from_slice(&bytes);
        let _ = map(&text);
    }

    #[test]
    fn odd_cells_never_panic(column in prop::sample::select(&HEADER[..]), cell in "[^,\"\r\n]{0,12}") {
        let _ = map(file(&[(column, &cell)]).as_bytes());
    }
}
