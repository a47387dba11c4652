//! Messages of the acute feed: framing, character sets, refusals, and input that nobody would send.

use feeds::{Entry, Feed, MapError, Mapped, Message, Method, map, split};
use fhir::Instant;
use proptest::prelude::{any, prop, proptest};
use serde_json::{Value, json};

const MSH: &str = "MSH|^~\\&|EPIC|RZ9|WEIR|RZ9|20260105093000||";
const PID: &str = "PID|1||WT400100^^^RZ9^MR||QUILLFEATHER^Araminta||19441026|F\r";

fn mapped(bytes: &[u8]) -> Result<Vec<Mapped>, MapError> {
    map(&Message { feed: Feed::Hl7v2, bytes, received: Instant(0), ods_code: None })
}

fn one(text: &str) -> Mapped {
    let mut all = mapped(text.as_bytes()).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn resource<'m>(mapped: &'m Mapped, type_name: &str) -> &'m Value {
    &mapped.entries.iter().find(|entry| entry.key.type_name == type_name).unwrap().resource
}

fn adt(trigger: &str, rest: &str) -> String {
    format!("{MSH}ADT^{trigger}|ID-1|P|2.4\r{rest}")
}

/// A segment with these fields at their numbers.
fn segment(name: &str, fields: &[(usize, &str)]) -> String {
    let last = fields.iter().map(|(n, _)| *n).max().unwrap_or(0);
    let text = |n: usize| fields.iter().find(|(at, _)| *at == n).map_or("", |(_, text)| *text);
    let fields: Vec<&str> = (1..=last).map(text).collect();
    format!("{name}|{}\r", fields.join("|"))
}

#[test]
fn batch_is_cut_into_its_messages_and_framing_falls_away() {
    let (first, second) = (adt("A28", PID), adt("A31", PID));
    let file = format!("\u{feff}FHS|^~\\&|\rBHS|^~\\&|\r\u{b}{first}\u{1c}\r{second}BTS|2\rFTS|1\r");
    let pieces = split(Feed::Hl7v2, file.as_bytes());
    assert_eq!(pieces, [first.trim_end().as_bytes(), second.trim_end().as_bytes()]);
    assert_eq!(mapped(file.as_bytes()).unwrap().len(), 2);
}

#[test]
fn bytes_before_the_first_message_are_a_piece_of_their_own() {
    let file = format!("lost words\r{}", adt("A28", PID));
    let pieces = split(Feed::Hl7v2, file.as_bytes());
    assert_eq!(pieces.len(), 2);
    assert!(matches!(mapped(pieces[0]), Err(MapError::Malformed { .. })));
    assert!(mapped(pieces[1]).is_ok());
}

#[test]
fn line_ends_of_every_kind_are_read() {
    let message = adt("A28", PID);
    let expected = resource(&one(&message), "Patient").clone();
    for end in ["\n", "\r\n"] {
        assert_eq!(resource(&one(&message.replace('\r', end)), "Patient"), &expected);
    }
}

#[test]
fn line_ends_inside_text_do_not_lose_it() {
    let mapped = one(&format!(
        "{MSH}ORU^R01|ID-1|P|2.4\r{PID}OBR|1||L1|XR^X-ray||||\rOBX|1|FT|R^Report||First line\nsecond line||||||F\r"
    ));
    assert_eq!(resource(&mapped, "Observation")["valueString"], "First line\nsecond line");
    assert!(mapped.issues.iter().any(|issue| issue.diagnostics.starts_with("MSH: lines that begin no segment")));
}

#[test]
fn character_sets_are_read_as_declared() {
    let name = |bytes: &[u8]| resource(&mapped(bytes).unwrap()[0], "Patient")["name"][0]["family"].clone();
    let with = |charset: &str, name: &[u8]| {
        let mut bytes = format!("{MSH}ADT^A28|ID-1|P|2.4||||||{charset}\rPID|1||WT1^^^RZ9^MR||").into_bytes();
        bytes.extend(name);
        bytes
    };
    assert_eq!(name(&with("UNICODE UTF-8", "ZO\u{cb}".as_bytes())), "ZO\u{cb}");
    assert_eq!(name(&with("8859/1", b"ZO\xCB")), "ZO\u{cb}");
    assert_eq!(name(&with("", b"ZO\xCB")), "ZO\u{cb}");
    assert_eq!(name(&with("8859/1", b"O\x92ZO\xCB")), "O\u{2019}ZO\u{cb}");
    let refused = mapped(&with("UNICODE UTF-8", b"ZO\xCB")).unwrap_err();
    assert_eq!(refused.location(), "MSH-18");
}

#[test]
fn separators_and_escapes_are_the_senders() {
    let message =
        "MSH*%$!@*EPIC*RZ9*W*W*20260105**ADT%A28*ID-1*P*2.4\rPID*1**WT1%%%RZ9%MR**O!T!NEIL!X2D!BYRNE%Ann%%%%%L";
    let mapped = one(message);
    assert_eq!(resource(&mapped, "Patient")["name"][0]["family"], "O@NEIL-BYRNE");
}

#[test]
fn refusals_name_the_place_and_not_the_value() {
    let check = |text: &str, location: &str| {
        let error = mapped(text.as_bytes()).unwrap_err();
        assert_eq!(error.location(), location, "{error}");
        assert!(!error.to_string().contains("SECRET"), "{error}");
    };
    check("", "MSH");
    check("PID|1||SECRET", "MSH");
    check("MSH", "MSH-1");
    check("MSH|", "MSH-2");
    check("MSH|^^^^|SECRET", "MSH-2");
    check(&adt("A28", &PID.replace("Araminta", "SEC\0RET")), "MSH");
    check("MSH|^~\\&|A|B|C|D|2026||", "MSH-9");
    check(&format!("{MSH}ADT^A28||P|2.4"), "MSH-10");
    check(&format!("{MSH}ADT^A28|ID|P|9.9"), "MSH-12");
    check(&format!("{MSH}SIU^S12|ID|P|2.4\r{PID}"), "MSH-9");
    check(&adt("A19", PID), "MSH-9");
    check(&adt("A28", "EVN|A28"), "PID");
    check(&adt("A28", "PID|1||||SECRET^Name"), "PID-3");
    check(&adt("A40", PID), "MRG-1");
    check(&format!("{MSH}ORU^R01|ID|P|2.4\r{PID}"), "OBR");
}

#[test]
fn a_number_of_which_nobody_says_whose_it_is_names_nobody() {
    let message = |sender: &str, pid: &str, rest: &str| {
        let pid = segment("PID", &[(3, pid), (5, "QUILLFEATHER^Araminta"), (7, "19441026")]);
        format!("MSH|^~\\&|{sender}|WEIR|RZ9|20260105093000||ADT^A01|ID-1|P|2.4\r{pid}{rest}")
    };
    let key = |text: String| mapped(text.as_bytes()).map(|all| all[0].entries[0].key.system.clone());
    let refused = key(message("|", "MR1^^^^MR", "")).unwrap_err();
    assert_eq!(refused.location(), "PID-3");
    assert!(refused.to_string().contains("MSH-4"), "{refused}");
    for pid in ["MR1", "9990000019^^^NHS^NH~MR1", "9990000018^^^NHS^NH~MR1^^^&&ISO"] {
        let born = message("|", pid, "").replace("19441026", "");
        assert!(matches!(key(born), Err(MapError::Missing { .. })), "{pid}");
    }
    // The sender, the authority or the national number and the birth date tell people apart.
    let unknown = "urn:weir:hl7v2:unknown";
    for (sender, pid, system) in [
        ("EPIC|", "MR1", "urn:weir:hl7v2:epic:local-patient-identifier"),
        ("|Weir House", "MR1", "urn:weir:hl7v2:weir-house:local-patient-identifier"),
        ("|^1.2.3^ISO", "MR1", "urn:weir:hl7v2:1-2-3:local-patient-identifier"),
        ("|", "MR1^^^RZ9", "https://fhir.nhs.uk/RZ9/Id/local-patient-identifier"),
        ("|", "MR1^^^&1.2.3&ISO", "urn:oid:1.2.3"),
        ("|", "MR1^^^&weir.example&DNS", &format!("{unknown}:local-patient-identifier.weir-example")),
        ("|", "9990000018^^^NHS^NH~MR1", &format!("{unknown}:nhs-number-only")),
    ] {
        assert_eq!(key(message(sender, pid, "")).unwrap(), system, "{sender} {pid}");
    }
    // Nor does a bare number of a visit make one visit of those of two people.
    let visit = |pid: &str| {
        let text = message("|", pid, &segment("PV1", &[(2, "I"), (19, "V1")]));
        let entries = one(&text).entries;
        entries.into_iter().find(|entry| entry.key.type_name == "Encounter").unwrap().key
    };
    assert_ne!(visit("MR1^^^RZ9"), visit("MR2^^^RZ9"));
    assert_eq!(visit("MR1^^^RZ9"), visit("MR1^^^RZ9"));
}

#[test]
fn us_ethnic_and_marital_codes_are_not_read_as_national_ones() {
    let fields = [(3, "1^^^X^MR"), (5, "A^B"), (16, "N^Annulled^HL70002"), (22, "N^Not Hispanic^HL70189")];
    let mapped = one(&adt("A28", &segment("PID", &fields)));
    let patient = resource(&mapped, "Patient");
    assert_eq!(patient["maritalStatus"], json!({ "text": "Annulled" }));
    assert_eq!(patient["extension"][0]["valueCodeableConcept"], json!({ "text": "Not Hispanic" }));
}

#[test]
fn discharge_destination_never_becomes_a_discharge_method() {
    for (code, is_method) in [("19", false), ("51", false), ("85", false), ("4", true), ("1", true)] {
        let pv1 = format!("{PID}{}", segment("PV1", &[(2, "I"), (19, "V1"), (36, code)]));
        let mapped = one(&adt("A03", &pv1));
        let encounter = resource(&mapped, "Encounter");
        assert_eq!(encounter["status"], "finished");
        assert_eq!(encounter.get("extension").is_some(), is_method, "{code}");
        assert_eq!(encounter.get("hospitalization").is_some(), !is_method, "{code}");
    }
}

#[test]
fn status_of_the_encounter_follows_the_event() {
    for (trigger, status) in [
        ("A01", "in-progress"),
        ("A05", "planned"),
        ("A11", "cancelled"),
        ("A13", "in-progress"),
        ("A03", "finished"),
        ("A08", "in-progress"),
        ("A21", "onleave"),
    ] {
        let mapped = one(&adt(trigger, &format!("{PID}{}", segment("PV1", &[(2, "I"), (19, "V1")]))));
        assert_eq!(resource(&mapped, "Encounter")["status"], status, "{trigger}");
    }
    let mapped = one(&adt("A28", &format!("{PID}PV1|1|N")));
    assert!(mapped.entries.iter().all(|entry| entry.key.type_name != "Encounter"));
}

#[test]
fn same_patient_and_visit_have_the_same_key_in_every_message() {
    let visit = format!("{PID}{}", segment("PV1", &[(2, "I"), (19, "V1^^^RZ9^VN")]));
    let keys =
        |trigger: &str| one(&adt(trigger, &visit)).entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>();
    assert_eq!(keys("A01"), keys("A03"));
}

#[test]
fn merged_patient_keeps_what_a_later_message_does_not_send() {
    let died = [(3, "1^^^RZ9^MR"), (5, "A^B"), (7, "1944"), (11, "1 Row^^Nowhere"), (13, "0777"), (29, "20260101")];
    let rich = one(&adt("A28", &format!("{}ZU8||||2", segment("PID", &died))));
    let sparse = [(3, "1^^^RZ9^MR~9991036768^^^NHS^NH"), (5, "A^C"), (11, "\"\"")];
    let sparse = one(&adt("A31", &segment("PID", &sparse)));
    let patient = |mapped: &Mapped| -> Entry {
        mapped.entries.iter().find(|entry| entry.key.type_name == "Patient").unwrap().clone()
    };
    let stored = patient(&rich).onto(None);
    let joined = patient(&sparse).onto(Some(&stored));
    assert_eq!(patient(&sparse).method, Method::Merge);
    assert_eq!(joined["birthDate"], "1944");
    assert_eq!(joined["name"][0]["given"][0], "C");
    assert_eq!(joined["telecom"][0]["value"], "0777");
    assert_eq!(joined["deceasedDateTime"], "2026-01-01");
    assert_eq!(joined["identifier"].as_array().unwrap().len(), 2);
    assert_eq!(joined["meta"]["security"][0]["code"], "R");
    assert!(joined.get("address").is_none());
    let corrected = [(3, "1^^^RZ9^MR~9991067329^^^NHS^NH"), (5, "A^C")];
    let corrected = patient(&one(&adt("A31", &segment("PID", &corrected)))).onto(Some(&joined));
    let identifiers = corrected["identifier"].as_array().unwrap();
    assert_eq!((identifiers.len(), &identifiers[1]["value"]), (2, &json!("9991067329")));
}

#[test]
fn an_nhs_number_alone_names_no_record() {
    let patient = |control_id: &str, fields: &[(usize, &str)]| {
        let header = MSH.to_owned() + &format!("ADT^A28|{control_id}|P|2.4\r");
        let mapped = one(&(header + &segment("PID", fields)));
        mapped.entries.into_iter().find(|entry| entry.key.type_name == "Patient").unwrap().key
    };
    let known = [(3, "9991036768^^^NHS^NH"), (5, "A^B"), (7, "19441026")];
    assert_eq!(patient("1", &known), patient("2", &known));
    assert_ne!(patient("1", &known), patient("2", &[known[0], known[1], (7, "19441027")]));
    // Without a birth date, and with a number that fails its check, each message tells of a record of its own.
    for other in [vec![known[0]], vec![(3, "9991036769^^^NHS^NH"), known[2]], vec![(19, "9991036768")]] {
        assert_eq!(patient("1", &other), patient("1", &other));
        assert_ne!(patient("1", &other), patient("2", &other));
    }
    // The older fields give a record number.
    let older = patient("1", &[known[0], (4, "WT400100^^^RZ9^MR")]);
    assert_eq!(older.value, "WT400100");
    let merge = adt("A40", &format!("{PID}MRG|9991036768^^^NHS^NH\r"));
    assert_eq!(mapped(merge.as_bytes()).unwrap_err().location(), "MRG-1");
}

#[test]
fn messages_are_counted_by_type_whether_they_can_be_mapped_or_not() {
    let check = |text: &str, kind: &str| {
        let found = feeds::count(Feed::Hl7v2, text.as_bytes());
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [(kind.to_owned(), 1)]);
    };
    assert_eq!(one(&adt("A28", PID)).counts["ADT^A28"], 1);
    check(&adt("A28", PID), "ADT^A28");
    check(&format!("{MSH}SIU^S12^SIU_S12|ID|P|2.4"), "SIU^S12");
    check(&format!("{MSH}ORU|ID|P|2.4"), "ORU");
    check(&format!("{MSH}Quillfeather^Araminta|ID|P|2.4"), "no message type");
    check("hello", "no message");
}

#[test]
fn bundled_demo_samples_map_but_for_the_broken_one() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/demo/acute");
    let mut refused = Vec::new();
    for name in ["adt.hl7", "oru.hl7"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        refused.extend(split(Feed::Hl7v2, &bytes).into_iter().filter_map(|piece| mapped(piece).err()));
    }
    assert_eq!(refused, [MapError::missing("PID-3", "a patient identifier")]);
}

proptest! {
    #[test]
    fn no_bytes_make_the_mapping_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for piece in split(Feed::Hl7v2, &bytes) {
            let _ = mapped(piece);
        }
    }

    #[test]
    fn no_fields_make_the_mapping_panic(
        kind in prop::sample::select(vec!["ADT^A01", "ADT^A40", "ADT^A08", "ORU^R01"]),
        segments in prop::collection::vec(
            ("(PID|PV1|PV2|OBR|OBX|ORC|NTE|SPM|DG1|AL1|IAM|PR1|NK1|MRG|ZU1|ZU8|PD1)", "[|^~\\\\&A-Z0-9 .:<>\"-]{0,120}"),
            0..8,
        ),
        types in prop::sample::select(vec!["NM", "SN", "TX", "CE", "ED", "RP", "DT", "TM", "XX"]),
    ) {
        let body: String = segments.iter().map(|(name, fields)| format!("{name}|{fields}\r")).collect();
        let text = format!("{MSH}{kind}|ID|P|2.4\r{PID}{body}OBR|1||F1|C\rOBX|1|{types}|C||{}\r", body.replace(['\r', '|'], " "));
        let _ = mapped(text.as_bytes());
    }
}
