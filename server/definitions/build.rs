//! Packs the facts of `data/` into one compressed file for the binary; `archive.rs` says how it is laid out.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// The files of the pack.
const FILES: [&str; 7] = [
    "types.ndjson",
    "search-parameters.ndjson",
    "compartments.ndjson",
    "profiles.ndjson",
    "value-sets.ndjson",
    "code-systems.ndjson",
    "concept-maps.ndjson",
];

/// High enough for a small binary, low enough for a quick build.
const LEVEL: i32 = 15;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=data");
    println!("cargo::rerun-if-changed=build.rs");
    let mut head = String::new();
    let mut body = Vec::new();
    for name in FILES {
        let bytes = fs::read(Path::new("data").join(name)).map_err(|error| format!("data/{name}: {error}"))?;
        head.push_str(&format!("{name}\t{}\n", bytes.len()));
        body.extend(bytes);
    }
    let pack = [head.as_bytes(), b"\n", &body].concat();
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("definitions.zst"), zstd::encode_all(pack.as_slice(), LEVEL)?)?;
    Ok(())
}
