//! `weir validate`: one OperationOutcome a file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use definitions::Definitions;
use fhir::{Issue, Json, operation_outcome};
use profiles::{Options, Validator};
use serde_json::{Value, json};

use crate::cli::{OutputFormat, ValidateArgs};
use crate::wiring::Knowledge;

/// Checks the files and prints; exit code 1 when one has an error.
pub fn run(arguments: &ValidateArgs) -> Result<ExitCode> {
    let validator = validator(&Knowledge::load()?, &arguments.with)?;
    let options = Options {
        profiles: arguments.profile.clone(),
        uk_core: arguments.uk_core,
        exacting: true,
        advice: arguments.advice,
        must_support: arguments.must_support,
        ..Options::default()
    };
    let mut outcomes: Vec<Value> = Vec::new();
    let mut is_bad = false;
    for file in super::files(&arguments.paths)? {
        let bytes = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        let issues = validator.validate_text(&bytes, &options);
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

/// Adds the definitions of the files to those that are built in.
fn validator(knowledge: &Knowledge, files: &[PathBuf]) -> Result<Arc<Validator>> {
    if files.is_empty() {
        return Ok(Arc::clone(&knowledge.validator));
    }
    let mut definitions = Definitions::clone(&knowledge.definitions);
    let mut resources = Vec::new();
    for file in files {
        let bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
        let json =
            profiles::parse_text(&bytes).map_err(|issue| anyhow!("{}: {}", file.display(), issue.diagnostics))?;
        let entries = json.root().get("entry").into_iter().flat_map(|list| list.items());
        let entries: Vec<Json> = entries.filter_map(|entry| Some(entry.get("resource")?.to_json())).collect();
        let added = match json.resource_type() {
            Some("Bundle") => entries,
            Some(_) => vec![json],
            None => bail!("{}: there is no `resourceType`, so it defines nothing", file.display()),
        };
        let values = added.iter().map(|resource| resource.root().to_value()).collect();
        let taken = definitions.with_overlay(values);
        definitions = taken.with_context(|| format!("take the definitions of {}", file.display()))?;
        resources.extend(added);
    }
    Ok(Arc::new(Validator::new(Arc::new(definitions)).with_resources(resources)))
}

fn text(file: &Path, issues: &[Issue]) -> String {
    let errors = issues.iter().filter(|issue| issue.is_error()).count();
    let verdict = match errors {
        0 => "valid".to_owned(),
        1 => "1 error".to_owned(),
        _ => format!("{errors} errors"),
    };
    let mut text = format!("{}: {verdict}\n", file.display());
    for issue in issues {
        let at = issue.expression.as_deref().map(|at| format!("{at}: ")).unwrap_or_default();
        let line = issue.line_column.map(|(line, column)| format!("line {line} column {column}: "));
        // A message of the parser says the place itself.
        let place = line.filter(|line| !issue.diagnostics.starts_with(line.as_str())).unwrap_or_default();
        let rule = issue.rule.as_deref().map(|rule| format!(" [{rule}]")).unwrap_or_default();
        text.push_str(&format!("  {:<11} {place}{at}{}{rule}\n", issue.severity.as_str(), issue.diagnostics));
    }
    text
}
