//! The published cases of the reference validator, with its outcomes beside them: `../shared/data/conformance/validator`.
//!
//! `validator_disagreements.txt` lists where the outcomes differ and why; it only shrinks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use definitions::Definitions;
use fhir::{Instant, Issue, Json};
use profiles::{Options, Validator};
use serde_json::Value;

use crate::{counts, shared};

const DISAGREEMENTS: &str = include_str!("validator_disagreements.txt");

/// One comparison: a case by itself, or held against its profile.
struct Run {
    name: String,
    expected: usize,
    found: Vec<Issue>,
}

/// What is published, as far as it can be compared.
struct Published {
    runs: Vec<Run>,
    /// What the comparisons are made of, in words.
    about: String,
}

#[test]
fn outcomes_agree_with_the_reference() {
    let Some(folder) = shared("data/conformance/validator") else { return };
    let Published { runs, about } = published(&folder);
    let (mut verdicts, mut counts) = (0, 0);
    let mut wrong = BTreeMap::new();
    for run in &runs {
        let found = run.found.len();
        let is_verdict = (found > 0) == (run.expected > 0);
        verdicts += usize::from(is_verdict);
        counts += usize::from(found == run.expected);
        if found != run.expected {
            let kind = if is_verdict { "count" } else { "verdict" };
            wrong.insert(format!("{} {kind}", run.name), run);
        }
    }
    let said = format!("{verdicts} of {} agree on error or no error, {counts} on the count of errors", runs.len());
    println!("{said}");
    for (key, run) in &wrong {
        println!("## {key}: expected {}, found {}", run.expected, run.found.len());
        for issue in run.found.iter().take(8) {
            println!("   {} {}", issue.expression.as_deref().unwrap_or_default(), issue.diagnostics);
        }
    }
    let listed: BTreeSet<&str> =
        DISAGREEMENTS.lines().filter_map(|line| line.split_once(": ")).map(|(key, _)| key).collect();
    let found: BTreeSet<&str> = wrong.keys().map(String::as_str).collect();
    let new: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(new.is_empty(), "{said}; not listed: {new:#?}");
    assert!(gone.is_empty(), "{said}; no longer disagree, take them off the list: {gone:#?}");
    let lines = DISAGREEMENTS.lines().filter_map(|line| line.split_once(": "));
    let table: Vec<String> = lines.map(|(key, reason)| format!("| {key} | {reason} |")).collect();
    let text = format!("{said}. {about}\n\n| disagreement | reason |\n|---|---|\n{}\n", table.join("\n"));
    counts::keep("validator", &text);
}

fn published(folder: &Path) -> Published {
    let manifest: Value = read(&folder.join("manifest.json"));
    let cases = manifest["test-cases"].as_array().expect("the manifest lists cases");
    let base = Definitions::r4().expect("the base definitions load");
    let plain = Validator::new(Arc::new(base.clone()));
    let mut runs = Vec::new();
    let mut seen = BTreeSet::new();
    let (mut fileless, mut repeated, mut profiled) = (0, 0, 0);
    for case in cases {
        let name = case["name"].as_str().expect("a case has a name");
        // A few cases are published without their file, and a few twice.
        let bytes = std::fs::read(folder.join(case["file"].as_str().expect("a case has a file")));
        let Ok(bytes) = bytes else {
            fileless += 1;
            continue;
        };
        if !seen.insert(name) {
            repeated += 1;
            continue;
        }
        let support = support(folder, &[&case["supporting"], &case["supporting5"], &case["profiles"]]);
        if let Some(expected) = outcome(folder, &case["java"]) {
            let found = errors(&base, &plain, &support, &bytes, options(case, None));
            runs.push(Run { name: format!("{name} base"), expected, found });
        }
        let profile = &case["profile"];
        if let Some(expected) = outcome(folder, &profile["java"]) {
            profiled += 1;
            let source = profile["source"].as_str().expect("a profile has a source");
            let mut support = support.clone();
            support.extend(self::support(folder, &[&profile["supporting"]]));
            let mut url = source.to_owned();
            if !source.starts_with("http") {
                let definition = definition(&folder.join(source));
                url = definition["url"].as_str().expect("a profile has a url").to_owned();
                support.push(definition);
            }
            let found = errors(&base, &plain, &support, &bytes, options(case, Some(url)));
            runs.push(Run { name: format!("{name} profile"), expected, found });
        }
    }
    let plain = runs.len() - profiled;
    let silent = seen.len() - plain;
    let about = format!(
        "Of the {} published cases {fileless} is without its file, {repeated} stand there twice and {silent} have no outcome of the \
         reference beside them; of the other {plain}, {profiled} are also held against a profile, which is a comparison of its own.",
        cases.len()
    );
    Published { runs, about }
}

/// Counts the errors of the reference; `None` where its outcome is not published.
fn outcome(folder: &Path, java: &Value) -> Option<usize> {
    let outcome = match java {
        Value::String(name) => {
            let path = folder.join("outcomes").join(name);
            path.is_file().then(|| read(&path))?
        }
        Value::Object(_) => java.clone(),
        _ => return None,
    };
    let outcome = outcome.get("outcome").unwrap_or(&outcome);
    if let Some(count) = outcome["errorCount"].as_u64() {
        return usize::try_from(count).ok();
    }
    let issues = outcome["issue"].as_array().cloned().unwrap_or_default();
    Some(issues.iter().filter(|issue| matches!(issue["severity"].as_str(), Some("error" | "fatal"))).count())
}

/// What the reference was asked for, as options of ours.
fn options(case: &Value, profile: Option<String>) -> Options {
    Options {
        profiles: profile.into_iter().collect(),
        exacting: true,
        refuses_example_urls: case["examples"] == false,
        allows_comments: case["allow-comments"] == true,
        // Long after the cases were written, and before the dates that they mean as far ahead.
        now: Some(Instant(1_767_225_600_000)),
        skips_contained: case["validateContains"] == "IGNORE",
        extension_domains: case["allowed-extension-domain"].as_str().map(str::to_owned).into_iter().collect(),
        ..Options::default()
    }
}

fn errors(base: &Definitions, plain: &Validator, support: &[Value], bytes: &[u8], options: Options) -> Vec<Issue> {
    let mut issues = if support.is_empty() {
        plain.validate_text(bytes, &options)
    } else {
        let definitions = base.with_overlay(support.to_vec()).expect("the supporting definitions are taken");
        let resources = support.iter().map(Json::from_value);
        Validator::new(Arc::new(definitions)).with_resources(resources).validate_text(bytes, &options)
    };
    issues.retain(Issue::is_error);
    issues
}

fn support(folder: &Path, lists: &[&Value]) -> Vec<Value> {
    let names = lists.iter().flat_map(|list| list.as_array().into_iter().flatten()).filter_map(Value::as_str);
    names.map(|name| folder.join(name)).filter(|path| path.is_file()).map(|path| definition(&path)).collect()
}

fn definition(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("the definition can be read");
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('<') {
        let (json, _) = fhir::json_from_any_xml(text).expect("the definition is XML");
        return Json::parse(json.as_bytes()).expect("what came of XML is JSON").root().to_value();
    }
    serde_json::from_str(text).expect("the definition is JSON")
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("the file can be read");
    serde_json::from_str(text.trim_start_matches('\u{feff}')).expect("the file is JSON")
}
