//! A store of its own for each test, on each database.

use std::io::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use definitions::Definitions;
use fhir::{Instant, Json};
use policy::{Grant, Interaction, Source, SystemToken, Task};
use profiles::{AnsweredFacts, Options, Strictness, Validated, Validator, Verdict};
use search::{Query, Registry};
use serde_json::{Value, json};
use sqlx::Executor;
use store::{Location, Page, SearchResult, Store, StoreError, StoreOptions, WriteBatch, WriteOp, Written};

struct Shared {
    registry: Arc<Registry>,
    validator: Validator,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let definitions = Arc::new(Definitions::r4().unwrap());
        Shared { registry: Arc::new(Registry::new(&definitions)), validator: Validator::new(definitions) }
    })
}

pub fn registry() -> Arc<Registry> {
    Arc::clone(&shared().registry)
}

pub fn system() -> Grant {
    Grant::for_system(Task::Ingest, &SystemToken::mint())
}

/// A store, with short ways to use it.
pub struct TestStore {
    pub store: Store,
}

pub fn options(location: Location, clock: &Arc<AtomicI64>) -> StoreOptions {
    let clock = Arc::clone(clock);
    let clock = Arc::new(move || Instant(clock.fetch_add(1, Ordering::SeqCst)));
    // No test waits for it, and machines that test are slow.
    let search_timeout = std::time::Duration::from_secs(300);
    StoreOptions { search_timeout, ..StoreOptions::new(location, registry(), clock) }
}

pub async fn sqlite(directory: &std::path::Path) -> TestStore {
    let clock = Arc::new(AtomicI64::new(1_700_000_000_000));
    let store = Store::open(options(Location::Sqlite(directory.to_owned()), &clock)).await.unwrap();
    TestStore { store }
}

fn schema_of(name: &str) -> String {
    format!("store_{name}_{}", std::process::id())
}

/// Leaves nothing behind in somebody's database.
pub async fn drop_schema(name: &str) {
    let Ok(url) = std::env::var("WEIR_TEST_DATABASE_URL") else { return };
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    let drop = format!("DROP SCHEMA {} CASCADE", schema_of(name));
    pool.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(drop))).await.unwrap();
    pool.close().await;
}

/// The URL of a schema of its own, if there is a PostgreSQL.
pub async fn postgres_url(name: &str) -> Option<String> {
    let url = std::env::var("WEIR_TEST_DATABASE_URL").ok()?;
    let schema = schema_of(name);
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    let create = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    pool.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(create))).await.unwrap();
    pool.close().await;
    let join = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{join}options=-c%20search_path%3D{schema}"))
}

async fn postgres(name: &str) -> Option<TestStore> {
    let location = Location::Postgres(postgres_url(name).await?);
    let clock = Arc::new(AtomicI64::new(1_700_000_000_000));
    let store = Store::open(options(location, &clock)).await.unwrap();
    Some(TestStore { store })
}

/// Runs a test on each database that there is.
pub fn on_each<F: Future<Output = ()>>(name: &str, test: impl Fn(TestStore) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        test(sqlite(directory.path()).await).await;
        match postgres(name).await {
            Some(store) => {
                test(store).await;
                drop_schema(name).await;
            }
            None => say_what_is_left_out(),
        }
    });
}

/// Says once how many tests ran on SQLite alone; past the capture of test output.
pub fn say_what_is_left_out() {
    static SAID: OnceLock<()> = OnceLock::new();
    SAID.get_or_init(|| {
        let sources = [
            include_str!("access.rs"),
            include_str!("reviews.rs"),
            include_str!("opt_out.rs"),
            include_str!("index_row.rs"),
            include_str!("jobs.rs"),
            include_str!("matching.rs"),
            include_str!("messages.rs"),
            include_str!("control.rs"),
            include_str!("audit.rs"),
            include_str!("crud.rs"),
            include_str!("paging.rs"),
            include_str!("person.rs"),
            include_str!("scan.rs"),
            include_str!("search_type.rs"),
        ];
        let count: usize = sources
            .iter()
            .map(|source| source.matches("    on_each(").count() + source.matches("= postgres_url(").count())
            .sum();
        let line = format!("store: {count} tests left out on PostgreSQL: WEIR_TEST_DATABASE_URL is not set\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    });
}

pub fn validated(value: &Value) -> Validated {
    let options = Options { strictness: Strictness::Warn, ..Options::default() };
    match shared().validator.validate(Json::from_value(value), &options, &AnsweredFacts::new()) {
        Verdict::Validated(validated) => validated,
        other => panic!("not validated: {other:?}"),
    }
}

pub fn put(id: &str, value: &Value) -> WriteOp {
    WriteOp::Put {
        resource: validated(value),
        id: id.to_owned(),
        interaction: Interaction::Update,
        if_match: None,
        if_none_exist: None,
    }
}

pub fn patient(family: &str, birth_date: &str) -> Value {
    json!({"resourceType": "Patient", "name": [{"family": family}], "birthDate": birth_date})
}

pub fn observation(patient: &str, code: &str) -> Value {
    json!({
        "resourceType": "Observation", "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]},
        "subject": {"reference": format!("Patient/{patient}")},
    })
}

pub fn query(type_name: &str, params: &[(&str, &str)]) -> Query {
    let params: Vec<(String, String)> =
        params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options = search::Options::default();
    search::parse(type_name, &params, &registry(), &options).unwrap()
}

impl TestStore {
    pub async fn write(&self, ops: Vec<WriteOp>) -> Result<Vec<Written>, StoreError> {
        self.store.write(&system(), WriteBatch::new(ops, Source::feed("rest"))).await
    }

    pub async fn put(&self, id: &str, value: &Value) -> Written {
        self.write(vec![put(id, value)]).await.unwrap().remove(0)
    }

    pub async fn delete(&self, type_name: &str, id: &str) -> Written {
        let op = WriteOp::Delete { type_name: type_name.to_owned(), id: id.to_owned(), if_match: None };
        self.write(vec![op]).await.unwrap().remove(0)
    }

    pub async fn page(&self, grant: &Grant, query: &Query, page: Page) -> SearchResult {
        self.store.search(grant, query, page).await.unwrap()
    }

    /// Ids of all matches, in order, read in one page.
    pub async fn find(&self, type_name: &str, params: &[(&str, &str)]) -> Vec<String> {
        let page = Page { count: 100, ..Page::default() };
        ids(&self.page(&system(), &query(type_name, params), page).await)
    }

    pub async fn assert_whole(&self) {
        let report = self.store.check(&system()).await.unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
    }
}

pub fn ids(result: &SearchResult) -> Vec<String> {
    result.matches.iter().map(|version| version.facts().id.clone()).collect()
}
