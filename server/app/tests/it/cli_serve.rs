//! `weir serve`: settings, refusals before anything is opened, and a stop that loses nothing.

use std::net::TcpListener;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::kill::{http, run};
use crate::place::{Place, told, weir};
use crate::server::{Server, Starting};

/// What a `serve` that must not start says.
#[track_caller]
fn refused(place: &Place, arguments: &[&str], settings: &[(&str, &str)]) -> String {
    let mut command = weir();
    command.arg("serve").args(["--listen", "127.0.0.1:0"]).args(place.arguments()).args(arguments);
    command.envs(settings.iter().copied());
    told(&mut command, "").badly()
}

#[test]
fn settings_that_are_wrong_are_named() {
    let place = Place::sqlite();
    let with = |content: &str| {
        let file = place.file("weir.toml", content);
        refused(&place, &["--config", &file], &[]).replace(&file, "FILE")
    };
    assert_eq!(with("[server]\nlisen = 'x'\n"), "weir: FILE: unknown setting `server.lisen`");
    assert_eq!(
        with("[export]\nfile_life_hours = 0\n"),
        "weir: FILE: setting `export.file_life_hours` must be 1 or more"
    );
    assert_eq!(with("[server]\nworkers = 'two'\n"), "weir: FILE: setting `server.workers` must be of type integer");
    let address = with("[mllp]\nlisten = 'localhost:2575'\n");
    assert!(address.starts_with("weir: mllp.listen: `localhost:2575` is not an IP address and port"), "{address}");
    let missing = refused(&place, &["--config", "nowhere.toml"], &[]);
    assert!(missing.contains("nowhere.toml: No such file"), "{missing}");
    let unknown = refused(&place, &[], &[("WEIR_SERVER_LISEN", "x")]);
    assert_eq!(unknown, "weir: environment variable `WEIR_SERVER_LISEN` names no setting");
    let unchecked = refused(&place, &[], &[("WEIR_FEEDS_GP_CONNECT_STRICTNESS", "off")]);
    assert!(unchecked.contains("setting `feeds.gp_connect_strictness` must be one of"), "{unchecked}");
    let wrong = refused(&place, &[], &[("WEIR_LOG_FORMAT", "xml")]);
    assert!(wrong.contains("setting `log.format` must be one of"), "{wrong}");
}

#[test]
fn secrets_of_wrong_settings_are_not_told() {
    let text = refused(&Place::sqlite(), &["--database-url", "mysql://weir:sekret@host/db"], &[]);
    assert!(text.contains("server.database_url") && !text.contains("sekret"), "{text}");
}

#[test]
fn open_access_is_refused_beyond_loopback() {
    let mut command = weir();
    let place = Place::sqlite();
    command.args(["serve", "--open-access", "--listen", "0.0.0.0:0"]).args(place.arguments());
    let text = told(&mut command, "").badly();
    assert!(text.contains("starts on loopback only; 0.0.0.0:0 is not"), "{text}");
}

#[test]
fn a_port_in_use_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let _listener = TcpListener::bind(&taken).unwrap();
    let mut command = weir();
    let place = Place::sqlite();
    command.args(["serve", "--listen", &taken]).args(place.arguments());
    let text = told(&mut command, "").badly();
    assert!(text.starts_with(&format!("weir: cannot listen on {taken}: Address already in use")), "{text}");
    let text = refused(&place, &["--mllp", &taken], &[]);
    assert!(text.starts_with(&format!("weir: cannot listen on {taken} for HL7 v2")), "{text}");
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let place = Place::sqlite();
    let server = Server::start(&place);
    let text = refused(&place, &[], &[]);
    assert!(text.starts_with("weir: another weir already serves the data in "), "{text}");
    server.kill();
    Server::start(&place).kill();
}

#[test]
fn the_environment_overrides_the_file_and_arguments_both() {
    let place = Place::sqlite();
    let file = place.file("weir.toml", "[server]\nbase_path = '/file'\n[mllp]\nlisten = '127.0.0.1:1'\n");
    let mut command = weir();
    command.args(["serve", "--config", &file, "--listen", "127.0.0.1:0", "--mllp", "127.0.0.1:0"]);
    command.args(place.arguments()).env("WEIR_SERVER_BASE_PATH", "/environment").env("WEIR_LOG_FORMAT", "json");
    let server = Starting::run(command).ready();
    assert!(server.base_url.ends_with("/environment"), "{}", server.base_url);
    assert_ne!(server.mllp.port(), 1);
    server.kill();
}

#[test]
fn a_stop_finishes_what_is_in_flight() {
    run(async {
        let place = Place::sqlite();
        let server = Server::start(&place);
        let entries: Vec<Value> = (0..40)
            .map(|number| {
                let identifier = json!([{ "system": "urn:x", "value": number.to_string() }]);
                json!({ "resource": { "resourceType": "Patient", "identifier": identifier },
                        "request": { "method": "POST", "url": "Patient" } })
            })
            .collect();
        let text = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }).to_string();
        let (head, tail) = text.split_at(text.len() / 2);
        let (head, tail) = (head.to_owned(), tail.to_owned());
        // In flight for as long as its second half is held back.
        let (go_on, told) = tokio::sync::oneshot::channel::<()>();
        let halves = stream::once(async move { Ok::<_, std::io::Error>(head) }).chain(stream::once(async move {
            let _ = told.await;
            Ok(tail)
        }));
        let request = http().post(&server.base_url).header("content-type", "application/fhir+json");
        let sent = tokio::spawn(request.body(reqwest::Body::wrap_stream(halves)).send());
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.terminate();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!sent.is_finished(), "the stop cut the request off");
        go_on.send(()).unwrap();
        let response = sent.await.unwrap().expect("an answer");
        assert_eq!(response.status(), 200);
        let status = tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
        assert!(status.success(), "{status}");
        let server = Server::start(&place);
        let found = http().get(format!("{}/Patient?_summary=count", server.base_url)).send().await.unwrap();
        assert_eq!(found.json::<Value>().await.unwrap()["total"], 40);
        server.kill();
    });
}
