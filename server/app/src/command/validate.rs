//! `weir validate`: one OperationOutcome a file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use definitions::Definitions;
use fhir::{Issue, Json, operation_outcome};
use profiles::{ISSUE_COUNT_MAX, Options, Validator};
use serde_json::{Value, json};

use crate::cli::{OutputFormat, ValidateArgs};
use crate::package::{Faults, Package, lines, read_file, read_folder};
use crate::terminology_server::Asking;
use crate::wiring::{House, Knowledge, now};

/// The two bytes that a gzipped archive starts with.
const GZIP_FIRST: u8 = 0x1F;
const GZIP_SECOND: u8 = 0x8B;

/// Checks the files and prints; exit code 1 when one has an error.
pub async fn run(arguments: &ValidateArgs) -> Result<ExitCode> {
    let asking = if arguments.ask_terminology_server { Some(Asking::new(&arguments.store)?) } else { None };
    let validator = with(base(arguments).await?, &arguments.with)?;
    let options = Options {
        profiles: arguments.profile.clone(),
        uk_core: arguments.uk_core,
        exacting: true,
        advice: arguments.advice,
        must_support: arguments.must_support,
        refuses_example_urls: arguments.refuse_example_urls,
        allows_comments: arguments.allow_comments,
        skips_contained: arguments.skip_contained,
        extension_domains: arguments.extension_domains.clone(),
        now: Some(now()),
        asks: asking.is_some(),
        ..Options::default()
    };
    let mut outcomes: Vec<Value> = Vec::new();
    let mut is_bad = false;
    for file in super::files(&arguments.paths)? {
        let bytes = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        let issues = match &asking {
            Some(asking) => asking.issues(&validator, &bytes, &options).await,
            None => validator.validate_text(&bytes, &options),
        };
        is_bad |= issues.iter().any(Issue::is_error);
        match arguments.format {
            OutputFormat::Text => crate::out(&text(&file, &issues)),
            OutputFormat::Json => outcomes.push(json!({
                "file": file.display().to_string(),
                "outcome": operation_outcome(&issues),
            })),
        }
    }
    if arguments.format == OutputFormat::Json {
        crate::out(&format!("{}\n", serde_json::to_string_pretty(&outcomes)?));
    }
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The validator of what is built in, or of that with the installed packages over it where a store is named.
async fn base(arguments: &ValidateArgs) -> Result<Arc<Validator>> {
    let store = &arguments.store;
    // A settings file may be there for the terminology server alone.
    let is_configured = store.config.is_some() && !arguments.ask_terminology_server;
    let is_named = is_configured || store.data_dir.is_some() || store.database_url.is_some();
    if !arguments.installed && !is_named {
        return Ok(Knowledge::load()?.validator);
    }
    let config = super::config(store)?;
    let folder = &config.server.data_dir;
    // Opening would make it.
    ensure!(!config.server.database_url.is_empty() || folder.is_dir(), "there is no store in {}", folder.display());
    Ok(House::open(config).await?.validators.get())
}

/// Definitions, each with the file it came from where there are several.
type Placed = Vec<(String, Value)>;

/// Adds the definitions of files, packages and folders of packages.
fn with(base: Arc<Validator>, paths: &[PathBuf]) -> Result<Arc<Validator>> {
    if paths.is_empty() {
        return Ok(base);
    }
    let mut definitions = Definitions::clone(base.definitions());
    let (mut added, mut resources) = (Vec::new(), Vec::new());
    for path in paths {
        let named = || format!("take the definitions of {}", path.display());
        let (values, others) = if path.is_dir() {
            of_package(read_folder(path)?)
        } else {
            let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
            match bytes.as_slice() {
                [GZIP_FIRST, GZIP_SECOND, ..] => of_package(read_file(bytes.as_slice(), &path.display().to_string())?),
                _ => of_file(path, &bytes)?,
            }
        };
        definitions =
            definitions.with_overlay(values.iter().map(|(_, value)| value.clone()).collect()).with_context(named)?;
        let place = |file: String| {
            if file.is_empty() { path.display().to_string() } else { format!("{}: {file}", path.display()) }
        };
        added.extend(values.into_iter().map(|(file, value)| (place(file), value)));
        resources.extend(others);
    }
    // One file may build on what a later one defines.
    let faults = Faults::find(&added, &definitions);
    ensure!(faults.wrong.is_empty(), "these definitions cannot be used: {}", lines(&faults.wrong));
    if !faults.odd.is_empty() {
        crate::complain(&format!("the definitions are used all the same: {}", lines(&faults.odd)));
    }
    Ok(Arc::new(Validator::new(Arc::new(definitions)).with_resources(resources)))
}

/// The definitions of a package with their files, and what else resources are held against.
fn of_package(package: Package) -> (Placed, Vec<Json>) {
    (package.definitions, package.forms.iter().map(Json::from_value).collect())
}

/// The same of a file with one resource, or with a Bundle of them.
fn of_file(path: &Path, bytes: &[u8]) -> Result<(Placed, Vec<Json>)> {
    let json = profiles::parse_text(bytes).map_err(|issue| anyhow!("{}: {}", path.display(), issue.diagnostics))?;
    let entries = json.root().get("entry").into_iter().flat_map(|list| list.items());
    let entries: Vec<Json> = entries.filter_map(|entry| Some(entry.get("resource")?.to_json())).collect();
    let added = match json.resource_type() {
        Some("Bundle") => entries,
        Some(_) => vec![json],
        None => bail!("{}: there is no `resourceType`, so it defines nothing", path.display()),
    };
    Ok((added.iter().map(|resource| (String::new(), resource.root().to_value())).collect(), added))
}

fn text(file: &Path, issues: &[Issue]) -> String {
    let errors = issues.iter().filter(|issue| issue.is_error()).count();
    let verdict = match errors {
        0 => "valid".to_owned(),
        1 => "1 error".to_owned(),
        more if more > ISSUE_COUNT_MAX => format!("more than {ISSUE_COUNT_MAX} errors"),
        _ => format!("{errors} errors"),
    };
    let mut text = format!("{}: {verdict}\n", shown(&file.display().to_string()));
    for issue in issues {
        let at = issue.expression.as_deref().map(|at| format!("{at}: ")).unwrap_or_default();
        let line = issue.line_column.map(|(line, column)| format!("line {line} column {column}: "));
        // A message of the parser says the place itself.
        let place = line.filter(|line| !issue.diagnostics.starts_with(line.as_str())).unwrap_or_default();
        let rule = issue.rule.as_deref().map(|rule| format!(" [{rule}]")).unwrap_or_default();
        let message = shown(&format!("{place}{at}{}{rule}", issue.diagnostics));
        text.push_str(&format!("  {:<11} {message}\n", issue.severity.as_str()));
    }
    text
}

/// A text as one line of a terminal: records, names of files and other servers may hold what would steer it, or begin a line that looks like a
/// message of ours.
fn shown(text: &str) -> String {
    const LINE_ENDS: [char; 2] = ['\u{2028}', '\u{2029}'];
    text.chars().fold(String::with_capacity(text.len()), |mut shown, letter| {
        if letter.is_control() || LINE_ENDS.contains(&letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
        shown
    })
}
