//! The right to make system grants is minted in one place.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn only_app_mints_the_system_token() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let crates = fs::read_dir(root.join("server")).unwrap().flatten().map(|entry| entry.path());
    let others = ["profiles", "terminology", "migrations"].map(|name| root.join(name));
    let mut found = Vec::new();
    for folder in crates.chain(others) {
        if !folder.ends_with("app") {
            sources(&folder.join("src"), &mut found);
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    for path in found {
        // A module of unit tests stands at the end of its file.
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        assert!(!code.contains("SystemToken::mint"), "{} mints the system token", path.display());
    }
}
