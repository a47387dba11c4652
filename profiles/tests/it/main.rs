//! Behaviour of the validator, through its public interface.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod base_r4;
mod costs;
mod counts;
mod definition_faults;
mod exacting;
mod extension_context;
mod findings;
mod mutants;
mod questionnaire_rules;
mod questions;
#[path = "../../../server/fhir/tests/it/r4_examples.rs"]
mod r4_examples;
mod references;
mod rules;
mod spec_examples;
mod uk_core;
mod uk_core_examples;
mod uk_core_facts;
mod validated;
mod validator_cases;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use definitions::Definitions;
use fhir::{Issue, Json};
use profiles::{Options, Validator, with_uk_core};
use serde_json::{Value, json};

/// One validator for all tests: making it costs more than most of them.
fn validator() -> &'static Validator {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    VALIDATOR.get_or_init(|| {
        let base = Definitions::r4().expect("the base definitions load");
        Validator::new(Arc::new(with_uk_core(&base).expect("the UK Core definitions load")))
    })
}

fn issues(resource: &Value, options: &Options) -> Vec<Issue> {
    validator().issues(&Json::from_value(resource), options)
}

/// Writes each error as `code expression`, which is what the tests compare.
fn errors(resource: &Value, options: &Options) -> Vec<String> {
    told(&issues(resource, options))
}

/// What is wrong with a resource for a validator of R4 with further definitions.
fn issues_with(support: &[Value], resource: &Value, options: &Options) -> Vec<Issue> {
    let base = Definitions::r4().expect("the base definitions load");
    let definitions = base.with_overlay(support.to_vec()).expect("the definitions are taken");
    let validator = Validator::new(Arc::new(definitions)).with_resources(support.iter().map(Json::from_value));
    validator.issues(&Json::from_value(resource), options)
}

/// What is wrong with a resource by a profile on its type with these elements.
fn by_profile(elements: &Value, resource: &Value, options: &Options) -> Vec<Issue> {
    let type_name = resource["resourceType"].as_str().expect("a resource has a type");
    let url = "http://example.org/StructureDefinition/p";
    let profile = json!({"resourceType": "StructureDefinition", "url": url, "name": "P", "status": "active", "kind": "resource",
        "abstract": false, "type": type_name, "derivation": "constraint",
        "baseDefinition": format!("http://hl7.org/fhir/StructureDefinition/{type_name}"), "differential": {"element": elements}});
    let options = Options { profiles: vec![url.to_owned()], ..options.clone() };
    issues_with(&[profile], resource, &options)
}

/// Writes each error as `code expression`.
fn told(issues: &[Issue]) -> Vec<String> {
    let errors = issues.iter().filter(|issue| issue.is_error());
    errors.map(|issue| format!("{} {}", issue.code, issue.expression.as_deref().unwrap_or_default())).collect()
}

/// The published material beside the project, where it is there.
fn shared(folder: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    let line = format!("profiles: a test of the published material is left out: there is no ../shared/{folder}\n");
    // Past the capture of test output.
    std::io::stderr().write_all(line.as_bytes()).expect("the word is said");
    None
}
