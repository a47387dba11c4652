//! HTTP around the interactions: compression, OPTIONS, calls from pages of other origins, preferences.

use std::io::{Read as _, Write as _};

use app::cli::ClientKind;
use app::command::client;
use tests::{Person, on_each, on_each_own};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

#[test]
fn bodies_are_compressed_both_ways() {
    on_each("protocol_compression", |app| async move {
        let api = app.system("system/*.cruds").await;
        for (encoding, pack) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("zstd", zstd)] {
            let sent = pack(Person::new().patient().to_string().as_bytes());
            let call =
                api.call("POST", "Patient").body("application/fhir+json", sent).header("content-encoding", encoding);
            let id = call.send().await.expect(201).json()["id"].as_str().unwrap().to_owned();
            let plain = api.get(&format!("Patient/{id}")).await.expect(200);
            let packed = api.call("GET", &format!("Patient/{id}")).header("accept-encoding", encoding).send().await;
            assert_eq!(packed.header("content-encoding"), Some(encoding));
            let mut unpacked = Vec::new();
            match encoding {
                "gzip" => drop(flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap()),
                _ => unpacked = zstd::decode_all(&packed.body[..]).unwrap(),
            }
            assert_eq!(unpacked, plain.body);
            let garbage = api.call("POST", "Patient").body("application/fhir+json", "not packed");
            garbage.header("content-encoding", encoding).send().await.refused(400);
        }
        let other = api.call("POST", "Patient").body("application/fhir+json", "{}").header("content-encoding", "br");
        other.send().await.refused(415);
    });
}

#[test]
fn an_answer_in_no_coding_is_refused() {
    on_each("protocol_identity", |app| async move {
        let api = app.system("system/*.cruds").await;
        let id = api.create(&Person::new().patient()).await;
        let read =
            |accepted: &str| api.call("GET", &format!("Patient/{id}")).header("accept-encoding", accepted).send();
        for accepted in ["identity;q=0", "*;q=0", "identity;q=0, compress"] {
            let said = read(accepted).await.refused(406);
            assert!(said.contains("http.Accept-Encoding"), "{said}");
        }
        assert_eq!(read("identity;q=0, gzip").await.expect(200).header("content-encoding"), Some("gzip"));
        let csv = api.call("GET", "metadata").header("accept", "text/csv").header("accept-encoding", "gzip;q=0");
        assert!(csv.send().await.refused(406).contains("http.Accept\""));
    });
}

#[test]
fn preferences_that_are_not_known_are_ignored() {
    on_each("protocol_prefer", |app| async move {
        let api = app.system("system/*.cruds").await;
        let post =
            |preference: &str| api.call("POST", "Patient").fhir(&Person::new().patient()).header("prefer", preference);
        for (preference, is_empty) in [
            ("return=\"minimal\"", true),
            ("wait=5, return=minimal; foo=bar", true),
            ("return=headers-only", false),
            ("depth-noroot, return=\"representation\"", false),
        ] {
            assert_eq!(post(preference).send().await.expect(201).body.is_empty(), is_empty, "{preference}");
        }
        assert!(post("wait=5").header("prefer", "return=minimal").send().await.expect(201).body.is_empty());
        let search =
            |preference: &str| api.call("GET", "Patient?nonsense=1&_count=1").header("prefer", preference).send();
        search("handling=\"lenient\"").await.expect(200);
        search("handling=\"strict\"").await.refused(400);
        search("handling=lenent").await.refused(400);
    });
}

#[test]
fn a_small_body_that_unpacks_to_a_huge_one_is_refused() {
    let configure = |config: &mut app::config::Config| config.limits.body_bytes_max = 4096;
    on_each_own("protocol_bomb", configure, |app| async move {
        let api = app.system("system/*.cruds").await;
        let huge = vec![b' '; 50_000_000];
        for (encoding, body) in [("gzip", gzip(&huge[..3_000_000])), ("zstd", zstd(&huge))] {
            assert!(body.len() < 8192, "{}", body.len());
            let call =
                api.call("POST", "Patient").body("application/fhir+json", body).header("content-encoding", encoding);
            call.send().await.refused(413);
        }
    });
}

#[test]
fn options_tells_the_methods_of_a_path() {
    on_each("protocol_options", |app| async move {
        for (path, allow) in [
            ("Patient/1", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
            ("Patient", "GET, HEAD, PUT, PATCH, DELETE, POST, OPTIONS"),
            ("", "GET, HEAD, POST, OPTIONS"),
            ("metadata", "GET, HEAD, OPTIONS"),
        ] {
            let answer = app.anonymous().call("OPTIONS", path).send().await.expect(204);
            assert_eq!(answer.header("allow"), Some(allow), "{path}");
            assert!(answer.body.is_empty());
        }
        app.anonymous().call("OPTIONS", "a/b/c/d/e").send().await.refused(404);
    });
}

#[test]
fn pages_of_registered_origins_may_call_the_api_and_no_others() {
    // A server of its own: the list of origins is kept for a while.
    on_each_own(
        "protocol_cors",
        |_| (),
        |app| async move {
            let registered = "https://app.example";
            let asked = client::Registration::new("page", "Test page", ClientKind::Public, "user/*.rs");
            let redirect_uris = vec![format!("{registered}/back")];
            let asked = client::Registration { redirect_uris, origins: vec![registered.to_owned()], ..asked };
            client::register(&app.house, asked).await.unwrap();
            let preflight = async |origin: &str, method: &str| {
                let call = app.anonymous().call("OPTIONS", "Patient/1").header("origin", origin);
                call.header("access-control-request-method", method).send().await.expect(204)
            };
            for method in ["PATCH", "PUT", "HEAD"] {
                let answer = preflight(registered, method).await;
                assert_eq!(answer.header("access-control-allow-origin"), Some(registered));
                assert!(
                    answer.header("access-control-allow-methods").unwrap().split(", ").any(|known| known == method)
                );
                assert!(answer.header("access-control-allow-headers").unwrap().contains("If-Modified-Since"));
            }
            let other = preflight("https://elsewhere.example", "PATCH").await;
            assert_eq!(other.header("access-control-allow-origin"), None);
        },
    );
}
