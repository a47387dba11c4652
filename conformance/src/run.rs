//! Holds a server against requirements.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use reqwest::{Client, Method};
use serde_json::Value;

use crate::requirement::{Expectation, Requirement, Step};

/// Whether a requirement holds.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The requirement.
    pub requirement: Requirement,
    /// What was otherwise than asked; none when it holds.
    pub fault: Option<String>,
}

/// An answer, read whole.
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

/// Runs the requirements against the FHIR API at `base_url`, one after the other. An error is one of the network, not of the server.
pub async fn run(client: &Client, base_url: &str, requirements: &[Requirement]) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::with_capacity(requirements.len());
    for requirement in requirements {
        let mut saved = BTreeMap::new();
        let mut fault = None;
        for (number, step) in requirement.steps.iter().enumerate() {
            let answer = send(client, base_url, step, &saved).await?;
            if let Some(found) = difference(&answer, &step.expect, &saved).or_else(|| save(&answer, step, &mut saved)) {
                fault = Some(format!("step {}: {found}", number + 1));
                break;
            }
        }
        outcomes.push(Outcome { requirement: requirement.clone(), fault });
    }
    Ok(outcomes)
}

async fn send(client: &Client, base_url: &str, step: &Step, saved: &BTreeMap<String, String>) -> Result<Answer> {
    let text = filled(&step.send, saved);
    let (method, path) = text.split_once(' ').with_context(|| format!("`{text}` is no method and path"))?;
    let url = if path.starts_with("http") { path.to_owned() } else { format!("{base_url}/{path}") };
    let mut request = client.request(Method::from_bytes(method.as_bytes())?, url.trim_end_matches('/'));
    for (name, value) in &step.headers {
        request = request.header(name, filled(value, saved));
    }
    if let Some(body) = &step.body {
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        if !step.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("content-type", "application/fhir+json");
        }
        request = request.body(filled(&text, saved));
    }
    let response = request.send().await.with_context(|| format!("send {method} {path}"))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
    Ok(Answer { status, headers, body })
}

/// The text with what was saved in the place of `{name}`.
fn filled(text: &str, saved: &BTreeMap<String, String>) -> String {
    saved.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn difference(answer: &Answer, expect: &Expectation, saved: &BTreeMap<String, String>) -> Option<String> {
    if !expect.status.contains(&answer.status) {
        return Some(format!("status {} instead of {:?}", answer.status, expect.status));
    }
    for (name, wanted) in &expect.headers {
        let found = header(answer, name).unwrap_or_default();
        if !found.contains(&filled(wanted, saved)) {
            return Some(format!("header {name} is `{found}` and does not hold `{wanted}`"));
        }
    }
    for (pointer, wanted) in &expect.json {
        let found = answer.body.pointer(pointer).unwrap_or(&Value::Null);
        let wanted = wanted.as_str().map_or_else(|| wanted.clone(), |text| Value::String(filled(text, saved)));
        if *found != wanted {
            return Some(format!("{pointer} is {found}, not {wanted}"));
        }
    }
    for (pointer, wanted) in &expect.contains {
        let found = answer.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if !found.contains(&filled(wanted, saved)) {
            return Some(format!("{pointer} is `{found}` and does not hold `{wanted}`"));
        }
    }
    None
}

fn save(answer: &Answer, step: &Step, saved: &mut BTreeMap<String, String>) -> Option<String> {
    for (name, place) in &step.save {
        let found = match place.strip_prefix("header:") {
            Some(header_name) => header(answer, header_name),
            None => answer.body.pointer(place).and_then(Value::as_str).map(str::to_owned),
        };
        match found {
            Some(found) => saved.insert(name.clone(), found),
            None => return Some(format!("the answer has no {place}")),
        };
    }
    None
}

fn header(answer: &Answer, name: &str) -> Option<String> {
    answer.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
