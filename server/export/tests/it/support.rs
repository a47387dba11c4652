//! A store with people in it, and an export over it, on each database.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use definitions::Definitions;
use export::{Export, ExportError, ExportOptions, JobStatus, KickOff};
use fhir::{Instant, Json, NhsNumber};
use policy::{Grant, Interaction, Principal, Purpose, Scopes, Source, Subject, SystemToken, Task, decide};
use profiles::{AnsweredFacts, Options, Strictness, Validator, Verdict};
use search::Registry;
use serde_json::{Value, json};
use sqlx::Executor;
use store::{Location, NewReview, Store, StoreOptions, WriteBatch, WriteOp};

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DISSENT: &str = "827241000000103";

struct Shared {
    definitions: Arc<Definitions>,
    registry: Arc<Registry>,
    validator: Validator,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let definitions = Arc::new(Definitions::r4().unwrap());
        let registry = Arc::new(Registry::new(&definitions));
        Shared { registry, validator: Validator::new(Arc::clone(&definitions)), definitions }
    })
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) export: Arc<Export>,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) folder: PathBuf,
    _directory: tempfile::TempDir,
}

impl World {
    async fn open(location: Option<Location>) -> World {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(1_790_000_000_000));
        let now = {
            let clock = Arc::clone(&clock);
            move || Instant(clock.fetch_add(1, Ordering::SeqCst))
        };
        let location = location.unwrap_or_else(|| Location::Sqlite(directory.path().to_owned()));
        let options = StoreOptions::new(location, Arc::clone(&shared().registry), Arc::new(now.clone()));
        let store = Store::open(options).await.unwrap();
        let folder = directory.path().join("export");
        let random = AtomicU64::new(1);
        let export = Export::new(ExportOptions {
            store: store.clone(),
            registry: Arc::clone(&shared().registry),
            definitions: Arc::clone(&shared().definitions),
            clock: Arc::new(now),
            random: Arc::new(move || {
                let mut bytes = [0; 32];
                bytes[..8].copy_from_slice(&random.fetch_add(1, Ordering::SeqCst).to_be_bytes());
                bytes
            }),
            token: SystemToken::mint(),
            folder: folder.clone(),
            base_url: "https://weir.example/fhir".to_owned(),
            ods_code: "X26".to_owned(),
            answer_age_max_hours: 168,
            file_life_hours: 24,
            file_bytes_max: 700,
        });
        World { store, export: Arc::new(export), clock, folder, _directory: directory }
    }

    pub(crate) fn pass_hours(&self, hours: i64) {
        self.clock.fetch_add(hours * HOUR_MS, Ordering::SeqCst);
    }

    pub(crate) async fn put(&self, feed: &str, id: &str, value: &Value) {
        let op = WriteOp::Put {
            // Pretty-printed, as some senders do.
            resource: validated(&serde_json::to_string_pretty(value).unwrap()),
            id: id.to_owned(),
            interaction: Interaction::Update,
            if_match: None,
            if_none_exist: None,
        };
        self.write(feed, op).await;
    }

    pub(crate) async fn delete(&self, type_name: &str, id: &str) {
        let op = WriteOp::Delete { type_name: type_name.to_owned(), id: id.to_owned(), if_match: None };
        self.write("acute-hl7v2", op).await;
    }

    async fn write(&self, feed: &str, op: WriteOp) {
        let grant = Grant::for_system(Task::Ingest, &SystemToken::mint());
        self.store.write(&grant, WriteBatch::new(vec![op], Source::feed(feed))).await.unwrap();
    }

    pub(crate) async fn ask(&self, id: &str) -> Vec<NhsNumber> {
        let numbers = self.export.nhs_numbers().await.unwrap();
        self.export.record_opt_out_request(id, &numbers).await.unwrap();
        numbers
    }

    /// Asks about everybody and answers for all but some.
    pub(crate) async fn answer(&self, id: &str, opted_out: &[usize]) {
        let out: Vec<NhsNumber> = opted_out.iter().map(|n| number(*n)).collect();
        let numbers = self.ask(id).await;
        let returned: Vec<_> = numbers.into_iter().filter(|number| !out.contains(number)).collect();
        self.export.record_opt_out_answer(id, &returned).await.unwrap();
    }

    pub(crate) async fn kick_off(
        &self,
        client: &str,
        types: &[&str],
        since: Option<Instant>,
    ) -> Result<String, ExportError> {
        self.kick_off_for(Purpose::SecondaryUse, client, types, since).await
    }

    pub(crate) async fn kick_off_for(
        &self,
        purpose: Purpose,
        client: &str,
        types: &[&str],
        since: Option<Instant>,
    ) -> Result<String, ExportError> {
        let scopes = "system/*.rs";
        let subject = Subject::Principal(Principal::new(client, purpose, Scopes::parse(scopes).unwrap()));
        let grant = decide(&subject, Interaction::Export, None).unwrap();
        let ask = KickOff {
            client_id: client.to_owned(),
            scopes: Some(scopes.to_owned()),
            request_url: "https://weir.example/fhir/Patient/$export".to_owned(),
            types: types.iter().map(|name| (*name).to_owned()).collect(),
            since,
            request_id: "r-1".to_owned(),
        };
        self.export.kick_off(&grant, ask).await
    }

    /// Waits for the end of a job.
    pub(crate) async fn wait(&self, client: &str, job: &str) -> JobStatus {
        for _ in 0..400 {
            match self.export.status(client, job).await.unwrap() {
                JobStatus::Running { .. } => tokio::time::sleep(Duration::from_millis(25)).await,
                ended => return ended,
            }
        }
        panic!("the job does not end");
    }

    /// Runs a job to its end and gives the manifest.
    pub(crate) async fn run(&self, job: &str) -> Value {
        let worker = self.export.start();
        let status = self.wait("analyst", job).await;
        worker.stop().await;
        match status {
            JobStatus::Complete { manifest, .. } => manifest,
            other => panic!("{other:?}"),
        }
    }

    /// The lines of all files of a list of the manifest.
    pub(crate) async fn lines(&self, job: &str, manifest: &Value, list: &str) -> Vec<Value> {
        let mut lines = Vec::new();
        for file in manifest[list].as_array().unwrap() {
            let url = file["url"].as_str().unwrap();
            let name = url.strip_prefix(&format!("https://weir.example/fhir/$export/{job}/")).unwrap();
            let text = std::fs::read_to_string(self.export.file("analyst", job, name).await.unwrap()).unwrap();
            let resources: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(file["count"], resources.len());
            assert!(resources.iter().all(|resource| resource["resourceType"] == file["type"]));
            lines.extend(resources);
        }
        lines
    }

    pub(crate) async fn review(&self, patient: &str, other: &str) {
        let review = NewReview {
            patient_id: patient.to_owned(),
            other_patient_id: Some(other.to_owned()),
            person: None,
            reason: "birth-date-differs".to_owned(),
            opened: Instant(0),
        };
        assert!(self.store.add_review(&review).await.unwrap());
    }
}

fn validated(text: &str) -> profiles::Validated {
    let options = Options { strictness: Strictness::Warn, ..Options::default() };
    let json = Json::parse(text.as_bytes()).unwrap();
    match shared().validator.validate(json, &options, &AnsweredFacts::new()) {
        Verdict::Validated(validated) => validated,
        other => panic!("not validated: {other:?}"),
    }
}

/// The nth number of the test range that passes its check.
pub(crate) fn number(n: usize) -> NhsNumber {
    (9_990_000_000_u64..).filter_map(|number| NhsNumber::parse(&number.to_string()).ok()).nth(n).unwrap()
}

pub(crate) fn patient(numbers: &[usize]) -> Value {
    let identifiers: Vec<Value> = numbers
        .iter()
        .map(|n| json!({"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number(*n).as_str()}))
        .collect();
    let mut patient = json!({"resourceType": "Patient", "name": [{"family": "Two\nlines"}]});
    if !identifiers.is_empty() {
        patient["identifier"] = identifiers.into();
    }
    patient
}

pub(crate) fn observation(patient: &str, code: &str) -> Value {
    json!({
        "resourceType": "Observation", "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]},
        "subject": {"reference": format!("Patient/{patient}")},
        "effectiveDateTime": "2024-01-31",
    })
}

/// Type and id of each, in order.
pub(crate) fn names(resources: &[Value]) -> Vec<String> {
    let name = |resource: &Value| {
        format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap())
    };
    let mut names: Vec<String> = resources.iter().map(name).collect();
    names.sort();
    names
}

/// Runs a test on each database that there is.
pub(crate) fn on_each<F: Future<Output = ()>>(name: &str, test: impl Fn(World) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        test(World::open(None).await).await;
        let Ok(url) = std::env::var("WEIR_TEST_DATABASE_URL") else { return say_what_is_left_out() };
        let schema = format!("export_{name}_{}", std::process::id());
        let run = async |sql: String| {
            let pool = sqlx::PgPool::connect(&url).await.unwrap();
            pool.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.unwrap();
            pool.close().await;
        };
        run(format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")).await;
        let join = if url.contains('?') { '&' } else { '?' };
        let location = Location::Postgres(format!("{url}{join}options=-c%20search_path%3D{schema}"));
        test(World::open(Some(location)).await).await;
        run(format!("DROP SCHEMA {schema} CASCADE")).await;
    });
}

fn say_what_is_left_out() {
    static SAID: OnceLock<()> = OnceLock::new();
    SAID.get_or_init(|| {
        let count = include_str!("main.rs").matches("    on_each(").count();
        let line = format!("export: {count} tests left out on PostgreSQL: WEIR_TEST_DATABASE_URL is not set\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    });
}
