//! R4's own examples (npm package `hl7.fhir.r4.examples`): each is stored, read back as it was sent, and found by what an engine that is not
//! ours says of it: <https://hl7.org/fhir/R4/search.html>.
//!
//! Needs the examples (`r4_examples.rs`), `node` and `npm`; without them the test says so and ends. The engine is kept beside the examples.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use app::config::Config;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tests::{Answer, Api, TestApp, on_each_own};

use crate::r4_examples::{self, run};

const ENGINE: &str = "fhirpath@3.18.0";
/// Requests at a time.
const PARALLEL: usize = 8;
/// Conditions that are asked for in one search; when it does not find the example, each is asked for alone.
const CONDITIONS_MAX: usize = 40;
/// PostgreSQL gets every tenth: the whole takes minutes, and what is computed of a resource is the same.
const POSTGRES_SHARE: usize = 10;
/// From here on a body is sent alone.
const LARGE_BYTES: usize = 1 << 20;
/// The longest example is a Bundle of 35 MB.
const BODY_BYTES_MAX: usize = 64 << 20;

/// An example, and the search conditions that must find it.
struct Example {
    /// Its file.
    name: String,
    /// `Type/id`.
    url: String,
    body: String,
    conditions: Vec<(String, String)>,
}

#[test]
fn the_specs_examples_are_kept_and_found() {
    let folder = match fetched() {
        Ok(folder) => folder,
        Err(reason) => {
            let line = format!("tests: R4's examples left out: {reason}\n");
            return std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
    };
    let examples = examples(&folder);
    let settings = |config: &mut Config| {
        config.server.open_access = true;
        config.validation.uk_core = false;
        config.limits.body_bytes_max = BODY_BYTES_MAX;
    };
    on_each_own("spec_examples", settings, |app| {
        let examples = &examples;
        async move {
            let share = if app.house.config.server.database_url.is_empty() { 1 } else { POSTGRES_SHARE };
            let mut chosen: Vec<&Example> = examples.iter().step_by(share).collect();
            // Refused while their patients are not there; else they would hide the patients' examples from the reads that follow.
            chosen.sort_by_key(|one| !one.url.starts_with("Consent/"));
            check(&app, &chosen).await;
        }
    });
}

/// Holds what was refused and what was not found against the lists, which only shrink.
async fn check(app: &TestApp, examples: &[&Example]) {
    let api = &app.anonymous();
    let keep = |example| async move { stored_and_read_back(api, example).await.err() };
    // A large Bundle is validated on the thread that serves: what else that thread has to answer meanwhile would be late.
    let (large, others): (Vec<&Example>, Vec<&Example>) = examples.iter().partition(|one| one.body.len() > LARGE_BYTES);
    let mut refused = each(&large, 1, keep).await;
    refused.extend(each(&others, PARALLEL, keep).await);
    let is_stored = |example: &&&Example| !refused.contains_key(&example.name);
    let stored: Vec<&Example> = examples.iter().filter(is_stored).copied().collect();
    let missed = each(&stored, PARALLEL, |example| async move { Some(missed(api, example).await) }).await;
    let missed = missed.into_iter().flat_map(|(name, of_one)| {
        of_one.into_iter().map(move |(parameter, value)| (format!("{name} {parameter}"), value))
    });
    let faults = [compare("refused.txt", &refused, examples), compare("not_found.txt", &missed.collect(), examples)];
    assert!(faults.iter().all(Vec::is_empty), "{}", faults.concat().join("\n"));
}

/// The answers of a check that has something to say, by the name of the example.
async fn each<'e, T, F: Future<Output = Option<T>>>(
    examples: &[&'e Example],
    parallel: usize,
    check: impl Fn(&'e Example) -> F,
) -> BTreeMap<String, T> {
    let all = stream::iter(examples.iter().copied()).map(|example| {
        let answer = check(example);
        async move { answer.await.map(|said| (example.name.clone(), said)) }
    });
    all.buffer_unordered(parallel).filter_map(|found| async move { found }).collect().await
}

/// Puts and reads it; what validation says against it.
async fn stored_and_read_back(api: &Api<'_>, example: &Example) -> Result<(), String> {
    let answer = api.call("PUT", &example.url).body("application/fhir+json", example.body.clone()).send().await;
    if !matches!(answer.status, 200 | 201) {
        return Err(errors(&answer));
    }
    let read = api.get(&example.url).await.expect(200);
    assert_eq!(but_for_meta(&read.text()), but_for_meta(&example.body), "{} is not what was sent", example.name);
    Ok(())
}

/// The resource as one line, numbers and order as they are, without what a server adds to `meta`.
fn but_for_meta(text: &str) -> String {
    let mut resource: Value = serde_json::from_str(text).unwrap();
    if let Some(meta) = resource.get_mut("meta").and_then(Value::as_object_mut) {
        meta.shift_remove("versionId");
        meta.shift_remove("lastUpdated");
    }
    let mut meta = resource.as_object_mut().unwrap().shift_remove("meta").unwrap_or_default();
    if meta.as_object().is_some_and(serde_json::Map::is_empty) {
        meta = Value::Null;
    }
    format!("{resource} {meta}")
}

/// The parameters that do not find it, with the value.
async fn missed(api: &Api<'_>, example: &Example) -> BTreeMap<String, String> {
    let mut missed = BTreeMap::new();
    for some in example.conditions.chunks(CONDITIONS_MAX) {
        if is_found(api, example, some).await {
            continue;
        }
        let before = missed.len();
        for (name, value) in some {
            if !is_found(api, example, &[(name.clone(), value.clone())]).await {
                missed.insert(name.clone(), value.clone());
            }
        }
        if missed.len() == before {
            missed.insert("together".to_owned(), String::new());
        }
    }
    missed
}

async fn is_found(api: &Api<'_>, example: &Example, conditions: &[(String, String)]) -> bool {
    let (type_name, id) = example.url.split_once('/').unwrap();
    let all = conditions.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let form: Vec<(&str, &str)> = [("_id", id), ("_elements", "id")].into_iter().chain(all).collect();
    let answer = api.call("POST", &format!("{type_name}/_search")).form(&form).send().await;
    answer.status == 200 && answer.ids() == [id]
}

/// The errors of an answer, each with its place.
fn errors(answer: &Answer) -> String {
    let outcome = answer.json();
    let issues = outcome["issue"].as_array().unwrap();
    let of = |issue: &Value| {
        let place = issue["expression"][0].as_str().unwrap_or_default();
        format!("{place}: {}", issue["diagnostics"].as_str().unwrap_or_default())
    };
    let is_error = |issue: &&Value| matches!(issue["severity"].as_str(), Some("error" | "fatal"));
    let texts: BTreeSet<String> = issues.iter().filter(is_error).map(of).collect();
    format!("{} {}", answer.status, texts.into_iter().collect::<Vec<_>>().join("; "))
}

/// What a list of `name: reason` and the findings do not have in common, as far as it is about these examples.
fn compare(list: &str, found: &BTreeMap<String, String>, examples: &[&Example]) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(list);
    let text = std::fs::read_to_string(path).unwrap();
    let names: BTreeSet<&str> = examples.iter().map(|example| example.name.as_str()).collect();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed: BTreeSet<&str> = lines
        .map(|line| line.split_once(": ").expect("`name: reason`").0)
        .filter(|line| line.split(' ').next().is_some_and(|name| names.contains(name)))
        .collect();
    let new = found.iter().filter(|(name, _)| !listed.contains(name.as_str()));
    let old = listed.iter().filter(|name| !found.contains_key(**name));
    let new = new.map(|(name, what)| format!("{list} does not name `{name}`: {what}"));
    new.chain(old.map(|name| format!("{list} names `{name}`, which is no longer so: take it out"))).collect()
}

/// Reads the examples and has the engine say what finds each; one of two files with the same resource counts.
fn examples(folder: &Path) -> Vec<Example> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/values.mjs");
    let output = Command::new("node").arg(script).arg(folder).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the engine failed");
    let mut seen = BTreeSet::new();
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let said: Value = serde_json::from_slice(line).unwrap();
            let text = |name: &str| said[name].as_str().unwrap().to_owned();
            let conditions = said["conditions"].as_array().unwrap().iter();
            Example {
                body: std::fs::read_to_string(folder.join("package").join(text("file"))).unwrap(),
                url: format!("{}/{}", text("type"), text("id")),
                name: text("file"),
                conditions: conditions
                    .map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned()))
                    .collect(),
            }
        })
        .filter(|example| seen.insert(example.url.clone()))
        .collect()
}

/// Brings the examples and the engine where they are not there yet, and gives their folder.
fn fetched() -> Result<PathBuf, String> {
    run(Path::new("."), "node", &["--version"])?;
    let folder = r4_examples::fetched()?;
    if !folder.join("node_modules/fhirpath").is_dir() {
        run(
            &folder,
            "npm",
            &["install", "--silent", "--fetch-retries=0", "--no-audit", "--no-fund", "--ignore-scripts", ENGINE],
        )?;
    }
    Ok(folder)
}
