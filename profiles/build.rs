//! Packs `uk-core/**/*.json` into one compressed text, a line a definition.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

const FOLDERS: [&str; 4] = ["structuredefinition", "valueset", "codesystem", "conceptmap"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=uk-core");
    println!("cargo::rerun-if-changed=build.rs");
    let mut packed = Vec::new();
    for folder in FOLDERS {
        for file in files_of(&Path::new("uk-core").join(folder))? {
            let value: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file)?)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            serde_json::to_writer(&mut packed, &value)?;
            packed.push(b'\n');
        }
    }
    let compressed = zstd::encode_all(packed.as_slice(), 19)?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("uk-core.zst"), compressed)?;
    Ok(())
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
