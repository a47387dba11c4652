//! Questions of validation to another terminology server: by `ValueSet/$validate-code` whether a value set has a code, by
//! `CodeSystem/$lookup` which words it has. What is sent is a code, its system, and the rules or the url of a value set.

use std::time::Duration;

use fhir::{Instant, Json, Node};
use futures_util::{StreamExt as _, stream};
use profiles::{AnsweredFacts, Question};
use serde_json::json;
use terminology::{CodeQuestion, CodeService, Embedded, Telling, Told};
use tokio::time::timeout_at;

use crate::interaction::search_type::encoded;
use crate::operation::coding::parameter;
use crate::operation::expand;
use crate::remote_answer::is_text;
use crate::remote_question::rules;
use crate::remote_terminology::{NoAnswer, RemoteTerminology, Said};

/// Questions at a time, of one resource, transaction or message.
const ASKED_AT_ONCE: usize = 8;
/// Words of a code that are kept, and how long one may be.
const DISPLAYS_MAX: usize = 200;
const DISPLAY_BYTES_MAX: usize = 1_000;

/// The other server, with the definitions that are known here.
struct RemoteCodes<'r> {
    remote: &'r RemoteTerminology,
    embedded: &'r Embedded,
    /// How long all the questions may take.
    patience: Duration,
    now: Instant,
}

impl RemoteTerminology {
    /// Answers what a validation asks of codes and may be asked here, in the time that is left when it `waited` before; a question without
    /// an entry was not asked.
    pub async fn tell(
        &self,
        mut questions: Vec<CodeQuestion>,
        embedded: &Embedded,
        waited: Duration,
        now: Instant,
    ) -> AnsweredFacts {
        questions.retain(|question| self.may_be_asked(question));
        let patience = Duration::from_millis(self.validation_timeout_ms).saturating_sub(waited);
        let told = RemoteCodes { remote: self, embedded, patience, now }.tell(&questions).await;
        questions.into_iter().map(Question::Code).zip(told).collect()
    }
}

impl CodeService for RemoteCodes<'_> {
    fn tell<'a>(&'a self, questions: &'a [CodeQuestion]) -> Telling<'a> {
        Box::pin(async move {
            let mut told = vec![Told::Unknown; questions.len()];
            if questions.is_empty() || self.patience.is_zero() || self.remote.is_silent(self.now) {
                return told;
            }
            let deadline = tokio::time::Instant::now() + self.patience;
            let ask = |(place, question): (usize, CodeQuestion)| async move { (place, self.told(&question).await) };
            let mut answers =
                stream::iter(questions.iter().cloned().enumerate().map(ask)).buffer_unordered(ASKED_AT_ONCE);
            loop {
                match timeout_at(deadline, answers.next()).await {
                    Ok(Some((place, answer))) => {
                        if let Some(slot) = told.get_mut(place) {
                            *slot = answer;
                        }
                    }
                    Ok(None) => break,
                    Err(_) => {
                        self.remote.be_silent(self.now);
                        break;
                    }
                }
            }
            told
        })
    }
}

impl RemoteCodes<'_> {
    async fn told(&self, question: &CodeQuestion) -> Told {
        let _place = self.remote.places.acquire().await;
        let told = match question {
            CodeQuestion::InValueSet { value_set, system: Some(system), code } => {
                self.in_value_set(value_set, system, code).await
            }
            CodeQuestion::InValueSet { system: None, .. } => None,
            CodeQuestion::InSystem { system, code } => self.in_system(system, code).await,
        };
        told.unwrap_or(Told::Unknown)
    }

    async fn ask(&self, path: &str, body: Option<String>) -> Option<Said> {
        let said = self.remote.ask(path, body, is_parameters, self.now).await;
        let down = |none: &NoAnswer| {
            if none.is_down {
                self.remote.failed(self.now)
            }
        };
        said.inspect_err(down).ok()
    }

    async fn in_value_set(&self, url: &str, system: &str, code: &str) -> Option<Told> {
        let known = self.embedded.known();
        let set = known.value_set(url, None).ok().filter(|set| !set.include.is_empty());
        let set = set.map(|set| json!({"name": "valueSet", "resource": rules(expand::whole(set), true)}));
        drop(known);
        let set = set.unwrap_or_else(|| parameter("url", "Uri", url));
        let coding = json!({"name": "coding", "valueCoding": {"system": system, "code": code}});
        let body = json!({"resourceType": "Parameters", "parameter": [set, coding]}).to_string();
        let said = self.ask("ValueSet/$validate-code", Some(body)).await?;
        truth(&parameters(&said)?)
    }

    async fn in_system(&self, system: &str, code: &str) -> Option<Told> {
        let named = |name: &str| encoded(&[(name.to_owned(), system.to_owned()), ("code".to_owned(), code.to_owned())]);
        let said = self.ask(&format!("CodeSystem/$lookup?{}", named("system")), None).await?;
        if let Some(found) = parameters(&said) {
            let displays = displays(&found);
            return (!displays.is_empty()).then_some(Told::Yes { displays });
        }
        if said.status == 200 {
            return None;
        }
        // No such code, or no such code system: a refusal does not tell.
        let said = self.ask(&format!("CodeSystem/$validate-code?{}", named("url")), None).await?;
        truth(&parameters(&said)?)
    }
}

/// The Parameters of an answer, if it is one.
fn parameters(said: &Said) -> Option<Json> {
    Json::parse(&said.body).ok().filter(|json| said.status == 200 && is_parameters(json))
}

fn is_parameters(json: &Json) -> bool {
    json.resource_type() == Some("Parameters")
}

fn each<'j>(answer: &'j Json, name: &'static str) -> impl Iterator<Item = Node<'j>> {
    let list = answer.root().get("parameter").into_iter().flat_map(|list| list.items());
    list.filter(move |one| one.str("name").is_some_and(|own| own == name))
}

/// What `result` says; a server that does not know the code system says no to every code, and in which parameter it says so.
fn truth(answer: &Json) -> Option<Told> {
    let is_unknown =
        ["x-unknown-system", "x-caused-by-unknown-system"].into_iter().any(|name| each(answer, name).next().is_some());
    let issues = each(answer, "issues").filter_map(|one| one.at(&["resource", "issue"]));
    let is_missing =
        issues.flat_map(|list| list.items()).any(|issue| issue.str("code").as_deref() == Some("not-found"));
    match each(answer, "result").next()?.get("valueBoolean")?.as_bool()? {
        true => Some(Told::Yes { displays: Vec::new() }),
        false if is_unknown || is_missing => None,
        false => Some(Told::No),
    }
}

/// The display and the designations.
fn displays(answer: &Json) -> Vec<String> {
    let display = each(answer, "display").filter_map(|one| one.str("valueString"));
    let parts = each(answer, "designation").filter_map(|one| one.get("part")).flat_map(|parts| parts.items());
    let values = parts.filter(|part| part.str("name").as_deref() == Some("value"));
    let words = display.chain(values.filter_map(|part| part.str("valueString")));
    let words = words.filter(|text| is_text(text) && text.len() <= DISPLAY_BYTES_MAX);
    words.take(DISPLAYS_MAX).map(|text| text.into_owned()).collect()
}
