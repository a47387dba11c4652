//! `weir ingest --feed ndjson`: resources by files, all or line by line, again, and killed in the middle.

use std::io::Write as _;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::kill::{http, run};
use crate::place::{Place, Told, weir};
use crate::server::Server;

const LABEL: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

fn patient(id: &str, family: &str) -> String {
    json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }] }).to_string()
}

fn heart_rate(id: &str, patient: &str) -> String {
    json!({
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "8867-4" }] },
        "subject": { "reference": format!("Patient/{patient}") },
        "performer": [{ "display": "Ward 7" }],
        "effectiveDateTime": "2025-03-04",
    })
    .to_string()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn ingest(place: &Place, paths: &[&str]) -> Told {
    place.weir(&[&["ingest", "--feed", "ndjson"], paths].concat())
}

/// The cells of the table's row of a type: new, changed, as before.
fn row(out: &str, name: &str) -> [u64; 3] {
    let line =
        out.lines().find(|line| line.trim_start().starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("{out}"));
    let cells: Vec<u64> = line.split_whitespace().skip(1).map(|cell| cell.parse().unwrap()).collect();
    cells.try_into().unwrap()
}

async fn total(server: &Server, query: &str) -> u64 {
    let found: Value = http().get(format!("{}/{query}", server.base_url)).send().await.unwrap().json().await.unwrap();
    found["total"].as_u64().unwrap_or_else(|| panic!("{query}: {found}"))
}

async fn loaded_files_are_found(place: &Place) {
    let plain = format!("{}\n\n{}\n", patient("p1", "Ashgrove"), heart_rate("o1", "p1"));
    place.file("in/a.ndjson", plain);
    place.file("in/b.ndjson.gz", gzip(&patient("p2", "Birkdale")));
    place.file("in/deeper/c.ndjson.zst", zstd::encode_all(heart_rate("o2", "p2").as_bytes(), 0).unwrap());
    let folder = place.file("in/manifest.json", "{}").replace("/manifest.json", "");
    let out = ingest(place, &[&folder]).well();
    assert_eq!((row(&out, "Patient"), row(&out, "Observation"), row(&out, "all")), ([2, 0, 0], [2, 0, 0], [4, 0, 0]));
    let again = place
        .weir_with(&["ingest", "--feed", "ndjson", "-"], &(patient("p1", "Ashgrove") + "\n" + &patient("p3", "Cole")));
    assert_eq!(row(&again.well(), "Patient"), [1, 0, 1], "what is as it was makes no version");
    assert_eq!(row(&ingest(place, &[&folder]).well(), "all"), [0, 0, 4]);
    place.weir(&["check"]).well();
    let server = Server::start(place);
    assert_eq!(total(&server, "Patient?name=birk").await, 1);
    assert_eq!(total(&server, "Observation?code=http://loinc.org|8867-4").await, 2);
    assert_eq!(total(&server, "Observation?patient.name=birkdale").await, 1);
    server.kill();
}

#[test]
fn loaded_files_are_found_and_loaded_again_without_a_change() {
    run(async {
        loaded_files_are_found(&Place::sqlite()).await;
        if let Some(place) = Place::postgres("ndjson").await {
            loaded_files_are_found(&place).await;
            place.remove_schema("ndjson").await;
        }
    });
}

#[test]
fn the_last_line_about_a_resource_holds() {
    run(async {
        let place = Place::sqlite();
        // More than a piece, and the same resource in each.
        let mut text = String::new();
        for n in 0..2500 {
            text += &(patient(&format!("q{n}"), "Dunmore") + "\n");
            if n % 100 == 0 {
                text += &(patient("same", &format!("Family{n}")) + "\n");
            }
        }
        let out = ingest(&place, &[&place.file("many.ndjson", text)]).well();
        assert_eq!(row(&out, "Patient"), [2501, 24, 0]);
        place.weir(&["check"]).well();
        let server = Server::start(&place);
        assert_eq!(total(&server, "Patient?family=Family2400").await, 1);
        assert_eq!(total(&server, "Patient?family=Dunmore&_summary=count").await, 2500);
        server.kill();
    });
}

#[test]
fn refused_lines_are_told_and_kept_and_the_others_stored() {
    let place = Place::sqlite();
    let labelled = json!({
        "resourceType": "Patient", "id": "hidden", "name": [{ "family": "Elwood" }],
        "meta": { "security": [{ "system": LABEL, "code": "R" }] },
    });
    ingest(&place, &[&place.file("label.ndjson", labelled.to_string())]).well();
    let refused = [
        ("{\"resourceType\":\"Patient\",".to_owned(), "line 1 column"),
        (json!({ "resourceType": "Patient" }).to_string(), "needs an `id`"),
        (patient("9991036768", "Fenwick"), "NHS number"),
        (json!({ "resourceType": "Starship", "id": "s" }).to_string(), "Starship"),
        (json!({ "resourceType": "Patient", "id": "x", "gender": "many" }).to_string(), "Patient.gender"),
        (
            json!({ "resourceType": "Patient", "id": "x", "meta": { "tag": [{ "code": "SUBSETTED" }] } }).to_string(),
            "parts of it were left out",
        ),
        // Only the store knows the label that this would take away.
        (patient("hidden", "Elwood"), "confidentiality label"),
    ];
    let mut text = patient("before", "Garside") + "\n";
    refused.iter().for_each(|(line, _)| text += &(line.clone() + "\n"));
    text += &patient("after", "Hollis");
    let file = place.file("mixed.ndjson", text);
    let rejects = place.file("kept/.x", "").replace(".x", "rejects.ndjson");
    let told = ingest(&place, &["--rejects", &rejects, &file]);
    assert_eq!((told.code, row(&told.out, "Patient")), (1, [2, 0, 0]), "{told:?}");
    assert!(told.out.contains("7 lines were refused; they are in "), "{}", told.out);
    let lines: Vec<&str> = told.err.lines().collect();
    assert_eq!(lines.len(), refused.len(), "{}", told.err);
    for ((line, (_, reason)), number) in lines.iter().zip(&refused).zip(2..) {
        assert!(line.starts_with(&format!("{file}:{number}: ")) && line.contains(reason), "{line}: {reason}");
    }
    let kept: String = refused.iter().map(|(line, _)| line.clone() + "\n").collect();
    assert_eq!(std::fs::read_to_string(&rejects).unwrap(), kept);
    let again = ingest(&place, &["--rejects", &rejects, &file]);
    assert_eq!(again.code, 1);
    assert!(again.err.lines().last().unwrap().starts_with("weir: make "), "what was kept stays: {}", again.err);
    assert_eq!(std::fs::read_to_string(&rejects).unwrap(), kept);
    place.weir(&["check"]).well();
}

#[test]
fn what_validation_lets_through_is_a_setting() {
    let place = Place::sqlite();
    let file = place.file("a.ndjson", json!({ "resourceType": "Patient", "id": "x", "gender": "many" }).to_string());
    let settings = place.file("weir.toml", "[validation]\nstrictness = \"off\"\n");
    let out = ingest(&place, &["--config", &settings, &file]).well();
    assert_eq!(row(&out, "Patient"), [1, 0, 0]);
}

#[test]
fn a_packed_file_that_breaks_off_is_an_error_and_what_was_whole_is_stored() {
    let place = Place::sqlite();
    let text: String = (0..5000).map(|n| patient(&format!("r{n}"), &format!("Ives{}", n * 7919)) + "\n").collect();
    let mut packed = gzip(&text);
    packed.truncate(packed.len() / 2);
    let file = place.file("broken.ndjson.gz", packed);
    let told = ingest(&place, &[&file]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains("what was read before is stored") && told.err.contains(&file), "{}", told.err);
    let [stored, 0, 0] = row(&told.out, "Patient") else { panic!("{}", told.out) };
    assert!(stored > 0 && stored < 5000, "{stored}");
    place.weir(&["check"]).well();
    let empty = place.file("none/x.json", "{}").replace("/x.json", "");
    assert!(ingest(&place, &[&empty]).badly().contains("no files named .ndjson"));
    let other = place.weir(&["ingest", "--feed", "gp-connect", "--rejects", "r", &file]);
    assert!(other.badly().contains("--rejects is for --feed ndjson"));
}

#[test]
fn killed_in_the_middle_it_leaves_a_sound_store_and_is_begun_again() {
    let place = Place::sqlite();
    let line = |n| patient(&format!("k{n}"), "Jessop") + "\n" + &heart_rate(&format!("k{n}"), &format!("k{n}")) + "\n";
    let text: String = (0..3000).map(line).collect();
    let settings = place.file("weir.toml", "[validation]\nstrictness = \"off\"\n");
    for killed in 1..=3 {
        let mut command = weir();
        command.args(["ingest", "--feed", "ndjson", "--config", &settings, "-"]).args(place.arguments());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        // More is to come when it is killed: it cannot have ended.
        let mut input = child.stdin.take().unwrap();
        input.write_all(&text.as_bytes()[..text.len() * killed / 4]).unwrap();
        while stored(&place) < 1000 * killed as u64 {}
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let file = place.file("big.ndjson", text);
    let out = ingest(&place, &["--config", &settings, &file]).well();
    let [new, 0, before] = row(&out, "all") else { panic!("{out}") };
    assert_eq!((new + before, new > 0, before >= 3000), (6000, true, true), "{new}, {before}");
    assert_eq!(stored(&place), 6000);
}

/// Resources of a store that is whole.
fn stored(place: &Place) -> u64 {
    let out = place.weir(&["check"]).well();
    let line = out.lines().find(|line| line.trim_start().starts_with("resources ")).unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}
