//! A run: the stores it makes and the workloads on them, in order.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::drive::Measured;
use super::population::{Population, References};
use super::report::Row;
use super::server::{Place, Server, Validation, start_ceiling};
use super::workload::crud::Crud;
use super::workload::import::{self, Import};
use super::workload::ndjson;
use super::workload::read::Read;
use super::workload::search::{Count, Searches};
use super::workload::shapes::SHAPES;
use super::workload::transactions::Transactions;
use super::{Options, Workload, machine};

/// How long the server has nothing to do before its memory is told.
const REST_TIME: Duration = Duration::from_secs(1);
/// How long a timed row takes in a smoke run.
const SMOKE_TIME: Duration = Duration::from_millis(300);
/// Patients that are loaded under one token, which is good for an hour.
const PATIENTS_A_TOKEN: u64 = 1000;
/// Connections that load the store which the other workloads use.
const LOAD_CONNECTIONS: usize = 4;

/// A run in progress.
struct Session<'a> {
    options: &'a Options,
    programs: &'a Path,
    folder: PathBuf,
    rows: Vec<Row>,
}

/// Runs what is wanted and gives the rows.
pub(super) async fn run(programs: &Path, options: &Options) -> Result<Vec<Row>> {
    let temporary = std::env::temp_dir().join(format!("weir-bench-{}", std::process::id()));
    let folder = options.data_dir.clone().unwrap_or_else(|| temporary.clone());
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let mut session = Session { options, programs, folder, rows: Vec::new() };
    let told = format!("the data and the server's log are left in {}", session.folder.display());
    session.all().await.context(told)?;
    if options.data_dir.is_none() {
        session.forget("main")?;
        fs::remove_dir_all(&temporary).with_context(|| format!("remove {}", temporary.display()))?;
    }
    Ok(session.rows)
}

impl Session<'_> {
    async fn all(&mut self) -> Result<()> {
        let sync = machine::sync_ms(&self.folder)?;
        self.add(Row::value("machine", "4 kB written durably", "ms", Some(sync)));
        let rate = machine::making_rate(&self.options.population());
        self.add(Row::value("machine", "resources made by the bench itself", "resources/s", Some(rate)));
        if self.options.is_wanted(Workload::Import) {
            self.imports().await?;
        }
        if self.options.is_wanted(Workload::Ndjson) {
            for validation in [Validation::None, Validation::Base, Validation::Full] {
                self.ndjson(validation)?;
            }
        }
        let place = self.place("main")?;
        let loaded = self.load(&place).await?;
        if self.options.is_wanted(Workload::Disk) {
            self.disk(&place, loaded)?;
        }
        let server = Server::start(&place, Validation::Full).await?;
        if self.options.is_wanted(Workload::Start) {
            self.start(&server).await?;
        }
        self.on_loaded(server, &place).await
    }

    async fn on_loaded(&mut self, mut server: Server, place: &Place) -> Result<()> {
        let wanted = |workload| self.options.is_wanted(workload);
        let (read, crud, transactions) =
            (wanted(Workload::Read), wanted(Workload::Crud), wanted(Workload::Transactions));
        let (search, count) = (wanted(Workload::Search), wanted(Workload::Count));
        // Searches come before what adds to the store.
        if read {
            self.reads(&server, place).await?;
        }
        server.renew_token().await?;
        if search {
            self.searches(&server).await?;
        }
        if count {
            self.count(&server).await?;
        }
        server.renew_token().await?;
        if crud {
            self.crud(&server).await?;
        }
        if transactions {
            self.transactions(&server).await?;
        }
        server.process.stop()
    }

    /// Each into an empty store.
    async fn imports(&mut self) -> Result<()> {
        let connections: &[usize] = if self.options.smoke { &[2] } else { &[1, 2, 4, 8] };
        for validation in [Validation::None, Validation::Base, Validation::Full] {
            for connections in connections {
                self.import(validation, *connections, References::Relative).await?;
            }
        }
        self.import(Validation::Base, LOAD_CONNECTIONS, References::Urn).await
    }

    async fn import(&mut self, validation: Validation, connections: usize, references: References) -> Result<()> {
        let population = Population {
            patients: self.options.import_patients(),
            is_claiming: validation != Validation::Base,
            references,
            ..self.options.population()
        };
        let verb = if references == References::Urn { "POST" } else { "PUT" };
        let what = format!("bundles, validation {}, {verb}", validation.as_str());
        self.say(&format!("import: {what}, {connections} connections"));
        // A run that failed may have left one.
        self.forget("import")?;
        let place = self.place("import")?;
        let server = Server::start(&place, validation).await?;
        import::shared(&server.target, &population).await?;
        let source = Import::patients(&server.target, population, 0, population.patients);
        let before = server.counter("weir_store_commits_total").await?;
        let (measured, _) = server.drive(connections, None, source).await?;
        let commits = server.counter("weir_store_commits_total").await? - before;
        let row = Row::measured("import", &what, "resources/s", connections, &measured);
        self.add(row.noting(&format!("{:.1} bundles a commit", measured.requests as f64 / commits.max(1.0))));
        server.process.stop()?;
        self.forget("import")
    }

    /// One file into an empty store, from the start of the process to its end: done is durable and searchable.
    fn ndjson(&mut self, validation: Validation) -> Result<()> {
        let what = format!("a file, validation {}", validation.as_str());
        self.say(&format!("ndjson: {what}"));
        self.forget("import")?;
        let place = self.place("import")?;
        let population = Population {
            patients: self.options.import_patients(),
            is_claiming: validation != Validation::Base,
            ..self.options.population()
        };
        let file = self.folder.join("bench.ndjson");
        let resources = ndjson::write(&file, &population)?;
        place.run(&["migrate"])?;
        let started = Instant::now();
        place.ingest(&file, validation)?;
        let mut row = Row::value("ndjson", &what, "resources/s", None);
        row.rate = Some(resources as f64 / started.elapsed().as_secs_f64());
        self.add(row.noting(&format!("{resources} resources")));
        fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
        self.forget("import")
    }

    /// Fills the store that the other workloads use, or finds it filled; gives the number of resources.
    async fn load(&mut self, place: &Place) -> Result<u64> {
        let population = self.options.population();
        let loaded = json!({"seed": population.seed, "patients": population.patients});
        let mark = place.data_dir.join("bench-loaded.json");
        if let Ok(text) = fs::read_to_string(&mark) {
            let found: Value = serde_json::from_str(&text).with_context(|| format!("read {}", mark.display()))?;
            ensure!(
                found.get("population") == Some(&loaded),
                "{} holds other patients: {found}",
                place.data_dir.display()
            );
            return found.get("resources").and_then(Value::as_u64).context("the mark of the store has no number");
        }
        self.say(&format!("load: {} patients, validation {}", population.patients, self.options.validation.as_str()));
        // What a run that failed may have left is not whole.
        self.forget("main")?;
        let place = &self.place("main")?;
        let mut server = Server::start(place, self.options.validation).await?;
        let mut resources = import::shared(&server.target, &population).await?;
        let (started, mut first) = (Instant::now(), 0);
        let mut last = Measured::default();
        while first < population.patients {
            let end = population.patients.min(first + PATIENTS_A_TOKEN);
            server.renew_token().await?;
            let source = Import::patients(&server.target, population, first, end);
            (last, _) = server.drive(LOAD_CONNECTIONS, None, source).await?;
            ensure!(last.errors == 0, "a bundle was refused: {}", last.first_error.unwrap_or_default());
            resources += last.units;
            first = end;
            self.say(&format!("load: {end} of {} patients, {:.0} resources/s", population.patients, last.rate()));
        }
        let what = format!("{} patients, validation {}", population.patients, self.options.validation.as_str());
        let mut row = Row::measured("load", &what, "resources/s", LOAD_CONNECTIONS, &last);
        row.rate = Some(resources as f64 / started.elapsed().as_secs_f64());
        self.add(row.noting(&format!("{resources} resources; the last of them at {:.0}/s", last.rate())));
        server.process.stop()?;
        fs::write(&mark, json!({"population": loaded, "resources": resources}).to_string())?;
        Ok(resources)
    }

    /// Bytes of the store at rest. Whoever closes SQLite's files last moves the write-ahead log into them.
    fn disk(&mut self, place: &Place, resources: u64) -> Result<()> {
        place.run(&["migrate"])?;
        let each = |bytes: u64| Some(bytes as f64 / resources.max(1) as f64);
        if let Some(url) = &place.database_url {
            psql(url, "CHECKPOINT")?;
            let bytes = psql(url, "SELECT pg_database_size(current_database())")?.parse()?;
            self.add(Row::value("disk", "the database, audit log included", "bytes/resource", each(bytes)));
            return Ok(());
        }
        for (what, file) in
            [("resources, history, index", "weir.db"), ("audit log", "audit.db"), ("log not yet moved", "weir.db-wal")]
        {
            let bytes = fs::metadata(place.data_dir.join(file)).map_or(0, |metadata| metadata.len());
            self.add(Row::value("disk", &format!("{what} ({file})"), "bytes/resource", each(bytes)));
        }
        Ok(())
    }

    /// The start of the server on the loaded store, which has just happened, and its memory when it has nothing to do.
    async fn start(&mut self, server: &Server) -> Result<()> {
        tokio::time::sleep(REST_TIME).await;
        let (now, _) = server.process.memory()?;
        let took = server.process.start.as_secs_f64() * 1000.0;
        self.add(Row::value("start", "process to first 200 of /health/ready", "ms", Some(took)));
        self.add(Row::value("start", "resident memory at rest", "MB", Some(now as f64 / 1e6)));
        Ok(())
    }

    async fn reads(&mut self, server: &Server, place: &Place) -> Result<()> {
        let population = self.options.population();
        for connections in [1, 32] {
            self.say(&format!("read: {connections} connections"));
            server.drive(connections, Some(self.warm_up()), Read::new(&server.target, population)).await?;
            let source = Read::new(&server.target, population);
            let (measured, source) = server.drive(connections, Some(self.time()), source).await?;
            let body_bytes = usize::try_from(source.bytes / measured.units.max(1))?;
            let (ceiling, target) = start_ceiling(place, body_bytes).await?;
            let read = || Read::new(&target, population);
            ceiling.drive(target.address, (connections, Some(self.warm_up())), read()).await?;
            let (highest, _) = ceiling.drive(target.address, (connections, Some(self.time())), read()).await?;
            ceiling.stop()?;
            let mut row = Row::measured("read", "Patient by id", "requests/s", connections, &measured);
            row.ratio_to_ceiling = Some(measured.rate() / highest.rate());
            self.add(row);
            let what = format!("ceiling: {body_bytes} constant bytes");
            self.add(Row::measured("read", &what, "requests/s", connections, &highest));
        }
        Ok(())
    }

    async fn crud(&mut self, server: &Server) -> Result<()> {
        self.say("crud");
        let source = Crud::new(&server.target, self.options.population());
        let (_, source) = server.drive(16, Some(self.warm_up()), source).await?;
        let (measured, _) = server.drive(16, Some(self.time()), source).await?;
        self.add(Row::measured("crud", "10 create, 60 read, 25 update, 5 delete", "requests/s", 16, &measured));
        Ok(())
    }

    async fn transactions(&mut self, server: &Server) -> Result<()> {
        for connections in [1, 64] {
            self.say(&format!("transactions: {connections} connections"));
            let source = Transactions::new(&server.target, self.options.population());
            let (_, source) = server.drive(connections, Some(self.warm_up()), source).await?;
            let store = server.counter("weir_store_commits_total").await?;
            let audit = server.counter("weir_audit_commits_total").await?;
            let (measured, _) = server.drive(connections, Some(self.time()), source).await?;
            let store = server.counter("weir_store_commits_total").await? - store;
            let audit = server.counter("weir_audit_commits_total").await? - audit;
            let each = |commits: f64| measured.requests as f64 / commits.max(1.0);
            let note =
                format!("{:.1} a commit of the store, {:.1} a commit of the audit log", each(store), each(audit));
            let row = Row::measured("transactions", "two Observations each", "transactions/s", connections, &measured);
            self.add(row.noting(&note));
        }
        Ok(())
    }

    async fn searches(&mut self, server: &Server) -> Result<()> {
        let population = self.options.population();
        let time = self.time() / 3;
        let mut measured_shapes: Vec<(&str, Measured)> = Vec::new();
        for shape in &SHAPES {
            self.say(&format!("search: {}", shape.name));
            let source = Searches::of(shape, &server.target, &population)?;
            if let Some(refusal) = source.refusal().await? {
                self.add(Row::value("search", shape.name, "", None).noting(&refusal));
                continue;
            }
            let (measured, source) = server.drive(1, Some(time), source).await?;
            let entries = source.entries as f64 / measured.units.max(1) as f64;
            let row = Row::measured("search", shape.name, "requests/s", 1, &measured);
            self.add(row.noting(&format!("{entries:.1} entries each")));
            measured_shapes.push((shape.name, measured));
        }
        let mut medians: Vec<f64> = measured_shapes.iter().map(|(_, measured)| measured.percentile_ms(50)).collect();
        medians.sort_by(f64::total_cmp);
        let worst = measured_shapes.iter().max_by(|a, b| a.1.percentile_ms(99).total_cmp(&b.1.percentile_ms(99)));
        let mut row = Row::value("search", &format!("median of the {} shapes", medians.len()), "", None);
        row.p50_ms = medians.get(medians.len() / 2).copied();
        row.p99_ms = worst.map(|(_, measured)| measured.percentile_ms(99));
        let note = format!(
            "p99 of the worst: {}; {} not supported",
            worst.map_or("", |(name, _)| name),
            SHAPES.len() - medians.len()
        );
        self.add(row.noting(&note));
        Ok(())
    }

    async fn count(&mut self, server: &Server) -> Result<()> {
        self.say("count");
        let times = if self.options.smoke { 2 } else { 20 };
        let (measured, source) = server.drive(1, None, Count::times(&server.target, times)).await?;
        let row = Row::measured("count", "_summary=count of the skewed code", "requests/s", 1, &measured);
        self.add(row.noting(&format!("{} hits", source.total)));
        Ok(())
    }

    fn time(&self) -> Duration {
        if self.options.smoke { SMOKE_TIME } else { Duration::from_secs(self.options.seconds) }
    }

    /// How long before a row the same load runs unmeasured.
    fn warm_up(&self) -> Duration {
        self.time() / 10
    }

    /// The folder of a store, and its database when it is on PostgreSQL.
    fn place(&self, name: &str) -> Result<Place> {
        let data_dir = self.folder.join(name);
        fs::create_dir_all(&data_dir)?;
        let database_url = match &self.options.database_url {
            None => None,
            Some(url) => {
                let database = database(name);
                if psql(url, &format!("SELECT 1 FROM pg_database WHERE datname = '{database}'"))?.is_empty() {
                    psql(url, &format!("CREATE DATABASE {database}"))?;
                }
                let (server, _) = url.rsplit_once('/').context("the URL names no database")?;
                Some(format!("{server}/{database}"))
            }
        };
        Ok(Place { programs: self.programs.to_owned(), data_dir, database_url })
    }

    /// Removes a store.
    fn forget(&self, name: &str) -> Result<()> {
        let data_dir = self.folder.join(name);
        if data_dir.exists() {
            fs::remove_dir_all(&data_dir).with_context(|| format!("remove {}", data_dir.display()))?;
        }
        if let Some(url) = &self.options.database_url {
            psql(url, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", database(name)))?;
        }
        Ok(())
    }

    fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Progress: one line that changes on a terminal, a line each otherwise.
    fn say(&self, text: &str) {
        let mut error = std::io::stderr();
        // Nobody may be there to read it.
        let _ = if error.is_terminal() { write!(error, "\r\x1b[K{text}") } else { writeln!(error, "{text}") };
        let _ = error.flush();
    }
}

fn database(name: &str) -> String {
    format!("weir_bench_{name}")
}

/// Runs one statement and gives its value.
fn psql(url: &str, statement: &str) -> Result<String> {
    let output = std::process::Command::new("psql").args([url, "-qAtc", statement]).output().context("run psql")?;
    ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
