//! A disk without room: writes are refused with 507, nothing is given out that cannot be audited, and all is well again when there is room.

use std::io::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::kill::{http, run};
use crate::place::{Place, Told, told};
use crate::server::{Server, Starting};

const BINARY: &str = env!("CARGO_BIN_EXE_weir");

/// The server in a mount namespace of its own, with its data on a disk of 16 MB; nothing where the system does not allow that.
fn on_small_disk(place: &Place) -> Option<Server> {
    std::fs::create_dir_all(place.data_dir()).unwrap();
    let allowed = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        let line = "app: the test of a full disk is left out: this system gives no mount namespace\n";
        // Past the capture of test output.
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return None;
    }
    let script = "mount -t tmpfs -o size=16m tmpfs \"$1\" && exec \"$0\" serve --open-access --listen 127.0.0.1:0 \
                  --mllp 127.0.0.1:0 --data-dir \"$1\"";
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, BINARY]).arg(place.data_dir());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WEIR_")) {
        command.env_remove(name);
    }
    command.env("WEIR_LOG_FORMAT", "json");
    Some(Starting::run(command).ready())
}

/// `weir check` where the server sees its disk.
fn check(place: &Place, server: &Server) -> Told {
    let id = server.id().to_string();
    let mut command = Command::new("nsenter");
    command.args(["--preserve-credentials", "-U", "-m", "-t", &id, BINARY, "check", "--data-dir"]);
    told(command.arg(place.data_dir()), "")
}

async fn status(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[test]
fn a_full_disk_is_told_and_all_is_well_when_there_is_room_again() {
    run(async {
        let place = Place::sqlite();
        let Some(server) = on_small_disk(&place) else { return };
        let (http, url) = (http(), format!("{}/Patient", server.base_url));
        let patient = |n: usize| {
            // Words that do not pack well.
            let text: String = (0..2000).map(|word| format!("{:x} ", (word * n + word + n) * 2_654_435_761)).collect();
            let identifier = json!([{ "system": "urn:x", "value": n.to_string() }]);
            let body = json!({ "resourceType": "Patient", "identifier": identifier, "name": [{ "text": text }] });
            http.post(&url).json(&body)
        };
        let mut written = Vec::new();
        for n in 0..3 {
            assert_eq!(status(patient(n)).await.0, 201);
            written.push(n);
        }
        let disk = format!("/proc/{}/root{}", server.id(), place.data_dir().display());
        let filler = format!("{disk}/filler");
        let mut refused = 0;
        for n in 3..200 {
            if n == 5 {
                // Some room is left, so that it is a write that meets the end.
                let _ = std::fs::write(&filler, vec![0; 12 << 20]);
            }
            match status(patient(n)).await {
                (201, _) => written.push(n),
                (507, text) => {
                    let outcome: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(outcome["issue"][0]["code"], "no-store", "{text}");
                    refused += 1;
                }
                other => panic!("{other:?}"),
            }
            if refused == 5 {
                break;
            }
        }
        assert_eq!(refused, 5);
        // Not a byte is left for the audit log.
        let mut rest = std::fs::File::create(format!("{disk}/rest")).unwrap();
        while rest.write_all(&[0; 4096]).is_ok() {}
        let mut reads = Vec::new();
        // Its journal has some room that was taken before; then nothing more is given out.
        while reads.last() != Some(&507) && reads.len() < 1000 {
            reads.push(status(http.get(format!("{url}?_count=1"))).await.0);
        }
        assert!(reads.iter().all(|status| matches!(status, 200 | 507)) && reads.ends_with(&[507]), "{reads:?}");
        drop(rest);
        std::fs::remove_file(format!("{disk}/rest")).unwrap();
        std::fs::remove_file(filler).unwrap();
        assert_eq!(status(patient(1000)).await.0, 201);
        written.push(1000);
        for n in &written {
            let (status, found) = status(http.get(format!("{url}?identifier=urn:x|{n}&_summary=count"))).await;
            assert_eq!((status, found.contains("\"total\":1")), (200, true), "{n}: {found}");
        }
        check(&place, &server).well();
        server.terminate();
        server.wait();
    });
}
