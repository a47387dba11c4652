//! The server under test, put together by the binary's own wiring.

use std::sync::atomic::{AtomicU32, Ordering};

use app::command::opt_out;
use app::config::Config;
use app::wiring::{House, Running};
use sqlx::Executor as _;
use store::audit::{AuditEntry, AuditFilter};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::{Api, Browser};

/// A running Weir with what a test needs to reach it.
pub struct TestApp {
    /// The parts behind the front door, to look what an answer left in the store.
    pub house: House,
    /// Public URL of the FHIR API.
    pub base_url: String,
    /// Scheme, host and port.
    pub origin: String,
    pub(crate) client: reqwest::Client,
    running: Mutex<Option<Running>>,
    schema: Option<Schema>,
    _folder: TempDir,
}

impl TestApp {
    /// Starts a server on an empty SQLite store, or in an empty schema of the PostgreSQL that the URL names.
    pub(crate) async fn start(postgres_url: Option<&str>, configure: &impl Fn(&mut Config)) -> TestApp {
        let folder = tempfile::tempdir().unwrap();
        let schema = match postgres_url {
            Some(url) => Some(Schema::make(url).await),
            None => None,
        };
        let mut config = Config::load(None, std::iter::empty()).unwrap();
        config.server.data_dir = folder.path().to_owned();
        config.server.workers = 2;
        config.outbound.private_addresses = true;
        if let Some(schema) = &schema {
            config.server.database_url = schema.database_url();
        }
        configure(&mut config);
        config.server.listen = "127.0.0.1:0".to_owned();
        let mut house = House::open(config).await.unwrap();
        let running = Running::start(&mut house, Vec::new()).await.unwrap();
        TestApp {
            base_url: house.config.server.base_url(),
            origin: house.config.server.public_origin(),
            client: http_client(),
            house,
            running: Mutex::new(Some(running)),
            schema,
            _folder: folder,
        }
    }

    /// Stops the server and removes what it stored.
    pub(crate) async fn stop(self) {
        self.stop_serving().await;
        drop(self.house);
        if let Some(schema) = self.schema {
            schema.remove().await;
        }
    }

    /// Stops the server alone, as a signal would; a second stop does nothing.
    pub async fn stop_serving(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.stop().await.unwrap();
        }
    }

    /// Asks about the NHS numbers of everybody in the store, and loads an answer without those of the opted out.
    pub async fn answer_opt_outs(&self, opted_out: &[&str]) {
        let asked = opt_out::request(&self.house).await.unwrap();
        let is_returned = |line: &&str| opted_out.iter().all(|number| !line.contains(number));
        let answer: String = asked.lines().filter(is_returned).map(|line| format!("{line}\n")).collect();
        opt_out::load(&self.house, &answer, &asked).await.unwrap();
    }

    /// Takes the audit log away under the running server.
    pub async fn lose_audit_log(&self) {
        match &self.schema {
            Some(schema) => schema.run(format!("DROP TABLE {}.audit CASCADE", schema.name)).await,
            None => std::fs::remove_file(self.house.config.server.data_dir.join("audit.journal")).unwrap(),
        }
    }

    /// The tables of the main database that hold a text anywhere in a row, but for the audit log.
    pub async fn tables_holding(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        match &self.schema {
            Some(schema) => {
                let pool = sqlx::PgPool::connect(&schema.url).await.unwrap();
                let columns: Vec<(String, String, String)> = sqlx::query_as(
                    "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns \
                     WHERE table_schema = $1 ORDER BY 1",
                )
                .bind(&schema.name)
                .fetch_all(&pool)
                .await
                .unwrap();
                for (table, column, kind) in columns {
                    let holds = match kind.as_str() {
                        "bytea" => format!("position(convert_to($1, 'UTF8') in \"{column}\") > 0"),
                        _ => format!("position($1 in \"{column}\"::text) > 0"),
                    };
                    let sql = format!("SELECT count(*) FROM {}.\"{table}\" WHERE {holds}", schema.name);
                    let query = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(sql)).bind(text);
                    found.extend((query.fetch_one(&pool).await.unwrap() > 0).then_some(table));
                }
                pool.close().await;
            }
            None => {
                let path = self.house.config.server.data_dir.join("weir.db");
                let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
                let columns: Vec<(String, String)> = sqlx::query_as(
                    "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY 1",
                )
                .fetch_all(&pool)
                .await
                .unwrap();
                for (table, column) in columns {
                    let holds = format!("instr(CAST(\"{column}\" AS BLOB), CAST($1 AS BLOB)) > 0");
                    let sql = format!("SELECT count(*) FROM \"{table}\" WHERE {holds}");
                    let query = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(sql)).bind(text);
                    found.extend((query.fetch_one(&pool).await.unwrap() > 0).then_some(table));
                }
                pool.close().await;
            }
        }
        found.retain(|table| !table.starts_with("audit"));
        found.dedup();
        found
    }

    /// Holds that the store and its audit log are whole.
    pub async fn check_store(&self) {
        let grant = policy::Grant::for_system(policy::Task::Check, &self.house.token);
        let report = self.house.store.check(&grant).await.unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        assert!(self.house.store.audit().verify().await.unwrap().broken.is_none());
    }

    /// Without a token.
    pub fn anonymous(&self) -> Api<'_> {
        Api { app: self, token: None }
    }

    /// With a token.
    pub fn with_token(&self, token: &str) -> Api<'_> {
        Api { app: self, token: Some(token.to_owned()) }
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser<'_> {
        Browser::new(self)
    }

    /// The audit records of one request.
    pub async fn audited(&self, request_id: &str) -> Vec<AuditEntry> {
        let audit = self.house.store.audit();
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let page = audit.page(&AuditFilter::default(), after, 1000).await.unwrap();
            found.extend(page.entries.into_iter().filter(|e| e.record.request_id.as_deref() == Some(request_id)));
            match page.next {
                Some(next) => after = next,
                None => return found,
            }
        }
    }
}

/// A client that follows no redirect. It keeps no idle connection: one that the server is closing would fail the next request.
pub fn http_client() -> reqwest::Client {
    // The process may have one already; whichever is there will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder.pool_max_idle_per_host(0).build().unwrap()
}

/// A schema of its own in a PostgreSQL that somebody else uses too.
struct Schema {
    url: String,
    name: String,
}

impl Schema {
    async fn make(url: &str) -> Schema {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tests_{}_{count}", std::process::id());
        let schema = Schema { url: url.to_owned(), name };
        schema.run(format!("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}", schema.name)).await;
        schema
    }

    fn database_url(&self) -> String {
        let join = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{join}options=-c%20search_path%3D{}", self.url, self.name)
    }

    async fn remove(self) {
        self.run(format!("DROP SCHEMA {} CASCADE", self.name)).await;
    }

    async fn run(&self, sql: String) {
        let pool = sqlx::PgPool::connect(&self.url).await.unwrap();
        pool.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.unwrap();
        pool.close().await;
    }
}
