//! House-style checks that no compiler makes: sizes, names, headers, who may know what, crate edges.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Lines a source file may have before the design is asking for something; tests apart.
const FILE_LINES_MAX: usize = 600;

/// File stems that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "manager", "misc", "v2"];

/// Words that only some crates may use: (needle, what it is, folders where it may stand).
const FENCES: &[(&str, &str, &[&str])] = &[
    ("rusqlite::", "SQL", &["server/store", "migrations"]),
    ("sqlx::", "SQL", &["server/store", "migrations"]),
    ("sea_orm::", "SQL", &["server/store", "migrations"]),
    ("actix_web::", "serving HTTP", &["server/rest"]),
    ("reqwest::", "calling out", &["server/outbound", "tests", "conformance"]),
    ("env::var", "reading the environment", &["server/app", "tests", "conformance", "xtask", "server/store/tests"]),
    (
        "SystemToken::mint",
        "minting the system token",
        &[
            "server/app",
            "tests",
            "server/store/tests",
            "server/store/examples",
            "server/policy",
            "server/ingest/tests",
            "server/export/tests",
        ],
    ),
    ("SystemTime::now", "reading the clock", &["server/app", "tests", "conformance", "xtask"]),
];

/// Text that must never land in the project, spelt so that this file does not hold it.
fn forbidden() -> Vec<String> {
    vec![["/", "work/"].concat(), ["dbg", "!("].concat(), ["TODO", ":"].concat(), ["FIX", "ME"].concat()]
}

/// Runs every check under `root` and answers one line a finding.
pub(crate) fn findings(root: &Path) -> Result<Vec<String>> {
    let exceptions = exceptions(root)?;
    let mut found = Vec::new();
    for file in tracked(root)? {
        check_file(root, &file, &mut found)?;
    }
    found.extend(edge_findings(root)?);
    let mut unused: BTreeSet<&String> = exceptions.iter().collect();
    found.retain(|line| match exceptions.iter().find(|exception| line.starts_with(exception.as_str())) {
        Some(exception) => {
            unused.remove(exception);
            false
        }
        None => true,
    });
    found.extend(
        unused.iter().map(|line| format!("xtask/tidy-exceptions.txt: `{line}` is no longer needed; remove it")),
    );
    Ok(found)
}

/// Prints the findings and fails when there is one.
pub(crate) fn run(root: &Path) -> Result<String> {
    let found = findings(root)?;
    if found.is_empty() {
        return Ok("tidy: nothing to say".to_owned());
    }
    bail!("tidy: {} findings\n{}", found.len(), found.join("\n"));
}

fn exceptions(root: &Path) -> Result<Vec<String>> {
    let path = root.join("xtask/tidy-exceptions.txt");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    Ok(text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
}

fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("run git ls-files")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let names = String::from_utf8(output.stdout).context("file names are not UTF-8")?;
    Ok(names.lines().map(PathBuf::from).filter(|path| root.join(path).is_file()).collect())
}

fn check_file(root: &Path, file: &Path, found: &mut Vec<String>) -> Result<()> {
    let name = file.to_string_lossy();
    let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let stem = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) {
        found.push(format!("{name}: the name `{stem}` says nothing; name the file after what it holds"));
    }
    if !matches!(extension, "rs" | "md" | "toml" | "sh" | "html" | "css" | "") && !name.starts_with(".ci/") {
        return Ok(());
    }
    let Ok(text) = fs::read_to_string(root.join(file)) else { return Ok(()) };
    for needle in forbidden() {
        if let Some(at) = text.lines().position(|line| line.contains(&needle)) {
            found.push(format!("{name}:{}: `{needle}` must not be in the project", at + 1));
        }
    }
    if extension == "rs" {
        check_rust(&name, &text, found);
    }
    Ok(())
}

fn check_rust(name: &str, text: &str, found: &mut Vec<String>) {
    if !text.starts_with("//!") {
        found.push(format!("{name}: begins without `//!`: say what the file is for"));
    }
    let is_test = name.contains("/tests/") || name.starts_with("tests/");
    // A build script has no other way to learn where its output goes.
    let is_build_script = name.ends_with("build.rs");
    let code = code_part(text);
    let lines = code.lines().count();
    if !is_test && lines > FILE_LINES_MAX {
        found.push(format!("{name}: {lines} lines; the limit is {FILE_LINES_MAX}"));
    }
    for (needle, what, places) in FENCES {
        let at_home = is_test
            || is_build_script
            || places.iter().any(|place| name.starts_with(place))
            || name == "xtask/src/tidy.rs";
        if !at_home && code.contains(needle) {
            found.push(format!("{name}: `{needle}`: {what} belongs to {}", places.join(", ")));
        }
    }
}

/// The file without its unit tests, which stand at its end.
fn code_part(text: &str) -> &str {
    match text.find("\n#[cfg(test)]\nmod ") {
        Some(end) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

/// Compares the crate edges of `cargo metadata` with the table of ARCHITECTURE.md.
pub(crate) fn edge_findings(root: &Path) -> Result<Vec<String>> {
    let allowed = edge_table(&fs::read_to_string(root.join("ARCHITECTURE.md")).context("read ARCHITECTURE.md")?);
    let mut found = Vec::new();
    for (krate, edges) in workspace_edges(root)? {
        let Some(may) = allowed.get(&krate) else {
            found.push(format!("ARCHITECTURE.md: the edge table has no row for `{krate}`"));
            continue;
        };
        for edge in edges {
            if !may.contains("everything") && !may.contains(&edge) {
                found.push(format!("{krate}: must not import `{edge}` (edge table in ARCHITECTURE.md)"));
            }
        }
    }
    Ok(found)
}

/// Rows of the form ``| `crate` | `a` `b` |`` below the heading that names the edges.
fn edge_table(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut rows = BTreeMap::new();
    for line in text.lines().skip_while(|line| !line.contains("Who may import whom")) {
        let cells: Vec<&str> = line.split('|').collect();
        let [_, name, edges, _] = cells.as_slice() else { continue };
        let name = name.trim().trim_matches('`');
        if !name.is_empty() && !name.contains(' ') && !name.starts_with('-') {
            let edges = edges.split_whitespace().map(|edge| edge.trim_matches(['`', ',']).to_owned());
            rows.insert(name.to_owned(), edges.collect());
        }
    }
    rows
}

fn workspace_edges(root: &Path) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata.get("packages").and_then(Value::as_array).context("cargo metadata has no packages")?;
    let names: BTreeSet<&str> = packages.iter().filter_map(|package| text(package, "name")).collect();
    let mut edges = BTreeMap::new();
    for package in packages {
        let name = text(package, "name").context("a package without a name")?;
        let dependencies = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
        let inside = dependencies
            .filter(|dependency| text(dependency, "kind") != Some("dev"))
            .filter_map(|dependency| text(dependency, "name"))
            .filter(|dependency| names.contains(dependency))
            .map(str::to_owned)
            .collect();
        edges.insert(name.to_owned(), inside);
    }
    Ok(edges)
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}
