//! How fast and how small resources are written straight into the store: `cargo run --release -p store --example write_speed -- --help`.
//!
//! No HTTP and no validation rules: what the store itself costs, by thread, so that a slow step shows.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a tool for the developer that may stop on any fault"
)]

mod generate;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use definitions::Definitions;
use fhir::Json;
use policy::{Grant, Interaction, Source, SystemToken, Task};
use profiles::{AnsweredFacts, Options, Strictness, Validated, Validator, Verdict};
use search::Registry;
use store::{Location, Store, StoreError, StoreOptions, WriteBatch, WriteOp};

use crate::generate::{Made, Random, record};

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "write_speed [RESOURCES=20000] [PER_TRANSACTION=100] [CONNECTIONS=8] [POSTGRES_URL]\n";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument.starts_with('-')) {
        std::io::stdout().write_all(HELP.as_bytes()).unwrap();
        return;
    }
    let number = |n: usize, default: usize| arguments.get(n).map_or(default, |text| text.parse().unwrap());
    let (count, each, connections) = (number(0, 20_000), number(1, 100), number(2, 8));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(count, each, connections, arguments.get(3).cloned()));
}

async fn run(count: usize, each: usize, connections: usize, postgres: Option<String>) {
    let definitions = Arc::new(Definitions::r4().unwrap());
    let registry = Arc::new(Registry::new(&definitions));
    let validator = Validator::new(definitions);
    let made = make(count);
    let bytes: usize = made.iter().map(|one| one.text.len()).sum();
    let started = Instant::now();
    let parsed: Vec<(String, Json)> =
        made.into_iter().map(|one| (one.id, Json::parse(one.text.as_bytes()).unwrap())).collect();
    say(&format!("parsed: {:.1} us a resource", micros(started, count)));
    let directory = tempfile::tempdir().unwrap();
    let location = match &postgres {
        Some(url) => Location::Postgres(url.clone()),
        None => Location::Sqlite(directory.path().to_owned()),
    };
    let time = AtomicI64::new(1_700_000_000_000);
    let clock = Arc::new(move || fhir::Instant(time.fetch_add(1, Ordering::Relaxed)));
    let store = Store::open(StoreOptions::new(location, registry, clock)).await.unwrap();
    let mut batches: Vec<Vec<WriteOp>> = Vec::new();
    for (id, json) in parsed {
        if batches.last().is_none_or(|batch| batch.len() >= each) {
            batches.push(Vec::with_capacity(each));
        }
        batches.last_mut().unwrap().push(put(id, assessed(&validator, json)));
    }
    let before = cpu_by_thread();
    let started = Instant::now();
    write_all(&store, batches, connections).await;
    let rate = count as f64 / started.elapsed().as_secs_f64();
    say(&format!("wrote {count} resources of {} bytes: {rate:.0} a second", bytes / count));
    for (name, ticks) in cpu_by_thread() {
        let ticks = ticks - before.get(&name).copied().unwrap_or(0);
        if ticks > 0 {
            // A tick of /proc is a hundredth of a second.
            say(&format!("  {name}: {:.1} us a resource", ticks as f64 * 10_000.0 / count as f64));
        }
    }
    if postgres.is_none() {
        drop(store);
        report_size(directory.path(), count);
    }
}

fn make(count: usize) -> Vec<Made> {
    let mut random = Random(7);
    let mut made = Vec::with_capacity(count + 128);
    for number in 0.. {
        if made.len() >= count {
            break;
        }
        made.extend(record(&mut random, number));
    }
    made.truncate(count);
    made
}

fn assessed(validator: &Validator, json: Json) -> Validated {
    let options = Options { strictness: Strictness::Warn, ..Options::default() };
    match validator.validate(json, &options, &AnsweredFacts::new()) {
        Verdict::Validated(validated) => validated,
        other => panic!("not validated: {other:?}"),
    }
}

fn put(id: String, resource: Validated) -> WriteOp {
    WriteOp::Put { resource, id, interaction: Interaction::Update, if_match: None, if_none_exist: None }
}

async fn write_all(store: &Store, batches: Vec<Vec<WriteOp>>, connections: usize) {
    let queue = Arc::new(std::sync::Mutex::new(batches.into_iter()));
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let (store, queue) = (store.clone(), Arc::clone(&queue));
            tokio::spawn(async move {
                let grant = Grant::for_system(Task::Ingest, &SystemToken::mint());
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(ops) = next else { break };
                    match store.write(&grant, WriteBatch::new(ops, Source::feed("rest"))).await {
                        Ok(_) => {}
                        Err(error @ StoreError::Busy) => say(&error.to_string()),
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Processor time of each thread name, in ticks.
fn cpu_by_thread() -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for thread in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let Ok(stat) = std::fs::read_to_string(thread.path().join("stat")) else { continue };
        let Some((start, rest)) = stat.split_once(')').filter(|(start, _)| start.contains('(')) else { continue };
        let name = start.split_once('(').map_or("", |(_, name)| name);
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // Fields 14 and 15 of proc(5), counted after the name: user and system time.
        let ticks: u64 = [11, 12].iter().filter_map(|n| fields.get(*n)?.parse::<u64>().ok()).sum();
        *found.entry(name.to_owned()).or_default() += ticks;
    }
    found
}

fn report_size(directory: &Path, count: usize) {
    let database = rusqlite::Connection::open(directory.join("weir.db")).unwrap();
    let _ = database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    let size = std::fs::metadata(directory.join("weir.db")).unwrap().len();
    say(&format!("weir.db: {} bytes a resource", size / count as u64));
    let sql = "SELECT name, SUM(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 24";
    let Ok(mut tables) = database.prepare(sql) else { return };
    let mut rows = tables.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (name, bytes): (String, u64) = (row.get(0).unwrap(), row.get::<_, i64>(1).unwrap() as u64);
        say(&format!("  {name}: {}", bytes / count as u64));
    }
}

fn micros(started: Instant, count: usize) -> f64 {
    started.elapsed().as_secs_f64() * 1e6 / count as f64
}

fn say(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}
