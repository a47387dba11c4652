//! FHIR packages: installed beside a running server, which has them within seconds, all or none.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use app::command::package::{add, take_out};
use app::package::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{TestApp, on_each_own, unique};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Far longer than a server takes to notice: the machine may be busy with all the other tests.
const NOTICED_WITHIN: Duration = Duration::from_secs(120);

struct Source {
    folder: TempDir,
    name: String,
}

impl Source {
    fn new(version: &str, dependencies: Value) -> Source {
        let (folder, name) = (tempfile::tempdir().unwrap(), unique("weir.test.package"));
        let source = Source { folder, name };
        std::fs::create_dir(source.path("package")).unwrap();
        let manifest =
            json!({"name": source.name, "version": version, "fhirVersions": ["4.0.1"], "dependencies": dependencies});
        source.write("package.json", &manifest);
        source
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn write(&self, file: &str, content: &Value) {
        std::fs::write(self.path("package").join(file), content.to_string()).unwrap();
    }

    fn url(&self) -> String {
        format!("http://weir.example/ValueSet/{}", self.name)
    }

    /// Writes a value set of one code.
    fn value_set(&self, version: &str, code: &str) {
        let compose = json!({"include": [{"system": "urn:weir:package", "concept": [{"code": code}]}]});
        let set = json!({"resourceType": "ValueSet", "url": self.url(), "version": version, "status": "active", "compose": compose});
        self.write("ValueSet-one.json", &set);
    }

    fn archive(&self) -> String {
        let file = self.path("package.tgz");
        let made = Command::new("tar").arg("czf").arg(&file).arg("-C").arg(self.folder.path()).arg("package").status();
        assert!(made.unwrap().success());
        file.to_string_lossy().into_owned()
    }

    fn whole(&self) -> String {
        self.folder.path().to_string_lossy().into_owned()
    }
}

fn no_registry() -> Registry {
    Registry::new("", true).unwrap()
}

async fn refused(app: &TestApp, sources: &[String]) -> String {
    let refused = add(&app.house, &no_registry(), sources).await.expect_err("refused");
    format!("{refused:#}")
}

async fn install(app: &TestApp, source: String) {
    add(&app.house, &no_registry(), &[source]).await.unwrap();
}

/// Waits until a value set has that one code; `None` until it is not known.
async fn expect(app: &TestApp, query: &str, code: Option<&str>) {
    let api = app.system("system/*.rs").await;
    let began = Instant::now();
    loop {
        // A connection that is kept may be closed just now, when the machine has stood still for some seconds.
        let call = api.call("GET", &format!("ValueSet/$expand?url={query}")).header("connection", "close");
        let answer = call.send().await;
        let found = (answer.status == 200).then(|| answer.json()["expansion"]["contains"][0]["code"].clone());
        if found.as_ref().and_then(Value::as_str) == code && (code.is_some() || answer.status == 404) {
            return;
        }
        assert!(began.elapsed() < NOTICED_WITHIN, "{query}: {found:?} instead of {code:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn an_installed_package_is_in_force_without_a_restart() {
    on_each_own(
        "package",
        |_| {},
        |app| async move {
            let source = Source::new("1.0.0", json!({"hl7.fhir.r4.core": "4.0.1"}));
            source.value_set("1.0.0", "a");
            source.write("Observation-example.json", &json!({"resourceType": "Observation"}));
            let added = add(&app.house, &no_registry(), &[source.archive()]).await.unwrap();
            assert_eq!((added[0].definitions.len(), added[0].left_aside.get("Observation")), (1, Some(&1)));
            expect(&app, &source.url(), Some("a")).await;
            // A version beside it: the newest is meant unless one is named.
            source.write("package.json", &json!({"name": source.name, "version": "1.10.0"}));
            source.value_set("1.10.0", "b");
            install(&app, source.whole()).await;
            expect(&app, &source.url(), Some("b")).await;
            expect(&app, &format!("{}%7C1.0.0", source.url()), Some("a")).await;
            source.write("package.json", &json!({"name": source.name, "version": "1.9.0"}));
            source.value_set("1.9.0", "c");
            install(&app, source.whole()).await;
            expect(&app, &format!("{}%7C1.9.0", source.url()), Some("c")).await;
            expect(&app, &source.url(), Some("b")).await;
            let listed = app.house.store.package_records().await.unwrap();
            assert_eq!(listed.iter().map(|one| one.version.as_str()).collect::<Vec<_>>(), ["1.0.0", "1.10.0", "1.9.0"]);
            for version in ["1.10.0", "1.9.0", "1.0.0"] {
                take_out(&app.house, &source.name, version).await.unwrap();
            }
            expect(&app, &source.url(), None).await;
            let unknown = take_out(&app.house, &source.name, "1.0.0").await.expect_err("it is gone");
            assert!(unknown.to_string().contains("is not installed"), "{unknown}");
        },
    );
}

#[test]
fn a_package_wins_over_uk_core_and_validates() {
    on_each_own(
        "package_profile",
        |_| {},
        |app| async move {
            let source = Source::new("9.0.0", json!({}));
            let profile = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient";
            source.write(
            "StructureDefinition-UKCore-Patient.json",
            &json!({"resourceType": "StructureDefinition", "url": profile, "version": "9", "name": "Strict", "status": "active", "kind": "resource",
                "abstract": false, "type": "Patient", "derivation": "constraint", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
                "differential": {"element": [{"id": "Patient", "path": "Patient"}, {"id": "Patient.photo", "path": "Patient.photo", "min": 1}]}}),
        );
            let api = app.system("system/*.cruds").await;
            let patient = tests::Person::new().patient();
            api.post("Patient", &patient).await.expect(201);
            install(&app, source.whole()).await;
            let began = Instant::now();
            while api.post("Patient", &patient).await.status != 422 {
                assert!(began.elapsed() < NOTICED_WITHIN, "the profile did not come into force");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            take_out(&app.house, &source.name, "9.0.0").await.unwrap();
            let began = Instant::now();
            while api.post("Patient", &patient).await.status != 201 {
                assert!(began.elapsed() < NOTICED_WITHIN, "the profile stayed in force");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        },
    );
}

#[test]
fn a_broken_package_changes_nothing_and_says_where() {
    on_each_own(
        "package_broken",
        |_| {},
        |app| async move {
            let good = Source::new("1.0.0", json!({}));
            good.value_set("1", "a");
            install(&app, good.whole()).await;
            let check = async |source: &Source, parts: &[&str]| {
                let message = refused(&app, &[good.whole(), source.whole()]).await;
                assert!(parts.iter().all(|part| message.contains(part)), "{message}");
            };
            let source = Source::new("2.0.0", json!({}));
            std::fs::write(source.path("package").join("ValueSet-cut.json"), "{\"resourceType\": \"ValueSet\", ")
                .unwrap();
            check(&source, &[&source.name, "ValueSet-cut.json", "line 1"]).await;
            source.write("ValueSet-cut.json", &json!({"resourceType": "ValueSet"}));
            check(&source, &[&source.name, "ValueSet-cut.json", "`url`"]).await;
            source.write("ValueSet-cut.json", &json!({"resourceType": "CodeSystem", "url": "urn:x"}));
            check(&source, &[&source.name, "ValueSet-cut.json", "`content`"]).await;
            let profile = |name: &str, base: &str| {
                json!({"resourceType": "StructureDefinition", "url": format!("urn:weir:{name}"), "kind": "resource", "type": "Patient",
                "derivation": "constraint", "baseDefinition": base})
            };
            source.write("ValueSet-cut.json", &profile("a", "urn:weir:never"));
            check(&source, &["urn:weir:a", "urn:weir:never"]).await;
            source.write("ValueSet-cut.json", &profile("a", "urn:weir:b"));
            source.write("other.json", &profile("b", "urn:weir:a"));
            check(&source, &["urn:weir:", "circle"]).await;
            std::fs::write(source.path("cut.tgz"), b"no archive").unwrap();
            let cut = source.path("cut.tgz").to_string_lossy().into_owned();
            assert!(refused(&app, &[cut]).await.contains("cut.tgz"));
            let needy = Source::new("1.0.0", json!({"weir.never.there": "1.2.3"}));
            needy.value_set("1", "x");
            check(&needy, &[&needy.name, "weir.never.there@1.2.3"]).await;
            let other = Source::new("1.0.0", json!({}));
            other.write("package.json", &json!({"name": "r5", "version": "1.0.0", "fhirVersions": ["5.0.0"]}));
            other.value_set("1", "x");
            check(&other, &["R4"]).await;
            assert!(refused(&app, &["never/there.tgz".to_owned()]).await.contains("never/there.tgz"));
            assert!(refused(&app, &["name@1.0.0".to_owned()]).await.contains("outbound.package_registry"));
            let listed = app.house.store.package_records().await.unwrap();
            assert_eq!(listed.len(), 1, "{listed:?}");
            expect(&app, &good.url(), Some("a")).await;
            // What another needs stays.
            let above = Source::new("1.0.0", json!({good.name.clone(): "1.0.x"}));
            above.value_set("1", "x");
            install(&app, above.whole()).await;
            let kept = take_out(&app.house, &good.name, "1.0.0").await.expect_err("it is needed");
            assert!(kept.to_string().contains(&above.name), "{kept}");
        },
    );
}

#[test]
fn loose_resources_in_json_and_xml_are_a_package() {
    on_each_own(
        "package_loose",
        |_| {},
        |app| async move {
            let folder = tempfile::tempdir().unwrap();
            let below = folder.path().join("deeper");
            std::fs::create_dir(&below).unwrap();
            let xml = "<?xml version=\"1.0\"?><ValueSet xmlns=\"http://hl7.org/fhir\"><url value=\"urn:weir:loose\"/><status value=\"active\"/><compose>\
                   <include><system value=\"urn:weir:colours\"/></include></compose></ValueSet>";
            std::fs::write(below.join("set.xml"), xml).unwrap();
            let system = json!({"resourceType": "CodeSystem", "url": "urn:weir:colours", "status": "active", "content": "complete", "concept": [{"code": "red"}]});
            std::fs::write(folder.path().join("system.json"), system.to_string()).unwrap();
            install(&app, folder.path().to_string_lossy().into_owned()).await;
            expect(&app, "urn:weir:loose", Some("red")).await;
            std::fs::write(below.join("set.xml"), "<ValueSet xmlns=\"http://hl7.org/fhir\"><url").unwrap();
            let message = refused(&app, &[folder.path().to_string_lossy().into_owned()]).await;
            assert!(message.contains("deeper/set.xml") && message.contains("line 1"), "{message}");
        },
    );
}

#[test]
fn a_registry_gives_a_package_with_what_it_needs() {
    on_each_own(
        "package_registry",
        |_| {},
        |app| async move {
            let needed = Source::new("2.1.3", json!({}));
            needed.value_set("1", "needed");
            let source = Source::new("1.0.0", json!({needed.name.clone(): "2.1.x", "hl7.fhir.r4.core": "4.0.1"}));
            source.value_set("1", "wanted");
            let base = registry(&[&source, &needed], Path::new("package.tgz")).await;
            let registry = Registry::new(&base, true).unwrap();
            let names = [format!("{}@latest", source.name)];
            let added = add(&app.house, &registry, &names).await.unwrap();
            let ids: Vec<String> = added.iter().map(app::package::Package::id).collect();
            assert_eq!(ids, [format!("{}@1.0.0", source.name), format!("{}@2.1.3", needed.name)]);
            expect(&app, &needed.url(), Some("needed")).await;
            let unknown = add(&app.house, &registry, &["weir.never@1.0.0".to_owned()]).await.expect_err("not known");
            assert!(format!("{unknown:#}").contains("does not know"), "{unknown:#}");
            // Addresses of one's own network are not called unless that is configured.
            let guarded = Registry::new(&base, false).unwrap();
            add(&app.house, &guarded, &names).await.expect_err("guarded");
        },
    );
}

/// A registry of packages, as long as the test runs.
async fn registry(sources: &[&Source], archive: &Path) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut answers: Vec<(String, Vec<u8>)> = Vec::new();
    for source in sources {
        let manifest: Value =
            serde_json::from_slice(&std::fs::read(source.path("package/package.json")).unwrap()).unwrap();
        let version = manifest["version"].as_str().unwrap().to_owned();
        source.archive();
        let listing = json!({"name": source.name, "dist-tags": {"latest": version},
            "versions": {version: {"dist": {"tarball": format!("{base}/{}.tgz", source.name)}}}});
        answers.push((format!("/{}", source.name), listing.to_string().into_bytes()));
        answers.push((format!("/{}.tgz", source.name), std::fs::read(source.path("").join(archive)).unwrap()));
    }
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let length = stream.read(&mut head).await.unwrap_or_default();
            let asked = String::from_utf8_lossy(&head[..length]).into_owned();
            let path = asked.split(' ').nth(1).unwrap_or_default();
            let found = answers.iter().find(|(known, _)| known == path).map(|(_, body)| body.clone());
            let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
            let body = found.unwrap_or_default();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
        }
    });
    base
}
