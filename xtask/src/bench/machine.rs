//! On what and with what it was measured.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::Options;
use super::population::Population;
use super::server::DATABASE_SETTING;

/// How long writes are measured.
const SYNC_TIME: Duration = Duration::from_millis(500);
/// How long the making of resources is measured.
const MAKING_TIME: Duration = Duration::from_millis(200);

/// The machine, the options, and the settings of the server that were given.
pub(super) fn facts(options: &Options) -> Result<Value> {
    let settings: Vec<String> = std::env::vars()
        .filter(|(name, _)| name.starts_with("WEIR_") && !name.starts_with("WEIR_TEST_") && name != DATABASE_SETTING)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory_kb: u64 = memory.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or_default();
    Ok(json!({
        "processor": model.trim_start_matches([' ', '\t', ':']),
        "processors": std::thread::available_parallelism()?.get(),
        "memory_gb": memory_kb / 1_000_000,
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(),
        "load_before": fs::read_to_string("/proc/loadavg")?.split(' ').next(),
        "database": if options.database_url.is_some() { "postgres" } else { "sqlite" },
        "patients": options.patients,
        "seed": options.seed,
        "seconds_a_row": options.seconds,
        "settings": settings,
    }))
}

/// The same in a line for people.
pub(super) fn sentence(facts: &Value) -> String {
    let fact = |name: &str| facts.get(name).map(|fact| fact.to_string().replace('"', "")).unwrap_or_default();
    format!(
        "{} patients on {}; {} x {}, {} GB, Linux {}, load {} before; settings {}",
        fact("patients"),
        fact("database"),
        fact("processors"),
        fact("processor"),
        fact("memory_gb"),
        fact("kernel"),
        fact("load_before"),
        fact("settings")
    )
}

/// How many resources the population makes a second, on one thread: what the bench itself needs while it imports.
pub(super) fn making_rate(population: &Population) -> f64 {
    let (started, mut made, mut text) = (Instant::now(), 0_u32, String::new());
    for name in (0..population.patients).cycle().flat_map(|patient| population.of_patient(patient)) {
        if started.elapsed() > MAKING_TIME {
            break;
        }
        text.clear();
        population.write(name, &mut text);
        made += 1;
    }
    f64::from(made) / started.elapsed().as_secs_f64()
}

/// Milliseconds that it takes to write 4 kB durably at the end of a file in that folder: the least that one commit costs.
pub(super) fn sync_ms(folder: &Path) -> Result<f64> {
    let path = folder.join("sync");
    let mut file = fs::File::create(&path)?;
    let (started, mut writes) = (Instant::now(), 0_u32);
    while started.elapsed() < SYNC_TIME {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        writes += 1;
    }
    let took = started.elapsed();
    fs::remove_file(&path)?;
    Ok(took.as_secs_f64() * 1000.0 / f64::from(writes))
}
