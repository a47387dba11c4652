//! Runs a test on SQLite and, where `WEIR_TEST_DATABASE_URL` names one, on PostgreSQL.
//!
//! Tests that run at the same time share one server for each database, which stops with the last of them: a test keeps to its own people,
//! clients and logins. A test that needs other settings, or counts what is in the store, starts a server of its own.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock, Weak};

use app::config::Config;
use futures_util::FutureExt as _;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use crate::TestApp;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap());

static SHARED: [Mutex<Weak<TestApp>>; 2] = [const { Mutex::const_new(Weak::new()) }; 2];

fn postgres_url() -> Option<String> {
    std::env::var("WEIR_TEST_DATABASE_URL").ok()
}

/// Runs a test against the shared server of each database; `name` tells it apart in what a failure prints.
pub fn on_each<F: Future<Output = ()>>(name: &str, test: impl Fn(Arc<TestApp>) -> F) {
    RUNTIME.block_on(async {
        println!("{name} on SQLite");
        run(shared(0, None).await, &test).await;
        match postgres_url() {
            Some(url) => {
                println!("{name} on PostgreSQL");
                run(shared(1, Some(&url)).await, &test).await;
            }
            None => say_what_is_left_out(),
        }
    });
}

/// Runs a test against a server of its own on each database, with settings of its own.
pub fn on_each_own<F: Future<Output = ()>>(
    name: &str,
    configure: impl Fn(&mut Config),
    test: impl Fn(Arc<TestApp>) -> F,
) {
    RUNTIME.block_on(async {
        println!("{name} on SQLite");
        run(Arc::new(TestApp::start(None, &configure).await), &test).await;
        match postgres_url() {
            Some(url) => {
                println!("{name} on PostgreSQL");
                run(Arc::new(TestApp::start(Some(&url), &configure).await), &test).await;
            }
            None => say_what_is_left_out(),
        }
    });
}

/// Runs a test on PostgreSQL alone, which the server under test reaches through what `through` makes of its address: a local port.
pub fn on_postgres_through<P: Future<Output = u16>, F: Future<Output = ()>>(
    through: impl FnOnce(String) -> P,
    configure: impl Fn(&mut Config),
    test: impl Fn(Arc<TestApp>) -> F,
) {
    RUNTIME.block_on(async {
        let Some(url) = postgres_url() else { return say_what_is_left_out() };
        let parsed = url::Url::parse(&url).unwrap();
        let address = format!("{}:{}", parsed.host_str().unwrap(), parsed.port().unwrap_or(5432));
        let port = through(address).await;
        let by_proxy = |config: &mut Config| {
            configure(config);
            let mut url = url::Url::parse(&config.server.database_url).unwrap();
            url.set_host(Some("127.0.0.1")).unwrap();
            url.set_port(Some(port)).unwrap();
            config.server.database_url = url.into();
        };
        run(Arc::new(TestApp::start(Some(&url), &by_proxy).await), &test).await;
    });
}

/// Runs what has nothing to do with the database once.
pub fn on_sqlite<F: Future<Output = ()>>(configure: impl Fn(&mut Config), test: impl Fn(Arc<TestApp>) -> F) {
    RUNTIME.block_on(async { run(Arc::new(TestApp::start(None, &configure).await), &test).await });
}

async fn shared(slot: usize, url: Option<&str>) -> Arc<TestApp> {
    let mut kept = SHARED[slot].lock().await;
    if let Some(app) = kept.upgrade() {
        return app;
    }
    let app = Arc::new(TestApp::start(url, &|_| ()).await);
    *kept = Arc::downgrade(&app);
    app
}

/// Runs, tidies up when nobody else uses the server, and only then fails.
async fn run<F: Future<Output = ()>>(app: Arc<TestApp>, test: &impl Fn(Arc<TestApp>) -> F) {
    let result = AssertUnwindSafe(test(Arc::clone(&app))).catch_unwind().await;
    if let Some(app) = Arc::into_inner(app) {
        app.stop().await;
    }
    if let Err(panic) = result {
        resume_unwind(panic);
    }
}

/// Says once how many tests ran on SQLite alone; past the capture of test output.
fn say_what_is_left_out() {
    static SAID: OnceLock<()> = OnceLock::new();
    SAID.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it");
        let sources = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let count: usize = sources
            .map(|path| std::fs::read_to_string(path).unwrap())
            .map(|text| text.matches("    on_each(").count() + text.matches("    on_each_own(").count())
            .sum();
        let line = format!("tests: {count} tests left out on PostgreSQL: WEIR_TEST_DATABASE_URL is not set\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    });
}
