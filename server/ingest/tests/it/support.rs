//! A pipeline of its own for each test, and messages of synthetic people.

use std::io::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};

use definitions::Definitions;
use fhir::Instant;
use ingest::{Envelope, Ingest, IngestOptions, QuarantineCode, Receipt, Strictnesses};
use policy::{Grant, SystemToken, Task};
use profiles::{Strictness, Validator};
use search::Registry;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor};
use store::{Location, MessageRecord, Page, Store, StoreOptions, WriteBatch, WriteOp};

pub const NUMBER: &str = "9990000018";
pub const OTHER_NUMBER: &str = "9990000026";
/// 1 March 2026.
const NOW: i64 = 1_772_323_200_000;

struct Shared {
    registry: Arc<Registry>,
    validator: Arc<Validator>,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let base = Definitions::r4().unwrap();
        let definitions = Arc::new(profiles::with_uk_core(&base).unwrap());
        Shared { registry: Arc::new(Registry::new(&definitions)), validator: Arc::new(Validator::new(definitions)) }
    })
}

pub struct House {
    pub store: Store,
    pub ingest: Arc<Ingest>,
    /// The pipeline of another process on the same store.
    pub other_ingest: Arc<Ingest>,
    pub gate: Gate,
    location: Location,
}

/// Holds up the thread that writes, while it is shut: what a slow disk does.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn shut(&self) {
        *self.0.0.lock().unwrap() = true;
    }

    pub fn open(&self) {
        *self.0.0.lock().unwrap() = false;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        if std::thread::current().name() == Some("store-writer") {
            drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |is_shut| *is_shut).unwrap());
        }
    }
}

/// What differs from the usual in a test.
#[derive(Clone, Copy)]
pub struct Settings {
    pub quarantine_code: QuarantineCode,
    pub write_queue_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { quarantine_code: QuarantineCode::Error, write_queue_max: 1024 }
    }
}

async fn house(location: Location, settings: Settings) -> House {
    let clock = Arc::new(AtomicI64::new(NOW));
    let now = Arc::new(move || Instant(clock.fetch_add(1, Ordering::SeqCst)));
    let gate = Gate::default();
    let (passed, ticks) = (gate.clone(), now.clone());
    let of_store = Arc::new(move || {
        passed.pass();
        ticks()
    });
    let mut options = StoreOptions::new(location.clone(), Arc::clone(&shared().registry), of_store);
    options.write_queue_max = settings.write_queue_max;
    let store = Store::open(options).await.unwrap();
    let strictness = Strictness::Reject;
    let ingest = || {
        Ingest::new(IngestOptions {
            answerer: None,
            store: store.clone(),
            registry: Arc::clone(&shared().registry),
            validators: Arc::new(profiles::InForce::new(Arc::clone(&shared().validator))),
            clock: now.clone(),
            random: Arc::new(|| [7; 32]),
            token: SystemToken::mint(),
            ods_code: "RZ9".to_owned(),
            strictness: Strictnesses { acute_hl7v2: strictness, gp_connect: strictness, social_care_cld: strictness },
            quarantine_code: settings.quarantine_code,
        })
    };
    House { ingest: Arc::new(ingest()), other_ingest: Arc::new(ingest()), store, gate, location }
}

/// Runs a test on each database that there is.
pub fn on_each<F: Future<Output = ()>>(name: &str, test: impl Fn(House) -> F) {
    on_each_with(name, Settings::default(), test);
}

/// Runs a test with settings of its own on each database that there is.
pub fn on_each_with<F: Future<Output = ()>>(name: &str, settings: Settings, test: impl Fn(House) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        test(house(Location::Sqlite(directory.path().to_owned()), settings).await).await;
        let Ok(url) = std::env::var("WEIR_TEST_DATABASE_URL") else { return say_what_is_left_out() };
        let schema = format!("ingest_{name}_{}", std::process::id());
        run_sql(&url, format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")).await;
        let join = if url.contains('?') { '&' } else { '?' };
        let location = Location::Postgres(format!("{url}{join}options=-c%20search_path%3D{schema}"));
        test(house(location, settings).await).await;
        run_sql(&url, format!("DROP SCHEMA {schema} CASCADE")).await;
    });
}

/// Says once how many tests ran on SQLite alone; past the capture of test output.
fn say_what_is_left_out() {
    static SAID: OnceLock<()> = OnceLock::new();
    SAID.get_or_init(|| {
        let sources = [
            include_str!("labels.rs"),
            include_str!("linking.rs"),
            include_str!("messages.rs"),
            include_str!("mllp.rs"),
            include_str!("overload.rs"),
            include_str!("public_data.rs"),
            include_str!("refusals.rs"),
            include_str!("replay.rs"),
        ];
        let count: usize = sources.iter().map(|source| source.matches("    on_each").count()).sum();
        let line = format!("ingest: {count} tests left out on PostgreSQL: WEIR_TEST_DATABASE_URL is not set\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    });
}

async fn run_sql(url: &str, sql: String) {
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    pool.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.unwrap();
    pool.close().await;
}

pub fn system() -> Grant {
    Grant::for_system(Task::Facts, &SystemToken::mint())
}

impl House {
    pub async fn receive(&self, feed: &str, message: impl Into<Vec<u8>>) -> Receipt {
        self.ingest.receive(feed, message.into().into(), Envelope::default()).await.unwrap()
    }

    pub async fn hl7(&self, message: String) -> Receipt {
        self.receive("acute-hl7v2", message).await
    }

    /// Puts a message into quarantine, as an earlier version would have that did not understand it.
    pub async fn quarantine(&self, message_id: &str, message: &str) {
        let received = Instant(NOW);
        let record =
            MessageRecord::new("acute-hl7v2", "", message_id, message.trim_end().as_bytes(), received).unwrap();
        self.store.quarantine_message(record, "resource-invalid", "{}").await.unwrap();
    }

    /// Writes a resource as a client of the API would.
    pub async fn put(&self, resource: &Value) {
        let json = fhir::Json::from_value(resource);
        let facts = profiles::AnsweredFacts::new();
        let profiles::Verdict::Validated(validated) = shared().validator.validate(json, &Default::default(), &facts)
        else {
            panic!("the resource is not valid")
        };
        let op = WriteOp::Put {
            resource: validated,
            id: id(resource).to_owned(),
            interaction: policy::Interaction::Update,
            if_match: None,
            if_none_exist: None,
        };
        let source = policy::Source::feed("rest");
        self.store.write(&system(), WriteBatch::new(vec![op], source)).await.unwrap();
    }

    /// Takes the place away where messages are kept.
    pub async fn break_messages(&self) {
        let sql = "DROP TABLE message";
        match &self.location {
            Location::Sqlite(directory) => {
                let url = format!("sqlite://{}", directory.join("weir.db").display());
                let mut file = sqlx::SqliteConnection::connect(&url).await.unwrap();
                file.execute(sql).await.unwrap();
            }
            Location::Postgres(url) => run_sql(url, sql.to_owned()).await,
        }
    }

    /// What a search finds.
    pub async fn find(&self, type_name: &str, name: &str, value: &str) -> Vec<Value> {
        let params = [(name.to_owned(), value.to_owned())];
        let query = search::parse(type_name, &params, &shared().registry, &search::Options::default()).unwrap();
        let grant = system();
        let found = self.store.search(&grant, &query, Page { count: 100, ..Page::default() }).await.unwrap();
        found
            .matches
            .iter()
            .map(|version| serde_json::from_slice(version.system_body(&grant).unwrap()).unwrap())
            .collect()
    }

    pub async fn patients(&self, number: &str) -> Vec<Value> {
        self.find("Patient", "identifier", &format!("https://fhir.nhs.uk/Id/nhs-number|{number}")).await
    }

    /// How many persons the Patients with a number point to.
    pub async fn persons(&self, number: &str) -> usize {
        let mut persons = Vec::new();
        for patient in self.patients(number).await {
            persons.push(self.store.person_of_patient(id(&patient)).await.unwrap().unwrap());
        }
        persons.sort_unstable();
        persons.dedup();
        persons.len()
    }

    pub async fn reasons(&self) -> Vec<String> {
        self.store.open_reviews().await.unwrap().into_iter().map(|review| review.question.reason).collect()
    }

    pub async fn assert_whole(&self) {
        assert_eq!(self.store.check(&system()).await.unwrap().problems, Vec::<String>::new());
        self.store.audit().verify().await.unwrap();
    }
}

pub fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

/// A patient as an acute trust knows one.
#[derive(Clone, Copy)]
pub struct Acute<'a> {
    pub record: &'a str,
    pub number: &'a str,
    pub birth_date: &'a str,
    pub family: &'a str,
}

pub const ARAMINTA: Acute<'_> = Acute { record: "WT1", number: NUMBER, birth_date: "19441026", family: "QUILLFEATHER" };

impl Acute<'_> {
    fn pid(&self) -> String {
        let Self { record, number, birth_date, family } = self;
        format!("PID|1||{number}^^^NHS^NH~{record}^^^RZ9^MR||{family}^Araminta||{birth_date}|2\r")
    }

    /// A registration; `time` is `YYYYMMDDHHMMSS`.
    pub fn registration(&self, control_id: &str, time: &str) -> String {
        header("ADT^A28", control_id, time) + &format!("EVN|A28|{time}\r") + &self.pid() + "PV1|1|N\r"
    }

    pub fn merge(&self, control_id: &str, time: &str, loser: &str) -> String {
        header("ADT^A40", control_id, time)
            + &format!("EVN|A40|{time}\r")
            + &self.pid()
            + &format!("MRG|{loser}^^^RZ9^MR\r")
    }

    pub fn result(&self, control_id: &str, time: &str) -> String {
        header("ORU^R01", control_id, time)
            + &self.pid()
            + &format!(
                "OBR|1|O-{control_id}^EPIC|L-{control_id}^LAB|26604007^Complete blood count^SNCT|||{time}|||||||||||||||{time}||HM|F\r"
            )
            + "OBX|1|NM|718-7^Haemoglobin^LN||101|g/L|115-165|L|||F\r"
    }
}

fn header(kind: &str, control_id: &str, time: &str) -> String {
    format!("MSH|^~\\&|EPIC|RZ9|ROUTE|ROUTE|{time}||{kind}|{control_id}|P|2.4|||||GBR|UNICODE UTF-8\r")
}

/// A GP Connect record of one patient with one observation, as drawn on that day.
pub fn gp_record(number: &str, birth_date: &str) -> Value {
    json!({ "resourceType": "Bundle", "id": "record", "type": "collection", "entry": [
        { "resource": { "resourceType": "Organization", "id": "org1", "name": "Weir Lane Surgery",
            "identifier": [{ "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "XX001" }] } },
        { "resource": { "resourceType": "Patient", "id": "p1", "birthDate": birth_date, "gender": "female",
            "name": [{ "use": "official", "family": "Quillfeather", "given": ["Araminta"] }],
            "managingOrganization": { "reference": "Organization/org1" },
            "identifier": [{ "system": "https://fhir.nhs.uk/Id/nhs-number", "value": number }] } },
        { "resource": { "resourceType": "Observation", "id": "o1", "status": "final", "code": { "text": "Weight" },
            "effectiveDateTime": "2020-01-02",
            "subject": { "reference": "Patient/p1" },
            "performer": [{ "reference": "Organization/org1" }],
            "valueQuantity": { "value": 71.50, "unit": "kg" } } },
    ]})
}

/// A client level data file; each row is a person's id, number and birth date (dd/mm/yyyy).
pub fn cld(rows: &[[&str; 3]]) -> String {
    let mut text = "LA Code,Reporting Period End Date,NHS Number,LA Person Unique Identifier,Gender,Date of Birth,\
                    Client Type,Event Type,Event Start Date,Event End Date,Service Component,Event Outcome\n"
        .to_owned();
    for [person, number, birth_date] in rows {
        text += &format!("716,30/06/2025,{number},{person},Female,{birth_date},Service user,Service,01/05/2025,,,\n");
    }
    text
}
