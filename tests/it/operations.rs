//! What whoever runs the server sees: ids, health, metrics, logs, a stop that loses nothing.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::json;
use tests::{Person, on_each, on_each_own, on_sqlite, unique};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tracing_subscriber::fmt::MakeWriter;

#[test]
fn the_ids_of_a_request_come_back() {
    on_each("ids", |app| async move {
        let api = app.system("system/*.rs").await;
        let origin = &app.origin;
        for (method, path, status) in [
            ("GET", "Patient?_count=1".to_owned(), 200),
            ("GET", "Patient/none".to_owned(), 404),
            ("GET", "Nothing/1".to_owned(), 404),
            ("GET", "a/b/c/d/e".to_owned(), 404),
            ("POST", "Patient/none".to_owned(), 405),
            ("GET", "metadata".to_owned(), 200),
            ("GET", ".well-known/smart-configuration".to_owned(), 200),
            ("GET", format!("{origin}/auth/authorize"), 400),
            ("GET", format!("{origin}/auth/token"), 405),
            ("POST", format!("{origin}/auth/token"), 400),
            ("POST", format!("{origin}/auth/login"), 415),
            ("GET", format!("{origin}/health/live"), 200),
            ("GET", format!("{origin}/health/ready"), 200),
            ("GET", format!("{origin}/metrics"), 200),
            ("GET", format!("{origin}/nowhere"), 404),
        ] {
            let call =
                api.call(method, &path).header("x-request-id", "the-request").header("x-correlation-id", "the-story");
            let answer = call.send().await.expect(status);
            assert_eq!(
                (answer.header("x-request-id"), answer.header("x-correlation-id")),
                (Some("the-request"), Some("the-story")),
                "{method} {path}"
            );
        }
        let unauthorised =
            app.anonymous().call("GET", "Patient").header("x-request-id", "the-request").send().await.expect(401);
        assert_eq!(unauthorised.header("x-request-id"), Some("the-request"));
        // What could not be an id is replaced, not echoed.
        for bad in ["with space", &"x".repeat(129), "Zoë", ""] {
            let answer =
                api.call("GET", "metadata").header("x-request-id", bad).header("x-correlation-id", bad).send().await;
            let id = answer.header("x-request-id").unwrap();
            assert!(id != bad && id.len() == 36, "{id}");
            assert_eq!(answer.header("x-correlation-id"), None);
        }
        let (one, two) = (api.get("metadata").await, api.get("metadata").await);
        assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    });
}

#[test]
fn health_and_metrics_tell_how_the_server_is_and_nothing_of_people() {
    on_each("health", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let id = api.create(&person.patient()).await;
        api.get(&format!("Patient?family={}", person.family)).await.expect(200);
        api.get(&format!("Patient/{id}")).await.expect(200);
        let get = async |path: &str| app.anonymous().get(&format!("{}{path}", app.origin)).await.expect(200).text();
        assert!(get("/health/live").await.contains("live"));
        assert!(get("/health/ready").await.contains("ready"));
        let metrics = get("/metrics").await;
        assert!(metrics.contains("weir_requests_total{interaction=\"Read\",status=\"200\"}"), "{metrics}");
        for private in [person.family.as_str(), person.nhs_number.as_str(), id.as_str(), api.token()] {
            assert!(!metrics.contains(private));
        }
    });
}

/// Everything that this process logs from now on.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    tracing_subscriber::fmt().with_env_filter("info,rest=trace,store=trace").json().with_writer(log.clone()).init();
    log
});

#[test]
fn logs_and_errors_hold_nothing_of_people() {
    LazyLock::force(&LOG);
    on_each("logs", |app| async move {
        let api = app.system("system/*.cruds").await;
        let person = Person::new();
        let request_id = unique("request");
        let mut patient = person.patient();
        let id = api.create(&patient).await;
        patient["id"] = json!(person.nhs_number);
        patient["birthDate"] = json!("31/12/1980");
        let (family, number) = (&person.family, &person.nhs_number);
        let mut said = String::new();
        for path in [
            format!("Patient?family={family}&identifier={number}"),
            format!("Patient?birthdate={family}"),
            format!("Patient?{family}=1"),
            format!("Patient/{number}"),
            format!("{family}{number}/1"),
            format!("Patient?_page={number}.{family}"),
            format!("{number}/{family}/a/b/c/d"),
        ] {
            let answer = api.call("GET", &path).header("x-request-id", &request_id).send().await;
            if answer.status != 200
                && !path.starts_with(&format!("Patient?{family}"))
                && path != format!("Patient/{number}")
            {
                said.push_str(&answer.text());
            }
        }
        said.push_str(&api.put(&format!("Patient/{number}"), &patient).await.text());
        said.push_str(&api.post("Patient", &patient).await.refused(422));
        said.push_str(
            &api.call("POST", "Patient")
                .body("application/json", format!("{{\"a\":{family}{number}}}"))
                .send()
                .await
                .refused(400),
        );
        app.with_token(number).get(&format!("Patient/{id}")).await.refused(401);
        let log = String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains(&request_id), "the log has the request");
        for private in [family.as_str(), number, "31/12/1980", api.token()] {
            assert!(!log.contains(private), "{}", log.lines().find(|line| line.contains(private)).unwrap_or_default());
            assert!(!said.contains(private), "{said}");
        }
    });
}

#[test]
fn a_stop_lets_requests_in_flight_finish() {
    on_each_own(
        "stop",
        |_| (),
        |app| async move {
            let api = app.system("system/*.cruds").await;
            let body = Person::new().patient().to_string();
            let address = app.origin.strip_prefix("http://").unwrap();
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let head = format!(
                "POST /fhir/Patient HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/fhir+json\r\n\
             content-length: {}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
                api.token(),
                body.len()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            // The server says that it has the request in hand.
            let mut told = [0; 25];
            stream.read_exact(&mut told).await.unwrap();
            assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
            let finish = async {
                // The listener closes first: when nobody is let in any more, the stop is under way.
                while tokio::net::TcpStream::connect(address).await.is_ok() {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
                stream.write_all(body.as_bytes()).await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                answer
            };
            let ((), answer) = tokio::join!(app.stop_serving(), finish);
            assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
            let counts = app.house.store.counts_by_type().await.unwrap();
            assert_eq!(counts.get("Patient"), Some(&1));
        },
    );
}

#[test]
fn open_access_is_for_this_machine_only() {
    on_sqlite(
        |config| config.server.open_access = true,
        |app| async move {
            let id = app.anonymous().create(&Person::new().patient()).await;
            app.anonymous().get(&format!("Patient/{id}")).await.expect(200);
            for listen in ["0.0.0.0:0", "[::]:0"] {
                let folder = tempfile::tempdir().unwrap();
                let mut config = app.house.config.clone();
                config.server.listen = listen.to_owned();
                config.server.data_dir = folder.path().to_owned();
                let mut house = app::wiring::House::open(config).await.unwrap();
                let refused = app::wiring::Running::start(&mut house, Vec::new()).await;
                let said = refused.err().map(|error| format!("{error:#}")).expect("a refusal");
                assert!(said.contains("loopback"), "{said}");
            }
        },
    );
}
