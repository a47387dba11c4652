//! `weir validate`: one OperationOutcome a file.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use fhir::{Issue, operation_outcome};
use profiles::Options;
use serde_json::{Value, json};

use crate::cli::{OutputFormat, ValidateArgs};
use crate::wiring::Knowledge;

/// Checks the files and prints; exit code 1 when one has an error.
pub fn run(arguments: &ValidateArgs) -> Result<ExitCode> {
    let knowledge = Knowledge::load()?;
    let options = Options { profiles: arguments.profile.clone(), uk_core: true, ..Options::default() };
    let mut outcomes: Vec<Value> = Vec::new();
    let mut is_bad = false;
    for file in super::files(&arguments.paths)? {
        let bytes = std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
        let issues = knowledge.validator.validate_text(&bytes, &options);
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
