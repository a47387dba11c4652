//! The commands that work on what is stored: feeds, quarantine, persons, opt-outs, evidence, migrations.

use serde_json::Value;
use sqlx::Connection as _;

use crate::kill::{http, run};
use crate::place::Place;
use crate::server::Server;

const NUMBERS: [&str; 2] = ["9991036768", "9991067329"];

fn registration(control_id: &str, number: &str, record: &str, birth_date: &str) -> String {
    let time = "20250901090000";
    format!(
        "MSH|^~\\&|EPIC|RZ9|ROUTE|ROUTE|{time}||ADT^A28|{control_id}|P|2.4|||||GBR|UNICODE UTF-8\rEVN|A28|{time}\r\
         PID|1||{number}^^^NHS^NH~{record}^^^RZ9^MR||THISTLEWICK^Dorothea||{birth_date}|2\rPV1|1|N\r"
    )
}

/// Two people, of whom one has a second record with another birth date; and a message that breaks off.
fn messages() -> String {
    registration("1", NUMBERS[0], "W1", "19360607")
        + &registration("2", NUMBERS[0], "W2", "19400101")
        + &registration("3", NUMBERS[1], "W3", "19360607")
        + "MSH|^~\\&|EPIC|RZ9|ROUTE|ROUTE|20250901||ADT^A28|4|P|2.4|||||GBR|UNICODE UTF-8\rEVN|A28|20250901\r"
}

fn ingested(place: &Place) -> String {
    let file = place.file("adt.hl7", messages());
    let told = place.weir(&["ingest", "--feed", "acute-hl7v2", &file]);
    assert_eq!(told.code, 1, "something is in quarantine: {told:?}");
    told.out
}

/// The rows of a table without its head, cell by cell.
fn rows(table: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        line.trim().split("  ").filter(|cell| !cell.is_empty()).map(|cell| cell.trim().to_owned()).collect()
    };
    table.lines().skip(1).map(cells).collect()
}

#[test]
fn quarantine_is_listed_and_replayed() {
    let place = Place::sqlite();
    let summary = ingested(&place);
    assert!(summary.contains("first in adt.hl7"), "{summary}");
    let list = place.weir(&["quarantine", "list"]).well();
    let [row] = rows(&list).try_into().unwrap_or_else(|_| panic!("{list}"));
    assert_eq!((row[0].as_str(), row[1].as_str()), ("4", "acute-hl7v2"));
    assert!(list.contains("PID: the patient identification segment is required"), "{list}");
    let replayed = place.weir(&["quarantine", "replay"]);
    assert_eq!((replayed.code, replayed.out.contains("1 still in quarantine")), (1, true), "{replayed:?}");
    assert_eq!(place.weir(&["quarantine", "replay", "99"]).badly(), "weir: replay message 99: message 99 is not known");
}

#[test]
fn reviews_are_listed_merged_and_taken_apart() {
    let place = Place::sqlite();
    ingested(&place);
    let table = place.weir(&["person", "reviews"]).well();
    let [row] = rows(&table).try_into().unwrap_or_else(|_| panic!("{table}"));
    let (patient, other) = (row[2].as_str(), row[3].as_str());
    assert_eq!(row[4], "birth-date-differs");
    assert!(place.weir(&["person", "merge", patient, patient]).badly().contains("is given twice"));
    let listed = place.weir(&["person", "reviews"]).well();
    assert!(listed.contains(patient) && listed.contains(other), "a merge that was refused closed the review: {listed}");
    let merged = || place.weir(&["person", "merge", other, patient]);
    assert_eq!(merged().well(), "merged; `weir person unmerge` takes it back\n");
    assert_eq!(merged().well(), "they are one person already\n");
    assert_eq!(rows(&place.weir(&["person", "reviews"]).well()), Vec::<Vec<String>>::new(), "the question is answered");
    assert_eq!(place.weir(&["person", "unmerge", patient]).well(), "undone\n");
    assert_eq!(merged().well(), "merged; `weir person unmerge` takes it back\n");
    assert_eq!(place.weir(&["person", "merge", "nobody", patient]).badly(), "weir: there is no Patient/nobody");
    let never = place.weir(&["person", "unmerge", "nobody"]).badly();
    assert_eq!(never, "weir: there is no Patient/nobody");
}

#[test]
fn a_patient_is_erased_when_it_is_confirmed() {
    let place = Place::sqlite();
    ingested(&place);
    let [row] = rows(&place.weir(&["person", "reviews"]).well()).try_into().unwrap();
    let patient = row[2].as_str();
    assert!(place.weir(&["person", "purge", patient]).badly().contains("say --yes"));
    assert_eq!(rows(&place.weir(&["person", "reviews"]).well()).len(), 1, "nothing was done");
    let told = place.weir(&["person", "purge", patient, "--yes"]).well();
    assert!(told.starts_with("erased: ") && !told.contains("still there"), "{told}");
    assert_eq!(rows(&place.weir(&["person", "reviews"]).well()), Vec::<Vec<String>>::new());
    assert!(place.weir(&["person", "purge", patient, "--yes"]).badly().contains("is not known"));
    place.weir(&["check"]).well();
}

#[test]
fn there_is_nothing_to_index_when_every_parameter_finds_everything() {
    let place = Place::sqlite();
    ingested(&place);
    assert_eq!(place.weir(&["reindex"]).well(), "0 resources looked at\n");
    let told = place.weir(&["reindex", "--parameter", "urn:weir:none"]).badly();
    assert!(told.contains("names no active SearchParameter"), "{told}");
    assert!(place.weir(&["reindex", "--type", "Starship"]).badly().contains("not a resource type"));
}

#[test]
fn opt_outs_are_asked_for_and_loaded_by_files() {
    let place = Place::sqlite();
    ingested(&place);
    let request = place.weir(&["opt-out", "request"]).well();
    assert_eq!(request, format!("{},\n{},\n", NUMBERS[0], NUMBERS[1]));
    let asked = place.file("asked.txt", &request);
    let load = |name: &str, content: &str, asked: &str| {
        place.weir(&["opt-out", "load", &place.file(name, content), "--asked", asked])
    };
    for (content, what) in [
        ("9991036768,\n9991067329", "line 2: the file breaks off"),
        ("9991036768\n", "line 1"),
        ("NHS number\n", "line 1"),
        ("9991036769,\n", "line 1"),
        ("9991142886,\n", "did not ask for"),
    ] {
        let text = load("wrong.txt", content, &asked).badly();
        assert!(text.contains(what) && !text.contains("999"), "{content:?}: {text}");
    }
    let other = place.file("other.txt", "9991036768,\n");
    let text = load("answer.txt", "9991036768,\n", &other).badly();
    assert!(text.contains("--asked is not a request of this store"), "{text}");
    let loaded = load("answer.txt", "9991036768,\r\n", &asked).well();
    assert_eq!(loaded, "loaded: 2 numbers asked about, 1 came back as not opted out, 1 are withheld\n");
    let again = load("answer.txt", "9991036768,\n9991067329,\n", &asked).badly();
    assert!(again.contains("answered before"), "{again}");
}

#[test]
fn evidence_of_no_export_is_told() {
    assert_eq!(Place::sqlite().weir(&["evidence", "nope"]).badly(), "weir: export nope: there is no such export");
}

#[test]
fn migrating_twice_is_no_matter_and_a_newer_schema_is_refused() {
    let place = Place::sqlite();
    for _ in 0..2 {
        place.weir(&["migrate"]).well();
    }
    let file = place.data_dir().join("weir.db");
    run(async {
        let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_of_a_later_weir', 0)";
        sqlx::query(newer).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    for command in [&["migrate"][..], &["serve", "--listen", "127.0.0.1:0"], &["client", "list"]] {
        let text = place.weir(command).badly();
        assert!(text.contains("m9999_of_a_later_weir") && text.contains("newer"), "{text}");
    }
}

#[test]
fn files_are_ingested_while_the_server_runs() {
    run(async {
        let place = Place::sqlite();
        let server = Server::start(&place);
        ingested(&place);
        let url = format!("{}/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|{}", server.base_url, NUMBERS[0]);
        let found: Value = http().get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(found["total"], 2);
        server.terminate();
        assert!(server.wait().success());
    });
}
